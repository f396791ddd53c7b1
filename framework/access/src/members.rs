//! Who has which role in a document, and up to where each device's changes count: a pure function
//! of the set of statements.
//!
//! The owner, or an admin device whose role has no end, grants and revokes. Whose word counts is
//! asked twice. *Ever*: a device that was ever an admin may revoke, unless the owner revoked it
//! before; so two admins who revoke each other are both out. *Now*: a grant is valid if somebody
//! gave it whose own right no such revoke took, or if that revoke keeps it. No clock is read: an
//! end ([`Members::role_at`]) decides whether we talk to a device, never whether changes count.
//!
//! Limits count if their signer could *ever* write, so nobody but the owner loosens one by a revoke.
//!
//! Invariants: order, repeats and statements that do not matter make no difference; what is not
//! [relevant](Members::is_relevant) can be left out; nothing takes the owner's word away.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{DeviceId, DocumentId, PersonId};

use crate::powers::{Grant, Grants, Key, Powers, Revoke, Revokes};
use crate::{Cut, Role, SignedStatement, Statement, StatementHash, VerifiedStatement};

/// So many statements a revoke names, beside the heads of every shard.
const KEPT_MAX: usize = 1_500;

/// The devices of a document, with what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    document: DocumentId,
    owner: Option<PersonId>,
    devices: BTreeMap<DeviceId, Member>,
    /// Who could ever say what, which decides what is relevant.
    ever: Powers,
    /// The grants that were ever valid and that the owner did not revoke.
    ever_granted: BTreeMap<DeviceId, BTreeSet<StatementHash>>,
    names: BTreeMap<DeviceId, Name>,
    relevant: BTreeMap<StatementHash, Said>,
}

/// What [`Members::said_by`] asks of a relevant statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    signer: Key,
    is_limit: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Member {
    live: BTreeMap<StatementHash, (Role, Option<i64>)>,
    cuts: Vec<Vec<Cut>>,
}

/// A name, in the order in which names are preferred: the owner's word, then the lowest hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    is_strangers: bool,
    hash: StatementHash,
    person: PersonId,
    text: Box<str>,
}

/// Which of a device's changes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'m> {
    /// All.
    Writer,
    /// Those within all cuts of one of its revoked grants.
    Cut(&'m [Vec<Cut>]),
    /// None of its own.
    Stranger,
}

/// Whether all changes of `device` count in `document`.
pub fn may_write(statements: &[SignedStatement], document: &DocumentId, device: &DeviceId) -> bool {
    Members::of(statements, document).may_write(device)
}

impl Members {
    /// Reads the set; statements that do not verify, or speak of other documents, count nothing.
    /// Each signature is checked once here, so keep the result.
    pub fn of(statements: &[SignedStatement], document: &DocumentId) -> Self {
        let verified: Vec<VerifiedStatement> =
            statements.iter().filter_map(|signed| signed.verified().ok()).collect();
        Self::of_verified(&verified, document)
    }

