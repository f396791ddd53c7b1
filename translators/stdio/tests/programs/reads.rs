//! What a program says of a library is checked before anybody relies on it.

use segue_translator::ErrorKind;

use crate::{LIBRARY, Program};

#[test]
fn an_honest_program_is_read() {
    let (catalog, reading) = Program::honest().read().unwrap();
    assert_eq!((catalog.items.len(), catalog.collections.len()), (2, 2));
    assert_eq!(catalog.items[0].fields.len(), 1);
    assert_eq!(reading.read_only, None);
}

#[test]
fn what_cannot_be_is_an_error_that_says_so() {
    let program = Program::honest();
    let items = |items: &str| format!(r#"{{"items":[{items}]}}"#);
    let fields = |fields: &str| items(&format!(r#"{{"id":"/a","fields":{{{fields}}}}}"#));
    let lists = |lists: &str| format!(r#"{{"items":[{{"id":"/a"}}],"collections":[{lists}]}}"#);
    for (answer, why) in [
        (items(r#"{"id":"/b"},{"id":"/a"}"#), "not in order"),
        (items(r#"{"id":"/a"},{"id":"/a"}"#), "not in order"),
        (items(r#"{"id":""}"#), "empty"),
        (items(r#"{"id":{"bytes":"?"}}"#), "base64"),
        (items(r#"{"id":"/a","location":"a"}"#), "no absolute path"),
        (items(r#"{"id":"/a","location":"/a/../../etc"}"#), "no absolute path"),
        (items(r#"{"id":"/a","stars":1}"#), "stars"),
        (fields(r#""rating":101"#), "no rating"),
        (fields(r#""rating":-1"#), "no rating"),
        (fields(r#""rating":60.0"#), "no rating"),
        (fields(r#""rating":"60""#), "no rating"),
        (fields(r#""rating":99999999999999999999"#), "no rating"),
        (fields(r#""rating":61"#), "not held so"),
        (fields(r#""rating":0"#), "not held so"),
        (fields(r#""rating":null"#), "leave it out"),
        (fields(r#""title":"""#), "no title"),
        (fields(r#""artist":[]"#), "no artist"),
        (fields(r#""album":"A""#), "not declared"),
        (fields(r#""shoe_size":1"#), "not declared"),
        (lists(r#"{"id":"1","kind":"shelf","name":""}"#), "not declared"),
        (lists(r#"{"id":"1","kind":"smart_playlist","name":""}"#), "not declared"),
        (lists(r#"{"id":"1","kind":"playlist","name":"","entries":["/z"]}"#), "no item"),
        (lists(r#"{"id":"1","kind":"playlist","name":"","entries":["/a","/a"]}"#), "repeats"),
        (lists(r#"{"id":"1","kind":"playlist","name":"","rule":"x"}"#), "has not"),
        (lists(r#"{"id":"1","kind":"folder","name":"","entries":["/a"]}"#), "has not"),
        (lists(r#"{"id":"1","kind":"folder","name":"","parent":"2"}"#), "no collection"),
        (lists(r#"{"id":"1","kind":"folder","name":"","parent":"1"}"#), "deeper"),
        (r#"{"losses":[{"id":"/a"}]}"#.to_owned(), "what"),
        (r#"{"roots":["relative"]}"#.to_owned(), "no absolute path"),
        (r#"{"surprise":1}"#.to_owned(), "surprise"),
        ("[".repeat(5_000), "recursion"),
        ("7".to_owned(), "to `read`"),
        (String::new(), "to `read`"),
    ] {
        program.put(answer.as_bytes());
        let error = program.read().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Translator, "{answer}: {error}");
        assert!(error.detail.contains(why), "{answer}: {error}");
    }
}

#[test]
fn lines_that_are_no_answer_are_an_error() {
    for (line, why) in [
        ("hello there", "to `read`"),
        (r#"{"id":1,"result":{}}"#, "answers 1 when asked 2"),
        (r#"{"id":2}"#, "not one of"),
        (r#"{"id":2,"part":{},"result":{}}"#, "not one of"),
        (r#"{"id":2,"part":{"roots":["/"]}}"#, "only the result"),
        (r#"{"id":2,"error":{"kind":"angry","message":""}}"#, "no kind of error"),
    ] {
        let program = Program::new("", &format!("echo '{line}'"), "true");
        let error = program.read().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Translator, "{line}: {error}");
        assert!(error.detail.contains(why), "{line}: {error}");
    }
}

#[test]
fn what_the_program_reports_keeps_its_kind_and_the_program_goes_on() {
    let told = r#"echo "{\"id\":$n,\"error\":{\"kind\":\"corrupt\",\"message\":\"torn\"}}""#;
    let program = Program::new(
        "",
        &format!(r#"if grep -q torn "$file"; then {told}; else {}; fi"#, crate::READ),
        "true",
    );
    let library = program.open();
    program.put(b"torn");
    let error = segue_translator::Collector::collect(&*library).unwrap_err();
    assert_eq!((error.kind, &*error.detail), (ErrorKind::Corrupt, "torn"));
    program.put(LIBRARY.as_bytes());
    assert!(segue_translator::Collector::collect(&*library).is_ok());
}

#[test]
fn after_a_breach_the_program_is_started_anew() {
    let program = Program::honest();
    let library = program.open();
    program.put(b"{");
    assert!(segue_translator::Collector::collect(&*library).is_err());
    program.put(LIBRARY.as_bytes());
    assert!(segue_translator::Collector::collect(&*library).is_ok());
}
