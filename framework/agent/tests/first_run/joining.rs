//! One app linked first and the other later: the same as both at once, whichever was first.

use serde_json::{Value as Json, json};

use crate::desk::Desk;

/// A home in which these were linked, each list of libraries by a plan of its own. The last plan
/// must have told how many conflicts there are then.
fn linked(plans: &[&[&str]]) -> Desk {
    let desk = Desk::new();
    for libraries in plans {
        let plan = desk.json(&[&["plan"], *libraries].concat());
        let ran = desk.run(&["apply", plan["plan"].as_str().unwrap()]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert_eq!(plan["conflicts"], desk.json(&["conflicts"]).as_array().unwrap().len());
    }
    desk
}

/// Open conflicts without ids and operations.
fn conflicts(desk: &Desk) -> Vec<Json> {
    let rows = desk.json(&["conflicts"]);
    let row = |row: &Json| {
        let values = row["values"].as_array().unwrap().iter();
        let values: Vec<_> = values.map(|held| json!([held["library"], held["value"]])).collect();
        json!([row["title"], row["field"], row["shown"], values])
    };
    let mut rows: Vec<Json> = rows.as_array().unwrap().iter().map(row).collect();
    rows.sort_by_key(Json::to_string);
    rows
}

/// What the document says of each song.
fn songs(desk: &Desk) -> Vec<String> {
    let items = desk.json(&["export"])["items"].take();
    let mut songs: Vec<String> =
        items.as_array().unwrap().iter().map(|item| item["fields"].to_string()).collect();
    songs.sort();
    songs
}

#[test]
fn who_is_linked_first_decides_nothing() {
    let both = linked(&[&["rhythmbox", "strawberry"]]);
    let expected = conflicts(&both);
    assert_eq!(expected.len(), 2, "{expected:?}");
    for plans in [[&["rhythmbox"][..], &["strawberry"]], [&["strawberry"][..], &["rhythmbox"]]] {
        let desk = linked(&plans);
        assert_eq!(conflicts(&desk), expected, "{plans:?}");
        assert_eq!(songs(&desk), songs(&both), "{plans:?}");
        let why = desk.json(&["why", "Ferry Bell", "duration"]).to_string();
        assert_eq!(why.matches("\"shown\"").count(), 1, "one value and no other: {why}");
        assert!(desk.run(&["sync"]).err.contains("nothing to do"), "{plans:?}");
        assert_eq!(desk.run(&["doctor"]).code, 0);
    }
}
