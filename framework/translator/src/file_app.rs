//! Translators of apps whose library is a few files, made from no more than the format.
//!
//! A [`Format`] turns files into items, and edits into new files, which it puts into a folder of
//! their own: the stage. [`FileApp`] does the rest of a translator: it finds and opens libraries,
//! asks whether the app runs, tells revisions, reads the proposed files before they count, puts
//! them in place, backs up and restores. Databases that an app journals are not for it.
//!
//! Invariant: a format never writes into a library. What reaches one was read from the stage
//! first, and holds the old library with the edits and nothing else.
//!
//! A player that keeps `stars.txt`, a line with stars, a tab and a path for each song, and then `end`:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::path::Path;
//!
//! use segue_translator::file_app::{App, FileApp, Files, Folder, Format, Signs};
//! use segue_translator::model::music::{MUSIC, RATING};
//! use segue_translator::model::{ChangeSet, Item, NativeId};
//! use segue_translator::{Capabilities, Error, ErrorKind, FieldSupport, Hold, Loss, Reading};
//! use segue_translator::{Refusal, Sink, Written};
//!
//! static FIELDS: [FieldSupport; 1] =
//!     [FieldSupport::exact(&RATING).held(Hold::Levels { count: 5, zero: false })];
//! static APP: App = App {
//!     capabilities: Capabilities::of("stars", &MUSIC, &FIELDS),
//!     folders: &[Folder::data("stars")],
//!     files: &["stars.txt"],
//!     signs: Signs::processes(&["stars"]),
//! };
//!
//! struct Stars;
//!
//! /// Paths and stars in the order of the file; what is no whole file is damaged, and no shorter library.
//! fn songs(files: Files<'_>) -> Result<Vec<(NativeId, String)>, Error> {
//!     let corrupt = |what: &str| files.error(ErrorKind::Corrupt, "stars.txt", what);
//!     let text = String::from_utf8(files.bytes("stars.txt")?).map_err(|_| corrupt("no text"))?;
//!     let text = text.strip_suffix("end\n").ok_or_else(|| corrupt("the end is missing"))?;
//!     let song = |line: &str| line.split_once('\t').map(|(stars, path)| (path.into(), stars.into()));
//!     text.lines().map(song).collect::<Option<_>>().ok_or_else(|| corrupt("a line is no song"))
//! }
//!
//! impl Format for Stars {
//!     fn app(&self) -> &'static App {
//!         &APP
//!     }
//!
//!     fn read(&self, files: Files<'_>, sink: &mut dyn Sink) -> Result<Reading, Error> {
//!         let mut reading = Reading::default();
//!         let mut songs = songs(files)?;
//!         songs.sort();
//!         if songs.windows(2).any(|two| two[0].0 == two[1].0) {
//!             return Err(files.error(ErrorKind::Corrupt, "stars.txt", "a song stands twice"));
//!         }
//!         for (path, stars) in songs {
//!             let mut item = Item::at(&path.to_string());
//!             match stars.parse::<i64>() {
//!                 Ok(0) => {}
//!                 Ok(stars @ 1..=5) => item.fields.set(&RATING, Some((stars * 20).into())),
//!                 _ => reading.losses.push(Loss { id: item.id.clone(), what: format!("{stars:?} stars") }),
//!             }
//!             sink.item(item)?;
//!         }
//!         Ok(reading)
//!     }
//!
//!     fn rewrite(&self, files: Files<'_>, changes: &ChangeSet, stage: &Path) -> Result<Written, Error> {
//!         let edits = changes.fields.iter().map(|edit| (&edit.item, edit.new.as_ref()));
//!         let edits: BTreeMap<_, _> = edits.collect();
//!         let (mut songs, mut written) = (songs(files)?, Written::default());
//!         for (id, stars) in &mut songs {
//!             let Some(new) = edits.get(id) else { continue };
//!             if stars.parse().is_ok_and(|stars: u8| stars <= 5) {
//!                 *stars = (new.and_then(|new| new.as_int()).unwrap_or(0) / 20).to_string();
//!             } else {
//!                 let reason = "its stars cannot be read".to_owned();
//!                 written.refused.push(Refusal { id: id.clone(), reason });
//!             }
//!         }
//!         let lines = songs.iter().map(|(path, stars)| format!("{stars}\t{path}\n"));
//!         let (path, text) = (stage.join("stars.txt"), lines.collect::<String>() + "end\n");
//!         std::fs::write(&path, text).map_err(|error| Error::io("write", path, &error))?;
//!         Ok(written)
//!     }
//! }
//!
//! # use segue_translator::{Collector, Idle, Translator as _};
//! # use segue_translator::model::{FieldEdit, Value};
//! let translator = FileApp::new(Stars);
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("stars.txt");
//! # std::fs::write(&path, "many\t/b\n3\t/a\nend\n")?;
//! # let library = translator.open(&path, std::sync::Arc::new(Idle))?;
//! # let edit = |item: &str, old| FieldEdit { item: item.into(), field: &RATING, old, new: Some(Value::Int(100)) };
//! # let fields = vec![edit("/a", Some(Value::Int(60))), edit("/b", None)];
//! # let written = library.write(&library.revision()?, &ChangeSet { fields, ..ChangeSet::default() })?;
//! # assert_eq!(written.refused.len(), 1);
//! # assert_eq!(std::fs::read_to_string(&path)?, "many\t/b\n5\t/a\nend\n");
//! # assert_eq!(Collector::collect(&*library)?.1.losses.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_model::ChangeSet;

