//! The page that shows people the table.

use std::fmt::Write;

use crate::{Class, Control};

const HEAD: &str = "\
# Failure classes

How tools like Segue have lost what people entered, what is in the way of each here, and how we know that it still is.

A class is *closed* if its test runs with every change, carries the class's number in its name, and fails when the guard is
switched off. `cargo controls` does that for every row: on a copy of the sources it replaces a few words, so that the guard
is off, and requires that the copy compiles and that every named test fails. `cargo controls --only F04` does it for one class. The copy is
built once, with both ways of each guarded function in it and a switch ([decision 0044](decisions/0044-one-build-for-all-controls.md)).
Killed writes are tried with `strace`, without which there is no control of them.
The table is `conformance/controls/classes`; `SEGUE_BLESS=1 cargo test -p segue-controls` writes this page from it.

- **class**: what goes wrong for people. Tests carry its number.
- **guard**: what is in the way, in one sentence.
- **test**: what fails when it is off, as `package target test`.
- **control**: what is so when it is off, and the file in which it is switched off.

<!-- generated from conformance/controls/classes: begin -->
| class | guard | test | control |
| --- | --- | --- | --- |
";

const END: &str = "<!-- generated from conformance/controls/classes: end -->\n";

/// `docs/failure-classes.md`.
pub fn page(classes: &[Class]) -> String {
    let mut page = HEAD.to_owned();
    for class in classes {
        let (mut id, mut guard) =
            (format!("**{}** {}", class.id, class.fails), class.guard.clone());
        if let Some(reason) = &class.not_applicable {
            row(&mut page, [&id, &guard, "—", reason]);
        }
        for control in &class.controls {
            row(&mut page, [&id, &guard, &tests(control), &off(control)]);
            // Said once; the other controls of the class stand below.
            (id, guard) = (String::new(), String::new());
        }
    }
    page.push_str(END);
    page
}

fn row(page: &mut String, cells: [&str; 4]) {
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    // Writing into a string does not fail.
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn tests(control: &Control) -> String {
    let package = control.package.trim_start_matches("segue-");
    let named = |test: &String| format!("{package} {} `{test}`", control.target);
    control.tests.iter().map(named).collect::<Vec<_>>().join("<br>")
}

fn off(control: &Control) -> String {
    let mut files: Vec<String> =
        control.switches.iter().map(|switch| format!("`{}`", switch.file)).collect();
    files.dedup();
    format!("{}: {}", control.off, files.join(", "))
}
