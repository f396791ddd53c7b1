//! The copy: what is switched off is switched on again, and nothing else is touched.

use std::fs;
use std::path::Path;

use segue_controls::{Bed, Control, Switch};

fn switch(text: &str) -> Switch {
    let [file, text, replacement] = ["src/a.rs", text, "3"].map(str::to_owned);
    Switch { file, text, replacement }
}

fn control(texts: &[&str]) -> Control {
    let [off, package, target] = ["", "p", "lib"].map(str::to_owned);
    let switches = texts.iter().map(|text| switch(text)).collect();
    Control { off, package, target, tests: Vec::new(), alone: false, switches }
}

#[test]
fn a_guard_is_off_only_meanwhile_and_files_as_they_were_keep_their_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bed");
    let _ = fs::remove_dir_all(&folder);
    let root = folder.join("root");
    let (built, tree) = (root.join("built"), root.join("built/tree"));
    fs::create_dir_all(root.join("src")).unwrap();
    let original = "const A: u8 = 1;\nfn a() -> u8 { 2 }\n";
    fs::write(root.join("src/a.rs"), original).unwrap();
    fs::write(root.join("b"), "b").unwrap();
    let named =
        [("F01-1", control(&["1"])), ("F01-2", control(&["2"])), ("F01-3", control(&["1", "2"]))];
    let all: Vec<_> = named.iter().map(|(name, control)| ((*name).to_owned(), control)).collect();
    let lay = || Bed::lay(&root, &built, &tree, &all).unwrap();
    let bed = lay();
    let source = || fs::read_to_string(tree.join("src/a.rs")).unwrap();
    let off = || fs::read_to_string(built.join("tree.off")).ok();
    let time = |path: &str| fs::metadata(tree.join(path)).unwrap().modified().unwrap();
    let (switched, before) = (source(), (time("src/a.rs"), time("b")));
    assert!(switched.contains("F01-2"), "{switched}");

    // In a function: there is a switch, and nothing is built again.
    let without =
        |name: &str, texts: &[&str]| bed.without((name, &control(texts)), || (off(), source()));
    assert_eq!(without("F01-2", &["2"]).unwrap(), (Some("F01-2".to_owned()), switched.clone()));
    assert_eq!((off(), time("src/a.rs")), (None, before.0));

    // Outside of one, or on both sides: the source is another meanwhile.
    let named = ["F01-1", "F01-2", "F01-3"].map(|name| bed.is_alone(name));
    assert_eq!(named, [true, false, true]);
    let without = |name: &str, texts: &[&str]| without(name, texts).map(|(_, source)| source);
    assert_eq!(without("F01-1", &["1"]).unwrap(), original.replace('1', "3"));
    assert_eq!((source(), time("b")), (switched.clone(), before.1));
    assert!(time("src/a.rs") > before.0, "what was built without the guard is older");
    assert_eq!(without("F01-3", &["1", "2"]).unwrap(), original.replace(['1', '2'], "3"));
    assert!(without("F01-3", &["1", "gone"]).is_err());
    assert_eq!(source(), switched, "also if the second text is not there");

    // A run that was killed left a guard off, a file is new, and one is gone.
    fs::write(tree.join("src/a.rs"), "off").unwrap();
    fs::write(built.join("tree.off"), "F01-2").unwrap();
    fs::write(root.join("c"), "c").unwrap();
    fs::remove_file(root.join("b")).unwrap();
    lay();
    let there = ["src/a.rs", "b", "c", "built"].map(|name| tree.join(name).exists());
    assert_eq!((source(), off(), there), (switched, None, [true, false, true, false]));
    fs::remove_dir_all(&folder).unwrap();
}
