//! What the journal says of a write beside its edits: what only the document knows of the lists,
//! and which state of the document the app is about to be shown.
//!
//! A line is a list, `<collection> <entry>…`, for each list that is made or reordered, in the order
//! of those edits; or a shard, `shown <shard> <head>…`. Lines that are not understood are left out.

use std::collections::{BTreeMap, HashMap};

use segue_model::{ChangeHash, CollectionEdit, CollectionId, EntryId, Heads, NativeId};

use crate::pass::{ListPlan, MemberDraft};

const SHOWN: &str = "shown";

/// A note in the journal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// For each list that is made or reordered, the collection and the ids of its entries.
    pub(crate) lists: Vec<(CollectionId, Vec<EntryId>)>,
    /// What the app has been shown once this is written, by shard.
    pub(crate) shown: BTreeMap<u8, Heads>,
}

impl Note {
    /// The lists that a plan makes or reorders.
    pub(crate) fn lists_of(plan: &MemberDraft) -> Vec<(CollectionId, Vec<EntryId>)> {
        let known: HashMap<&NativeId, &ListPlan> =
            plan.lists.iter().map(|list| (&list.held.id, list)).collect();
        let mut creates = plan.creates.iter();
        let lists = plan.edits.collections.iter().filter_map(|edit| match edit {
            CollectionEdit::Create { .. } => creates.next().cloned(),
            CollectionEdit::Reorder { id, .. } => {
                Some((known.get(id)?.collection, plan.reorders.get(id)?.clone()))
            }
            CollectionEdit::Rename { .. } | CollectionEdit::Remove { .. } => None,
        });
        lists.collect()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let words = |first: String, rest: Vec<String>| format!("{first} {}", rest.join(" "));
        let lists = self.lists.iter().map(|(collection, entries)| {
            words(collection.to_string(), entries.iter().map(ToString::to_string).collect())
        });
        let shown = self.shown.iter().map(|(shard, heads)| {
            let heads = heads.hashes().iter().map(ToString::to_string).collect();
            words(format!("{SHOWN} {shard}"), heads)
        });
        lists.chain(shown).collect::<Vec<_>>().join("\n").into_bytes()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut note = Self::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            match line.strip_prefix(SHOWN) {
                Some(shard) => note.shown.extend(shown(shard)),
                None => note.lists.extend(list(line)),
            }
        }
        note
    }
}

fn list(line: &str) -> Option<(CollectionId, Vec<EntryId>)> {
    let mut words = line.split_ascii_whitespace();
    let collection = words.next()?.parse().ok()?;
    Some((collection, words.map(str::parse).collect::<Result<_, _>>().ok()?))
}

fn shown(line: &str) -> Option<(u8, Heads)> {
    let mut words = line.split_ascii_whitespace();
    let shard = words.next()?.parse().ok()?;
    let heads: Vec<ChangeHash> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((shard, Heads::new(heads)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let note = Note {
            lists: vec![
                (CollectionId([0xab; 16]), vec![EntryId([1; 8]), EntryId([2; 8])]),
                (CollectionId([3; 16]), Vec::new()),
            ],
            shown: BTreeMap::from([
                (0, Heads::new(vec![ChangeHash([7; 32])])),
                (255, Heads::new(vec![ChangeHash([8; 32]), ChangeHash([9; 32])])),
            ]),
        };
        assert_eq!(Note::parse(&note.to_bytes()), note);
        assert_eq!(Note::parse(b""), Note::default());
        assert_eq!(Note::parse(b"later words\nshown 1 short\nshown\n\xff"), Note::default());
    }
}
