//! Names that an app gives once: what cannot be named is refused before the program is asked.

use segue_translator::ErrorKind;
use segue_translator::model::music::PLAYLIST;
use segue_translator::model::{ChangeSet, CollectionEdit, NativeId};

use crate::{HELLO, LIBRARY, Program, READ};

const NAMES: &str = r#""names":{"unique":{"without":"/","except":["."]}}"#;

/// A program of an app that names playlists once; each write makes the library this.
fn program(content: &str, results: &str) -> Program {
    let access = r#""playlist":{"access":"write""#;
    let hello = HELLO.replace(access, &format!("{access},{NAMES}"));
    assert_ne!(hello, HELLO);
    let on_write =
        format!(r#"printf '%s' '{content}' > "$stage/x.json"; answer '{{"results":{results}}}'"#);
    Program::saying_hello(&hello, "", READ, &on_write)
}

fn create(name: &str) -> CollectionEdit {
    CollectionEdit::Create { kind: &PLAYLIST, name: name.into(), parent: None, entries: Vec::new() }
}

fn rename(id: &str, old: &str, new: &str) -> CollectionEdit {
    CollectionEdit::Rename { id: id.into(), old: old.into(), new: new.into() }
}

fn edits(collections: Vec<CollectionEdit>) -> ChangeSet {
    ChangeSet { collections, ..ChangeSet::default() }
}

#[test]
fn names_that_cannot_be_given_never_reach_the_program() {
    let program = program("", "[]");
    let wrong = vec![
        create("One"),
        create("AC/DC"),
        create("."),
        create(""),
        rename("1", "One", "Two"),
        rename("1", "One", &"x".repeat(256)),
    ];
    let written = program.write(&edits(wrong)).unwrap();
    assert_eq!(written.refused.len(), 6, "{:?}", written.refused);
    assert_eq!(program.bytes(), LIBRARY.as_bytes());
    // The same name twice, made at once: the program is asked for the first alone.
    let new = LIBRARY
        .replace(r#"{"id":"2","#, r#"{"id":"1b","kind":"playlist","name":"New"},{"id":"2","#);
    let program = self::program(&new, r#"[{"created":"1b"}]"#);
    let written = program.write(&edits(vec![create("New"), create("New")])).unwrap();
    assert_eq!((written.created, written.refused.len()), (vec![NativeId::from("1b")], 1));
}

#[test]
fn ids_may_follow_names() {
    let by_name = |one: &str, two: &str| {
        let (one, two) = (
            format!(r#"{{"id":"{one}","kind":"playlist","name":"{one}","entries":["/a","/b"]}}"#),
            format!(r#"{{"id":"{two}","kind":"playlist","name":"{two}"}}"#),
        );
        let (first, second) = if one < two { (one, two) } else { (two, one) };
        format!(
            r#"{{"items":[{{"id":"/a","fields":{{"rating":60}}}},{{"id":"/b"}}],"collections":[{first},{second}]}}"#
        )
    };
    // One takes the old name, and with it the old id, of another.
    let new = by_name("Two", "Three");
    let program = program(&new, r#"["ok","ok"]"#);
    program.put(by_name("One", "Two").as_bytes());
    let renames = vec![rename("Two", "Two", "Three"), rename("One", "One", "Two")];
    let written = program.write(&edits(renames.clone())).unwrap();
    assert_eq!((written.refused.len(), program.bytes()), (0, new.into_bytes()));

    // Entries that went to the other one are seen.
    let wrong = by_name("Three", "Two");
    let program = self::program(&wrong, r#"["ok","ok"]"#);
    program.put(by_name("One", "Two").as_bytes());
    let error = program.write(&edits(renames)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Translator, "{error}");

    // Where names are any text, an id stays.
    let on_write = r#"sed 's/One/Eins/g' "$file2" > "$stage/x.json"; answer '{"results":["ok"]}'"#
        .replace("$file2", "$(part x.json)");
    let program = Program::new("", READ, &on_write);
    program.put(by_name("One", "Two").as_bytes());
    let error = program.write(&edits(vec![rename("One", "One", "Eins")])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Translator, "{error}");
}

#[test]
fn a_library_with_other_names_is_a_breach() {
    for (name, why) in [("One", "the name of another"), ("a/b", "a name that it cannot have")] {
        let program = program("", "[]");
        program.put(LIBRARY.replace("Two", name).as_bytes());
        let error = program.read().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Translator);
        assert!(error.detail.contains(why), "{error}");
    }
}
