//! Readium LCP licences: what they allow, and whether it is proven who says so.
//!
//! [`read`] is all that there is, so that whoever holds the bytes of a licence can judge it again. Nothing here
//! decrypts, follows a link or asks a clock.
//!
//! Invariant: whatever the bytes are, the answer is a limit, and no licence that cannot be read allows
//! anything: its terms then hold the unknown kind [`UNREADABLE`].

mod json;
mod signature;

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use segue_translator::model::{Amount, CarriedLimit, Proof, Terms};
use sha2::{Digest as _, Sha256};

use json::Json;

/// The largest licence that is read.
pub const BYTES_MAX: usize = 64 << 10;
/// The kind of limit that stands for all that a licence says and nobody can read.
pub const UNREADABLE: &str = "unreadable licence";

/// The largest licence of which the bytes are kept.
const EVIDENCE_MAX: usize = 12 << 10;
/// The longest name that is kept of an issuer, a licence, a right.
const NAME_MAX: usize = 512;
/// So many rights of other kinds are kept.
const RIGHTS_MAX: usize = 32;

/// Reads a licence.
///
/// ```
/// use segue_books::lcp;
///
/// let limit = lcp::read(b"<html>");
/// assert!(limit.terms.unknown.contains(lcp::UNREADABLE));
/// ```
pub fn read(bytes: &[u8]) -> CarriedLimit {
    if bytes.len() > BYTES_MAX {
        return unreadable(bytes, &format!("more than {BYTES_MAX} bytes"));
    }
    match Json::parse(bytes) {
        Ok(licence) => limit(bytes, &licence),
        Err(why) => unreadable(bytes, &why),
    }
}

/// The limit of a licence that cannot be read, for this reason.
pub(crate) fn unreadable(bytes: &[u8], why: &str) -> CarriedLimit {
    let digest = Sha256::digest(bytes);
    let digits = HEXLOWER.encode(&digest[..16]);
    CarriedLimit {
        carrier: "lcp",
        issuer: "".into(),
        licence: format!("sha256:{digits}").into(),
        serial: 0,
        issued_at: None,
        terms: denied(),
        proof: Proof::Unverified("it cannot be read".into()),
        note: Some(why.into()),
        evidence: (!bytes.is_empty() && bytes.len() <= EVIDENCE_MAX).then(|| bytes.into()),
    }
}

fn denied() -> Terms {
    Terms { unknown: BTreeSet::from([UNREADABLE.into()]), ..Terms::default() }
}

fn limit(bytes: &[u8], licence: &Json) -> CarriedLimit {
    let blank = unreadable(bytes, "");
    let says = match Says::of(licence) {
        Ok(says) => says,
        Err(why) => return CarriedLimit { note: Some(why.into()), ..blank },
    };
    let named = CarriedLimit {
        issuer: says.provider,
        licence: says.id,
        serial: u64::try_from(says.updated.unwrap_or(says.issued).as_second()).unwrap_or(0),
        issued_at: Some(says.issued.as_second()),
        proof: {
            let times: Vec<Timestamp> =
                [Some(says.issued), says.updated].into_iter().flatten().collect();
            signature::proof(licence, &times)
        },
        note: None,
        ..blank
    };
    match terms(licence) {
        Ok(terms) => CarriedLimit { terms, ..named },
        Err(why) => CarriedLimit { note: Some(why.into()), ..named },
    }
}

/// Which licence it is.
struct Says {
    id: Box<str>,
    provider: Box<str>,
    issued: Timestamp,
    updated: Option<Timestamp>,
}

impl Says {
    fn of(licence: &Json) -> Result<Self, String> {
        let text = |key: &str| match licence.at(key).map(Json::as_text) {
            Some(Some(text)) if (1..=NAME_MAX).contains(&text.len()) => Ok(text),
            Some(_) => Err(format!("its `{key}` is no text of 1 to {NAME_MAX} bytes")),
            None => Err(format!("it has no `{key}`")),
        };
        Ok(Self {
            id: text("id")?.into(),
            provider: text("provider")?.into(),
            issued: time(licence, "issued")?.ok_or("it has no `issued`")?,
            updated: time(licence, "updated")?,
        })
    }
}

fn time(object: &Json, key: &str) -> Result<Option<Timestamp>, String> {
    let Some(value) = object.at(key) else { return Ok(None) };
    let time = value.as_text().and_then(|text| text.parse().ok());
    time.map(Some).ok_or_else(|| format!("its `{key}` is no time"))
}

/// What its rights allow. A right that is not there is not restricted: so the specification says.
fn terms(licence: &Json) -> Result<Terms, String> {
    let Some(rights) = licence.at("rights") else { return Ok(Terms::default()) };
    let Json::Object(all) = rights else { return Err("its `rights` are no object".into()) };
    // Of a second that is only partly within, nothing is.
    let begins = time(rights, "start")?
        .map(|time| time.as_second() + i64::from(time.subsec_nanosecond() > 0));
    let ends =
        time(rights, "end")?.map(|time| time.as_second() - i64::from(time.subsec_nanosecond() < 0));
    if begins.zip(ends).is_some_and(|(begins, ends)| ends < begins) {
        return Err("its rights end before they begin".into());
    }
    let mut terms = Terms { valid_from: begins, valid_until: ends, ..Terms::default() };
    for (key, amount) in [("print", Amount::PrintedPages), ("copy", Amount::CopiedCharacters)] {
        match rights.at(key) {
            None => {}
            Some(Json::Int(number)) => {
                let number =
                    u32::try_from(*number).map_err(|_| format!("its `{key}` is {number}"))?;
                terms.amounts.insert(amount, number);
            }
            Some(_) => return Err(format!("its `{key}` is no number")),
        }
    }
    let known = ["start", "end", "print", "copy"];
    let others = all.keys().filter(|key| !known.contains(&key.as_str()));
    terms.unknown = others.map(|key| key.as_str().into()).collect();
    if terms.unknown.len() > RIGHTS_MAX || terms.unknown.iter().any(|key| key.len() > NAME_MAX) {
        return Err("it has too many rights, or too long ones".into());
    }
    Ok(terms)
}

#[cfg(test)]
mod tests;
