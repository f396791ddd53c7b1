//! Members who break the rules: what they sign counts nothing, and everything else goes on.

use segue_access::actor_of;
use segue_document::ChangeHeader;
use segue_model::Heads;
use segue_model::music::{PLAY_COUNT, RATING};
use segue_sync::{Fault, Replica, short};

use super::company::Company;
use super::forge::{Chunk, Hand, changes};
use crate::command::RoleName;

/// Two honest devices and a hostile one, a writer; and a song with its shard.
fn company(seed: u64) -> (Company, [u8; 16]) {
    let company = Company::of(3, 2, seed);
    let item = company.devices[0].item(0);
    (company, item)
}

/// The honest go on as if nothing was.
fn goes_on(company: &mut Company, ratings: [i64; 2]) {
    company.devices[0].rates(0, ratings[0]);
    company.devices[1].rates(1, ratings[1]);
    company.meets();
    for device in &company.devices {
        assert_eq!((device.rating(0), device.rating(1)), (Some(ratings[0]), Some(ratings[1])));
    }
}

#[test]
fn f15_a_change_under_another_devices_name_counts_nowhere() {
    let (mut company, item) = company(1);
    let victim = company.devices[0].agent.home.actor;
    let mut hand = Hand::under(&company.devices[2], item[0], victim);
    let change = hand.rate(item, 99, None);
    let forged = company.devices[2].sign(item[0], &change);
    for to in [0, 1] {
        let done = company.hand(to, changes([forged.clone()]));
        assert_eq!((done.held.len(), done.refused.len()), (0, 1));
        assert!(company.devices[to].blames(&company.devices[2].id()));
    }
    goes_on(&mut company, [40, 60]);
}

#[test]
fn f40_what_a_reader_writes_counts_when_they_may_write_and_not_before() {
    let mut company = Company::of(2, 2, 2);
    let reader = company.add();
    company.let_in(0, reader, RoleName::Read);
    company.talk(&[0, 1, reader]);
    let item = company.devices[0].item(0);
    let change = Hand::of(&company.devices[reader], item[0]).rate(item, 99, None);
    let written = company.devices[reader].sign(item[0], &change);
    for to in [0, 1] {
        let done = company.hand(to, changes([written.clone()]));
        assert!(matches!(done.refused[..], [ref one] if one.fault == Fault::Author));
        assert!(company.devices[to].blames(&company.devices[reader].id()));
        assert!(!company.devices[to].has(item[0], &change.hash));
    }
    company.devices[0].rates(0, 40);
    company.talk(&[0, 1]);
    company.devices[1].pass();
    company.agrees(&[0, 1]);
    assert_eq!(company.devices[1].rating(0), Some(40));
    // It lies aside on both, and counts as soon as its author may write.
    company.let_in(0, reader, RoleName::Write);
    company.talk(&[0, 1]);
    for to in [0, 1] {
        assert!(company.devices[to].has(item[0], &change.hash));
        company.devices[to].pass();
    }
    company.talk(&[0, 1]);
    company.agrees(&[0, 1]);
}

#[test]
fn f40_what_is_back_dated_after_a_revoke_counts_nowhere() {
    let (mut company, item) = company(3);
    let old = Hand::of(&company.devices[2], item[0]).held.heads();
    company.devices[0].rates(0, 40);
    company.talk(&[0, 1, 2]);
    let hostile = company.devices[2].id();
    crate::peers::revoke::revoke(&mut company.devices[0].agent, &hostile.to_string(), false)
        .unwrap();
    company.talk(&[0, 1]);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let late = [hand.rate(item, 98, Some(&old)), hand.rate(item, 99, None)];
    for to in [0, 1] {
        let signed = late.iter().map(|change| company.devices[2].sign(item[0], change));
        let batch = changes(signed.collect::<Vec<_>>());
        company.hand(to, batch);
        assert!(late.iter().all(|change| !company.devices[to].has(item[0], &change.hash)));
        assert!(company.devices[to].blames(&hostile));
        company.devices[to].pass();
    }
    company.devices[1].rates(1, 60);
    assert!(company.talk(&[0, 1]).in_step);
    company.devices[0].pass();
    company.agrees(&[0, 1]);
    assert_eq!((company.devices[1].rating(0), company.devices[0].rating(1)), (Some(40), Some(60)));
}

