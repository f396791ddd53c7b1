//! Why what came from outside gives no rights. The words are for a person.

/// A statement, key or signature that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// The signature does not belong to these bytes and this key.
    #[error("the signature is not valid")]
    Signature,
    /// The key is no ed25519 public key.
    #[error("the key is no valid ed25519 public key")]
    Key,
    /// The statement's bytes are cut off, too long, or not in the one allowed form.
    #[error("the statement is malformed: {0}")]
    Malformed(&'static str),
    /// A person's statement that somebody else signed.
    #[error("the statement names a person who did not sign it")]
    Signer,
    /// A statement that this version does not understand cannot be signed by it.
    #[error("this version of Segue cannot write statements of kind {0}")]
    UnknownKind(u8),
}

/// A text that is no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not begin as a ticket does.
    #[error("this is no ticket: a ticket begins with `segue1`")]
    NoTicket,
    /// A newer Segue made it.
    #[error("this ticket is of a newer version of Segue")]
    Newer,
    /// A character is missing, added or another.
    #[error("the ticket was altered or not copied whole")]
    Altered,
    /// It is too long, or says what no ticket can say.
    #[error("the ticket is malformed: {0}")]
    Malformed(&'static str),
}

/// Why a ticket lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody made such a ticket: it was guessed, or is another inviter's.
    #[error("nobody here gave out this ticket")]
    Unknown,
    /// It let somebody in already.
    #[error("the ticket was used; each lets in one device")]
    Used,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
    /// The inviter took it back.
    #[error("the ticket was cancelled")]
    Cancelled,
    /// Another device presented it first.
    #[error("another device presented this ticket first")]
    Bound,
    /// A ticket must not live longer than a day.
    #[error("a ticket is good for at most 24 hours")]
    TooLong,
}
