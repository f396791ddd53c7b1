//! The real command on libraries that the real apps made, struck at its calls one after the other:
//! killed, or with a disk that is full or fails.
//!
//! After each blow the apps' files are the old or the new ones, `segue doctor` is content, and the
//! next commands lead to exactly what an undisturbed run leads to. Killed is at all calls that name,
//! remove or sync a file; of those that only bring bytes, and for errors, some are evenly chosen, or
//! all with `SEGUE_KILLED=all`. Without `strace` or `sqlite3` nothing can be tried, and a line says so.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![expect(clippy::print_stdout, reason = "how much was tried is part of the answer")]

mod desk;
mod mail;
mod state;
mod trace;

use std::fs;

use desk::{Desk, Snapshot};
use state::{Apps, State};
use trace::{Blow, Call};

/// A command, what was before it, and how a person goes on if it is struck.
struct Scene {
    name: &'static str,
    /// Leads a desk to some time before the command; returns the command's words.
    prepare: fn(&Desk) -> Vec<String>,
    /// Leads it to just before the command, each time anew: files that come back from a snapshot
    /// are not those that Segue wrote.
    lead: fn(&Desk),
    /// Commands with which a person may go on, one way or the other.
    go_on: [&'static [Step]; 2],
}

/// What a person does after a blow.
enum Step {
    /// The same command once more.
    Again,
    Sync,
}
use Step::{Again, Sync};

const APPLY: Scene = Scene {
    name: "apply",
    prepare: |desk| vec!["apply".into(), plan(desk)],
    lead: |_| (),
    go_on: [&[Again, Sync], &[Sync, Again, Sync]],
};

const SYNC: Scene = Scene {
    name: "sync",
    prepare: |desk| {
        link(desk);
        desk.use_both_apps();
        vec!["sync".into()]
    },
    lead: |_| (),
    go_on: [&[Sync], &[Sync]],
};

const UNDO: Scene = Scene {
    name: "undo of a sync",
    prepare: |desk| {
        link(desk);
        desk.use_both_apps();
        vec!["undo".into(), "2".into()]
    },
    lead: |desk| assert_eq!(desk.run(&["sync"]).code, Some(0)),
    go_on: [&[Again, Sync], &[Sync, Again, Sync]],
};

const UNLINK: Scene = Scene {
    name: "undo of a first contact",
    prepare: |desk| {
        plan(desk);
        vec!["undo".into(), "1".into()]
    },
    lead: |desk| {
        let plan = fs::read_to_string(desk.path().join("plan")).unwrap();
        assert_eq!(desk.run(&["apply", &plan]).code, Some(0));
    },
    go_on: [&[Again, Sync], &[Sync, Again, Sync]],
};

/// The files were saved by their apps since, without any change.
const SAVED: Scene = Scene {
    name: "undo of a first contact, saved since",
    prepare: |desk| {
        link(desk);
        vec!["undo".into(), "1".into()]
    },
    lead: |_| (),
    go_on: [&[Again, Sync], &[Sync, Again, Sync]],
};

/// Plans to link both; the plan's name is kept beside the libraries.
fn plan(desk: &Desk) -> String {
    let ran = desk.run(&["plan", "rhythmbox", "strawberry", "--json"]);
    let plan: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let plan = plan["plan"].as_str().unwrap();
    fs::write(desk.path().join("plan"), plan).unwrap();
    plan.to_owned()
}

fn link(desk: &Desk) {
    assert_eq!(desk.run(&["apply", &plan(desk)]).code, Some(0));
    assert_eq!(desk.run(&["sync"]).code, Some(0));
}

/// A scene that was played undisturbed.
struct Played {
    desk: Desk,
    words: Vec<String>,
    begin: Snapshot,
    before: Apps,
    /// An undo first restores what was before, and then takes back what an app's user did.
    between: Apps,
    after: Apps,
    end: State,
    /// How it is when the whole operation is taken back then; of commands that are no undo.
    taken_back: Option<(State, usize)>,
    calls: Vec<Call>,
}

impl Played {
    fn of(scene: &Scene) -> Self {
        let desk = Desk::new();
        let words = (scene.prepare)(&desk);
        let (begin, between) = (desk.save(), Apps::of(&desk));
        (scene.lead)(&desk);
        let before = Apps::of(&desk);
        let line: Vec<&str> = words.iter().map(String::as_str).collect();
        let calls = trace::calls(&desk, &line);
        let after = Apps::of(&desk);
        assert!(before != after, "{}: nothing was written", scene.name);
        desk.run(&["sync"]);
        let end = State::of(&desk);
        assert_eq!(end.apps, after, "{}: a sync afterwards wrote something", scene.name);
        let taken_back = (words[0] != "undo").then(|| take_back(&desk).unwrap());
        Self { desk, words, begin, before, between, after, end, taken_back, calls }
    }

    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// One blow and everything after it.
    fn strike(&self, scene: &Scene, call: &Call, blow: Blow, odd: bool) -> Result<bool, String> {
        let desk = &self.desk;
        desk.bring_back(&self.begin);
        (scene.lead)(desk);
        let (ran, happened) = trace::strike(desk, &self.words(), call, blow);
        let killed = happened && blow == Blow::Kill;
        if killed != ran.code.is_none() || ran.code == Some(101) {
            return Err(format!("it ended with {:?}: {}", ran.code, ran.err));
        }
        let apps = Apps::of(desk);
        if let Some(name) = apps.torn(&[&self.before, &self.between, &self.after]) {
            return Err(format!("{name} is neither old nor new"));
        }
        if ran.code == Some(0) && apps != self.after {
            return Err("success was told, and not all is written".into());
        }
        // It mends caches, so every other time the commands have to do without, and it comes last.
        if odd {
            sound(desk)?;
        }
        self.go_on(scene.go_on[usize::from(odd)])?;
        if let Some(difference) = State::of(desk).difference(&self.end) {
            return Err(format!("({}) it ends elsewhere:\n{difference}", u8::from(odd)));
        }
        if !odd {
            sound(desk)?;
        }
        if blow == Blow::Kill
            && let Some((state, operations)) = &self.taken_back
        {
            let (taken_back, known) = take_back(desk)?;
            if let Some(difference) = taken_back.difference(state) {
                return Err(format!("undo does not take all back:\n{difference}"));
            }
            if known != *operations {
                return Err(format!("{known} operations, not {operations}"));
            }
        }
        // What was taken back in two goes comes back in one.
        if odd && self.words[0] == "undo" {
            let ran = desk.run(&["redo"]);
            let difference = Apps::of(desk).difference(&self.before);
            if ran.code != Some(0) || !difference.is_empty() {
                return Err(format!("redo does not return: {}{}{difference}", ran.out, ran.err));
            }
        }
        Ok(happened)
    }

