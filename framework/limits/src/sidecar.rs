//! The licence beside a file, `<file>.segue-licence`: the carrier that Segue defines.
//!
//! A JSON object, signed by its issuer with an ed25519 key over its canonical form; `docs/limits.md`
//! says it precisely enough for another program to make or check one. Bytes in, bytes out: no
//! file is touched here, and whose key may be trusted is not known.
//!
//! Invariant: nothing that is read is looser than what is written there; what cannot be read denies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use jiff::Timestamp;
use segue_access::{PersonKey, Signature, sign_licence, verify_licence};
use segue_model::{Amount, CarriedLimit, DeviceId, PersonId, Proof, Terms, Use};
use sha2::{Digest, Sha256};

use crate::LimitError;
use crate::json::Json;
use crate::statement::{EVIDENCE_BYTES_MAX, NOTE_BYTES_MAX, TEXT_BYTES_MAX, UNREADABLE};
use crate::terms::{self, at_most};

/// What [`CarriedLimit::carrier`] says of a sidecar.
pub const CARRIER: &str = "sidecar";
/// What follows the name of a file in the name of its sidecar.
pub const SUFFIX: &str = ".segue-licence";

const FORMAT_KEY: &str = "segue_licence";
const FORMAT: u64 = 1;
const SIGNATURE_KEY: &str = "signature";

/// What a sidecar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// Who issues the licence, for people.
    pub issuer: Box<str>,
    /// The issuer's name for the licence.
    pub licence: Box<str>,
    /// Of two licences of one name and issuer the higher holds.
    pub serial: u64,
    /// When it is issued, in Unix seconds.
    pub issued_at: i64,
    /// What it allows.
    pub terms: Terms,
    /// For whom, or of what, for people.
    pub subject: Option<Box<str>>,
}

/// Reads a sidecar. One that cannot be read has a kind of limit that denies: [`UNREADABLE`].
pub fn read(bytes: &[u8]) -> CarriedLimit {
    let (sidecar, proof) = parse(bytes).unwrap_or_else(|error| unreadable(&error));
    let is_readable = !sidecar.terms.unknown.contains(UNREADABLE);
    CarriedLimit {
        carrier: CARRIER,
        issuer: sidecar.issuer,
        licence: sidecar.licence,
        serial: sidecar.serial,
        issued_at: is_readable.then_some(sidecar.issued_at),
        terms: sidecar.terms,
        proof,
        note: sidecar.subject,
        evidence: is_readable.then(|| bytes.into()),
    }
}

fn unreadable(error: &LimitError) -> (Sidecar, Proof) {
    let terms = Terms { unknown: BTreeSet::from([UNREADABLE.into()]), ..Terms::default() };
    let sidecar = Sidecar {
        issuer: "".into(),
        licence: "".into(),
        serial: 0,
        issued_at: 0,
        terms,
        subject: None,
    };
    (sidecar, Proof::Unverified(error.to_string().into()))
}

/// Reads a sidecar, and says whether its issuer signed it.
///
/// # Errors
/// Whatever makes it no sidecar of this format. A signature that is absent or does not fit is none.
pub fn parse(bytes: &[u8]) -> Result<(Sidecar, Proof), LimitError> {
    let Json::Object(mut object) = Json::read(bytes).map_err(no_licence)? else {
        return Err(no_licence("it is no object"));
    };
    match object.get(FORMAT_KEY) {
        Some(Json::Number(FORMAT)) => {}
        Some(Json::Number(newer @ 2..)) => return Err(LimitError::Newer(*newer)),
        _ => return Err(no_licence(format!("`{FORMAT_KEY}` is not {FORMAT}"))),
    }
    let signature = optional_text(&mut object, SIGNATURE_KEY)?;
    let signed = Json::Object(object.clone()).canonical().map_err(no_licence)?;
    let Some(Json::Object(mut issuer)) = object.remove("issuer") else {
        return Err(no_licence("`issuer` is no object"));
    };
    let key = optional_text(&mut issuer, "key")?;
    let sidecar = Sidecar {
        issuer: text("name", taken(&mut issuer, "name")?)?.into(),
        licence: text("licence", taken(&mut object, "licence")?)?.into(),
        serial: number("serial", &taken(&mut object, "serial")?)?,
        issued_at: moment("issued_at", taken(&mut object, "issued_at")?)?,
        terms: read_terms(taken(&mut object, "terms")?)?,
        subject: optional_text(&mut object, "subject")?.map(Into::into),
    };
    sidecar.check()?;
    Ok((sidecar, proof(key.as_deref(), signature.as_deref(), &signed)))
}

