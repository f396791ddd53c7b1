//! What is hidden is listed as missing, and comes back whole; an app that hides nothing says so.

use segue_translator::model::{
    Availability, Catalog, ChangeSet, Collection, CollectionEdit, Item, ListingEdit, NativeId,
};
use segue_translator::{Access, ErrorKind};

use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "listing::f41_hidden_items_are_listed_as_missing", check: hidden },
    Law { name: "listing::f41_shown_items_come_back_whole", check: shown },
    Law { name: "listing::shown_items_hold_what_changed_meanwhile", check: changed },
    Law { name: "listing::strangers_are_refused", check: strangers },
    Law { name: "listing::who_hides_nothing_refuses", check: undeclared },
];

/// Every how-manieth item is hidden.
const SOME: usize = 3;
const ALL: usize = 1;

/// A library, what it lists, and some of that to be hidden.
struct Stage {
    laid: Laid,
    before: Catalog,
    chosen: Vec<Item>,
}

impl Stage {
    fn of(case: &Case<'_>, step: usize) -> Verdict<Self> {
        if !case.capabilities()?.hides {
            return skip("declares: it hides nothing");
        }
        let laid = case.lay()?;
        let (before, reading) = laid.read()?;
        let legible = edits::legible(&before, &reading);
        let present = legible.filter(|item| item.availability == Availability::Present);
        let chosen: Vec<Item> = present.step_by(step).cloned().collect();
        ensure!(!chosen.is_empty(), "the fixture lists no item of which all can be read");
        Ok(Self { laid, before, chosen })
    }

    /// Hides what was chosen, and takes it out of the lists in the same write.
    fn hide(&self, case: &Case<'_>) -> Verdict {
        let hide = |item: &Item| ListingEdit::Hide { item: item.id.clone() };
        let listing = self.chosen.iter().map(hide).collect();
        self.write(case, listing, |list| {
            let rest = list.entries.iter().filter(|entry| !self.is_chosen(entry));
            (list.entries.clone(), rest.cloned().collect())
        })
    }

    /// Shows items, and puts what was chosen back into the lists in the same write.
    fn show(&self, case: &Case<'_>, items: &[Item]) -> Verdict {
        let listing = items.iter().map(|item| ListingEdit::Show { item: item.clone() }).collect();
        self.write(case, listing, |list| {
            let rest = list.entries.iter().filter(|entry| !self.is_chosen(entry));
            (rest.cloned().collect(), list.entries.clone())
        })
    }

    fn write(
        &self,
        case: &Case<'_>,
        listing: Vec<ListingEdit>,
        entries: impl Fn(&Collection) -> (Vec<NativeId>, Vec<NativeId>),
    ) -> Verdict {
        let capabilities = case.capabilities()?;
        let lists = self.before.collections.iter().filter(|list| {
            let support = capabilities.collection(list.kind);
            list.kind.has_entries && support.is_some_and(|it| it.access == Access::Write)
        });
        let edits = lists.filter_map(|list| {
            let (id, (old, new)) = (list.id.clone(), entries(list));
            (old != new).then_some(CollectionEdit::Reorder { id, old, new })
        });
        let changes = ChangeSet { listing, collections: edits.collect(), ..ChangeSet::default() };
        let written = self.laid.write(&changes)?;
        ensure!(written.refused.is_empty(), "refused: {:?}", written.refused);
        Ok(())
    }

    fn is_chosen(&self, id: &NativeId) -> bool {
        self.chosen.iter().any(|item| item.id == *id)
    }

    /// Everything but what was chosen.
    fn rest(&self, catalog: &Catalog) -> Catalog {
        let mut rest = catalog.clone();
        rest.items.retain(|item| !self.is_chosen(&item.id));
        for list in &mut rest.collections {
            list.entries.retain(|entry| !self.is_chosen(entry));
        }
        rest
    }
}