#[test]
fn f15_whoever_equivocates_costs_nobody_else_an_edit() {
    let (mut company, item) = company(4);
    let two = Hand::of(&company.devices[2], item[0]).two(item, [88, 99]);
    // Each is told another one, and builds on it.
    for to in [0, 1] {
        let signed = company.devices[2].sign(item[0], &two[to]);
        assert_eq!(company.hand(to, changes([signed])).refused, []);
        company.devices[to].pass();
    }
    assert_ne!(company.devices[0].rating(0), company.devices[1].rating(0));
    company.devices[0].rates(0, 30);
    company.devices[1].set(0, &PLAY_COUNT, 7);
    company.devices[1].pass();
    company.devices.truncate(2);
    company.meets();
    for device in &company.devices {
        assert_eq!(device.value(0, &PLAY_COUNT), Some(7), "built on what is quarantined");
        assert_eq!(device.rating(0), Some(30), "built on what stays");
        assert!(device.has(item[0], &two[0].hash) && !device.has(item[0], &two[1].hash));
    }
    let blamed = company
        .devices
        .iter()
        .filter(|device| device.culprits().iter().any(|row| row.why.contains("two changes")));
    assert_eq!(blamed.count(), 2);
}

#[test]
fn f15_of_two_changes_with_one_number_the_same_stays_in_whatever_order_they_come() {
    let (mut company, item) = company(9);
    let two = Hand::of(&company.devices[2], item[0]).two(item, [88, 99]);
    for (to, order) in [(0, [0, 1]), (1, [1, 0])] {
        for which in order {
            let signed = company.devices[2].sign(item[0], &two[which]);
            company.hand(to, changes([signed]));
            company.devices[to].is_sound();
        }
        assert!(company.devices[to].has(item[0], &two[0].hash));
        assert!(!company.devices[to].has(item[0], &two[1].hash));
        assert!(company.devices[to].blames(&company.devices[2].id()));
    }
    company.devices.truncate(2);
    company.meets();
}

#[test]
fn f36_a_damaged_twin_of_an_honest_looking_change_drives_nothing_out() {
    let (mut company, item) = company(5);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let (state, actor) = (hand.held.heads(), actor_of(&company.devices[2].id(), [0xee; 4]));
    let sound = hand.rate(item, 77, None);
    let start = ChangeHeader::read(&sound.bytes).unwrap().start_op;
    // The same number, a lower hash, and it writes where nobody may.
    let damaged = (0..=255)
        .map(|byte| {
            let mut chunk = Chunk::on(&state, actor, start);
            chunk.columns.insert(0x57, vec![byte]);
            chunk.change()
        })
        .find(|change| change.hash < sound.hash)
        .unwrap();
    let sign = |company: &Company, change| company.devices[2].sign(item[0], change);
    // One has the sound one and builds on it; the other hears of both the other way round.
    let batch = changes([sign(&company, &sound)]);
    company.hand(0, batch);
    company.devices[0].pass();
    company.devices[0].set(0, &PLAY_COUNT, 3);
    company.devices[0].pass();
    let batch = changes([sign(&company, &damaged)]);
    company.hand(0, batch);
    let batch = changes([sign(&company, &damaged), sign(&company, &sound)]);
    company.hand(1, batch);
    for to in [0, 1] {
        assert!(company.devices[to].has(item[0], &sound.hash), "device {to} lost what is sound");
        assert!(!company.devices[to].has(item[0], &damaged.hash));
        assert!(company.devices[to].blames(&company.devices[2].id()));
    }
    company.devices.truncate(2);
    company.meets();
    assert_eq!(company.devices[1].value(0, &PLAY_COUNT), Some(3));
    assert_eq!(company.devices[1].value(0, &RATING), Some(77));
}

