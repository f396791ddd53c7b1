//! What lies where: the top level, names of files, translators, decisions.

use crate::check;
use crate::tree::Tree;

const TOP: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "clippy.toml",
    "conformance",
    "docs",
    "examples",
    "framework",
    "rustfmt.toml",
    "translators",
    "transports",
];

fn strange_top_level(tree: &Tree) -> Vec<String> {
    let mut names: Vec<&str> =
        tree.files().filter_map(|(path, _)| path.split('/').next()).collect();
    names.dedup();
    let allowed =
        |name: &&str| TOP.contains(name) || name.starts_with('.') || name.starts_with("LICENSE");
    let strange = names.into_iter().filter(|name| !allowed(name));
    strange.map(|name| format!("{name}: does not belong to the top level")).collect()
}

#[test]
fn the_top_level_is_small() {
    check(strange_top_level, &[("scripts/build.sh", "")]);
    assert!(strange_top_level(&Tree::of(&[(".github/a.yml", ""), ("LICENSE-MIT", "")])).is_empty());
}

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "types", "misc", "manager", "handler"];

fn empty_names(tree: &Tree) -> Vec<String> {
    let says_nothing = |path: &str| {
        let mut parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        parts.any(|part| EMPTY_NAMES.contains(&part))
    };
    let found = tree.written().filter(|(path, _)| says_nothing(path));
    found.map(|(path, _)| format!("{path}: the name says nothing")).collect()
}

#[test]
fn names_say_something() {
    check(empty_names, &[("framework/model/src/util.rs", "")]);
    assert!(!empty_names(&Tree::of(&[("framework/model/tests/common/mod.rs", "")])).is_empty());
}

const PARTS: &[&str] = &[
    "docs.md",
    "src/lib.rs",
    "src/discover.rs",
    "src/read.rs",
    "src/write.rs",
    "src/format.rs",
    "tests/conformance.rs",
];

/// What a format that is one implementation of `JsonFile` puts into `src/format.rs`.
const ONE_JSON_FILE: &[&str] = &["src/discover.rs", "src/read.rs", "src/write.rs"];

/// Folders of translators that lack parts, which, and why.
const WITHOUT: &[(&str, &[&str])] = &[
    // No translator: what those for mail share.
    (
        "mail",
        &[
            "src/discover.rs",
            "src/format.rs",
            "src/read.rs",
            "src/write.rs",
            "tests/conformance.rs",
            "fixtures/",
        ],
    ),
    // An outside program is the translator: it has the format and the places, we have the talk.
    ("stdio", &["src/discover.rs", "src/format.rs", "src/read.rs", "src/write.rs", "fixtures/"]),
];

fn missing_parts(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in tree.folders("translators/") {
        let without = WITHOUT.iter().find(|(other, _)| *other == name);
        let folder = format!("translators/{name}");
        let format = format!("{folder}/src/format.rs");
        let is_json = tree
            .ending("src/format.rs")
            .any(|(path, text)| path == format && text.contains("impl JsonFile for"));
        let lacks = |part: &str| {
            without.is_some_and(|(_, parts)| parts.contains(&part))
                || (is_json && ONE_JSON_FILE.contains(&part))
        };
        for part in PARTS.iter().filter(|part| !lacks(part)) {
            if !tree.has(&format!("{folder}/{part}")) {
                complaints.push(format!("{folder}: {part} is missing"));
            }
        }
        if tree.folders(&format!("{folder}/fixtures/")).is_empty() && !lacks("fixtures/") {
            complaints.push(format!("{folder}: fixtures/<version>/ is missing"));
        }
    }
    complaints
}

#[test]
fn who_has_read_one_translator_has_read_all() {
    check(missing_parts, &[("translators/a/src/lib.rs", "")]);
    let stdio = [
        ("translators/stdio/src/lib.rs", ""),
        ("translators/stdio/docs.md", ""),
        ("translators/stdio/tests/conformance.rs", ""),
    ];
    assert!(missing_parts(&Tree::of(&stdio)).is_empty());
    let json = [
        ("translators/a/src/lib.rs", ""),
        ("translators/a/src/format.rs", "impl JsonFile for A {"),
        ("translators/a/docs.md", ""),
        ("translators/a/tests/conformance.rs", ""),
        ("translators/a/fixtures/1/a.json", ""),
    ];
    assert!(missing_parts(&Tree::of(&json)).is_empty());
}

/// The three places that a new translator touches, and those that may name any translator.
const MAY_NAME: &[&str] = &[
    "Cargo.toml",
    "framework/agent/Cargo.toml",
    "framework/agent/src/registry.rs",
    // Which of them may use another is told by the arrows.
    "translators/",
    // The table of guards, those in translators included; what reads strangers' bytes, a few lines for each.
    "conformance/controls/",
    "conformance/fuzz/",
    "conformance/hostile/",
    "docs/",
    "examples/",
    "benches/",
    "README.md",
    "CHANGELOG.md",
];

