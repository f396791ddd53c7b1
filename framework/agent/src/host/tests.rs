//! Each guard of the host, on a made-up process table, on real processes and on a real bus.

mod address;
mod real;
mod session_bus;
mod table;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use segue_translator::{Host, Probe};
use tempfile::TempDir;

use super::ThisComputer;

const OWN_PID: u32 = 4000;
const APP: &[&str] = &["rhythmbox"];

/// A process table, and a home with a library in it.
struct World {
    folder: TempDir,
    library: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let library = folder.path().join("home/.local/share/rhythmbox/rhythmdb.xml");
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        fs::write(&library, "<rhythmdb version=\"2.0\"/>").unwrap();
        let world = Self { folder, library };
        world.process(OWN_PID, "segue");
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn home(&self) -> PathBuf {
        self.at("home")
    }

    fn proc(&self) -> PathBuf {
        self.at("proc")
    }

    /// A living process of this name, of our own user, with no files open and another home.
    fn process(&self, pid: u32, comm: &str) -> Made {
        let made = Made { folder: self.proc().join(pid.to_string()) };
        fs::create_dir_all(made.folder.join("fd")).unwrap();
        fs::write(made.folder.join("stat"), format!("{pid} ({comm}) S 1 {pid} 0")).unwrap();
        made.cmdline(&["/usr/bin/something"]).environ(&[("HOME", &self.at("other"))])
    }

    fn computer(&self) -> ThisComputer {
        ThisComputer::new(self.proc(), None, OWN_PID)
    }

    fn probe(&self, holds_open: bool) -> Probe<'_> {
        Probe { processes: APP, bus_names: &[], library: &self.library, holds_open }
    }

    fn running(&self, holds_open: bool) -> Option<String> {
        self.computer().running(&self.probe(holds_open))
    }
}

/// A made-up process, to be changed.
struct Made {
    folder: PathBuf,
}

impl Made {
    fn cmdline(self, arguments: &[&str]) -> Self {
        fs::write(self.folder.join("cmdline"), arguments.join("\0")).unwrap();
        self
    }

    fn environ(self, variables: &[(&str, &Path)]) -> Self {
        let lines = variables.iter().map(|(name, value)| format!("{name}={}\0", value.display()));
        fs::write(self.folder.join("environ"), lines.collect::<String>()).unwrap();
        self
    }

    fn state(self, state: char) -> Self {
        let stat = fs::read_to_string(self.folder.join("stat")).unwrap();
        fs::write(self.folder.join("stat"), stat.replace(") S", &format!(") {state}"))).unwrap();
        self
    }

    fn program(self, path: &str) -> Self {
        symlink(path, self.folder.join("exe")).unwrap();
        self
    }

    fn opens(self, path: &Path) -> Self {
        symlink(path, self.folder.join("fd/7")).unwrap();
        self
    }

    fn hides_its_files(self) -> Self {
        fs::remove_dir(self.folder.join("fd")).unwrap();
        self
    }

    fn hides_its_environment(self) -> Self {
        fs::remove_file(self.folder.join("environ")).unwrap();
        self
    }

    fn user(self, uid: u32) -> Self {
        let status = format!("Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n");
        fs::write(self.folder.join("status"), status).unwrap();
        self
    }
}
