//! A playlist: what people do to it in an app, and what a look makes of that.
//!
//! Which list is which is known, and it is nowhere deleted: one library has it at first, and it comes to the others. An
//! app that does not list an item has it in no list.

use segue_document::{Origin, Weight, Write};
use segue_model::{EntryId, ItemId, NativeId, OperationId, Value, music};
use segue_reconcile::list::{self, Bindings};

use crate::merge::Version;
use crate::oracle::Violation;
use crate::step::ListAct;
use crate::world::{World, id, view};

/// The id of its record.
pub(crate) const LIST: [u8; 16] = [0; 16];

/// The list in one library.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listed {
    /// The items that stand there, if the app has it.
    pub(crate) now: Option<Vec<u8>>,
    /// What stood there when it was last looked at or written, and the state that the app had been shown.
    pub(crate) base: Option<(Vec<(EntryId, u8)>, Version)>,
    /// Whether somebody did something since of which entries come or go.
    pub(crate) is_edited: bool,
}

/// What is true of the list, by item.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entries {
    /// How many were put in.
    pub(crate) put: usize,
    /// How many a person took out.
    pub(crate) taken: usize,
    /// Whether a person put in, took out or moved one, or moved another over it.
    pub(crate) is_touched: bool,
}

/// Which items a library has.
struct Bound(Vec<bool>);

impl Bindings for Bound {
    fn native(&self, item: ItemId) -> Option<NativeId> {
        let number = item.0[0].checked_sub(1)?;
        self.0.get(usize::from(number)).filter(|is_there| **is_there)?;
        Some(native(number))
    }

    fn item(&self, native: &NativeId) -> Option<ItemId> {
        Some(id(number(native)))
    }
}

fn native(number: u8) -> NativeId {
    NativeId::new([number].as_slice())
}

fn number(native: &NativeId) -> u8 {
    native.as_bytes().first().copied().unwrap_or(0)
}

/// How often an item stands in a list.
pub(crate) fn count(items: &[u8], item: u8) -> usize {
    items.iter().map(|other| usize::from(*other == item)).sum()
}

impl World {
    /// A person edits the list in an app.
    pub(crate) fn edit_list(&mut self, link: u8, act: ListAct) {
        let owner = &mut self.links[usize::from(link)];
        let Some(now) = &mut owner.list.now else { return };
        let truth = &mut self.entries;
        match act {
            ListAct::Put(at, item) if owner.items[usize::from(item)].is_listed() => {
                now.insert(usize::from(at).min(now.len()), item);
                truth[usize::from(item)].is_touched = true;
            }
            ListAct::Take(at) if usize::from(at) < now.len() => {
                let item = now.remove(usize::from(at));
                truth[usize::from(item)].is_touched = true;
            }
            ListAct::Move(from, to) if usize::from(from.max(to)) < now.len() => {
                for item in &now[usize::from(from.min(to))..=usize::from(from.max(to))] {
                    truth[usize::from(*item)].is_touched = true;
                }
                let item = now.remove(usize::from(from));
                now.insert(usize::from(to), item);
            }
            _ => return,
        }
        owner.list.is_edited = true;
    }

    fn bound(&self, link: u8) -> Bound {
        let items = &self.links[usize::from(link)].items;
        Bound(items.iter().map(|slot| slot.is_listed() && !slot.is_new()).collect())
    }

