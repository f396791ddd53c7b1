//! What a program stages is a proposal: it is put in place only if it is the old library with the
//! edits.

use segue_translator::model::music::{PLAYLIST, RATING};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Value};
use segue_translator::{ErrorKind, Library};

use crate::{LIBRARY, Program, READ};

/// Rates `/a`.
pub(crate) fn rate(rating: i64) -> ChangeSet {
    let (old, new) = (Some(Value::Int(60)), Some(Value::Int(rating)));
    let fields = vec![FieldEdit { item: "/a".into(), field: &RATING, old, new }];
    ChangeSet { fields, ..ChangeSet::default() }
}

/// A program that makes the library this on each write, and says that.
fn stager(content: &str, results: &str) -> Program {
    let on_write =
        format!(r#"printf '%s' '{content}' > "$stage/x.json"; answer '{{"results":{results}}}'"#);
    Program::new("", READ, &on_write)
}

#[test]
fn what_was_asked_is_put_in_place() {
    let new = LIBRARY.replace("60", "100");
    let program = stager(&new, r#"["ok"]"#);
    // 97 is held as 100.
    let written = program.write(&rate(97)).unwrap();
    assert_eq!((written.refused.len(), program.bytes()), (0, new.into_bytes()));
}

#[test]
fn anything_else_is_an_error_and_nothing_is_written() {
    let rated = LIBRARY.replace("60", "100");
    let ok = r#"["ok"]"#;
    for (staged, results, why) in [
        (LIBRARY.to_owned(), ok, "`rating` of `/a`"),
        (LIBRARY.replace("60", "80"), ok, "`rating` of `/a`"),
        (
            rated.replace("60", "100").replace(r#",{"id":"/b"}"#, "").replace(r#","/b""#, ""),
            ok,
            "2 items would be 1",
        ),
        (rated.replace(r#"{"id":"/b"}"#, r#"{"id":"/b"},{"id":"/c"}"#), ok, "2 items would be 3"),
        (
            rated.replace(r#"{"id":"/b"}"#, r#"{"id":"/b","fields":{"rating":20}}"#),
            ok,
            "`rating` of `/b`",
        ),
        (rated.replace("Two", "Too"), ok, "collection `Two`"),
        (rated.replace(r#"["/a","/b"]"#, r#"["/b","/a"]"#), ok, "collection `One`"),
        (rated.clone(), r#"[{"refused":"no"}]"#, ""),
        (rated.clone(), "[]", "1 edits have 0 results"),
        (rated.clone(), r#"["ok","ok"]"#, "1 edits have 2 results"),
        (rated.clone(), r#"[{"created":"3"}]"#, "every other edit is `ok`"),
        (rated.clone(), r#"["done"]"#, "done"),
        ("{".to_owned(), ok, "to `read`"),
    ] {
        let program = stager(&staged, results);
        let written = program.write(&rate(100));
        if why.is_empty() {
            // It was made after all: that is no harm, the read-back tells.
            assert!(written.is_ok());
            continue;
        }
        let error = written.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Translator, "{staged}: {error}");
        assert!(error.detail.contains(why), "{staged}: {error}");
        assert_eq!(program.bytes(), LIBRARY.as_bytes());
    }
}

#[test]
fn links_and_folders_are_no_files() {
    for make in [
        r#"ln -s /etc/passwd "$stage/x.json""#,
        r#"mkdir "$stage/x.json""#,
        r#"mkfifo "$stage/x.json""#,
    ] {
        let on_write = format!(r#"{make}; answer '{{"results":["ok"]}}'"#);
        let program = Program::new("", READ, &on_write);
        assert!(program.write(&rate(100)).is_err(), "{make}");
        assert_eq!(program.bytes(), LIBRARY.as_bytes());
    }
}

#[test]
fn edits_that_the_library_does_not_agree_with_never_reach_the_program() {
    let program = Program::new("", READ, "exit 1");
    let field = |item: &str, old: i64, new: i64| FieldEdit {
        item: item.into(),
        field: &RATING,
        old: Some(Value::Int(old)),
        new: Some(Value::Int(new)),
    };
    let one = || NativeId::from("1");
    let collections = vec![
        CollectionEdit::Rename { id: one(), old: "Other".into(), new: "New".into() },
        CollectionEdit::Reorder { id: one(), old: Vec::new(), new: Vec::new() },
        CollectionEdit::Remove { id: one(), old: Vec::new() },
        CollectionEdit::Remove { id: "9".into(), old: Vec::new() },
    ];
    // The last two are no edits: 61 is held as 60, and that is what the library holds.
    let fields = vec![field("/a", 80, 100), field("/z", 60, 80), field("/a", 60, 61)];
    let written =
        program.write(&ChangeSet { fields, collections, ..ChangeSet::default() }).unwrap();
    assert_eq!(written.refused.len(), 6, "{:?}", written.refused);
    assert_eq!(program.bytes(), LIBRARY.as_bytes());
}

#[test]
fn collections_are_made_changed_and_removed_in_one_write() {
    let new = r#"{"items":[{"id":"/a","fields":{"rating":60}},{"id":"/b"}],"collections":[{"id":"1","kind":"playlist","name":"Eins","entries":["/b"]},{"id":"3","kind":"playlist","name":"Three","entries":["/a"]}]}"#;
    let program = stager(new, r#"["ok","ok","ok",{"created":"3"}]"#);
    let ids = |ids: &[&str]| ids.iter().map(|id| NativeId::from(*id)).collect::<Vec<_>>();
    let one = || NativeId::from("1");
    let collections = vec![
        CollectionEdit::Rename { id: one(), old: "One".into(), new: "Eins".into() },
        CollectionEdit::Reorder { id: one(), old: ids(&["/a", "/b"]), new: ids(&["/b"]) },
        CollectionEdit::Remove { id: "2".into(), old: Vec::new() },
        CollectionEdit::Create {
            kind: &PLAYLIST,
            name: "Three".into(),
            parent: None,
            entries: ids(&["/a", "/a"]),
        },
    ];
    let changes = ChangeSet { collections, ..ChangeSet::default() };
    let written = program.write(&changes).unwrap();
    assert_eq!((written.created, written.refused.len()), (ids(&["3"]), 0));
    assert_eq!(program.bytes(), new.as_bytes());
}

#[test]
fn a_read_only_library_is_not_written() {
    let program = stager(LIBRARY, r#"["ok"]"#);
    program.put(LIBRARY.replace(r#"{"items""#, r#"{"read_only":"version 9","items""#).as_bytes());
    assert_eq!(program.write(&rate(100)).unwrap_err().kind, ErrorKind::Unsupported);
    let library: Box<dyn Library> = program.open();
    assert!(library.running().is_none());
}
