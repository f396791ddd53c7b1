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
    strikable: BTreeMap<ItemId, BTreeMap<StatementHash, Heard>>,
    refused: BTreeMap<StatementHash, LimitError>,
    issued: BTreeSet<i64>,
}

/// What holds for an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// What all that holds allows.
    pub terms: Terms,
    /// What holds, by the statement that says so, which is what a strike names. What later serials
    /// replaced or the owner struck is not there.
    pub heard: BTreeMap<StatementHash, Heard>,
}

/// A licence that holds, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The person or device that says so.
    pub said_by: Key,
    /// Where it was found.
    pub carrier: Box<str>,
    /// Who issued it, in words.
    pub issuer: Box<str>,
    /// The issuer's name for it.
    pub licence: Box<str>,
    /// Its number among the licences of that name.
    pub serial: u64,
    /// Since when, in Unix seconds, if it says so.
    pub issued_at: Option<i64>,
    /// What it allows.
    pub terms: Terms,
    /// Whether it is proven here.
    pub proof: Proof,
    /// What a person may read there.
    pub note: Option<Box<str>>,
}

/// One statement about an item, as it counts here.
struct Entry {
    statement: StatementHash,
    group: Group,
    heard: Heard,
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
            if entry.is_proven() {
                limits.issued.extend(entry.heard.issued_at);
            }
            let may_be_struck = entry.may_be_struck(members);
            if may_be_struck && struck.contains(hash) {
                continue;
            }
            if may_be_struck {
                let heard = entry.heard.clone();
                limits.strikable.entry(item).or_default().insert(*hash, heard);
            }
            items.entry(item).or_default().push(entry);
        }
        let effective = items.into_iter().map(|(item, entries)| (item, Effective::of(&entries)));
        limits.items = effective.collect();
        limits
    }

    /// What holds for items that read as one.
    pub fn effective(&self, items: &[ItemId]) -> Effective {
        let of = items.iter().filter_map(|item| self.items.get(item));
        of.fold(Effective::default(), |mut all, one| {
            all.terms = all.terms.meet(&one.terms);
            all.heard.extend(one.heard.clone());
            all
        })
    }

    /// What the owner may strike about items that read as one and has not struck: also serials that a later one
    /// replaced, for they hold again once that is struck.
    pub fn strikable(&self, items: &[ItemId]) -> BTreeMap<StatementHash, &Heard> {
        let of = items.iter().filter_map(|item| self.strikable.get(item));
        of.flatten().map(|(statement, heard)| (*statement, heard)).collect()
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
            if entry.is_proven() {
                groups.entry(entry.heard.by_signer()).or_default().push(entry);
            }
        }
        let mut effective = Self::default();
        for (group, entries) in &groups {
            let highest = entries.iter().map(|entry| entry.heard.serial).max();
            let holds =
                |entry: &&&Entry| Some(entry.heard.serial) == highest && entry.group == *group;
            for entry in entries.iter().filter(holds) {
                effective.terms.tighten(&entry.heard.terms);
                effective.heard.insert(entry.statement, entry.heard.clone());
            }
        }
        if of_signer.values().any(|groups| groups.len() > GROUPS_MAX) {
            effective.terms.unknown.insert(TOO_MANY.into());
        }
        effective
    }
}

impl Entry {
    fn is_proven(&self) -> bool {
        matches!(self.heard.proof, Proof::Signed { .. })
    }

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
        Group::Signer {
            signer: self.said_by,
            carrier: self.carrier.clone(),
            issuer: self.issuer.clone(),
            licence: self.licence.clone(),
        }
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

/// What a statement says of an item, if it says anything of one.
fn entry<'s>(
    statement: StatementHash,
    signer: Key,
    body: &'s Body,
    proofs: &mut Proofs<'s, '_>,
) -> Option<(ItemId, Entry)> {
    match body {
        Body::Claim(claim) => {
            Some((claim.item, Entry::claimed(statement, signer, proofs.of(claim))))
        }
        Body::Unknown { kind, item } => {
            item.map(|item| (item, Entry::unknown(statement, signer, *kind)))
        }
        Body::Strike { .. } | Body::Lease(_) => None,
    }
}

impl Entry {
    fn claimed(statement: StatementHash, said_by: Key, claim: Claim) -> Self {
        let Claim { carrier, issuer, licence, serial, issued_at, terms, proof, note, .. } = claim;
        let heard =
            Heard { said_by, carrier, issuer, licence, serial, issued_at, terms, proof, note };
        let group = match heard.proof {
            Proof::Signed { key } => {
                let (carrier, licence) = (heard.carrier.clone(), heard.licence.clone());
                Group::Issuer { carrier, key, licence }
            }
            Proof::Unverified(_) => heard.by_signer(),
        };
        Self { statement, group, heard }
    }

    /// A newer Segue's statement about an item: it denies, since it could tighten.
    fn unknown(statement: StatementHash, said_by: Key, kind: u8) -> Self {
        let name: Box<str> = format!("statement of kind {kind}").into();
        let heard = Heard {
            said_by,
            carrier: MEMBER.into(),
            issuer: "".into(),
            licence: name.clone(),
            serial: 0,
            issued_at: None,
            terms: Terms { unknown: BTreeSet::from([name]), ..Terms::default() },
            proof: Proof::Unverified("a newer Segue says so".into()),
            note: None,
        };
        Self { statement, group: Group::Unknown { signer: said_by, kind }, heard }
    }
}

/// Proves each licence once, however many say it.
struct Proofs<'s, 'p> {
    prove: &'p Prove<'p>,
    known: BTreeMap<(&'s str, &'s [u8]), Option<CarriedLimit>>,
}

impl<'s> Proofs<'s, '_> {
    /// The claim as it counts here: what its evidence says, if that is proven; else what is claimed,
    /// without the proof.
    fn of(&mut self, claim: &'s Claim) -> Claim {
        self.proven(claim).unwrap_or_else(|| {
            let mut claim = claim.clone();
            if let Proof::Signed { .. } = claim.proof {
                claim.proof = Proof::Unverified("its signature cannot be checked here".into());
            }
            claim
        })
    }

    fn proven(&mut self, claim: &'s Claim) -> Option<Claim> {
        let (carrier, evidence) = (&*claim.carrier, claim.evidence.as_deref()?);
        let licence = self.known.entry((carrier, evidence)).or_insert_with(|| match carrier {
            MEMBER => None,
            sidecar::CARRIER => Some(sidecar::read(evidence)),
            _ => (self.prove)(carrier, evidence),
        });
        let is_proven = |licence: &&CarriedLimit| {
            licence.carrier == carrier && matches!(licence.proof, Proof::Signed { .. })
        };
        Claim::carried(claim.item, licence.as_ref().filter(is_proven)?)
    }
}

#[cfg(test)]
#[path = "effective_tests.rs"]
mod tests;
