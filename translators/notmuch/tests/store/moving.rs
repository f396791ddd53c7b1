//! Messages move, are copied, leave folders and come back: notmuch finds them, and their tags stay.

use std::fs;

use segue_translator::model::mail;
use segue_translator::{Collector, ErrorKind};

use crate::store::{Store, change, edit, named, texts};

impl Store {
    /// The Message-IDs of what notmuch finds in a folder, as it is called on disk.
    fn found_in(&self, folder: &str) -> Vec<String> {
        let query = format!("folder:\"{folder}\"");
        let ids = self.ask(&["search", "--output=messages", "--exclude=false", "--", &query]);
        let mut ids: Vec<String> =
            ids.lines().map(|id| id[3..].trim_end_matches("@x").to_owned()).collect();
        ids.sort();
        ids
    }

    /// Moves a message, and expects that nothing is in the way.
    fn place(&self, id: &str, folders: &[&str]) {
        let written = self.set(id, &mail::FOLDERS, folders);
        assert!(written.refused.is_empty(), "{:?}", written.refused);
        assert_eq!(written.revision, self.library().revision().unwrap());
        assert_eq!(texts(named(&self.read().0, id), &mail::FOLDERS), folders);
    }

    /// As if Segue was killed, or its notmuch: nothing is indexed until this is taken back.
    fn break_new(&self, is_broken: bool) {
        let path = self.home().join(".notmuch-config");
        let text = fs::read_to_string(&path).unwrap();
        let (from, to) = ("tags=unread;inbox;", "tags=-no-tag;");
        let (from, to) = if is_broken { (from, to) } else { (to, from) };
        assert!(text.contains(from));
        fs::write(&path, text.replace(from, to)).unwrap();
    }
}

#[test]
fn what_is_moved_copied_and_taken_out_notmuch_finds_with_its_tags() {
    let files = ["INBOX/cur/1,U=5:2,SX#a", "INBOX/cur/2:2,#b", "Archive/2024/cur/3:2,F#c"];
    let Some(store) = Store::with(&files) else { return };
    let tags = ["Work", "flagged", "two words"];
    store.tag("a", &tags);
    let before = ["INBOX/cur/1,U=5:2,FSX", "INBOX/cur/2:2,"];
    assert_eq!(store.names()[1..], before);
    store.place("a", &["Archive/2024"]);
    assert_eq!(store.names()[0], "Archive/2024/cur/1,U=5:2,FSX");
    assert_eq!((store.found_in("Archive/2024"), store.found_in("INBOX")), (ids("ac"), ids("b")));
    assert_eq!(store.tags("a"), tags);
    // A second name, in a folder that is made for it.
    store.place("a", &["Archive/2024", "Projects/Größe"]);
    assert_eq!(store.found_in("Projects/Größe"), ids("a"));
    assert_eq!(
        (store.found_in("Archive/2024"), store.tags("a")),
        (ids("ac"), tags.map(str::to_owned).into())
    );
    // A copy that goes nowhere is marked, and one that comes back takes the mark from it.
    store.place("a", &["Projects/Größe"]);
    assert!(store.path("Archive/2024/cur/1,U=5:2,FSTX").exists(), "{:?}", store.names());
    assert_eq!(store.tags("a"), tags);
    store.place("a", &["Archive/2024", "Projects/Größe"]);
    assert!(store.path("Archive/2024/cur/1,U=5:2,FSX").exists(), "{:?}", store.names());
    // From both to two others at once, and nowhere.
    store.place("a", &["INBOX", "Lists"]);
    store.place("a", &[]);
    assert_eq!(store.tags("a"), tags);
    assert_eq!(store.ask(&["count", "*"]), "3");
    store.place("a", &["INBOX"]);
    assert_eq!(store.tags("a"), tags);
    store.index();
    assert_eq!(texts(named(&store.read().0, "a"), &mail::FOLDERS), ["INBOX"]);
    assert_eq!(store.tags("a"), tags);
}

fn ids(each: &str) -> Vec<String> {
    each.chars().map(String::from).collect()
}

#[test]
fn a_move_and_marks_are_written_together() {
    let Some(store) = Store::with(&["INBOX/cur/1:2,#a", "INBOX/cur/2:2,#b"]) else { return };
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let (a, b) = (named(&catalog, "a"), named(&catalog, "b"));
    let changes = change(vec![
        edit(a, &mail::FLAGS, &["answered", "seen"]),
        edit(a, &mail::FOLDERS, &["Archive"]),
        edit(a, &mail::KEYWORDS, &["inbox", "todo"]),
        edit(b, &mail::KEYWORDS, &[]),
    ]);
    let written = library.write(&reading.revision, &changes).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert_eq!(written.revision, library.revision().unwrap());
    assert_eq!(store.names(), ["Archive/cur/1:2,RS", "INBOX/cur/2:2,"]);
    assert_eq!(
        (store.tags("a"), store.tags("b")),
        (
            ["inbox", "replied", "todo"].map(str::to_owned).into(),
            ["unread"].map(str::to_owned).into()
        )
    );
}

