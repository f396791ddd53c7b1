//! Why bytes from outside give no rights. The words are for a person; nothing matches on them.

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
