//! The agent told to end while it works. What it works on is made to take its time: somebody else
//! holds the lock of those who write.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use segue_store::{HomeLock, Store};

use crate::desk::{Desk, Running};

fn hold(desk: &Desk) -> HomeLock {
    Store::lock(&desk.home, |_| true).unwrap()
}

/// An agent in a pass that cannot end yet: a rating of Rhythmbox is on its way.
fn in_a_pass(desk: &Desk) -> (Running, HomeLock) {
    let agent = Running::start(desk);
    desk.until_service("rhythmbox", "in step");
    desk.until_service("strawberry", "in step");
    let held = hold(desk);
    desk.use_rhythmbox(4, 7);
    desk.until_service("rhythmbox", "changed");
    (agent, held)
}

#[test]
fn a_pass_that_was_begun_is_finished() {
    let desk = Desk::linked();
    let (mut agent, held) = in_a_pass(&desk);
    agent.signal("-TERM");
    agent.until("ends: it was told to end");
    drop(held);
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
    assert_eq!(desk.in_strawberry(), (0.8, 7));
}

#[test]
fn who_insists_ends_it_at_once_and_the_next_agent_goes_on() {
    let desk = Desk::linked();
    let before = desk.in_strawberry();
    let (mut agent, held) = in_a_pass(&desk);
    agent.signal("-TERM");
    agent.until("ends: it was told to end");
    agent.signal("-TERM");
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
    assert_eq!(desk.in_strawberry(), before, "it ended in a pass");
    drop(held);
    let mut agent = Running::start(&desk);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
}

/// Somebody who wants all synced.
fn ask(desk: &Desk) -> BufReader<UnixStream> {
    let mut reader = BufReader::new(desk.connect());
    reader.read_line(&mut String::new()).unwrap();
    let asked = b"{\"Do\":{\"Sync\":{\"libraries\":[],\"dry_run\":false,\"yes\":false}}}\n";
    reader.get_mut().write_all(asked).unwrap();
    reader
}

/// The last line of the answer.
fn answer(mut reader: BufReader<UnixStream>) -> String {
    let mut told = String::new();
    reader.read_to_string(&mut told).unwrap();
    told.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_command_that_was_begun_is_answered_and_one_that_was_not_is_told_so() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    desk.until_service("strawberry", "in step");
    let held = hold(&desk);
    let first = ask(&desk);
    agent.until("got the command sync");
    let second = ask(&desk);
    agent.until("got the command sync");
    agent.signal("-TERM");
    agent.until("ends: it was told to end");
    drop(held);
    let first = answer(first);
    assert!(first.starts_with("{\"Done\":{\"Pass\""), "{first}");
    let second = answer(second);
    assert!(second.contains("this was not begun"), "{second}");
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
}
