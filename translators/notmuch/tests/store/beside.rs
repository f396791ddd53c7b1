//! Other programs write at the same time, hold the lock, or never answer.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segue_notmuch::Limits;
use segue_translator::model::mail;
use segue_translator::{Collector, ErrorKind};

use crate::store::{Store, change, edit, named, texts};

#[test]
fn f19_a_tag_that_another_program_sets_at_the_same_time_stays() {
    let files: Vec<String> = (0..20).map(|number| format!("cur/{number}:2,#m{number}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let Some(store) = Store::with(&files) else { return };
    let is_done = AtomicBool::new(false);
    let (mut theirs, mut ours) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut made = Vec::new();
            while !is_done.load(Ordering::Relaxed) && made.len() < 400 {
                let (id, tag) = (format!("id:m{}@x", made.len() % 20), format!("t{}", made.len()));
                store.ask(&["tag", &format!("+{tag}"), "--", &id]);
                made.push(tag);
            }
            made
        });
        for round in 0..60 {
            let library = store.library();
            let Ok((catalog, reading)) = Collector::collect(&*library) else { continue };
            let edits = catalog.items.iter().map(|item| {
                let mut flags = texts(item, &mail::FLAGS);
                match flags.iter().position(|flag| *flag == "flagged") {
                    Some(place) => _ = flags.remove(place),
                    None => flags.push("flagged"),
                }
                flags.sort_unstable();
                edit(item, &mail::FLAGS, &flags)
            });
            match library.write(&reading.revision, &change(edits.collect())) {
                Ok(_) => ours += 1,
                Err(error) => assert!(
                    matches!(error.kind, ErrorKind::Stale | ErrorKind::Busy),
                    "{round}: {error}"
                ),
            }
            if ours == 3 {
                break;
            }
        }
        is_done.store(true, Ordering::Relaxed);
        theirs = other.join().unwrap();
    });
    assert!(!theirs.is_empty());
    let all = store.ask(&["search", "--output=tags", "*"]);
    let lost: Vec<_> = theirs.iter().filter(|tag| !all.lines().any(|one| one == **tag)).collect();
    assert!(lost.is_empty(), "{lost:?} of {} are lost", theirs.len());
}

#[test]
fn f19_a_tag_set_after_the_library_was_read_is_not_overwritten() {
    let Some(store) = Store::with(&["cur/1:2,S#a", "cur/2:2,S#b"]) else { return };
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    store.tag("a", &["flagged"]);
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FLAGS, &["answered"])]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    assert_eq!(store.tags("a"), ["flagged"]);
}

#[test]
fn f28_a_program_that_holds_the_lock_is_waited_for_and_not_for_ever() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let limits = Limits { lock: Duration::from_millis(200), answer: Duration::from_secs(20) };
    let library = store.library_with(limits).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FLAGS, &["answered"])]);
    // It has the lock as soon as it says that its first line names no message.
    let mut command = store.command();
    command.args(["tag", "--batch"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = command.spawn().unwrap();
    let mut lines = holder.stdin.take().unwrap();
    lines.write_all(b"+x -- \n").unwrap();
    holder.stderr.take().unwrap().read_exact(&mut [0]).unwrap();
    // Readers are not kept out.
    let again = Collector::collect(&*store.library()).unwrap();
    assert_eq!(again.0, catalog);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy, "{error}");
    drop(lines);
    holder.wait().unwrap();
    library.write(&reading.revision, &changes).unwrap();
    assert_eq!(store.names(), ["cur/1:2,R"]);
}

#[test]
fn a_command_that_takes_too_long_is_stopped() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let limits = Limits { answer: Duration::ZERO, ..Limits::default() };
    let error = store.library_with(limits).err().unwrap();
    assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
}

#[test]
fn a_database_that_was_made_anew_is_another_state_and_no_deletion() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let library = store.library();
    let (before, reading) = Collector::collect(&*library).unwrap();
    std::fs::remove_dir_all(store.path(".notmuch")).unwrap();
    store.index();
    assert_ne!(library.revision().unwrap(), reading.revision);
    let (after, _) = Collector::collect(&*library).unwrap();
    assert_eq!(after.items, before.items);
}
