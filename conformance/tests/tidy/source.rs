//! Sizes, words and foreign names in source files.
//!
//! The scans trust rustfmt: what opens at some depth closes in a line of its own at that depth.

use crate::check;
use crate::tree::Tree;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
/// `Library` has so many; four of them do nothing by default, and most translators leave them out.
const TRAIT_METHODS_MAX: usize = 11;
/// This folder names what it forbids.
const HERE: &str = "conformance/tests/tidy/";

/// Lines before the inline tests.
fn own_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

fn long_files(tree: &Tree) -> Vec<String> {
    let sizes = tree.ending(".rs").map(|(path, text)| (path, own_lines(text)));
    let long = sizes.filter(|(_, lines)| *lines > FILE_LINES_MAX);
    long.map(|(path, lines)| format!("{path}: {lines} lines; at most {FILE_LINES_MAX}")).collect()
}

#[test]
fn no_file_is_too_long() {
    check(long_files, &[("a.rs", &"// line\n".repeat(601))]);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}", "x\n".repeat(9), "y\n".repeat(900));
    assert!(long_files(&Tree::of(&[("a.rs", &tested)])).is_empty());
}

/// Blocks that open with a line which `opens` accepts: that line's number and text, and the lines
/// of the block with both ends.
fn blocks(text: &str, opens: fn(&str) -> bool) -> Vec<(usize, &str, Vec<&str>)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| opens(line.trim_start()));
    let blocks = starts.map(|(start, line)| {
        let depth = line.len() - line.trim_start().len();
        let closes = |line: &&str| {
            let rest = line.get(depth..).unwrap_or_default();
            line[..depth.min(line.len())].trim().is_empty() && rest.starts_with('}')
        };
        let is_one_line = line.ends_with('}') || line.ends_with(';');
        let length = if is_one_line { Some(0) } else { lines[start..].iter().position(closes) };
        (start + 1, *line, lines[start..=start + length.unwrap_or(0)].to_vec())
    });
    blocks.collect()
}

fn opens_function(line: &str) -> bool {
    let words = line.split_whitespace();
    let mut words =
        words.skip_while(|word| word.starts_with("pub") || ["const", "async"].contains(word));
    words.next() == Some("fn")
}

fn long_functions(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (number, line, block) in blocks(text, opens_function) {
            let length = block.len();
            if length > FUNCTION_LINES_MAX {
                let line = line.trim();
                complaints.push(format!("{path}:{number}: {length} lines: {line}"));
            }
        }
    }
    complaints
}

#[test]
fn no_function_is_too_long() {
    let long = format!("    pub(crate) fn long() {{\n{}    }}\n", "        a();\n".repeat(69));
    check(long_functions, &[("a.rs", &long)]);
    let short = format!("fn short() {{\n{}}}\n\nfn next() {{\n}}\n", "    a();\n".repeat(68));
    assert!(long_functions(&Tree::of(&[("a.rs", &short)])).is_empty());
}

fn large_traits(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (number, line, block) in blocks(text, |line| line.starts_with("pub trait ")) {
            let methods = block.iter().filter(|line| opens_function(line.trim_start())).count();
            if methods > TRAIT_METHODS_MAX {
                complaints.push(format!("{path}:{number}: {methods} methods: {line}"));
            }
        }
    }
    complaints
}

#[test]
fn no_public_trait_is_too_large() {
    let large =
        format!("pub trait Large {{\n{}}}\n", "    fn a(&self);\n".repeat(TRAIT_METHODS_MAX + 1));
    check(large_traits, &[("a.rs", &large)]);
}

/// What is not for readers of the repository, or never gets done, or hides a failing test.
const WORDS: &[&str] = &[
    "/work/",
    "../shared",
    "TODO",
    "FIXME",
    "todo!(",
    "unimplemented!(",
    "#[ignore",
    "should_panic",
    "#[allow(",
    "#![allow(",
];

fn strange_words(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.written().filter(|(path, _)| !path.starts_with(HERE)) {
        for (number, line) in text.lines().enumerate() {
            let found = WORDS.iter().filter(|word| line.contains(**word));
            let found = found.map(|word| format!("{path}:{}: `{word}`", number + 1));
            complaints.extend(found);
        }
    }
    complaints
}

#[test]
fn no_word_is_out_of_place() {
    for word in WORDS {
        assert!(!strange_words(&Tree::of(&[("docs/a.md", word)])).is_empty(), "{word}");
    }
    check(strange_words, &[("README.md", "see ../shared")]);
}

const HISTORIES: &str = "framework/agent/tests/histories/";
const UP: &str = "framework/agent/tests/up/";
const PEERS: &str = "framework/agent/tests/peers/";
const DEVICES: &str = "framework/agent/tests/several_devices/";
const TAMPERED: &str = "framework/agent/src/peers/tests/tampered.rs";
const TRAVEL: &str = "framework/agent/src/peers/tests/travel/";
const AGENT: &str = "framework/agent/Cargo.toml";

/// A foreign crate and the folders that may name it.
const HOMES: &[(&str, &[&str])] = &[
    // The benchmark of peers puts automerge's own sync beside ours.
    ("automerge", &["framework/document/", "examples/bench/"]),
    // The examples, the crashes and the agent's tests make and change databases as apps do, and one damages a store.
    (
        "rusqlite",
        &[
            "framework/store/",
            "translators/",
            "examples/",
            "conformance/faults/",
            HISTORIES,
            UP,
            PEERS,
            DEVICES,
            TAMPERED,
            TRAVEL,
            AGENT,
        ],
    ),
    ("clap", &["framework/agent/"]),
    ("axum", &["framework/agent/"]),
    ("notify", &["framework/agent/"]),
    ("zbus", &["framework/agent/"]),
    ("iroh", &["transports/iroh/"]),
    ("lofty", &["translators/tags/"]),
    ("id3", &["translators/tags/"]),
    ("mail_parser", &["translators/mail/"]),
];

fn strays(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, homes) in HOMES {
        let away = |path: &str| !homes.iter().any(|home| path.starts_with(home));
        let used = format!("{name}::");
        let sources = tree.ending(".rs").filter(|(path, _)| away(path) && !path.starts_with(HERE));
        for (path, text) in sources {
            let names = |line: &str| {
                let mut places = line.match_indices(&used);
                places
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            };
            if let Some(number) = text.lines().position(names) {
                complaints.push(format!("{path}:{}: `{used}` is not at home", number + 1));
            }
        }
        let manifests = tree.ending("/Cargo.toml").filter(|(path, _)| away(path));
        for (path, text) in manifests {
            let all = crate::arrows::dependencies(text);
            if all.iter().any(|dependency| dependency.name == *name) {
                complaints.push(format!("{path}: depends on `{name}`"));
            }
        }
    }
    complaints
}

#[test]
fn foreign_names_stay_at_home() {
    check(strays, &[("framework/sync/src/a.rs", "use automerge::Change;")]);
    assert!(
        !strays(&Tree::of(&[("transports/memory/Cargo.toml", "[dependencies]\niroh = \"1\"")]))
            .is_empty()
    );
    assert!(
        strays(&Tree::of(&[("framework/document/src/a.rs", "use automerge::Change;")])).is_empty()
    );
    assert!(strays(&Tree::of(&[("framework/sync/src/a.rs", "segue_iroh::X")])).is_empty());
}
