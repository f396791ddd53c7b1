//! A running program: lines to it, lines from it, each bounded in size and time.
//!
//! Threads move bytes, so that a program which neither reads nor writes can block nobody; queues
//! between them are short, so that it cannot fill the memory either. What lines mean is not known here.
//!
//! Invariant: when a [`Process`] is gone, so is all that it started, unless it cannot be killed within
//! [`END`].

use std::io::{self, BufRead, BufReader, PipeWriter, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::launch::Kept;

/// How many lines may wait to be looked at.
const LINES_WAITING: usize = 16;
/// How much of what a program writes to its log is kept to be quoted: the end.
const LOG_BYTES: usize = 2_048;
/// How long a program may take to end after its input was closed.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long its keeper may take to kill it and all that it started.
const END: Duration = Duration::from_secs(5);

/// What came from the program.
#[derive(Debug)]
enum Event {
    Line(Vec<u8>),
    TooLong,
    End,
}

/// Why no line came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It ended, or closed its output.
    Ended,
    /// It took too long.
    Late,
    /// The line is longer than any may be.
    TooLong,
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    /// None when it is let go.
    leash: Option<PipeWriter>,
    keeper: Child,
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Event>,
    log: Arc<Mutex<Vec<u8>>>,
    /// Closed when the log is: nothing of the program is left.
    log_end: Receiver<()>,
}

impl Process {
    pub(crate) fn new(kept: Kept, line_bytes_max: usize) -> io::Result<Self> {
        let Kept { keeper: mut child, leash } = kept;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (input, lines) = mpsc::channel();
        let (events, output) = mpsc::sync_channel(LINES_WAITING);
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        let (log_open, log_end) = mpsc::channel();
        std::thread::spawn(move || feed(stdin, &lines));
        std::thread::spawn(move || listen(stdout, line_bytes_max, &events));
        std::thread::spawn(move || keep_end(stderr, &kept, log_open));
        Ok(Self { leash: Some(leash), keeper: child, input: Some(input), output, log, log_end })
    }

    /// Sends a line, which has its end. That the program is gone shows when it does not answer.
    pub(crate) fn send(&self, line: Vec<u8>) {
        if let Some(input) = &self.input {
            let _ = input.send(line);
        }
    }

    /// The next line, without its end.
    pub(crate) fn line(&self, deadline: Instant) -> Result<Vec<u8>, Silence> {
        let wait = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(wait) {
            Ok(Event::Line(line)) => Ok(line),
            Ok(Event::TooLong) => Err(Silence::TooLong),
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => Err(Silence::Ended),
            Err(RecvTimeoutError::Timeout) => Err(Silence::Late),
        }
    }

    /// The last line of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&log);
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        last.trim().chars().filter(|c| !c.is_control()).take(200).collect()
    }

    /// Waits until it has ended, so that its last words are in the log.
    pub(crate) fn farewell(&mut self) {
        self.input = None;
        let deadline = Instant::now() + FAREWELL;
        while self.line(deadline).is_ok() {}
        let _ = self.log_end.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.farewell();
        drop(self.leash.take());
        // The log ends when nobody is left who has it open; the last is the keeper.
        let _ = self.log_end.recv_timeout(END);
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn feed(mut stdin: ChildStdin, lines: &Receiver<Vec<u8>>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(&line).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn listen(stdout: ChildStdout, line_bytes_max: usize, events: &mpsc::SyncSender<Event>) {
    let mut reader = BufReader::with_capacity(1 << 16, stdout);
    loop {
        let mut line = Vec::new();
        let most = line_bytes_max as u64 + 1;
        let event = match reader.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => Event::End,
            Ok(_) if line.last() == Some(&b'\n') => {
                line.pop();
                Event::Line(line)
            }
            Ok(_) if line.len() > line_bytes_max => Event::TooLong,
            Ok(_) => Event::End,
        };
        let is_last = !matches!(event, Event::Line(_));
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

fn keep_end(mut stderr: ChildStderr, kept: &Mutex<Vec<u8>>, open: Sender<()>) {
    let mut piece = [0; LOG_BYTES];
    while let Ok(count @ 1..) = stderr.read(&mut piece) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&piece[..count]);
        let surplus = kept.len().saturating_sub(LOG_BYTES);
        kept.drain(..surplus);
    }
    drop(open);
}
