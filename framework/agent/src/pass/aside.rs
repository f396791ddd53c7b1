//! What of a library stays on this device: the one gate through which items get to be work, and the places of
//! items that stay in lists which do not.
//!
//! Everything that a pass lifts of an item is made from a [`Sight`](super::Sight), and every sight goes through
//! [`Aside::admits`]. What stays is neither lifted nor lowered, and keeps its row of the base, with the
//! state that the app had been shown then: what happened meanwhile is found when the rule ends. It judges
//! no rule; that is [`segue_reconcile::exclusion`].
//!
//! Invariant: no write of a pass has a value, an item or an entry that stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use segue_document::{Record, Write, resolve, shard_of};
use segue_model::{BaseItem, EntryId, Item, ItemId, Location, NativeId, Rule, Value};
use segue_reconcile::exclusion::Exclusion;
use segue_reconcile::list::Bindings;
use segue_reconcile::{LinkView, lift, project};

use super::draft::{Sight, Work};
use super::{Member, Pass};
use crate::command::LeftOutRow;
use crate::exclusion::was_kept_back;
use crate::failure::Failure;

/// In place of the document's id, for an entry that the document does not have.
pub(crate) const OWN: EntryId = EntryId([0; 8]);

/// What of one member stays.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    app: &'static str,
    now: Exclusion,
    before: Exclusion,
    /// Items that stay as a whole, as far as this pass met them.
    natives: HashSet<NativeId>,
    /// Items that did until now.
    back: HashSet<NativeId>,
    /// Rows of the base of items that begin to stay, with what the app had been shown.
    pub(crate) apart: Vec<BaseItem>,
    /// Counters that stay at the first sight of an item.
    pub(crate) kept_back: BTreeMap<ItemId, Vec<&'static str>>,
    /// What was left out.
    pub(crate) left_out: LeftOut,
}

/// How much a pass left out of what it read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) items: u64,
    pub(crate) values: u64,
    pub(crate) lists: u64,
}

impl LeftOut {
    /// The same for a person.
    pub(crate) fn row(self) -> LeftOutRow {
        LeftOutRow { items: self.items, values: self.values, collections: self.lists }
    }
}

/// An entry of a library's list that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Own {
    /// How many of the entries that the document has stand before it.
    after: usize,
    native: NativeId,
}

/// Finds out what stays of each member, before anything of it is looked at.
pub(super) fn set_apart(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    for (index, member) in members.iter().enumerate() {
        let widened =
            |exclusion: &Exclusion| exclusion.clone().widened(&|item| pass.same.all(item));
        let mut aside = Aside {
            app: member.capabilities.app,
            now: widened(&member.exclusion),
            before: widened(&member.excluded.exclusion),
            ..Aside::default()
        };
        if !member.pairing && (aside.now.any_item() || aside.before.any_item()) {
            aside.learn_base(pass, member)?;
        }
        pass.drafts[index].aside = aside;
    }
    Ok(())
}

impl Aside {
    /// Learns which items of the base stay, and which did.
    fn learn_base(&mut self, pass: &Pass<'_>, member: &Member) -> Result<(), Failure> {
        let mut cursor = pass.frame.store.base_cursor(member.row.id)?;
        while let Some(raw) = cursor.next()? {
            let base = raw.decode(member.capabilities.schema)?;
            let location = base.held.location.as_ref();
            if self.item(base.item, location) {
                self.natives.insert(base.held.id.clone());
                let heads = member.heads.get(&shard_of(&base.item.0));
                if let (None, Some(heads)) = (&base.shown, heads) {
                    self.apart.push(BaseItem { shown: Some(heads.clone()), ..base });
                }
            } else if self.before.item(Some(base.item), location) {
                self.back.insert(base.held.id);
            }
        }
        Ok(())
    }

    /// Whether nothing stays, nor did until now.
    pub(crate) fn is_nothing(&self) -> bool {
        self.now.is_empty() && self.before.is_empty()
    }

    /// Whether a field stays.
    pub(crate) fn field(&self, name: &str) -> bool {
        self.now.field(name)
    }

    /// Whether an item stays as a whole.
    pub(crate) fn item(&self, item: ItemId, location: Option<&Location>) -> bool {
        self.now.item(Some(item), location)
    }

    /// Whether what a library calls so is an item that stays.
    pub(crate) fn native(&self, native: &NativeId) -> bool {
        self.natives.contains(native)
    }

