//! What notmuch holds is told, and nothing is touched for it.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;
use std::sync::Arc;

use segue_notmuch::Notmuch;
use segue_translator::model::mail;
use segue_translator::{Collector, ErrorKind, Idle, Translator as _};

use crate::store::{Store, named, texts};

#[test]
fn each_spelling_of_a_tag_is_read() {
    let Some(store) = Store::with(&["cur/1:2,#a"]) else { return };
    for (tags, flags, keywords) in [
        (&["unread"][..], &[][..], &[][..]),
        (&[], &["seen"], &[]),
        (&["replied"], &["answered", "seen"], &[]),
        (&["draft"], &["draft", "seen"], &[]),
        (&["flagged"], &["flagged", "seen"], &[]),
        (&["passed", "unread"], &["forwarded"], &[]),
        (&["$Forwarded", "unread"], &["forwarded"], &[]),
        (&["Work", "work", "inbox", "unread"], &[], &["inbox", "work"]),
        (&["deleted", "two words", "größe"], &["seen"], &["deleted", "größe", "two words"]),
        (&["signed", "attachment", "Replied"], &["seen"], &[]),
    ] {
        store.tag("a", tags);
        let (catalog, reading) = store.read();
        let item = named(&catalog, "a");
        assert_eq!(texts(item, &mail::FLAGS), flags, "{tags:?}");
        assert_eq!(texts(item, &mail::KEYWORDS), keywords, "{tags:?}");
        assert_eq!(reading.losses.len(), usize::from(tags.contains(&"Replied")), "{reading:?}");
    }
}

#[test]
fn tags_that_hide_messages_from_searches_hide_none_from_segue() {
    let Some(store) = Store::with(&["cur/1:2,#a", "cur/2:2,#b"]) else { return };
    store.tag("a", &["deleted"]);
    assert_eq!(store.ask(&["count", "*"]), "1");
    assert_eq!(store.read().0.items.len(), 2);
}

#[test]
fn a_message_lies_where_its_files_are_and_were_not_removed() {
    let files =
        ["cur/1:2,#a", "Archive/2024/cur/2:2,S#a", "Trash/cur/3:2,T#a", "Drafts/cur/4:2,T#b"];
    let Some(store) = Store::with(&files) else { return };
    let (catalog, reading) = store.read();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    assert_eq!(texts(named(&catalog, "a"), &mail::FOLDERS), ["Archive/2024", "INBOX"]);
    assert!(texts(named(&catalog, "b"), &mail::FOLDERS).is_empty());
    let maildir = segue_maildir::Maildir.open(&store.path(""), Arc::new(Idle)).unwrap();
    let (other, _) = Collector::collect(&*maildir).unwrap();
    assert_eq!(catalog.collections, other.collections);
    assert!(catalog.items.iter().map(|item| &item.id).eq(other.items.iter().map(|item| &item.id)));
}

#[test]
fn two_messages_of_one_id_are_told_as_one_and_the_other_is_reported() {
    let files = ["cur/1:2,S#a#one", "cur/2:2,F#a#other", "cur/3:2,#c"];
    let Some(store) = Store::with(&files) else { return };
    let (catalog, reading) = store.read();
    assert_eq!((catalog.items.len(), reading.losses.len()), (2, 1), "{:?}", reading.losses);
    assert!(reading.losses[0].what.contains("Message-ID of another one"), "{:?}", reading.losses);
    assert!(
        catalog.item(&reading.losses[0].id).is_none()
            && reading.losses[0].id.as_bytes().len() == 32
    );
}

#[test]
fn copies_that_differ_in_state_headers_are_one_message_and_are_changed_together() {
    let Some(store) = Store::with(&["cur/1:2,F##x", "cur/2:2,S##x"]) else { return };
    let text = fs::read_to_string(store.path("cur/2:2,S")).unwrap();
    fs::write(store.path("cur/3:2,S"), format!("Status: RO\n{text}")).unwrap();
    store.index();
    assert_eq!(store.ask(&["count", "*"]), "2");
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (1, 0), "{:?}", reading.losses);
    assert_eq!(texts(&catalog.items[0], &mail::FLAGS), ["flagged", "seen"]);
    let edit = crate::store::edit(&catalog.items[0], &mail::FLAGS, &["answered"]);
    library.write(&reading.revision, &crate::store::change(vec![edit])).unwrap();
    assert_eq!(store.names(), ["cur/1:2,R", "cur/2:2,R", "cur/3:2,R"]);
}

