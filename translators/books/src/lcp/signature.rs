//! Whether a licence says what the holder of a certificate signed.
//!
//! The certificate is that which the licence carries. Who issued it is not asked, because the root of LCP is
//! given only to licensed readers: what is proven is that one key signed, not whose it is.
//!
//! Invariant: a proof names the key by the SHA-256 of its SubjectPublicKeyInfo, and whoever checks the same
//! bytes again finds the same.

use data_encoding::BASE64;
use der::{Decode as _, Encode as _};
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use segue_translator::model::Proof;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;

use super::json::Json;

const RSA: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
/// An RSA key of 2048 bits has more bytes.
const RSA_MIN: usize = 256;
/// Both numbers of a signature over P-256, one after the other.
const FIXED: usize = 64;
/// What a key is for: rsaEncryption, id-ecPublicKey.
const KEYS: [(&str, &str); 2] = [(RSA, "1.2.840.113549.1.1.1"), (ECDSA, "1.2.840.10045.2.1")];

/// Checks the signature of a licence that was issued, and changed, at these times.
pub(super) fn proof(licence: &Json, times: &[Timestamp]) -> Proof {
    let proof = check(licence, times).map(|key| Proof::Signed { key });
    proof.unwrap_or_else(|why| Proof::Unverified(why.into()))
}

fn check(licence: &Json, times: &[Timestamp]) -> Result<[u8; 32], String> {
    let signature = licence.at("signature").ok_or("it carries no signature")?;
    let text = |key: &str| {
        let value = signature.at(key).and_then(Json::as_text);
        value.ok_or_else(|| format!("its signature has no `{key}`"))
    };
    let bytes = |key: &str| {
        let lines: String = text(key)?.split_ascii_whitespace().collect();
        let decoded = BASE64.decode(lines.as_bytes());
        decoded.map_err(|_| format!("the `{key}` of its signature is no Base64"))
    };
    let algorithm = text("algorithm")?;
    let value = bytes("value")?;
    let certificate = Certificate::from_der(&bytes("certificate")?)
        .map_err(|error| format!("its certificate cannot be read: {error}"))?;
    let content = certificate.tbs_certificate();
    let key = content.subject_public_key_info();
    let of_key = KEYS.iter().find(|(known, _)| *known == algorithm);
    let (_, kind) =
        of_key.ok_or_else(|| format!("its signature is `{algorithm:.80}`, which is not known"))?;
    if key.algorithm.oid.to_string() != *kind {
        return Err("the key of its certificate is of another kind than its signature".into());
    }
    let bytes_of_key = key.subject_public_key.raw_bytes();
    if algorithm == RSA && bytes_of_key.len() < RSA_MIN {
        return Err("the key of its certificate is shorter than 2048 bits".into());
    }
    is_valid_at(&certificate, times)?;
    let Json::Object(mut unsigned) = licence.clone() else { return Err("it is no object".into()) };
    unsigned.remove("signature");
    let message = Json::Object(unsigned).canonical();
    let with: &dyn VerificationAlgorithm = match (algorithm, value.len()) {
        (RSA, _) => &RSA_PKCS1_2048_8192_SHA256,
        (_, FIXED) => &ECDSA_P256_SHA256_FIXED,
        _ => &ECDSA_P256_SHA256_ASN1,
    };
    UnparsedPublicKey::new(with, bytes_of_key)
        .verify(message.as_bytes(), &value)
        .map_err(|_| "its signature does not fit what it says")?;
    let key = key.to_der().map_err(|error| format!("its key cannot be read: {error}"))?;
    Ok(Sha256::digest(key).into())
}

/// A certificate signs only what was issued while it was valid.
fn is_valid_at(certificate: &Certificate, times: &[Timestamp]) -> Result<(), String> {
    let validity = certificate.tbs_certificate().validity();
    let second = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs() as i64;
    let (from, until) = (second(&validity.not_before), second(&validity.not_after));
    let is_within = |time: &Timestamp| (from..=until).contains(&time.as_second());
    if times.iter().all(is_within) {
        return Ok(());
    }
    Err("its certificate was not valid when it was issued".into())
}
