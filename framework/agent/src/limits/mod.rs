//! Limits on this device: what was said about a document's items, judged for this moment, and what carriers
//! of its libraries say anew.
//!
//! What limits mean is in `segue-limits`; what a library may be given follows from it by a policy, as everything
//! that is withheld. Here are the clock, the store and the keys.
//!
//! Invariant: what a carrier says holds from the pass that reads it, before any library is written.

pub(crate) mod ending;
pub(crate) mod issue;
mod lift;
mod observed;
mod policy;
pub(crate) mod report;
pub(crate) mod seats;
pub(crate) mod sidecars;
pub(crate) mod strike;
#[cfg(test)]
pub(crate) mod tests;
mod time;
pub(crate) mod unsaid;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use segue_access::{Members, SignedStatement, VerifiedStatement};
use segue_document::DOCUMENT_RECORD;
use segue_limits::lease::{Leases, Licence, seated};
use segue_limits::{Limits, UNREADABLE};
use segue_model::{CarriedLimit, DocumentId, ItemId};
use segue_reconcile::policy::Policy;
use segue_store::{LinkRow, Reader, StoreError};

use crate::agent::Agent;
use crate::failure::Failure;
use crate::hiding::Mark;
use crate::pass::SameAs;
use crate::peers::circle::signed;
use crate::registry::prove;
use crate::shards::Shards;
pub(crate) use observed::observed;
pub(crate) use policy::{Outlook, Withholding, plays};
use seats::View;
pub(crate) use time::{now, record};

/// Everything that was said about a document, its signatures checked.
pub(crate) struct Said {
    pub(crate) verified: Vec<VerifiedStatement>,
    pub(crate) members: Members,
    /// What follows for the document's items.
    pub(crate) limits: Limits,
    /// What was said about seats.
    leases: Option<Leases>,
    /// The licences that have seats, each with how many.
    seated: BTreeMap<Licence, u32>,
}

/// What was said of the documents that were asked for. Statements only grow, so their number says whether
/// it still holds.
#[derive(Default)]
pub(crate) struct Known(Mutex<BTreeMap<DocumentId, (u64, Arc<Said>)>>);

impl Known {
    /// Everything that was said about a document by now.
    pub(crate) fn of(
        &self,
        reader: &Reader,
        document: &DocumentId,
    ) -> Result<Arc<Said>, StoreError> {
        let count = reader.statement_count(document)?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, said)) = all.get(document)
            && *known == count
        {
            return Ok(Arc::clone(said));
        }
        let said = Arc::new(Said::load(reader, document)?);
        all.insert(*document, (count, Arc::clone(&said)));
        Ok(said)
    }
}

impl Said {
    /// Reads the statements of a document; of one that does not exist yet there are none.
    pub(crate) fn load(reader: &Reader, document: &DocumentId) -> Result<Self, StoreError> {
        let signed = reader.statements(document)?.into_iter().map(signed);
        let verified: Vec<_> = signed.filter_map(|signed| signed.verified().ok()).collect();
        let members = Members::of_verified(&verified, document);
        let limits = Limits::of(&verified, &members, &prove);
        let leases = seats::leases(&verified, &members);
        let each = |(item, effective): (&ItemId, &_)| seated(*document, *item, effective);
        let seated = limits.items().flat_map(each).collect();
        Ok(Self { verified, members, limits, leases, seated })
    }
}

fn is_unreadable(limit: &CarriedLimit) -> bool {
    limit.terms.unknown.contains(UNREADABLE)
}

/// What of limits concerns a library beside its own revision: while it is the same, no pass is due because of
/// them. And whether the library holds what it may, as far as that is known.
pub(crate) fn standing(agent: &Agent, row: &LinkRow) -> Result<(String, bool), Failure> {
    let said = agent.said.of(&agent.home.store, &row.document)?;
    let mut mark = String::new();
    let own = unsaid::of_document(&agent.home.store, row.document)?;
    if said.limits.items().next().is_some() || !own.is_empty() {
        let mut shards = Shards::new(&agent.home.store, row.document, agent.home.actor)?;
        let same = SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?);
        let view = View::of(agent, row.document, &said);
        let policy = Withholding::here(agent, &said.limits, &own, &same, &view)?;
        policy.mark().clone_into(&mut mark);
    }
    let is_known = Mark::known(&agent.home.store, row.id)?.name == mark;
    Ok((format!("{mark} {}", sidecars::fingerprint(&agent.home.store, row.id)?), is_known))
}

/// A limit that an item of a library carries.
pub(crate) type Carried = (ItemId, CarriedLimit);

/// What a pass may give, and what it has to say before.
pub(crate) struct Ruling {
    pub(crate) policy: Box<dyn Policy>,
    pub(crate) statements: Vec<SignedStatement>,
    /// How what is limited stands, to be told.
    pub(crate) limited: Option<Withholding>,
}

/// Decides about one document, with what its libraries carry.
pub(crate) struct Judge<'a> {
    agent: &'a Agent,
    document: DocumentId,
    said: Arc<Said>,
    /// Whether anybody believes what this device says.
    may_write: bool,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(agent: &'a Agent, document: DocumentId) -> Result<Self, Failure> {
        let said = agent.said.of(&agent.home.store, &document)?;
        let exists = agent.home.store.document(&document)?.is_some();
        let may_write = !exists || said.members.may_write(&agent.home.device.id());
        Ok(Self { agent, document, said, may_write })
    }

    /// Whether others take what this device writes.
    pub(crate) fn may_write(&self) -> bool {
        self.may_write
    }

    /// What libraries may be given now.
    pub(crate) fn rule(&self, carried: &[Carried], same: &SameAs) -> Result<Ruling, Failure> {
        let me = &self.agent.home.device;
        let mut statements = Vec::new();
        if self.may_write {
            statements = lift::statements(&self.said, me, self.document, carried)?;
        }
        let fresh: Vec<VerifiedStatement> =
            statements.iter().filter_map(|signed| signed.verified().ok()).collect();
        let widened = || {
            let all = self.said.verified.iter().chain(&fresh);
            Limits::of(all, &self.said.members, &prove)
        };
        let widened = (!fresh.is_empty()).then(widened);
        let limits = widened.as_ref().unwrap_or(&self.said.limits);
        let now = now(self.agent, limits)?.now;
        // In a document that begins with this pass nobody is a member yet, a reader says nothing that
        // counts, and nobody claims what cannot be read: what lies here holds here all the same.
        let is_heard = self.said.members.may_write(&me.id());
        let own: Vec<Carried> = carried
            .iter()
            .filter(|(_, limit)| !is_heard || is_unreadable(limit) || unsaid::is_kept(limit))
            .cloned()
            .collect();
        let view = View::of(self.agent, self.document, &self.said);
        let policy = Withholding::of(limits, &own, same, now, me.id(), &view);
        Ok(Ruling { policy: Box::new(policy.clone()), statements, limited: Some(policy) })
    }
}
