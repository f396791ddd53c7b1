//! The words of Segue as data: ids, values, schemas, catalogs and edits.
//!
//! Every other crate speaks these types. Nothing here reads a file, a clock or a random number,
//! and nothing here is a wire or disk format: `store`, `document` and `stdio` convert to their own.
//!
//! Invariant: two values that compare equal mean the same thing to a person.

mod base;
pub mod books;
mod catalog;
mod edit;
mod id;
mod limit;
pub mod mail;
pub mod music;
mod schema;
mod value;

pub use base::{BaseCollection, BaseItem, Heads, Listing};
pub use catalog::{Availability, Catalog, Collection, Item};
pub use edit::{ChangeSet, CollectionEdit, CopyEdit, FieldEdit, ListingEdit};
pub use id::{
    ChangeHash, CollectionId, DeviceId, DocumentId, EntryId, IdError, ItemId, LinkId, Location,
    NativeId, OperationId, PersonId,
};
pub use limit::{Amount, CarriedLimit, Proof, Terms, Use};
pub use schema::{CollectionKind, Field, Rule, Schema, Shape};
pub use value::{Fields, Real, Value};
