//! Collections: made, renamed, reordered, removed, with repeats and hard names.

use segue_translator::model::{ChangeSet, Collection, CollectionEdit, NativeId};
use segue_translator::{CollectionSupport, Written};

use crate::edits::{self, NAMES};
use crate::laid::Laid;
use crate::trial::{Case, Law, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "collections::are_created", check: create },
    Law { name: "collections::are_renamed", check: rename },
    Law { name: "collections::keep_their_ids_when_renamed", check: ids_stay },
    Law { name: "collections::f21_are_reordered", check: reorder },
    Law { name: "collections::f21_repeats_are_kept", check: repeats },
    Law { name: "collections::are_removed", check: remove },
    Law { name: "collections::f13_names_read_back", check: names },
    Law { name: "collections::same_names_stay_apart", check: same_names },
    Law { name: "collections::namesakes_are_edited_apart", check: namesakes },
    Law { name: "collections::parents_are_kept_or_refused", check: parents },
];

fn support(case: &Case<'_>) -> Verdict<&'static CollectionSupport> {
    let support = edits::writable_collection(case.capabilities()?);
    support.map_or_else(|| skip("declares: no collection may be written"), Ok)
}

/// Writes edits of collections; all else must stay as it was.
fn apply(case: &Case<'_>, laid: &Laid, collections: Vec<CollectionEdit>) -> Verdict<Written> {
    let (before, _) = laid.read()?;
    let changes = ChangeSet { collections, ..ChangeSet::default() };
    let written = laid.write(&changes)?;
    ensure!(written.refused.is_empty(), "refused: {:?} of {changes:?}", written.refused);
    let (after, _) = laid.read()?;
    let capabilities = case.capabilities()?;
    let mut expected = edits::expected(&before, &changes, &written, capabilities);
    edits::follow_names(&mut expected, &after, &changes);
    edits::difference(&expected, &after).map_or(Ok(written), fail)
}

/// The first items of the library, some more than once if `repeated`.
fn some_entries(laid: &Laid, repeated: bool) -> Verdict<Vec<NativeId>> {
    let (catalog, _) = laid.read()?;
    let mut entries: Vec<_> = catalog.items.iter().take(8).map(|item| item.id.clone()).collect();
    ensure!(entries.len() >= 3, "the fixture has fewer than three items");
    if repeated {
        let (first, second) = (entries[0].clone(), entries[1].clone());
        entries.extend([first.clone(), first, second]);
    }
    Ok(entries)
}

/// Makes a collection and returns it as read.
fn made(case: &Case<'_>, laid: &Laid, name: &str, repeated: bool) -> Verdict<Collection> {
    let edit = CollectionEdit::Create {
        kind: support(case)?.kind,
        name: name.into(),
        parent: None,
        entries: some_entries(laid, repeated)?,
    };
    let written = apply(case, laid, vec![edit])?;
    ensure!(written.created.len() == 1, "made one, was told of {:?}", written.created);
    let (catalog, _) = laid.read()?;
    let found = catalog.collection(&written.created[0]).cloned();
    found.map_or_else(|| fail("what was made cannot be found"), Ok)
}

fn create(case: &Case<'_>) -> Verdict {
    let kind = support(case)?.kind;
    let laid = case.lay()?;
    made(case, &laid, "Segue made this", false)?;
    let empty = |name: &str| CollectionEdit::Create {
        kind,
        name: name.into(),
        parent: None,
        entries: Vec::new(),
    };
    let written = apply(case, &laid, vec![empty("Empty one"), empty("Empty two")])?;
    ensure!(written.created.len() == 2, "made two, was told of {:?}", written.created);
    Ok(())
}

fn rename(case: &Case<'_>) -> Verdict {
    support(case)?;
    let laid = case.lay()?;
    let one = made(case, &laid, "Before", false)?;
    apply(case, &laid, vec![edits::rename(&one, "After")]).map(drop)
}

fn ids_stay(case: &Case<'_>) -> Verdict {
    support(case)?;
    let laid = case.lay()?;
    let one = made(case, &laid, "Before", false)?;
    apply(case, &laid, vec![edits::rename(&one, "After")])?;
    let (catalog, _) = laid.read()?;
    if catalog.collection(&one.id).is_some() {
        return Ok(());
    }
    // An app whose collections have no ids of their own: lawful, and worth being seen.
    let follows = catalog.collections.iter().any(|other| &*other.name == "After");
    ensure!(follows, "the renamed collection is gone");
    skip("found: ids follow names, so a renamed collection has another id")
}

fn reorder(case: &Case<'_>) -> Verdict {
    support(case)?;
    let laid = case.lay()?;
    let mut one = made(case, &laid, "To be reordered", false)?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    for _ in 0..10 {
        let mut new = one.entries.clone();
        rng.shuffle(&mut new);
        apply(case, &laid, vec![edits::reorder(&one, new.clone())])?;
        one.entries = new;
    }
    let mut shorter = one.entries.clone();
    shorter.remove(1);
    apply(case, &laid, vec![edits::reorder(&one, shorter.clone())])?;
    one.entries = shorter;
    apply(case, &laid, vec![edits::reorder(&one, Vec::new())]).map(drop)
}

fn repeats(case: &Case<'_>) -> Verdict {
    if !support(case)?.repeats {
        return skip("declares: no repeats");
    }
    let laid = case.lay()?;
    let one = made(case, &laid, "Twice", true)?;
    let mut turned = one.entries.clone();
    turned.reverse();
    apply(case, &laid, vec![edits::reorder(&one, turned)]).map(drop)
}

fn remove(case: &Case<'_>) -> Verdict {
    support(case)?;
    let laid = case.lay()?;
    let (keep, gone) = (made(case, &laid, "Stays", false)?, made(case, &laid, "Goes", false)?);
    apply(case, &laid, vec![CollectionEdit::Remove { id: gone.id.clone(), old: gone.entries }])?;
    let (catalog, _) = laid.read()?;
    ensure!(catalog.collection(&gone.id).is_none(), "it is still there");
    ensure!(catalog.collection(&keep.id).is_some(), "another one went with it");
    Ok(())
}

fn names(case: &Case<'_>) -> Verdict {
    let support = support(case)?;
    let laid = case.lay()?;
    let one = made(case, &laid, "To be renamed", false)?;
    let (held, others): (Vec<&str>, Vec<&str>) =
        NAMES.iter().copied().partition(|name| support.holds_name(name));
    for name in &others {
        is_refused(case, &laid, name)?;
    }
    for name in held.iter().skip(1) {
        made(case, &laid, name, false)?;
    }
    let Some(first) = held.first() else { return skip("declares: none of the hard names") };
    apply(case, &laid, vec![edits::rename(&one, first)])?;
    if !support.is_unique() {
        made(case, &laid, first, false)?;
    }
    Ok(())
}

/// A name that the app cannot give must be refused, and nothing made.
fn is_refused(case: &Case<'_>, laid: &Laid, name: &str) -> Verdict {
    let before = laid.bytes()?;
    let edit = CollectionEdit::Create {
        kind: support(case)?.kind,
        name: name.into(),
        parent: None,
        entries: some_entries(laid, false)?,
    };
    let written = laid.write(&ChangeSet { collections: vec![edit], ..ChangeSet::default() })?;
    ensure!(written.refused.len() == 1, "{name:?} is not refused: {written:?}");
    ensure!(laid.bytes()? == before, "a refused name touched a file");
    Ok(())
}

fn same_names(case: &Case<'_>) -> Verdict {
    let support = support(case)?;
    let laid = case.lay()?;
    let one = made(case, &laid, "Caf\u{e9}", false)?;
    let twin = made(case, &laid, "Cafe\u{301}", false)?;
    if support.is_unique() {
        ensure!(one.id != twin.id, "two share the id {}", one.id);
        return is_refused(case, &laid, "Caf\u{e9}");
    }
    let same = made(case, &laid, "Caf\u{e9}", false)?;
    let ids = [&one.id, &twin.id, &same.id];
    ensure!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "two share an id: {ids:?}");
    Ok(())
}

