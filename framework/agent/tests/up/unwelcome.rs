//! Clients that hang, flood or talk nonsense; agents that do.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::json;

use crate::desk::{Desk, Running};

#[test]
fn clients_that_hang_or_flood_hold_nobody_up() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    let mut hung: Vec<UnixStream> = (0..8).map(|_| desk.connect()).collect();
    for stream in &mut hung[..4] {
        stream.write_all(b"{\"Do\":").unwrap();
    }
    // This one asks, and does not read.
    hung[4]
        .write_all(b"{\"Do\":{\"Sync\":{\"libraries\":[],\"dry_run\":true,\"yes\":false}}}\n")
        .unwrap();
    let mut flood = desk.connect();
    let line = vec![b'x'; 1 << 20];
    // It is cut off, sooner or later.
    let _ = flood.write_all(&line);
    let mut told = Vec::new();
    let _ = flood.read_to_end(&mut told);
    assert!(told.len() < 1_000, "no more than who it is");
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    desk.json(&["sync"]);
    assert_eq!(desk.in_strawberry(), (0.8, 7));
    // Those who say nothing, or not all of it, are cut off.
    for one in [0, 5] {
        let mut told = String::new();
        hung[one].read_to_string(&mut told).unwrap();
        assert_eq!(told.lines().count(), 1, "no more than who it is: {told}");
    }
}

#[test]
fn too_many_clients_are_told_so_and_places_become_free() {
    let desk = Desk::linked();
    let agent = Running::start(&desk);
    let mut all = Vec::new();
    let refused = loop {
        let mut reader = BufReader::new(desk.connect());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.contains("Failed") {
            break line;
        }
        all.push(reader);
        assert!(all.len() < 1_000, "no bound");
    };
    assert!(refused.contains("commands already"), "{refused}");
    let told = desk.segue(&["sync"]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("commands already"), "{told:?}");
    // Those that read only do not need it to say anything.
    assert_eq!(desk.segue(&["log"]).status.code(), Some(0));
    for reader in all {
        let mut stream = reader.into_inner();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
    desk.json(&["sync"]);
    drop(agent);
}

#[test]
fn nonsense_is_answered_as_such() {
    let desk = Desk::linked();
    let agent = Running::start(&desk);
    for line in ["\n", "{}\n", "{\"Do\":\"Fly\"}\n", "\u{0}\n", "[[[[[[\n", "{\"Do\":\"Log\"}\n"] {
        let mut stream = desk.connect();
        stream.write_all(line.as_bytes()).unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].contains("Welcome"), "{line:?}: {told}");
        assert!(lines.len() == 1 || lines[1].contains("Failed"), "{line:?}: {told}");
    }
    assert_eq!(desk.json(&["service"])["agent"]["pid"], agent.child.id());
    drop(agent);
}

/// What an agent of this version speaks.
fn protocol() -> u32 {
    let desk = Desk::linked();
    let agent = Running::start(&desk);
    let mut welcome = String::new();
    BufReader::new(desk.connect()).read_line(&mut welcome).unwrap();
    drop(agent);
    let welcome: serde_json::Value = serde_json::from_str(&welcome).unwrap();
    u32::try_from(welcome["Welcome"]["protocol"].as_u64().unwrap()).unwrap()
}

/// What a command says to an agent that welcomes it so, reads the question and goes away.
fn told_by(version: &str, protocol: u32) -> String {
    let desk = Desk::linked();
    let listener = UnixListener::bind(desk.home.join("agent.sock")).unwrap();
    let agent = json!({ "pid": 1, "version": version, "peer": "x", "since": 0 });
    let welcome = json!({ "Welcome": { "protocol": protocol, "agent": agent } });
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(format!("{welcome}\n").as_bytes()).unwrap();
        // It may ask nothing.
        let _ = BufReader::new(&stream).read_line(&mut String::new());
    });
    let output = desk.segue(&["sync"]);
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_agent_that_ends_meanwhile_or_is_another_version_is_told() {
    let protocol = protocol();
    let ended = told_by(env!("CARGO_PKG_VERSION"), protocol);
    assert!(ended.contains("ended before it had answered"), "{ended}");
    let other = told_by("99.0.0", protocol);
    assert!(other.contains("99.0.0") && other.contains("restart it"), "{other}");
    let other = told_by(env!("CARGO_PKG_VERSION"), protocol + 1);
    assert!(other.contains("restart it"), "{other}");
}
