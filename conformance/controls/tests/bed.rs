//! The copy: what is switched off is switched on again, and nothing else is touched.

use std::fs;
use std::path::Path;

use segue_controls::{Bed, Control, Switch};

fn switch(text: &str) -> Switch {
    let [file, text, replacement] = ["src/a.rs", text, "off"].map(str::to_owned);
    Switch { file, text, replacement }
}

fn control(texts: &[&str]) -> Control {
    let [off, package, target] = ["", "p", "lib"].map(str::to_owned);
    let switches = texts.iter().map(|text| switch(text)).collect();
    Control { off, package, target, tests: Vec::new(), switches }
}

#[test]
fn a_guard_is_off_only_meanwhile_and_files_as_they_were_keep_their_time() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bed");
    let _ = fs::remove_dir_all(&folder);
    let root = folder.join("root");
    let (built, tree) = (root.join("built"), root.join("built/tree"));
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("src/a.rs"), "guard one").unwrap();
    fs::write(root.join("b"), "b").unwrap();
    let bed = Bed::lay(&root, &built, &tree).unwrap();
    let source = || fs::read_to_string(tree.join("src/a.rs")).unwrap();
    let time = |path: &str| fs::metadata(tree.join(path)).unwrap().modified().unwrap();
    let before = (time("src/a.rs"), time("b"));

    assert_eq!(bed.without(&control(&["guard"]), source).unwrap(), "off one");
    assert_eq!((source().as_str(), time("b")), ("guard one", before.1));
    assert!(time("src/a.rs") > before.0, "what was built without the guard is older");
    assert_eq!(bed.without(&control(&["guard", "one"]), source).unwrap(), "off off");
    assert!(bed.without(&control(&["guard", "two"]), source).is_err());
    assert_eq!(source(), "guard one", "also if the second text is not there");

    // A run that was killed left a guard off, a file is new, and one is gone.
    fs::write(tree.join("src/a.rs"), "off one").unwrap();
    fs::write(root.join("c"), "c").unwrap();
    fs::remove_file(root.join("b")).unwrap();
    Bed::lay(&root, &built, &tree).unwrap();
    let names: Vec<_> = ["src/a.rs", "b", "c", "built"].map(|name| tree.join(name).exists()).into();
    assert_eq!((source().as_str(), names), ("guard one", vec![true, false, true, false]));
    fs::remove_dir_all(&folder).unwrap();
}
