//! The command `segue` with an app that is written while it runs: MPD, started for the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../translators/mpd/tests/server/mod.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;
use server::{Server, Talk};

const SONG: &str = "Marrow & Vine/Overture.flac";

struct Desk {
    folder: tempfile::TempDir,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) =
            (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Desk {
    /// A home with the library of MPD's fixture, and a Rhythmbox library of one of its songs.
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let fixture = "../../translators/mpd/fixtures/0.23.12";
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture), &desk.mpd());
        fs::create_dir_all(desk.rhythmbox("")).unwrap();
        desk.rate_in_rhythmbox("");
        desk
    }

    fn mpd(&self) -> PathBuf {
        self.folder.path().join(".config/mpd")
    }

    fn rhythmbox(&self, file: &str) -> PathBuf {
        self.folder.path().join(".local/share/rhythmbox").join(file)
    }

    fn uri(&self) -> String {
        let song = self.mpd().join("music").join(SONG);
        format!("file://{}", song.display()).replace(' ', "%20").replace('&', "&amp;")
    }

    fn rate_in_rhythmbox(&self, rating: &str) {
        let uri = self.uri();
        let library = format!(
            "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n  \
             <entry type=\"song\">\n    <title>Overture</title>\n    <genre>Unknown</genre>\n    \
             <artist>Marrow &amp; Vine</artist>\n    <album>The Long Weekend</album>\n    \
             <duration>1</duration>\n    <location>{uri}</location>\n{rating}    \
             <media-type>audio/flac</media-type>\n  </entry>\n</rhythmdb>\n"
        );
        fs::write(self.rhythmbox("rhythmdb.xml"), library).unwrap();
    }

    fn rating_in_rhythmbox(&self) -> Option<String> {
        let library = fs::read_to_string(self.rhythmbox("rhythmdb.xml")).unwrap();
        let (_, rest) = library.split_once("<rating>")?;
        Some(rest.split_once('<')?.0.to_owned())
    }

    fn rating_in_mpd(&self) -> Vec<String> {
        let mut talk = Talk::open(&self.mpd()).unwrap();
        talk.ask(&["sticker", "get", "song", SONG, "rating"]).unwrap()
    }

    fn segue(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_segue"))
            .args(words)
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }

    fn done(&self, words: &[&str]) -> Json {
        let output = self.segue(&[words, &["--json"]].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn ratings_go_from_a_running_mpd_to_rhythmbox_and_back() {
    let desk = Desk::new();
    let server = match Server::start(&desk.mpd()) {
        Err(why) if why.starts_with("here:") => return eprintln!("skipped: {why}"),
        server => server.unwrap(),
    };
    let plan = desk.done(&["plan", "mpd", "rhythmbox"]);
    desk.done(&["apply", plan["plan"].as_str().unwrap()]);
    assert_eq!(desk.rating_in_rhythmbox().as_deref(), Some("4"), "8 of 10 in MPD");

    let mut talk = Talk::open(&desk.mpd()).unwrap();
    talk.ask(&["sticker", "set", "song", SONG, "rating", "10"]).unwrap();
    desk.done(&["sync"]);
    assert_eq!(desk.rating_in_rhythmbox().as_deref(), Some("5"));

    desk.rate_in_rhythmbox("    <rating>2</rating>\n");
    let list = format!(
        "<?xml version=\"1.0\"?>\n<rhythmdb-playlists>\n  <playlist name=\"AC/DC\" \
         type=\"static\">\n    <location>{0}</location>\n  </playlist>\n  <playlist \
         name=\"Quiet\" type=\"static\">\n    <location>{0}</location>\n  </playlist>\n\
         </rhythmdb-playlists>\n",
        desk.uri()
    );
    fs::write(desk.rhythmbox("playlists.xml"), list).unwrap();
    desk.done(&["sync"]);
    assert_eq!(desk.rating_in_mpd(), ["sticker: rating=4"]);
    let lists = talk.ask(&["listplaylists"]).unwrap();
    assert!(lists.contains(&"playlist: Quiet".to_owned()), "{lists:?}");
    assert!(!lists.iter().any(|line| line.contains("AC")), "{lists:?}");
    let again = desk.done(&["sync"]);
    let states = again["libraries"].as_array().unwrap();
    assert!(states.iter().all(|one| one["state"] == "unchanged"), "{again}");

    desk.done(&["undo"]);
    assert_eq!(desk.rating_in_mpd(), ["sticker: rating=10"]);
    let lists = talk.ask(&["listplaylists"]).unwrap();
    assert!(!lists.contains(&"playlist: Quiet".to_owned()), "{lists:?}");

    drop(server);
    let asleep = desk.segue(&["sync"]);
    assert_eq!(asleep.status.code(), Some(4), "{asleep:?}");
    let said = [asleep.stdout, asleep.stderr].concat();
    let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("MPD is not running") && said.contains("start the app"), "{said}");
}
