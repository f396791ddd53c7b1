//! A device: a home with one app's library, a name, and `segue` in it.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Tells this program that it is `segue`.
pub(crate) const AS_SEGUE: &str = "SEGUE_TWO_PEERS_AS_SEGUE";
/// Libraries that the real apps made.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../two-players/fixtures");
/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) type Told<T = ()> = Result<T, Box<dyn Error>>;

/// A home of its own.
pub(crate) struct Device {
    name: &'static str,
    home: PathBuf,
    agent: Option<Child>,
}

impl Device {
    /// A home in `folder` with a copy of an app's library.
    pub(crate) fn new(folder: &Path, name: &'static str, app: &str, place: &str) -> Told<Self> {
        let home = folder.join(name);
        fs::create_dir_all(home.join(place))?;
        for entry in fs::read_dir(Path::new(FIXTURES).join(app))? {
            let entry = entry?;
            fs::write(home.join(place).join(entry.file_name()), fs::read(entry.path())?)?;
        }
        Ok(Self { name, home, agent: None })
    }

    /// A file below the home.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.home.join(path)
    }

    /// `segue` with nothing in its environment but this home, and a network that ends at this computer.
    pub(crate) fn segue(&self, words: &[&str]) -> Told<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.home);
        command.env("SEGUE_NETWORK", "loopback").env("SEGUE_DEVICE", self.name);
        command.env(AS_SEGUE, "1").args(words).stdin(Stdio::null());
        Ok(command)
    }

    /// Types a command, and shows what both streams say.
    pub(crate) fn typed(&self, out: &mut dyn Write, words: &[&str]) -> Told<String> {
        let line: Vec<&str> = words.iter().map(|word| short(word)).collect();
        writeln!(out, "you@{}:~$ segue {}", self.name, line.join(" "))?;
        let output = self.segue(words)?.output()?;
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&*self.home.to_string_lossy(), "~")
        };
        let both = text(&output.stdout) + &text(&output.stderr);
        write!(out, "{both}")?;
        if !output.status.success() {
            return Err(format!("segue {} failed on {}", line.join(" "), self.name).into());
        }
        Ok(both)
    }

    /// What a command answers, without showing it.
    pub(crate) fn json(&self, words: &[&str]) -> Told<Json> {
        let output = self.segue(&[words, &["--json"]].concat())?.output()?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let why = String::from_utf8_lossy(&output.stderr);
            format!("segue {} on {}: {why}", words.join(" "), self.name).into()
        })
    }

    /// Starts `segue up` and waits until it answers.
    pub(crate) fn up(&mut self, out: &mut dyn Write) -> Told {
        writeln!(out, "you@{}:~$ segue up &", self.name)?;
        let mut command = self.segue(&["up"])?;
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut first = String::new();
        let stdout = child.stdout.take().ok_or("the agent has no output")?;
        self.agent = Some(child);
        BufReader::new(stdout).read_line(&mut first)?;
        if first.is_empty() {
            return Err(format!("the agent of {} ended", self.name).into());
        }
        Ok(())
    }

    /// Ends the agent as a shutdown does.
    pub(crate) fn down(&mut self) -> Told {
        let Some(mut child) = self.agent.take() else { return Ok(()) };
        let status = Command::new("kill").arg(child.id().to_string()).status()?;
        if !status.success() || !child.wait()?.success() {
            return Err(format!("the agent of {} did not end well", self.name).into());
        }
        Ok(())
    }

    /// Waits until both hold the same.
    pub(crate) fn until_in_step(&self) -> Told {
        until("the devices are in step", || {
            let peers = self.json(&["peers"])?;
            Ok(peers["peers"].as_array().is_some_and(|all| {
                !all.is_empty() && all.iter().all(|peer| peer["in_step"] == true)
            }))
        })
        .map(drop)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(mut child) = self.agent.take() {
            // The example has failed already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is so, and says how long that took.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> Told<bool>) -> Told<Duration> {
    let began = Instant::now();
    while !is_so()? {
        if began.elapsed() > PATIENCE {
            return Err(format!("it never came that {what}").into());
        }
        std::thread::sleep(LOOK);
    }
    Ok(began.elapsed())
}

/// Tickets are long.
pub(crate) fn short(word: &str) -> &str {
    word.char_indices()
        .nth(14)
        .map_or(word, |(at, _)| if word.len() > 100 { &word[..at] } else { word })
}
