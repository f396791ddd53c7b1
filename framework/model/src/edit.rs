//! Edits to a library, each carrying what it expects to find.

use crate::{CollectionKind, Field, Item, NativeId, Value};

/// Sets one field of one item, if it still holds `old`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    /// The item.
    pub item: NativeId,
    /// The field.
    pub field: &'static Field,
    /// What the library was last seen to hold; absent is `None`.
    pub old: Option<Value>,
    /// What it shall hold; `None` clears it.
    pub new: Option<Value>,
}

/// Has all copies of an item hold elements of a set that it has, because others of its copies do. The item stays as it
/// is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyEdit {
    /// The item.
    pub item: NativeId,
    /// The set.
    pub field: &'static Field,
    /// The elements.
    pub elements: Vec<Box<str>>,
}

/// Changes one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionEdit {
    /// Makes a collection.
    Create {
        /// The kind.
        kind: &'static CollectionKind,
        /// The name.
        name: Box<str>,
        /// The collection that contains it.
        parent: Option<NativeId>,
        /// Its items in order.
        entries: Vec<NativeId>,
    },
    /// Gives a collection another name, if it still has `old`.
    Rename {
        /// The collection.
        id: NativeId,
        /// The name it was last seen with.
        old: Box<str>,
        /// The name it shall have.
        new: Box<str>,
    },
    /// Replaces the entries, if they are still `old`.
    Reorder {
        /// The collection.
        id: NativeId,
        /// The entries it was last seen with.
        old: Vec<NativeId>,
        /// The entries it shall have.
        new: Vec<NativeId>,
    },
    /// Removes a collection, if its entries are still `old`.
    Remove {
        /// The collection.
        id: NativeId,
        /// The entries it was last seen with.
        old: Vec<NativeId>,
    },
}

/// Takes an item out of what an app lists, or has it listed again. Its file is not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListingEdit {
    /// The app lists the item no longer, and shows it nowhere.
    Hide {
        /// The item.
        item: NativeId,
    },
    /// The app lists an item again that was hidden there.
    Show {
        /// As it shall be listed. What the app kept of it beside these fields stays as it was.
        item: Item,
    },
}

impl ListingEdit {
    /// The item that it is about.
    pub fn item(&self) -> &NativeId {
        match self {
            Self::Hide { item } => item,
            Self::Show { item } => &item.id,
        }
    }
}

/// All edits of one write. A write is atomic: the library afterwards holds all or none of them,
/// except those it reports as refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// Items that are hidden or shown again; before all else, so that collections can name these.
    pub listing: Vec<ListingEdit>,
    /// Edits of fields.
    pub fields: Vec<FieldEdit>,
    /// What copies of items are to have too; a library that knows no copies leaves these out.
    pub copies: Vec<CopyEdit>,
    /// Edits of collections, in the order in which they are made.
    pub collections: Vec<CollectionEdit>,
}

impl ChangeSet {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many edits there are.
    pub fn len(&self) -> usize {
        self.listing.len() + self.fields.len() + self.copies.len() + self.collections.len()
    }
}