    /// Whether a collection stays, by either of its names.
    pub(crate) fn list<'n>(&self, kind: &str, names: impl IntoIterator<Item = &'n str>) -> bool {
        names.into_iter().any(|name| self.now.collection_named(name, kind))
    }

    /// Whether an item that is new to the library stays, for where it lies: nobody asks what it is.
    pub(super) fn keeps_new(&mut self, item: &Item) -> bool {
        let stays = self.now.item(None, item.location.as_ref());
        if stays {
            self.left_out.items += 1;
            self.natives.insert(item.id.clone());
        }
        stays
    }

    /// What is left of a sight when everything that stays is taken out of it.
    pub(super) fn admits(&mut self, item: ItemId, mut sight: Sight) -> Option<Sight> {
        let (base, now) = (sight.base().map(|base| &base.held), sight.now());
        let location = now.or(base).and_then(|held| held.location.clone());
        if self.item(item, location.as_ref()) {
            self.left_out.items += 1;
            self.natives.extend([base, now].into_iter().flatten().map(|held| held.id.clone()));
            return None;
        }
        match &mut sight {
            Sight::New(now) => {
                if self.before.item(Some(item), location.as_ref()) {
                    self.back.insert(now.id.clone());
                }
                let fields = now.fields.iter().map(|(field, _)| field);
                let stays: Vec<_> = fields.filter(|field| self.now.field(field.name)).collect();
                self.left_out.values += stays.len() as u64;
                let counters = stays.iter().filter(|field| field.rule == Rule::Counter);
                let counters: Vec<_> = counters.map(|field| field.name).collect();
                if !counters.is_empty() {
                    self.kept_back.insert(item, counters);
                }
                self.now.mask(None, self.app, now);
            }
            Sight::Changed(base, now) | Sight::Again(base, now) | Sight::Beside(base, now) => {
                if self.back.contains(&base.held.id) {
                    // It may have moved meanwhile.
                    self.back.insert(now.id.clone());
                }
                self.now.mask(Some(&base.held), self.app, now);
            }
            Sight::Dropped(_) | Sight::Gone(_) => {}
        }
        Some(sight)
    }

    /// Whether a rule about a field ends with this pass.
    fn ends(&self, field: &str) -> bool {
        self.before.field(field) && !self.now.field(field)
    }

    /// The entries of a library's list that stay, and whether there are others that are not known.
    pub(super) fn own(&self, listed: &[NativeId], known: &dyn Bindings) -> (Vec<Own>, bool) {
        let (mut own, mut after, mut is_partial) = (Vec::new(), 0, false);
        for native in listed {
            if known.item(native).is_some() {
                after += 1;
            } else if self.native(native) {
                own.push(Own { after, native: native.clone() });
            } else {
                is_partial = true;
            }
        }
        (own, is_partial)
    }

    /// What a library held of a list, with entries that stayed until now: those that the document has and
    /// the library lists are no new ones.
    pub(super) fn with_those_back(
        &self,
        mut old: Vec<(EntryId, NativeId)>,
        record: &Record,
        listed: &[NativeId],
        known: &dyn Bindings,
    ) -> Vec<(EntryId, NativeId)> {
        let mut left: HashMap<&NativeId, u64> = HashMap::new();
        for native in listed.iter().filter(|native| self.back.contains(*native)) {
            *left.entry(native).or_default() += 1;
        }
        if left.is_empty() {
            return old;
        }
        let mut after = 0;
        for (id, entry) in record.ordered() {
            if let Some(found) = old.iter().position(|(other, _)| *other == id) {
                after = found + 1;
            } else if let Some(native) = known.native(entry.item)
                && let Some(count) = left.get_mut(&native).filter(|count| **count > 0)
            {
                *count -= 1;
                old.insert(after, (id, native));
                after += 1;
            }
        }
        old
    }

    /// Entries of a list as read, without those that stay.
    pub(crate) fn without_own(&self, listed: &[NativeId]) -> Vec<NativeId> {
        listed.iter().filter(|native| !self.native(native)).cloned().collect()
    }
}

