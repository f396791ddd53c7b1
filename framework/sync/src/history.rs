//! The shape of one shard's log: what follows what. A help for whoever implements
//! [`Replica`](crate::Replica): it answers what a peer lacks and where two histories may part.

use std::collections::{BTreeSet, HashMap, HashSet};

use segue_model::ChangeHash;

use crate::limits::LOCATOR_MAX;
use crate::{ShortHash, short};

/// Heads that a locator names at one distance.
const HEADS_AT_ONE_DISTANCE: usize = 4;

/// Changes in the order of the log, each after those it builds on.
#[derive(Debug, Clone, Default)]
pub struct History {
    order: Vec<(ChangeHash, Vec<usize>)>,
    place: HashMap<ShortHash, usize>,
}

impl History {
    /// Appends a change. What it builds on must be there already, or lie before the log.
    pub fn push(&mut self, hash: ChangeHash, builds_on: &[ChangeHash]) {
        if !self.contains(&short(&hash)) {
            let parents = builds_on.iter().filter_map(|hash| self.place.get(&short(hash)).copied());
            let parents = parents.collect();
            self.place.insert(short(&hash), self.order.len());
            self.order.push((hash, parents));
        }
    }

    /// Whether the change is there.
    pub fn contains(&self, hash: &ShortHash) -> bool {
        self.place.contains_key(hash)
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The changes that are neither among `known` nor in their past, in the order of the log. Known
    /// ones that are not there are ignored.
    pub fn missing(&self, known: &BTreeSet<ShortHash>) -> impl Iterator<Item = ChangeHash> {
        let mut is_known = vec![false; self.order.len()];
        for place in known.iter().filter_map(|hash| self.place.get(hash)) {
            is_known[*place] = true;
        }
        // Parents come first, so one walk from the end finds all that lies behind.
        for index in (0..self.order.len()).rev().filter(|_| !known.is_empty()) {
            if is_known[index] {
                for parent in &self.order[index].1 {
                    is_known[*parent] = true;
                }
            }
        }
        let unknown = self.order.iter().zip(is_known).filter(|(_, is_known)| !is_known);
        unknown.map(|((hash, _), _)| *hash)
    }

    /// The heads of the log as it was 1, 2, 4, 8 … changes ago, the latest first. However far the
    /// history of a peer went its own way, one of these lies at most twice as far back.
    pub fn locator(&self) -> Vec<ShortHash> {
        let marks: BTreeSet<usize> = (0..usize::BITS)
            .map_while(|power| self.order.len().checked_sub(1 << power))
            .filter(|length| *length > 0)
            .collect();
        let mut heads = HashSet::new();
        let mut found = Vec::new();
        for (index, (_, parents)) in self.order.iter().enumerate() {
            for parent in parents {
                heads.remove(parent);
            }
            heads.insert(index);
            if marks.contains(&(index + 1)) {
                let mut heads: Vec<usize> = heads.iter().copied().collect();
                heads.sort_unstable_by(|a, b| b.cmp(a));
                heads.truncate(HEADS_AT_ONE_DISTANCE);
                found.push(heads);
            }
        }
        let mut seen = HashSet::new();
        let latest_first = found.into_iter().rev().flatten().filter(|index| seen.insert(*index));
        latest_first.take(LOCATOR_MAX).map(|index| short(&self.order[index].0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u32) -> ChangeHash {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ChangeHash(bytes)
    }

    fn line(length: u32) -> History {
        let mut history = History::default();
        for number in 0..length {
            history.push(hash(number), &[hash(number.wrapping_sub(1))]);
        }
        history
    }

    #[test]
    fn what_is_missing_is_what_lies_in_no_known_past() {
        let mut history = line(10);
        history.push(hash(20), &[hash(4)]);
        history.push(hash(30), &[hash(20), hash(9)]);
        let missing = |known: &[u32]| -> Vec<ChangeHash> {
            history.missing(&known.iter().map(|number| short(&hash(*number))).collect()).collect()
        };
        assert_eq!(missing(&[]).len(), 12);
        assert_eq!(missing(&[30]), []);
        assert_eq!(missing(&[20]), [5, 6, 7, 8, 9, 30].map(hash));
        assert_eq!(missing(&[8, 20, 77]), [9, 30].map(hash));
    }

    #[test]
    fn a_locator_is_short_and_goes_back_by_doubling() {
        let locator = line(1000).locator();
        let numbers = [998, 997, 995, 991, 983, 967, 935, 871, 743, 487];
        assert_eq!(locator, numbers.map(|number| short(&hash(number))));
        assert!(line(1).locator().is_empty());
        assert!(line(1_000_000).locator().len() <= 20);
    }
}
