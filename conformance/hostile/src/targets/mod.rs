//! The ways in, by who sends what comes there.

pub(crate) mod books;
pub(crate) mod changes;
pub(crate) mod frames;
pub(crate) mod mail;
pub(crate) mod music;
pub(crate) mod signed;
pub(crate) mod store;

/// A repair that [`Target::repair`](crate::Target) may have.
pub(crate) type Repair = Option<fn(&mut Vec<u8>)>;
