//! From what a person names to libraries that can be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_model::{DocumentId, LinkId, Location, OperationId};
use segue_store::LinkRow;
use segue_translator::{Error, ErrorKind, Host, Library, Probe, Translator};
use sha2::{Digest, Sha256};

use crate::agent::Agent;
use crate::command::LibrarySpec;
use crate::failure::Failure;

/// The translator that a library needs.
pub(crate) fn translator<'a>(
    agent: &'a Agent,
    app: &str,
) -> Result<&'a Arc<dyn Translator>, Failure> {
    agent.world.translator(app).ok_or_else(|| {
        let apps: Vec<&str> =
            agent.world.translators.iter().map(|t| t.capabilities().app).collect();
        let sentence = match agent.world.programs.unused.get(app) {
            Some(why) => why.clone(),
            None => format!("`{app}` is no app that Segue knows"),
        };
        Failure::refused(sentence, format!("known apps: {}", apps.join(", ")))
    })
}

/// Where the named library is: what was said, else what is linked, else what is found.
pub(crate) fn locate(agent: &Agent, spec: &LibrarySpec) -> Result<PathBuf, Failure> {
    if let Some(path) = &spec.path {
        return absolute(path);
    }
    let links = agent.home.store.links()?;
    let linked: Vec<&LinkRow> =
        links.iter().filter(|row| row.active && row.app == spec.app).collect();
    if let [row] = linked.as_slice() {
        return Ok(row.path.clone());
    }
    let found = translator(agent, &spec.app)?.discover(&agent.world.place);
    match found.as_slice() {
        [] => Err(Failure::refused(
            format!("no {} library was found in {}", spec.app, agent.world.place.home().display()),
            format!("start {0} once, or say where it is: {0}=PATH", spec.app),
        )),
        [path] => Ok(path.clone()),
        several => {
            let paths: Vec<String> =
                several.iter().map(|path| format!("{}={}", spec.app, path.display())).collect();
            let sentence = format!("there are {} {} libraries", several.len(), spec.app);
            Err(Failure::refused(sentence, format!("say which: {}", paths.join(" or "))))
        }
    }
}

/// Opens a library. That its app has no translator any more is a failure of this library alone.
pub(crate) fn open(agent: &Agent, app: &str, path: &Path) -> Result<Box<dyn Library>, Failure> {
    let cache = agent.home.cache_folder(app, path);
    let host = Arc::new(WithCache { host: agent.world.host.clone(), cache });
    let translator = translator(agent, app)
        .map_err(|failure| Error::new(ErrorKind::Translator, "open", path, failure.to_string()));
    Ok(translator?.open(path, host)?)
}

/// Opens a library for a pass that writes: what an interrupted write left is finished first. Where that cannot be, the
/// library takes no part, because others may take what was left for the app's own.
pub(crate) fn open_finished(
    agent: &Agent,
    app: &str,
    path: &Path,
) -> Result<Box<dyn Library>, Failure> {
    let library = open(agent, app, path)?;
    library.finish()?;
    Ok(library)
}

/// How a library is opened: [`open`] or [`open_finished`].
pub(crate) type Open = fn(&Agent, &str, &Path) -> Result<Box<dyn Library>, Failure>;

/// The computer, with a place for what one library's translator can find out again.
struct WithCache {
    host: Arc<dyn Host>,
    cache: PathBuf,
}

impl Host for WithCache {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        self.host.running(probe)
    }

    fn since_start(&self) -> Option<(String, u32)> {
        self.host.since_start()
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        Some(self.cache.clone())
    }
}

/// The active link of a library.
pub(crate) fn link_of(agent: &Agent, spec: &LibrarySpec) -> Result<Option<LinkRow>, Failure> {
    let path = locate(agent, spec)?;
    let links = agent.home.store.links()?;
    Ok(links.into_iter().find(|row| row.active && row.app == spec.app && row.path == path))
}

/// A link that does not exist yet. The same operation gives the same link.
pub(crate) fn new_link(
    operation: OperationId,
    document: DocumentId,
    spec: &LibrarySpec,
    path: PathBuf,
    writes_tags: bool,
) -> Result<LinkRow, Failure> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut hasher = Sha256::new();
    hasher.update(b"segue link v1\0");
    hasher.update(operation.0);
    hasher.update(spec.app.as_bytes());
    hasher.update(b"\0");
    hasher.update(path.as_os_str().as_bytes());
    let mut id = [0; 8];
    id.copy_from_slice(&hasher.finalize()[..8]);
    let root = spec.root.as_deref().map(absolute).transpose()?;
    let root = root.map(|root| Location::new(root.into_os_string().into_vec()));
    Ok(LinkRow {
        id: LinkId(id),
        document,
        app: spec.app.clone(),
        path,
        root,
        writes_tags,
        active: false,
        revision: None,
        read_only: None,
        linked_at: 0,
        confirmed_at: 0,
    })
}

/// What people call a library: its app, with the path where another of that app is meant too.
pub(crate) fn label(app: &str, path: &Path, all: &[(String, PathBuf)]) -> String {
    let several = all.iter().filter(|(other, _)| other == app).count() > 1;
    if several { format!("{app}={}", path.display()) } else { app.to_owned() }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path)
        .map_err(|error| segue_translator::Error::io("read", path, &error))?;
    // A trailing slash would make one folder two.
    Ok(path.components().collect())
}
