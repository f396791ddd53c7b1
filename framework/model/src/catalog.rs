//! What a library holds at one instant, in that library's own ids.

use std::collections::BTreeMap;

use crate::{CarriedLimit, CollectionKind, Fields, Location, NativeId};

/// Whether the app can reach an item's content right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Availability {
    /// The app lists it as usual.
    #[default]
    Present,
    /// The app still knows it but says that its file is gone. Never a deletion.
    Missing,
}

/// One item as a library holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What the library calls it; unique within the library.
    pub id: NativeId,
    /// Absolute path of its content on this device, if it is a file.
    pub location: Option<Location>,
    /// Whether the app can reach it.
    pub availability: Availability,
    /// Fields of the schema.
    pub fields: Fields,
    /// What the app holds beyond the schema and wants carried, by the app's own names.
    pub ext: Option<Box<BTreeMap<Box<str>, Box<str>>>>,
}

impl Item {
    /// An item without fields.
    pub fn new(id: impl Into<NativeId>) -> Self {
        Self {
            id: id.into(),
            location: None,
            availability: Availability::Present,
            fields: Fields::default(),
            ext: None,
        }
    }

    /// An item that the library calls by the path of its file.
    pub fn at(path: &str) -> Self {
        Self { location: Some(path.into()), ..Self::new(path) }
    }
}

/// One collection as a library holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// What the library calls it; unique within the library.
    pub id: NativeId,
    /// The kind, from the schema.
    pub kind: &'static CollectionKind,
    /// The name that a person sees; names need not be unique.
    pub name: Box<str>,
    /// The collection that contains it.
    pub parent: Option<NativeId>,
    /// Its items in order, for kinds with entries.
    pub entries: Vec<NativeId>,
    /// The app's rule, for kinds without, in the app's own words.
    pub rule: Option<Box<str>>,
}

/// Items and collections at one instant, each sorted by native id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Items by id.
    pub items: Vec<Item>,
    /// Collections by id.
    pub collections: Vec<Collection>,
    /// What limits the items carry.
    pub limits: BTreeMap<NativeId, Vec<CarriedLimit>>,
}

impl Catalog {
    /// The item with this native id.
    pub fn item(&self, id: &NativeId) -> Option<&Item> {
        let index = self.items.binary_search_by(|item| item.id.cmp(id)).ok()?;
        Some(&self.items[index])
    }

    /// The collection with this native id.
    pub fn collection(&self, id: &NativeId) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.id == *id)
    }
}
