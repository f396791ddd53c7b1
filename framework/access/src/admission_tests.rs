use segue_model::{DocumentId, PersonId};

use super::*;
use crate::{Role, Statement, StatementHash, VerifiedStatement, actor_of};

const OWNER: [u8; 32] = [200; 32];
const GENESIS: ChangeHash = ChangeHash([0; 32]);
const SHARD: u8 = 7;

fn hash(byte: u8) -> ChangeHash {
    ChangeHash([byte; 32])
}

fn device(byte: u8) -> DeviceId {
    DeviceId([byte; 32])
}

/// A change of `author` with this number; the author's n-th device actor, upon `deps`.
fn node(byte: u8, author: u8, seq: u64, deps: &[u8]) -> Node {
    Node {
        hash: hash(byte),
        author: device(author),
        actor: actor_of(&device(author), [0; 4]).to_vec(),
        seq,
        deps: deps.iter().map(|dep| hash(*dep)).collect(),
    }
}

struct World {
    document: DocumentId,
    set: Vec<VerifiedStatement>,
}

/// The devices 1, 2 and 3 may write.
fn world() -> World {
    let root = Statement::Root { person: PersonId(OWNER), schema: "x".into(), nonce: [0; 16] };
    let document = root.document().unwrap();
    let mut world = World { document, set: vec![VerifiedStatement::assume(OWNER, root)] };
    for byte in [1, 2, 3] {
        world.grant(byte);
    }
    world
}

impl World {
    fn say(&mut self, statement: Statement) -> StatementHash {
        let verified = VerifiedStatement::assume(OWNER, statement);
        let hash = verified.hash();
        self.set.push(verified);
        hash
    }

    fn grant(&mut self, to: u8) -> StatementHash {
        let (document, nonce) = (self.document, [self.set.len() as u8; 16]);
        let (to, role) = (device(to), Role::Write);
        self.say(Statement::Grant { document, nonce, to, role, until: None })
    }

    /// Revokes every grant of a device; its changes count up to these heads.
    fn revoke(&mut self, of: u8, shard: u8, heads: &[u8]) {
        let members = Members::of_verified(&self.set, &self.document);
        let grants: Vec<StatementHash> = members.grants(&device(of)).map(|grant| grant.0).collect();
        for grant in grants {
            self.revoke_grant(grant, shard, heads);
        }
    }

    fn revoke_grant(&mut self, grant: StatementHash, shard: u8, heads: &[u8]) {
        let heads: BTreeSet<ChangeHash> = heads.iter().map(|byte| hash(*byte)).collect();
        let cut = if heads.is_empty() { Cut::new() } else { [(shard, heads)].into() };
        let (document, keeps) = (self.document, BTreeSet::new());
        self.say(Statement::Revoke { document, grant, keeps, cut });
    }

    fn judge(&self, nodes: &[Node]) -> Admission {
        let members = Members::of_verified(&self.set, &self.document);
        let admission = admission(&members, SHARD, &GENESIS, nodes);
        let mut other = nodes.to_vec();
        other.reverse();
        other.extend_from_slice(nodes);
        assert_eq!(super::admission(&members, SHARD, &GENESIS, &other), admission);
        admission
    }

    fn admitted(&self, nodes: &[Node]) -> Vec<u8> {
        self.judge(nodes).admitted.iter().map(|hash| hash.0[0]).collect()
    }
}

#[test]
fn changes_of_writers_count_and_those_of_strangers_do_not() {
    let nodes = [node(10, 1, 1, &[0]), node(11, 2, 1, &[10]), node(12, 9, 1, &[0])];
    assert_eq!(world().admitted(&nodes), [10, 11]);
}

#[test]
fn a_change_that_misses_an_ancestor_waits_with_all_that_follows() {
    let nodes = [
        node(10, 1, 1, &[0]),
        node(11, 1, 2, &[10, 99]),
        node(12, 2, 1, &[11]),
        node(13, 3, 1, &[10]),
    ];
    assert_eq!(world().admitted(&nodes), [10, 13]);
    let came = [&nodes[..], &[node(99, 3, 2, &[13])]].concat();
    assert_eq!(world().admitted(&came), [10, 11, 12, 13, 99]);
}

#[test]
fn f40_changes_after_the_cut_do_not_count() {
    let mut world = world();
    let nodes = [node(10, 1, 1, &[0]), node(11, 1, 2, &[10]), node(12, 1, 3, &[11])];
    world.revoke(1, SHARD, &[11]);
    assert_eq!(world.admitted(&nodes), [10, 11]);
}

#[test]
fn f40_what_somebody_honest_built_on_counts_and_so_does_their_work() {
    let mut world = world();
    let nodes =
        [node(10, 1, 1, &[0]), node(11, 1, 2, &[10]), node(12, 2, 1, &[11]), node(13, 1, 3, &[12])];
    world.revoke(1, SHARD, &[10]);
    assert_eq!(world.admitted(&nodes), [10, 11, 12], "11 because of 12; 13 is too late");
}

