//! Joining with a document of one's own.

use crate::desk::Desk;

#[test]
fn a_library_stays_with_its_own_document_until_it_is_said_that_it_moves() {
    let (desk, laptop) = (Desk::rhythmbox("desk"), Desk::strawberry("laptop"));
    laptop.link("strawberry");
    let own = laptop.json(&["status"])["links"][0]["document"].clone();
    let agent = desk.up();
    let joined = laptop.json(&["join", &desk.ticket(&["--yes"])]);
    assert_eq!(joined["other_links"], serde_json::json!(["strawberry"]));
    assert_eq!(laptop.json(&["status"])["links"][0]["document"], own);
    let before = laptop.in_strawberry("Lantern Row");

    // A person moves it by hand: a first contact with the joined document.
    laptop.json(&["unlink", "strawberry"]);
    let plan = laptop.json(&["plan", "strawberry"]);
    assert_eq!(plan["matched"], 40);
    assert_eq!(plan["libraries"][0]["removes"], 0);
    laptop.json(&["apply", plan["plan"].as_str().unwrap()]);
    assert_eq!(laptop.json(&["status"])["links"][0]["document"], joined["document"]);
    assert!((laptop.in_strawberry("Lantern Row") - before).abs() < 0.001);
    let (synced, code) = laptop.answer(&["sync"]);
    assert_eq!(code, 0, "{synced}");
    agent.stop();
}

#[test]
fn with_yes_the_libraries_move_and_the_old_document_stays() {
    let (desk, laptop) = (Desk::rhythmbox("desk"), Desk::strawberry("laptop"));
    laptop.link("strawberry");
    let own = laptop.json(&["status"])["links"][0]["document"].clone();
    let old = laptop.export();
    let agent = desk.up();
    let joined = laptop.json(&["join", &desk.ticket(&["--yes"]), "--yes"]);
    assert_eq!(joined["moved"], serde_json::json!(["strawberry"]));
    laptop.link("strawberry");
    assert_eq!(laptop.json(&["status"])["links"][0]["document"], joined["document"]);
    let kept = laptop.segue(&["export", own.as_str().unwrap()]);
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), old);
    agent.stop();
}
