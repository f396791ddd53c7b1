//! What stays on this device, from first contact to the end of its rule.

mod desk;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use segue_memory::Store;
use segue_model::{Value, music};

use super::SETTING;
use crate::command::{ExcludeAction, Excluded, Request, Response};
use crate::{Moment, Progress};
use desk::{DAY, Desk, EXACT, STARS, START, field, folder, playlist, stars, text};

#[test]
fn f43_a_field_is_in_no_change_from_first_contact_to_undo() {
    let mut desk = Desk::new();
    desk.fill(&["a", "b"]);
    desk.set(EXACT, "a", &music::COMMENT, text("whispered at first"));
    desk.exclude(field("comment"));
    assert_eq!(desk.plan().libraries[0].excluded.values, 1);
    desk.link();
    desk.settles();
    desk.set(EXACT, "a", &music::COMMENT, text("whispered later"));
    desk.set(EXACT, "b", &music::COMMENT, text("whispered anew"));
    desk.set(EXACT, "a", &music::RATING, stars(4));
    desk.settles();
    desk.fill(&["c"]);
    desk.set(EXACT, "c", &music::COMMENT, text("whispered of another"));
    desk.settles();
    let resolved = desk.run(Request::Resolve {
        item: "a".into(),
        field: "comment".into(),
        value: Some("whispered by hand".into()),
        keep: None,
    });
    assert!(resolved.unwrap_err().hint().unwrap().contains("--remove 1"));
    desk.run(Request::Undo { operation: None }).unwrap();
    desk.run(Request::Redo).unwrap();
    desk.settles();
    assert!(!desk.given().contains("whispered"));
    assert_eq!(desk.value(STARS, "a", &music::RATING), stars(4));
    assert_eq!(desk.value(EXACT, "b", &music::COMMENT), text("whispered anew"));
    assert_eq!(desk.value(STARS, "b", &music::COMMENT), None);
}

#[test]
fn f43_what_a_rule_covers_is_no_edit_while_it_holds_and_is_one_when_it_ends() {
    let mut desk = Desk::linked(&["a", "b", "c"]);
    for (name, count) in [("a", 2), ("b", 2), ("c", 2)] {
        desk.set(EXACT, name, &music::RATING, stars(count));
    }
    desk.settles();
    let rule = desk.exclude_for(field("rating"), None, None, None).unwrap();
    assert_eq!((rule.row.shared, rule.row.state.as_str()), (3, "holds"));
    // One is edited here, one cleared; nothing of it passes, and nothing is taken for a loss.
    desk.set(EXACT, "a", &music::RATING, stars(5));
    desk.set(EXACT, "b", &music::RATING, None);
    desk.settles();
    assert_eq!((desk.said("a", "rating"), desk.said("b", "rating")), (40.into(), 40.into()));
    assert_eq!(desk.value(EXACT, "a", &music::RATING), stars(5));
    assert_eq!(desk.value(EXACT, "b", &music::RATING), None);
    assert_eq!(desk.value(STARS, "a", &music::RATING), stars(2));
    desk.include(rule.row.rule);
    desk.settles();
    assert_eq!(desk.said("a", "rating"), 100);
    assert_eq!(desk.said("b", "rating"), serde_json::Value::Null);
    assert_eq!(desk.value(STARS, "a", &music::RATING), stars(5));
    assert_eq!(desk.value(STARS, "b", &music::RATING), None);
    assert_eq!(desk.conflicts(), 0);
}

#[test]
fn f43_what_two_say_while_one_is_not_heard_competes() {
    let mut desk = Desk::linked(&["a", "b"]);
    desk.set(EXACT, "a", &music::RATING, stars(2));
    desk.settles();
    let rule = desk.exclude_for(field("rating"), Some(EXACT), None, None).unwrap().row.rule;
    desk.settles();
    // The other player's ratings are the document's meanwhile.
    for name in ["a", "b"] {
        desk.set(STARS, name, &music::RATING, stars(1));
        desk.set(EXACT, name, &music::RATING, stars(5));
    }
    desk.settles();
    assert_eq!(desk.value(EXACT, "a", &music::RATING), stars(5));
    assert_eq!((desk.said("a", "rating"), desk.conflicts()), (20.into(), 0));
    desk.include(rule);
    desk.settles();
    // Neither was shown what the other said: each keeps its own until a person decides.
    assert_eq!(desk.conflicts(), 2);
    for name in ["a", "b"] {
        assert_eq!(desk.value(EXACT, name, &music::RATING), stars(5));
        assert_eq!(desk.value(STARS, name, &music::RATING), stars(1));
    }
}