    /// Reads a set of statements whose signatures were checked.
    pub fn of_verified<'s>(
        statements: impl IntoIterator<Item = &'s VerifiedStatement> + Clone,
        document: &DocumentId,
    ) -> Self {
        let mut members = Self {
            document: *document,
            owner: None,
            devices: BTreeMap::new(),
            ever: Powers::default(),
            ever_granted: BTreeMap::new(),
            names: BTreeMap::new(),
            relevant: BTreeMap::new(),
        };
        let (grants, revokes) = members.sort(statements.clone());
        if let Some(owner) = members.owner {
            members.judge(owner, &grants, revokes);
            members.keep_relevant(statements);
        }
        members
    }

    /// Finds the owner, and the grants and revokes of this document.
    fn sort<'s>(
        &mut self,
        statements: impl IntoIterator<Item = &'s VerifiedStatement>,
    ) -> (Grants, BTreeMap<StatementHash, (StatementHash, Revoke<'s>)>) {
        let (mut grants, mut revokes) = (Grants::new(), BTreeMap::new());
        for verified in statements {
            let (signer, hash) = (*verified.signer(), verified.hash());
            if verified.statement().document() != Some(self.document) {
                continue;
            }
            match verified.statement() {
                Statement::Root { person, .. } => self.owner = Some(*person),
                Statement::Grant { to, role, until, .. } => {
                    grants.insert(hash, Grant { signer, to: *to, role: *role, until: *until });
                }
                Statement::Revoke { grant, keeps, cut, .. } => {
                    revokes.insert(hash, (*grant, Revoke { signer, hash, keeps, cut }));
                }
                Statement::Device { .. } | Statement::Limit { .. } | Statement::Unknown { .. } => {}
            }
        }
        (grants, revokes)
    }

    fn judge(
        &mut self,
        PersonId(owner): PersonId,
        grants: &Grants,
        revokes: BTreeMap<StatementHash, (StatementHash, Revoke<'_>)>,
    ) {
        let mut owners = Revokes::new();
        for (grant, revoke) in revokes.values().filter(|(_, revoke)| revoke.signer == owner) {
            owners.entry(*grant).or_default().push(*revoke);
        }
        let (ever, ever_valid) = Powers::follow(owner, grants, &owners);
        let mut counted = Revokes::new();
        for (grant, revoke) in revokes.into_values() {
            if ever.cover(&revoke.signer, &revoke.hash) {
                counted.entry(grant).or_default().push(revoke);
            }
        }
        let (_, valid) = Powers::follow(owner, grants, &counted);
        for (hash, grant) in valid.iter().filter_map(|hash| Some((*hash, grants.get(hash)?))) {
            let member = self.devices.entry(grant.to).or_default();
            match counted.get(&hash) {
                None => drop(member.live.insert(hash, (grant.role, grant.until))),
                Some(revokes) if grant.role >= Role::Write => {
                    let cuts: BTreeSet<&Cut> = revokes.iter().map(|revoke| revoke.cut).collect();
                    member.cuts.push(cuts.into_iter().cloned().collect());
                }
                Some(_) => {}
            }
        }
        for (hash, grant) in ever_valid.iter().filter_map(|hash| Some((*hash, grants.get(hash)?))) {
            let unrevoked = self.ever_granted.entry(grant.to).or_default();
            if !owners.contains_key(&hash) {
                unrevoked.insert(hash);
            }
        }
        self.ever = ever;
    }

    /// Names first: of those that a device was given, one is relevant.
    fn keep_relevant<'s>(
        &mut self,
        statements: impl IntoIterator<Item = &'s VerifiedStatement> + Clone,
    ) {
        for verified in statements.clone() {
            if let Some((device, name)) = self.name_in(verified)
                && self.names.get(&device).is_none_or(|other| name < *other)
            {
                self.names.insert(device, name);
            }
        }
        let relevant = statements.into_iter().filter(|verified| self.matters(verified));
        self.relevant = relevant.map(|verified| (verified.hash(), Said::of(verified))).collect();
    }

    fn name_in(&self, verified: &VerifiedStatement) -> Option<(DeviceId, Name)> {
        let Statement::Device { person, device, name } = verified.statement() else { return None };
        let is_strangers = self.owner != Some(*person);
        let name =
            Name { is_strangers, hash: verified.hash(), person: *person, text: name.clone() };
        self.ever_granted.contains_key(device).then_some((*device, name))
    }

    /// Whether a statement whose signature was checked counts, as [`is_relevant`](Self::is_relevant)
    /// says of others.
    pub fn matters(&self, verified: &VerifiedStatement) -> bool {
        match verified.statement() {
            Statement::Device { .. } => self.name_in(verified).is_some_and(|(device, name)| {
                self.names.get(&device).is_none_or(|best| name <= *best)
            }),
            Statement::Root { .. } => verified.statement().document() == Some(self.document),
            Statement::Unknown { .. } => self.ever.cover(verified.signer(), &verified.hash()),
            Statement::Grant { document, .. } | Statement::Revoke { document, .. } => {
                *document == self.document && self.ever.cover(verified.signer(), &verified.hash())
            }
            Statement::Limit { document, .. } => {
                *document == self.document
                    && self.ever.cover_limit(verified.signer(), &verified.hash())
            }
        }
    }

    /// Whether a statement, in this set or not, is worth keeping and passing on: it is valid and
    /// can matter. What cannot is not counted into what peers compare, so nobody can flood it.
    /// One statement may matter because of another: ask the members of a set that holds all that
    /// a message brings.
    pub fn is_relevant(&self, signed: &SignedStatement) -> bool {
        signed.verified().is_ok_and(|verified| self.matters(&verified))
    }

    /// The relevant statements of the set, sorted: what peers compare.
    pub fn relevant(&self) -> impl Iterator<Item = &StatementHash> {
        self.relevant.keys()
    }

    /// What a device said that is relevant, and a revoke of its grants shall keep: as much of it
    /// as fits into one, and limits last.
    pub fn said_by(&self, device: &DeviceId) -> BTreeSet<StatementHash> {
        let own = || self.relevant.iter().filter(|(_, said)| said.signer == device.0);
        let limits = own().filter(|(_, said)| said.is_limit);
        let said = own().filter(|(_, said)| !said.is_limit).chain(limits);
        said.map(|(hash, _)| *hash).take(KEPT_MAX).collect()
    }

    /// The person whose document it is, if the set holds the root statement.
    pub fn owner(&self) -> Option<PersonId> {
        self.owner
    }

    /// What people call the device. Only a name: it gives no right and proves nothing.
    pub fn name(&self, device: &DeviceId) -> Option<&str> {
        self.names.get(device).map(|name| &*name.text)
    }

    /// Who says that the device is theirs.
    pub fn person(&self, device: &DeviceId) -> Option<PersonId> {
        self.names.get(device).map(|name| name.person)
    }

    /// The devices that have a role, sorted, each with its highest.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, Role)> {
        self.devices.keys().filter_map(|device| Some((*device, self.role(device)?)))
    }

    /// The grants that the owner has to revoke so that the device is heard no more: also those
    /// which only others revoked, since whom an admin revoked may still revoke that admin.
    pub fn unsilenced(&self, device: &DeviceId) -> impl Iterator<Item = StatementHash> {
        self.ever_granted.get(device).into_iter().flatten().copied()
    }

    /// The grants that give the device its roles, with their ends: what a revoke has to name.
    pub fn grants(
        &self,
        device: &DeviceId,
    ) -> impl Iterator<Item = (StatementHash, Role, Option<i64>)> {
        let live = self.devices.get(device).into_iter().flat_map(|member| &member.live);
        live.map(|(hash, (role, until))| (*hash, *role, *until))
    }

    /// The highest role of its unrevoked grants, whether they have ended or not.
    pub fn role(&self, device: &DeviceId) -> Option<Role> {
        self.grants(device).map(|(_, role, _)| role).max()
    }

    /// The highest role that has not ended at `now`, in Unix seconds.
    pub fn role_at(&self, device: &DeviceId, now: i64) -> Option<Role> {
        let live =
            self.grants(device).filter(|(_, _, until)| until.is_none_or(|until| now < until));
        live.map(|(_, role, _)| role).max()
    }

    /// Whether the device may grant and revoke.
    pub fn is_admin(&self, device: &DeviceId) -> bool {
        self.grants(device).any(|(_, role, until)| role == Role::Admin && until.is_none())
    }

    /// Whether all changes of this device count.
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.role(device) >= Some(Role::Write)
    }

    /// Which of the device's changes count.
    pub fn standing(&self, device: &DeviceId) -> Standing<'_> {
        match self.devices.get(device) {
            Some(_) if self.may_write(device) => Standing::Writer,
            Some(member) if !member.cuts.is_empty() => Standing::Cut(&member.cuts),
            _ => Standing::Stranger,
        }
    }
}

impl Said {
    fn of(verified: &VerifiedStatement) -> Self {
        let is_limit = matches!(verified.statement(), Statement::Limit { .. });
        Self { signer: *verified.signer(), is_limit }
    }
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "limits_tests.rs"]
mod limits_tests;
