//! Who may write what: keys, signed statements, signed changes.
//!
//! A document belongs to the person whose key is in its [`Statement::Root`]. That person vouches
//! for devices and grants them roles; devices sign the changes they author. Everything here is a
//! pure function of bytes and sets: no IO, no clock, no randomness (seeds and nonces come in).
//! It does not judge revokes, limits or tickets, and it does not keep the sets; that is the store.
//!
//! Invariant: rights only follow from signatures that were checked, and a statement that is not
//! understood is kept and gives nobody any right.

mod change;
mod encoding;
mod error;
mod key;
mod members;
mod statement;

pub use change::{sign_change, verify_change};
pub use error::AccessError;
pub use key::{DeviceKey, PersonKey, Signature};
pub use members::{Members, may_write};
pub use statement::{Role, SignedStatement, Statement, document_id};
