//! One library that takes part in a pass.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::thread::ScopedJoinHandle;

use segue_model::{
    BaseCollection, CarriedLimit, ChangeSet, CollectionEdit, FieldEdit, Heads, Item, Location,
    NativeId, Value,
};
use segue_reconcile::exclusion::Exclusion;
use segue_reconcile::{LinkView, Writing};
use segue_store::{LinkRow, Reader, Store};
use segue_translator::{Capabilities, Library, Revision};

use crate::doubt::Time;
use crate::exclusion::{Known, Rules};
use crate::failure::Failure;
use crate::limits::sidecars::{self, Looked};
use crate::limits::unsaid;
use crate::members::gave_nothing;
use crate::progress::{Moment, Progress};
use crate::reading::Difference;
use crate::shared;
use crate::unheld::{self, Unheld};

/// A library, its link, and what was read of it.
pub(crate) struct Member {
    pub(crate) row: LinkRow,
    /// What people call it: the app, or `APP=PATH` where there are several.
    pub(crate) label: String,
    pub(crate) capabilities: &'static Capabilities,
    pub(crate) library: Box<dyn Library>,
    /// Where its writes change files.
    pub(crate) places: Vec<PathBuf>,
    /// The link has no base: first contact, or its base was lost. Nothing is deleted.
    pub(crate) pairing: bool,
    /// Of which time its base is.
    pub(crate) time: Time,
    /// A person said where the content lies.
    pub(crate) root_was_said: bool,
    /// Where it seems to lie, and how many files speak for it; only of a library that is new.
    pub(crate) proposal: Option<super::roots::Proposal>,
    /// The link began while this device could only read the document.
    pub(crate) gave_nothing: bool,
    /// What of the library stays on this device.
    pub(crate) exclusion: Exclusion,
    /// What stayed when it was last brought in step.
    pub(crate) excluded: Known,
    /// What has the library open.
    pub(crate) running: Option<String>,
    /// The state of the library, before it was read.
    pub(crate) revision: Revision,
    /// What it could not be given.
    pub(crate) unheld: Unheld,
    /// What limits its items carry, as far as it was looked at.
    pub(crate) carried: Vec<(NativeId, CarriedLimit)>,
    /// Where it was looked for licences beside its files.
    pub(crate) looked: Looked,
    /// What this operation was about to write to it before it was interrupted.
    pub(crate) planned: Planned,
    /// How it differs from the base; `None` if it is as it was when it was read last.
    pub(crate) difference: Option<Difference>,
    pub(crate) base_collections: Vec<BaseCollection>,
    /// What the library was shown, by shard.
    pub(crate) heads: BTreeMap<u8, Heads>,
}

/// Edits that a person or a guard let pass already. What is left of them is no loss that nobody thought of.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    fields: HashMap<(NativeId, &'static str), Option<Value>>,
    lists: Vec<CollectionEdit>,
}

impl Planned {
    /// These edits.
    pub(crate) fn of(edits: ChangeSet) -> Self {
        let field = |edit: FieldEdit| ((edit.item, edit.field.name), edit.new);
        Self { fields: edits.fields.into_iter().map(field).collect(), lists: edits.collections }
    }

    /// Whether a field was to become what it would be made now.
    pub(crate) fn has(&self, edit: &FieldEdit) -> bool {
        !self.fields.is_empty()
            && self.fields.get(&(edit.item.clone(), edit.field.name)) == Some(&edit.new)
    }

    /// Whether a list was to become what it would be made now.
    pub(crate) fn has_list(&self, edit: &CollectionEdit) -> bool {
        self.lists.iter().any(|before| match (before, edit) {
            (
                CollectionEdit::Reorder { id, new, .. },
                CollectionEdit::Reorder { id: other, new: now, .. },
            ) => (id, new) == (other, now),
            (CollectionEdit::Remove { id, .. }, CollectionEdit::Remove { id: other, .. }) => {
                id == other
            }
            _ => false,
        })
    }
}

/// A link, what people call its library, and the library.
pub(crate) type Opened = (LinkRow, String, Box<dyn Library>);

impl Member {
    /// Looks at several linked libraries at once: each but the first on a thread of its own.
    pub(crate) fn open_all(
        opened: Vec<Opened>,
        store: &Store,
        rules: &Rules,
        progress: &dyn Progress,
    ) -> Vec<Result<Self, Failure>> {
        let labels: Vec<&str> = opened.iter().map(|(_, label, _)| label.as_str()).collect();
        progress.step(&format!("Reading {}", labels.join(", ")), None);
        let mut opened = opened.into_iter();
        let Some((row, label, library)) = opened.next() else { return Vec::new() };
        let members = std::thread::scope(|scope| {
            let others: Vec<_> = opened
                .map(|(row, label, library)| {
                    let reader = store.reader();
                    scope.spawn(move || Self::open(row, label, library, &reader?, rules))
                })
                .collect();
            let first = Self::open(row, label, library, store, rules);
            let join = |other: ScopedJoinHandle<'_, Result<Self, Failure>>| {
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            std::iter::once(first).chain(others.into_iter().map(join)).collect()
        });
        progress.reached(Moment::Read);
        members
    }

