//! Tells whether an app that runs on this computer has a library open.
//!
//! Two witnesses are heard: the process table, and the session bus for apps whose process has
//! another name or lives where it cannot be seen. A process of the right name with another library
//! (another home folder, a sandbox) is no danger and must not hold a sync back, so each witness's
//! process is judged by the files it has open, its arguments and its environment. This module
//! decides nothing about what then happens to a plan, and never starts or stops an app.
//!
//! Invariant: a library is called free only on evidence. What cannot be read counts as running.

mod bus;
mod folders;
mod library;
mod process;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use segue_translator::{Host, Probe};

use bus::{Answer, Bus};
use library::Library;
use process::ProcessTable;

/// Where Linux shows its processes.
pub const PROC: &str = "/proc";

/// Connections of sandboxed apps belong to this process, whose environment is not the app's.
const BUS_PROXY: &str = "xdg-dbus-proxy";

/// The computer that this program runs on, as its process table and its session bus show it.
#[derive(Debug)]
pub struct ThisComputer {
    processes: ProcessTable,
    bus: Bus,
    own_pid: u32,
}

impl ThisComputer {
    /// A computer seen through `proc_root` (usually [`PROC`]) and the bus at `bus_address`.
    ///
    /// The process `own_pid` never counts as an app. Nothing is opened before the first question
    /// that needs it.
    pub fn new(proc_root: impl Into<PathBuf>, bus_address: Option<String>, own_pid: u32) -> Self {
        let processes = ProcessTable::new(proc_root.into(), own_pid);
        Self { processes, bus: Bus::new(bus_address), own_pid }
    }

    fn on_the_bus(&self, probe: &Probe<'_>, library: &Library) -> Option<String> {
        if probe.bus_names.is_empty() {
            return None;
        }
        match self.bus.owners(probe.bus_names) {
            Answer::NoBus => None,
            Answer::Silent => Some(format!(
                "perhaps {} (the session bus does not answer)",
                probe.processes.first().unwrap_or(&probe.bus_names[0])
            )),
            Answer::Owners(owners) => owners
                .into_iter()
                .find_map(|(name, pid)| self.owner_has(&name, pid, probe, library)),
        }
    }

    /// Judges the process behind a bus name, in words if it may have the library.
    fn owner_has(
        &self,
        name: &str,
        pid: Option<u32>,
        probe: &Probe<'_>,
        library: &Library,
    ) -> Option<String> {
        let Some(pid) = pid else { return Some(format!("{name} (on the session bus)")) };
        if pid == self.own_pid {
            return None;
        }
        let words = |name: &str| Some(format!("{name} (process {pid})"));
        match self.processes.process(pid) {
            // Another namespace, perhaps: the bus says that it is there.
            None => words(name),
            Some(process) if process.comm() == BUS_PROXY => words(name),
            Some(process) if process.has(library, probe.holds_open) => words(process.comm()),
            Some(_) => None,
        }
    }
}

impl Host for ThisComputer {
    fn running(&self, probe: &Probe<'_>) -> Option<String> {
        let library = Library::new(probe.library, self.processes.own_uid());
        self.processes.running(probe, &library).or_else(|| self.on_the_bus(probe, &library))
    }

    fn since_start(&self) -> Option<(String, u32)> {
        self.processes.since_start()
    }
}

/// The address of the session bus by these two variables (`DBUS_SESSION_BUS_ADDRESS`,
/// `XDG_RUNTIME_DIR`); `None` if neither leads to one.
pub fn bus_address(address: Option<&OsStr>, runtime_dir: Option<&OsStr>) -> Option<String> {
    if let Some(address) = address.filter(|address| !address.is_empty()) {
        return address.to_str().map(str::to_owned);
    }
    let socket = Path::new(runtime_dir?).join("bus");
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_/.\\".contains(byte);
    let path = socket.to_str().filter(|path| path.bytes().all(|byte| plain(&byte)))?;
    socket.exists().then(|| format!("unix:path={path}"))
}

#[cfg(test)]
mod tests;
