//! Commands while the agent runs say and do what they do without it.

use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use crate::desk::{Desk, Running};

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_command_says_the_same_with_the_agent_and_without() {
    let desk = Desk::linked();
    let lines: &[&[&str]] = &[
        &["export"],
        &["log"],
        &["log", "--json"],
        &["find", "lantern"],
        &["conflicts"],
        &["match"],
        &["why", "Lantern Row", "--json"],
        &["sync", "--dry-run"],
        &["sync"],
        &["sync", "--json"],
        &["undo", "77"],
        &["unlink", "mpd=/nowhere"],
        &["unlink", "mpd=/nowhere", "--json"],
    ];
    let all = || lines.iter().map(|line| said(&desk.segue(line))).collect::<Vec<_>>();
    let without = all();
    let agent = Running::start(&desk);
    let with = all();
    for ((line, without), with) in lines.iter().zip(without).zip(with) {
        assert_eq!(without, with, "{line:?}");
    }
    drop(agent);
}

#[test]
fn a_command_that_writes_is_done_by_the_agent() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    let undone = desk.json(&["undo"]);
    agent.until("The agent got the command undo");
    let states: Vec<_> = undone["libraries"].as_array().unwrap().iter().collect();
    assert!(states.iter().any(|one| one["state"] == "written"), "{undone}");
    assert_ne!(desk.in_strawberry(), (0.8, 7));
    let log = desk.json(&["service", "log"]);
    let told = log.as_array().unwrap().iter().any(|row| row["what"] == "got the command undo");
    assert!(told, "{log}");
    let own = desk.json(&["service", "strawberry", "log"]);
    assert!(own.as_array().unwrap().iter().all(|row| row["library"] == "strawberry"), "{own}");
    assert!(!own.as_array().unwrap().is_empty());
    desk.json(&["unlink", "strawberry"]);
    assert_eq!(desk.json(&["service"])["services"].as_array().unwrap().len(), 1);
}

#[test]
fn a_path_means_what_it_means_where_the_command_was_typed() {
    let desk = Desk::linked();
    let agent = Running::start(&desk);
    let paused = desk.json(&["service", "rhythmbox=.local/share/rhythmbox", "pause"]);
    assert_eq!(paused["services"][0]["state"], "paused");
    drop(agent);
}

#[test]
fn only_this_user_can_speak_to_it_also_where_the_folder_has_a_long_name() {
    for home in ["segue".to_owned(), ["a-folder-with-a-long-name"; 6].join("/")] {
        let desk = Desk::linked_in(&home);
        let agent = Running::start(&desk);
        let mode =
            |name: &str| desk.home.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("agent.sock"), mode("")), (0o600, 0o700));
        assert_eq!(desk.json(&["service"])["agent"]["pid"], agent.child.id());
        drop(agent);
    }
}
