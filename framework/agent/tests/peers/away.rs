//! Devices that are away, come back, and are put out.

use crate::desk::Desk;

const SONG: &str = "Lantern Row";

/// A desk and a laptop that share a document; the laptop's Strawberry is linked.
fn pair() -> (Desk, Desk) {
    let (desk, laptop) = (Desk::rhythmbox("desk"), Desk::strawberry("laptop"));
    let (ticket, hosting) = desk.invites(&["--yes"]);
    laptop.json(&["join", &ticket]);
    assert_eq!(hosting.ended(), 0);
    laptop.link("strawberry");
    (desk, laptop)
}

#[test]
fn a_pass_without_an_agent_takes_and_gives_what_can_be_reached_and_names_who_is_away() {
    let (desk, laptop) = pair();
    laptop.rate_in_strawberry(SONG, 0.8);
    let (away, code) = laptop.answer(&["sync"]);
    assert_eq!((code, &away["away"]), (4, &serde_json::json!(["desk"])), "{away}");
    assert!(away["operation"].is_number(), "what was done is what is told: {away}");
    let agent = desk.up();
    let (there, code) = laptop.answer(&["sync"]);
    assert_eq!((code, &there["away"]), (0, &serde_json::json!([])), "{there}");
    desk.until_known(SONG, 80);
    assert_eq!(laptop.export(), desk.export());
    agent.stop();
}

#[test]
fn what_was_changed_on_both_sides_while_apart_meets() {
    let (desk, laptop) = pair();
    laptop.rate_in_strawberry(SONG, 0.8);
    let laptops = laptop.up();
    laptop.until_known(SONG, 80);
    laptops.stop();
    desk.json(&["resolve", "Exit Music", "rating", "20"]);
    let (one, two) = (desk.up(), laptop.up());
    desk.until_in_step();
    desk.until_known(SONG, 80);
    laptop.until_known("Exit Music", 20);
    assert_eq!(laptop.export(), desk.export());
    let why = desk.json(&["why", SONG, "rating"]);
    assert_eq!(why["fields"][0]["libraries"], serde_json::json!(["strawberry@laptop"]));
    assert!(why["fields"][0]["at"].is_i64(), "when it was made there: {why}");
    // It is written into the app, too.
    let latest = std::time::Instant::now() + crate::desk::PATIENCE;
    while (laptop.in_strawberry("Exit Music") - 0.2).abs() > 0.001 {
        assert!(std::time::Instant::now() < latest);
    }
    one.stop();
    two.stop();
}

#[test]
fn f40_a_device_that_was_put_out_hears_and_changes_nothing_more() {
    let (desk, laptop) = pair();
    let (one, two) = (desk.up(), laptop.up());
    laptop.until_in_step();
    desk.until_in_step();
    let metrics = String::from_utf8(desk.segue(&["metrics"]).stdout).unwrap();
    assert!(metrics.contains("segue_peers{state=\"in step\"} 1\n"), "{metrics}");
    let status = String::from_utf8(desk.segue(&["status"]).stderr).unwrap();
    assert!(status.contains("laptop is in step.\n"), "{status}");
    laptop.rate_in_strawberry(SONG, 0.8);
    desk.until_known(SONG, 80);
    let revoked = desk.json(&["revoke", "laptop", "--yes"]);
    assert_eq!(revoked["documents"], 1);
    let left = desk.json(&["peers"]);
    assert_eq!(left["peers"].as_array().unwrap().len(), 0);
    let metrics = String::from_utf8(desk.segue(&["metrics"]).stdout).unwrap();
    let of_peers = metrics.lines().filter(|line| line.starts_with("segue_peers{"));
    assert!(of_peers.clone().all(|line| line.ends_with(" 0")), "{metrics}");
    assert_eq!(of_peers.count(), 3);
    laptop.rate_in_strawberry(SONG, 0.2);
    laptop.until_peers("it is alone", |peers| {
        peers["peers"].as_array().unwrap().iter().all(|peer| peer["online"] == false)
    });
    desk.json(&["resolve", "Exit Music", "rating", "100"]);
    assert_eq!(desk.known(SONG), 80, "what it wrote before goes on counting");
    assert_ne!(laptop.known("Exit Music"), 100);
    assert!(desk.refused(&["revoke", "laptop", "--yes"]).contains("no device `laptop`"));
    one.stop();
    two.stop();
}
