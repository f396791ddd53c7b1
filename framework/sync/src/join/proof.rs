//! Which statements a joiner needs to see that it is in.
//!
//! Grants only: revokes take away, may be large, and come with the first session. So what is sent is the shortest
//! line of grants from the owner to each of the two devices.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::{Members, Role, SignedStatement, Statement, StatementHash, VerifiedStatement};
use segue_model::{DeviceId, DocumentId, PersonId};

use super::STATEMENTS_MAX;
use super::frame::Welcome;
use crate::packed::List;

/// The root, and what shows that `joiner` has this role and `inviter` one; without addresses. `None` if the joiner
/// has no such role.
pub(super) fn of(
    statements: &[SignedStatement],
    document: &DocumentId,
    (joiner, role): (&DeviceId, Role),
    inviter: &DeviceId,
) -> Option<Welcome> {
    let verified: Vec<VerifiedStatement> =
        statements.iter().filter_map(|signed| signed.verified().ok()).collect();
    let members = Members::of_verified(&verified, document);
    let owner = members.owner()?;
    let grants = Grants::of(&verified, document, owner);
    let lasting = |until: &Option<i64>| until.unwrap_or(i64::MAX);
    let as_promised = members.grants(joiner).filter(|(_, granted, _)| *granted == role);
    let granted = as_promised.max_by_key(|(_, _, until)| lasting(until))?.0;
    let own = members.grants(inviter).max_by_key(|(_, role, until)| (*role, lasting(until)));

    let mut shown = Vec::new();
    shown.extend(grants.line(granted)?);
    shown.extend(own.and_then(|(own, _, _)| grants.line(own)).into_iter().flatten());
    let names = [joiner, inviter].into_iter().filter_map(|device| {
        let person = members.person(device)?;
        let said = verified.iter().find(|said| {
            matches!(said.statement(), Statement::Device { person: other, device: named, .. }
                if *other == person && named == device)
        });
        said.map(VerifiedStatement::hash)
    });
    shown.extend(names);

    let by_hash: BTreeMap<StatementHash, &SignedStatement> =
        statements.iter().map(|signed| (signed.hash(), signed)).collect();
    let is_root = |said: &&VerifiedStatement| {
        matches!(said.statement(), Statement::Root { .. })
            && said.statement().document() == Some(*document)
    };
    let root = by_hash.get(&verified.iter().find(is_root)?.hash())?;
    let mut seen = BTreeSet::new();
    shown.retain(|hash| seen.insert(*hash));
    let shown = shown.iter().filter_map(|hash| by_hash.get(hash));
    let list: Vec<_> = shown.map(|signed| (*signed).clone().into()).collect();
    (list.len() <= STATEMENTS_MAX).then(|| Welcome {
        root: (*root).clone().into(),
        statements: List(list),
        addresses: List::default(),
    })
}

/// Who granted whom, of one document.
struct Grants {
    owner: [u8; 32],
    signers: BTreeMap<StatementHash, [u8; 32]>,
    /// By device, a grant that lets it grant: of those, one that is the nearest to the owner.
    powers: BTreeMap<[u8; 32], StatementHash>,
}

impl Grants {
    fn of(verified: &[VerifiedStatement], document: &DocumentId, owner: PersonId) -> Self {
        let (mut signers, mut by_signer) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for said in verified {
            let Statement::Grant { document: of, to, role, until, .. } = said.statement() else {
                continue;
            };
            if of == document {
                signers.insert(said.hash(), *said.signer());
                if *role == Role::Admin && until.is_none() {
                    by_signer.entry(*said.signer()).or_default().push((to.0, said.hash()));
                }
            }
        }
        let mut powers = BTreeMap::new();
        let mut nearest = vec![owner.0];
        while !nearest.is_empty() {
            let mut next = Vec::new();
            for (to, hash) in nearest.iter().filter_map(|from| by_signer.get(from)).flatten() {
                if *to != owner.0 && !powers.contains_key(to) {
                    powers.insert(*to, *hash);
                    next.push(*to);
                }
            }
            nearest = next;
        }
        Self { owner: owner.0, signers, powers }
    }

    /// The grant, and those by which its signer could give it, up to the owner.
    fn line(&self, grant: StatementHash) -> Option<Vec<StatementHash>> {
        let mut line = vec![grant];
        let mut signer = self.signers.get(&grant)?;
        while *signer != self.owner {
            let power = self.powers.get(signer)?;
            line.push(*power);
            signer = self.signers.get(power)?;
        }
        Some(line)
    }
}
