//! What holds for an item, from all that was said about it: a pure function of a set.
//!
//! Claims are taken in groups: those of one issuer about one licence where the issuer is proven, else
//! those of one signer. In a group the highest serial holds; over groups, and where two claims have
//! one serial, what all of them allow. Only what the evidence proves again here is proven. It
//! does not judge a moment; that is [`State`](crate::State)'s.
//!
//! Invariants: order and repeats make no difference; more statements never loosen, but for a higher
//! serial in the group of whoever said the last, and the owner's strike; nobody's statements count whose
//! signer could never write; a strike never touches a proven licence.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::{Members, Statement, StatementHash, VerifiedStatement};
use segue_model::{CarriedLimit, DeviceId, ItemId, Proof, Terms};

use crate::statement::{Body, Claim, MEMBER};
use crate::{LimitError, sidecar};

/// Proves the licence that is inside a claim: given its carrier and evidence, what the licence says,
/// if its issuer signed it. Sidecars need none.
pub type Prove<'p> = dyn Fn(&str, &[u8]) -> Option<CarriedLimit> + 'p;

/// The kind of limit that an item has about which one signer said too much.
pub const TOO_MANY: &str = "too many limits";
const GROUPS_MAX: usize = 64;

type Key = [u8; 32];

/// What holds, item by item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    items: BTreeMap<ItemId, Effective>,
    refused: BTreeMap<StatementHash, LimitError>,
    issued: BTreeSet<i64>,
}

/// What holds for an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// What all that holds allows.
    pub terms: Terms,
    /// What holds, sorted; what later serials replaced or the owner struck is not there.
    pub heard: BTreeSet<Heard>,
}

/// A licence that holds, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// Where it was found.
    pub carrier: Box<str>,
    /// Who issued it, in words.
    pub issuer: Box<str>,
    /// The issuer's name for it.
    pub licence: Box<str>,
    /// Its number among the licences of that name.
    pub serial: u64,
    /// The SHA-256 of the issuer's key, or why none is proven.
    pub proven: Result<Key, Box<str>>,
    /// Since when, in Unix seconds, if it says so.
    pub issued_at: Option<i64>,
    /// The person or device that says so.
    pub said_by: Key,
    /// The statement by which: what a strike names.
    pub statement: StatementHash,
    /// What a person may read there.
    pub note: Option<Box<str>>,
}

/// One claim, as it counts here.
struct Entry {
    heard: Heard,
    terms: Terms,
    group: Group,
}

/// Whose next serial replaces the last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Issuer { carrier: Box<str>, key: Key, licence: Box<str> },
    Signer { signer: Key, carrier: Box<str>, issuer: Box<str>, licence: Box<str> },
    Unknown { signer: Key, kind: u8 },
}

impl Limits {
    /// Draws together all that these statements say. Those that do not count among the members, are
    /// not about limits, or are of another document, make no difference.
    pub fn of<'s>(
        statements: impl IntoIterator<Item = &'s VerifiedStatement>,
        members: &Members,
        prove: &Prove<'_>,
    ) -> Self {
        let mut limits = Self::default();
        let mut said: BTreeMap<StatementHash, (Key, Body)> = BTreeMap::new();
        let counted = statements.into_iter().filter(|verified| members.matters(verified));
        for verified in counted {
            let Statement::Limit { body, .. } = verified.statement() else { continue };
            match Body::decode(body) {
                Ok(body) => drop(said.insert(verified.hash(), (*verified.signer(), body))),
                Err(error) => drop(limits.refused.insert(verified.hash(), error)),
            }
        }
        let struck = struck(&said, members);
        let mut proofs = Proofs { prove, known: BTreeMap::new() };
        let mut items: BTreeMap<ItemId, Vec<Entry>> = BTreeMap::new();
        for (hash, (signer, body)) in &said {
            let Some((item, entry)) = entry(*hash, *signer, body, &mut proofs) else { continue };
            if entry.heard.proven.is_ok() {
                limits.issued.extend(entry.heard.issued_at);
            }
            if !(struck.contains(hash) && entry.may_be_struck(members)) {
                items.entry(item).or_default().push(entry);
            }
        }
        let effective = items.into_iter().map(|(item, entries)| (item, Effective::of(&entries)));
        limits.items = effective.collect();
        limits
    }

    /// What holds for items that read as one.
    pub fn effective(&self, items: &[ItemId]) -> Effective {
        let of = items.iter().filter_map(|item| self.items.get(item));
        of.fold(Effective::default(), |all, one| Effective {
            terms: all.terms.meet(&one.terms),
            heard: &all.heard | &one.heard,
        })
    }

    /// The items of which anything is said, sorted.
    pub fn items(&self) -> impl Iterator<Item = (&ItemId, &Effective)> {
        self.items.iter()
    }

    /// Statements that cannot be read and so say nothing, sorted, with the reasons.
    pub fn refused(&self) -> impl Iterator<Item = (&StatementHash, &LimitError)> {
        self.refused.iter()
    }

    /// The moments at which proven licences were issued, sorted, in Unix seconds: for
    /// [`Clock`](crate::Clock).
    pub fn issued(&self) -> impl Iterator<Item = i64> {
        self.issued.iter().copied()
    }
}