    /// Looks at a linked library, and reads it if it may have changed.
    fn open(
        row: LinkRow,
        label: String,
        library: Box<dyn Library>,
        store: &Reader,
        rules: &Rules,
    ) -> Result<Self, Failure> {
        let capabilities = library.capabilities();
        let revision = library.revision().map_err(Failure::Library)?;
        let base_collections = store.base_collections(row.id, capabilities.schema)?;
        let pairing = base_collections.is_empty() && store.base_cursor(row.id)?.peek()?.is_none();
        let mut member = Self {
            heads: store.link_heads(row.id)?,
            running: library.running(),
            places: shared::places(&row, &*library),
            label,
            capabilities,
            pairing,
            time: Time::of(store, row.id)?,
            root_was_said: row.root.is_some(),
            proposal: None,
            gave_nothing: store.setting(&gave_nothing(row.id))?.is_some(),
            exclusion: rules.of(&row),
            excluded: Known::of(store, row.id)?,
            unheld: Unheld::of(store, row.id)?,
            carried: Vec::new(),
            looked: Looked::default(),
            planned: Planned::default(),
            difference: None,
            base_collections,
            library,
            revision,
            row,
        };
        if member.exclusion != member.excluded.exclusion {
            // What began or ended to stay is found by comparing all of the library.
            member.row.revision = None;
        }
        let is_new = member.row.revision.as_ref() != Some(&member.revision.0);
        let rereads = member.excluded.rereads || crate::losses::rereads(store, member.row.id)?;
        if pairing || is_new || rereads {
            member.read(store)?;
        } else {
            member.carried = unsaid::known(store, member.row.id)?;
        }
        let losses = member.difference.iter().flat_map(|read| &read.reading.losses);
        let lost = losses.map(|loss| unheld::name(&loss.id)).collect();
        member.unheld.ask(&*member.library, &member.revision, &lost);
        member.looked = sidecars::look(store, &mut member)?;
        Ok(member)
    }

    /// Reads the library as at first contact.
    pub(crate) fn begin_again(&mut self, store: &Reader) -> Result<(), Failure> {
        self.pairing = true;
        self.heads.clear();
        self.base_collections.clear();
        self.read(store)?;
        self.looked = sidecars::look(store, self)?;
        Ok(())
    }

    /// Reads the library against its base.
    fn read(&mut self, store: &Reader) -> Result<(), Failure> {
        let link = (!self.pairing).then_some(self.row.id);
        let mut difference = crate::reading::read(&*self.library, store, link, &self.exclusion)?;
        self.row.read_only.clone_from(&difference.reading.read_only);
        if self.row.root.is_none() {
            self.row.root = root_of(&difference);
        }
        self.carried = std::mem::take(&mut difference.limits);
        self.difference = Some(difference);
        Ok(())
    }

    /// The state of the library that was read, or that is as it was read last.
    pub(crate) fn revision_read(&self) -> &Revision {
        self.difference.as_ref().map_or(&self.revision, |difference| &difference.reading.revision)
    }

    /// The link as the planner sees it.
    pub(crate) fn view(&self) -> LinkView<'_> {
        LinkView {
            link: self.row.id,
            capabilities: self.capabilities,
            root: self.row.root.as_ref(),
            writing: if self.row.writes_tags { Writing::UseAndTags } else { Writing::Use },
            in_doubt: self.time.is_in_doubt(),
        }
    }

    /// Why the library cannot be written now.
    pub(crate) fn waits(&self) -> Option<String> {
        match (&self.running, &self.row.read_only) {
            (_, Some(reason)) => Some(format!("read-only: {reason}")),
            (Some(what), None) => {
                Some(format!("{what} is running; its changes are written when you quit it"))
            }
            (None, None) => None,
        }
    }

    /// Takes from edits of an item what the library was only taken to have still.
    pub(crate) fn without_kept(&self, made: &mut Vec<FieldEdit>) {
        let Some(difference) = self.difference.as_ref().filter(|read| !read.kept.is_empty()) else {
            return;
        };
        for edit in &mut *made {
            difference.without_kept(&edit.item, edit.field, &mut edit.old);
            difference.without_kept(&edit.item, edit.field, &mut edit.new);
        }
        made.retain(|edit| edit.old != edit.new);
    }

    /// How many items the library lists.
    pub(crate) fn items(&self, store: &Reader) -> Result<u64, Failure> {
        match &self.difference {
            Some(difference) => Ok(difference.items),
            None => Ok(store.base_len(self.row.id)?),
        }
    }
}

/// The folder below which a library's content lies: the app's own word, else what all share.
fn root_of(difference: &Difference) -> Option<Location> {
    if let [root] = difference.reading.roots.as_slice() {
        return Some(root.clone());
    }
    let mut places = difference.arrived.iter().filter_map(|item: &Item| item.location.as_ref());
    let first = places.next()?.as_bytes();
    let folder = |path: &[u8]| path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let mut shared = &first[..folder(first)];
    for place in places {
        let place = place.as_bytes();
        let same = shared.iter().zip(place).take_while(|(a, b)| a == b).count();
        if same < shared.len() || place.get(same) != Some(&b'/') {
            shared = &shared[..folder(&shared[..same])];
        }
    }
    (!shared.is_empty()).then(|| Location::new(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(paths: &[&str]) -> Option<String> {
        let arrived = paths.iter().map(|path| {
            let mut item = Item::new(*path);
            item.location = Some(Location::from(*path));
            item
        });
        let difference = Difference { arrived: arrived.collect(), ..Difference::default() };
        root_of(&difference).map(|root| root.to_string())
    }

    #[test]
    fn a_root_is_a_folder_that_all_files_share() {
        assert_eq!(shared(&["/m/a/1", "/m/a/2"]).as_deref(), Some("/m/a"));
        assert_eq!(shared(&["/m/a/1", "/m/ab/2"]).as_deref(), Some("/m"));
        assert_eq!(shared(&["/m/a/1", "/m/a/b/2", "/m/a/c"]).as_deref(), Some("/m/a"));
        assert_eq!(shared(&["/m/1", "/n/1"]), None);
        assert_eq!(shared(&[]), None);
    }
}