#[test]
fn f37_what_cannot_count_is_refused_alone_and_its_author_named() {
    let (mut company, item) = company(6);
    let shard = item[0];
    let mut hand = Hand::of(&company.devices[2], shard);
    let (state, actor) = (hand.held.heads(), actor_of(&company.devices[2].id(), [0xdd; 4]));
    let elsewhere = hand.twin().rate([shard ^ 1; 16], 55, None);
    let good = hand.rate(item, 77, None);
    let start = ChangeHeader::read(&good.bytes).unwrap().start_op;
    let attacks = [
        ("a start too high", Chunk::on(&state, actor, start + 9).change()),
        ("a start too low", Chunk::on(&state, actor, start - 1).change()),
        ("a number too high", Chunk { seq: 9, ..Chunk::on(&state, actor, start) }.change()),
        ("nothing before it", Chunk::on(&Heads::default(), actor, 1).change()),
        ("a place where nobody writes", Chunk::on(&state, actor, start).change()),
        ("an item of another shard", elsewhere),
    ];
    for to in [0, 1] {
        for (name, attack) in &attacks {
            let signed = company.devices[2].sign(shard, attack);
            let done = company.hand(to, changes([signed]));
            assert!(done.held.is_empty(), "{name} is kept");
            let blamed = done.refused.iter().all(|one| one.fault == Fault::Author);
            assert!(done.refused.len() == 1 && blamed, "{name}: {done:?}");
        }
        assert!(company.devices[to].blames(&company.devices[2].id()));
        // Amidst all of them a good one arrives.
        let signed = attacks.iter().map(|(_, attack)| attack).chain([&good]);
        let batch = signed.map(|change| company.devices[2].sign(shard, change)).collect::<Vec<_>>();
        company.hand(to, changes(batch));
        assert!(company.devices[to].has(shard, &good.hash));
        company.devices[to].is_sound();
        company.devices[to].pass();
    }
    goes_on(&mut company, [40, 60]);
}

#[test]
fn what_lacks_its_past_waits_and_counts_when_that_comes() {
    let (mut company, item) = company(7);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let chain: Vec<_> = (0..5).map(|n| hand.rate(item, 70 + n, None)).collect();
    let signed: Vec<_> =
        chain.iter().map(|change| company.devices[2].sign(item[0], change)).collect();
    let mut seen = super::liar::replica(&company.devices[0]);
    for last in [4, 2, 3] {
        assert!(!seen.holds(item[0], &short(&chain[last].hash)));
        let done = company.hand(0, changes([signed[last].clone()]));
        assert!(done.waiting.contains(&(item[0], chain[last].hash)), "{done:?}");
        seen.refresh().unwrap();
        assert!(seen.holds(item[0], &short(&chain[last].hash)), "nobody has to send it again");
        company.devices[0].is_sound();
    }
    assert!(!company.devices[0].has(item[0], &chain[4].hash));
    company.devices[0].rates(1, 10);
    company.hand(0, changes(signed[..2].iter().cloned()));
    assert!(chain.iter().all(|change| company.devices[0].has(item[0], &change.hash)));
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(74));
}

#[test]
fn f38_what_is_replayed_is_stored_once() {
    let (mut company, item) = company(8);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let chain: Vec<_> = (0..3).map(|n| hand.rate(item, 70 + n, None)).collect();
    let signed: Vec<_> =
        chain.iter().map(|change| company.devices[2].sign(item[0], change)).collect();
    let document = company.devices[0].document();
    let hostile = company.devices[2].id();
    assert!(company.hand(0, changes(signed.clone())).brought_news);
    let usage = company.devices[0].store().usage(&document, &hostile).unwrap();
    company.devices[0].pass();
    company.devices[0].rates(0, 40);
    for _ in 0..20 {
        let again = changes(signed.iter().rev().cloned());
        let done = company.hand(0, again);
        assert!(!done.brought_news && done.refused.is_empty());
        assert_eq!(done.held.len(), 3);
    }
    assert_eq!(company.devices[0].store().usage(&document, &hostile).unwrap(), usage);
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(40));
}
