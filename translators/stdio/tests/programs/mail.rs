//! A program for mail: sets, places and keys.

use segue_translator::ErrorKind;
use segue_translator::model::mail::{FLAGS, FOLDERS};
use segue_translator::model::{ChangeSet, FieldEdit, Value};

use crate::{Program, READ};

const HELLO: &str = r#"{"protocol":1,"app":"x","schema":"mail","folders":[{"below":"data","path":"x"}],"files":["x.json"],"running":{},"fields":{"key":{"access":"read"},"flags":{"access":"write","hold":{"only":["flagged","seen"]}},"folders":{"access":"write","hold":{"elements":{"except":[".",".."]}}}},"collections":{"folder":{"access":"read"}}}"#;

const LIBRARY: &str = r#"{"items":[{"id":"1","fields":{"key":"k1","flags":["seen"],"folders":["INBOX"]}},{"id":"2","fields":{"key":"k2"}}],"collections":[{"id":"a","kind":"folder","name":"INBOX"}],"unseen":{"folders":["Sent"],"flags":["flagged"]}}"#;

fn program(library: &str, on_write: &str) -> Program {
    let program = Program::saying_hello(HELLO, "", READ, on_write);
    program.put(library.as_bytes());
    program
}

#[test]
fn f06_what_was_not_seen_is_told() {
    let (catalog, reading) = program(LIBRARY, "true").read().unwrap();
    assert_eq!(catalog.items[0].fields.value(&FOLDERS), Some(&Value::list(["INBOX"])));
    let unseen: Vec<(&str, &str)> =
        reading.unseen.iter().map(|(field, element)| (field.name, &**element)).collect();
    assert_eq!(unseen, [("flags", "flagged"), ("folders", "Sent")]);
}

/// A library with this in place of that is an error of the program.
fn is_refused(from: &str, to: &str, why: &str) {
    let library = LIBRARY.replace(from, to);
    assert_ne!(library, LIBRARY, "{from}");
    let error = program(&library, "true").read().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Translator, "{why}: {error}");
    assert!(error.detail.contains(why), "{why}: {error}");
}

#[test]
fn f08_a_message_is_one_item_whatever_copies_it_has() {
    is_refused("k2", "k1", "`2` has the `key` of another item");
    is_refused(r#""key":"k1","#, "", "`1` has no `key`");
}

#[test]
fn what_is_no_mail_is_an_error() {
    for (from, to, why) in [
        (r#"["seen"]"#, r#"["seen","flagged"]"#, "no sorted set"),
        (r#"["seen"]"#, r#"["draft"]"#, "not held so"),
        (r#""unseen":{"folders""#, r#""unseen":{"subject""#, "no set that is declared"),
        (r#""unseen":{"folders""#, r#""unseen":{"key""#, "no set that is declared"),
        (r#"["flagged"]}"#, r#"["draft"]}"#, "is not held"),
        (r#"["Sent"]"#, r#"[""]"#, "is not held"),
    ] {
        is_refused(from, to, why);
    }
    let part = r#"echo "{\"id\":$n,\"part\":{\"unseen\":{\"flags\":[\"seen\"]}}}""#;
    let error = Program::saying_hello(HELLO, "", part, "true").read().unwrap_err();
    assert!(error.detail.contains("only the result"), "{error}");
}

/// An item goes to another folder; the program stages this.
fn move_to(folder: &str, staged: &str) -> Result<Vec<u8>, segue_translator::Error> {
    let on_write =
        format!(r#"printf '%s' '{staged}' > "$stage/x.json"; answer '{{"results":["ok"]}}'"#);
    let program = program(LIBRARY, &on_write);
    let (old, new) = (Some(Value::list(["INBOX"])), Some(Value::list([folder])));
    let fields = vec![FieldEdit { item: "1".into(), field: &FOLDERS, old, new }];
    program.write(&ChangeSet { fields, ..ChangeSet::default() }).map(|_| program.bytes())
}

#[test]
fn a_folder_comes_with_a_message_and_with_nothing_else() {
    let moved = LIBRARY.replace(r#"["INBOX"]"#, r#"["New"]"#);
    let also = |name: &str| {
        let new = format!(
            r#"{{"id":"a","kind":"folder","name":"INBOX"}},{{"id":"b","kind":"folder","name":"{name}"}}"#
        );
        moved.replace(r#"{"id":"a","kind":"folder","name":"INBOX"}"#, &new)
    };
    assert_eq!(move_to("New", &also("New")).unwrap(), also("New").into_bytes());
    let error = move_to("New", &also("Other")).unwrap_err();
    assert!(error.detail.contains("1 collections would be 2"), "{error}");
}

#[test]
fn of_a_set_only_what_is_held_is_asked_for() {
    let refuse = "exit 1";
    let program = program(LIBRARY, refuse);
    let (old, new) = (Some(Value::list(["seen"])), Some(Value::list(["answered", "seen"])));
    let fields = vec![FieldEdit { item: "1".into(), field: &FLAGS, old, new }];
    let written = program.write(&ChangeSet { fields, ..ChangeSet::default() }).unwrap();
    assert!(written.refused.is_empty(), "what is held is held already: nothing is asked");
}
