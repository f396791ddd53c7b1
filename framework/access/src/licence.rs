//! The signature under a licence that lies beside a file.
//!
//! It covers the licence's canonical bytes, which whoever knows the format makes; here is only the
//! tag, so that it can never pass for a statement or a change. It does not say what a licence is.

use segue_model::PersonId;

use crate::AccessError;
use crate::key::{PersonKey, Signature, verify_bytes};

const TAG: &[u8] = b"segue licence\x01";

/// Signs a licence as its issuer.
pub fn sign_licence(issuer: &PersonKey, canonical: &[u8]) -> Signature {
    issuer.sign_bytes(&[TAG, canonical].concat())
}

/// Checks that `issuer` signed this licence.
///
/// # Errors
/// [`AccessError::Signature`] or [`AccessError::Key`].
pub fn verify_licence(
    issuer: &PersonId,
    canonical: &[u8],
    signature: &Signature,
) -> Result<(), AccessError> {
    verify_bytes(&issuer.0, &[TAG, canonical].concat(), signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_bytes_of_this_issuer_are_signed() {
        let issuer = PersonKey::from_seed([1; 32]);
        let signature = sign_licence(&issuer, b"{}");
        assert_eq!(verify_licence(&issuer.id(), b"{}", &signature), Ok(()));
        assert!(verify_licence(&issuer.id(), b"{ }", &signature).is_err());
        assert!(verify_licence(&PersonKey::from_seed([2; 32]).id(), b"{}", &signature).is_err());
        assert_ne!(issuer.sign_bytes(b"{}"), signature, "without the tag it is another");
    }
}
