//! Code on a page is a quote: what nobody compiles and runs drifts.
//!
//! `<!-- from PATH -->` right before a block of code says which file it is part of, word for word. On
//! the pages that teach by code every block must say so; what people type is no code.

use crate::check;
use crate::tree::Tree;

/// Pages whose every block of code is a quote.
const TAUGHT: &[&str] = &["docs/writing-a-translator.md"];
/// Languages of blocks that are no code: what people type, and what they see.
const TYPED: &[&str] = &["", "console", "sh"];
/// Examples that are as small as we say, and how many lines they have that are not blank.
const SMALL: &[&str] = &[
    "examples/hello-translator/src/lib.rs",
    "examples/hello-translator-python/segue-translator-hello",
];
const SMALL_LINES_MAX: usize = 40;

/// A block of code: the line of its fence, its language, the line above it, its lines.
fn blocks(page: &str) -> Vec<(usize, &str, &str, String)> {
    let lines: Vec<&str> = page.lines().collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            at += 1;
            continue;
        };
        let above = if at > 0 { lines[at - 1] } else { "" };
        let code: Vec<&str> =
            lines[at + 1..].iter().take_while(|line| **line != "```").copied().collect();
        blocks.push((at + 1, language, above, code.join("\n") + "\n"));
        at += code.len() + 2;
    }
    blocks
}

fn strange_quotes(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (page, text) in tree.ending(".md") {
        for (line, language, above, code) in blocks(text) {
            let source =
                above.strip_prefix("<!-- from ").and_then(|rest| rest.strip_suffix(" -->"));
            match source {
                Some(source) => {
                    let mut files = tree.files();
                    if !files.any(|(path, text)| path == source && text.contains(&code)) {
                        complaints.push(format!("{page}:{line}: {source} does not say this"));
                    }
                }
                None if TAUGHT.contains(&page) && !TYPED.contains(&language) => {
                    complaints.push(format!("{page}:{line}: whose code is this?"));
                }
                None => {}
            }
        }
    }
    complaints
}

#[test]
fn code_on_a_page_is_a_quote() {
    let page = TAUGHT[0];
    let quote = "<!-- from a.rs -->\n```rust\nfn a() {}\n```\n";
    check(strange_quotes, &[(page, quote), ("a.rs", "fn b() {}\n")]);
    for broken in [quote, "```rust\nfn a() {}\n```\n", "```rust,ignore\nfn a() {}\n```\n"] {
        assert!(!strange_quotes(&Tree::of(&[(page, broken)])).is_empty(), "{broken}");
    }
    let fine = format!("{quote}```console\n$ segue\n```\n");
    let source = ("a.rs", "fn b() {}\n\nfn a() {}\n");
    assert!(strange_quotes(&Tree::of(&[(page, &fine), source])).is_empty());
}

fn large_examples(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in SMALL {
        let text = tree.files().find(|(one, _)| one == path).map_or("", |(_, text)| text);
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        if lines == 0 || lines > SMALL_LINES_MAX {
            complaints.push(format!("{path}: {lines} lines; at most {SMALL_LINES_MAX}"));
        }
    }
    complaints
}

#[test]
fn the_smallest_translators_are_small() {
    check(large_examples, &[(SMALL[0], &"// line\n".repeat(41)), (SMALL[1], "one\n")]);
    assert!(!large_examples(&Tree::of(&[(SMALL[0], "one\n")])).is_empty());
    assert!(large_examples(&Tree::of(&[(SMALL[0], "one\n\n"), (SMALL[1], "one\n")])).is_empty());
}
