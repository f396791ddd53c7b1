//! A device: a home with a library that a real app made, and `segue` in it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");
/// Nothing takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Desk {
    folder: TempDir,
    name: &'static str,
}

impl Desk {
    /// A home with nothing in it.
    pub(crate) fn bare(name: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), name }
    }

    /// With a Rhythmbox, linked.
    pub(crate) fn rhythmbox(name: &'static str) -> Self {
        let desk = Self::bare(name);
        desk.lay("rhythmbox", ".local/share/rhythmbox");
        desk.link("rhythmbox");
        desk
    }

    /// With a Strawberry, not linked.
    pub(crate) fn strawberry(name: &'static str) -> Self {
        let desk = Self::bare(name);
        desk.lay("strawberry", ".local/share/strawberry/strawberry");
        desk
    }

    pub(crate) fn lay(&self, app: &str, place: &str) {
        let to = self.path().join(place);
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(Path::new(FIXTURES).join(app)).unwrap() {
            let entry = entry.unwrap();
            fs::write(to.join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("segue")
    }

    /// `segue` with nothing in its environment but this home, and a network that ends here.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.env_clear().env("HOME", self.path()).env("SEGUE_HOME", self.home());
        command.env("PATH", "/usr/bin:/bin").env("SEGUE_NETWORK", "loopback");
        command.env("SEGUE_DEVICE", self.name).args(words).stdin(Stdio::null());
        command
    }

    pub(crate) fn segue(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// What a command answers, and its exit code.
    pub(crate) fn answer(&self, words: &[&str]) -> (Json, i32) {
        let output = self.segue(&[words, &["--json"]].concat());
        let json = serde_json::from_slice(&output.stdout);
        (json.unwrap_or_else(|_| panic!("{words:?}: {output:?}")), output.status.code().unwrap())
    }

    /// What a command that succeeds answers.
    pub(crate) fn json(&self, words: &[&str]) -> Json {
        let (json, code) = self.answer(words);
        assert_eq!(code, 0, "{words:?}: {json}");
        json
    }

    pub(crate) fn link(&self, app: &str) {
        let plan = self.json(&["plan", app]);
        self.json(&["apply", plan["plan"].as_str().unwrap()]);
    }

    /// Why a command failed.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let (json, code) = self.answer(words);
        assert_eq!(code, 1, "{words:?}: {json}");
        json["error"].as_str().unwrap().to_owned()
    }

    /// `segue up`, once it answers.
    pub(crate) fn up(&self) -> Agent {
        let mut command = self.command(&["up", "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut agent = Agent(child);
        assert!(agent.line().contains("\"peer\""));
        agent
    }

    /// `segue up` that is killed at the n-th write of its store, or before; nothing where `strace` does not
    /// work. Returns whether it was killed before it was in step.
    pub(crate) fn up_until_killed(&self, call: &str, nth: u32) -> Option<bool> {
        let probe = Command::new("strace").args(["-f", "-qq", "-e", "trace=none", "true"]).output();
        if !probe.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: strace does not work here");
            return None;
        }
        let plain = self.command(&[]);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
        command.arg(plain.get_program()).args(["up", "--json"]).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let latest = Instant::now() + PATIENCE;
        loop {
            if child.try_wait().unwrap().is_some() {
                return Some(true);
            }
            let peers = self.answer(&["peers"]).0;
            if peers["peers"].as_array().is_some_and(|all| all.iter().any(|p| p["in_step"] == true))
            {
                // strace lets go of what it traces when it ends.
                let pid = child.id();
                let traced =
                    fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
                for pid in traced.split_whitespace() {
                    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
                }
                child.wait().unwrap();
                return Some(false);
            }
            assert!(Instant::now() < latest, "neither killed nor in step");
        }
    }

    /// An invitation that serves by itself until somebody has joined.
    pub(crate) fn invites(&self, words: &[&str]) -> (String, Agent) {
        let mut command = self.command(&[&["invite", "--json"], words].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut agent = Agent(child);
        let line = agent.line();
        let report: Json = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        (report["ticket"].as_str().unwrap().to_owned(), agent)
    }

    /// A ticket of the agent that runs.
    pub(crate) fn ticket(&self, words: &[&str]) -> String {
        let report = self.json(&[&["invite"], words].concat());
        report["ticket"].as_str().unwrap().to_owned()
    }

    /// Waits until something is so of `segue peers`.
    pub(crate) fn until_peers(&self, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
        let latest = Instant::now() + PATIENCE;
        loop {
            let peers = self.json(&["peers"]);
            if is_so(&peers) {
                return peers;
            }
            assert!(Instant::now() < latest, "{what}: {peers}");
        }
    }

    pub(crate) fn until_in_step(&self) {
        self.until_peers("all are in step", |peers| {
            let all = peers["peers"].as_array().unwrap();
            !all.is_empty() && all.iter().all(|peer| peer["in_step"] == true)
        });
    }

    pub(crate) fn export(&self) -> String {
        String::from_utf8(self.segue(&["export"]).stdout).unwrap()
    }

    pub(crate) fn rate_in_strawberry(&self, title: &str, rating: f64) {
        let sql = "UPDATE songs SET rating = ?1 WHERE title = ?2";
        assert_eq!(self.database().execute(sql, (rating, title)).unwrap(), 1);
    }

    pub(crate) fn in_strawberry(&self, title: &str) -> f64 {
        let sql = "SELECT rating FROM songs WHERE title = ?1";
        self.database().query_row(sql, [title], |row| row.get(0)).unwrap()
    }

    fn database(&self) -> Connection {
        let path = self.path().join(".local/share/strawberry/strawberry/strawberry.db");
        Connection::open(path).unwrap()
    }

    /// The rating that the document has.
    pub(crate) fn known(&self, title: &str) -> Json {
        self.json(&["find", title])[0]["fields"]["rating"].clone()
    }

    pub(crate) fn until_known(&self, title: &str, rating: i64) {
        let latest = Instant::now() + PATIENCE;
        while self.known(title) != rating {
            assert!(Instant::now() < latest, "{title} is {}", self.known(title));
        }
    }
}

/// A process that serves.
pub(crate) struct Agent(Child);

impl Agent {
    /// The first line that it prints; empty if it ended before.
    fn line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> i32 {
        self.0.wait().unwrap().code().unwrap()
    }

    /// Tells it to end.
    pub(crate) fn stop(self) {
        self.signal("-TERM");
        assert_eq!(self.ended(), 0);
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
