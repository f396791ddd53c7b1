//! Which changes of one shard count: a pure function of the statements and of the changes.
//!
//! Changes of live writers count, those within the cuts of revoked ones, and all that these were
//! made upon: an honest edit stays although what it was made upon came from somebody who was
//! revoked. A device that writes two changes of one number (*equivocates*) is answered the same
//! everywhere: the change of the lower hash stays, the other and all that was made upon it is
//! quarantined, and its honest authors write it anew.
//!
//! Invariants: no order of delivery makes a difference; what is admitted is causally closed; a
//! change that misses an ancestor counts nothing until it comes.

use std::collections::{BTreeMap, BTreeSet};

use segue_model::{ChangeHash, DeviceId};

use crate::actor;
use crate::{Cut, Members, Standing};

/// A change, as far as admission looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its hash.
    pub hash: ChangeHash,
    /// Who signed it.
    pub author: DeviceId,
    /// Its automerge actor. One that is not the author's counts nothing.
    pub actor: Vec<u8>,
    /// Its number among the changes of this actor.
    pub seq: u64,
    /// The changes that it was made upon.
    pub deps: Vec<ChangeHash>,
}

/// The state of one shard's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// What counts.
    pub admitted: BTreeSet<ChangeHash>,
    /// What would count, but for a device that equivocated.
    pub quarantined: BTreeSet<ChangeHash>,
    /// Who did, sorted.
    pub equivocations: Vec<Equivocation>,
}

/// Two changes of one device with one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Equivocation {
    /// Whose they are.
    pub author: DeviceId,
    /// The one that stays.
    pub stays: ChangeHash,
    /// One that goes.
    pub goes: ChangeHash,
}

/// Judges the changes of a shard. Everybody has the `genesis` of a shard; it needs no author.
pub fn admission<'n>(
    members: &Members,
    shard: u8,
    genesis: &ChangeHash,
    nodes: impl IntoIterator<Item = &'n Node>,
) -> Admission {
    let graph = Graph::of(genesis, nodes);
    let counts = graph.past(graph.seeds(members, shard), &graph.complete);
    let equivocations = graph.equivocations(&counts);
    let goes = equivocations.iter().filter_map(|two| position(&graph.nodes, &two.goes));
    let quarantined = graph.future(goes.collect(), &counts);
    let hashes = |chosen: &dyn Fn(usize) -> bool| {
        (0..graph.nodes.len()).filter(|at| chosen(*at)).map(|at| graph.nodes[at].hash).collect()
    };
    Admission {
        admitted: hashes(&|at| counts[at] && !quarantined[at]),
        quarantined: hashes(&|at| quarantined[at]),
        equivocations,
    }
}

/// The admitted changes of a device that no other of its admitted changes was made upon: what a
/// revoke names in its cut, so that all that counts now goes on counting.
pub fn cut_heads<'n>(
    device: &DeviceId,
    admission: &Admission,
    genesis: &ChangeHash,
    nodes: impl IntoIterator<Item = &'n Node>,
) -> BTreeSet<ChangeHash> {
    let admitted = nodes.into_iter().filter(|node| admission.admitted.contains(&node.hash));
    let graph = Graph::of(genesis, admitted);
    let own = |at: &usize| graph.nodes[*at].author == *device;
    let before = (0..graph.nodes.len()).filter(own).flat_map(|at| &graph.deps[at]).copied();
    let past = graph.past(before.collect(), &graph.complete);
    let last = (0..graph.nodes.len()).filter(own).filter(|at| !past[*at]);
    last.map(|at| graph.nodes[at].hash).collect()
}

/// The changes that are their authors', with who was made upon whom.
struct Graph<'n> {
    /// Sorted by hash.
    nodes: Vec<&'n Node>,
    deps: Vec<Vec<usize>>,
    dependents: Vec<Vec<usize>>,
    /// Whose ancestors are all here.
    complete: Vec<bool>,
}

