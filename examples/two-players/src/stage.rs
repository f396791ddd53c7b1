//! A temporary home with both apps' libraries, and a keyboard.
//!
//! Clock, device name and the seed of all randomness are the same in every run; the libraries, the
//! agent and the command line are the real ones.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use segue_agent::cli::{self, Streams};
use segue_agent::{Agent, World, registry};
use segue_translator::{Idle, Place};
use tempfile::TempDir;

/// 2026-11-21 18:31 UTC; each command takes a minute.
const BEGIN: i64 = 1_795_285_860;
/// When the apps had last saved: the evening before.
const SAVED: u64 = 1_795_199_460;
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
/// The name under which the temporary home is shown.
const SHOWN_HOME: &str = "/home/you";

/// What a command printed.
pub(crate) struct Typed {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Typed {
    /// The word that follows `before`, in either stream.
    pub(crate) fn word_after(&self, before: &str) -> Option<&str> {
        [&self.out, &self.err]
            .iter()
            .find_map(|text| text.split_once(before)?.1.split_whitespace().next())
    }
}

/// The home, the agent's world in it, and where the demo is told.
pub(crate) struct Stage<'a> {
    home: TempDir,
    world: World,
    clock: Arc<AtomicI64>,
    told: &'a mut dyn Write,
}

impl<'a> Stage<'a> {
    /// Lays both libraries in a new home.
    pub(crate) fn set(told: &'a mut dyn Write) -> io::Result<Self> {
        let home = tempfile::tempdir()?;
        lay("rhythmbox", &home.path().join(".local/share/rhythmbox"))?;
        lay("strawberry", &home.path().join(".local/share/strawberry/strawberry"))?;
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let world = world(home.path(), Arc::clone(&clock));
        Ok(Self { home, world, clock, told })
    }

    pub(crate) fn rhythmdb(&self) -> PathBuf {
        self.home.path().join(".local/share/rhythmbox/rhythmdb.xml")
    }

    pub(crate) fn playlists(&self) -> PathBuf {
        self.home.path().join(".local/share/rhythmbox/playlists.xml")
    }

    pub(crate) fn strawberry_db(&self) -> PathBuf {
        self.home.path().join(".local/share/strawberry/strawberry/strawberry.db")
    }

    /// A heading, and what is going to happen.
    pub(crate) fn scene(&mut self, heading: &str, text: &str) -> io::Result<()> {
        writeln!(self.told, "\n── {heading}\n{text}\n")
    }

    /// What the demo has checked.
    pub(crate) fn proved(&mut self, what: &str) -> io::Result<()> {
        writeln!(self.told, "✓ {what}")
    }

    /// What somebody does in an app.
    pub(crate) fn done_in_app(&mut self, what: &str) -> io::Result<()> {
        writeln!(self.told, "  ({what})")
    }

    /// Types `segue WORD…`, and shows the command and both streams as a terminal does.
    pub(crate) fn type_in(&mut self, words: &[&str]) -> io::Result<Typed> {
        let typed = self.untold(words);
        let line = [&["segue"], words].concat().join(" ");
        write!(self.told, "$ {line}\n{}{}", typed.out, typed.err)?;
        Ok(typed)
    }

    /// The same, without showing it.
    pub(crate) fn untold(&mut self, words: &[&str]) -> Typed {
        let apps: Vec<&str> =
            self.world.translators.iter().map(|known| known.capabilities().app).collect();
        let line: Vec<OsString> =
            std::iter::once("segue").chain(words.iter().copied()).map(OsString::from).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (folder, world) = (self.home.path().join(".local/share/segue"), &self.world);
        let streams = Streams { out: &mut out, err: &mut err };
        let code = cli::run(&line, &apps, streams, &mut |_, request, progress| {
            Agent::open_in(&folder, world.clone())?.run(request, progress)
        });
        self.clock.fetch_add(60, Ordering::Relaxed);
        Typed { code, out: self.shown(&out), err: self.shown(&err) }
    }

    fn shown(&self, bytes: &[u8]) -> String {
        let home = self.home.path().to_string_lossy();
        String::from_utf8_lossy(bytes).replace(&*home, SHOWN_HOME)
    }
}

fn lay(app: &str, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(Path::new(FIXTURES).join(app))? {
        let entry = entry?;
        let to = folder.join(entry.file_name());
        fs::write(&to, fs::read(entry.path())?)?;
        File::options()
            .write(true)
            .open(&to)?
            .set_modified(UNIX_EPOCH + Duration::from_secs(SAVED))?;
    }
    Ok(())
}

fn world(home: &Path, clock: Arc<AtomicI64>) -> World {
    let dice = Mutex::new(fastrand::Rng::with_seed(7));
    World {
        now: Arc::new(move || clock.load(Ordering::Relaxed)),
        random: Arc::new(move |bytes| {
            dice.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
        }),
        host: Arc::new(Idle),
        place: Place::new(home, std::collections::BTreeMap::new()),
        translators: registry::translators(),
        programs: segue_agent::registry::Programs::default(),
        device: "desk".into(),
    }
}