#[test]
fn f43_a_count_that_comes_late_inflates_nothing_and_loses_nothing() {
    let mut desk = Desk::new();
    desk.fill(&["a", "b"]);
    desk.set(EXACT, "a", &music::PLAY_COUNT, Some(Value::Int(12)));
    desk.set(STARS, "a", &music::PLAY_COUNT, Some(Value::Int(10)));
    let rule = desk.exclude_for(field("play_count"), Some(EXACT), None, None).unwrap().row.rule;
    desk.link();
    desk.set(EXACT, "a", &music::PLAY_COUNT, Some(Value::Int(15)));
    desk.set(EXACT, "b", &music::PLAY_COUNT, Some(Value::Int(3)));
    desk.set(STARS, "b", &music::PLAY_COUNT, Some(Value::Int(2)));
    desk.settles();
    assert_eq!((desk.said("a", "play_count"), desk.said("b", "play_count")), (10.into(), 2.into()));
    assert_eq!(desk.value(EXACT, "a", &music::PLAY_COUNT), Some(Value::Int(15)));
    desk.include(rule);
    desk.settles();
    // As at first contact: the larger of both; but what nobody had played then adds up.
    assert_eq!((desk.said("a", "play_count"), desk.said("b", "play_count")), (15.into(), 5.into()));
}

#[test]
fn f43_songs_below_a_folder_are_in_no_change_and_keep_their_places() {
    let mut desk = Desk::new();
    desk.fill(&["a", "b", "c", "hush/x", "hush/y"]);
    desk.list(EXACT, "Mix", &["a", "hush/x", "b"]);
    desk.list(STARS, "Mix", &["a", "hush/x", "b"]);
    desk.exclude(folder("hush"));
    let plan = desk.plan();
    assert_eq!((plan.items, plan.libraries[0].excluded.items), (3, 2));
    desk.link();
    desk.settles();
    assert_eq!(desk.lists(), BTreeMap::from([("Mix".into(), "a b".into())]));
    // Both keep their own in its place, whatever the other does to the rest.
    desk.list(STARS, "Mix", &["c", "b", "a", "hush/x", "hush/y"]);
    desk.settles();
    assert_eq!(desk.lists()["Mix"], "c b a");
    assert_eq!(desk.listed(EXACT, "Mix").unwrap(), "c b a hush/x");
    assert_eq!(desk.listed(STARS, "Mix").unwrap(), "c b a hush/x hush/y");
    desk.list(EXACT, "Mix", &["hush/y", "c", "a"]);
    desk.settles();
    assert_eq!(desk.lists()["Mix"], "c a");
    assert_eq!(desk.listed(STARS, "Mix").unwrap(), "c a hush/x hush/y");
    desk.set(EXACT, "hush/x", &music::RATING, stars(3));
    desk.edit(EXACT, |catalog| catalog.items.retain(|item| item.id != "/m/hush/y".into()));
    desk.settles();
    assert!(!desk.given().contains("hush"));
}