fn hidden(case: &Case<'_>) -> Verdict {
    let stage = Stage::of(case, SOME)?;
    stage.hide(case)?;
    let (after, _) = stage.laid.read()?;
    for item in &stage.chosen {
        match after.item(&item.id).map(|item| item.availability) {
            Some(Availability::Missing) => {}
            Some(Availability::Present) => return fail(format!("`{}` is still listed", item.id)),
            None => return fail(format!("`{}` looks removed", item.id)),
        }
    }
    edits::difference(&stage.rest(&stage.before), &stage.rest(&after)).map_or(Ok(()), fail)?;
    stage.laid.sound()
}

fn shown(case: &Case<'_>) -> Verdict {
    let stage = Stage::of(case, ALL)?;
    let digest = |laid: &Laid| {
        let digest = case.subject.unmodelled.as_ref();
        digest.map(|digest| digest(&laid.path()).or_fail("cannot digest the library")).transpose()
    };
    let before = digest(&stage.laid)?;
    stage.hide(case)?;
    stage.show(case, &stage.chosen)?;
    let (after, _) = stage.laid.read()?;
    edits::difference(&stage.before, &after).map_or(Ok(()), fail)?;
    ensure!(digest(&stage.laid)? == before, "what is not modelled is another");
    stage.laid.sound()
}

fn changed(case: &Case<'_>) -> Verdict {
    let stage = Stage::of(case, SOME)?;
    stage.hide(case)?;
    let capabilities = case.capabilities()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let all: Vec<&Item> = stage.chosen.iter().collect();
    let fields = edits::random_fields(&mut rng, &all, capabilities);
    // That a value can be cleared is another law; here each gets one.
    let fields: Vec<_> = fields.into_iter().filter(|edit| edit.new.is_some()).collect();
    let mut items = stage.chosen.clone();
    for edit in &fields {
        if let Some(item) = items.iter_mut().find(|item| item.id == edit.item) {
            item.fields.set(edit.field, edit.new.clone());
        }
    }
    stage.show(case, &items)?;
    let (after, _) = stage.laid.read()?;
    let made = ChangeSet { fields, ..ChangeSet::default() };
    let written = segue_translator::Written::default();
    let expected = edits::expected(&stage.before, &made, &written, capabilities);
    edits::difference(&expected, &after).map_or(Ok(()), fail)
}

fn strangers(case: &Case<'_>) -> Verdict {
    let stage = Stage::of(case, SOME)?;
    let known = &stage.chosen[0];
    let listing = vec![
        ListingEdit::Hide { item: "no such item".into() },
        ListingEdit::Show { item: known.clone() },
    ];
    all_refused(&stage.laid, listing)?;
    stage.hide(case)?;
    all_refused(&stage.laid, vec![ListingEdit::Hide { item: known.id.clone() }])
}

/// All must be refused, and no byte may change.
fn all_refused(laid: &Laid, listing: Vec<ListingEdit>) -> Verdict {
    let before = laid.bytes()?;
    let changes = ChangeSet { listing, ..ChangeSet::default() };
    let written = laid.write(&changes)?;
    let count = changes.listing.len();
    ensure!(written.refused.len() == count, "of {changes:?} only {:?}", written.refused);
    ensure!(laid.bytes()? == before, "a refused edit touched a file");
    Ok(())
}

fn undeclared(case: &Case<'_>) -> Verdict {
    if case.capabilities()?.hides {
        return skip("declares: it hides items");
    }
    let laid = case.lay()?;
    let (catalog, _) = laid.read()?;
    let Some(item) = catalog.items.first() else { return fail("the fixture has no items") };
    let listing = vec![ListingEdit::Hide { item: item.id.clone() }];
    let changes = ChangeSet { listing: listing.clone(), ..ChangeSet::default() };
    // Whoever writes nothing at all refuses the whole of it.
    match laid.try_write(&changes)? {
        Err(error) if error.kind == ErrorKind::Unsupported => Ok(()),
        _ => all_refused(&laid, listing),
    }
}
