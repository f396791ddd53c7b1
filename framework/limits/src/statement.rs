//! What the body of a limit statement says: a claim about an item, or a strike of one.
//!
//! A body is `kind ‖ fields`. Of a kind that is not known here the fields begin with a byte 0, or a byte 1
//! and an item: then that item is denied until the kind is understood. Leases have a kind and a module
//! of their own. Whether a statement counts is `segue-access`'s to say, and what all of them come
//! to [`Limits`](crate::Limits)'.
//!
//! Invariants: one meaning has one byte form; what a carrier says can always be claimed, and what does
//! not fit into a claim denies; what no licence needs is refused, in words.

use data_encoding::HEXLOWER;
use segue_access::encoding::{Reader, Writer};
use segue_access::{AccessError, StatementHash};
use segue_model::{CarriedLimit, ItemId, Proof, Terms};
use sha2::{Digest, Sha256};

use crate::LimitError;
use crate::terms::{self, at_most};

/// The kind of a body that claims a limit.
pub const KIND_CLAIM: u8 = 1;
/// The kind of a body that strikes a claim.
pub const KIND_STRIKE: u8 = 2;
/// The kind of a body about a lease.
pub const KIND_LEASE: u8 = 3;
/// A body and what a statement puts around it fit into a statement.
pub const BODY_BYTES_MAX: usize = 16_320;
/// The carrier of what a member says without one.
pub const MEMBER: &str = "member";
/// The kind of limit that a licence has which is there and cannot be read. It holds where it lies and
/// as long as it does; nobody claims it.
pub const UNREADABLE: &str = "unreadable licence";

const CARRIER_BYTES_MAX: usize = 64;
pub(crate) const TEXT_BYTES_MAX: usize = 512;
const REASON_BYTES_MAX: usize = 255;
pub(crate) const NOTE_BYTES_MAX: usize = 2_000;
pub(crate) const EVIDENCE_BYTES_MAX: usize = 12 << 10;

/// What a limit statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// An item has a limit.
    Claim(Box<Claim>),
    /// A claim counts no longer. Counts if the owner signed it.
    Strike {
        /// The statement that made the claim.
        statement: StatementHash,
    },
    /// Something about a lease: what follows the kind, not read here.
    Lease(Box<[u8]>),
    /// Something that a newer Segue says.
    Unknown {
        /// Its kind.
        kind: u8,
        /// The item that it denies until it is understood.
        item: Option<ItemId>,
    },
}

/// What somebody says a licence allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of which item.
    pub item: ItemId,
    /// Where the licence was found: `sidecar`, `lcp`; or [`MEMBER`].
    pub carrier: Box<str>,
    /// Who issued it, in words.
    pub issuer: Box<str>,
    /// The issuer's name for the licence.
    pub licence: Box<str>,
    /// Of two claims about one licence the higher holds.
    pub serial: u64,
    /// When it was issued, in Unix seconds.
    pub issued_at: Option<i64>,
    /// What it allows.
    pub terms: Terms,
    /// Whether it was proven to whoever says so. Nobody else believes that.
    pub proof: Proof,
    /// What a person may read there.
    pub note: Option<Box<str>>,
    /// The licence itself, which proves it to others.
    pub evidence: Option<Box<[u8]>>,
}

impl Body {
    /// The canonical bytes.
    ///
    /// # Errors
    /// A claim out of bounds, or a kind that is not known here.
    pub fn encode(&self) -> Result<Box<[u8]>, LimitError> {
        let mut writer = Writer::default();
        match self {
            Self::Claim(claim) => {
                writer.bytes(&[KIND_CLAIM]);
                claim.write(&mut writer)?;
            }
            Self::Strike { statement } => drop(writer.bytes(&[KIND_STRIKE]).bytes(statement)),
            Self::Lease(lease) => drop(writer.bytes(&[KIND_LEASE]).bytes(lease)),
            Self::Unknown { kind, .. } => return Err(AccessError::UnknownKind(*kind).into()),
        }
        let bytes = writer.into_bytes();
        at_most("bytes of a statement about limits", bytes.len(), BODY_BYTES_MAX)?;
        Ok(bytes.into())
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    /// Bytes of another form, or a claim out of bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, LimitError> {
        at_most("bytes of a statement about limits", bytes.len(), BODY_BYTES_MAX)?;
        let mut reader = Reader::new(bytes);
        let body = match reader.byte()? {
            KIND_CLAIM => Self::Claim(Claim::read(&mut reader)?.into()),
            KIND_STRIKE => Self::Strike { statement: reader.array()? },
            KIND_LEASE => return Ok(Self::Lease(bytes[1..].into())),
            kind => return Ok(Self::Unknown { kind, item: named_item(&mut reader)? }),
        };
        reader.end()?;
        Ok(body)
    }
}

fn named_item(reader: &mut Reader<'_>) -> Result<Option<ItemId>, AccessError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => Ok(Some(ItemId(reader.array()?))),
        _ => Err(AccessError::Malformed("neither about an item nor about none")),
    }
}

impl Claim {
    /// What a member says of an item; the text names who, for people.
    pub fn member(item: ItemId, issuer: &str, licence: &str, serial: u64, terms: Terms) -> Self {
        Self {
            item,
            carrier: MEMBER.into(),
            issuer: issuer.into(),
            licence: licence.into(),
            serial,
            issued_at: None,
            terms,
            proof: Proof::Unverified("a member says so".into()),
            note: None,
            evidence: None,
        }
    }

