//! A real session bus, and sockets that only look like one.

use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use segue_translator::{Host, Probe};
use zbus::{Connection, connection};

use super::super::ThisComputer;
use super::{APP, OWN_PID, World};

const NAME: &str = "org.gnome.Rhythmbox3";

/// A bus of our own; ended with the test.
struct Daemon {
    child: Child,
    address: String,
}

impl Daemon {
    /// Starts one, at this address or any; `None`, with the reason printed, if none is installed.
    fn start(address: Option<&str>) -> Option<Self> {
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]).stdout(Stdio::piped());
        command.args(address.map(|address| format!("--address={address}")));
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: dbus-daemon is not installed");
                return None;
            }
            Err(error) => panic!("dbus-daemon: {error}"),
        };
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, address: line.trim().to_owned() })
    }

    /// A connection of this test's process that owns the app's name.
    fn own(&self) -> Connection {
        let address = self.address.as_str();
        zbus::block_on(connection::Builder::address(address).name(NAME).build()).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl World {
    fn on_bus(&self, address: &str) -> ThisComputer {
        ThisComputer::new(self.proc(), Some(address.to_owned()), OWN_PID)
    }

    fn bus_probe(&self) -> Probe<'_> {
        Probe { processes: APP, bus_names: &[NAME], library: &self.library, holds_open: false }
    }
}

#[test]
fn the_owner_of_a_bus_name_counts_while_it_owns_it() {
    let Some(daemon) = Daemon::start(None) else { return };
    let world = World::new();
    let computer = world.on_bus(&daemon.address);
    assert_eq!(computer.running(&world.bus_probe()), None);
    let owner = daemon.own();
    let pid = std::process::id();
    let unseen = format!("{NAME} (process {pid})");
    assert_eq!(computer.running(&world.bus_probe()), Some(unseen), "its process is not visible");
    world.process(pid, "gnome-music").environ(&[("HOME", &world.home())]);
    let seen = format!("gnome-music (process {pid})");
    assert_eq!(computer.running(&world.bus_probe()), Some(seen));
    assert!(zbus::block_on(owner.release_name(NAME)).unwrap());
    assert_eq!(computer.running(&world.bus_probe()), None);
}

#[test]
fn an_owner_with_another_home_does_not_count_unless_it_is_a_proxy() {
    let Some(daemon) = Daemon::start(None) else { return };
    let world = World::new();
    let _owner = daemon.own();
    world.process(std::process::id(), "gnome-music");
    assert_eq!(world.on_bus(&daemon.address).running(&world.bus_probe()), None);
    world.process(std::process::id(), "xdg-dbus-proxy");
    assert!(world.on_bus(&daemon.address).running(&world.bus_probe()).is_some());
}

#[test]
fn our_own_connection_does_not_count() {
    let Some(daemon) = Daemon::start(None) else { return };
    let world = World::new();
    let _owner = daemon.own();
    let own = Some(daemon.address.clone());
    let computer = ThisComputer::new(world.proc(), own, std::process::id());
    assert_eq!(computer.running(&world.bus_probe()), None);
}

#[test]
fn a_bus_that_was_started_anew_is_found_again() {
    let world = World::new();
    let address = format!("unix:path={}", world.at("bus").display());
    let computer = world.on_bus(&address);
    assert_eq!(computer.running(&world.bus_probe()), None, "no bus, nobody there");
    for _ in 0..2 {
        let Some(daemon) = Daemon::start(Some(&address)) else { return };
        let _owner = daemon.own();
        assert!(computer.running(&world.bus_probe()).is_some());
    }
}

#[test]
fn it_may_be_asked_inside_an_async_runtime() {
    let Some(daemon) = Daemon::start(None) else { return };
    let world = World::new();
    let computer = world.on_bus(&daemon.address);
    let _owner = daemon.own();
    let inside = zbus::block_on(async { computer.running(&world.bus_probe()) });
    assert!(inside.is_some());
}

#[test]
fn a_bus_that_does_not_answer_is_in_doubt_and_ends() {
    let world = World::new();
    let _deaf = UnixListener::bind(world.at("bus")).unwrap();
    let computer = world.on_bus(&format!("unix:path={}", world.at("bus").display()));
    let start = Instant::now();
    let words = computer.running(&world.bus_probe()).unwrap();
    assert_eq!(words, "perhaps rhythmbox (the session bus does not answer)");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_bus_is_not_asked_before_it_is_needed() {
    let world = World::new();
    let listener = UnixListener::bind(world.at("bus")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let computer = world.on_bus(&format!("unix:path={}", world.at("bus").display()));
    assert_eq!(computer.running(&world.probe(false)), None);
    world.process(7, "rhythmbox").environ(&[("HOME", &world.home())]);
    assert!(computer.running(&world.bus_probe()).is_some());
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
