//! All keys of one id, decoded: an item, a collection, or the document's own record.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{EntryId, ItemId, LinkId, Location, OperationId, Value};

/// How much an origin's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Maybe less than the user's value: only the first artist. Never competes with a full one.
    Weak,
    /// A number that the app does not tell from so many right below and above it: 80, where whole
    /// stars are all there is. Never competes with a more exact number that is one of these.
    Coarse {
        /// How many below.
        below: u64,
        /// How many above.
        above: u64,
    },
    /// The user's value as the app holds it, and it would tell any other from it.
    Full,
}

impl Weight {
    /// How many other numbers the value may stand for.
    pub const fn width(self) -> u64 {
        match self {
            Self::Coarse { below, above } => below.saturating_add(above),
            Self::Weak | Self::Full => 0,
        }
    }

    /// Whether `value`, of this weight, may stand for `number`.
    pub fn covers(self, value: i64, number: i64) -> bool {
        match self {
            Self::Coarse { below, .. } if number < value => value.abs_diff(number) <= below,
            Self::Coarse { above, .. } => value.abs_diff(number) <= above,
            Self::Weak | Self::Full => value == number,
        }
    }
}

/// What a link saw of a record at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The operation that wrote it.
    pub operation: OperationId,
    /// Where the link had it, relative to the link's root.
    pub location: Option<Location>,
    /// Values by field name; absent is no opinion.
    pub fields: BTreeMap<String, (Value, Weight)>,
}

/// A value that was set after the first sight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The value; `None` was cleared on purpose.
    pub value: Option<Value>,
    /// Links whose origins had been seen; their values are superseded.
    pub named: Vec<LinkId>,
    /// The link whose app set it; `None` when a person settled it in Segue.
    pub link: Option<LinkId>,
    /// The operation that wrote it.
    pub operation: OperationId,
}

/// A place in a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Fractional index; ties are broken by the entry's id.
    pub position: String,
    /// What stands there.
    pub item: ItemId,
}

/// All keys of one id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The id.
    pub id: [u8; 16],
    /// The operation that touched it last; `None` if it was deleted.
    pub live: Option<OperationId>,
    /// The kind, if it is a collection.
    pub kind: Option<String>,
    /// First sights, by link.
    pub origins: BTreeMap<LinkId, Origin>,
    /// Where links have it now, where that differs from the origin; `None` if the link dropped it.
    pub members: BTreeMap<LinkId, Option<Location>>,
    /// Concurrent register values by field name, the deterministic winner last.
    pub registers: BTreeMap<String, Vec<Register>>,
    /// Maxima by field name.
    pub maxima: BTreeMap<String, i64>,
    /// (baseline, added) by field name and link.
    pub counters: BTreeMap<String, BTreeMap<LinkId, (i64, i64)>>,
    /// Elements by field name.
    pub sets: BTreeMap<String, BTreeSet<String>>,
    /// Places, if it is a collection.
    pub entries: BTreeMap<EntryId, Entry>,
}

impl Record {
    /// Entries in order.
    pub fn ordered(&self) -> Vec<(EntryId, &Entry)> {
        let mut all: Vec<_> = self.entries.iter().map(|(id, entry)| (*id, entry)).collect();
        all.sort_by(|a, b| (&a.1.position, a.0).cmp(&(&b.1.position, b.0)));
        all
    }

    /// Whether `link` has it.
    pub fn has_member(&self, link: LinkId) -> bool {
        match self.members.get(&link) {
            Some(member) => member.is_some(),
            None => self.origins.contains_key(&link),
        }
    }

    /// Links that have it.
    pub fn member_links(&self) -> BTreeSet<LinkId> {
        let known = self.origins.keys().chain(self.members.keys());
        known.copied().filter(|link| self.has_member(*link)).collect()
    }

    /// Where `link` has it, relative to the link's root.
    pub fn location(&self, link: LinkId) -> Option<&Location> {
        match self.members.get(&link) {
            Some(member) => member.as_ref(),
            None => self.origins.get(&link)?.location.as_ref(),
        }
    }

    /// The location of the smallest link that has one.
    pub fn any_location(&self) -> Option<&Location> {
        self.member_links().iter().find_map(|link| self.location(*link))
    }

    /// Adds what another record says, as if both were one item: for same-as edges.
    pub fn absorb(&mut self, other: Self) {
        self.live = self.live.max(other.live);
        self.kind = self.kind.take().or(other.kind);
        for (link, origin) in other.origins {
            self.origins.entry(link).or_insert(origin);
        }
        for (link, member) in other.members {
            self.members.entry(link).or_insert(member);
        }
        for (name, registers) in other.registers {
            self.registers.entry(name).or_default().extend(registers);
        }
        for (name, value) in other.maxima {
            let own = self.maxima.entry(name).or_insert(value);
            *own = (*own).max(value);
        }
        for (name, links) in other.counters {
            self.counters.entry(name).or_default().extend(links);
        }
        for (name, elements) in other.sets {
            self.sets.entry(name).or_default().extend(elements);
        }
    }
}
