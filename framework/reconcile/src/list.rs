//! Playlists and other collections, both ways.
//!
//! Entries have ids, so the same song may stand twice and a move is a move. Entries that an app
//! lacks are withheld: their absence is no removal. A new entry stands after the shown entry before
//! it.

use std::collections::{BTreeMap, HashMap, HashSet};

use segue_document::{Entry, Record, Write, between, spread};
use segue_model::{EntryId, ItemId, NativeId};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// How a library's items and the document's belong together.
pub trait Bindings {
    /// What the library calls the item, if it has it.
    fn native(&self, item: ItemId) -> Option<NativeId>;
    /// The item of the document, if the native one is bound.
    fn item(&self, native: &NativeId) -> Option<ItemId>;
}

/// The entries that a library may be shown, in order, each with its document id.
///
/// Without repeats, an item's first entry is shown.
pub fn shown(record: &Record, bindings: &dyn Bindings, repeats: bool) -> Vec<(EntryId, NativeId)> {
    let mut seen = HashSet::new();
    record
        .ordered()
        .into_iter()
        .filter_map(|(id, entry)| Some((id, bindings.native(entry.item)?)))
        .filter(|(_, native)| repeats || seen.insert(native.clone()))
        .collect()
}

/// What an app did to a collection's entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lifted {
    /// The writes.
    pub writes: Vec<Write>,
    /// For each entry that the library now holds, its document id; entries whose item is unknown
    /// have none and are left out of the base.
    pub entries: Vec<(NativeId, EntryId)>,
    /// How many entries were removed.
    pub removed: u64,
}

/// Turns the difference between `old` (what the library held, with document ids) and `now` into
/// writes. `keep_missing` treats what is missing as withheld: for pairing, where nothing is deleted.
/// `fresh` names new entries.
pub fn lift(
    record: &Record,
    old: &[(EntryId, NativeId)],
    now: &[NativeId],
    bindings: &dyn Bindings,
    keep_missing: bool,
    fresh: &mut dyn FnMut() -> EntryId,
) -> Lifted {
    let mut draft = Draft::new(record);
    let mut lifted = Lifted::default();
    let plan = align(old, now);
    let moved: HashSet<EntryId> = plan.moved.iter().copied().collect();
    for (id, native) in &plan.removed {
        // Removed only if the app still has the item: else the app lost the item, not the entry.
        let has_item = bindings.item(native).is_some_and(|item| bindings.native(item).is_some());
        if !keep_missing && has_item && !moved.contains(id) {
            lifted.removed += 1;
            draft.remove(*id);
        }
    }
    // A run of entries that come or move together is placed together.
    let (mut anchor, mut run) = (None, Vec::new());
    for (native, known) in now.iter().zip(&plan.ids) {
        let Some(item) = bindings.item(native) else { continue };
        let id = match known {
            Known::Kept(id) => {
                draft.put(std::mem::take(&mut run), anchor);
                anchor = Some(*id);
                *id
            }
            Known::Moved(id) => {
                run.push((*id, item));
                *id
            }
            Known::New => {
                let id = fresh();
                run.push((id, item));
                id
            }
        };
        lifted.entries.push((native.clone(), id));
    }
    draft.put(run, anchor);
    lifted.writes = draft.into_writes();
    lifted
}

enum Known {
    Kept(EntryId),
    Moved(EntryId),
    New,
}

struct Alignment {
    /// What each entry of `now` is.
    ids: Vec<Known>,
    /// Entries of `old` that are not in their place any more.
    removed: Vec<(EntryId, NativeId)>,
    /// Those of them that stand elsewhere now.
    moved: Vec<EntryId>,
}

/// The smallest script from `old` to `now`; what it would remove and insert again is a move.
fn align(old: &[(EntryId, NativeId)], now: &[NativeId]) -> Alignment {
    let before: Vec<&NativeId> = old.iter().map(|(_, native)| native).collect();
    let after: Vec<&NativeId> = now.iter().collect();
    let mut ids: Vec<Known> = now.iter().map(|_| Known::New).collect();
    let mut removed = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &before, &after) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            for step in 0..len {
                ids[new_index + step] = Known::Kept(old[old_index + step].0);
            }
        } else {
            removed.extend(old[op.old_range()].iter().cloned());
        }
    }
    let mut free: HashMap<&NativeId, Vec<EntryId>> = HashMap::new();
    for (id, native) in removed.iter().rev() {
        free.entry(native).or_default().push(*id);
    }
    let mut moved = Vec::new();
    for (known, native) in ids.iter_mut().zip(now) {
        if matches!(known, Known::New)
            && let Some(id) = free.get_mut(native).and_then(Vec::pop)
        {
            *known = Known::Moved(id);
            moved.push(id);
        }
    }
    Alignment { ids, removed, moved }
}

