//! What follows what in one shard, and what of it counts.
//!
//! Pure: made from headers, without a document.

use std::collections::{BTreeMap, BTreeSet};

use segue_access::Node;
use segue_model::{ChangeHash, Heads};

/// The shape of a shard.
#[derive(Default)]
pub(crate) struct Past {
    deps: BTreeMap<ChangeHash, Vec<ChangeHash>>,
    counts: BTreeSet<ChangeHash>,
}

impl Past {
    pub(crate) fn of(nodes: &[Node], genesis: ChangeHash, counts: &BTreeSet<ChangeHash>) -> Self {
        let mut deps: BTreeMap<_, _> =
            nodes.iter().map(|node| (node.hash, node.deps.clone())).collect();
        deps.insert(genesis, Vec::new());
        let mut counts = counts.clone();
        counts.insert(genesis);
        Self { deps, counts }
    }

    /// `anew` was made on top of `at` and counts; it says what `lost` said, which does not.
    pub(crate) fn replace(&mut self, lost: ChangeHash, anew: &[ChangeHash], at: &Heads) {
        let mut before = at.hashes().to_vec();
        for change in anew {
            self.deps.insert(*change, before);
            self.counts.insert(*change);
            before = vec![*change];
        }
        self.deps.insert(lost, before);
    }

    /// Everything in whose past something is not here.
    pub(crate) fn incomplete(&self) -> BTreeSet<ChangeHash> {
        let mut dependents: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        for (change, deps) in &self.deps {
            for dep in deps {
                dependents.entry(*dep).or_default().push(*change);
            }
        }
        let missing = dependents.keys().filter(|dep| !self.deps.contains_key(dep));
        let mut from: Vec<ChangeHash> = missing.copied().collect();
        let mut found = BTreeSet::new();
        while let Some(hash) = from.pop() {
            let behind = dependents.get(&hash).into_iter().flatten();
            from.extend(behind.filter(|change| found.insert(**change)));
        }
        found
    }

    /// A state in which only what counts is named; `None` if it is one already.
    pub(crate) fn mended(&self, shown: &Heads) -> Option<Heads> {
        let is_whole = shown.hashes().iter().all(|hash| self.counts.contains(hash));
        (!is_whole).then(|| self.counted(shown.hashes()))
    }

    /// What counts of the past of a change that does not.
    pub(crate) fn seen_by(&self, change: &ChangeHash) -> Heads {
        self.counted(&[*change])
    }

    /// The last changes that count, of these and their past.
    fn counted(&self, from: &[ChangeHash]) -> Heads {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut from = from.to_vec();
        while let Some(hash) = from.pop() {
            if !seen.insert(hash) {
                continue;
            }
            if self.counts.contains(&hash) {
                found.insert(hash);
            } else {
                from.extend(self.deps.get(&hash).into_iter().flatten());
            }
        }
        let mut behind = BTreeSet::new();
        let deps = |hash: &ChangeHash| self.deps.get(hash).into_iter().flatten().copied();
        let mut from: Vec<ChangeHash> = found.iter().flat_map(deps).collect();
        while let Some(hash) = from.pop() {
            if behind.insert(hash) {
                from.extend(deps(&hash));
            }
        }
        Heads::new(found.difference(&behind).copied().collect())
    }
}
