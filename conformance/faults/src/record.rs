//! What a command did to the files of its home, operation by operation, as `strace` saw it.
//!
//! The test of a recording is that all its operations, done to what was there before, give what is there afterwards, byte for
//! byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::Failed;
use crate::calls::{Call, calls};
use crate::disk::{Disk, Id, Op, ROOT, is_forgotten};

/// What was before, and what was done then.
#[derive(Debug)]
pub(crate) struct Record {
    /// Before; it has the nodes that come later too, without names.
    pub(crate) begin: Disk,
    pub(crate) ops: Vec<Op>,
    /// What each does, for people.
    said: Vec<String>,
    /// The first operation from which on each is durable.
    synced: Vec<Option<usize>>,
}

impl Record {
    /// From the home before the command and the trace of it.
    pub(crate) fn of(begin: Disk, home: &Path, trace: &str) -> Result<Self, Failed> {
        let mut recorder = Recorder {
            home: home.to_owned(),
            now: begin.clone(),
            fresh: Vec::new(),
            ops: Vec::new(),
            said: Vec::new(),
            open: HashMap::new(),
            process: HashMap::new(),
            born: Vec::new(),
        };
        for call in calls(trace) {
            recorder.take(&call).map_err(|why| format!("{why} in {call:?}"))?;
        }
        let mut begin = begin;
        for is_folder in recorder.fresh {
            if is_folder {
                begin.new_folder()
            } else {
                begin.new_file()
            };
        }
        let (ops, said) = (recorder.ops, recorder.said);
        let synced = (0..ops.len()).map(|index| {
            let mut later = index + 1..ops.len();
            later.find(
                |at| matches!(&ops[*at], Op::Sync { node } if ops[index].is_synced_with(*node)),
            )
        });
        let synced = synced.collect();
        Ok(Self { begin, ops, said, synced })
    }

    /// All of it, done.
    pub(crate) fn end(&self) -> Disk {
        let mut disk = self.begin.clone();
        for op in &self.ops {
            disk.apply(op, None);
        }
        disk
    }

    /// The operations among the first so many that are not durable by then.
    pub(crate) fn open_at(&self, cut: usize) -> BTreeSet<usize> {
        let is_open = |index: &usize| {
            !matches!(self.ops[*index], Op::Sync { .. })
                && self.synced[*index].is_none_or(|synced| synced >= cut)
        };
        (0..cut).filter(is_open).collect()
    }

    /// The last cut at which an operation may be lost.
    pub(crate) fn last_open(&self, index: usize) -> Option<usize> {
        let last = self.synced[index].unwrap_or(self.ops.len());
        (last > index).then_some(last)
    }

    /// What each operation does, and which one of those that do the same.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut names = Vec::new();
        for said in &self.said {
            let count = counts.entry(said).or_default();
            *count += 1;
            names.push(format!("{said} #{count}"));
        }
        names
    }
}

/// An open file.
#[derive(Debug, Clone)]
struct Open {
    node: Id,
    path: String,
    at: usize,
    appends: bool,
}

/// Follows the calls of all processes of a command.
struct Recorder {
    home: PathBuf,
    now: Disk,
    /// Of each node that came: whether it is a folder.
    fresh: Vec<bool>,
    ops: Vec<Op>,
    said: Vec<String>,
    /// By process and number.
    open: HashMap<(u32, u32), Open>,
    /// The process of a thread.
    process: HashMap<u32, u32>,
    /// Who was begun and has not been seen yet: by whom, and whether it is a thread of theirs.
    born: Vec<(u32, bool)>,
}

/// Where something is below the home.
struct Place {
    folder: Id,
    name: OsString,
    path: String,
}

impl Recorder {
    fn take(&mut self, call: &Call<'_>) -> Result<(), Failed> {
        let process = self.process_of(call.thread);
        if call.is_begun {
            if call.is_birth() {
                self.born.push((process, call.arguments.contains("CLONE_THREAD")));
            }
            return Ok(());
        }
        let Some(result) = call.result else { return Ok(()) };
        match call.name {
            "clone" | "clone3" | "fork" | "vfork" => self.birth(process, call, result),
            "execve" => self.open.retain(|(of, number), _| *of != process || *number < 3),
            "openat" | "open" | "creat" => self.open(process, call, result)?,
            "close" => _ = self.open.remove(&(process, call.number(0)?)),
            "dup" | "dup2" | "dup3" => self.dup(process, call, result)?,
            "fcntl" if call.arguments.contains("F_DUPFD") => self.dup(process, call, result)?,
            "lseek" => {
                if let Some(open) = self.open.get_mut(&(process, call.number(0)?)) {
                    open.at = result as usize;
                }
            }
            "write" | "writev" | "pwrite64" | "pwritev" => self.write(process, call, result)?,
            "copy_file_range" | "sendfile" => self.copy(process, call, result)?,
            "ftruncate" | "fallocate" | "truncate" => self.resize(process, call)?,
            "fsync" | "fdatasync" => {
                if let Some(open) = self.open.get(&(process, call.number(0)?)) {
                    let (node, path) = (open.node, open.path.clone());
                    self.push(Op::Sync { node }, &format!("sync {path}"));
                }
            }
            "mmap" => self.map(process, call)?,
            "mkdir" | "mkdirat" | "link" | "linkat" | "rename" | "renameat" | "renameat2"
            | "unlink" | "unlinkat" | "rmdir" | "symlink" | "symlinkat" => self.name(call)?,
            _ => {}
        }
        Ok(())
    }