/// The collection as it becomes, in order.
struct Draft {
    order: Vec<(EntryId, Entry)>,
    writes: BTreeMap<EntryId, Option<Entry>>,
}

impl Draft {
    fn new(record: &Record) -> Self {
        let order = record.ordered().into_iter().map(|(id, entry)| (id, entry.clone())).collect();
        Self { order, writes: BTreeMap::new() }
    }

    fn remove(&mut self, id: EntryId) {
        if let Some(index) = self.index(id) {
            self.order.remove(index);
            self.writes.insert(id, None);
        }
    }

    /// Puts entries right after `anchor`, or first, in this order.
    fn put(&mut self, mut run: Vec<(EntryId, ItemId)>, anchor: Option<EntryId>) {
        if run.is_empty() {
            return;
        }
        let ids: HashSet<EntryId> = run.iter().map(|(id, _)| *id).collect();
        self.order.retain(|(id, _)| !ids.contains(id));
        let at = anchor.and_then(|anchor| self.index(anchor)).map_or(0, |index| index + 1);
        // Concurrent insertions leave entries at one position, and nothing fits between these: what follows moves along.
        while self.is_tied(at) {
            let (id, entry) = self.order.remove(at);
            run.push((id, entry.item));
        }
        let position = |index: usize| self.order.get(index).map(|(_, e)| e.position.as_str());
        let (low, high) = (at.checked_sub(1).and_then(position), position(at));
        let positions = match (low, high, run.len()) {
            (None, None, count) => spread(count),
            (low, high, 1) => vec![between(low, high)],
            (low, high, count) => {
                // What begins with a position between two others is between them as well.
                let stem = between(low, high);
                spread(count).into_iter().map(|leaf| format!("{stem}{leaf}")).collect()
            }
        };
        let entries = run.into_iter().zip(positions).map(|((id, item), position)| {
            let entry = Entry { position, item };
            self.writes.insert(id, Some(entry.clone()));
            (id, entry)
        });
        let entries: Vec<_> = entries.collect();
        self.order.splice(at..at, entries);
    }

    /// Whether what stands there has the position of what stands before.
    fn is_tied(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.order.get(before));
        before
            .zip(self.order.get(at))
            .is_some_and(|(before, it)| before.1.position == it.1.position)
    }

    fn index(&self, id: EntryId) -> Option<usize> {
        self.order.iter().position(|(other, _)| *other == id)
    }

    fn into_writes(self) -> Vec<Write> {
        self.writes.into_iter().map(|(id, entry)| Write::Entry(id, entry)).collect()
    }
}

/// Whether two lists of the same name are one: equal entries in what both apps have, and repeats
/// aside, because some apps hold none. `theirs` is the collection as this library would be shown
/// it, `ours` what the library holds; `known` says whether anybody else has an item.
pub fn joins(theirs: &[NativeId], ours: &[NativeId], known: &dyn Fn(&NativeId) -> bool) -> bool {
    let once = |entries: &mut dyn Iterator<Item = &NativeId>| {
        let mut seen = HashSet::new();
        entries.filter(|entry| seen.insert((*entry).clone())).cloned().collect::<Vec<_>>()
    };
    let theirs = once(&mut theirs.iter());
    let shared = once(&mut ours.iter().filter(|entry| known(entry)));
    theirs == shared && (!theirs.is_empty() || ours.is_empty())
}