#[test]
fn f07_tags_that_the_name_did_not_say_stay_although_it_is_put_in_order() {
    let Some(store) = Store::with(&["INBOX/cur/1:2,SFX#a", "INBOX/new/2#b"]) else { return };
    store.tag("a", &["replied", "todo", "unread"]);
    store.tag("b", &["inbox", "unread"]);
    // notmuch leaves a name alone whose letters are out of order.
    assert!(store.path("INBOX/cur/1:2,SFX").exists());
    store.place("a", &["Archive"]);
    store.place("b", &["Archive"]);
    assert_eq!(store.tags("a"), ["replied", "todo", "unread"]);
    assert_eq!(store.tags("b"), ["inbox", "unread"]);
    assert_eq!(store.names(), ["Archive/cur/1:2,RX", "Archive/cur/2:2,"]);
    store.index();
    assert_eq!(store.tags("a"), ["replied", "todo", "unread"]);
    // Of a letter without a keyword nobody knows what it is in another folder.
    let Some(store) = Store::with(&["INBOX/cur/1:2,Sa#a"]) else { return };
    let written = store.set("a", &mail::FOLDERS, &["Archive"]);
    assert!(written.refused[0].reason.contains("which keyword is `a`"), "{:?}", written.refused);
}

#[test]
fn f07_tags_that_another_file_of_the_message_takes_are_given_back() {
    // Two messages for Segue and one for notmuch; it cannot rename the second.
    let files = ["INBOX/cur/1:2,S#a#one", "INBOX/cur/2:2,SF#a#other"];
    let Some(store) = Store::with(&files) else { return };
    store.tag("a", &["replied", "todo"]);
    let told = named(&store.read().0, "a").id.clone();
    store.set("a", &mail::FOLDERS, &["Archive"]);
    assert_eq!(store.tags("a"), ["replied", "todo"]);
    let item = named(&store.read().0, "a").clone();
    assert_eq!((texts(&item, &mail::FOLDERS), &item.id), (vec!["Archive"], &told));
}

#[test]
fn f29_a_move_that_notmuch_was_not_told_of_is_told_and_finished_later() {
    let files = ["INBOX/cur/1:2,SF#a", "INBOX/cur/2:2,#b", "INBOX/cur/3:2,S#c"];
    for is_finished_by_us in [true, false] {
        let Some(store) = Store::with(&files) else { return };
        store.tag("a", &["replied", "todo"]);
        store.tag("b", &["x", "unread"]);
        let library = store.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let changes = change(vec![
            edit(named(&catalog, "a"), &mail::FOLDERS, &["Archive", "Lists"]),
            edit(named(&catalog, "b"), &mail::FOLDERS, &[]),
        ]);
        store.break_new(true);
        library.write(&reading.revision, &changes).unwrap_err();
        let (told, reading) = store.read();
        assert!(reading.losses.is_empty(), "{:?}", reading.losses);
        let a = named(&told, "a");
        assert_eq!(texts(a, &mail::FOLDERS), ["Archive", "Lists"]);
        assert_eq!(
            (texts(a, &mail::FLAGS), texts(a, &mail::KEYWORDS)),
            (vec!["answered", "seen"], vec!["todo"])
        );
        assert!(texts(named(&told, "b"), &mail::FOLDERS).is_empty());
        store.break_new(false);
        if is_finished_by_us {
            store.place("a", &["Archive"]);
            store.set("b", &mail::KEYWORDS, &["x"]);
        } else {
            store.index();
        }
        assert_eq!(store.tags("a"), ["replied", "todo"]);
        assert_eq!(store.tags("b"), ["unread", "x"]);
        assert_eq!((store.found_in("Archive"), store.found_in("INBOX")), (ids("a"), ids("bc")));
        assert_eq!(store.ask(&["count", "*"]), "3");
    }
}

#[test]
fn f29_a_name_that_was_taken_loses_no_message() {
    let files = ["INBOX/cur/1,U=5:2,S#a", "Archive/cur/1,U=5:2,#b"];
    let Some(store) = Store::with(&files) else { return };
    store.tag("a", &["todo"]);
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FOLDERS, &["Archive"])]);
    store.break_new(true);
    library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(store.names(), ["Archive/cur/1,U=5:2,", "Archive/cur/1_1,U=5:2,S"]);
    // Who is called so by chance is nobody else.
    store.put("Lists/cur/1_2,U=5:2,F#c");
    let (told, reading) = store.read();
    assert_eq!((told.items.len(), reading.losses.len()), (2, 0), "{:?}", reading.losses);
    for (id, flags, keywords) in [("a", &["seen"][..], &["todo"][..]), ("b", &[], &["inbox"])] {
        assert_eq!(texts(named(&told, id), &mail::FOLDERS), ["Archive"]);
        assert_eq!(texts(named(&told, id), &mail::FLAGS), flags);
        assert_eq!(texts(named(&told, id), &mail::KEYWORDS), keywords);
    }
    store.break_new(false);
    store.index();
    assert_eq!((store.tags("a"), store.found_in("Archive")), (vec!["todo".into()], ids("ab")));
}

