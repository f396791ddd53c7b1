//! Who takes too much is ended.

use std::time::Duration;

use segue_translator::ErrorKind;

use crate::{Program, READ};

#[test]
fn late_answers_end_the_program() {
    let mut program = Program::new("", "sleep 1000", "true");
    program.around.limits.answer = Duration::from_millis(300);
    let error = program.read().unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
    assert!(error.detail.contains("no answer within 300ms"), "{error}");
}

#[test]
fn a_program_that_does_not_say_hello_is_none() {
    let mut program = Program::of_script("#!/bin/sh\nread -r line\nsleep 1000\n");
    program.around.limits.hello = Duration::from_millis(300);
    assert_eq!(program.start().unwrap_err().kind, ErrorKind::TimedOut);
    let gone = Program::of_script("#!/bin/sh\necho 'no such module' >&2\n");
    let error = gone.start().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Translator);
    assert!(error.detail.contains("no such module"), "{error}");
    let error = Program::of_script("#!/no/such/interpreter\n").start().unwrap_err();
    assert!(error.detail.contains("cannot start"), "{error}");
}

#[test]
fn long_lines_and_long_answers_end_the_program() {
    let long = r"head -c 2000000 /dev/zero | tr '\0' x";
    let endless = r#"while echo '{"id":2,"part":{}}'; do :; done"#;
    for (on_read, what) in [(long, "line"), (endless, "answer")] {
        let mut program = Program::new("", on_read, "true");
        program.around.limits.answer_bytes = 1 << 20;
        let error = program.read().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Translator, "{error}");
        assert!(error.detail.contains(what), "{error}");
    }
}

#[test]
fn counts_and_depth_are_bounded() {
    let mut program = Program::honest();
    program.around.limits.items = 1;
    assert_eq!(program.read().unwrap_err().kind, ErrorKind::TooLarge);
    program.around.limits.items = 2;
    program.around.limits.collections = 1;
    assert_eq!(program.read().unwrap_err().kind, ErrorKind::TooLarge);
    program.around.limits.collections = 2;
    assert!(program.read().is_ok());

    let folder = |id: usize, parent: usize| {
        format!(r#"{{"id":"{id:03}","kind":"folder","name":"","parent":"{parent:03}"}}"#)
    };
    let tower = |top: usize| {
        let first = r#"{"id":"000","kind":"folder","name":""}"#.to_owned();
        let all: Vec<_> =
            std::iter::once(first).chain((1..=top).map(|id| folder(id, id - 1))).collect();
        format!(r#"{{"collections":[{}]}}"#, all.join(","))
    };
    program.around.limits.collections = 1_000;
    program.put(tower(64).as_bytes());
    assert!(program.read().is_ok());
    program.put(tower(65).as_bytes());
    assert_eq!(program.read().unwrap_err().kind, ErrorKind::Translator);
}

#[test]
fn memory_is_bounded() {
    let hog = format!("x=$(head -c 300000000 /dev/zero | tr '\\0' x); {READ}");
    let mut program = Program::new("", &hog, "true");
    assert!(program.read().is_ok(), "with room it answers");
    program.around.limits.memory_bytes = 200 << 20;
    assert_eq!(program.read().unwrap_err().kind, ErrorKind::Translator);
}

#[test]
fn files_are_bounded() {
    let flood = r#"head -c 3000000 /dev/zero > "$TMPDIR/big" 2>/dev/null
        answer "{\"results\":[{\"refused\":\"$(wc -c < "$TMPDIR/big")\"}]}""#;
    let mut program = Program::new("", READ, flood);
    program.around.limits.written_bytes = 1 << 20;
    let written = program.write(&crate::proposals::rate(100)).unwrap();
    assert_eq!(written.refused[0].reason.trim(), (1 << 20).to_string());
}
