//! `--json` of every command: one value with the keys that programs rely on.

use serde_json::Value as Json;

use crate::desk::Desk;

fn has(json: &Json, keys: &[&str]) {
    for key in keys {
        assert!(json.get(key).is_some(), "`{key}` is missing in {json}");
    }
}

fn each<'a>(json: &'a Json, keys: &[&str]) -> &'a Vec<Json> {
    let list = json.as_array().unwrap();
    assert!(!list.is_empty(), "nothing in the list");
    for value in list {
        has(value, keys);
    }
    list
}

/// What a pass says.
fn pass(json: &Json) {
    has(json, &["operation", "conflicts"]);
    for library in each(&json["libraries"], &["library", "state", "written", "reason"]) {
        let state = library["state"].as_str().unwrap();
        assert!(["written", "unchanged", "waiting", "held", "failed"].contains(&state), "{state}");
    }
}

#[test]
fn json_has_the_keys_of_the_contract() {
    let desk = Desk::new();
    has(&desk.json(&[]), &["libraries"]);
    let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
    has(&plan, &["plan", "libraries", "matched", "doubtful", "conflicts", "held"]);
    let counts = ["library", "running", "sets", "adds", "removes", "collections"];
    each(&plan["libraries"], &counts);
    let id = plan["plan"].as_str().unwrap();
    each(&desk.json(&["plan", id, "--show", "ratings"]), &["library", "what", "field", "new"]);
    pass(&desk.json(&["apply", id]));
    let status = desk.json(&["status"]);
    each(&status["links"], &["library", "path", "document", "state"]);
    has(&status, &["peers"]);
    each(&desk.json(&["log"]), &["operation", "kind", "at", "summary", "plan", "undoes"]);
    each(&desk.json(&["find", "ferry"]), &["id", "kind", "title", "fields", "location"]);
    let trace = desk.json(&["why", "Ferry Bell"]);
    has(&trace, &["item", "title"]);
    each(&trace["fields"], &["field", "value", "shown", "libraries", "operation", "at"]);
    for row in each(&desk.json(&["conflicts"]), &["item", "field", "shown"]) {
        each(&row["values"], &["value", "library", "device"]);
    }
    pass(&desk.json(&["resolve", "改札口", "rating", "100"]));
    pass(&desk.json(&["sync"]));
    has(&desk.json(&["sync", "--dry-run"]), &["libraries", "matched", "held"]);
    pass(&desk.json(&["undo"]));
    pass(&desk.json(&["redo"]));
    assert!(desk.json(&["match"]).as_array().is_some());
    has(&desk.json(&["unlink", "strawberry"]), &["library", "operation"]);
    has(&desk.json(&["doctor"]), &["checks", "sound"]);
    has(&serde_json::from_str(&desk.run(&["undo", "99", "--json"]).out).unwrap(), &["error"]);
}

#[test]
fn the_export_is_canonical_and_the_same_twice() {
    let desk = Desk::new();
    desk.link();
    let first = desk.run(&["export"]).out;
    assert_eq!(first, desk.run(&["export"]).out);
    let json: Json = serde_json::from_str(&first).unwrap();
    assert_eq!(json["schema"], "music");
    let items = each(&json["items"], &["id", "fields", "limits"]);
    assert_eq!(items.len(), 40);
    let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted());
    each(&json["collections"], &["id", "kind", "name", "entries"]);
}