#[test]
fn f43_a_song_that_was_given_before_stays_with_others_and_its_edits_stay_here() {
    let mut desk = Desk::linked(&["a", "b", "c"]);
    desk.list(EXACT, "Mix", &["a", "b"]);
    desk.set(EXACT, "b", &music::RATING, stars(2));
    desk.settles();
    let rule = desk.exclude_for(Excluded::Item("b".into()), Some(EXACT), None, None).unwrap();
    assert_eq!((rule.row.what.as_str(), rule.row.shared), ("b", 1));
    desk.set(EXACT, "b", &music::RATING, stars(5));
    desk.list(EXACT, "Mix", &["b", "c", "a"]);
    desk.set(STARS, "b", &music::PLAY_COUNT, Some(Value::Int(4)));
    desk.settles();
    assert_eq!((desk.said("b", "rating"), desk.said("b", "play_count")), (40.into(), 4.into()));
    assert_eq!(desk.lists()["Mix"], "c a b", "its entry is where it was");
    assert_eq!(desk.value(EXACT, "b", &music::PLAY_COUNT), None);
    assert_eq!(desk.listed(EXACT, "Mix").unwrap(), "b c a");
    assert_eq!(desk.listed(STARS, "Mix").unwrap(), "c a b");
    // Removing it here removes it for nobody; nor does its coming back double it.
    let removed = desk.path(EXACT);
    let mut kept = None;
    Store::edit(EXACT, &removed, |catalog| {
        let at = catalog.items.iter().position(|item| item.id == "/m/b".into()).unwrap();
        kept = Some(catalog.items.remove(at));
    })
    .unwrap();
    desk.settles();
    assert_eq!(desk.said("b", "rating"), 40);
    desk.edit(EXACT, |catalog| catalog.items.insert(1, kept.unwrap()));
    desk.settles();
    desk.include(rule.row.rule);
    desk.settles();
    assert_eq!(desk.said("b", "rating"), 100);
    assert_eq!(desk.value(EXACT, "b", &music::PLAY_COUNT), Some(Value::Int(4)));
    assert_eq!(desk.lists()["Mix"].matches('b').count(), 1, "{:?}", desk.lists());
    assert_eq!(desk.listed(EXACT, "Mix"), desk.listed(STARS, "Mix"));
}

#[test]
fn f43_a_file_that_moves_into_the_folder_or_out_of_it_is_no_removal() {
    let mut desk = Desk::linked(&["a", "b"]);
    desk.set(EXACT, "a", &music::RATING, stars(2));
    desk.settles();
    desk.exclude(folder("hush"));
    desk.moves(EXACT, "a", "hush/a");
    desk.set(EXACT, "hush/a", &music::RATING, stars(5));
    desk.settles();
    assert_eq!(desk.said("a", "rating"), 40);
    assert!(!desk.given().contains("hush"));
    desk.moves(EXACT, "hush/a", "out/a");
    desk.set(EXACT, "out/a", &music::RATING, stars(4));
    desk.settles();
    assert_eq!(desk.said("a", "rating"), 80);
    assert_eq!(desk.value(STARS, "a", &music::RATING), stars(4));
}

#[test]
fn f43_a_playlist_is_in_no_change_and_is_made_nowhere() {
    let mut desk = Desk::linked(&["a", "b", "c"]);
    desk.list(EXACT, "Diary of hush", &["a"]);
    desk.list(EXACT, "Shared", &["a", "b"]);
    desk.exclude(playlist("Diary of hush"));
    desk.settles();
    let rule = desk.exclude(playlist("Shared"));
    desk.list(EXACT, "Diary of hush", &["a", "c"]);
    desk.list(EXACT, "Shared", &["c"]);
    desk.settles();
    assert!(!desk.given().contains("hush"));
    assert_eq!(desk.listed(STARS, "Diary of hush"), None);
    assert_eq!(desk.lists(), BTreeMap::from([("Shared".into(), "a b".into())]));
    assert_eq!(desk.listed(EXACT, "Shared").unwrap(), "c");
    // Deleting it here deletes it for nobody.
    desk.edit(EXACT, |catalog| catalog.collections.retain(|list| *list.name != *"Shared"));
    desk.settles();
    assert_eq!(desk.listed(STARS, "Shared").unwrap(), "a b");
    desk.list(EXACT, "Shared", &["c"]);
    desk.include(rule);
    desk.settles();
    assert_eq!(desk.lists()["Shared"], "c");
    assert_eq!(desk.listed(STARS, "Shared").unwrap(), "c");
}