/// How many entries a person takes out and puts in to make one list of the other.
pub fn distance(from: &[NativeId], to: &[NativeId]) -> usize {
    let kept = |op: DiffOp| if let DiffOp::Equal { len, .. } = op { len } else { 0 };
    let script = capture_diff_slices(Algorithm::Myers, from, to);
    from.len() + to.len() - 2 * script.into_iter().map(kept).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Items named by a letter; the library has those in `has`.
    struct Letters(&'static str);

    impl Bindings for Letters {
        fn native(&self, item: ItemId) -> Option<NativeId> {
            let letter = char::from(item.0[0]);
            self.0.contains(letter).then(|| NativeId::from(letter.to_string()))
        }
        fn item(&self, native: &NativeId) -> Option<ItemId> {
            Some(ItemId([native.as_bytes()[0]; 16]))
        }
    }

    fn natives(text: &str) -> Vec<NativeId> {
        text.chars().map(|letter| NativeId::from(letter.to_string())).collect()
    }

    fn record(text: &str) -> Record {
        let mut record = Record::default();
        for (index, (byte, position)) in
            text.bytes().zip(segue_document::spread(text.len())).enumerate()
        {
            let entry = Entry { position, item: ItemId([byte; 16]) };
            record.entries.insert(EntryId([index as u8; 8]), entry);
        }
        record
    }

    fn apply(record: &mut Record, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Entry(id, Some(entry)) => _ = record.entries.insert(*id, entry.clone()),
                Write::Entry(id, None) => _ = record.entries.remove(id),
                _ => {}
            }
        }
    }

    fn text(record: &Record) -> String {
        record.ordered().iter().map(|(_, entry)| char::from(entry.item.0[0])).collect()
    }

    /// Lifts the app's change from what it was shown of `document` to `now`.
    fn check(document: &str, has: &'static str, now: &str) -> (String, usize) {
        let mut record = record(document);
        let old = shown(&record, &Letters(has), true);
        let mut next = 100;
        let mut fresh = || {
            next += 1;
            EntryId([next; 8])
        };
        let lifted = lift(&record, &old, &natives(now), &Letters(has), false, &mut fresh);
        apply(&mut record, &lifted.writes);
        (text(&record), lifted.writes.len())
    }

    #[test]
    fn f21_edits_of_lists_are_the_smallest_and_keep_what_is_withheld() {
        let all = "abcdexyz";
        assert_eq!(check("abc", all, "abc"), ("abc".into(), 0));
        assert_eq!(check("abc", all, "cab"), ("cab".into(), 1), "a move is one write");
        assert_eq!(check("aab", all, "aaab"), ("aaab".into(), 1), "repeats are kept");
        assert_eq!(check("aab", all, "ab"), ("ab".into(), 1));
        assert_eq!(check("abc", all, ""), (String::new(), 3));
        // The library lacks x: it cannot remove it, and new entries follow the shown one before.
        assert_eq!(check("axb", "abcde", "ab"), ("axb".into(), 0));
        assert_eq!(check("axb", "abcde", "acb"), ("acxb".into(), 1));
        assert_eq!(check("xab", "abcde", "cab"), ("cxab".into(), 1));
        assert_eq!(check("axb", "abcde", "b"), ("xb".into(), 1));
    }

    #[test]
    fn f07_an_entry_whose_item_the_app_lost_is_not_removed() {
        let record = record("ab");
        let old = shown(&record, &Letters("ab"), true);
        let lost = Letters("b");
        let lifted = lift(&record, &old, &natives("b"), &lost, false, &mut || EntryId([9; 8]));
        assert_eq!(lifted.writes, []);
    }

    #[test]
    fn lists_join_when_what_both_have_is_equal() {
        // Nobody else has x, y or z.
        let known = |native: &NativeId| native.as_bytes()[0] < b'x';
        let join = |theirs, ours| joins(&natives(theirs), &natives(ours), &known);
        assert!(join("abc", "abc") && join("", "") && join("aab", "ab"));
        assert!(join("abc", "abxc"), "an item that the other cannot have");
        assert!(!join("abc", "abcd") && !join("abc", "bc"), "one entry more or less");
        assert!(!join("abc", "acb") && !join("ab", "cd") && !join("", "a") && !join("", "x"));
    }

    #[test]
    fn the_distance_of_two_lists_is_what_a_person_takes_out_and_puts_in() {
        let distance = |from, to| distance(&natives(from), &natives(to));
        assert_eq!((distance("abc", "abc"), distance("", "ab"), distance("ab", "")), (0, 2, 2));
        assert_eq!(
            (distance("abc", "abcd"), distance("abc", "cab"), distance("ab", "xy")),
            (1, 2, 4)
        );
    }

    proptest! {
        #[test]
        fn f21_any_edit_lifts_to_what_the_app_holds(before in "[a-e]{0,12}", now in "[a-e]{0,12}") {
            prop_assert_eq!(check(&before, "abcde", &now).0, now);
        }
    }
}