    fn go_on(&self, steps: &[Step]) -> Result<(), String> {
        let mut last = String::new();
        for step in steps {
            let words = self.words();
            let ran = self.desk.run(if matches!(step, Again) { &words } else { &["sync"] });
            if !matches!(ran.code, Some(0 | 1)) {
                return Err(format!("then {:?} {}{}", ran.code, ran.out, ran.err));
            }
            last = ran.err;
        }
        let before = self.desk.save();
        let ran = self.desk.run(&["sync"]);
        let app = |files: Snapshot| -> Snapshot {
            let ours =
                |path: &std::path::Path| path.components().any(|part| part.as_os_str() == "segue");
            files.into_iter().filter(|(path, _)| !ours(path)).collect()
        };
        if app(self.desk.save()) != app(before) {
            return Err(format!("a further sync writes: {}{}", ran.out, ran.err));
        }
        let quiet = ["nothing to do", "nothing is linked"];
        if !quiet.iter().any(|words| ran.err.contains(words)) {
            return Err(format!("a further sync: {}{}; before it {last}", ran.out, ran.err));
        }
        Ok(())
    }
}

/// Takes the last operation back. Returns what is there then, and how many operations the log has.
fn take_back(desk: &Desk) -> Result<(State, usize), String> {
    let log = |desk: &Desk| -> serde_json::Value {
        serde_json::from_str(&desk.run(&["log", "--json"]).out).unwrap()
    };
    let last = log(desk)[0].clone();
    if last["state"] != "done" {
        return Err(format!("it is not over: {last}"));
    }
    let ran = desk.run(&["undo"]);
    if ran.code != Some(0) {
        return Err(format!("undo {:?}: {}{}", ran.code, ran.out, ran.err));
    }
    Ok((State::of(desk), log(desk).as_array().unwrap().len()))
}

fn sound(desk: &Desk) -> Result<(), String> {
    let ran = desk.run(&["doctor"]);
    if ran.code == Some(0) { Ok(()) } else { Err(format!("doctor: {}{}", ran.out, ran.err)) }
}

/// How many calls are tried at most: of those that name, remove or sync a file, and of those that
/// only bring bytes.
struct Most {
    few: usize,
    many: usize,
}

/// All that name, remove or sync a file.
const MOST: Most = Most { few: usize::MAX, many: 8 };
const SOME: Most = Most { few: 6, many: 2 };

/// Evenly chosen calls; or what `SEGUE_KILLED` names: `all`, or calls as they are printed,
/// separated by commas.
fn chosen(calls: Vec<Call>, most: &Most, wanted: &str) -> Vec<Call> {
    if !["", "all"].contains(&wanted) {
        let is_wanted = |call: &Call| wanted.split(',').any(|name| name == call.to_string());
        return calls.into_iter().filter(is_wanted).collect();
    }
    // What puts a file in place decides, and there are only some.
    let (mut chosen, calls): (Vec<Call>, Vec<Call>) =
        calls.into_iter().partition(|call| call.name.starts_with("rename"));
    let (many, few): (Vec<Call>, Vec<Call>) = calls.into_iter().partition(Call::is_one_of_many);
    for (calls, most) in [(few, most.few), (many, most.many)] {
        let step = if wanted == "all" { 1 } else { calls.len().div_ceil(most).max(1) };
        // The last is among them: by then most is written.
        chosen.extend(calls.into_iter().rev().step_by(step));
    }
    chosen
}

#[test]
fn calls_are_chosen_evenly_and_by_name() {
    let call = |name: &str, number| Call { name: name.into(), number };
    let mut calls: Vec<Call> = (1..=9).flat_map(|n| [call("fsync", n), call("write", n)]).collect();
    calls.push(call("rename", 1));
    let most = Most { few: 3, many: 2 };
    let names = |wanted| -> Vec<String> {
        chosen(calls.clone(), &most, wanted).iter().map(Call::to_string).collect()
    };
    let few = ["rename 1", "fsync 9", "fsync 6", "fsync 3", "write 9", "write 4"];
    assert_eq!(names(""), few);
    assert_eq!(names("all").len(), 19);
    assert_eq!(names("write 3,fsync 7"), ["write 3", "fsync 7"]);
}

fn at_every_call(scene: &Scene, blow: Blow, most: &Most) {
    if let Some(why) = trace::missing() {
        println!("skipped: {why}");
        return;
    }
    let played = Played::of(scene);
    let possible: Vec<Call> =
        played.calls.iter().filter(|call| blow.may_hit(call)).cloned().collect();
    let all = possible.len();
    let (mut tried, mut wrong) = (0, Vec::new());
    let wanted = std::env::var("SEGUE_KILLED").unwrap_or_default();
    for (index, call) in chosen(possible, most, &wanted).iter().enumerate() {
        match played.strike(scene, call, blow, index % 2 == 1) {
            Ok(happened) => tried += usize::from(happened),
            Err(what) => wrong.push(format!("{call}: {what}")),
        }
    }
    println!("{}, {blow:?}: {tried} of {all} calls tried", scene.name);
    assert!(
        wrong.is_empty(),
        "{}, {blow:?}: {} wrong\n{}",
        scene.name,
        wrong.len(),
        wrong.join("\n\n")
    );
    assert!(tried > 0, "no blow happened");
}

#[test]
fn f29_an_apply_that_is_killed_is_finished_by_the_next_command() {
    at_every_call(&APPLY, Blow::Kill, &MOST);
}

#[test]
fn f29_a_sync_that_is_killed_is_finished_by_the_next() {
    at_every_call(&SYNC, Blow::Kill, &MOST);
}

#[test]
fn f29_an_undo_that_is_killed_is_finished_by_the_next_command() {
    at_every_call(&UNDO, Blow::Kill, &MOST);
}

#[test]
fn f29_an_undo_of_a_first_contact_that_is_killed_is_finished_by_the_next_command() {
    at_every_call(&UNLINK, Blow::Kill, &MOST);
}

#[test]
fn f29_an_undo_of_a_first_contact_saved_since_that_is_killed_is_finished_by_the_next_command() {
    at_every_call(&SAVED, Blow::Kill, &SOME);
}

#[test]
fn f29_a_disk_that_is_full_loses_nothing() {
    for scene in [&APPLY, &SYNC, &UNDO, &UNLINK] {
        at_every_call(scene, Blow::Full, &SOME);
    }
}

#[test]
fn f29_a_disk_that_fails_loses_nothing() {
    for scene in [&APPLY, &SYNC, &UNDO, &UNLINK] {
        at_every_call(scene, Blow::Fail, &SOME);
    }
}
