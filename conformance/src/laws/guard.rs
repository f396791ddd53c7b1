//! What stops a write: a newer state, a changed value, a running app, an unknown version.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, Value};
use segue_translator::{ErrorKind, Host, Probe};

use super::write::some_change;
use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "guard::stale_revision_is_refused", check: stale },
    Law { name: "guard::f19_changed_values_are_refused_and_the_rest_written", check: changed },
    Law { name: "guard::f19_changed_collections_are_refused", check: changed_collections },
    Law { name: "guard::f28_running_app_is_busy", check: running },
    Law { name: "guard::f28_app_started_meanwhile_is_busy", check: started },
    Law { name: "guard::f31_unknown_version_is_read_only", check: unknown_version },
];

fn stale(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (_, reading) = laid.read()?;
    laid.write(&some_change(case, &laid)?)?;
    let before = laid.bytes()?;
    for revision in [reading.revision, segue_translator::Revision("no such revision".into())] {
        let library = laid.open()?;
        let written = library.write(&revision, &some_change(case, &laid)?);
        let kind = written.as_ref().err().map(|error| error.kind);
        ensure!(kind == Some(ErrorKind::Stale), "expected `Stale`, found {written:?}");
        ensure!(laid.bytes()? == before, "a refused write touched a file");
    }
    Ok(())
}

/// An edit of every writable field of the first two legible items, to values that differ from the old.
pub(crate) fn pairs(case: &Case<'_>, laid: &Laid) -> Verdict<(Vec<FieldEdit>, Vec<FieldEdit>)> {
    let (catalog, reading) = laid.read()?;
    let mut items = edits::legible(&catalog, &reading);
    let (Some(first), Some(second)) = (items.next(), items.next()) else {
        return fail("the fixture has fewer than two items of which all can be read");
    };
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let capabilities = case.capabilities()?;
    let mut edits_of = |item| -> Vec<FieldEdit> {
        let supports = edits::writable(capabilities);
        let edits = supports.filter_map(|support| {
            let now = item_value(item, support);
            let new = edits::value_but(&mut rng, support, &[now])?;
            Some(edits::edit(item, support.field, Some(new)))
        });
        edits.collect()
    };
    let pairs = (edits_of(first), edits_of(second));
    if pairs.0.is_empty() { skip("declares: no field may be written") } else { Ok(pairs) }
}

fn item_value(
    item: &segue_translator::model::Item,
    support: &segue_translator::FieldSupport,
) -> Option<Value> {
    item.fields.value(support.field).cloned()
}

fn changed(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (mut wrong, right) = pairs(case, &laid)?;
    for edit in &mut wrong {
        // What the edit expects is what it brings: the app holds something else.
        edit.old.clone_from(&edit.new);
        edit.new = None;
    }
    let (before, _) = laid.read()?;
    let fields = wrong.iter().chain(&right).cloned().collect();
    let written = laid.write(&ChangeSet { fields, ..ChangeSet::default() })?;
    let refused = written.refused.iter().filter(|refusal| refusal.id == wrong[0].item).count();
    ensure!(
        refused == wrong.len() && refused == written.refused.len(),
        "{} edits expect a wrong value; refused: {:?}",
        wrong.len(),
        written.refused
    );
    let (after, _) = laid.read()?;
    let made = ChangeSet { fields: right, ..ChangeSet::default() };
    let capabilities = case.capabilities()?;
    let expected = edits::expected(&before, &made, &written, capabilities);
    edits::difference(&expected, &after).map_or(Ok(()), fail)
}

