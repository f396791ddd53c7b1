//! What is written reads back as far as the app can hold it, and nothing else changes.

use segue_translator::model::{Catalog, ChangeSet, CollectionEdit};
use segue_translator::{Access, Written};

use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "write::nothing_writes_nothing", check: nothing },
    Law { name: "write::old_values_write_nothing", check: old_values },
    Law { name: "write::random_edits_read_back", check: random_edits },
    Law { name: "write::revision_changes_with_the_library", check: revision },
    Law { name: "write::unmodelled_content_survives", check: unmodelled },
    Law { name: "write::read_only_fields_are_refused", check: read_only },
];

/// How many sets of random edits are written one after the other.
const ROUNDS: usize = 8;

fn nothing(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let before = laid.files()?;
    let revision = laid.revision()?;
    let written = laid.write(&ChangeSet::default())?;
    ensure!(laid.files()? == before, "a write of no edits touched a file");
    ensure!(written.revision == revision, "a write of no edits changed the revision");
    Ok(())
}

fn old_values(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (catalog, _) = laid.read()?;
    let capabilities = case.capabilities()?;
    let mut changes = ChangeSet::default();
    for item in &catalog.items {
        for support in edits::writable(capabilities) {
            let old = item.fields.value(support.field).cloned();
            changes.fields.push(edits::edit(item, support.field, old));
        }
    }
    for one in &catalog.collections {
        let support = capabilities.collection(one.kind);
        if one.kind.has_entries && support.is_some_and(|s| s.access == Access::Write) {
            changes.collections.push(edits::rename(one, &one.name));
            changes.collections.push(edits::reorder(one, one.entries.clone()));
        }
    }
    if changes.is_empty() {
        return skip("declares: nothing may be written");
    }
    let before = laid.files()?;
    let written = laid.write(&changes)?;
    ensure!(written.refused.is_empty(), "refused: {:?}", written.refused);
    let after = laid.files()?;
    ensure!(before == after, "writing back what was read touched a file");
    Ok(())
}

fn random_edits(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let capabilities = case.capabilities()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let (mut before, mut read) = laid.read()?;
    for _ in 0..ROUNDS {
        let changes = edits::random(&mut rng, (&before, &read), capabilities);
        if changes.is_empty() {
            return skip("declares: nothing may be written");
        }
        let written = laid.write(&changes)?;
        let (after, reading) = laid.read()?;
        let changes = without_refused_clears(changes, &written, &after)?;
        let creates = changes.collections.iter();
        let creates = creates.filter(|edit| matches!(edit, CollectionEdit::Create { .. })).count();
        ensure!(written.created.len() == creates, "{creates} made, {:?}", written.created);
        let mut expected = edits::expected(&before, &changes, &written, capabilities);
        edits::follow_names(&mut expected, &after, &changes);
        if let Some(difference) = edits::difference(&expected, &after) {
            return fail(difference);
        }
        ensure!(reading.revision == written.revision, "the write told another revision");
        (before, read) = (after, reading);
    }
    Ok(())
}

/// A clearing may be refused for one item or another, whose file itself says the value; then it
/// still stands. That values can be cleared at all is the trial `values::f24_absent_is_not_zero`.
pub(crate) fn without_refused_clears(
    mut changes: ChangeSet,
    written: &Written,
    after: &Catalog,
) -> Verdict<ChangeSet> {
    for refusal in &written.refused {
        let stands = changes.fields.iter().position(|edit| {
            let item = after.item(&edit.item).filter(|item| item.id == refusal.id);
            let found = item.and_then(|item| item.fields.value(edit.field));
            edit.new.is_none() && found.is_some() && found == edit.old.as_ref()
        });
        match stands {
            Some(position) => drop(changes.fields.remove(position)),
            None => return fail(format!("refused: {refusal:?}")),
        }
    }
    Ok(changes)
}

fn revision(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (_, reading) = laid.read()?;
    let written = laid.write(&some_change(case, &laid)?)?;
    ensure!(written.revision != reading.revision, "a change left the revision as it was");
    ensure!(laid.revision()? == written.revision, "the write told another revision");
    Ok(())
}

/// Edits that change something of a library as it is; a skip where nothing may be written.
pub(crate) fn some_change(case: &Case<'_>, laid: &Laid) -> Verdict<ChangeSet> {
    let capabilities = case.capabilities()?;
    let (catalog, reading) = laid.read()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let changes = edits::random(&mut rng, (&catalog, &reading), capabilities);
    if changes.is_empty() {
        return skip("declares: nothing may be written");
    }
    Ok(changes)
}

fn unmodelled(case: &Case<'_>) -> Verdict {
    let Some(digest) = &case.subject.unmodelled else {
        return skip("no `unmodelled` is given, or for its mutant nothing to `spoil`");
    };
    let laid = case.lay()?;
    let capabilities = case.capabilities()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let before = digest(&laid.path()).or_fail("cannot digest the fixture")?;
    ensure!(!before.is_empty(), "the fixture holds nothing unmodelled, so it shows nothing");
    for _ in 0..ROUNDS {
        let (catalog, _) = laid.read()?;
        let all: Vec<_> = catalog.items.iter().collect();
        let changes = ChangeSet {
            fields: edits::random_fields(&mut rng, &all, capabilities),
            collections: edits::existing(&mut rng, &catalog, capabilities),
            ..ChangeSet::default()
        };
        laid.write(&changes)?;
        let after = digest(&laid.path()).or_fail("cannot digest the library")?;
        ensure!(after == before, "expected {before}\nfound {after}");
    }
    Ok(())
}

fn read_only(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let capabilities = case.capabilities()?;
    let (catalog, _) = laid.read()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let Some(item) = catalog.items.first() else { return fail("the fixture has no items") };
    let fields = capabilities.schema.fields.iter().filter(|field| {
        capabilities.field(field).is_none_or(|support| support.access == Access::Read)
    });
    let fields: Vec<_> = fields
        .map(|field| edits::edit(item, field, Some(edits::value(&mut rng, field))))
        .filter(|edit| edit.old != edit.new)
        .collect();
    if fields.is_empty() {
        return skip("declares: every field of the schema may be written");
    }
    let before = laid.bytes()?;
    // Refused one by one or all together: both are clear answers.
    if let Ok(written) =
        laid.try_write(&ChangeSet { fields: fields.clone(), ..ChangeSet::default() })?
    {
        ensure!(written.refused.len() == fields.len(), "{:?} of {fields:?}", written.refused);
    }
    ensure!(laid.bytes()? == before, "an edit that must be refused touched a file");
    Ok(())
}