use crate::file;
use crate::file_library::Opened;
use crate::{
    Capabilities, Error, ErrorKind, Host, Library, Place, Reading, Sink, Translator, Written,
};

/// The largest file that is taken for part of a library.
pub const FILE_BYTES_MAX: u64 = 1 << 30;

/// What there is to know about an app before any of its files is read.
#[derive(Debug, Clone, Copy)]
pub struct App {
    /// What it can hold.
    pub capabilities: Capabilities,
    /// Folders in which a library of it may lie.
    pub folders: &'static [Folder],
    /// Names of the files of a library. The first makes a folder a library; others may be absent.
    /// Only these are ever written.
    pub files: &'static [&'static str],
    /// How to tell that it runs.
    pub signs: Signs,
}

/// How to tell that an app runs.
#[derive(Debug, Clone, Copy)]
pub struct Signs {
    /// Names of its process.
    pub processes: &'static [&'static str],
    /// Names that it owns on the session bus.
    pub bus_names: &'static [&'static str],
    /// Whether it keeps the first file of a library open all the time.
    pub holds_open: bool,
}

impl Signs {
    /// An app that runs while there is a process of one of these names.
    pub const fn processes(processes: &'static [&'static str]) -> Self {
        Self { processes, bus_names: &[], holds_open: false }
    }
}

/// A folder of a person's home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    /// Where its path begins.
    pub below: Below,
    /// A relative path.
    pub path: &'static str,
}

/// Where the path of a [`Folder`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// The home folder.
    Home,
    /// `$XDG_DATA_HOME`, or `~/.local/share`.
    Data,
    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    Config,
}

impl Folder {
    /// A folder below `$XDG_DATA_HOME`.
    pub const fn data(path: &'static str) -> Self {
        Self { below: Below::Data, path }
    }

    /// Its path in `place`.
    pub fn in_place(&self, place: &Place) -> PathBuf {
        let begin = match self.below {
            Below::Home => place.home().to_owned(),
            Below::Data => place.data_home(),
            Below::Config => place.config_home(),
        };
        begin.join(self.path)
    }
}

/// The files of a library: where they belong, and where they can be read now, which is the stage
/// while a proposal is tried.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The library's folder.
    pub library: &'a Path,
    /// The folder with the files to read.
    pub folder: &'a Path,
}

impl Files<'_> {
    /// Reads one of them.
    ///
    /// # Errors
    /// As [`file::read_bounded`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        file::read_bounded(&self.folder.join(name), FILE_BYTES_MAX)
    }

    /// An error about one of them.
    pub fn error(&self, kind: ErrorKind, name: &str, detail: impl Into<String>) -> Error {
        Error::new(kind, "use", self.library.join(name), detail)
    }
}

/// The format of an app's files. All methods are pure, as far as the folders that they are given
/// are all that they know.
pub trait Format: Send + Sync {
    /// What there is to know about the app.
    fn app(&self) -> &'static App;

    /// Sends all items, then all collections, as [`Library::read`] does but without a container.
    /// The revision of what it returns is not looked at.
    ///
    /// # Errors
    /// As [`Library::read`].
    fn read(&self, files: Files<'_>, sink: &mut dyn Sink) -> Result<Reading, Error>;

    /// Puts the files with `changes` into the empty folder `stage`, under their names; those that do not
    /// change may be left out. Each edit expects what was just read, changes it, and brings a value as
    /// it is held; what cannot be made all the same is refused, such as a new collection inside another
    /// where the app has none. Edits of collections are made in their order, and name one by the id that was
    /// read, even after a rename. The revision of what it returns is not looked at.
    ///
    /// # Errors
    /// As [`Library::write`]; nothing counts then.
    fn rewrite(
        &self,
        files: Files<'_>,
        changes: &ChangeSet,
        stage: &Path,
    ) -> Result<Written, Error>;

    /// A folder in which stages are made.
    fn staging(&self) -> PathBuf {
        std::env::temp_dir()
    }
}

/// A translator made of a [`Format`].
#[derive(Debug, Clone)]
pub struct FileApp<F>(Arc<F>);

impl<F> FileApp<F> {
    /// A translator for this format.
    pub fn new(format: F) -> Self {
        Self(Arc::new(format))
    }
}

impl<F: Format + 'static> Translator for FileApp<F> {
    fn capabilities(&self) -> &'static Capabilities {
        &self.0.app().capabilities
    }

    fn discover(&self, place: &Place) -> Vec<PathBuf> {
        let app = self.0.app();
        let folders = app.folders.iter().map(|folder| folder.in_place(place));
        folders.filter(|folder| main_file(app, folder).is_file()).collect()
    }

    fn open(&self, path: &Path, host: Arc<dyn Host>) -> Result<Box<dyn Library>, Error> {
        let app = self.0.app();
        let is_main =
            path.file_name().is_some_and(|name| Some(name) == app.files.first().map(AsRef::as_ref));
        let folder = match path.parent() {
            Some(parent) if is_main && !path.is_dir() => parent,
            _ => path,
        };
        let main = main_file(app, folder);
        fs::metadata(&main).map_err(|error| Error::io("open", &main, &error))?;
        let folder = folder.to_owned();
        Ok(Box::new(Opened { app, folder, host, format: Arc::clone(&self.0) }))
    }
}

pub(crate) fn main_file(app: &App, folder: &Path) -> PathBuf {
    folder.join(app.files.first().copied().unwrap_or_default())
}
