//! A home with two linked libraries that the real apps made, and the agent that looks after them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");
/// Nothing takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The song that is rated and played: the end of its address, and its title.
const SONG: &str = "04%20Lantern%20Row.flac</location>";
const TITLE: &str = "Lantern Row";

pub(crate) struct Desk {
    folder: TempDir,
    /// Where Segue keeps its own files.
    pub(crate) home: PathBuf,
}

impl Desk {
    /// Both libraries, linked.
    pub(crate) fn linked() -> Self {
        Self::linked_in("segue")
    }

    /// The same with this folder for Segue's own files.
    pub(crate) fn linked_in(home: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(home);
        let desk = Self { folder, home };
        fs::create_dir_all(desk.rhythmdb().parent().unwrap()).unwrap();
        fs::create_dir_all(desk.strawberry().parent().unwrap()).unwrap();
        let copy = |name: &str, to: &Path| {
            fs::write(to, fs::read(Path::new(FIXTURES).join(name)).unwrap()).unwrap();
        };
        copy("rhythmbox/rhythmdb.xml", &desk.rhythmdb());
        copy("rhythmbox/playlists.xml", &desk.rhythmdb().with_file_name("playlists.xml"));
        copy("strawberry/strawberry.db", &desk.strawberry());
        let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
        desk.json(&["apply", plan["plan"].as_str().unwrap()]);
        desk
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn rhythmdb(&self) -> PathBuf {
        self.path().join(".local/share/rhythmbox/rhythmdb.xml")
    }

    fn strawberry(&self) -> PathBuf {
        self.path().join(".local/share/strawberry/strawberry/strawberry.db")
    }

    /// `program` with nothing in its environment but this home.
    pub(crate) fn within(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path()).env("SEGUE_HOME", &self.home);
        command.env("PATH", "/usr/bin:/bin").current_dir(self.path());
        command
    }

    pub(crate) fn segue(&self, words: &[&str]) -> Output {
        self.within(env!("CARGO_BIN_EXE_segue")).args(words).output().unwrap()
    }

    /// What a command that succeeds answers.
    pub(crate) fn json(&self, words: &[&str]) -> Json {
        let output = self.segue(&[words, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The state of a library's service.
    pub(crate) fn service(&self, app: &str) -> String {
        self.json(&["service", app])["services"][0]["state"].as_str().unwrap().to_owned()
    }

    /// Waits until the agent says that the library is so.
    pub(crate) fn until_service(&self, app: &str, state: &str) {
        let latest = Instant::now() + PATIENCE;
        while self.service(app) != state {
            assert!(Instant::now() < latest, "{app} is not {state}");
        }
    }

    /// A client of the agent.
    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.home.join("agent.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The agent with this done to its system calls, as `strace` writes it. `None`, said on a line,
    /// where `strace` does not work.
    pub(crate) fn struck(&self, call: &str, inject: &str) -> Option<Command> {
        let mut probe = self.within("strace");
        let probe = probe.args(["-f", "-qq", "-e", "trace=none", "true"]).output();
        if !probe.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: strace does not work here");
            return None;
        }
        let mut command = self.within("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:{inject}"), env!("CARGO_BIN_EXE_segue")]);
        Some(command)
    }

    /// As Rhythmbox saves: a new file takes the place of the old one.
    pub(crate) fn use_rhythmbox(&self, rating: u8, plays: u32) {
        let old = fs::read_to_string(self.rhythmdb()).unwrap();
        let at = old.find(SONG).unwrap();
        let (start, end) =
            (old[..at].rfind("  <entry").unwrap(), at + old[at..].find("  </entry>").unwrap());
        let lines = old[start..end].lines();
        let own = |line: &&str| !line.contains("<rating>") && !line.contains("<play-count>");
        let kept: Vec<&str> = lines.filter(own).collect();
        let date = kept.iter().position(|line| line.contains("<date>")).unwrap();
        let values = format!("    <rating>{rating}</rating>\n    <play-count>{plays}</play-count>");
        let entry = [&kept[..date], &[values.as_str()], &kept[date..]].concat().join("\n");
        let new = self.rhythmdb().with_extension("xml.tmp");
        fs::write(&new, format!("{}{entry}\n{}", &old[..start], &old[end..])).unwrap();
        fs::rename(&new, self.rhythmdb()).unwrap();
    }

    pub(crate) fn in_rhythmbox(&self) -> String {
        let old = fs::read_to_string(self.rhythmdb()).unwrap();
        let entry = &old[old.find(SONG).unwrap()..];
        let entry = &entry[..entry.find("  </entry>").unwrap()];
        let value = |name: &str| {
            let (_, rest) = entry.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        format!("{:?} stars, {:?} plays", value("rating"), value("play-count"))
    }

    pub(crate) fn use_strawberry(&self, rating: f64) {
        let database = Connection::open(self.strawberry()).unwrap();
        let sql = "UPDATE songs SET rating = ?1 WHERE title = ?2";
        assert_eq!(database.execute(sql, (rating, TITLE)).unwrap(), 1);
    }

    pub(crate) fn in_strawberry(&self) -> (f64, i64) {
        let database = Connection::open(self.strawberry()).unwrap();
        let sql = "SELECT rating, playcount FROM songs WHERE title = ?1";
        database.query_row(sql, [TITLE], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }
}

/// An agent that was started.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// What it printed at once; empty if it ended before.
    pub(crate) first: String,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    pub(crate) fn start(desk: &Desk) -> Self {
        let running = Self::start_by(desk, desk.within(env!("CARGO_BIN_EXE_segue")));
        assert!(!running.first.is_empty(), "it ended: {:?}", running.lines.recv());
        running
    }

    /// The same, where the program is perhaps another that starts it.
    pub(crate) fn start_by(desk: &Desk, mut command: Command) -> Self {
        command.args(["up", "--json"]).current_dir(desk.path().parent().unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let (told, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, first, lines, said: Vec::new() }
    }

    /// Waits until it says this.
    pub(crate) fn until(&mut self, part: &str) {
        assert!(self.says(part), "it did not say {part:?}: {:#?}", self.said);
    }

    /// Whether it says this before it ends.
    pub(crate) fn says(&mut self, part: &str) -> bool {
        let latest = Instant::now() + PATIENCE;
        loop {
            let left = latest.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { return false };
            let found = line.contains(part);
            self.said.push(line);
            if found {
                return true;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Tells it to end, and returns its exit code.
    pub(crate) fn stop(mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
