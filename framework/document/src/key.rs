//! The grammar of stored keys: `<id>/<what>[/<element>]`.
//!
//! The key carries the merge rule, so that an older Segue merges fields it does not know. The
//! grammar only grows: an unknown key is kept and ignored.

use std::fmt::Write as _;

use segue_model::{EntryId, LinkId, Rule};

/// What a key of a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// The record exists; the value is the operation that touched it last.
    Live,
    /// The kind of a collection; a record without it is an item.
    Kind,
    /// What a link saw at first.
    Origin(LinkId),
    /// Where a link has it, or null once the link dropped it.
    Member(LinkId),
    /// A register or maximum.
    Field(Rule, String),
    /// A link's part of a counter.
    Counter(String, LinkId),
    /// One element of a set.
    Element(String, String),
    /// A place in a collection.
    Entry(EntryId),
}

impl Key {
    /// The key in the record of `id`.
    pub(crate) fn of(&self, id: &[u8; 16]) -> String {
        let mut text = prefix(id);
        match self {
            Self::Live => text.push_str("live"),
            Self::Kind => text.push_str("kind"),
            Self::Origin(link) => _ = write!(text, "origin/{link}"),
            Self::Member(link) => _ = write!(text, "at/{link}"),
            Self::Field(rule, name) => _ = write!(text, "{}:{name}", rule.letter()),
            Self::Counter(name, link) => _ = write!(text, "c:{name}/{link}"),
            Self::Element(name, element) => _ = write!(text, "s:{name}/{element}"),
            Self::Entry(entry) => _ = write!(text, "p:entry/{entry}"),
        }
        text
    }

    /// Parses a key; `None` for what this version does not know.
    pub(crate) fn parse(text: &str) -> Option<([u8; 16], Self)> {
        let (id, rest) = text.split_at_checked(32)?;
        let id = id.parse::<segue_model::ItemId>().ok()?.0;
        let rest = rest.strip_prefix('/')?;
        let key = match rest.split_once('/') {
            None => match rest.split_once(':') {
                None if rest == "live" => Self::Live,
                None if rest == "kind" => Self::Kind,
                Some(("r", name)) => Self::Field(Rule::Register, name.to_owned()),
                Some(("m", name)) => Self::Field(Rule::Max, name.to_owned()),
                _ => return None,
            },
            Some(("origin", link)) => Self::Origin(link.parse().ok()?),
            Some(("at", link)) => Self::Member(link.parse().ok()?),
            Some(("p:entry", entry)) => Self::Entry(entry.parse().ok()?),
            Some((head, element)) => match head.split_once(':')? {
                ("c", name) => Self::Counter(name.to_owned(), element.parse().ok()?),
                ("s", name) => Self::Element(name.to_owned(), element.to_owned()),
                // Names of registers may hold a slash: `ext/<app>/<name>`.
                ("r", _) => Self::Field(Rule::Register, rest[2..].to_owned()),
                _ => return None,
            },
        };
        Some((id, key))
    }
}

/// The shard to which the record of a key belongs; `None` if it is no key of a record.
pub(crate) fn shard(text: &str) -> Option<u8> {
    let (id, _) = text.split_at_checked(32)?;
    Some(crate::shard_of(&id.parse::<segue_model::ItemId>().ok()?.0))
}

/// What all keys of a record begin with.
pub(crate) fn prefix(id: &[u8; 16]) -> String {
    let mut text = String::with_capacity(64);
    for byte in id {
        _ = write!(text, "{byte:02x}");
    }
    text.push('/');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_parse_back_and_unknown_ones_are_ignored() {
        let (id, link) = ([7; 16], LinkId([1, 2, 3, 4, 5, 6, 7, 8]));
        for key in [
            Key::Live,
            Key::Kind,
            Key::Origin(link),
            Key::Member(link),
            Key::Field(Rule::Register, "rating".into()),
            Key::Field(Rule::Register, "ext/rhythmbox/keyword".into()),
            Key::Field(Rule::Max, "last_played".into()),
            Key::Counter("play_count".into(), link),
            Key::Element("tags".into(), "a/b: c".into()),
            Key::Entry(EntryId([9; 8])),
        ] {
            assert_eq!(Key::parse(&key.of(&id)), Some((id, key)));
        }
        for unknown in ["", "live", "zz", &format!("{}q:new", prefix(&id))] {
            assert_eq!(Key::parse(unknown), None, "{unknown}");
        }
    }
}