    /// What an app did to the list since it was looked at.
    pub(crate) fn lift_list(&mut self, link: u8) -> Result<(), Violation> {
        let bound = self.bound(link);
        let owner = &mut self.links[usize::from(link)];
        let Some(now) = &mut owner.list.now else { return Ok(()) };
        now.retain(|item| bound.0[usize::from(*item)]);
        let (now, device) = (now.clone(), owner.device);
        let (base, is_edited) = (owner.list.base.clone(), owner.list.is_edited);
        let place = self.list_place();
        let present = self.known(device, place).version;
        let operation = OperationId([self.operations; 8]);
        let (old, at) = base.clone().unwrap_or_default();
        let at = if base.is_some() { at } else { present };
        let natives: Vec<NativeId> = now.iter().copied().map(native).collect();
        let record = self.records[usize::from(place)].record(at);
        let old_natives: Vec<_> = old.iter().map(|(id, item)| (*id, native(*item))).collect();
        let mut last = self.last_entry;
        let mut fresh = || {
            last += 1;
            EntryId([last; 8])
        };
        let lifted =
            list::lift(&record, &old_natives, &natives, &bound, base.is_none(), &mut fresh);
        self.last_entry = last;
        if base.is_some() && !is_edited && !lifted.writes.is_empty() {
            return Err(Violation::edit_of_nobody(link, place, &lifted.writes));
        }
        self.take_down_list(&old, &now, &bound);
        let mut writes = lifted.writes;
        if base.is_none() {
            let name = (Value::text("list"), Weight::Full);
            let fields = [("name".to_owned(), name)].into();
            let link = view(&self.links[usize::from(link)], link).link;
            writes.push(Write::Kind(music::PLAYLIST.name.to_owned()));
            writes.push(Write::Origin(link, Origin { operation, location: None, fields }));
        }
        let branch = self.commit(device, place, at, operation, writes);
        let entries = lifted.entries.into_iter().map(|(native, id)| (id, number(&native)));
        // Nobody else said anything, and nothing is there again: the list is as its user left it.
        if base.is_some() && at == present && list::shown(&record, &bound, true) == old_natives {
            let record = self.records[usize::from(place)].record(branch);
            let told = list::shown(&record, &bound, true).into_iter().map(|(_, item)| item);
            if !told.eq(natives) {
                return Err(Violation::reordered(link, &now));
            }
        }
        let list = &mut self.links[usize::from(link)].list;
        list.base = Some((entries.collect(), branch));
        list.is_edited = false;
        Ok(())
    }

    /// Counts what a person put in and took out. What is not in the library was not taken out of the list. Who puts in
    /// what they took out moves it, and nobody can tell over what.
    fn take_down_list(&mut self, old: &[(EntryId, u8)], now: &[u8], bound: &Bound) {
        let old: Vec<u8> = old.iter().map(|(_, item)| *item).collect();
        for (item, truth) in (0_u8..).zip(&mut self.entries) {
            if bound.0[usize::from(item)] {
                let (before, is) = (count(&old, item), count(now, item));
                truth.put += is.saturating_sub(before);
                truth.taken += before.saturating_sub(is);
            }
        }
        let stayed = |items: &[u8]| {
            let stays = |item: &&u8| count(&old, **item) == count(now, **item);
            items.iter().filter(stays).copied().collect::<Vec<_>>()
        };
        if stayed(&old) != stayed(now) {
            for item in now {
                self.entries[usize::from(*item)].is_touched = true;
            }
        }
    }

    /// Gives an app the list as the document has it; whether that was something.
    pub(crate) fn write_list(&mut self, link: u8) -> bool {
        let (place, bound) = (self.list_place(), self.bound(link));
        let present = self.known(self.links[usize::from(link)].device, place).version;
        let record = self.records[usize::from(place)].record(present);
        let shown = list::shown(&record, &bound, true);
        let list = &mut self.links[usize::from(link)].list;
        let entries: Vec<_> = shown.into_iter().map(|(id, native)| (id, number(&native))).collect();
        if list.now.is_none() && entries.is_empty() {
            return false;
        }
        let items: Vec<u8> = entries.iter().map(|(_, item)| *item).collect();
        let changes = list.now.as_ref() != Some(&items);
        (list.now, list.base) = (Some(items), Some((entries, present)));
        self.note(&(link, &self.links[usize::from(link)].list.now.clone()));
        changes
    }

    /// The place of the list among the records.
    pub(crate) const fn list_place(&self) -> u8 {
        self.count
    }
}
