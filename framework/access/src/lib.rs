//! Who may write what: keys, signed statements, signed changes, tickets.
//!
//! A document belongs to the person whose key is in its [`Statement::Root`]. That person grants
//! devices roles and revokes them; devices sign the changes they author. Everything here is a
//! pure function of bytes and sets: no IO, no clock, no randomness (seeds and nonces come in).
//! It does not keep the sets, which is the store's, nor decode changes, which is the document's.
//!
//! Invariant: rights only follow from signatures that were checked, and a statement that is not
//! understood is kept and gives nobody any right.

mod actor;
mod admission;
mod change;
pub mod encoding;
mod error;
#[cfg(test)]
mod histories;
mod invitation;
mod key;
mod licence;
mod members;
mod powers;
mod quota;
mod statement;
mod ticket;
mod words;

pub use actor::{actor_of, is_actor_of};
pub use admission::{Admission, Equivocation, Node, admission, cut_heads};
pub use change::{sign_change, verify_change};
pub use error::{AccessError, Refusal, TicketError};
pub use invitation::{Invitation, State};
pub use key::{DeviceKey, PersonKey, Signature, verify_bytes};
pub use licence::{sign_licence, verify_licence};
pub use members::{Members, Standing, may_write};
pub use quota::{OverQuota, Quota, Usage};
pub use statement::{
    Cut, Role, SignedStatement, Statement, StatementHash, VerifiedStatement, document_id,
};
pub use ticket::{Secret, Ticket};
pub use words::words;
