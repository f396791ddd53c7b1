//! Signed statements: what persons and devices say about documents and each other.
//!
//! A statement's bytes are `tag ‖ kind ‖ fields`. A newer Segue adds kinds and never changes the
//! meaning of one; so a kind that is not known here is still verified, kept and passed on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use segue_model::{ChangeHash, DeviceId, DocumentId, PersonId};
use sha2::{Digest, Sha256};

use crate::AccessError;
use crate::encoding::{Reader, Writer};
use crate::key::{Signature, verify_bytes};

const TAG: &[u8] = b"segue statement\x01";
const HASH_TAG: &[u8] = b"segue statement hash\x01";
const DOCUMENT_TAG: &[u8] = b"segue document\x01";
const SIZE_BYTES_MAX: usize = 4096;
/// A revoke names hashes, of which a busy document may have many.
const REVOKE_BYTES_MAX: usize = 65_536;
/// A limit may hold the licence that proves it.
const LIMIT_BYTES_MAX: usize = 16_384;

const ROOT: u8 = 1;
const DEVICE: u8 = 2;
const GRANT: u8 = 3;
const REVOKE: u8 = 4;
const LIMIT: u8 = 5;

/// Names a statement: the hash of its signer and its bytes.
pub type StatementHash = [u8; 32];

/// Up to where a device's changes count: heads by shard. In a shard that is not named none does.
pub type Cut = BTreeMap<u8, BTreeSet<ChangeHash>>;

/// What a device may do with a document; each role includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May carry encrypted content and read none.
    Relay,
    /// May read.
    Read,
    /// May author changes.
    Write,
    /// May grant roles to others.
    Admin,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// A person begins a document. Signed by that person.
    Root {
        /// The owner.
        person: PersonId,
        /// The name of the document's schema.
        schema: Box<str>,
        /// Makes documents of one person and schema differ.
        nonce: [u8; 16],
    },
    /// A person vouches for a device. Signed by that person.
    Device {
        /// Whose device it is.
        person: PersonId,
        /// The device.
        device: DeviceId,
        /// What people call it.
        name: Box<str>,
    },
    /// A device may use a document. Counts if the owner or an admin device signed it.
    Grant {
        /// The document.
        document: DocumentId,
        /// Makes two grants differ, since one that is revoked never returns.
        nonce: [u8; 16],
        /// Who receives the role.
        to: DeviceId,
        /// What it may do.
        role: Role,
        /// When that ends, in Unix seconds.
        until: Option<i64>,
    },
    /// A grant counts no longer. Counts if the owner or an admin device signed it.
    Revoke {
        /// The document.
        document: DocumentId,
        /// The grant.
        grant: StatementHash,
        /// What the device had signed by virtue of it, and goes on counting.
        keeps: BTreeSet<StatementHash>,
        /// Up to where its changes count.
        cut: Cut,
    },
    /// Something about what licences allow. Counts if the owner signed it, or a device that could
    /// ever write. What it says is not read here.
    Limit {
        /// The document.
        document: DocumentId,
        /// What is said.
        body: Box<[u8]>,
    },
    /// Something that a newer Segue says: verified and kept, not understood.
    Unknown {
        /// Its kind.
        kind: u8,
    },
}

/// The id of the document that a root statement with these values begins.
///
/// # Errors
/// [`AccessError::Malformed`] if the schema's name is longer than 255 bytes.
pub fn document_id(
    person: &PersonId,
    schema: &str,
    nonce: &[u8; 16],
) -> Result<DocumentId, AccessError> {
    let mut writer = Writer::default();
    writer.bytes(DOCUMENT_TAG).bytes(&person.0).text(schema)?.bytes(nonce);
    Ok(DocumentId(Sha256::digest(&writer.0).into()))
}

impl Statement {
    /// The document that it begins or speaks of.
    pub fn document(&self) -> Option<DocumentId> {
        match self {
            Self::Root { person, schema, nonce } => document_id(person, schema, nonce).ok(),
            Self::Grant { document, .. }
            | Self::Revoke { document, .. }
            | Self::Limit { document, .. } => Some(*document),
            Self::Device { .. } | Self::Unknown { .. } => None,
        }
    }

    /// The canonical bytes, which are what is signed.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, AccessError> {
        let mut writer = Writer::default();
        writer.bytes(TAG);
        match self {
            Self::Root { person, schema, nonce } => {
                writer.bytes(&[ROOT]).bytes(&person.0).text(schema)?.bytes(nonce);
            }
            Self::Device { person, device, name } => {
                writer.bytes(&[DEVICE]).bytes(&person.0).bytes(&device.0).text(name)?;
            }
            Self::Grant { document, nonce, to, role, until } => {
                writer.bytes(&[GRANT]).bytes(&document.0).bytes(nonce);
                writer.bytes(&to.0).bytes(&[role.code()]).optional(*until);
            }
            Self::Revoke { document, grant, keeps, cut } => {
                writer.bytes(&[REVOKE]).bytes(&document.0).bytes(grant).hashes(keeps)?;
                write_cut(&mut writer, cut)?;
            }
            Self::Limit { document, body } => {
                writer.bytes(&[LIMIT]).bytes(&document.0).sized(body)?;
            }
            Self::Unknown { kind } => return Err(AccessError::UnknownKind(*kind)),
        }
        check_size(&writer.0)?;
        Ok(writer.0)
    }

    /// Reads the canonical bytes; the signature is not looked at.
    fn decode(bytes: &[u8]) -> Result<Self, AccessError> {
        check_size(bytes)?;
        let body = bytes.strip_prefix(TAG).ok_or(AccessError::Malformed("no statement"))?;
        let mut reader = Reader(body);
        let statement = match reader.byte()? {
            ROOT => Self::Root {
                person: PersonId(reader.array()?),
                schema: reader.text()?,
                nonce: reader.array()?,
            },
            DEVICE => Self::Device {
                person: PersonId(reader.array()?),
                device: DeviceId(reader.array()?),
                name: reader.text()?,
            },
            GRANT => Self::Grant {
                document: DocumentId(reader.array()?),
                nonce: reader.array()?,
                to: DeviceId(reader.array()?),
                role: Role::from_code(reader.byte()?)?,
                until: reader.optional()?,
            },
            REVOKE => Self::Revoke {
                document: DocumentId(reader.array()?),
                grant: reader.array()?,
                keeps: reader.hashes()?,
                cut: read_cut(&mut reader)?,
            },
            LIMIT => {
                Self::Limit { document: DocumentId(reader.array()?), body: reader.sized()?.into() }
            }
            kind => return Ok(Self::Unknown { kind }),
        };
        reader.end()?;
        Ok(statement)
    }

    pub(crate) fn check_signer(&self, signer: &[u8; 32]) -> Result<(), AccessError> {
        match self {
            Self::Root { person, .. } | Self::Device { person, .. } if person.0 != *signer => {
                Err(AccessError::Signer)
            }
            _ => Ok(()),
        }
    }
}

