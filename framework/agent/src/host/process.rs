//! The process table: which processes bear an app's name, and what ties each to a library.
//!
//! Reads a folder shaped like Linux's `/proc` and nothing else. A process may end at any moment;
//! then it simply does not count.
//!
//! Invariant: no answer is taken from a file that could not be read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use segue_translator::Probe;

use super::folders;
use super::library::Library;

/// The kernel cuts a process's short name at this length.
const COMM_BYTES_MAX: usize = 15;
/// Arguments and environments are read up to here; a longer one is not evidence.
const READ_BYTES_MAX: u64 = 4 << 20;

/// All processes, below a folder like `/proc`.
#[derive(Debug)]
pub(super) struct ProcessTable {
    root: PathBuf,
    own_pid: u32,
}

impl ProcessTable {
    pub(super) fn new(root: PathBuf, own_pid: u32) -> Self {
        Self { root, own_pid }
    }

    /// The first process of one of the names that may have the library, in words.
    pub(super) fn running(&self, probe: &Probe<'_>, library: &Library) -> Option<String> {
        if probe.processes.is_empty() {
            return None;
        }
        let Ok(pids) = self.pids() else {
            let name = probe.processes[0];
            return Some(format!("perhaps {name} (the list of processes cannot be read)"));
        };
        pids.into_iter().find_map(|pid| {
            let process = self.process(pid).filter(|_| pid != self.own_pid)?;
            let name = process.name_among(probe.processes)?;
            process.has(library, probe.holds_open).then(|| format!("{name} (process {pid})"))
        })
    }

    /// The living process of this id.
    pub(super) fn process(&self, pid: u32) -> Option<Process> {
        Process::at(self.root.join(pid.to_string()))
    }

    /// The user that we run as.
    pub(super) fn own_uid(&self) -> Option<u32> {
        let own = fs::metadata(self.root.join(self.own_pid.to_string())).ok()?;
        Some(own.uid())
    }

    /// The name of the computer's last start, and the seconds since.
    pub(super) fn since_start(&self) -> Option<(String, u32)> {
        let start = fs::read_to_string(self.root.join("sys/kernel/random/boot_id")).ok()?;
        let uptime = fs::read_to_string(self.root.join("uptime")).ok()?;
        let seconds = uptime.split('.').next()?.parse().ok()?;
        let start = start.trim();
        (!start.is_empty()).then(|| (start.to_owned(), seconds))
    }

    fn pids(&self) -> io::Result<Vec<u32>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        Ok(pids)
    }
}

/// What a process's open files say of the library.
enum Held {
    Open,
    NotOpen,
    Unreadable,
}

/// One living process.
#[derive(Debug)]
pub(super) struct Process {
    folder: PathBuf,
    comm: String,
}

impl Process {
    fn at(folder: PathBuf) -> Option<Self> {
        match fs::read(folder.join("stat")) {
            Ok(stat) => {
                let (comm, state) = comm_and_state(&stat)?;
                let dead = matches!(state, b'Z' | b'X' | b'x');
                (!dead).then_some(Self { folder, comm })
            }
            // It is there, but does not say what it is: its other names may.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some(Self { folder, comm: String::new() })
            }
            Err(_) => None,
        }
    }

    /// The short name that the kernel knows it by.
    pub(super) fn comm(&self) -> &str {
        &self.comm
    }

    /// Which of the names it bears: as its short name, its program or its first argument.
    fn name_among<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        let short = |name: &str| name.as_bytes()[..name.len().min(COMM_BYTES_MAX)].to_owned();
        let find = |bytes: &[u8]| names.iter().copied().find(|name| name.as_bytes() == bytes);
        names
            .iter()
            .copied()
            .find(|name| short(name) == self.comm.as_bytes())
            .or_else(|| find(&self.program()?))
            .or_else(|| find(&self.first_argument()?))
    }

    /// The file name of its program, also after an upgrade has replaced the file.
    fn program(&self) -> Option<Vec<u8>> {
        let program = fs::read_link(self.folder.join("exe")).ok()?;
        let name = program.file_name()?.as_bytes();
        Some(name.strip_suffix(b" (deleted)").unwrap_or(name).to_owned())
    }

    fn first_argument(&self) -> Option<Vec<u8>> {
        let arguments = self.arguments()?;
        let first = arguments.split(|byte| *byte == 0).next()?;
        Some(Path::new(OsStr::from_bytes(first)).file_name()?.as_bytes().to_owned())
    }

    fn arguments(&self) -> Option<Vec<u8>> {
        read_bounded(&self.folder.join("cmdline"))
    }

    /// Whether it has the library, or may have it.
    pub(super) fn has(&self, library: &Library, holds_open: bool) -> bool {
        match self.holds(library) {
            Held::Open => true,
            _ if self.is_foreign(library) => false,
            Held::Unreadable if holds_open => true,
            // An app that was just started has not opened its library yet.
            _ => {
                self.arguments().is_some_and(|arguments| library.is_named_in(&arguments))
                    || !self.environment().is_some_and(|vars| folders::elsewhere(&vars, library))
            }
        }
    }

    fn holds(&self, library: &Library) -> Held {
        let Ok(links) = fs::read_dir(self.folder.join("fd")) else { return Held::Unreadable };
        for link in links {
            match link {
                Ok(link) if library.is_open_as(&link.path()) => return Held::Open,
                Ok(_) => {}
                Err(_) => return Held::Unreadable,
            }
        }
        Held::NotOpen
    }

    /// Whether it belongs to a user who is neither ours nor the library's.
    fn is_foreign(&self, library: &Library) -> bool {
        match (self.uid(), library.users) {
            (Some(uid), Some(users)) => !users.contains(&uid),
            _ => false,
        }
    }

    /// The folder's owner would be root for a process that hides its memory; its status tells.
    fn uid(&self) -> Option<u32> {
        let status = fs::read_to_string(self.folder.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    fn environment(&self) -> Option<Vec<u8>> {
        read_bounded(&self.folder.join("environ"))
    }
}

/// `4711 (rhythm box) S 1 …`: the name may hold blanks and brackets, so the last bracket ends it.
fn comm_and_state(stat: &[u8]) -> Option<(String, u8)> {
    let start = stat.iter().position(|byte| *byte == b'(')? + 1;
    let end = stat.iter().rposition(|byte| *byte == b')').filter(|end| *end >= start)?;
    let comm = String::from_utf8_lossy(&stat[start..end]).into_owned();
    Some((comm, *stat.get(end + 2)?))
}

/// The whole file, unless it is longer than anything that this module believes.
fn read_bounded(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= READ_BYTES_MAX).then_some(bytes)
}
