//! The contract between Segue and an application's library.
//!
//! A translator understands one application: where its libraries are ([`Translator`]), what they
//! hold and how to change them ([`Library`]). State in, state out: it knows nothing of documents,
//! peers, merging or time. The laws that the trait docs name are checked by `segue-conformance`.
//!
//! Invariant: every type that a translator shows the engine is from here or from `segue-model`,
//! which is re-exported as [`model`].

mod attributes;
mod cache;
pub mod capability;
mod error;
pub mod file;
pub mod file_app;
mod file_library;
mod host;
pub mod json_file;
mod library;
mod proposal;

pub use cache::Cache;
pub use capability::{Access, Capabilities, CollectionSupport, FieldSupport, Hold, Names};
pub use error::{Error, ErrorKind};
pub use host::{Host, Idle, Place, Probe};
pub use library::{
    Collector, Container, Heard, Library, Loss, Narrow, Reading, Refusal, Revision, Sink,
    Translator, Unable, Want, Written,
};
pub use segue_model as model;
