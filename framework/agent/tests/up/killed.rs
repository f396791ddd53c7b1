//! The agent killed at calls of a pass, and another one that goes on. Without `strace` nothing can be
//! tried, and a line says so.

use crate::desk::{Desk, Running};

/// Calls that bring bytes or names to a disk, and at which of them, counted by thread, it is killed.
const BLOWS: &[(&str, &[u32])] = &[
    ("pwrite64", &[1, 4, 9, 16, 25, 36]),
    ("fdatasync", &[1, 2, 3, 5]),
    ("fsync", &[1, 2]),
    ("?unlink", &[1, 2]),
];

#[test]
fn killed_in_a_pass_nothing_is_lost_and_nothing_is_doubled() {
    let mut kills = 0;
    for (call, numbers) in BLOWS {
        for number in *numbers {
            let desk = Desk::linked();
            let inject = format!("signal=KILL:when={number}");
            let Some(command) = desk.struck(call, &inject) else { return };
            let mut struck = Running::start_by(&desk, command);
            desk.use_rhythmbox(4, 7);
            let was_done = struck.says("strawberry got");
            kills += u32::from(!was_done);
            if was_done {
                let pid: serde_json::Value = serde_json::from_str(&struck.first).unwrap();
                let pid = pid["pid"].to_string();
                std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
            }
            struck.child.wait().unwrap();
            let agent = Running::start(&desk);
            // The agent is asked, so what it does at its start is done before.
            desk.json(&["sync"]);
            let blow = format!("{call} {number}");
            assert_eq!(desk.in_strawberry(), (0.8, 7), "{blow}");
            assert_eq!(desk.in_rhythmbox(), r#"Some("4") stars, Some("7") plays"#, "{blow}");
            assert_eq!(agent.stop("-TERM"), Some(0), "{blow}");
            assert_eq!(desk.json(&["doctor"])["sound"], true, "{blow}");
        }
    }
    assert!(kills >= 6, "only {kills} blows met a pass");
}
