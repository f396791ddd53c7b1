//! Edits that cannot be made are refused, each alone: nothing is guessed, clamped or left out.

use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Shape, Value};

use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "guard::strangers_are_refused", check: strangers },
    Law { name: "guard::f13_nearly_equal_ids_are_strangers", check: nearly_equal },
    Law { name: "guard::impossible_values_are_refused", check: impossible },
    Law { name: "guard::unknown_collections_are_refused", check: unknown_collections },
    Law { name: "guard::entries_that_are_no_items_are_refused", check: unknown_entries },
];

/// All of `changes` must be refused, and no byte may change.
fn all_refused(laid: &Laid, changes: &ChangeSet) -> Verdict {
    let before = laid.bytes()?;
    let written = laid.write(changes)?;
    let count = changes.fields.len() + changes.collections.len();
    ensure!(written.refused.len() == count, "of {changes:?} only {:?}", written.refused);
    ensure!(written.created.is_empty(), "told of {:?}, which must not be made", written.created);
    ensure!(laid.bytes()? == before, "a refused edit touched a file");
    Ok(())
}

fn strangers(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (mut fields, _) = super::guard::pairs(case, &laid)?;
    for edit in &mut fields {
        edit.item = "no such item".into();
        edit.old = None;
    }
    all_refused(&laid, &ChangeSet { fields, ..ChangeSet::default() })
}

/// Ids that somebody who tidies names would take for `id`.
fn variants(id: &NativeId) -> Vec<NativeId> {
    let id = id.as_bytes();
    let with = |before: &[u8], after: &[u8]| [before, id, after].concat();
    let all = [
        id.to_ascii_uppercase(),
        id.to_ascii_lowercase(),
        with(b"", b" "),
        with(b" ", b""),
        with(b"", b"\n"),
        with(b"./", b""),
        id[..id.len().saturating_sub(1)].to_vec(),
    ];
    all.into_iter().filter(|one| one != id).map(NativeId::new).collect()
}

fn nearly_equal(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (fields, _) = super::guard::pairs(case, &laid)?;
    let (catalog, _) = laid.read()?;
    let Some(edit) = fields.first() else { return skip("declares: no field may be written") };
    for item in variants(&edit.item).into_iter().filter(|id| catalog.item(id).is_none()) {
        let fields = vec![FieldEdit { item, ..edit.clone() }];
        all_refused(&laid, &ChangeSet { fields, ..ChangeSet::default() })?;
    }
    Ok(())
}

/// Values that no library of the schema may hold in a field of this shape.
fn outside(shape: Shape) -> Vec<Value> {
    match shape {
        Shape::Int(low, high) => {
            let ends = [low.checked_sub(1), high.checked_add(1), Some(i64::MAX), Some(i64::MIN)];
            let mut values: Vec<_> = ends.into_iter().flatten().map(Value::Int).collect();
            values.push(Value::text("1"));
            values.retain(|value| !shape.admits(value));
            values
        }
        Shape::Text => vec![Value::Int(1), Value::list(["a"])],
        Shape::List => vec![Value::text("a"), Value::Flag(true)],
        Shape::Flag | Shape::Real => vec![Value::text("1"), Value::list(["1"])],
    }
}

fn impossible(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (catalog, _) = laid.read()?;
    let Some(item) = catalog.items.first() else { return fail("the fixture has no items") };
    let mut tried = 0;
    for support in edits::writable(case.capabilities()?) {
        for value in outside(support.field.shape) {
            tried += 1;
            let name = support.field.name;
            let edit = edits::edit(item, support.field, Some(value));
            let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
            let before = laid.bytes()?;
            // Refused alone or with the whole write: both are clear answers.
            if let Ok(written) = laid.try_write(&changes)? {
                let new = &changes.fields[0].new;
                ensure!(written.refused.len() == 1, "`{name}` took {new:?}: {written:?}");
            }
            ensure!(laid.bytes()? == before, "a refused value of `{name}` touched a file");
        }
    }
    if tried == 0 { skip("declares: nothing may be written") } else { Ok(()) }
}

fn unknown_collections(case: &Case<'_>) -> Verdict {
    if edits::writable_collection(case.capabilities()?).is_none() {
        return skip("declares: no collection may be written");
    }
    let laid = case.lay()?;
    let id = NativeId::from("no such collection");
    let collections = vec![
        CollectionEdit::Rename { id: id.clone(), old: "Old".into(), new: "New".into() },
        CollectionEdit::Reorder { id: id.clone(), old: Vec::new(), new: Vec::new() },
        CollectionEdit::Remove { id, old: Vec::new() },
    ];
    all_refused(&laid, &ChangeSet { collections, ..ChangeSet::default() })
}

fn unknown_entries(case: &Case<'_>) -> Verdict {
    let Some(support) = edits::writable_collection(case.capabilities()?) else {
        return skip("declares: no collection may be written");
    };
    let laid = case.lay()?;
    let (catalog, _) = laid.read()?;
    let Some(item) = catalog.items.first() else { return fail("the fixture has no items") };
    let entries = vec![item.id.clone(), "no such item".into()];
    let create = CollectionEdit::Create {
        kind: support.kind,
        name: "With a stranger".into(),
        parent: None,
        entries: entries.clone(),
    };
    all_refused(&laid, &ChangeSet { collections: vec![create], ..ChangeSet::default() })?;
    let Some(one) = catalog.collections.iter().find(|one| one.kind == support.kind) else {
        return Ok(());
    };
    let collections = vec![edits::reorder(one, entries)];
    all_refused(&laid, &ChangeSet { collections, ..ChangeSet::default() })
}
