//! Real processes, under an app's name.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use segue_translator::Host;

use super::super::{PROC, ThisComputer};
use super::World;

/// One test at a time: a process that is just beginning does not say yet whose home it has, and counts.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that bears the app's name and does nothing; ended with the test.
struct App(Child);

impl App {
    fn start(world: &World, home: &Path, stdin: Stdio) -> Self {
        let program = world.at("rhythmbox");
        if !program.exists() {
            symlink("/bin/sleep", &program).unwrap();
        }
        let mut command = Command::new(program);
        Self(command.arg("600").env_clear().env("HOME", home).stdin(stdin).spawn().unwrap())
    }

    /// Ends it, and leaves the zombie.
    fn kill(&mut self) {
        self.0.kill().unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn running(world: &World, holds_open: bool) -> Option<String> {
    let computer = ThisComputer::new(PROC, None, std::process::id());
    computer.running(&world.probe(holds_open))
}

#[test]
fn a_real_process_counts_while_it_lives() {
    let _alone = alone();
    let world = World::new();
    assert_eq!(running(&world, false), None);
    let mut app = App::start(&world, &world.home(), Stdio::null());
    let words = format!("rhythmbox (process {})", app.0.id());
    assert_eq!(running(&world, false).as_deref(), Some(words.as_str()));
    assert_eq!(running(&world, true).as_deref(), Some(words.as_str()));
    app.kill();
    app.0.wait().unwrap();
    assert_eq!(running(&world, false), None);
}

#[test]
fn a_real_process_of_another_home_counts_only_with_the_library_open() {
    let _alone = alone();
    let world = World::new();
    let _app = App::start(&world, &world.at("other"), Stdio::null());
    assert_eq!(running(&world, true), None);
    let opened = Stdio::from(File::open(&world.library).unwrap());
    let app = App::start(&world, &world.at("other"), opened);
    let words = format!("rhythmbox (process {})", app.0.id());
    assert_eq!(running(&world, true), Some(words));
}
