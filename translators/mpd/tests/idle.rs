//! A running MPD tells whoever listens that a song, a sticker or a playlist changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segue_mpd::Mpd;
use segue_translator::{ErrorKind, Heard, Idle, Library, Translator as _};
use server::{Server, Talk};

/// More than MPD needs to say anything.
const LONG: Duration = Duration::from_secs(20);

/// The fixture in a home of its own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/0.23.12"), &desk.library());
        desk
    }

    fn library(&self) -> std::path::PathBuf {
        self.folder.path().join("home/.config/mpd")
    }

    fn open(&self) -> Box<dyn Library> {
        Mpd::default().open(&self.library(), Arc::new(Idle)).unwrap()
    }

    fn start(&self) -> Option<Server> {
        match Server::start(&self.library()) {
            Ok(server) => Some(server),
            Err(why) if why.starts_with("here:") => {
                eprintln!("skipped: {why}");
                None
            }
            Err(why) => panic!("{why}"),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Asks MPD the same again and again, until what listens has heard of it.
fn hears_of(desk: &Desk, patience: Duration, commands: &[&[&str]]) -> Heard {
    let library = desk.open();
    let heard = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let others = scope.spawn(|| {
            let mut talk = Talk::open(&desk.library()).unwrap();
            while !heard.load(Ordering::Relaxed) {
                for words in commands {
                    talk.ask(words).unwrap();
                }
            }
        });
        let found = library.listen(patience);
        heard.store(true, Ordering::Relaxed);
        others.join().unwrap();
        found.unwrap()
    })
}

#[test]
fn what_other_clients_change_is_heard() {
    let desk = Desk::new();
    let Some(_server) = desk.start() else { return };
    let rate: &[&str] = &["sticker", "set", "song", "a.flac", "rating", "4"];
    assert_eq!(hears_of(&desk, LONG, &[rate]), Heard::Change);
    let list: [&[&str]; 2] = [&["playlistadd", "New", "a.flac"], &["playlistdelete", "New", "0"]];
    assert_eq!(hears_of(&desk, LONG, &list), Heard::Change);
    // What is none of the library's, such as how it plays, is not told.
    let play: [&[&str]; 2] = [&["random", "1"], &["random", "0"]];
    assert_eq!(hears_of(&desk, Duration::from_millis(500), &play), Heard::Nothing);
}

#[test]
fn a_song_that_comes_is_heard() {
    let desk = Desk::new();
    let Some(_server) = desk.start() else { return };
    let music = desk.library().join("music");
    let heard = std::thread::scope(|scope| {
        let listening = scope.spawn(|| desk.open().listen(LONG));
        let mut talk = Talk::open(&desk.library()).unwrap();
        let mut count = 0;
        while !listening.is_finished() {
            count += 1;
            std::fs::copy(music.join("a.flac"), music.join(format!("{count}.flac"))).unwrap();
            // Refused while the last one is under way.
            let _ = talk.ask(&["update"]);
        }
        listening.join().unwrap().unwrap()
    });
    assert_eq!(heard, Heard::Change);
}

#[test]
fn nobody_is_heard_where_mpd_does_not_run() {
    let desk = Desk::new();
    let error = desk.open().listen(LONG).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotRunning);
}