/// Writes a licence, signed.
///
/// # Errors
/// A licence out of bounds, or with a kind of limit that is not known here.
pub fn write(sidecar: &Sidecar, issuer: &PersonKey) -> Result<Vec<u8>, LimitError> {
    if let Some(unknown) = sidecar.terms.unknown.first() {
        return Err(LimitError::Kind(unknown.clone()));
    }
    sidecar.check()?;
    let key = HEXLOWER.encode(&issuer.id().0);
    let issuer_says = [("name", Json::Text(sidecar.issuer.to_string())), ("key", Json::Text(key))];
    let mut object = object([
        (FORMAT_KEY, Json::Number(FORMAT)),
        ("issuer", Json::Object(object(issuer_says))),
        ("licence", Json::Text(sidecar.licence.to_string())),
        ("serial", Json::Number(sidecar.serial)),
        ("issued_at", written(sidecar.issued_at)?),
        ("terms", write_terms(&sidecar.terms)?),
    ]);
    if let Some(subject) = &sidecar.subject {
        object.insert("subject".into(), Json::Text(subject.to_string()));
    }
    let signed = Json::Object(object.clone()).canonical().map_err(no_licence)?;
    let signature = HEXLOWER.encode(&sign_licence(issuer, &signed));
    object.insert(SIGNATURE_KEY.into(), Json::Text(signature));
    let bytes = Json::Object(object).pretty().map_err(no_licence)?;
    at_most("bytes of a licence", bytes.len(), EVIDENCE_BYTES_MAX)?;
    Ok(bytes)
}

/// The licence's next serial, with these terms.
///
/// # Errors
/// [`LimitError::Issuer`] unless this key issued it, and those of [`parse`] and [`write()`].
pub fn renew(
    bytes: &[u8],
    issuer: &PersonKey,
    terms: Terms,
    issued_at: i64,
) -> Result<Vec<u8>, LimitError> {
    let (last, proof) = parse(bytes)?;
    if proof != (Proof::Signed { key: key_hash(&issuer.id()) }) {
        return Err(LimitError::Issuer);
    }
    let serial = last.serial.checked_add(1).ok_or(LimitError::LastSerial)?;
    write(&Sidecar { serial, issued_at, terms, ..last }, issuer)
}

/// The licence's next serial, which ended when it was issued.
///
/// # Errors
/// As [`renew`].
pub fn revoke(bytes: &[u8], issuer: &PersonKey, issued_at: i64) -> Result<Vec<u8>, LimitError> {
    let (last, _) = parse(bytes)?;
    let ended = Terms { valid_from: None, valid_until: Some(issued_at), ..last.terms };
    renew(bytes, issuer, ended, issued_at)
}

impl Sidecar {
    fn check(&self) -> Result<(), LimitError> {
        let subject = self.subject.as_ref().map_or(0, |subject| subject.len());
        at_most("bytes of an issuer's name", self.issuer.len(), TEXT_BYTES_MAX)?;
        at_most("bytes of a licence's name", self.licence.len(), TEXT_BYTES_MAX)?;
        at_most("bytes of a subject", subject, NOTE_BYTES_MAX)?;
        if self.licence.is_empty() {
            return Err(LimitError::Nameless("a licence"));
        }
        terms::check_moment(self.issued_at)?;
        terms::check(&self.terms)
    }
}

/// Names an issuer by its key.
fn key_hash(key: &PersonId) -> [u8; 32] {
    Sha256::digest(key.0).into()
}

fn proof(key: Option<&str>, signature: Option<&str>, signed: &[u8]) -> Proof {
    let (Some(key), Some(signature)) = (key, signature) else {
        return Proof::Unverified("it carries no signature".into());
    };
    let signature = bytes::<64>(signature);
    let (Some(key), Some(signature)) = (bytes(key).map(PersonId), signature) else {
        return Proof::Unverified("its key or its signature is not of the form of one".into());
    };
    let signature: Signature = signature;
    match verify_licence(&key, signed, &signature) {
        Ok(()) => Proof::Signed { key: key_hash(&key) },
        Err(error) => Proof::Unverified(error.to_string().into()),
    }
}

