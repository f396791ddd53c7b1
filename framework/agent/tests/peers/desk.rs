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
        Self::begun(self.command(&["up", "--json"]))
    }

    /// `segue up` in the local network, by a command that says where that is.
    pub(crate) fn up_in_lan(&self, place: &[String]) -> Agent {
        let plain = self.command(&["up", "--json", "--network", "lan"]);
        let Some((enter, words)) = place.split_first() else { return Self::begun(plain) };
        let mut command = Command::new(enter);
        command.args(words).arg(plain.get_program()).args(plain.get_args()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null());
        Self::begun(command)
    }

    fn begun(mut command: Command) -> Agent {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut agent = Agent(child);
        assert!(agent.line().contains("\"peer\""));
        agent
    }

    /// `segue up` that is killed at the n-th write of its store; nothing where `strace` does not work.
    pub(crate) fn doomed(&self, call: &str, nth: u32) -> Option<Doomed> {
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
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Some(Doomed(Agent(command.spawn().unwrap())))
    }

    /// Such a one, until it is killed or in step. Returns whether it was killed before.
    pub(crate) fn up_until_killed(&self, call: &str, nth: u32) -> Option<bool> {
        let mut doomed = self.doomed(call, nth)?;
        let latest = Instant::now() + PATIENCE;
        while !doomed.is_dead() {
            let peers = self.answer(&["peers"]).0;
            if peers["peers"].as_array().is_some_and(|all| all.iter().any(|p| p["in_step"] == true))
            {
                break;
            }
            assert!(Instant::now() < latest, "neither killed nor in step");
        }
        Some(doomed.dies())
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

    /// What it knows of where others are is this.
    pub(crate) fn remembers_addresses(&self, addresses: &[&str]) {
        let store = Connection::open(self.home().join("segue.db")).unwrap();
        let changed = store.execute("UPDATE peer SET addresses = ?1", [addresses.join("\n")]);
        assert_eq!(changed.unwrap(), 1);
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

/// A process that is killed at a write.
pub(crate) struct Doomed(Agent);

impl Doomed {
    /// Waits until it answers; `false` if it was killed before.
    pub(crate) fn serves(&mut self) -> bool {
        self.0.line().contains("\"peer\"")
    }

    fn is_dead(&mut self) -> bool {
        self.0.0.try_wait().unwrap().is_some() || self.traced().iter().all(|pid| is_zombie(pid))
    }

    /// What strace runs.
    fn traced(&self) -> Vec<String> {
        let pid = self.0.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// Kills it if nothing did before; returns whether something did.
    pub(crate) fn dies(mut self) -> bool {
        let mut was_dead = self.is_dead();
        // strace lets go of what it traces when it ends.
        for pid in self.traced() {
            was_dead |= !Command::new("kill").args(["-KILL", &pid]).status().unwrap().success();
        }
        self.0.0.wait().unwrap();
        was_dead
    }
}

/// Whether it has died, and nobody has heard of it yet.
fn is_zombie(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| rest.trim_start().starts_with(['Z', 'X']) || rest.is_empty())
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
