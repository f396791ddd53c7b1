//! Shards that are settled at once, and what is kept of the trial.

use segue_access::Members;
use segue_model::ChangeHash;

use super::company::Company;
use crate::command::RoleName;
use crate::peers::circle::Circle;
use crate::peers::hands::{Came, at_once, one_by_one, settle_all};
use crate::peers::settle::{Place, Settled};

/// What became of each shard: how many changes count, which, and how much lies aside.
fn said(settled: &[(u8, Settled)]) -> Vec<(u8, Vec<ChangeHash>, u64)> {
    let hashes = |one: &Settled| one.counts.iter().map(|entry| entry.hash).collect();
    settled.iter().map(|(shard, one)| (*shard, hashes(one), one.aside_bytes())).collect()
}

#[test]
fn shards_settled_at_once_are_as_one_after_the_other() {
    let mut company = Company::found(60, 120);
    let new = company.add();
    let (first, new) = (&company.devices[0], &company.devices[new]);
    let (document, from) = (first.document(), first.store());
    let log = |shard| (shard, from.log(&document, shard).unwrap());
    let came: Came = from.shards_with_log(&document).unwrap().into_keys().map(log).collect();
    assert!(came.len() > 12, "{} shards are too few to tell", came.len());
    let circle = Circle::load(from, &document).unwrap();
    let nobody = Members::of(&[], &document);
    let bytes: usize = came.iter().flat_map(|(_, came)| came).map(|entry| entry.raw.len()).sum();
    let store = &new.agent.home.store;
    for (members, room) in [(&circle.members, 0), (&nobody, u64::MAX), (&nobody, bytes as u64 / 2)]
    {
        let (reader, document) = (&**store, &document);
        let (me, actor) = (new.id(), new.agent.home.actor);
        let place = Place { reader, document, shard: 0, me, actor, members, room };
        let one = one_by_one(&place, came.clone()).unwrap();
        let all = settle_all(store, &place, came.clone()).unwrap();
        assert_eq!(said(&all), said(&one), "{room} bytes of room");
        if room != bytes as u64 / 2 {
            let all = at_once(store, &place, came.clone(), 3).unwrap();
            assert_eq!(said(&all), said(&one), "{room} bytes of room");
        }
    }
}

#[test]
fn a_large_shard_is_kept_as_it_was_tried() {
    let mut company = Company::found(100, 121);
    let all: Vec<usize> = (0..100).cycle().take(400).collect();
    company.devices[0].playlist("Long", &all);
    company.devices[0].pass();
    let new = company.add();
    company.let_in(0, new, RoleName::Write);
    company.talk(&[0, new]);
    let new = &mut company.devices[new];
    let document = new.document();
    let saved = new.store().shard(&document, segue_document::COLLECTION_SHARD).unwrap();
    assert!(saved.is_some(), "the playlist alone is large");
    // It compares what is kept with what the log makes.
    new.is_sound();
}
