//! The table fits the sources: every text is there once, every test exists, no class is left out.
//!
//! That the tests see what they shall see is what `cargo controls` tries.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use segue_controls::{Class, Control, all, page, root};

/// How tools like this one lost data before it was begun: all of these must be closed.
const CLASSES: std::ops::RangeInclusive<u8> = 1..=42;

fn classes() -> Vec<Class> {
    all(&root()).unwrap()
}

fn controls(classes: &[Class]) -> impl Iterator<Item = (&Class, &Control)> {
    classes.iter().flat_map(|class| class.controls.iter().map(move |control| (class, control)))
}

#[test]
fn every_class_has_a_control_or_says_why_not() {
    let classes = classes();
    for number in CLASSES {
        let id = format!("F{number:02}");
        assert!(classes.iter().any(|class| class.id == id), "{id} is missing");
    }
    for class in &classes {
        let id = &class.id;
        assert_eq!(class.not_applicable.is_some(), class.controls.is_empty(), "{id}");
        let says = [&class.fails, &class.guard].into_iter().chain(&class.not_applicable);
        assert!(
            says.into_iter().all(|text| !text.trim().is_empty() && !text.contains('\n')),
            "{id}"
        );
    }
    for (class, control) in controls(&classes) {
        assert!(!control.tests.is_empty() && !control.switches.is_empty(), "{}", class.id);
    }
}

#[test]
fn every_text_stands_once_in_its_source_and_is_replaced_by_another() {
    for (class, control) in controls(&classes()) {
        for switch in &control.switches {
            assert!(switch.file.contains("/src/"), "{}: {} is no source", class.id, switch.file);
            let source = fs::read_to_string(root().join(&switch.file)).unwrap_or_default();
            let without =
                switch.applied(&source).unwrap_or_else(|why| panic!("{}: {why}", class.id));
            assert_ne!(without, source, "{}: {}", class.id, switch.file);
        }
    }
}

#[test]
fn every_test_exists_and_is_named_after_its_class() {
    for (class, control) in controls(&classes()) {
        let sources = sources_of(control);
        for test in &control.tests {
            let name = test.rsplit("::").next().unwrap_or(test);
            let id = class.id.to_lowercase();
            assert!(name.starts_with(&format!("{id}_")), "{test} does not begin with {id}");
            // A law of a translator has its name in a list; any other test is a function.
            let (function, law) = (format!("fn {name}("), format!("\"{test}\""));
            let exists = sources.iter().any(|text| text.contains(&function) || text.contains(&law));
            assert!(exists, "{} has no test {test}", control.package);
        }
    }
}

#[test]
fn a_text_that_is_gone_or_stands_twice_is_no_control() {
    let table = "fails = 'a'\nguard = 'b'\n[[control]]\noff = 'c'\npackage = 'p'\ntarget = 'lib'\n\
        tests = ['f01_a']\n[[control.switch]]\nfile = 'src/a.rs'\ntext = 'if guard'\nreplacement = 'if false'\n";
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("table");
    let place = folder.join("conformance/controls/classes");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("f01.toml"), table).unwrap();
    let classes = all(&folder).unwrap();
    let switch = &classes[0].controls[0].switches[0];
    assert_eq!(classes[0].id, "F01");
    assert_eq!(switch.applied("if guard {}").unwrap(), "if false {}");
    assert!(switch.applied("").is_err() && switch.applied("if guard if guard").is_err());
    fs::write(place.join("f02.toml"), "fails = 'a'\nguards = 'b'\n").unwrap();
    assert!(all(&folder).unwrap_err().contains("f02.toml"));
    fs::remove_dir_all(&folder).unwrap();
}

/// Where the tests of a control's target stand.
fn sources_of(control: &Control) -> Vec<String> {
    let package = folder_of(&control.package);
    let mut sources = Vec::new();
    match control.target.as_str() {
        "lib" => collect(&package.join("src"), &mut sources),
        // The laws are the same for every translator.
        "conformance" => collect(&root().join("conformance/src/laws"), &mut sources),
        target => {
            collect(&package.join("tests").join(target), &mut sources);
            sources.extend(fs::read_to_string(package.join(format!("tests/{target}.rs"))));
        }
    }
    sources
}

fn folder_of(package: &str) -> PathBuf {
    let name = package.strip_prefix("segue-").unwrap_or(package);
    let places = ["framework", "translators", "conformance", "examples"]
        .map(|place| root().join(place).join(name));
    let found = places.into_iter().find(|place| place.join("Cargo.toml").is_file());
    found.unwrap_or_else(|| panic!("there is no package {package}"))
}

fn collect(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        if entry.path().is_dir() {
            collect(&entry.path(), sources);
        } else if entry.path().extension().is_some_and(|end| end == "rs") {
            sources.push(fs::read_to_string(entry.path()).unwrap());
        }
    }
}

#[test]
fn the_page_is_up_to_date() {
    let (path, page) = (root().join("docs/failure-classes.md"), page(&classes()));
    if std::env::var_os("SEGUE_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let hint = "docs/failure-classes.md is out of date; run again with SEGUE_BLESS=1";
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "{hint}");
}