fn namesakes(case: &Case<'_>) -> Verdict {
    if support(case)?.is_unique() {
        return skip("declares: each name once");
    }
    let laid = case.lay()?;
    let [_, second, third] = [(); 3].map(|()| made(case, &laid, "Same", false));
    let (second, third) = (second?, third?);
    apply(case, &laid, vec![edits::rename(&third, "Another")])?;
    apply(case, &laid, vec![CollectionEdit::Remove { id: second.id, old: second.entries }])
        .map(drop)
}

/// One collection inside another: an app that cannot hold that says so for each.
fn parents(case: &Case<'_>) -> Verdict {
    let kind = support(case)?.kind;
    let laid = case.lay()?;
    let outer = made(case, &laid, "Outer", false)?;
    let create = CollectionEdit::Create {
        kind,
        name: "Inner".into(),
        parent: Some(outer.id.clone()),
        entries: some_entries(&laid, false)?,
    };
    let before = laid.bytes()?;
    let changes = ChangeSet { collections: vec![create], ..ChangeSet::default() };
    let written = laid.write(&changes)?;
    if written.refused.len() == 1 {
        ensure!(laid.bytes()? == before, "a refused edit touched a file");
        return skip("found: no collection inside another, and it is refused");
    }
    let Some(id) = written.created.first() else { return fail("nothing was made") };
    for edit in [None, Some("Renamed")] {
        let (catalog, _) = laid.read()?;
        let Some(inner) = catalog.collection(id) else { return fail("the inner one is gone") };
        let parent = inner.parent.as_ref();
        ensure!(
            parent == Some(&outer.id),
            "it was made in {:?} and reads as in {parent:?}; refuse a parent that the app cannot hold",
            outer.id
        );
        if let Some(name) = edit {
            let turned = inner.entries.iter().rev().cloned().collect();
            apply(case, &laid, vec![edits::rename(inner, name), edits::reorder(inner, turned)])?;
        }
    }
    Ok(())
}