fn scattered(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    // The reference translator is what the tests and examples of everything else use.
    for name in tree.folders("translators/").into_iter().filter(|name| name != "memory") {
        let own = format!("translators/{name}/");
        let names = [format!("segue-{name}"), format!("segue_{name}")];
        let elsewhere = tree.written().filter(|(path, _)| {
            let is_test = path.contains("/tests/") || path.contains("/benches/");
            let may = MAY_NAME
                .iter()
                .any(|may| path == may || may.ends_with('/') && path.starts_with(may));
            !path.starts_with(&own) && !is_test && !may
        });
        let found = elsewhere.filter(|(_, text)| names.iter().any(|name| text.contains(name)));
        complaints.extend(found.map(|(path, _)| format!("{path}: names the translator {name}")));
    }
    complaints
}

/// Words that are an app's name and mean something else in these files: a rung of evidence.
const ALSO_WORDS: &[(&str, &[&str])] = &[(
    "tags",
    &[
        "framework/agent/src/report.rs",
        "framework/agent/src/cli/text/plan.rs",
        "framework/model/src/books.rs",
    ],
)];

/// Code that runs must not know an app by its name either: what is so of one is so of its capabilities.
fn special_cases(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in tree.folders("translators/") {
        let quoted = format!("\"{name}\"");
        for (path, text) in tree.ending(".rs") {
            let folders = ["framework/", "conformance/src/", "transports/"];
            let is_ours = folders.iter().any(|folder| path.starts_with(folder));
            let is_test = path.contains("/tests/")
                || !path.contains("/src/")
                || ["tests.rs", "sample.rs"].iter().any(|end| path.ends_with(end));
            // An app without a name of its own may be called as its kind of library is.
            let is_schema = path == format!("framework/model/src/{name}.rs");
            let own = text.split("#[cfg(test)]").next().unwrap_or_default();
            let named = |line: &str| !line.trim_start().starts_with("//") && line.contains(&quoted);
            let is_word =
                ALSO_WORDS.iter().any(|(word, files)| *word == name && files.contains(&path));
            let is_excused = is_test || is_word || is_schema;
            if is_ours && !is_excused && own.lines().any(named) {
                complaints.push(format!("{path}: knows {quoted}"));
            }
        }
    }
    complaints
}

#[test]
fn no_code_knows_an_app_by_its_name() {
    let own = ("translators/mpd/src/lib.rs", "");
    check(special_cases, &[own, ("framework/agent/src/cycle.rs", "if app == \"mpd\" {}")]);
    let other = ("translators/tags/src/lib.rs", "");
    check(special_cases, &[other, ("framework/agent/src/cycle.rs", "if app == \"tags\" {}")]);
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests {\n    const APP: &str = \"mpd\";\n}\n";
    for fine in ["/// Such as \"mpd\".", tested] {
        assert!(special_cases(&Tree::of(&[own, ("framework/agent/src/a.rs", fine)])).is_empty());
    }
}

#[test]
fn a_translator_touches_three_files_outside_its_folder() {
    let own = ("translators/mpd/src/lib.rs", "");
    for elsewhere in ["framework/agent/src/cycle.rs", "framework/store/Cargo.toml", "clippy.toml"] {
        check(scattered, &[own, (elsewhere, "segue_mpd::Mpd")]);
        check(scattered, &[own, (elsewhere, "segue-mpd.workspace = true")]);
    }
    let three = ["Cargo.toml", "framework/agent/Cargo.toml", "framework/agent/src/registry.rs"];
    let code = MAY_NAME.iter().filter(|may| !may.ends_with('/') && !may.ends_with(".md"));
    assert_eq!(code.copied().collect::<Vec<_>>(), three);
    for one in three {
        assert!(scattered(&Tree::of(&[own, (one, "segue_mpd")])).is_empty());
    }
}

fn nameless_decisions(tree: &Tree) -> Vec<String> {
    let notes = tree.files().filter_map(|(path, _)| path.strip_prefix("docs/decisions/"));
    let is_named = |note: &&str| {
        let Some((number, title)) = note.split_once('-') else { return false };
        let title = title.strip_suffix(".md").unwrap_or_default();
        number.len() == 4
            && number.chars().all(|c| c.is_ascii_digit())
            && !title.is_empty()
            && title.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let nameless = notes.filter(|note| !is_named(note));
    nameless.map(|note| format!("docs/decisions/{note}: is not NNNN-title.md")).collect()
}

#[test]
fn decisions_are_numbered() {
    check(nameless_decisions, &[("docs/decisions/why.md", "")]);
    assert!(nameless_decisions(&Tree::of(&[("docs/decisions/0001-one-merge.md", "")])).is_empty());
}
