//! A home with two small libraries that the real apps made, the real command in it, and a way back.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");

/// Ends of the addresses of the songs that are kept; more would only make every run longer.
const SONGS: &[&str] = &[
    "01%20Ferry%20Bell.flac",
    "04%20Lantern%20Row.flac",
    "Collab/Delta.mp3",
    "Collab/Estuary.ogg",
    "2-01%20Overture.ogg",
    "01%20F%C3%B6rsta%20Sn%C3%B6n.mp3",
    "02%20%C3%96gonblick.mp3",
];

/// Every file below the home: content and modification time.
pub(crate) type Snapshot = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

pub(crate) struct Desk(TempDir);

impl Desk {
    /// A home without any library.
    pub(crate) fn empty() -> Self {
        // In memory where that is possible: what is tried are kills, not power cuts.
        Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    pub(crate) fn new() -> Self {
        let desk = Self::empty();
        fs::create_dir_all(desk.rhythmdb().parent().unwrap()).unwrap();
        fs::create_dir_all(desk.strawberry().parent().unwrap()).unwrap();
        let read = |name: &str| fs::read_to_string(Path::new(FIXTURES).join(name)).unwrap();
        fs::write(desk.rhythmdb(), fewer_songs(&read("rhythmbox/rhythmdb.xml"))).unwrap();
        let lists = read("rhythmbox/playlists.xml");
        let kept =
            |line: &&str| !line.contains("<location>") || SONGS.iter().any(|s| line.contains(s));
        let lists: Vec<&str> = lists.lines().filter(kept).collect();
        fs::write(desk.playlists(), lists.join("\n") + "\n").unwrap();
        let database = fs::read(Path::new(FIXTURES).join("strawberry/strawberry.db")).unwrap();
        fs::write(desk.strawberry(), database).unwrap();
        let song = |end: &&str| format!("url LIKE '%{}'", end.replace('%', "\\%"));
        let songs = SONGS.iter().map(song).map(|is| format!("{is} ESCAPE '\\'"));
        let songs = songs.collect::<Vec<_>>().join(" OR ");
        sql(
            &desk.strawberry(),
            &format!(
                "DELETE FROM songs WHERE NOT ({songs}); DELETE FROM playlist_items WHERE \
                 collection_id NOT IN (SELECT rowid FROM songs); VACUUM;"
            ),
        );
        desk
    }

    fn data(&self) -> PathBuf {
        self.0.path().join(".local/share")
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn rhythmdb(&self) -> PathBuf {
        self.data().join("rhythmbox/rhythmdb.xml")
    }

    pub(crate) fn playlists(&self) -> PathBuf {
        self.data().join("rhythmbox/playlists.xml")
    }

    pub(crate) fn strawberry(&self) -> PathBuf {
        self.data().join("strawberry/strawberry/strawberry.db")
    }

    /// `program` with nothing in its environment but this home.
    pub(crate) fn within(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.0.path()).env("SEGUE_HOME", self.data().join("segue"));
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.within(env!("CARGO_BIN_EXE_segue"));
        let output = command.args(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// As the apps would, while they are closed: one song and one playlist in each.
    pub(crate) fn use_both_apps(&self) {
        let old = fs::read_to_string(self.rhythmdb()).unwrap();
        let at = old.find("04%20Lantern%20Row.flac</location>").unwrap();
        let at = at + old[at..].find("    <date>").unwrap();
        let values = "    <rating>4</rating>\n    <play-count>3</play-count>\n";
        fs::write(self.rhythmdb(), format!("{}{values}{}", &old[..at], &old[at..])).unwrap();
        let old = fs::read_to_string(self.playlists()).unwrap();
        let from = old.find("<playlist name=\"Inbox/Check\"").unwrap();
        let at = from + old[from..].find("  </playlist>").unwrap();
        let ferry = old.lines().find(|line| line.contains("Ferry%20Bell.flac")).unwrap();
        fs::write(self.playlists(), format!("{}{ferry}\n{}", &old[..at], &old[at..])).unwrap();
        self.in_strawberry(
            "UPDATE songs SET rating = 0.6, playcount = playcount + 2 WHERE title = 'Ögonblick'; \
             CREATE TEMP TABLE copy AS SELECT * FROM playlist_items WHERE playlist = (SELECT rowid \
             FROM playlists WHERE name = 'Road Trip') ORDER BY rowid DESC LIMIT 1; UPDATE copy SET \
             collection_id = (SELECT rowid FROM songs WHERE title = 'Lantern Row'); INSERT INTO \
             playlist_items SELECT * FROM copy; DROP TABLE copy;",
        );
    }

    pub(crate) fn in_strawberry(&self, statements: &str) -> String {
        sql(&self.strawberry(), statements)
    }

    /// Everything as it is now.
    pub(crate) fn save(&self) -> Snapshot {
        let mut files = Snapshot::new();
        collect(self.path(), &mut files);
        files
    }

    /// Everything as it was, each file with its name on the disk, so that Segue's folder is no copy.
    pub(crate) fn bring_back(&self, saved: &Snapshot) {
        let mut now = Snapshot::new();
        collect(self.path(), &mut now);
        for path in now.keys().filter(|path| !saved.contains_key(*path)) {
            fs::remove_file(path).unwrap();
        }
        for (path, (content, changed)) in saved {
            if now.get(path).is_none_or(|is| is.0 != *content || is.1 != *changed) {
                let mut file = fs::File::create(path).unwrap();
                file.write_all(content).unwrap();
                file.set_modified(*changed).unwrap();
            }
        }
        remove_empty(self.path());
    }
}

/// The library with the songs of [`SONGS`] and nothing else.
fn fewer_songs(library: &str) -> String {
    let (head, rest) = library.split_once("  <entry").unwrap();
    let entries = rest.split("  <entry").filter(|entry| SONGS.iter().any(|s| entry.contains(s)));
    let entry =
        |entry: &str| format!("  <entry{}  </entry>\n", entry.split("  </entry>").next().unwrap());
    head.to_owned() + &entries.map(entry).collect::<String>() + "</rhythmdb>\n"
}

fn collect(folder: &Path, files: &mut Snapshot) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
}

fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_empty(&path);
            // Those that hold something stay.
            let _ = fs::remove_dir(&path);
        }
    }
}

/// Runs statements with SQLite's own program.
pub(crate) fn sql(database: &Path, statements: &str) -> String {
    let mut child = Command::new("sqlite3")
        .arg("-batch")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{statements}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// How a command ended and what it printed.
pub(crate) struct Ran {
    /// `None` if it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}