fn changed_collections(case: &Case<'_>) -> Verdict {
    let Some(support) = edits::writable_collection(case.capabilities()?) else {
        return skip("declares: no collection may be written");
    };
    let laid = case.lay()?;
    let (catalog, _) = laid.read()?;
    let entries: Vec<_> = catalog.items.iter().take(3).map(|item| item.id.clone()).collect();
    let create = CollectionEdit::Create {
        kind: support.kind,
        name: "Guarded".into(),
        parent: None,
        entries: entries.clone(),
    };
    let made = laid.write(&ChangeSet { collections: vec![create], ..ChangeSet::default() })?;
    let Some(id) = made.created.first() else { return fail("nothing was made") };
    let before = laid.bytes()?;
    let old = vec![entries[0].clone()];
    let wrong = vec![
        CollectionEdit::Rename { id: id.clone(), old: "Other".into(), new: "New".into() },
        CollectionEdit::Reorder { id: id.clone(), old: old.clone(), new: Vec::new() },
        CollectionEdit::Remove { id: id.clone(), old },
    ];
    let written = laid.write(&ChangeSet { collections: wrong, ..ChangeSet::default() })?;
    ensure!(written.refused.len() == 3, "3 expect something else: {:?}", written.refused);
    ensure!(laid.bytes()? == before, "a refused edit touched a file");
    Ok(())
}

/// An app that is started right before the question of this number, counted from 1.
pub(crate) struct StartsAt {
    question: usize,
    asked: AtomicUsize,
}

impl StartsAt {
    pub(crate) fn new(question: usize) -> Arc<Self> {
        Arc::new(Self { question, asked: AtomicUsize::new(0) })
    }
}

impl Host for StartsAt {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        (number >= self.question).then(|| "the app was started".to_owned())
    }
}

fn running(case: &Case<'_>) -> Verdict {
    case.is_left_alone()?;
    let laid = case.lay()?;
    let (_, reading) = laid.read()?;
    let changes = some_change(case, &laid)?;
    let before = laid.bytes()?;
    let library = laid.open_with(StartsAt::new(1))?;
    ensure!(library.running().is_some(), "the library does not say that its app runs");
    let written = library.write(&reading.revision, &changes);
    let kind = written.as_ref().err().map(|error| error.kind);
    ensure!(kind == Some(ErrorKind::Busy), "expected `Busy`, found {written:?}");
    ensure!(laid.bytes()? == before, "a write beside the running app touched a file");
    Ok(())
}

fn started(case: &Case<'_>) -> Verdict {
    case.is_left_alone()?;
    let laid = case.lay()?;
    let changes = some_change(case, &laid)?;
    let host = StartsAt::new(usize::MAX);
    let library = laid.open_with(Arc::<StartsAt>::clone(&host))?;
    let revision = library.revision().or_fail("cannot tell the revision")?;
    library.write(&revision, &changes).or_fail("cannot write")?;
    let questions = host.asked.load(Ordering::Relaxed);
    ensure!(questions >= 2, "asked {questions} times whether the app runs; start and end are two");
    for question in 1..=questions {
        laid.again()?;
        let before = laid.bytes()?;
        let library = laid.open_with(StartsAt::new(question))?;
        let revision = library.revision().or_fail("cannot tell the revision")?;
        let written = library.write(&revision, &changes);
        let kind = written.as_ref().err().map(|error| error.kind);
        ensure!(
            kind == Some(ErrorKind::Busy),
            "started before question {question}: expected `Busy`, found {written:?}"
        );
        ensure!(laid.bytes()? == before, "started before question {question}: a file changed");
    }
    Ok(())
}

fn unknown_version(case: &Case<'_>) -> Verdict {
    let Some(make) = &case.subject.unknown_version else {
        return skip("no `unknown_version` is given");
    };
    let laid = case.lay()?;
    let changes = some_change(case, &laid)?;
    make(&laid.path()).or_fail("cannot make an unknown version")?;
    let before = laid.bytes()?;
    // Either it can be read and says so, or reading is refused as unsupported.
    match segue_translator::Collector::collect(&*laid.open()?) {
        Ok((_, reading)) => ensure!(reading.read_only.is_some(), "reading does not say so"),
        Err(error) => ensure!(error.kind == ErrorKind::Unsupported, "expected that, not {error}"),
    }
    let written = laid.try_write(&changes)?;
    let kind = written.as_ref().err().map(|error| error.kind);
    ensure!(kind == Some(ErrorKind::Unsupported), "expected `Unsupported`, found {written:?}");
    ensure!(laid.bytes()? == before, "a write into an unknown version touched a file");
    Ok(())
}
