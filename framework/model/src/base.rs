//! What a library and the document agreed on last.

use crate::{ChangeHash, Collection, CollectionId, EntryId, Item, ItemId};

/// A state of one shard of a document: the changes that nothing follows, sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Heads(Vec<ChangeHash>);

impl Heads {
    /// The state after these changes.
    pub fn new(mut hashes: Vec<ChangeHash>) -> Self {
        hashes.sort_unstable();
        Self(hashes)
    }

    /// The changes that nothing follows.
    pub fn hashes(&self) -> &[ChangeHash] {
        &self.0
    }
}

/// Whether a library lists an item of its base. Neither way of not listing it is a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Listing {
    /// It does.
    #[default]
    Listed,
    /// It no longer does, and the content is missing. An arrival with the same content takes its place.
    Gone,
    /// We hid it there, because a limit withholds it.
    Hidden,
}

/// What one library held of one item when it was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseItem {
    /// The item of the document that the native item is bound to.
    pub item: ItemId,
    /// What the library held, as read.
    pub held: Item,
    /// The document state that the library had been shown, where that is older than the state
    /// which the link records for the shard, because something waits or was refused.
    pub shown: Option<Heads>,
    /// Whether the library lists it, and if not, why.
    pub listing: Listing,
}

/// What one library held of one collection when it was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseCollection {
    /// The collection of the document that the native collection is bound to.
    pub collection: CollectionId,
    /// What the library held, as read.
    pub held: Collection,
    /// The document's ids of `held.entries`, one for each.
    pub entries: Vec<EntryId>,
    /// As [`BaseItem::shown`].
    pub shown: Option<Heads>,
}