/// Puts entries that stay back in their places among others: each right after the nearest entry that it
/// followed and that is still there, else first.
pub(super) fn woven(
    own: &[Own],
    before: &[EntryId],
    entries: &[EntryId],
    natives: &[NativeId],
) -> (Vec<EntryId>, Vec<NativeId>) {
    let mut behind: BTreeMap<usize, Vec<&NativeId>> = BTreeMap::new();
    for one in own {
        let mut followed = before[..one.after.min(before.len())].iter().rev();
        let place = followed.find_map(|id| entries.iter().position(|entry| entry == id));
        behind.entry(place.map_or(0, |place| place + 1)).or_default().push(&one.native);
    }
    let mut all = Vec::with_capacity(entries.len() + own.len());
    for place in 0..=entries.len() {
        let here = behind.remove(&place).into_iter().flatten();
        all.extend(here.map(|native| (OWN, native.clone())));
        all.extend(entries.get(place).copied().zip(natives.get(place).cloned()));
    }
    all.into_iter().unzip()
}

/// Sorts out writes of fields that stayed until now. What nobody was shown competes with what others
/// wrote meanwhile: such writes come second, for somebody who saw nothing.
pub(super) fn returning(
    pass: &Pass<'_>,
    index: usize,
    view: &LinkView<'_>,
    work: &Work,
    record: &Record,
    made: Vec<Write>,
) -> Result<(Vec<Write>, Vec<Write>), Failure> {
    let aside = &pass.drafts[index].aside;
    let (base, now) = match (work.sight.base(), work.sight.now()) {
        (Some(base), Some(now)) if aside.before != aside.now => (base, now),
        _ => return Ok((made, Vec::new())),
    };
    let (mut writes, mut unseen) = (Vec::new(), Vec::new());
    for write in made {
        let name = match &write {
            Write::Register { name, .. } | Write::Counter { name, .. } => name.clone(),
            _ => String::new(),
        };
        let support = view.capabilities.fields.iter().find(|it| it.field.name == name);
        let Some(support) = support.filter(|_| aside.ends(&name)) else {
            writes.push(write);
            continue;
        };
        let (old, new) = (base.held.fields.value(support.field), now.fields.value(support.field));
        match write {
            Write::Register { .. } if project::says(record, support, new) => {}
            Write::Register { name, value, link } => {
                let hold = |value: &Value| support.hold(value);
                let said = resolve::register(record, &name).0;
                let is_old = |said: Option<&Value>| said.and_then(hold).as_ref() == old;
                match said.as_slice() {
                    [] => writes.push(Write::Register { name, value, link }),
                    [one] if is_old(one.value.as_ref()) => {
                        writes.push(Write::Register { name, value, link });
                    }
                    _ => unseen.push(Write::Compete { name, value, link }),
                }
            }
            Write::Counter { .. }
                if old.is_none()
                    && was_kept_back(pass.frame.store, view.link, work.item, &name)? =>
            {
                let total = new.and_then(Value::as_int);
                writes.extend(total.and_then(|n| lift::first_count(view, record, &name, n)));
            }
            other => writes.push(other),
        }
    }
    Ok((writes, unseen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> (Vec<EntryId>, Vec<NativeId>) {
        let both = text
            .bytes()
            .map(|byte| (EntryId([byte; 8]), NativeId::from(char::from(byte).to_string())));
        both.unzip()
    }

    /// The list of an app in capitals for what stays, when the document makes `after` of the rest.
    fn check(listed: &str, after: &str) -> String {
        let (mut own, mut rest) = (Vec::new(), String::new());
        for letter in listed.chars() {
            if letter.is_ascii_uppercase() {
                let native = NativeId::from(letter.to_string());
                own.push(Own { after: rest.len(), native });
            } else {
                rest.push(letter);
            }
        }
        let (before, _) = entries(&rest);
        let (ids, natives) = entries(after);
        let (ids, natives) = woven(&own, &before, &ids, &natives);
        let own = |native: &NativeId| native.as_bytes()[0].is_ascii_uppercase();
        assert!(ids.iter().zip(&natives).all(|(id, native)| (*id == OWN) == own(native)));
        natives.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn f43_entries_that_stay_keep_their_places() {
        assert_eq!(check("aXbc", "abc"), "aXbc");
        assert_eq!(check("XabY", "ab"), "XabY");
        assert_eq!(check("aXbc", "cab"), "caXb", "it follows its neighbour");
        assert_eq!(check("abXc", "ac"), "aXc", "or the one before that");
        assert_eq!(check("aXYb", "bda"), "bdaXY");
        assert_eq!(check("aXbY", ""), "XY");
        assert_eq!(check("", "ab"), "ab");
    }
}
