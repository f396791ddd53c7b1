//! The rules of the repository's own shape, as checks of its files.
//!
//! Each check is a pure function of a [`Tree`] that returns complaints, so that next to its test
//! on the repository stands one on a small tree that breaks the rule: a check that cannot fail
//! guards nothing.

mod arrows;
mod layout;
mod quotes;
mod source;
mod tree;

use tree::Tree;

/// Runs a check on the repository, where it must find nothing, and on a tree of these files, where
/// it must find something.
fn check(rule: fn(&Tree) -> Vec<String>, broken: &[(&str, &str)]) {
    assert!(!rule(&Tree::of(broken)).is_empty(), "the check does not see {broken:?}");
    let complaints = rule(&Tree::of_repository());
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_repository_is_seen() {
    let tree = Tree::of_repository();
    for path in ["Cargo.toml", "framework/model/src/lib.rs", "conformance/tests/tidy/main.rs"] {
        assert!(tree.files().any(|(seen, text)| seen == path && !text.is_empty()), "{path}");
    }
    assert!(!tree.files().any(|(path, _)| path.starts_with("target/")));
}