    fn process_of(&mut self, thread: u32) -> u32 {
        if let Some(process) = self.process.get(&thread) {
            return *process;
        }
        let (parent, is_thread) =
            if self.born.is_empty() { (thread, true) } else { self.born.remove(0) };
        self.begin(thread, parent, is_thread)
    }

    /// A thread shares its process's files; a process begins with copies of them.
    fn begin(&mut self, thread: u32, parent: u32, is_thread: bool) -> u32 {
        let process = if is_thread { parent } else { thread };
        self.process.insert(thread, process);
        if !is_thread {
            let of_parent = self.open.iter().filter(|((of, _), _)| *of == parent);
            let copies: Vec<_> =
                of_parent.map(|((_, number), open)| ((thread, *number), open.clone())).collect();
            self.open.extend(copies);
        }
        process
    }

    fn birth(&mut self, process: u32, call: &Call<'_>, result: i64) {
        let (thread, is_thread) = (result as u32, call.arguments.contains("CLONE_THREAD"));
        if !self.process.contains_key(&thread) {
            self.begin(thread, process, is_thread);
            if call.was_begun {
                self.born.retain(|one| *one != (process, is_thread));
            }
        }
    }

    fn push(&mut self, op: Op, said: &str) {
        self.now.apply(&op, None);
        self.ops.push(op);
        self.said.push(said.to_owned());
    }

    /// Where a path argument leads, if that is below the home.
    fn place(
        &self,
        call: &Call<'_>,
        argument: usize,
        folder: Option<usize>,
    ) -> Result<Option<Place>, Failed> {
        let mut path = PathBuf::from(call.bytes(argument)?);
        if path.is_relative()
            && let Some(folder) = folder
        {
            path = PathBuf::from(call.shown_path(folder)?).join(path);
        }
        let Ok(below) = path.strip_prefix(&self.home) else { return Ok(None) };
        let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else {
            return Ok(None);
        };
        if is_forgotten(name) {
            return Ok(None);
        }
        let Some(folder) = self.now.find(parent) else { return Ok(None) };
        Ok(Some(Place { folder, name: name.to_owned(), path: shown(below) }))
    }

    fn open(&mut self, process: u32, call: &Call<'_>, number: i64) -> Result<(), Failed> {
        let key = (process, number as u32);
        self.open.remove(&key);
        let (path, flags) = if call.name == "openat" { (1, 2) } else { (0, 1) };
        let flags = call.argument(flags).unwrap_or("O_CREAT|O_TRUNC|O_WRONLY");
        let has = |flag: &str| flags.split('|').any(|one| one == flag);
        if has("O_TMPFILE") {
            return Err("a file without a name".into());
        }
        let folder = (call.name == "openat").then_some(0);
        let whole = PathBuf::from(call.bytes(path)?);
        if whole == self.home {
            self.open.insert(key, Open { node: ROOT, path: String::new(), at: 0, appends: false });
            return Ok(());
        }
        let Some(place) = self.place(call, path, folder)? else { return Ok(()) };
        let node = match self.now.entry(place.folder, &place.name) {
            Some(node) => node,
            None if has("O_CREAT") => self.create(&place, false),
            // What nobody records, and what was there for a moment only.
            None => return Ok(()),
        };
        if has("O_TRUNC") && !self.now.bytes(node).is_empty() {
            self.push(Op::Resize { file: node, length: 0 }, &format!("empty {}", place.path));
        }
        let open = Open { node, path: place.path, at: 0, appends: has("O_APPEND") };
        self.open.insert(key, open);
        Ok(())
    }

    fn create(&mut self, place: &Place, is_folder: bool) -> Id {
        let node = if is_folder { self.now.new_folder() } else { self.now.new_file() };
        self.fresh.push(is_folder);
        let op = Op::Name { folder: place.folder, name: place.name.clone(), node };
        self.push(op, &format!("create {}", place.path));
        node
    }

    fn dup(&mut self, process: u32, call: &Call<'_>, result: i64) -> Result<(), Failed> {
        let new = (process, result as u32);
        match self.open.get(&(process, call.number(0)?)).cloned() {
            Some(open) => _ = self.open.insert(new, open),
            None => _ = self.open.remove(&new),
        }
        Ok(())
    }