    /// What a carrier says of an item, within the bounds of a claim and never looser than it is.
    /// `None` of a licence that cannot be read: it may read otherwise tomorrow, and a claim stays.
    pub fn carried(item: ItemId, limit: &CarriedLimit) -> Option<Self> {
        if limit.terms.unknown.contains(UNREADABLE) {
            return None;
        }
        let fits = |evidence: &&[u8]| evidence.len() <= EVIDENCE_BYTES_MAX;
        let proof = match &limit.proof {
            Proof::Signed { key } => Proof::Signed { key: *key },
            Proof::Unverified(why) => Proof::Unverified(beginning(why, REASON_BYTES_MAX)),
        };
        let mut claim = Self {
            item,
            carrier: limit.carrier.into(),
            issuer: name(&limit.issuer),
            licence: name(&limit.licence),
            serial: limit.serial,
            issued_at: limit.issued_at.filter(|second| terms::check_moment(*second).is_ok()),
            terms: terms::bounded(&limit.terms),
            proof,
            note: limit.note.as_deref().map(|note| beginning(note, NOTE_BYTES_MAX)),
            evidence: limit.evidence.as_deref().filter(fits).map(Into::into),
        };
        if Body::Claim(claim.clone().into()).encode().is_err() {
            claim.evidence = None;
        }
        Some(claim)
    }

    fn check(&self) -> Result<(), LimitError> {
        if self.carrier.is_empty() {
            return Err(LimitError::Nameless("a carrier"));
        }
        let reason = match &self.proof {
            Proof::Signed { .. } => 0,
            Proof::Unverified(reason) => reason.len(),
        };
        let evidence = self.evidence.as_ref().map_or(0, |evidence| evidence.len());
        let note = self.note.as_ref().map_or(0, |note| note.len());
        at_most("bytes of a carrier's name", self.carrier.len(), CARRIER_BYTES_MAX)?;
        at_most("bytes of an issuer's name", self.issuer.len(), TEXT_BYTES_MAX)?;
        at_most("bytes of a licence's name", self.licence.len(), TEXT_BYTES_MAX)?;
        at_most("bytes of a reason", reason, REASON_BYTES_MAX)?;
        at_most("bytes of a note", note, NOTE_BYTES_MAX)?;
        at_most("bytes of a licence", evidence, EVIDENCE_BYTES_MAX)?;
        self.issued_at.map_or(Ok(()), terms::check_moment)?;
        terms::check(&self.terms)
    }

    fn write(&self, writer: &mut Writer) -> Result<(), LimitError> {
        self.check()?;
        writer.bytes(&[1]).bytes(&self.item.0).text(&self.carrier)?;
        writer.sized(self.issuer.as_bytes())?.sized(self.licence.as_bytes())?;
        writer.bytes(&self.serial.to_be_bytes()).optional(self.issued_at);
        terms::write(writer, &self.terms)?;
        match &self.proof {
            Proof::Unverified(reason) => writer.bytes(&[0]).text(reason)?,
            Proof::Signed { key } => writer.bytes(&[1]).bytes(key),
        };
        write_optional(writer, self.note.as_deref().map(str::as_bytes))?;
        write_optional(writer, self.evidence.as_deref())?;
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, LimitError> {
        let item = named_item(reader)?.ok_or(AccessError::Malformed("a claim about no item"))?;
        let claim = Self {
            item,
            carrier: reader.text()?,
            issuer: text(reader.sized()?)?,
            licence: text(reader.sized()?)?,
            serial: u64::from_be_bytes(reader.array()?),
            issued_at: reader.optional()?,
            terms: terms::read(reader)?,
            proof: match reader.byte()? {
                0 => Proof::Unverified(reader.text()?),
                1 => Proof::Signed { key: reader.array()? },
                _ => return Err(AccessError::Malformed("neither proven nor not").into()),
            },
            note: read_optional(reader)?.map(text).transpose()?,
            evidence: read_optional(reader)?.map(Into::into),
        };
        claim.check()?;
        Ok(claim)
    }
}

fn write_optional(writer: &mut Writer, bytes: Option<&[u8]>) -> Result<(), AccessError> {
    match bytes {
        None => writer.bytes(&[0]),
        Some(bytes) => writer.bytes(&[1]).sized(bytes)?,
    };
    Ok(())
}

fn read_optional<'b>(reader: &mut Reader<'b>) -> Result<Option<&'b [u8]>, AccessError> {
    match reader.byte()? {
        0 => Ok(None),
        1 => Ok(Some(reader.sized()?)),
        _ => Err(AccessError::Malformed("neither absent nor present")),
    }
}

fn text(bytes: &[u8]) -> Result<Box<str>, AccessError> {
    str::from_utf8(bytes).map(Into::into).map_err(|_| AccessError::Malformed("no UTF-8 text"))
}

/// A name within bounds. Two that are too long stay two.
fn name(name: &str) -> Box<str> {
    if name.len() <= TEXT_BYTES_MAX {
        return name.into();
    }
    let hash = HEXLOWER.encode(&Sha256::digest(name.as_bytes()));
    format!("{} {hash}", beginning(name, TEXT_BYTES_MAX - hash.len() - 1)).into()
}

/// As much of a text as fits.
fn beginning(text: &str, bytes_max: usize) -> Box<str> {
    const MORE: &str = "…";
    if text.len() <= bytes_max {
        return text.into();
    }
    let end = text.floor_char_boundary(bytes_max - MORE.len());
    format!("{}{MORE}", &text[..end]).into()
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