fn read_terms(json: Json) -> Result<Terms, LimitError> {
    let Json::Object(object) = json else { return Err(no_licence("`terms` is no object")) };
    let mut terms = Terms::default();
    for (key, value) in object {
        match key.as_str() {
            "valid_from" => terms.valid_from = Some(moment(&key, value)?),
            "valid_until" => terms.valid_until = Some(moment(&key, value)?),
            "devices" => terms.devices = Some(devices(value)?),
            name => match (terms::amount(name), terms::named_use(name)) {
                (Some(amount), _) => {
                    let most = u32::try_from(number(name, &value)?)
                        .map_err(|_| no_licence(format!("`{name}` is too large")))?;
                    terms.amounts.insert(amount, most);
                }
                (None, Some(named)) => match value {
                    Json::Truth(false) => drop(terms.denied.insert(named)),
                    Json::Truth(true) => {}
                    _ => return Err(no_licence(format!("`{name}` is neither true nor false"))),
                },
                (None, None) => drop(terms.unknown.insert(name.into())),
            },
        }
    }
    Ok(terms)
}

fn write_terms(terms: &Terms) -> Result<Json, LimitError> {
    let mut object = BTreeMap::new();
    let ends = [("valid_from", terms.valid_from), ("valid_until", terms.valid_until)];
    for (name, second) in ends {
        if let Some(second) = second {
            object.insert(name.into(), written(second)?);
        }
    }
    if let Some(devices) = &terms.devices {
        let devices = devices.iter().map(|device| Json::Text(device.to_string()));
        object.insert("devices".into(), Json::List(devices.collect()));
    }
    let amounts = terms
        .amounts
        .iter()
        .map(|(amount, most)| (Amount::name(*amount).to_owned(), Json::Number(u64::from(*most))));
    let denied = terms.denied.iter().map(|use_| (Use::name(*use_).to_owned(), Json::Truth(false)));
    object.extend(amounts.chain(denied));
    Ok(Json::Object(object))
}

fn devices(json: Json) -> Result<BTreeSet<DeviceId>, LimitError> {
    let Json::List(list) = json else { return Err(no_licence("`devices` is no list")) };
    let device = |json| text("devices", json)?.parse::<DeviceId>().map_err(no_licence);
    list.into_iter().map(device).collect()
}

fn object<const N: usize>(pairs: [(&str, Json); N]) -> BTreeMap<String, Json> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn taken(object: &mut BTreeMap<String, Json>, key: &str) -> Result<Json, LimitError> {
    object.remove(key).ok_or_else(|| no_licence(format!("`{key}` is missing")))
}

fn optional_text(
    object: &mut BTreeMap<String, Json>,
    key: &str,
) -> Result<Option<String>, LimitError> {
    object.remove(key).map(|json| text(key, json)).transpose()
}

fn text(key: &str, json: Json) -> Result<String, LimitError> {
    if let Json::Text(text) = json {
        Ok(text)
    } else {
        Err(no_licence(format!("`{key}` is no text")))
    }
}

fn number(key: &str, json: &Json) -> Result<u64, LimitError> {
    if let Json::Number(number) = json {
        Ok(*number)
    } else {
        Err(no_licence(format!("`{key}` is no number")))
    }
}

/// A fraction of a second is cut off.
fn moment(key: &str, json: Json) -> Result<i64, LimitError> {
    let moment = text(key, json)?.parse::<Timestamp>();
    moment.map(Timestamp::as_second).map_err(|error| no_licence(format!("`{key}`: {error}")))
}

fn written(second: i64) -> Result<Json, LimitError> {
    let moment = Timestamp::from_second(second).map_err(no_licence)?;
    Ok(Json::Text(moment.to_string()))
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()
}

fn no_licence(why: impl Display) -> LimitError {
    LimitError::Sidecar(why.to_string().into())
}

#[cfg(test)]
#[path = "sidecar_tests.rs"]
mod tests;
