//! Which licences of an item only so many devices may use at one time.
//!
//! A licence is named by its document, its item and its issuer, so a renewal that changes the number of
//! seats is about the same tokens. It does not say who has a seat.
//!
//! Invariant: of several claims about one licence the one with the fewest seats counts.

use std::collections::BTreeMap;

use segue_model::{Amount, DocumentId, ItemId, Proof};
use sha2::{Digest, Sha256};

use super::statement::Licence;
use crate::effective::{Effective, Heard};

const TAG: &[u8] = b"segue unproven issuer\x01";

/// The licences of an item that allow only so many seats, each with how many.
pub fn seated(document: DocumentId, item: ItemId, effective: &Effective) -> BTreeMap<Licence, u32> {
    let mut seated = BTreeMap::new();
    for heard in effective.heard.values() {
        let Some(seats) = heard.terms.amounts.get(&Amount::Seats) else { continue };
        let licence = Licence { document, item, issuer: issuer(heard) };
        let fewest = seated.entry(licence).or_insert(*seats);
        *fewest = (*fewest).min(*seats);
    }
    seated
}

/// The key of a proven issuer. Whoever is only named is the same for all who say the name.
fn issuer(heard: &Heard) -> [u8; 32] {
    match heard.proof {
        Proof::Signed { key } => key,
        Proof::Unverified(_) => {
            let mut hasher = Sha256::new();
            for part in [TAG, heard.carrier.as_bytes(), &[0], heard.issuer.as_bytes()] {
                hasher.update(part);
            }
            hasher.finalize().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use segue_model::Terms;

    use super::*;

    const DOCUMENT: DocumentId = DocumentId([1; 32]);
    const ITEM: ItemId = ItemId([2; 16]);

    fn heard(issuer: &str, proof: Proof, seats: Option<u32>) -> Heard {
        let amounts = seats.map(|seats| (Amount::Seats, seats)).into_iter().collect();
        Heard {
            said_by: [3; 32],
            carrier: "sidecar".into(),
            issuer: issuer.into(),
            licence: "loan".into(),
            serial: 1,
            issued_at: None,
            terms: Terms { amounts, ..Terms::default() },
            proof,
            note: None,
        }
    }

    fn unproven() -> Proof {
        Proof::Unverified("somebody says so".into())
    }

    fn seats(all: impl IntoIterator<Item = Heard>) -> Vec<u32> {
        let heard = (0..).zip(all).map(|(number, heard)| ([number; 32], heard)).collect();
        let effective = Effective { heard, ..Effective::default() };
        let mut seats: Vec<u32> = seated(DOCUMENT, ITEM, &effective).into_values().collect();
        seats.sort_unstable();
        seats
    }

    #[test]
    fn f42_the_fewest_seats_of_one_issuer_count_and_each_issuer_has_its_own() {
        let proven = |byte| Proof::Signed { key: [byte; 32] };
        assert!(seats([heard("a", unproven(), None)]).is_empty());
        let same = [heard("a", unproven(), Some(3)), heard("a", unproven(), Some(2))];
        assert_eq!(seats(same), [2]);
        let same = [heard("a", proven(7), Some(3)), heard("b", proven(7), Some(2))];
        assert_eq!(seats(same), [2], "a key is the same whatever it is called");
        let others = [heard("a", unproven(), Some(3)), heard("b", unproven(), Some(2))];
        assert_eq!(seats(others), [2, 3]);
        let others = [heard("a", unproven(), Some(3)), heard("a", proven(7), Some(2))];
        assert_eq!(seats(others), [2, 3]);
    }
}