#[test]
fn f43_a_song_that_moved_meanwhile_comes_back_to_its_place_once() {
    let mut desk = Desk::linked(&["a", "b", "c"]);
    desk.list(EXACT, "Mix", &["a", "b", "c"]);
    desk.settles();
    let rule = desk.exclude_for(Excluded::Item("b".into()), Some(EXACT), None, None).unwrap();
    desk.settles();
    desk.moves(EXACT, "b", "elsewhere/b");
    desk.list(EXACT, "Mix", &["a", "elsewhere/b", "c"]);
    desk.settles();
    assert_eq!(desk.lists()["Mix"], "a b c");
    assert!(!desk.given().contains("elsewhere"));
    desk.include(rule.row.rule);
    desk.settles();
    assert_eq!(desk.lists()["Mix"], "a b c");
    assert_eq!(desk.listed(EXACT, "Mix").unwrap(), "a elsewhere/b c");
}

#[test]
fn f43_a_playlist_that_others_delete_keeps_the_entries_that_stay() {
    let mut desk = Desk::linked(&["a", "b", "hush/x"]);
    desk.exclude_for(folder("hush"), Some(EXACT), None, None).unwrap();
    desk.list(EXACT, "Mix", &["a", "hush/x", "b"]);
    desk.settles();
    assert_eq!(desk.listed(STARS, "Mix").unwrap(), "a b");
    desk.edit(STARS, |catalog| catalog.collections.clear());
    desk.settles();
    assert_eq!(desk.lists(), BTreeMap::new());
    assert_eq!(desk.listed(EXACT, "Mix").unwrap(), "hush/x");
}

/// The process is killed when an app has been written.
struct Killed;

impl Progress for Killed {
    fn step(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn reached(&self, moment: Moment) {
        assert!(!matches!(moment, Moment::Written), "killed");
    }
}

#[test]
fn f43_a_killed_write_around_entries_that_stay_doubles_nothing() {
    let mut desk = Desk::new();
    desk.fill(&["a", "b", "c", "hush/x"]);
    for kind in [EXACT, STARS] {
        desk.list(kind, "Mix", &["a", "hush/x", "b"]);
    }
    desk.exclude(folder("hush"));
    desk.link();
    desk.list(EXACT, "Mix", &["c", "b", "a", "hush/x", "c"]);
    let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
    let run = || desk.agent.run(request, &Killed);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    desk.settles();
    assert_eq!(desk.lists()["Mix"], "c b a c");
    assert_eq!(desk.listed(EXACT, "Mix").unwrap(), "c b a hush/x c");
    assert!(desk.listed(STARS, "Mix").unwrap().contains("hush/x"));
    assert!(!desk.given().contains("hush"));
}

#[test]
fn f43_an_undo_meanwhile_keeps_what_stays() {
    let mut desk = Desk::linked(&["a", "b"]);
    desk.list(EXACT, "Mix", &["a", "b"]);
    desk.set(EXACT, "a", &music::RATING, stars(2));
    desk.settles();
    let rules = [field("rating"), playlist("Mix")].map(|what| desk.exclude(what));
    desk.set(EXACT, "a", &music::RATING, stars(5));
    desk.list(EXACT, "Mix", &["b"]);
    desk.settles();
    desk.set(STARS, "a", &music::PLAY_COUNT, Some(Value::Int(2)));
    desk.settles();
    desk.run(Request::Undo { operation: None }).unwrap();
    desk.settles();
    assert_eq!(desk.value(EXACT, "a", &music::RATING), stars(5));
    for rule in rules {
        desk.include(rule);
    }
    desk.settles();
    assert_eq!((desk.said("a", "rating"), desk.lists()["Mix"].as_str()), (100.into(), "b"));
    assert_eq!(desk.listed(STARS, "Mix").unwrap(), "b");
}

#[test]
fn f43_an_embargo_ends_at_its_second_and_not_before() {
    let mut desk = Desk::linked(&["a", "b"]);
    desk.exclude_for(field("rating"), None, None, Some(START + DAY)).unwrap();
    desk.exclude_for(field("play_count"), None, Some(START + DAY), None).unwrap();
    let rate = |desk: &Desk, count| {
        desk.set(EXACT, "a", &music::RATING, stars(count));
        desk.set(EXACT, "a", &music::PLAY_COUNT, Some(Value::Int(count)));
    };
    let said = |desk: &mut Desk| {
        let number = |value: serde_json::Value| value.as_i64();
        (number(desk.said("a", "rating")), number(desk.said("a", "play_count")))
    };
    rate(&desk, 1);
    desk.clock.store(START + DAY - 1, Ordering::Relaxed);
    desk.settles();
    assert_eq!(said(&mut desk), (None, Some(1)));
    desk.clock.store(START + DAY, Ordering::Relaxed);
    rate(&desk, 2);
    desk.settles();
    assert_eq!(said(&mut desk), (Some(40), Some(1)));
    let states: Vec<String> = desk.rules().into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["over", "holds"]);
    // Whoever sets the clock back hears nothing of what stays since then.
    desk.clock.store(START + DAY - 3_600, Ordering::Relaxed);
    rate(&desk, 3);
    desk.settles();
    assert_eq!(said(&mut desk).1, Some(1));
}

