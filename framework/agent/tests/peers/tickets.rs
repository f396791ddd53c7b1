//! Who is let in with a ticket, and what is said to those who are not.

use crate::desk::Desk;

#[test]
fn a_ticket_lets_one_device_in_which_then_has_everything() {
    let (desk, laptop) = (Desk::rhythmbox("desk"), Desk::strawberry("laptop"));
    let (ticket, hosting) = desk.invites(&["--yes"]);
    let joined = laptop.json(&["join", &ticket]);
    assert_eq!((joined["items"].as_u64(), &joined["in_step"]), (Some(40), &true.into()));
    assert_eq!(joined["name"], "desk");
    assert_eq!(hosting.ended(), 0);
    assert_eq!(laptop.export(), desk.export());

    let peers = desk.json(&["peers"]);
    assert_eq!(peers["peers"][0]["name"], "laptop");
    assert_eq!(peers["peers"][0]["role"], "write");
    assert_eq!(peers["peers"][0]["online"], false);
    let status = laptop.json(&["status"]);
    assert_eq!(status["peers"][0]["id"], joined["peer"]);

    // What linking the library here would do: nothing is deleted, and its folder is found.
    let plan = laptop.json(&["plan", "strawberry"]);
    assert_eq!((plan["matched"].as_u64(), plan["items"].as_u64()), (Some(40), Some(40)));
    assert_eq!(plan["libraries"][0]["removes"], 0);
    assert_eq!(plan["libraries"][0]["root_files"], 40);
}

#[test]
fn a_used_cancelled_expired_altered_or_guessed_ticket_joins_nothing_and_says_why() {
    let (desk, laptop, thief) =
        (Desk::rhythmbox("desk"), Desk::bare("laptop"), Desk::bare("thief"));
    let agent = desk.up();
    let ticket = desk.ticket(&["--yes"]);
    laptop.json(&["join", &ticket]);
    assert!(thief.refused(&["join", &ticket]).contains("was used"));
    assert!(laptop.refused(&["join", &ticket]).contains("joined that document already"));
    assert!(desk.refused(&["join", &ticket]).contains("this one made it"));

    let cancelled = desk.ticket(&["--yes"]);
    assert_eq!(desk.json(&["invite", "--cancel"])["cancelled"], 1);
    assert!(thief.refused(&["join", &cancelled]).contains("was cancelled"));

    let short = desk.ticket(&["--yes", "--expires", "1s"]);
    desk.until_peers("its time is over", |peers| peers["invitations"] == serde_json::json!([]));
    assert!(thief.refused(&["join", &short]).contains("has expired"));
    assert!(desk.refused(&["invite", "--expires", "25h"]).contains("at most 24 hours"));

    let good = desk.ticket(&["--yes"]);
    let at = good.len() / 2;
    let other = if &good[at..=at] == "a" { "b" } else { "a" };
    let altered = format!("{}{other}{}", &good[..at], &good[at + 1..]);
    assert!(thief.refused(&["join", &altered]).contains("altered or not copied whole"));
    assert!(thief.refused(&["join", "segue1"]).contains("altered or not copied whole"));
    assert!(thief.refused(&["join", "https://example.org"]).contains("no ticket"));

    let guessed = guessed(&good);
    assert!(thief.refused(&["join", &guessed]).contains("nobody here gave out this ticket"));
    assert_eq!(thief.json(&["peers"])["peers"].as_array().unwrap().len(), 0);
    assert_eq!(thief.segue(&["export"]).status.code(), Some(1), "it has nothing");
    agent.stop();
}

/// The same ticket with another secret, and its sum made right.
fn guessed(ticket: &str) -> String {
    let mut ticket = segue_access::Ticket::decode(ticket).unwrap();
    ticket.secret.0[0] ^= 1;
    ticket.encode().unwrap()
}

#[test]
fn without_a_yes_a_person_compares_the_words_and_decides() {
    let (desk, laptop, phone) =
        (Desk::rhythmbox("desk"), Desk::bare("laptop"), Desk::bare("phone"));
    let agent = desk.up();
    let asks = |device: &Desk, ticket: &str| {
        let mut command = device.command(&["join", ticket, "--json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let waits = |name: &str| {
        let peers = desk.until_peers("somebody waits", |peers| {
            peers["waiting"].as_array().unwrap().iter().any(|row| row["name"] == name)
        });
        peers["waiting"][0]["words"].as_str().unwrap().to_owned()
    };
    let joining = asks(&laptop, &desk.ticket(&["--role", "read"]));
    let words = waits("laptop");
    assert_eq!(words.split(' ').count(), 4);
    assert_eq!(desk.json(&["peers"])["peers"].as_array().unwrap().len(), 0, "it is not in yet");
    let admitted = desk.json(&["peers", "--admit", "laptop"]);
    assert_eq!((&admitted["admitted"], &admitted["role"]), (&true.into(), &"read".into()));
    let output = joining.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains(&words.replace(' ', " · ")), "both screens say {words}: {shown}");

    let joining = asks(&phone, &desk.ticket(&[]));
    waits("phone");
    assert_eq!(desk.json(&["peers", "--refuse", "phone"])["admitted"], false);
    let output = joining.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("the inviter said no"));
    assert_eq!(desk.json(&["peers"])["peers"].as_array().unwrap().len(), 1);
    agent.stop();
}

#[test]
fn nothing_is_reached_that_was_not_allowed() {
    let desk = Desk::rhythmbox("desk");
    let agent = desk.up();
    let why = desk.refused(&["invite", "--network", "lan"]);
    assert!(why.contains("runs with --network loopback, not lan"), "{why}");
    agent.stop();
    let bare = Desk::bare("laptop");
    assert!(bare.refused(&["invite"]).contains("nothing to share yet"));
    // Without another device there is no socket but the agent's own.
    let agent = desk.up();
    assert!(!desk.home().join("network.port").exists());
    agent.stop();
}
