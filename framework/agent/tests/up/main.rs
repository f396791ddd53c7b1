//! The command `segue up` as a process: libraries that change, commands meanwhile, signals, and those
//! who would hold it up.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod commands;
mod desk;
mod ended;
mod killed;
mod metrics;
mod unwelcome;

use desk::{Desk, Running};

#[test]
fn what_is_saved_in_one_player_is_in_the_other_a_moment_later_and_back() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    let first: serde_json::Value = serde_json::from_str(&agent.first).unwrap();
    assert_eq!(first["pid"], agent.child.id());
    assert_eq!(first["peer"].as_str().unwrap().len(), 64);
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
    desk.use_strawberry(0.4);
    agent.until("rhythmbox got");
    assert_eq!(desk.in_rhythmbox(), r#"Some("2") stars, Some("7") plays"#);
    assert_eq!(agent.stop("-TERM"), Some(0));
    let sync = desk.json(&["sync"]);
    assert_eq!(sync["operation"], serde_json::Value::Null, "nothing is left: {sync}");
}

#[test]
fn what_changed_while_no_agent_ran_is_passed_on_when_one_starts() {
    let desk = Desk::linked();
    desk.use_rhythmbox(4, 7);
    let mut agent = Running::start(&desk);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
}

/// The libraries that a pass left out.
fn paused_in(pass: &serde_json::Value) -> Vec<&str> {
    let all = pass["libraries"].as_array().unwrap().iter();
    all.filter(|one| one["state"] == "paused").filter_map(|one| one["library"].as_str()).collect()
}

#[test]
fn a_paused_library_is_left_alone_also_by_the_next_agent_and_then_gets_all() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    let before = desk.in_strawberry();
    let paused = desk.json(&["service", "strawberry", "pause"]);
    assert_eq!(paused["services"][0]["state"], "paused");
    desk.use_rhythmbox(4, 7);
    agent.until("rhythmbox gave");
    // One behind another, so this comes after the pass.
    assert_eq!(paused_in(&desk.json(&["sync"])), ["strawberry"]);
    assert_eq!(desk.in_strawberry(), before);
    assert_eq!(agent.stop("-TERM"), Some(0));
    assert_eq!(desk.service("rhythmbox"), "not running");
    assert_eq!(desk.service("strawberry"), "paused");
    for words in [&["plan", "strawberry"][..], &["undo", "1"]] {
        let refused = desk.segue(words);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("is paused"), "{refused:?}");
    }

    let mut agent = Running::start(&desk);
    assert_eq!(desk.service("strawberry"), "paused");
    assert_eq!(paused_in(&desk.json(&["sync"])), ["strawberry"]);
    assert_eq!(desk.in_strawberry(), before);
    desk.json(&["service", "strawberry", "play"]);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
}

#[test]
fn a_library_that_fails_is_told_and_the_others_go_on() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    let whole = std::fs::read(desk.rhythmdb()).unwrap();
    std::fs::write(desk.rhythmdb(), "this is no library").unwrap();
    agent.until("rhythmbox failed");
    let status = desk.json(&["status"]);
    let states: Vec<_> = status["links"].as_array().unwrap().iter().collect();
    let rhythmbox = states.iter().find(|link| link["library"] == "rhythmbox").unwrap();
    assert_eq!(rhythmbox["state"], "failed", "{status}");
    assert!(rhythmbox["reason"].is_string(), "{status}");
    desk.use_strawberry(0.4);
    agent.until("strawberry gave");
    std::fs::write(desk.rhythmdb(), whole).unwrap();
    agent.until("rhythmbox got");
    assert_eq!(desk.in_rhythmbox().split(',').next(), Some(r#"Some("2") stars"#));
}

#[test]
fn a_disk_that_is_away_for_a_while_loses_nothing_and_deletes_nothing() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    desk.until_service("rhythmbox", "in step");
    let (before, database) = (desk.segue(&["export"]).stdout, desk.in_strawberry());
    let folder = desk.rhythmdb().parent().unwrap().to_owned();
    let away = folder.with_file_name("away");
    std::fs::rename(&folder, &away).unwrap();
    agent.until("rhythmbox failed");
    desk.use_strawberry(0.4);
    agent.until("strawberry gave");
    desk.use_strawberry(database.0);
    agent.until("strawberry gave");
    std::fs::rename(&away, &folder).unwrap();
    desk.until_service("rhythmbox", "in step");
    assert_eq!(desk.segue(&["export"]).stdout, before);
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
}

#[test]
fn where_the_system_watches_nothing_changes_are_seen_all_the_same() {
    let desk = Desk::linked();
    let Some(command) = desk.struck("inotify_init1", "error=EMFILE") else { return };
    let mut agent = Running::start_by(&desk, command);
    desk.until_service("strawberry", "in step");
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    assert_eq!(desk.in_strawberry(), (0.8, 7));
    let pid: serde_json::Value = serde_json::from_str(&agent.first).unwrap();
    let pid = pid["pid"].to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
}

#[test]
fn one_agent_for_each_folder_and_a_killed_one_is_no_obstacle() {
    let desk = Desk::linked();
    let mut agent = Running::start(&desk);
    let second = desk.segue(&["up"]);
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains(&format!("process {}", agent.child.id())), "{told}");
    agent.signal("-KILL");
    agent.child.wait().unwrap();
    assert!(desk.home.join("agent.sock").exists(), "what a killed one leaves");
    assert_eq!(desk.service("rhythmbox"), "not running");
    desk.json(&["sync"]);
    let agent = Running::start(&desk);
    assert_eq!(desk.json(&["status"])["agent"]["pid"], agent.child.id());
}

#[test]
fn it_ends_when_it_is_told_to_and_leaves_no_socket() {
    for signal in ["-TERM", "-INT"] {
        let desk = Desk::linked();
        let agent = Running::start(&desk);
        assert_eq!(agent.stop(signal), Some(0), "{signal}");
        assert!(!desk.home.join("agent.sock").exists());
    }
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_ends() {
    let desk = Desk::linked();
    let path = desk.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(desk::PATIENCE)).unwrap();
    let mut command = desk.within(env!("CARGO_BIN_EXE_segue"));
    command.env("NOTIFY_SOCKET", &path);
    let agent = Running::start_by(&desk, command);
    let heard = || {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(heard(), "READY=1");
    assert_eq!(agent.stop("-TERM"), Some(0));
    assert_eq!(heard(), "STOPPING=1");
}