#[test]
fn a_rule_that_ends_is_found_without_any_change_of_a_library() {
    let mut desk = Desk::linked(&["a"]);
    desk.exclude_for(field("rating"), None, None, Some(START + DAY)).unwrap();
    desk.set(EXACT, "a", &music::RATING, stars(3));
    desk.settles();
    desk.pass_days(1);
    desk.settles();
    assert_eq!(desk.value(STARS, "a", &music::RATING), stars(3));
}

#[test]
fn rules_are_listed_named_and_taken_back() {
    let mut desk = Desk::linked(&["a"]);
    assert_eq!(desk.rules(), []);
    let refused = |desk: &mut Desk, what| desk.exclude_for(what, None, None, None).unwrap_err();
    assert!(refused(&mut desk, field("comments")).hint().unwrap().contains("comment, "));
    let kind = Excluded::Collection { name: None, kind: Some("playlists".into()) };
    assert!(refused(&mut desk, kind).hint().unwrap().contains("smart_playlist"));
    let unknown = refused(&mut desk, Excluded::Item("nobody".into()));
    assert!(unknown.hint().unwrap().contains("segue exclude item /path"), "{unknown}");
    desk.exclude(field("comment"));
    assert!(refused(&mut desk, field("comment")).to_string().contains("rule 1"));
    let late = desk.exclude_for(field("bpm"), None, Some(2), Some(1)).unwrap_err();
    assert!(late.to_string().contains("before it begins"));
    desk.exclude_for(Excluded::Item("a".into()), Some(EXACT), None, None).unwrap();
    let whys = desk.why("a");
    assert!(whys[0].contains("rule 1: comment") && whys[1].contains("rule 2"), "{whys:?}");
    let rows = desk.rules();
    assert_eq!((rows[1].what.as_str(), rows[1].target.as_str()), ("a", "item"));
    desk.include(2);
    let gone = Request::Exclude { action: ExcludeAction::Remove { rule: 2 } };
    assert!(desk.run(gone).unwrap_err().to_string().contains("no rule 2"));
    assert_eq!(desk.exclude(field("bpm")), 3, "a number is never used again");
    match desk.run(Request::Status).unwrap() {
        Response::Status(report) => assert_eq!(report.excluded, 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn f43_rules_that_cannot_be_read_are_not_taken_for_none() {
    let mut desk = Desk::linked(&["a"]);
    let tx = desk.agent.home.store.transaction().unwrap();
    tx.put_setting(SETTING, "{\"last\":1,\"rules\":[{\"of a later version\":1}]}").unwrap();
    tx.commit().unwrap();
    desk.set(EXACT, "a", &music::COMMENT, text("whispered"));
    let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: true };
    assert!(desk.run(request).unwrap_err().to_string().contains("cannot be read"));
    assert!(!desk.given().contains("whispered"));
}