impl<'n> Graph<'n> {
    fn of(genesis: &ChangeHash, nodes: impl IntoIterator<Item = &'n Node>) -> Self {
        let mut bound: BTreeMap<DeviceId, [u8; 12]> = BTreeMap::new();
        let mut own: BTreeMap<ChangeHash, &Node> = BTreeMap::new();
        for node in nodes {
            let bound = bound.entry(node.author).or_insert_with(|| actor::bound(&node.author));
            if actor::own_part(&node.actor).is_some_and(|actor| actor.starts_with(&bound[..])) {
                own.insert(node.hash, node);
            }
        }
        let nodes: Vec<&Node> = own.into_values().collect();
        let mut dependents = vec![Vec::new(); nodes.len()];
        let mut deps = vec![Vec::new(); nodes.len()];
        let mut missing = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            for dep in node.deps.iter().filter(|dep| *dep != genesis) {
                match position(&nodes, dep) {
                    Some(dep) => {
                        deps[at].push(dep);
                        dependents[dep].push(at);
                    }
                    None => missing.push(at),
                }
            }
        }
        let everything = vec![true; nodes.len()];
        let mut graph = Self { nodes, deps, dependents, complete: Vec::new() };
        graph.complete = graph.future(missing, &everything).iter().map(|waits| !waits).collect();
        graph
    }

    /// What counts by itself: changes of live writers, and those within cuts.
    fn seeds(&self, members: &Members, shard: u8) -> Vec<usize> {
        let mut of: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for at in (0..self.nodes.len()).filter(|at| self.complete[*at]) {
            of.entry(self.nodes[at].author).or_default().push(at);
        }
        let mut seeds = Vec::new();
        for (author, own) in of {
            match members.standing(&author) {
                Standing::Writer => seeds.extend(own),
                Standing::Cut(grants) => {
                    for cuts in grants {
                        seeds.extend(self.within(cuts, shard, &own));
                    }
                }
                Standing::Stranger => {}
            }
        }
        seeds
    }

    /// Those of `own` that all these cuts let count.
    fn within(&self, cuts: &[Cut], shard: u8, own: &[usize]) -> Vec<usize> {
        let everything = vec![true; self.nodes.len()];
        let mut left = own.to_vec();
        for cut in cuts {
            // Whoever signs a thousand cuts shall not make everybody walk a thousand times.
            if left.is_empty() {
                break;
            }
            let heads = cut.get(&shard).into_iter().flatten();
            let heads = heads.filter_map(|head| position(&self.nodes, head)).collect();
            let past = self.past(heads, &everything);
            left.retain(|at| past[*at]);
        }
        left
    }

    /// Among what counts, each two changes of one actor with one number.
    fn equivocations(&self, counts: &[bool]) -> Vec<Equivocation> {
        let mut first: BTreeMap<(&[u8], u64), usize> = BTreeMap::new();
        let mut found = Vec::new();
        // The first of a number has the lowest hash.
        for at in (0..self.nodes.len()).filter(|at| counts[*at]) {
            let Node { hash, author, actor, seq, .. } = self.nodes[at];
            let stays = *first.entry((actor, *seq)).or_insert(at);
            if stays != at {
                let stays = self.nodes[stays].hash;
                found.push(Equivocation { author: *author, stays, goes: *hash });
            }
        }
        found.sort_unstable();
        found
    }

    fn past(&self, from: Vec<usize>, within: &[bool]) -> Vec<bool> {
        reach(from, &self.deps, within)
    }

    fn future(&self, from: Vec<usize>, within: &[bool]) -> Vec<bool> {
        reach(from, &self.dependents, within)
    }
}

fn position(sorted: &[&Node], hash: &ChangeHash) -> Option<usize> {
    sorted.binary_search_by(|node| node.hash.cmp(hash)).ok()
}

/// Whatever can be reached, the beginnings included.
fn reach(mut from: Vec<usize>, edges: &[Vec<usize>], within: &[bool]) -> Vec<bool> {
    let mut reached = vec![false; edges.len()];
    while let Some(at) = from.pop() {
        if within[at] && !reached[at] {
            reached[at] = true;
            from.extend(&edges[at]);
        }
    }
    reached
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
