//! The smallest translator that keeps every law: an app whose library is `hello.json`, an object
//! with a `format` and the `songs`, each a path with its rating or null.
//!
//! It shows the order of things in one file. A real translator has a file for each part, and says
//! in its `docs.md` what is lost; see `docs/writing-a-translator.md`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_translator::file::{self, Replacement};
use segue_translator::model::music::{MUSIC, RATING};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, Item, NativeId, Value};
use segue_translator::{
    Capabilities, Container, Error, ErrorKind, FieldSupport, Host, Library, Loss, Place, Probe,
    Reading, Refusal, Revision, Sink, Translator, Want, Written,
};
use serde_json::{Map, Value as Json};

const FILE: &str = "hello.json";
const BYTES_MAX: u64 = 1 << 26;

static CAPABILITIES: Capabilities = Capabilities {
    app: "hello",
    schema: &MUSIC,
    fields: &[FieldSupport::exact(&RATING)],
    collections: &[],
    cannot_hold: &["anything but ratings"],
};

/// The translator.
#[derive(Debug, Clone, Copy)]
pub struct Hello;

impl Translator for Hello {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let folder = place.data_home().join("hello");
        if folder.join(FILE).is_file() { vec![folder] } else { Vec::new() }
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let file = if path.ends_with(FILE) { path.to_owned() } else { path.join(FILE) };
        std::fs::metadata(&file).map_err(|error| Error::io("open", &file, &error))?;
        Ok(Box::new(Songs { file, host }))
    }
}

/// An open library.
struct Songs {
    file: PathBuf,
    host: Arc<dyn Host>,
}

impl Library for Songs {
    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn running(&self) -> Option<String> {
        let processes = &["hello"];
        let library = &self.file;
        self.host.running(&Probe { processes, bus_names: &[], library, holds_open: false })
    }

    fn revision(&self) -> Result<Revision, Error> {
        let stamp = file::stamp(&self.file)?;
        if stamp.0 == "-" { Err(self.error(ErrorKind::Absent, "it is gone")) } else { Ok(stamp) }
    }

    fn read(&self, sink: &mut dyn Sink) -> Result<Reading, Error> {
        let (root, revision) = self.load()?;
        let mut losses = Vec::new();
        let container = Container { id: NativeId::from(""), revision: revision.clone() };
        if matches!(sink.container(container), Want::Items) {
            // The map is sorted by key, and so are the items.
            for (path, json) in songs(&root) {
                let mut item = Item::new(path.as_str());
                item.location = Some(path.as_str().into());
                match rating(json) {
                    Ok(value) => item.fields.set(&RATING, value),
                    Err(what) => losses.push(Loss { id: item.id.clone(), what }),
                }
                sink.item(item)?;
            }
        }
        Ok(Reading { revision, read_only: read_only(&root), losses, ..Reading::default() })
    }

    fn write(&self, expected: &Revision, changes: &ChangeSet) -> Result<Written, Error> {
        self.check(expected)?;
        let (mut root, _) = self.load()?;
        if let Some(why) = read_only(&root) {
            return Err(self.error(ErrorKind::Unsupported, &why));
        }
        let before = root.clone();
        let mut refused = Vec::new();
        for edit in &changes.fields {
            if let Err(reason) = rate(&mut root, edit) {
                refused.push(Refusal { id: edit.item.clone(), reason });
            }
        }
        for edit in &changes.collections {
            refused.push(Refusal { id: named(edit), reason: "there are no playlists".into() });
        }
        if root != before {
            let bytes = serde_json::to_vec_pretty(&root).unwrap_or_default();
            self.replace(expected, &bytes)?;
        }
        Ok(Written { revision: self.revision()?, created: Vec::new(), refused })
    }

    fn back_up(&self, into: &Path) -> Result<Vec<PathBuf>, Error> {
        let copy = into.join(FILE);
        file::copy(&self.file, &copy)?;
        Ok(vec![copy])
    }

    fn restore(&self, expected: &Revision, from: &Path) -> Result<Revision, Error> {
        self.replace(expected, &file::read_bounded(&from.join(FILE), BYTES_MAX)?)?;
        self.revision()
    }
}

impl Songs {
    /// The whole file at one instant.
    fn load(&self) -> Result<(Map<String, Json>, Revision), Error> {
        let revision = self.revision()?;
        let bytes = file::read_bounded(&self.file, BYTES_MAX)?;
        let corrupt = |detail: &str| self.error(ErrorKind::Corrupt, detail);
        let root: Map<String, Json> =
            serde_json::from_slice(&bytes).map_err(|error| corrupt(&error.to_string()))?;
        if !root.get("songs").is_some_and(Json::is_object) || !root.contains_key("format") {
            return Err(corrupt("`songs` or `format` is missing"));
        }
        if self.revision()? != revision {
            return Err(self.error(ErrorKind::Stale, "it changed while it was read"));
        }
        Ok((root, revision))
    }

    fn check(&self, expected: &Revision) -> Result<(), Error> {
        match self.running() {
            Some(what) => Err(self.error(ErrorKind::Busy, &what)),
            None if self.revision()? != *expected => {
                Err(self.error(ErrorKind::Stale, "it changed since it was read"))
            }
            None => Ok(()),
        }
    }

    /// Old or new, never half; the last look at the app and the file is right before the rename.
    fn replace(&self, expected: &Revision, bytes: &[u8]) -> Result<(), Error> {
        self.check(expected)?;
        let mut replacement = Replacement::create(&self.file)?;
        replacement.write_all(bytes).map_err(|error| Error::io("write", &self.file, &error))?;
        replacement.commit(|| self.check(expected))
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> Error {
        Error::new(kind, "use", &self.file, detail)
    }
}

fn songs(root: &Map<String, Json>) -> impl Iterator<Item = (&String, &Json)> {
    root.get("songs").and_then(Json::as_object).into_iter().flatten()
}

fn read_only(root: &Map<String, Json>) -> Option<String> {
    let format = root.get("format")?;
    (*format != 1).then(|| format!("format {format} is not known; 1 is"))
}

/// What the file says of a song: null is unrated; what is no rating is a loss.
fn rating(json: &Json) -> Result<Option<Value>, String> {
    let value = json.as_i64().map(Value::Int).filter(|value| RATING.shape.admits(value));
    if value.is_none() && !json.is_null() {
        return Err(format!("{json} is no rating"));
    }
    Ok(value)
}

/// Makes one edit, if the library still holds what it expects.
fn rate(root: &mut Map<String, Json>, edit: &FieldEdit) -> Result<(), String> {
    let path = std::str::from_utf8(edit.item.as_bytes()).unwrap_or_default();
    let songs = root.get_mut("songs").and_then(Json::as_object_mut);
    let song = songs.and_then(|songs| songs.get_mut(path)).ok_or("there is no such song")?;
    if *edit.field != RATING || edit.new.as_ref().is_some_and(|new| !RATING.shape.admits(new)) {
        return Err("only ratings can be written".into());
    }
    if edit.old == edit.new && edit.new.is_none() {
        return Ok(());
    }
    if rating(song)? != edit.old {
        return Err("the rating is no longer what it was".into());
    }
    *song = edit.new.as_ref().and_then(Value::as_int).map_or(Json::Null, Json::from);
    Ok(())
}

fn named(edit: &CollectionEdit) -> NativeId {
    match edit {
        CollectionEdit::Create { name, .. } => NativeId::from(&**name),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    }
}
