//! Changes to a text that leave every other byte as it is.

use std::ops::Range;

/// One change: this range becomes this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    /// Bytes of the old text; empty to insert.
    pub(crate) range: Range<usize>,
    /// What takes their place.
    pub(crate) text: String,
}

impl Splice {
    /// Puts `text` in place of `range`.
    pub(crate) fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { range, text: text.into() }
    }
}

/// The text after all changes, which must not overlap. Insertions at one place keep their order.
pub(crate) fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| (splice.range.start, splice.range.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for splice in splices {
        out.push_str(&text[done..splice.range.start]);
        out.push_str(&splice.text);
        done = splice.range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_stays() {
        let splices = vec![Splice::new(4..4, "+"), Splice::new(4..6, ""), Splice::new(0..1, "A")];
        assert_eq!(apply("abcdefg", splices), "Abcd+g");
        assert_eq!(apply("abc", Vec::new()), "abc");
    }
}