#[test]
fn a_cut_is_of_one_shard() {
    let mut world = world();
    world.revoke(1, SHARD + 1, &[10]);
    assert_eq!(world.admitted(&[node(10, 1, 1, &[0])]), [0u8; 0]);
}

#[test]
fn f40_concurrent_cuts_of_one_grant_intersect() {
    let mut world = world();
    let grant = world.set[1].hash();
    let nodes = [node(10, 1, 1, &[0]), node(11, 1, 2, &[10]), node(12, 1, 1, &[0])];
    world.revoke_grant(grant, SHARD, &[11]);
    world.revoke_grant(grant, SHARD, &[10, 12]);
    assert_eq!(world.admitted(&nodes), [10]);
}

#[test]
fn cuts_of_two_grants_unite() {
    let mut world = world();
    let (first, second) = (world.set[1].hash(), world.grant(1));
    let mut nodes = [node(10, 1, 1, &[0]), node(11, 1, 1, &[0]), node(12, 1, 2, &[11])];
    nodes[0].actor[15] = 1;
    world.revoke_grant(first, SHARD, &[10]);
    world.revoke_grant(second, SHARD, &[11]);
    assert_eq!(world.admitted(&nodes), [10, 11]);
}

#[test]
fn a_device_that_is_granted_again_counts_as_a_whole() {
    let mut world = world();
    world.revoke(1, SHARD, &[]);
    let nodes = [node(10, 1, 1, &[0])];
    assert_eq!(world.admitted(&nodes), [0u8; 0]);
    world.grant(1);
    assert_eq!(world.admitted(&nodes), [10]);
}

#[test]
fn f15_of_two_changes_with_one_number_the_lower_hash_stays() {
    let nodes = [
        node(10, 1, 1, &[0]),
        node(11, 1, 1, &[0]),
        node(12, 2, 1, &[11]),
        node(13, 3, 1, &[10]),
        node(14, 2, 2, &[12, 13]),
        node(15, 3, 2, &[13]),
    ];
    let found = world().judge(&nodes);
    assert_eq!(found.admitted, [10, 13, 15].map(hash).into());
    assert_eq!(found.quarantined, [11, 12, 14].map(hash).into());
    let culprit = Equivocation { author: device(1), stays: hash(10), goes: hash(11) };
    assert_eq!(found.equivocations, [culprit]);
}

#[test]
fn f40_a_second_change_after_a_revoke_drives_nothing_out() {
    let mut world = world();
    let honest = [node(20, 1, 1, &[0]), node(21, 2, 1, &[20])];
    world.revoke(1, SHARD, &[20]);
    let lower = [&honest[..], &[node(10, 1, 1, &[0])]].concat();
    assert_eq!(world.admitted(&lower), [20, 21]);
    assert_eq!(world.judge(&lower).equivocations, []);
}

#[test]
fn f40_what_a_revoker_saw_goes_on_counting() {
    let mut world = world();
    let mut nodes = [
        node(10, 1, 1, &[0]),
        node(11, 2, 1, &[10]),
        node(12, 1, 2, &[11]),
        node(13, 1, 1, &[10]),
        node(14, 2, 2, &[12, 13]),
        node(15, 1, 3, &[99]),
    ];
    nodes[3].actor[15] = 1;
    let heads = cut_heads(&device(1), &world.judge(&nodes), &GENESIS, &nodes);
    assert_eq!(heads, [12, 13].map(hash).into(), "10 is below them, and 15 waits");
    world.revoke(1, SHARD, &[12, 13]);
    assert_eq!(world.admitted(&nodes), [10, 11, 12, 13, 14]);
}

#[test]
fn branches_and_incarnations_have_numbers_of_their_own() {
    let mut nodes = [node(10, 1, 1, &[0]), node(11, 1, 1, &[0]), node(12, 1, 1, &[0])];
    nodes[1].actor[15] = 1;
    nodes[2].actor.splice(0..0, [0x13, 0xb2, 0x23, 0x09, 1]);
    assert_eq!(world().admitted(&nodes), [10, 11, 12]);
}

#[test]
fn f15_a_forged_actor_counts_nothing_and_blocks_nobodys_number() {
    let mut forged = node(10, 1, 1, &[0]);
    forged.actor = actor_of(&device(2), [0; 4]).to_vec();
    let nodes = [forged, node(11, 2, 1, &[0]), node(12, 3, 1, &[10])];
    let found = world().judge(&nodes);
    assert_eq!(found.admitted, [hash(11)].into());
    assert_eq!(found.equivocations, []);
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_stack() {
    let hash = |number: u32| ChangeHash(std::array::from_fn(|at| (number >> (at % 4 * 8)) as u8));
    let nodes: Vec<Node> = (1..=100_000)
        .map(|number| Node {
            hash: hash(number),
            seq: number.into(),
            deps: vec![hash(number - 1)],
            ..node(0, 1, 0, &[])
        })
        .collect();
    let world = world();
    let members = Members::of_verified(&world.set, &world.document);
    assert_eq!(admission(&members, SHARD, &GENESIS, &nodes).admitted.len(), 100_000);
}
