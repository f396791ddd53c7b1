//! Keys of persons and devices. A seed comes from outside and never leaves.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use segue_model::{DeviceId, PersonId};

use crate::{AccessError, SignedStatement, Statement};

/// An ed25519 signature.
pub type Signature = [u8; 64];

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident -> $id:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name(SigningKey);

        impl $name {
            /// The key that this seed stands for; the seed is the secret.
            pub fn from_seed(seed: [u8; 32]) -> Self {
                Self(SigningKey::from_bytes(&seed))
            }

            /// The public key.
            pub fn id(&self) -> $id {
                $id(self.0.verifying_key().to_bytes())
            }

            /// Signs a statement.
            ///
            /// # Errors
            /// A statement too long to encode, of unknown kind, or one that only the person it
            /// names may sign.
            pub fn sign(&self, statement: &Statement) -> Result<SignedStatement, AccessError> {
                let signer = self.id().0;
                let bytes = statement.encode()?;
                statement.check_signer(&signer)?;
                let signature = self.sign_bytes(&bytes);
                Ok(SignedStatement { bytes, signature, signer })
            }

            /// Signs bytes. They begin with a tag that nothing else has which this key signs, so
            /// that no signature can stand under something else.
            pub fn sign_bytes(&self, message: &[u8]) -> Signature {
                self.0.sign(message).to_bytes()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(of {})", stringify!($name), self.id())
            }
        }
    )*};
}

keys! {
    /// A person's key: owns documents and vouches for devices.
    PersonKey -> PersonId;
    /// A device's key: authors changes.
    DeviceKey -> DeviceId;
}

/// Checks what a key's `sign_bytes` made, strictly: keys of small order and other spellings of one
/// signature are refused.
///
/// # Errors
/// [`AccessError::Signature`] or [`AccessError::Key`].
pub fn verify_bytes(
    key: &[u8; 32],
    message: &[u8],
    signature: &Signature,
) -> Result<(), AccessError> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| AccessError::Key)?;
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.verify_strict(message, &signature).map_err(|_| AccessError::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_its_id_and_never_its_seed() {
        let key = DeviceKey::from_seed([7; 32]);
        assert_eq!(key.id(), DeviceKey::from_seed([7; 32]).id());
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.id().to_string()));
        assert!(!shown.contains("0707"));
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(verify_bytes(&identity, b"anything", &signature).is_err());
    }
}