    fn write(&mut self, process: u32, call: &Call<'_>, result: i64) -> Result<(), Failed> {
        let Some(open) = self.open.get_mut(&(process, call.number(0)?)) else { return Ok(()) };
        let mut bytes = call.all_bytes()?;
        bytes.truncate(result as usize);
        if bytes.len() != result as usize {
            return Err("not all bytes are in the trace".into());
        }
        let at = if call.name.starts_with('p') {
            call.last_number()? as usize
        } else {
            let at = if open.appends { self.now.bytes(open.node).len() } else { open.at };
            open.at = at + bytes.len();
            at
        };
        let (node, path) = (open.node, open.path.clone());
        self.wrote(node, &path, at, bytes);
        Ok(())
    }

    fn wrote(&mut self, file: Id, path: &str, at: usize, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.push(Op::Write { file, at, bytes: bytes.into() }, &format!("write {path}"));
        }
    }

    fn copy(&mut self, process: u32, call: &Call<'_>, result: i64) -> Result<(), Failed> {
        let (from, to) = if call.name == "sendfile" { (1, 0) } else { (0, 2) };
        let Some(target) = self.open.get(&(process, call.number(to)?)).cloned() else {
            return Ok(());
        };
        let Some(source) = self.open.get(&(process, call.number(from)?)).cloned() else {
            return Err("a copy of a file from elsewhere".into());
        };
        let count = result as usize;
        let bytes = self.now.bytes(source.node)[source.at..source.at + count].to_vec();
        self.wrote(target.node, &target.path, target.at, bytes);
        for number in [call.number(from)?, call.number(to)?] {
            if let Some(open) = self.open.get_mut(&(process, number)) {
                open.at += count;
            }
        }
        Ok(())
    }

    fn resize(&mut self, process: u32, call: &Call<'_>) -> Result<(), Failed> {
        if call.name == "truncate" {
            return Err("a file that is not open".into());
        }
        let Some(open) = self.open.get(&(process, call.number(0)?)) else { return Ok(()) };
        let (file, path) = (open.node, open.path.clone());
        let is = self.now.bytes(file).len();
        let length = match call.name {
            "fallocate" => is.max(call.last_number()? as usize),
            _ => call.last_number()? as usize,
        };
        if length != is {
            self.push(Op::Resize { file, length }, &format!("resize {path}"));
        }
        Ok(())
    }

    /// What is written through memory is not seen. Only SQLite does so, with what nobody keeps.
    fn map(&self, process: u32, call: &Call<'_>) -> Result<(), Failed> {
        if !call.arguments.contains("MAP_SHARED") || !call.arguments.contains("PROT_WRITE") {
            return Ok(());
        }
        match call.number(4).ok().and_then(|number| self.open.get(&(process, number))) {
            Some(open) => Err(format!("{} is written through memory", open.path).into()),
            None => Ok(()),
        }
    }

    fn name(&mut self, call: &Call<'_>) -> Result<(), Failed> {
        let is_at = call.name.ends_with("at") || call.name == "renameat2";
        let first = self.place(call, usize::from(is_at), is_at.then_some(0))?;
        if call.name.starts_with("symlink") {
            return Err("a symbolic link".into());
        }
        let Some(first) = first else { return Ok(()) };
        if call.name.starts_with("mkdir") {
            self.create(&first, true);
            return Ok(());
        }
        let Some(node) = self.now.entry(first.folder, &first.name) else { return Ok(()) };
        if matches!(call.name, "unlink" | "unlinkat" | "rmdir") {
            let op = Op::Remove { folder: first.folder, name: first.name, node };
            self.push(op, &format!("remove {}", first.path));
            return Ok(());
        }
        let argument = if is_at { 3 } else { 1 };
        let Some(second) = self.place(call, argument, is_at.then_some(2))? else {
            return Err("a name beyond the home".into());
        };
        if self.now.entry(second.folder, &second.name) == Some(node) {
            return Ok(());
        }
        if call.name.starts_with("link") {
            let op = Op::Name { folder: second.folder, name: second.name, node };
            self.push(op, &format!("link {} {}", first.path, second.path));
        } else {
            let said = format!("rename {} {}", first.path, second.path);
            let (from, to) = ((first.folder, first.name), (second.folder, second.name));
            self.push(Op::Move { from, to, node }, &said);
        }
        Ok(())
    }
}

/// Whether a name is, or begins as, the id of a link.
fn is_drawn(name: &str) -> bool {
    let (id, _) = name.split_once('.').unwrap_or((name, ""));
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A path without what differs from run to run: numbers of processes and drawn ids.
fn shown(path: &Path) -> String {
    let part = |part: &OsStr| {
        let text = String::from_utf8_lossy(part.as_bytes()).into_owned();
        match text.split_once(".segue-") {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{name}.segue-N")
            }
            _ if is_drawn(&text) => text.replacen(&text[..16], "LINK", 1),
            _ => text,
        }
    };
    path.iter().map(part).collect::<Vec<_>>().join("/")
}
