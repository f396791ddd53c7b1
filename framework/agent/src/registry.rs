//! Every translator: those that are built in, and the programs that others wrote. The one place
//! that names them.
//!
//! Invariant: a program never takes the place of a built-in translator, and none runs before it is
//! bound and, where the kernel can, confined.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use segue_stdio::{Launcher, Limits, Outside, Surroundings};
use segue_translator::file_app::Format as _;
use segue_translator::{Error, Translator};

/// The first argument with which `segue` is the launcher of a program.
pub const LAUNCH: &str = "launch-translator";
/// How long a program on trial may take for an answer.
const TRIAL_WAIT: Duration = Duration::from_secs(20);

/// The built-in translators, in the order in which they are shown.
pub fn translators() -> Vec<Arc<dyn Translator>> {
    vec![
        Arc::new(segue_books::Books),
        Arc::new(segue_maildir::Maildir),
        Arc::new(segue_mbox::Mbox),
        Arc::new(segue_mpd::Mpd::default()),
        Arc::new(segue_notmuch::Notmuch::default()),
        Arc::new(segue_rhythmbox::Rhythmbox),
        Arc::new(segue_strawberry::Strawberry),
        Arc::new(segue_tags::Tags),
    ]
}

/// The names of apps that this process may have a translator for; no program is started.
pub fn apps() -> Vec<String> {
    let built_in = translators().into_iter().map(|one| one.capabilities().app.to_owned());
    let mut apps: Vec<_> = built_in.chain(["segue".to_owned()]).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = segue_stdio::search(&path);
    found.retain(|app, _| !apps.contains(app));
    apps.extend(found.into_keys());
    apps
}

/// What is to be said of programs that are translators.
#[derive(Debug, Clone, Default)]
pub struct Programs {
    /// Programs that are not used, by app, and why.
    pub unused: BTreeMap<String, String>,
    /// Why programs are not confined here, if they are not and there are any.
    pub unconfined: Option<String>,
}

/// Starts the programs on the `PATH` among these variables, all at once; `taken` are the names of
/// apps that need none.
pub fn programs(
    variables: &BTreeMap<String, OsString>,
    taken: &[&str],
) -> (Vec<Arc<dyn Translator>>, Programs) {
    let path = variables.get("PATH").map(OsString::as_os_str).unwrap_or_default();
    let mut found = segue_stdio::search(path);
    let mut programs = Programs::default();
    for app in taken {
        if let Some(program) = found.remove(*app) {
            let why = format!("{} is not used: {app} is built in", program.display());
            programs.unused.insert((*app).to_owned(), why);
        }
    }
    if !found.is_empty() {
        programs.unconfined = segue_stdio::unconfined();
    }
    let mut translators: Vec<Arc<dyn Translator>> = Vec::new();
    let started: Vec<_> = std::thread::scope(|scope| {
        let starting = found.iter().map(|(app, path)| {
            (app, path, scope.spawn(|| program(path, variables, Limits::default())))
        });
        let starting: Vec<_> = starting.collect();
        starting.into_iter().map(|(app, path, thread)| (app, path, thread.join())).collect()
    });
    for (app, path, started) in started {
        let why = match started {
            Ok(Ok(program)) if program.app().capabilities.app == app => {
                translators.push(Arc::new(program.translator()));
                continue;
            }
            Ok(Ok(program)) => {
                format!("it says that its app is {}", program.app().capabilities.app)
            }
            Ok(Err(error)) => error.detail,
            Err(_) => "it could not be started".to_owned(),
        };
        programs.unused.insert(app.clone(), format!("{} is not used: {why}", path.display()));
    }
    (translators, programs)
}

/// Starts a program to try the laws on it: fixtures are small, so it has less time.
///
/// # Errors
/// If it does not start, or is no translator.
pub fn program_on_trial(
    executable: &Path,
    variables: &BTreeMap<String, OsString>,
) -> Result<Outside, Error> {
    program(executable, variables, Limits { answer: TRIAL_WAIT, ..Limits::default() })
}

fn program(
    executable: &Path,
    variables: &BTreeMap<String, OsString>,
    limits: Limits,
) -> Result<Outside, Error> {
    let own = std::env::current_exe().map_err(|e| Error::io("start", executable, &e))?;
    let launcher = Launcher { program: own, arguments: vec![LAUNCH.into()] };
    let variables = variables.clone();
    Outside::start(executable, Surroundings { launcher, variables, limits, watch: None })
}

/// Becomes the program that a registry starts; the arguments are those after [`LAUNCH`].
pub fn launch(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    segue_stdio::launch(arguments)
}

/// Reads again a licence that travels inside a statement, by the carrier in which it was found.
pub(crate) fn prove(carrier: &str, evidence: &[u8]) -> Option<segue_model::CarriedLimit> {
    (carrier == "lcp").then(|| segue_books::lcp::read(evidence))
}