#[test]
fn what_is_not_indexed_is_not_there_yet_and_what_went_away_is_reported() {
    let Some(store) = Store::with(&["cur/1:2,#a", "cur/2:2,#b"]) else { return };
    let library = store.library();
    let before = library.revision().unwrap();
    store.put("cur/3:2,#c");
    fs::write(store.path("cur/4:2,"), "no mail").unwrap();
    fs::remove_file(store.path("cur/2:2,")).unwrap();
    assert_ne!(library.revision().unwrap(), before);
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (1, 1), "{:?}", reading.losses);
    assert_eq!(reading.losses[0].id.to_string(), "id:b@x");
    store.index();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (2, 0), "{:?}", reading.losses);
}

#[test]
fn names_say_nothing_until_notmuch_has_seen_them() {
    let Some(store) = Store::with(&["cur/1:2,S#a", "cur/2:2,#b"]) else { return };
    store.rename("cur/1:2,S", "cur/1:2,FRST");
    let (catalog, reading) = store.read();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    assert_eq!(texts(named(&catalog, "a"), &mail::FLAGS), ["seen"]);
    store.index();
    let (catalog, _) = store.read();
    assert_eq!(texts(named(&catalog, "a"), &mail::FLAGS), ["answered", "flagged", "seen"]);
}

#[test]
fn odd_ids_are_told_and_written() {
    let long = format!("cur/5:2,#{}", "x".repeat(260));
    let ids = ["\"q u\"/%+a", "spaced id", "(a) or b", "größe"];
    let mut files: Vec<String> =
        ids.iter().enumerate().map(|(number, id)| format!("cur/{number}:2,#{id}")).collect();
    files.push(long);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let Some(store) = Store::with(&files) else { return };
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (5, 0), "{:?}", reading.losses);
    let edits = catalog.items.iter().map(|item| crate::store::edit(item, &mail::FLAGS, &["seen"]));
    let written = library.write(&reading.revision, &crate::store::change(edits.collect())).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert!(store.names().iter().all(|name| name.ends_with(":2,S")), "{:?}", store.names());
}

#[test]
fn a_database_apart_from_the_mail_is_read_and_so_is_a_folder_without_a_configuration() {
    let files = ["cur/1:2,S#a", "Archive/cur/2:2,F#b"];
    let Some(apart) = Store::with(&files) else { return };
    let home = apart.home();
    let text = fs::read_to_string(home.join(".notmuch-config")).unwrap();
    let text = text.replace("path=Mail", "path=Index\nmail_root=Mail");
    fs::write(home.join(".notmuch-config"), text).unwrap();
    fs::remove_dir_all(apart.path(".notmuch")).unwrap();
    fs::create_dir(home.join("Index")).unwrap();
    apart.index();
    let (one, reading) = apart.read();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    let Some(plain) = Store::with(&files) else { return };
    let library = Notmuch::default().open(&plain.path(""), Arc::new(Idle)).unwrap();
    let (other, reading) = Collector::collect(&*library).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.items.len(), 2);
    let edits = vec![crate::store::edit(named(&other, "a"), &mail::FLAGS, &["draft"])];
    library.write(&reading.revision, &crate::store::change(edits)).unwrap();
    assert!(plain.path("cur/1:2,D").exists(), "{:?}", plain.names());
}

#[test]
fn f13_a_home_whose_name_is_no_text_is_a_home() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let home = store.home().join(std::ffi::OsStr::from_bytes(b"h\xff\xfeme"));
    fs::create_dir(&home).unwrap();
    fs::rename(store.path(""), home.join("Mail")).unwrap();
    fs::rename(store.home().join(".notmuch-config"), home.join(".notmuch-config")).unwrap();
    let library = Notmuch::default().open(&home.join(".notmuch-config"), Arc::new(Idle)).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    let edits = vec![crate::store::edit(named(&catalog, "a"), &mail::FLAGS, &["flagged"])];
    library.write(&reading.revision, &crate::store::change(edits)).unwrap();
    assert!(home.join("Mail/cur/1:2,F").exists());
}

