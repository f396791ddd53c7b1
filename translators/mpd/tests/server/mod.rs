//! A real MPD on a library in a temporary home, and plain talk with it.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    process: Child,
}

impl Server {
    /// Starts MPD with the `mpd.conf` in the folder `.config/mpd` of a home, and waits until it answers.
    pub(crate) fn start(path: &Path) -> Result<Self, String> {
        let home = path.ancestors().nth(2).ok_or("this is below no home")?;
        let mut command = Command::new("mpd");
        command.args(["--no-daemon", "--stderr"]).arg(path.join("mpd.conf"));
        command.env_clear().env("HOME", home).env("LANG", "C.UTF-8");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = match command.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err("here: mpd is not installed".into());
            }
            process => process.map_err(|error| error.to_string())?,
        };
        let mut server = Self { process };
        let end = Instant::now() + Duration::from_secs(20);
        while Talk::open(path).is_err() {
            if Instant::now() > end || server.has_ended() {
                return Err("it does not answer".into());
            }
            std::thread::yield_now();
        }
        Ok(server)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A conversation that knows nothing of Segue's.
pub(crate) struct Talk {
    lines: BufReader<UnixStream>,
}

impl Talk {
    /// Begins one with the server on the library at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let stream = UnixStream::connect(path.join("socket")).map_err(|e| e.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|e| e.to_string())?;
        let mut talk = Self { lines: BufReader::new(stream) };
        talk.line().map(|_| talk)
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => Err("it hung up".into()),
            Ok(_) => Ok(line.trim_end_matches('\n').to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The lines that answer a command.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        let quoted = words[1..]
            .iter()
            .map(|word| format!(" \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")));
        let command = format!("{}{}\n", words[0], quoted.collect::<String>());
        self.lines.get_mut().write_all(command.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        loop {
            match self.line()? {
                line if line == "OK" => return Ok(answer),
                line if line.starts_with("ACK ") => return Err(format!("{words:?}: {line}")),
                line => answer.push(line),
            }
        }
    }
}