fn check_size(bytes: &[u8]) -> Result<(), AccessError> {
    let (bytes_max, too_long) = match bytes.get(TAG.len()) {
        Some(&REVOKE) => (REVOKE_BYTES_MAX, "a revoke longer than 65536 bytes"),
        Some(&LIMIT) => (LIMIT_BYTES_MAX, "a limit longer than 16384 bytes"),
        _ => (SIZE_BYTES_MAX, "longer than 4096 bytes"),
    };
    if bytes.len() > bytes_max { Err(AccessError::Malformed(too_long)) } else { Ok(()) }
}

/// The count of shards, ascending; of each its number and its heads, at least one.
fn write_cut(writer: &mut Writer, cut: &Cut) -> Result<(), AccessError> {
    writer.count(cut.len())?;
    for (shard, heads) in cut {
        if heads.is_empty() {
            return Err(NO_HEADS);
        }
        writer.bytes(&[*shard]).hashes(&heads.iter().map(|hash| hash.0).collect())?;
    }
    Ok(())
}

fn read_cut(reader: &mut Reader<'_>) -> Result<Cut, AccessError> {
    let mut cut = Cut::new();
    for _ in 0..reader.count()? {
        let shard = reader.byte()?;
        if cut.last_key_value().is_some_and(|(last, _)| *last >= shard) {
            return Err(AccessError::Malformed("shards that do not ascend"));
        }
        let heads: BTreeSet<ChangeHash> = reader.hashes()?.into_iter().map(ChangeHash).collect();
        if heads.is_empty() {
            return Err(NO_HEADS);
        }
        cut.insert(shard, heads);
    }
    Ok(cut)
}

const NO_HEADS: AccessError = AccessError::Malformed("a shard without heads");

impl Role {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Relay => 1,
            Self::Read => 2,
            Self::Write => 3,
            Self::Admin => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Result<Self, AccessError> {
        [Self::Relay, Self::Read, Self::Write, Self::Admin]
            .into_iter()
            .find(|role| role.code() == code)
            .ok_or(AccessError::Malformed("no known role"))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relay => "relay",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

/// A statement as it is kept and sent. Nothing about it is believed before [`verify`](Self::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// The statement's bytes.
    pub bytes: Vec<u8>,
    /// The signature over them.
    pub signature: Signature,
    /// The public key of the person or device that signed.
    pub signer: [u8; 32],
}

impl SignedStatement {
    /// What is said, if the signature is valid and the right person signed. Whether a
    /// [`Statement::Grant`] counts is for [`Members`](crate::Members) to say.
    ///
    /// # Errors
    /// Any [`AccessError`]; then nothing of it may be used.
    pub fn verify(&self) -> Result<Statement, AccessError> {
        self.verified().map(|verified| verified.statement)
    }

    /// What is said, with who said it: for keeping, so that a signature is checked once.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verified(&self) -> Result<VerifiedStatement, AccessError> {
        let statement = Statement::decode(&self.bytes)?;
        statement.check_signer(&self.signer)?;
        verify_bytes(&self.signer, &self.bytes, &self.signature)?;
        Ok(VerifiedStatement { statement, signer: self.signer, hash: self.hash() })
    }

    /// Names the statement in sets: what was said, and who said it.
    pub fn hash(&self) -> StatementHash {
        hash(&self.signer, &self.bytes)
    }
}

fn hash(signer: &[u8; 32], bytes: &[u8]) -> StatementHash {
    let mut hasher = Sha256::new();
    hasher.update(HASH_TAG);
    hasher.update(signer);
    hasher.update(bytes);
    hasher.finalize().into()
}

/// A statement whose signature was checked. Only [`SignedStatement::verified`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedStatement {
    statement: Statement,
    signer: [u8; 32],
    hash: StatementHash,
}

impl VerifiedStatement {
    /// What is said.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The public key of the person or device that signed.
    pub fn signer(&self) -> &[u8; 32] {
        &self.signer
    }

    /// Names the statement in sets.
    pub fn hash(&self) -> StatementHash {
        self.hash
    }

    /// As if it were signed: random histories cannot afford the signatures.
    #[cfg(test)]
    pub(crate) fn assume(signer: [u8; 32], statement: Statement) -> Self {
        let bytes = statement.encode().expect("a statement that can be signed");
        Self { statement, signer, hash: hash(&signer, &bytes) }
    }
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
