//! What a person is told before a licence ends, and before anything is withheld because of one.

use std::fs;

use super::*;
use crate::command::{Limited, PlanReport, ShownEdit};
use crate::limits::ending::news;

fn dry_run(desk: &mut Desk) -> PlanReport {
    let request = Request::Sync { libraries: Vec::new(), dry_run: true, yes: false };
    let Response::Plan(report) = desk.run(request) else { panic!() };
    report
}

/// Titles with what is said of them.
fn told(limited: &Limited) -> (u64, Vec<String>) {
    let first = limited.first.iter().map(|one| format!("{} {}", one.title, one.words));
    (limited.count, first.collect())
}

#[test]
fn a_plan_says_what_would_be_withheld_from_each_library_and_what_ends_within_a_week() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.grant("c", until(5));
    desk.grant("a", until(30));
    desk.day(1);
    for _ in 0..2 {
        let report = dry_run(&mut desk);
        for library in &report.libraries {
            let withheld = told(&library.withheld);
            assert_eq!(withheld, (1, vec!["b expired on 2023-11-15 at 22:13 UTC".to_owned()]));
            let ending = told(&library.ending);
            assert_eq!(ending, (1, vec!["c until 2023-11-19 22:13 UTC".to_owned()]));
            assert!(library.hides);
        }
        assert_eq!(report.libraries.len(), 2);
        // Before and after it is hidden there.
        desk.sync();
    }
    let Response::Plan(plan) = desk.run(Request::Plan { libraries: Vec::new(), write_tags: false })
    else {
        panic!()
    };
    let show = Request::ShowPlan { plan: plan.plan, what: "withheld".into() };
    let Response::Shown(shown) = desk.run(show) else { panic!() };
    let line = |edit: &ShownEdit| format!("{} {} {}", edit.library, edit.what, edit.new);
    let lines: Vec<String> = shown.iter().map(line).collect();
    let of = |library: &str| {
        [
            format!("{library} b \"expired on 2023-11-15 at 22:13 UTC\""),
            format!("{library} c \"until 2023-11-19 22:13 UTC\""),
        ]
    };
    assert_eq!(lines, [of("memory-exact"), of("memory-stars")].concat());
}

#[test]
fn a_song_that_is_new_and_one_that_is_played_out_are_told_too() {
    let mut desk = Desk::new();
    let amounts = [("plays".to_owned(), 5)].into();
    desk.grant("b", LicenceTerms { amounts, ..LicenceTerms::default() });
    desk.sync();
    let file = desk.file("d");
    fs::write(&file, "d").unwrap();
    desk.grant("d", until(2));
    Store::edit(Kind::Exact, &desk.path(Kind::Exact), |catalog| {
        catalog.items[1].fields.set(&music::PLAY_COUNT, Value::Int(5));
        catalog.items.push(song(&file));
    })
    .unwrap();
    let report = dry_run(&mut desk);
    let [exact, stars] = &report.libraries[..] else { panic!() };
    assert_eq!(told(&exact.withheld).1, ["b played as often as it may be"]);
    assert_eq!(told(&exact.ending).1, ["d until 2023-11-16 22:13 UTC"]);
    assert_eq!(told(&stars.withheld).1, ["b played as often as it may be"]);
    assert_eq!(told(&stars.ending), (0, Vec::new()), "it does not have it");
}

#[test]
fn a_sync_says_what_ends_within_a_week_each_time_in_few_words() {
    let mut desk = Desk::new();
    for number in 0..7 {
        let name = format!("n{number}");
        let file = desk.file(&name);
        fs::write(&file, &name).unwrap();
        desk.grant(&name, until(7 - number));
        Store::edit(Kind::Exact, &desk.path(Kind::Exact), |catalog| {
            catalog.items.push(song(&file));
        })
        .unwrap();
    }
    desk.sync();
    let (count, first) = told(&desk.sync().ending);
    assert_eq!((count, first.len()), (6, 5), "the end after a week is not told yet");
    assert!(first[0].starts_with("n6 until 2023-11-15"), "{first:?}");
    let sentence = crate::limits::ending::sentence(&desk.sync().ending, "within 7 days");
    assert!(sentence.starts_with("6 items end within 7 days: n6 (until 2023-11-15 22:13 UTC), n5"));
    assert!(sentence.ends_with(", and 1 more: segue licences"), "{sentence}");
    assert_eq!(desk.listed()[0].matches("n6").count(), 1, "nothing is withheld yet");
}

#[test]
fn the_agent_tells_each_end_a_week_and_a_day_before_and_again_after_a_renewal() {
    let mut desk = Desk::new();
    desk.grant("b", until(9));
    desk.sync();
    let next = |desk: &mut Desk, day| {
        desk.day(day);
        let first = news(&mut desk.agent).unwrap();
        assert_eq!(news(&mut desk.agent).unwrap(), [] as [String; 0], "it was told");
        first
    };
    assert_eq!(next(&mut desk, 1), [] as [String; 0]);
    let week = ["1 item ends within 7 days: b (until 2023-11-23 22:13 UTC)"];
    assert_eq!(next(&mut desk, 3), week);
    // It begins anew, and remembers.
    let folder = desk.folder.path().join("segue");
    desk.agent = agent(tempfile::tempdir().unwrap().path(), &desk.clock, 98);
    desk.agent = agent(&folder, &desk.clock, 8);
    assert_eq!(next(&mut desk, 4), [] as [String; 0]);
    let day = ["1 item ends within a day: b (until 2023-11-23 22:13 UTC)"];
    assert_eq!(next(&mut desk, 8), day);
    assert_eq!(next(&mut desk, 9), [] as [String; 0], "it is over");
    desk.renew("b", START + 20 * DAY);
    desk.sync();
    assert_eq!(next(&mut desk, 10), [] as [String; 0]);
    assert_eq!(next(&mut desk, 14).len(), 1, "that is another end");
}
