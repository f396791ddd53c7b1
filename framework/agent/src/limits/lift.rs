//! What carriers say, as statements of this device.
//!
//! The same carrier read again says the same, and so nothing new. A carrier that cannot be read is
//! claimed by nobody: it denies here for as long as it lies there.

use std::collections::{BTreeSet, HashSet};

use segue_access::{DeviceKey, SignedStatement, Statement};
use segue_limits::{Body, Claim};
use segue_model::DocumentId;

use super::unsaid::is_kept;
use super::{Carried, Said};
use crate::failure::Failure;

/// What this device has to say of what its libraries carry, and has not said yet.
pub(super) fn statements(
    said: &Said,
    me: &DeviceKey,
    document: DocumentId,
    carried: &[Carried],
) -> Result<Vec<SignedStatement>, Failure> {
    let known: HashSet<&[u8]> = said
        .verified
        .iter()
        .filter(|verified| *verified.signer() == me.id().0)
        .filter_map(|verified| match verified.statement() {
            Statement::Limit { body, .. } => Some(&**body),
            _ => None,
        })
        .collect();
    let refused = |error: String| Failure::refused(error, "");
    let mut fresh: BTreeSet<Box<[u8]>> = BTreeSet::new();
    for (item, limit) in carried.iter().filter(|(_, limit)| !is_kept(limit)) {
        let Some(claim) = Claim::carried(*item, limit) else { continue };
        let body =
            Body::Claim(claim.into()).encode().map_err(|error| refused(error.to_string()))?;
        if !known.contains(&*body) {
            fresh.insert(body);
        }
    }
    let sign = |body| {
        let statement = Statement::Limit { document, body };
        me.sign(&statement).map_err(|error| refused(error.to_string()))
    };
    fresh.into_iter().map(sign).collect()
}
