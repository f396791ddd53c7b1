//! What is written notmuch shows, and what Segue does not know stays.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use segue_translator::model::{FieldEdit, Value, mail};
use segue_translator::{Collector, ErrorKind};

use crate::store::{Store, change, edit, named, texts};

#[test]
fn each_mark_is_written_in_the_spelling_of_notmuch() {
    let Some(store) = Store::with(&["cur/1:2,#a"]) else { return };
    for (flags, tags, name) in [
        (&["seen"][..], &["inbox"][..], "S"),
        (&["answered"], &["inbox", "replied", "unread"], "R"),
        (&["draft"], &["draft", "inbox", "unread"], "D"),
        (&["flagged"], &["flagged", "inbox", "unread"], "F"),
        (&["forwarded"], &["inbox", "passed", "unread"], "P"),
        (
            &["answered", "draft", "flagged", "forwarded", "seen"],
            &["draft", "flagged", "inbox", "passed", "replied"],
            "DFPRS",
        ),
        (&[], &["inbox", "unread"], ""),
    ] {
        let written = store.set("a", &mail::FLAGS, flags);
        assert!(written.refused.is_empty(), "{:?}", written.refused);
        assert_eq!(store.tags("a"), tags);
        assert_eq!(store.names(), [format!("cur/1:2,{name}")]);
        assert_eq!(texts(named(&store.read().0, "a"), &mail::FLAGS), flags);
    }
    let odd = ["a\"b", "größe", "line\nend", "two words", "x%20", "(-)"];
    let mut odd: Vec<&str> = odd.into();
    odd.sort_unstable();
    store.set("a", &mail::KEYWORDS, &odd);
    assert_eq!(texts(named(&store.read().0, "a"), &mail::KEYWORDS), odd);
}

#[test]
fn what_is_there_keeps_its_spelling_and_goes_in_each() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    store.tag("a", &["Work", "WORK", "$Forwarded", "signed", "Unread"]);
    store.set("a", &mail::KEYWORDS, &["todo", "work"]);
    assert_eq!(store.tags("a"), ["$Forwarded", "Unread", "WORK", "Work", "signed", "todo"]);
    store.set("a", &mail::KEYWORDS, &["todo"]);
    store.set("a", &mail::FLAGS, &["seen"]);
    assert_eq!(store.tags("a"), ["Unread", "signed", "todo"]);
}

#[test]
fn what_notmuch_knows_itself_is_not_written() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let long = "x".repeat(201);
    for keyword in ["signed", "attachment", "unread", "Work", &long] {
        let written = store.set("a", &mail::KEYWORDS, &["inbox", keyword]);
        assert!(written.refused.is_empty(), "{:?}", written.refused);
        assert_eq!(store.tags("a"), ["inbox"]);
    }
}

#[test]
fn names_that_notmuch_leaves_alone_are_left_alone() {
    let Some(store) = Store::with(&["cur/1:2,SFa#a", "new/2#b"]) else { return };
    store.set("a", &mail::FLAGS, &["answered"]);
    store.set("b", &mail::FLAGS, &["seen"]);
    assert_eq!(store.names(), ["cur/1:2,SFa", "cur/2:2,S"]);
    assert_eq!(texts(named(&store.read().0, "a"), &mail::FLAGS), ["answered"]);
}

#[test]
fn who_says_so_has_tags_without_names() {
    let files = ["cur/1:2,#a"];
    let Some(store) = Store::configured("[maildir]\nsynchronize_flags=false\n", &files) else {
        return;
    };
    store.set("a", &mail::FLAGS, &["flagged", "seen"]);
    assert_eq!(store.names(), files.map(|file| file.replace("#a", "")));
    assert_eq!(store.tags("a"), ["flagged", "inbox"]);
}

#[test]
fn f19_a_rename_that_notmuch_has_not_seen_is_not_undone_by_older_tags() {
    let Some(store) = Store::with(&["cur/1:2,S#a", "cur/2:2,S#b"]) else { return };
    let library = store.library();
    let (hook, ran) = (store.path(".notmuch/hooks/pre-new"), store.home().join("ran"));
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    store.rename("cur/1:2,S", "cur/1:2,FS");
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let (a, b) = (named(&catalog, "a"), named(&catalog, "b"));
    let changes = change(vec![
        edit(a, &mail::FLAGS, &["answered", "seen"]),
        edit(a, &mail::KEYWORDS, &["inbox", "x"]),
        edit(b, &mail::FLAGS, &["answered"]),
    ]);
    let written = library.write(&reading.revision, &changes).unwrap();
    let refused: Vec<_> = written.refused.iter().map(|refusal| &refusal.id).collect();
    assert_eq!(refused, [&a.id], "{:?}", written.refused);
    assert_eq!(store.names(), ["cur/1:2,FS", "cur/2:2,R"]);
    assert_eq!(store.tags("a"), ["flagged", "inbox", "x"]);
    assert_eq!(written.revision, library.revision().unwrap());
    assert!(!ran.exists(), "a hook of the user was run");
}

#[test]
fn f01_notmuch_is_not_made_to_forget_mail_that_is_away() {
    let files: Vec<String> =
        (0..30).map(|number| format!("Disk/cur/{number}:2,#m{number}")).collect();
    let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
    files.push("cur/1:2,S#a");
    let Some(store) = Store::with(&files) else { return };
    fs::rename(store.path("Disk"), store.home().join("unmounted")).unwrap();
    store.rename("cur/1:2,S", "cur/1:2,FS");
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (1, 30));
    let changes = change(vec![edit(named(&catalog, "a"), &mail::KEYWORDS, &["x"])]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    assert!(error.detail.contains("30 of 31 messages are gone"), "{error}");
    assert_eq!(store.ask(&["count", "*"]), "31");
}

#[test]
fn a_backup_is_a_dump_and_brings_tags_back() {
    let files = ["cur/1:2,S#a", "cur/2:2,F#b", "cur/3:2,#\"q\" c"];
    let Some(store) = Store::with(&files) else { return };
    store.tag("b", &["two words", "Work"]);
    let dump = || {
        let dump = store.ask(&["dump", "--include=tags"]);
        let mut lines: Vec<String> = dump.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (before, names) = (dump(), store.names());
    let into = tempfile::tempdir().unwrap();
    let library = store.library();
    let copies = library.back_up(into.path()).unwrap();
    let change_all = || {
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let edits = catalog.items.iter().flat_map(|item| {
            [edit(item, &mail::FLAGS, &["answered"]), edit(item, &mail::KEYWORDS, &["z"])]
        });
        library.write(&reading.revision, &change(edits.collect())).unwrap()
    };
    let written = change_all();
    assert_ne!(dump(), before);
    let revision = library.restore(&written.revision, into.path()).unwrap();
    assert_eq!(
        (dump(), store.names(), library.revision().unwrap()),
        (before.clone(), names.clone(), revision)
    );
    change_all();
    store.ask(&["restore", "--input", copies[0].to_str().unwrap()]);
    assert_eq!((dump(), store.names()), (before, names));
}

#[test]
fn an_edit_that_is_none_runs_nothing() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let edit = |new: &str| FieldEdit {
        item: named(&catalog, "a").id.clone(),
        field: &mail::FLAGS,
        old: Some(Value::list([new])),
        new: Some(Value::list(["flagged"])),
    };
    let written = library.write(&reading.revision, &change(vec![edit("answered")])).unwrap();
    assert_eq!((written.refused.len(), &written.revision), (1, &reading.revision));
    let written = library.write(&reading.revision, &change(vec![edit("seen")])).unwrap();
    assert!(written.refused.is_empty() && written.revision != reading.revision);
}
