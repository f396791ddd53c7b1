//! Whose grants, revokes and limits count, as far as one set of revokes goes.
//!
//! The owner says what they like. A device speaks by virtue of its admin grants, and of limits also by
//! virtue of those that let it write; where such a grant is revoked, it has said only what every one of
//! its revokes keeps. [`Members`](crate::Members) asks twice, for the owner's revokes alone and for all
//! that count, and gives both their meaning.
//!
//! Invariants: a least fixpoint over sets: no order matters, and no grant carries itself; what limits
//! a device may say gives nobody any right.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::DeviceId;

use crate::statement::StatementHash;
use crate::{Cut, Role};

/// The public key of a person or a device.
pub(crate) type Key = [u8; 32];

/// A grant of the document, not yet judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) signer: Key,
    pub(crate) to: DeviceId,
    pub(crate) role: Role,
    pub(crate) until: Option<i64>,
}

impl Grant {
    /// Whether it lets its device grant and revoke. An admin for a time passes nothing on, since
    /// no clock says when it did.
    pub(crate) fn is_power(&self) -> bool {
        self.role == Role::Admin && self.until.is_none()
    }

    /// Whether it lets its device say limits. These only tighten, so an end takes nothing from that.
    fn is_voice(&self) -> bool {
        self.role >= Role::Write
    }
}

/// A revoke of one grant, not yet judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoke<'s> {
    pub(crate) signer: Key,
    pub(crate) hash: StatementHash,
    pub(crate) keeps: &'s BTreeSet<StatementHash>,
    pub(crate) cut: &'s Cut,
}

/// Grants by their hash.
pub(crate) type Grants = BTreeMap<StatementHash, Grant>;
/// Revokes by the grant that they revoke.
pub(crate) type Revokes<'s> = BTreeMap<StatementHash, Vec<Revoke<'s>>>;

/// What one grant lets its device say: everything, or what all its revokes keep.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Power {
    Everything,
    Kept(BTreeSet<StatementHash>),
}

/// Who may say what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Powers {
    owner: Key,
    of: BTreeMap<Key, Vec<Power>>,
    /// What others than these admins may say of limits.
    limits_of: BTreeMap<Key, Vec<Power>>,
}

impl Powers {
    /// Follows the grants from the owner on; returns also which of them are valid.
    pub(crate) fn follow(
        owner: Key,
        grants: &Grants,
        revokes: &Revokes<'_>,
    ) -> (Self, BTreeSet<StatementHash>) {
        let mut by_signer: BTreeMap<Key, Vec<(StatementHash, Grant)>> = BTreeMap::new();
        for (hash, grant) in grants {
            by_signer.entry(grant.signer).or_default().push((*hash, *grant));
        }
        let mut powers = Self { owner, ..Self::default() };
        let mut valid = BTreeSet::new();
        let mut gained = vec![(owner, Power::Everything)];
        while let Some((signer, power)) = gained.pop() {
            for (hash, grant) in by_signer.get(&signer).into_iter().flatten() {
                if !power.covers(hash) || !valid.insert(*hash) {
                    continue;
                }
                let given = Power::under(revokes.get(hash));
                if grant.is_power() {
                    gained.push((grant.to.0, given));
                } else if grant.is_voice() {
                    powers.limits_of.entry(grant.to.0).or_default().push(given);
                }
            }
            powers.of.entry(signer).or_default().push(power);
        }
        (powers, valid)
    }

    /// Whether this statement of this signer counts.
    pub(crate) fn cover(&self, signer: &Key, hash: &StatementHash) -> bool {
        *signer == self.owner
            || self.of.get(signer).is_some_and(|powers| powers.iter().any(|one| one.covers(hash)))
    }

    /// Whether this limit of this signer counts.
    pub(crate) fn cover_limit(&self, signer: &Key, hash: &StatementHash) -> bool {
        let voices = self.limits_of.get(signer).into_iter().flatten();
        self.cover(signer, hash) || voices.into_iter().any(|one| one.covers(hash))
    }
}

impl Power {
    fn under(revokes: Option<&Vec<Revoke<'_>>>) -> Self {
        let kept = revokes.into_iter().flatten().map(|revoke| revoke.keeps.clone());
        kept.reduce(|all, one| &all & &one).map_or(Self::Everything, Self::Kept)
    }

    fn covers(&self, hash: &StatementHash) -> bool {
        match self {
            Self::Everything => true,
            Self::Kept(kept) => kept.contains(hash),
        }
    }
}