#[test]
fn f01_a_database_that_is_not_there_is_an_error() {
    let Some(store) = Store::with(&["cur/1:2,S#a"]) else { return };
    let library = store.library();
    fs::rename(store.path(".notmuch"), store.path("gone")).unwrap();
    assert!(Collector::collect(&*library).is_err() && library.revision().is_err());
    let opened = store.library_with(segue_notmuch::Limits::default());
    assert_eq!(opened.err().unwrap().kind, ErrorKind::Absent);
    fs::rename(store.path("gone"), store.path(".notmuch")).unwrap();
    fs::write(store.path(".notmuch/xapian/iamglass"), "garbage").unwrap();
    let error = Collector::collect(&*library).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
}

const INNER: &str = "SEGUE_NOTMUCH_TEST_OPENS";

#[test]
fn a_computer_without_notmuch_is_told_what_to_install() {
    if let Some(path) = std::env::var_os(INNER) {
        let error = Notmuch::default().open(path.as_ref(), Arc::new(Idle)).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Absent, "{error}");
        assert!(error.detail.contains("install notmuch"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".notmuch-config");
    fs::write(&path, "[database]\npath=Mail\n").unwrap();
    // The same test in a process that finds no programs.
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reading::a_computer_without_notmuch_is_told_what_to_install"])
        .env("PATH", folder.path())
        .env(INNER, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn what_changed_is_asked_for_alone_and_is_as_if_all_was_read() {
    let files: Vec<String> = (0..40).map(|number| format!("cur/{number}:2,#m{number}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let Some(store) = Store::with(&files) else { return };
    let library = store.library();
    let mut rng = fastrand::Rng::with_seed(1);
    for round in 0..30 {
        let file = format!("m{}", rng.usize(..40));
        match rng.u8(..6) {
            0 => store.tag(&file, &["inbox", "Odd one", &format!("t{}", rng.u8(..4))]),
            1 => store.tag(&file, &[]),
            2 => store.tag(&file, &["Unread", "unread"]),
            3 => store.put(&format!("Archive/cur/{round}:2,F#new{round}")),
            4 => store.put(&format!("Archive/cur/{round}:2,#{file}")),
            _ => {
                let names = store.names();
                fs::remove_file(store.path(&names[rng.usize(..names.len())])).unwrap();
            }
        }
        if rng.bool() {
            store.index();
        }
        let (one, reading) = Collector::collect(&*library).unwrap();
        let (other, fresh) = store.read();
        assert_eq!(one, other, "{round}");
        let ids = |reading: &segue_translator::Reading| {
            let mut ids: Vec<String> =
                reading.losses.iter().map(|one| one.id.to_string()).collect();
            ids.sort();
            (ids, reading.revision.clone())
        };
        assert_eq!(ids(&reading), ids(&fresh), "{round}");
    }
}

#[test]
fn what_was_moved_is_found_where_it_is_and_indexed_by_a_write() {
    let files = ["cur/1:2,S#a", "cur/2:2,S#b", "Archive/cur/2:2,F#c"];
    let Some(store) = Store::with(&files) else { return };
    store.tag("a", &["todo"]);
    store.rename("cur/1:2,S", "Lists/cur/1:2,S");
    fs::remove_file(store.path("cur/2:2,S")).unwrap();
    let (catalog, reading) = store.read();
    let item = named(&catalog, "a");
    assert_eq!(texts(item, &mail::FOLDERS), ["Lists"]);
    assert_eq!(texts(item, &mail::KEYWORDS), ["todo"]);
    // A namesake elsewhere is another message.
    assert_eq!((catalog.items.len(), reading.losses.len()), (2, 1), "{:?}", reading.losses);
    let written = store.set("a", &mail::KEYWORDS, &["todo", "x"]);
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert_eq!(store.tags("a"), ["todo", "x"]);
    assert_eq!(store.ask(&["search", "--output=files", "id:a@x"]).lines().count(), 1);
    assert!(store.path("Lists/cur/1:2,S").exists());
}

#[test]
fn a_message_that_was_removed_while_another_changed_is_gone() {
    let Some(store) = Store::with(&["cur/1:2,#a", "cur/2:2,#b", "cur/3:2,#c"]) else { return };
    let library = store.library();
    assert_eq!(Collector::collect(&*library).unwrap().0.items.len(), 3);
    fs::remove_file(store.path("cur/2:2,")).unwrap();
    store.index();
    store.tag("a", &["flagged"]);
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (2, 0), "{:?}", reading.losses);
}
