//! What devices and the owner sign about seats: a device asks, a seat goes from one to the next.
//!
//! It does not say what a statement counts for: that follows from all of them ([`Leases`](super::Leases)).
//! Invariant: a statement's hash covers its signer and every byte of it.

use segue_access::{AccessError, DeviceKey, PersonKey, Signature, verify_bytes};
use segue_model::{DeviceId, DocumentId, ItemId};
use sha2::{Digest, Sha256};

use super::encoding::{Reader, Writer};

const TAG: &[u8] = b"segue lease\x01";
const HASH_TAG: &[u8] = b"segue lease hash\x01";

const REQUEST: u8 = 1;
const LINK: u8 = 2;

const OFFICE: u8 = 0;
const DEVICE: u8 = 1;

/// Names a statement: the hash of its signer and its bytes.
pub type LeaseHash = [u8; 32];

/// One life of a device's folder. A copy of the folder, or a restored backup, is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 4]);

/// Who can hold a seat: one life of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party {
    /// The device.
    pub device: DeviceId,
    /// The life of its folder.
    pub incarnation: Incarnation,
}

/// A licence of an item, of which there may be several by several issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Licence {
    /// The document.
    pub document: DocumentId,
    /// The item in it.
    pub item: ItemId,
    /// Names the issuer, or the group of issuers whose terms are counted together.
    pub issuer: [u8; 32],
}

/// One seat of a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// Of which licence.
    pub licence: Licence,
    /// Which seat, from 0.
    pub seat: u32,
}

/// A device asks for a seat. Signed by that device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Of which licence.
    pub licence: Licence,
    /// Who asks.
    pub by: Party,
    /// When, by its clock, in Unix milliseconds.
    pub at: i64,
}

/// Where a seat goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Back to the office, which is the owner's key.
    Office,
    /// To a device.
    Device(Party),
}

/// A seat goes to somebody. Number 0 is signed by the owner and begins a term; each other one
/// by the device to which the one before it gave the seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which seat.
    pub token: Token,
    /// The term, named by when it began: Unix milliseconds of the office's clock.
    pub term: i64,
    /// Its place in the term's chain, from 0.
    pub number: u32,
    /// The statement before it; of number 0 the request that it answers.
    pub previous: LeaseHash,
    /// To whom it goes.
    pub to: To,
    /// The end of the term, in Unix milliseconds; the same in the whole chain.
    pub end: i64,
    /// When it was made, by its signer's clock, in Unix milliseconds.
    pub at: i64,
}

/// A statement about seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// A device asks for a seat.
    Request(Request),
    /// A seat goes to somebody.
    Link(Link),
}

impl Lease {
    /// Of which licence it speaks.
    pub fn licence(&self) -> &Licence {
        match self {
            Self::Request(request) => &request.licence,
            Self::Link(link) => &link.token.licence,
        }
    }

    /// Whether the owner's key must sign it, and not a device's.
    pub fn is_of_office(&self) -> bool {
        matches!(self, Self::Link(Link { number: 0, .. }))
    }

    /// Signs it as a device.
    pub fn sign(&self, key: &DeviceKey) -> SignedLease {
        let bytes = self.encode();
        SignedLease { signature: key.sign_bytes(&bytes), signer: key.id().0, bytes }
    }

    /// Signs it as the owner; only what [is of the office](Self::is_of_office) counts so.
    pub fn sign_as_owner(&self, key: &PersonKey) -> SignedLease {
        let bytes = self.encode();
        SignedLease { signature: key.sign_bytes(&bytes), signer: key.id().0, bytes }
    }

    /// The canonical bytes, which are what is signed.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.bytes(TAG);
        match self {
            Self::Request(request) => {
                writer.bytes(&[REQUEST]);
                write_licence(&mut writer, &request.licence);
                write_party(&mut writer, &request.by);
                writer.time(request.at);
            }
            Self::Link(link) => {
                writer.bytes(&[LINK]);
                write_link(&mut writer, link);
            }
        }
        writer.0
    }

    /// Reads the canonical bytes; the signature is not looked at.
    fn decode(bytes: &[u8]) -> Result<Self, AccessError> {
        let body = bytes.strip_prefix(TAG).ok_or(AccessError::Malformed("no lease"))?;
        let mut reader = Reader(body);
        let lease = match reader.byte()? {
            REQUEST => Self::Request(Request {
                licence: read_licence(&mut reader)?,
                by: read_party(&mut reader)?,
                at: reader.time()?,
            }),
            LINK => Self::Link(read_link(&mut reader)?),
            kind => return Err(AccessError::UnknownKind(kind)),
        };
        reader.end()?;
        Ok(lease)
    }
}

