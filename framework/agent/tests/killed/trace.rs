//! Runs the command under `strace`, which lists its calls, and strikes at one of them.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use crate::desk::{Desk, Ran};

/// Calls that bring names to a disk or make it durable: all of them are tried. A question mark:
/// not every machine has it.
const FEW: &[&str] = &[
    "?rename",
    "renameat",
    "?renameat2",
    "?unlink",
    "unlinkat",
    "?link",
    "linkat",
    "?mkdir",
    "mkdirat",
    "?rmdir",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "copy_file_range",
];

/// Calls that bring bytes: hundreds.
const MANY: &[&str] = &["write", "pwrite64"];

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// The process is killed.
    Kill,
    /// The disk is full, from then on.
    Full,
    /// The disk fails, once.
    Fail,
}

impl Blow {
    fn injection(self, call: &Call) -> String {
        let Call { name, number } = call;
        match self {
            Self::Kill => format!("inject={name}:signal=KILL:when={number}"),
            Self::Full => format!("inject={name}:error=ENOSPC:when={number}+"),
            Self::Fail => format!("inject={name}:error=EIO:when={number}"),
        }
    }

    /// Whether a call can end so.
    pub(crate) fn may_hit(self, call: &Call) -> bool {
        let name = call.name.as_str();
        match self {
            Self::Kill => true,
            Self::Fail => !matches!(name, "unlink" | "unlinkat" | "rmdir"),
            Self::Full => !matches!(name, "unlink" | "unlinkat" | "rmdir" | "fsync" | "fdatasync"),
        }
    }
}

/// One call: its name, and how many of that name its thread made until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) number: usize,
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.number)
    }
}

impl Call {
    pub(crate) fn is_one_of_many(&self) -> bool {
        MANY.contains(&self.name.as_str())
    }
}

/// Why nothing can be tried here, if so.
pub(crate) fn missing() -> Option<String> {
    if let Err(error) = Command::new("sqlite3").arg("--version").output() {
        return Some(format!("sqlite3: {error}"));
    }
    let mut probe = Command::new("strace");
    probe.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"]);
    match probe.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.lines().next().unwrap_or("strace failed").to_owned())
        }
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// Runs a command and lists its calls.
pub(crate) fn calls(desk: &Desk, words: &[&str]) -> Vec<Call> {
    let all = FEW.iter().chain(MANY).copied().collect::<Vec<_>>().join(",");
    let (ran, trace) = strace(desk, &["-e", &format!("trace={all}")], words);
    assert_eq!(ran.code, Some(0), "{words:?}: {}{}", ran.out, ran.err);
    parse(&trace)
}

/// Runs a command and strikes at one call. Returns whether the call was made.
pub(crate) fn strike(desk: &Desk, words: &[&str], call: &Call, blow: Blow) -> (Ran, bool) {
    let (trace, inject) = (format!("trace={}", call.name), blow.injection(call));
    let (ran, trace) = strace(desk, &["-e", &trace, "-e", &inject], words);
    let happened = trace.contains("+++ killed by SIGKILL") || trace.contains("(INJECTED)");
    (ran, happened)
}

/// Runs a command and kills it at a call of this name and number among those that concern these files.
pub(crate) fn kill(desk: &Desk, words: &[&str], call: (&str, usize), files: &[&str]) -> bool {
    let (name, number) = call;
    let (trace, inject) =
        (format!("trace={name}"), format!("inject={name}:signal=KILL:when={number}"));
    let files: Vec<String> =
        files.iter().map(|file| desk.path().join(file).display().to_string()).collect();
    let mut options = vec!["-e", &trace, "-e", &inject];
    options.extend(files.iter().flat_map(|file| ["-P", file]));
    strace(desk, &options, words).0.code.is_none()
}

fn strace(desk: &Desk, options: &[&str], words: &[&str]) -> (Ran, String) {
    let log = desk.path().join("trace");
    let mut command = desk.within("strace");
    command.args(["-f", "-o"]).arg(&log).args(options);
    let output = command.arg("--").arg(env!("CARGO_BIN_EXE_segue")).args(words).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran =
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
    let trace = text(&fs::read(&log).unwrap());
    fs::remove_file(&log).unwrap();
    (ran, trace)
}

/// The calls of all threads; one that several threads make is listed once.
fn parse(trace: &str) -> Vec<Call> {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if !FEW.iter().chain(MANY).any(|call| call.trim_start_matches('?') == name) {
            continue;
        }
        let number = counts.entry((thread, name)).or_default();
        *number += 1;
        let call = Call { name: name.to_owned(), number: *number };
        if !calls.contains(&call) {
            calls.push(call);
        }
    }
    calls
}

#[test]
fn calls_are_counted_thread_by_thread() {
    let trace = "7 write(1, \"x\", 1) = 1\n8 write(3, \"ab\" <unfinished ...>\n\
                 8 <... write resumed>) = 2\n7 write(1, \"y\", 1) = 1\n7 +++ exited with 0 +++\n";
    let call = |number| Call { name: "write".into(), number };
    assert_eq!(parse(trace), [call(1), call(2)]);
}
