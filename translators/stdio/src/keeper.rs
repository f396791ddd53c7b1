//! Stays beside a program, so that nothing of it outlives it.
//!
//! A program can leave its process group and its parent (`setsid`, a double fork). Then the keeper is
//! its parent: what loses its own becomes a child of the nearest *subreaper* above. It ends them when
//! the program ends, or when its leash is let go, by Segue or by the death of Segue. It knows
//! nothing of limits or messages, and holds none of the program's streams but the log, whose
//! end says that all are gone.
//!
//! Invariant: it ends only after it has no children, unless it is killed itself. Then the kernel
//! kills the program ([`bind_to_keeper`]); what that had started by then remains.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, set_child_subreaper,
    set_parent_process_death_signal, wait, waitid,
};

/// The program's number while it is not waited for, so that it cannot be another's yet.
type Known = Arc<Mutex<Option<Pid>>>;

/// Runs a command until it ends or `leash` has no other end, and then ends what it left.
pub(crate) fn keep(mut command: Command, leash: File) -> io::Result<()> {
    set_child_subreaper(Some(getpid()))?;
    // What could not be found then could not be ended.
    children()?;
    let child = command.process_group(0).spawn()?;
    drop(command);
    let program = Pid::from_child(&child);
    let known: Known = Arc::new(Mutex::new(Some(program)));
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    let streams = rustix::stdio::dup2_stdin(&nothing);
    let streams = streams.and_then(|()| rustix::stdio::dup2_stdout(&nothing));
    let at_end = Arc::clone(&known);
    let watching =
        std::thread::Builder::new().spawn(move || kill_when_let_go(&leash, &at_end)).map(drop);
    let kept = streams.map_err(io::Error::from).and(watching);
    if kept.is_err() {
        let _ = kill_process(program, Signal::KILL);
    }
    wait_for(program, &known);
    end_all();
    kept
}

/// Has this process killed when the keeper with this number is.
pub(crate) fn bind_to_keeper(keeper: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if parent_id() == keeper { Ok(()) } else { Err(io::Error::other("who started it is gone")) }
}

/// Reaps until the program is gone.
fn wait_for(program: Pid, known: &Known) {
    loop {
        let ended = waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.and_then(|_| wait(WaitOptions::NOHANG)) {
            Ok(Some((gone, _))) if gone == program => break *known = None,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break *known = None,
        }
    }
}

fn kill_when_let_go(leash: &File, known: &Known) {
    // That the other end is gone is always told, whatever else is asked for.
    while poll(&mut [PollFd::new(leash, PollFlags::empty())], None) == Err(Errno::INTR) {}
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = *known {
        let _ = kill_process(program, Signal::KILL);
    }
}

/// Kills children until there are none: those of who is killed become ours.
fn end_all() {
    loop {
        let children = children().unwrap_or_default();
        for child in &children {
            let _ = kill_process(*child, Signal::KILL);
        }
        let how = if children.is_empty() { WaitOptions::NOHANG } else { WaitOptions::empty() };
        match wait(how) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// The processes whose parent this one is. Only it waits for them, so the numbers stay theirs.
fn children() -> io::Result<Vec<Pid>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { continue };
        // Who is gone meanwhile has no file.
        let stat = fs::read(format!("/proc/{}/stat", name.display())).unwrap_or_default();
        if parent(&stat) == Some(std::process::id()) {
            children.push(pid);
        }
    }
    Ok(children)
}

/// The second word after the name, which stands in brackets and may have any bytes.
fn parent(stat: &[u8]) -> Option<u32> {
    let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
    std::str::from_utf8(&stat[after..]).ok()?.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_whatever_the_name_is() {
        assert_eq!(parent(b"12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent(b"12 (a) S 3 (\xff) R 7 12"), Some(7));
        assert_eq!(parent(b""), None);
        let own = fs::read("/proc/self/stat").unwrap();
        assert_eq!(parent(&own), Some(parent_id()));
    }
}