fn write_licence(writer: &mut Writer, licence: &Licence) {
    writer.bytes(&licence.document.0).bytes(&licence.item.0).bytes(&licence.issuer);
}

fn read_licence(reader: &mut Reader<'_>) -> Result<Licence, AccessError> {
    Ok(Licence {
        document: DocumentId(reader.array()?),
        item: ItemId(reader.array()?),
        issuer: reader.array()?,
    })
}

fn write_party(writer: &mut Writer, party: &Party) {
    writer.bytes(&party.device.0).bytes(&party.incarnation.0);
}

fn read_party(reader: &mut Reader<'_>) -> Result<Party, AccessError> {
    Ok(Party { device: DeviceId(reader.array()?), incarnation: Incarnation(reader.array()?) })
}

pub(super) fn write_link(writer: &mut Writer, link: &Link) {
    write_licence(writer, &link.token.licence);
    writer.number(link.token.seat).time(link.term).number(link.number).bytes(&link.previous);
    match &link.to {
        To::Office => {
            writer.bytes(&[OFFICE]);
        }
        To::Device(party) => write_party(writer.bytes(&[DEVICE]), party),
    }
    writer.time(link.end).time(link.at);
}

pub(super) fn read_link(reader: &mut Reader<'_>) -> Result<Link, AccessError> {
    Ok(Link {
        token: Token { licence: read_licence(reader)?, seat: reader.number()? },
        term: reader.time()?,
        number: reader.number()?,
        previous: reader.array()?,
        to: match reader.byte()? {
            OFFICE => To::Office,
            DEVICE => To::Device(read_party(reader)?),
            _ => return Err(AccessError::Malformed("neither the office nor a device")),
        },
        end: reader.time()?,
        at: reader.time()?,
    })
}

/// A statement as it is kept and sent. Nothing about it is believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedLease {
    /// The statement's bytes.
    pub bytes: Vec<u8>,
    /// The signature over them.
    pub signature: Signature,
    /// The public key of the device or person that signed.
    pub signer: [u8; 32],
}

impl SignedLease {
    /// The bytes in which it travels, such as the body of another statement.
    pub fn encode(&self) -> Vec<u8> {
        [&self.signer[..], &self.signature, &self.bytes].concat()
    }

    /// Reads what [`encode`](Self::encode) made; nothing is believed by that.
    ///
    /// # Errors
    /// [`AccessError::Malformed`] if it is shorter than a signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, AccessError> {
        let mut reader = Reader(bytes);
        let (signer, signature) = (reader.array()?, reader.array()?);
        Ok(Self { bytes: reader.0.into(), signature, signer })
    }

    /// What is said and by whom, if the signature is valid.
    ///
    /// # Errors
    /// Any [`AccessError`]; then nothing of it may be used. [`AccessError::UnknownKind`]: a newer
    /// Segue says it.
    pub fn verify(&self) -> Result<VerifiedLease, AccessError> {
        let lease = Lease::decode(&self.bytes)?;
        if let Lease::Request(Request { by, .. }) = &lease
            && by.device.0 != self.signer
        {
            return Err(AccessError::Signer);
        }
        verify_bytes(&self.signer, &self.bytes, &self.signature)?;
        Ok(VerifiedLease { lease, signer: self.signer, hash: hash(&self.signer, &self.bytes) })
    }
}

fn hash(signer: &[u8; 32], bytes: &[u8]) -> LeaseHash {
    let mut hasher = Sha256::new();
    hasher.update(HASH_TAG);
    hasher.update(signer);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// A statement whose signature was checked. Only [`SignedLease::verify`] makes one for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedLease {
    lease: Lease,
    signer: [u8; 32],
    hash: LeaseHash,
}

impl VerifiedLease {
    /// What is said.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The public key of the device or person that signed.
    pub fn signer(&self) -> &[u8; 32] {
        &self.signer
    }

    /// Names the statement.
    pub fn hash(&self) -> LeaseHash {
        self.hash
    }

    /// What this device itself says, and need not check.
    pub(super) fn own(signer: [u8; 32], lease: Lease) -> Self {
        Self { lease, signer, hash: hash(&signer, &lease.encode()) }
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