#[test]
fn f07_nothing_moves_to_where_notmuch_does_not_look() {
    let files = ["INBOX/cur/1:2,S#a", "Old/cur/2:2,S#b"];
    for (ignored, kept) in [("Spam", "Old"), ("/^Spam/", "Old")] {
        let Some(store) = Store::configured("[maildir]\nsynchronize_flags=true\n", &files) else {
            return;
        };
        let path = store.home().join(".notmuch-config");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("[new]\n", &format!("[new]\nignore=.mbsyncstate;{ignored}\n"));
        fs::write(&path, text).unwrap();
        let written = store.set("a", &mail::FOLDERS, &["Spam"]);
        assert_eq!(written.refused.len(), 1, "{ignored}");
        assert!(written.refused[0].reason.contains("new.ignore"), "{:?}", written.refused);
        assert_eq!(store.names()[0], "INBOX/cur/1:2,S");
        store.place("a", &[kept]);
        assert_eq!(store.tags("a"), ["inbox"]);
    }
}

#[test]
fn f01_nothing_moves_while_notmuch_would_forget_mail_that_is_away() {
    let files: Vec<String> =
        (0..30).map(|number| format!("Disk/cur/{number}:2,#m{number}")).collect();
    let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
    files.push("INBOX/cur/1:2,S#a");
    let Some(store) = Store::with(&files) else { return };
    fs::rename(store.path("Disk"), store.home().join("unmounted")).unwrap();
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FOLDERS, &["Archive"])]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    assert_eq!(store.names(), ["INBOX/cur/1:2,S"]);
    assert_eq!(store.ask(&["count", "*"]), "31");
}

#[test]
fn f19_what_a_mail_program_moved_meanwhile_stays_there() {
    let Some(store) = Store::with(&["INBOX/cur/1:2,S#a", "Old/cur/2:2,S#b"]) else { return };
    let library = store.library();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    store.rename("INBOX/cur/1:2,S", "Old/cur/1:2,FS");
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FOLDERS, &["Archive"])]);
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Stale, "{error}");
    // A copy that notmuch has not seen counts before anything is written.
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    store.put("Lists/cur/3:2,S#a");
    let revision = library.revision().unwrap();
    assert_ne!(revision, reading.revision);
    let changes = change(vec![edit(named(&catalog, "a"), &mail::FOLDERS, &["Archive"])]);
    let written = library.write(&revision, &changes).unwrap();
    assert_eq!(written.refused.len(), 1, "{:?}", written.refused);
    let (catalog, _) = Collector::collect(&*library).unwrap();
    assert_eq!(texts(named(&catalog, "a"), &mail::FOLDERS), ["Lists", "Old"]);
    assert_eq!(store.tags("a"), ["flagged", "inbox"]);
}

#[test]
fn f33_a_backup_brings_names_back_as_well_as_tags() {
    let files = ["INBOX/cur/1:2,S#a", "INBOX/cur/2:2,F#b", "INBOX/cur/3:2,SFX#c", "Old/new/4#d"];
    let Some(store) = Store::with(&files) else { return };
    store.tag("b", &["two words", "unread", "flagged"]);
    store.tag("c", &["replied"]);
    let dump = || {
        let dump = store.ask(&["dump", "--include=tags"]);
        let mut lines: Vec<String> = dump.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (before, names, (told, _)) = (dump(), store.names(), store.read());
    let into = tempfile::tempdir().unwrap();
    let library = store.library();
    for copy in library.back_up(into.path()).unwrap() {
        assert!(copy.exists());
    }
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let folders = [("a", &["Archive"][..]), ("b", &["INBOX", "Old"]), ("c", &["Old"]), ("d", &[])];
    let mut edits: Vec<_> = folders
        .iter()
        .map(|(id, folders)| edit(named(&catalog, id), &mail::FOLDERS, folders))
        .collect();
    edits.extend(catalog.items.iter().map(|item| edit(item, &mail::FLAGS, &["draft"])));
    let written = library.write(&reading.revision, &change(edits)).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    let revision = library.restore(&written.revision, into.path()).unwrap();
    assert_eq!(revision, library.revision().unwrap());
    assert_eq!(dump(), before);
    let mut left = store.names();
    // The second name of a file is taken from nobody.
    left.retain(|name| name != "Old/cur/2:2,T");
    assert_eq!(left, names);
    assert_eq!(store.read().0, told);
}

#[test]
fn f06_a_message_that_cannot_be_read_has_left_no_folder() {
    let files = ["INBOX/cur/1:2,S#a", "Old/cur/2,S=7:2,S#a"];
    let Some(store) = Store::with(&files) else { return };
    let (catalog, reading) = store.read();
    assert_eq!(texts(named(&catalog, "a"), &mail::FOLDERS), ["INBOX"]);
    assert_eq!(reading.unseen, [(&mail::FOLDERS, "Old".into())]);
}