impl Effective {
    fn of(entries: &[Entry]) -> Self {
        let mut groups: BTreeMap<Group, Vec<&Entry>> = BTreeMap::new();
        let mut of_signer: BTreeMap<Key, BTreeSet<&Group>> = BTreeMap::new();
        for entry in entries {
            of_signer.entry(entry.heard.said_by).or_default().insert(&entry.group);
            groups.entry(entry.group.clone()).or_default().push(entry);
            // What somebody said before they could prove it is replaced by what they prove.
            if entry.heard.proven.is_ok() {
                groups.entry(entry.heard.by_signer()).or_default().push(entry);
            }
        }
        let mut effective = Self::default();
        for (group, entries) in &groups {
            let highest = entries.iter().map(|entry| entry.heard.serial).max();
            let holds =
                |entry: &&&Entry| Some(entry.heard.serial) == highest && entry.group == *group;
            for entry in entries.iter().filter(holds) {
                effective.terms = effective.terms.meet(&entry.terms);
                effective.heard.insert(entry.heard.clone());
            }
        }
        if of_signer.values().any(|groups| groups.len() > GROUPS_MAX) {
            effective.terms.unknown.insert(TOO_MANY.into());
        }
        effective
    }
}

impl Entry {
    /// What members said of their own account, and what somebody who has no role any more said
    /// that a carrier says. A carrier's word that its issuer signed is nobody's to strike.
    fn may_be_struck(&self, members: &Members) -> bool {
        match &self.group {
            Group::Issuer { .. } => false,
            Group::Unknown { .. } => true,
            Group::Signer { signer, carrier, .. } => {
                let is_owner = members.owner().is_some_and(|owner| owner.0 == *signer);
                let is_gone = !is_owner && members.role(&DeviceId(*signer)).is_none();
                &**carrier == MEMBER || is_gone
            }
        }
    }
}

impl Heard {
    fn by_signer(&self) -> Group {
        let Self { said_by: signer, carrier, issuer, licence, .. } = self.clone();
        Group::Signer { signer, carrier, issuer, licence }
    }
}

/// The statements that the owner struck.
fn struck(
    said: &BTreeMap<StatementHash, (Key, Body)>,
    members: &Members,
) -> BTreeSet<StatementHash> {
    let owner = members.owner().map(|owner| owner.0);
    let by_owner = said.values().filter(|(signer, _)| Some(*signer) == owner);
    let strikes = by_owner.filter_map(|(_, body)| match body {
        Body::Strike { statement } => Some(*statement),
        _ => None,
    });
    strikes.collect()
}

fn entry<'s>(
    hash: StatementHash,
    signer: Key,
    body: &'s Body,
    proofs: &mut Proofs<'s, '_>,
) -> Option<(ItemId, Entry)> {
    match body {
        Body::Claim(claim) => {
            let entry = match proofs.of(claim) {
                Some((proven, key)) => Entry::claimed(hash, signer, &proven, Ok(key)),
                None => Entry::claimed(hash, signer, claim, Err(reason(claim))),
            };
            Some((claim.item, entry))
        }
        Body::Unknown { kind, item: Some(item) } => {
            Some((*item, Entry::unknown(hash, signer, *kind)))
        }
        Body::Unknown { item: None, .. } | Body::Strike { .. } | Body::Lease(_) => None,
    }
}

/// Why a claim that is not proven here is not.
fn reason(claim: &Claim) -> Box<str> {
    match &claim.proof {
        Proof::Unverified(reason) => reason.clone(),
        Proof::Signed { .. } => "its signature cannot be checked here".into(),
    }
}

impl Entry {
    fn claimed(
        statement: StatementHash,
        said_by: Key,
        claim: &Claim,
        proven: Result<Key, Box<str>>,
    ) -> Self {
        let heard = Heard {
            carrier: claim.carrier.clone(),
            issuer: claim.issuer.clone(),
            licence: claim.licence.clone(),
            serial: claim.serial,
            proven,
            issued_at: claim.issued_at,
            said_by,
            statement,
            note: claim.note.clone(),
        };
        let group = match heard.proven {
            Ok(key) => {
                let (carrier, licence) = (heard.carrier.clone(), heard.licence.clone());
                Group::Issuer { carrier, key, licence }
            }
            Err(_) => heard.by_signer(),
        };
        Self { heard, terms: claim.terms.clone(), group }
    }

    /// A newer Segue's statement about an item: it denies, since it could tighten.
    fn unknown(statement: StatementHash, said_by: Key, kind: u8) -> Self {
        let name: Box<str> = format!("statement of kind {kind}").into();
        let heard = Heard {
            carrier: MEMBER.into(),
            issuer: "".into(),
            licence: name.clone(),
            serial: 0,
            proven: Err("a newer Segue says so".into()),
            issued_at: None,
            said_by,
            statement,
            note: None,
        };
        let terms = Terms { unknown: BTreeSet::from([name]), ..Terms::default() };
        Self { heard, terms, group: Group::Unknown { signer: said_by, kind } }
    }
}

/// Proves each licence once, however many say it.
struct Proofs<'s, 'p> {
    prove: &'p Prove<'p>,
    known: BTreeMap<(&'s str, &'s [u8]), Option<CarriedLimit>>,
}

impl<'s> Proofs<'s, '_> {
    /// What the evidence of a claim says, not what the claim does, and the issuer's key.
    fn of(&mut self, claim: &'s Claim) -> Option<(Claim, Key)> {
        let (carrier, evidence) = (&*claim.carrier, claim.evidence.as_deref()?);
        let proven = self.known.entry((carrier, evidence)).or_insert_with(|| match carrier {
            MEMBER => None,
            sidecar::CARRIER => Some(sidecar::read(evidence)),
            _ => (self.prove)(carrier, evidence),
        });
        let limit = proven.as_ref().filter(|limit| limit.carrier == carrier)?;
        let Proof::Signed { key } = limit.proof else { return None };
        Some((Claim::carried(claim.item, limit)?, key))
    }
}

#[cfg(test)]
#[path = "effective_tests.rs"]
mod tests;
