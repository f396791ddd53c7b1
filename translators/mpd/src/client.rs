//! A conversation with a server, of one operation: commands in, answers out, all bounded.
//!
//! The protocol's grammar is `mpd_protocol`'s, but for the quoting of arguments, which that crate
//! leaves out where MPD wants it (`it's`, `a\b`, an empty text). A server that hangs, floods or
//! answers nonsense is an error; what to ask is not known here.
//!
//! Invariant: no call waits longer than [`Limits`] say, or keeps more than they say.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use mpd_protocol::MpdProtocolError;
use mpd_protocol::command::{Argument, Command, CommandList};
use mpd_protocol::response::Frame;
use segue_translator::{Error, ErrorKind};

use crate::config::{Address, Config};

/// MPD reads lines of at most 8 KiB.
const COMMAND_BYTES_MAX: usize = 8_000;

/// How long and how much a server may talk.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long it may be silent.
    pub silence: Duration,
    /// How long one read or write of the library may take in all.
    pub whole: Duration,
    /// Most bytes of one answer.
    pub answer_bytes: u64,
    /// Most songs, and most entries of playlists.
    pub count: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(20),
            whole: Duration::from_mins(10),
            answer_bytes: 16 << 20,
            count: 2_000_000,
        }
    }
}

/// An answer that is no: which of several commands failed, and why.
#[derive(Debug)]
pub(crate) struct No {
    pub(crate) index: usize,
    pub(crate) code: u64,
    pub(crate) why: String,
}

/// MPD's code for a song or playlist that is not there.
pub(crate) const NOT_THERE: u64 = 50;

/// A connection.
pub(crate) struct Client {
    connection: mpd_protocol::Connection<Bounded>,
    allowance: Rc<Cell<u64>>,
    limits: Limits,
    operation: &'static str,
    path: PathBuf,
}

impl Client {
    /// Connects to the first address at which something listens.
    ///
    /// # Errors
    /// `NotRunning` if nothing listens.
    pub(crate) fn connect(
        config: &Config,
        limits: Limits,
        operation: &'static str,
    ) -> Result<Self, Error> {
        let mut refused = Vec::new();
        for address in &config.addresses {
            match Wire::connect(address, limits.silence) {
                Ok(wire) => return Self::greet(wire, config, limits, operation),
                Err(error) => refused.push((address, error)),
            }
        }
        let asleep = |error: &io::Error| {
            use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, TimedOut};
            matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory | TimedOut)
        };
        let said: Vec<_> = refused.iter().map(|(at, error)| format!("{at}: {error}")).collect();
        let said = said.join("; ");
        if let Some((_, error)) = refused.iter().find(|(_, error)| !asleep(error)) {
            return Err(Error { detail: said, ..Error::io(operation, &config.path, error) });
        }
        let detail = format!("MPD is not running ({said})");
        Err(Error::new(ErrorKind::NotRunning, operation, &config.path, detail))
    }

    fn greet(
        wire: Wire,
        config: &Config,
        limits: Limits,
        operation: &'static str,
    ) -> Result<Self, Error> {
        let allowance = Rc::new(Cell::new(limits.answer_bytes));
        let io = Bounded {
            wire,
            allowance: Rc::clone(&allowance),
            silence: limits.silence,
            end: Instant::now() + limits.whole,
        };
        let path = config.path.clone();
        match mpd_protocol::Connection::connect(io) {
            Ok(connection) => Ok(Self { connection, allowance, limits, operation, path }),
            Err(error) => Err(explain(operation, &path, &error)),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Why the server must not be written, if it speaks a protocol that nobody knows yet.
    pub(crate) fn unknown_version(&self) -> Option<String> {
        let version = self.connection.protocol_version();
        let mut numbers = version.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(0)), Some(Ok(21..))) => None,
            _ => Some(format!(
                "it speaks version {version:?} of the protocol; 0.21 to 0.x are known"
            )),
        }
    }

    /// A failure of this conversation.
    pub(crate) fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, self.operation, &self.path, detail)
    }

    /// A command.
    ///
    /// # Errors
    /// What is wrong with an argument, in words.
    pub(crate) fn command(name: &str, arguments: &[&str]) -> Result<Command, String> {
        let mut command = Command::build(name).map_err(|error| error.to_string())?;
        let mut length = name.len();
        for argument in arguments {
            if argument.contains(['\0', '\n']) {
                return Err(format!("MPD cannot be told of {argument:?}"));
            }
            command.add_argument(Quoted(argument)).map_err(|error| error.to_string())?;
            length += 2 * argument.len() + 3;
        }
        if length > COMMAND_BYTES_MAX { Err("it is too long for MPD".into()) } else { Ok(command) }
    }

    /// Asks one question that must have an answer.
    pub(crate) fn ask(&mut self, name: &str, arguments: &[&str]) -> Result<Frame, Error> {
        let command = Self::command(name, arguments);
        let command = command.map_err(|why| self.error(ErrorKind::Unsupported, why))?;
        let (mut frames, no) = self.tell(vec![command])?;
        match (no, frames.pop()) {
            (Some(no), _) => Err(self.refused(&no)),
            (None, Some(frame)) => Ok(frame),
            (None, None) => Err(self.error(ErrorKind::Corrupt, "MPD gave no answer")),
        }
    }

    /// A refusal that ends the operation.
    pub(crate) fn refused(&self, no: &No) -> Error {
        let kind = match no.code {
            3 | 4 => ErrorKind::Denied,
            5 => ErrorKind::Unsupported,
            NOT_THERE => ErrorKind::Stale,
            _ => ErrorKind::Io,
        };
        self.error(kind, format!("MPD says: {}", no.why))
    }

    /// Gives MPD all these commands at once, which it starts when it has all, and goes through
    /// until one fails. Returns the answers, and why there are no more.
    pub(crate) fn tell(
        &mut self,
        commands: Vec<Command>,
    ) -> Result<(Vec<Frame>, Option<No>), Error> {
        let count = commands.len();
        let mut commands = commands.into_iter();
        let Some(first) = commands.next() else { return Ok((Vec::new(), None)) };
        let mut list = CommandList::new(first);
        list.extend(commands);
        self.allowance.set(self.limits.answer_bytes);
        let answer = self.connection.command_list(list);
        let answer = answer.map_err(|error| explain(self.operation, &self.path, &error))?;
        let (mut frames, mut no) = (Vec::with_capacity(count), None);
        for frame in answer {
            match frame {
                Ok(frame) => frames.push(frame),
                Err(error) => {
                    let index = usize::try_from(error.command_index).unwrap_or(usize::MAX);
                    let why = plain(&error.message);
                    no = Some(No { index, code: error.code, why });
                }
            }
        }
        let due = no.as_ref().map_or(count, |no| no.index);
        if frames.len() != due || due > count || (no.is_some() && due == count) {
            return Err(self.error(ErrorKind::Corrupt, "MPD answers what was not asked"));
        }
        Ok((frames, no))
    }
}

/// A server's words, safe to show.
fn plain(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn explain(operation: &'static str, path: &std::path::Path, error: &MpdProtocolError) -> Error {
    use io::ErrorKind as Io;
    let (kind, detail) = match error {
        MpdProtocolError::Io(error) => match error.kind() {
            Io::TimedOut | Io::WouldBlock => {
                (ErrorKind::TimedOut, "MPD takes too long to answer".to_owned())
            }
            Io::FileTooLarge => (ErrorKind::TooLarge, "MPD's answer is too long".to_owned()),
            Io::UnexpectedEof | Io::ConnectionReset | Io::BrokenPipe => {
                let why = "MPD ended the conversation; its log may say why, for instance that \
                           max_output_buffer_size is too small";
                (ErrorKind::Io, why.to_owned())
            }
            _ => (ErrorKind::Io, error.to_string()),
        },
        MpdProtocolError::InvalidMessage => {
            (ErrorKind::Corrupt, "what answers there is no MPD".to_owned())
        }
    };
    Error::new(kind, operation, path, detail)
}

/// An argument in quotes, as MPD reads any text.
struct Quoted<'a>(&'a str);

impl Argument for Quoted<'_> {
    fn render(&self, buffer: &mut BytesMut) {
        buffer.put_u8(b'"');
        for byte in self.0.bytes() {
            if matches!(byte, b'"' | b'\\') {
                buffer.put_u8(b'\\');
            }
            buffer.put_u8(byte);
        }
        buffer.put_u8(b'"');
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
        }
    }
}

/// A socket of either kind.
enum Wire {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Wire {
    fn connect(address: &Address, wait: Duration) -> io::Result<Self> {
        match address {
            Address::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            Address::Tcp(address) => TcpStream::connect_timeout(address, wait).map(Self::Tcp),
        }
    }

    fn wait_at_most(&self, wait: Duration) -> io::Result<()> {
        match self {
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(wait))?;
                stream.set_write_timeout(Some(wait))
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(wait))?;
                stream.set_write_timeout(Some(wait))
            }
        }
    }
}

/// A socket that is silent, slow or talkative only up to a limit.
struct Bounded {
    wire: Wire,
    allowance: Rc<Cell<u64>>,
    silence: Duration,
    end: Instant,
}

impl Bounded {
    fn wait(&self) -> io::Result<()> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.wire.wait_at_most(left.min(self.silence))
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        let allowed = usize::try_from(self.allowance.get()).unwrap_or(usize::MAX);
        if allowed == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = buffer.len().min(allowed);
        let read = match &mut self.wire {
            Wire::Unix(stream) => stream.read(&mut buffer[..most]),
            Wire::Tcp(stream) => stream.read(&mut buffer[..most]),
        }?;
        self.allowance.set(self.allowance.get() - read as u64);
        Ok(read)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.wait()?;
        match &mut self.wire {
            Wire::Unix(stream) => stream.write(buffer),
            Wire::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
