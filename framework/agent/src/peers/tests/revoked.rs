//! A device is put out: what it wrote before counts everywhere, what it writes afterwards nowhere.

use std::collections::BTreeSet;

use segue_access::{Cut, DeviceKey, PersonKey, Role, SignedStatement, Statement};
use segue_model::music::PLAY_COUNT;
use segue_sync::{Batch, Closing};

use super::company::Company;
use super::device::Device;
use super::forge::{Hand, changes};
use crate::command::RoleName;
use crate::peers::revoke::revoke;

fn put_out(company: &mut Company, by: usize, who: usize) {
    let id = company.devices[who].id().to_string();
    revoke(&mut company.devices[by].agent, &id, false).unwrap();
}

/// The founder revokes a device up to a cut that the founder chooses.
fn revoke_at(founder: &Device, who: &Device, cut: &Cut) -> Vec<SignedStatement> {
    let (document, who) = (founder.document(), who.id());
    let statements = crate::peers::circle::Circle::load(founder.store(), &document).unwrap();
    let grants = statements.members.grants(&who).map(|(hash, ..)| hash);
    let revokes = grants.map(|grant| {
        let (keeps, cut) = (BTreeSet::new(), cut.clone());
        let said = Statement::Revoke { document, grant, keeps, cut };
        founder.agent.home.person.sign(&said).unwrap()
    });
    revokes.collect()
}

#[test]
fn f40_what_was_written_before_a_revoke_counts_everywhere_and_later_edits_nowhere() {
    let mut company = Company::of(3, 3, 11);
    company.devices[2].rates(0, 90);
    company.talk(&[0, 2]);
    put_out(&mut company, 0, 2);
    // It goes on, and does not know.
    company.devices[2].rates(1, 95);
    let talked = company.talk(&[0, 1, 2]);
    assert!(!talked.in_step, "it is talked to no more");
    assert!(talked.ended.iter().any(|(_, why)| *why == Closing::NoRole));
    company.devices.truncate(2);
    company.meets();
    for device in &company.devices {
        assert_eq!((device.rating(0), device.rating(1)), (Some(90), Some(20)));
    }
}

#[test]
fn f40_what_an_app_was_shown_and_no_longer_counts_is_taken_back_out() {
    let mut company = Company::of(3, 3, 12);
    company.devices[1].rates(1, 50);
    company.meets();
    let cut = cut_now(&company);
    company.devices[2].rates(0, 90);
    company.devices[2].set(2, &PLAY_COUNT, 9);
    company.devices[2].pass();
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(90));
    // An edit beside it, and one that was made before anybody passes again.
    company.devices[1].rates(2, 70);
    company.meets();
    let said = revoke_at(&company.devices[0], &company.devices[2], &cut);
    company.hand(0, Batch { statements: said, changes: Vec::new() });
    company.devices.truncate(2);
    company.devices[1].rate(1, 55);
    company.devices[1].set(0, &PLAY_COUNT, 6);
    company.meets();
    for device in &mut company.devices {
        assert_eq!(device.rating(0), Some(20), "what was shown is taken back");
        assert_eq!(device.value(0, &PLAY_COUNT), Some(6), "and nothing else of the song");
        assert_eq!((device.rating(1), device.rating(2)), (Some(55), Some(70)));
        assert_eq!(device.catalog().items.len(), 3);
    }
    // Later edits are lifted as ever.
    company.devices[0].rates(0, 35);
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(35));
}

/// The heads of all shards, as a cut.
fn cut_now(company: &Company) -> Cut {
    let device = &company.devices[0];
    let heads = device.store().heads(&device.document()).unwrap();
    heads
        .into_iter()
        .map(|(shard, heads)| (shard, heads.hashes().iter().copied().collect()))
        .collect()
}

#[test]
fn f40_what_somebody_honest_built_on_before_they_knew_stays() {
    let mut company = Company::of(3, 2, 13);
    let cut = cut_now(&company);
    let item = company.devices[0].item(0);
    let late = Hand::of(&company.devices[2], item[0]).rate(item, 90, None);
    let signed = company.devices[2].sign(item[0], &late);
    company.hand(1, changes([signed]));
    company.devices[1].pass();
    company.devices[1].set(0, &PLAY_COUNT, 4);
    company.devices[1].pass();
    let said = revoke_at(&company.devices[0], &company.devices[2], &cut);
    company.hand(0, Batch { statements: said, changes: Vec::new() });
    company.devices.truncate(2);
    company.meets();
    for device in &company.devices {
        assert_eq!(device.value(0, &PLAY_COUNT), Some(4));
        assert_eq!(device.rating(0), Some(90), "it is in the past of an honest edit");
    }
}

#[test]
fn f40_who_is_let_in_again_comes_back_with_what_they_wrote() {
    let mut company = Company::of(3, 2, 14);
    put_out(&mut company, 0, 2);
    company.talk(&[0, 1]);
    let item = company.devices[0].item(0);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let late = [hand.rate(item, 90, None), hand.rate(item, 91, None)];
    for to in [0, 1] {
        let batch = changes(late.iter().map(|change| company.devices[2].sign(item[0], change)));
        let done = company.hand(to, batch);
        assert_eq!(done.refused.len(), 2);
        assert!(!company.devices[to].has(item[0], &late[0].hash));
        company.devices[to].is_sound();
    }
    company.let_in_again(0, 2, RoleName::Write);
    company.talk(&[0, 1, 2]);
    for to in [0, 1] {
        assert!(late.iter().all(|change| company.devices[to].has(item[0], &change.hash)));
    }
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(91));
}

#[test]
fn f40_whoever_may_not_revoke_puts_nobody_out() {
    let mut company = Company::of(3, 2, 15);
    let document = company.devices[0].document();
    let circle = crate::peers::circle::Circle::load(company.devices[0].store(), &document).unwrap();
    let victim = company.devices[1].id();
    let grant = circle.members.grants(&victim).next().unwrap().0;
    let said = Statement::Revoke { document, grant, keeps: BTreeSet::new(), cut: Cut::new() };
    let hostile = &company.devices[2].agent.home;
    let own = Statement::Grant {
        document,
        nonce: [1; 16],
        to: hostile.device.id(),
        role: Role::Admin,
        until: None,
    };
    let stranger = PersonKey::from_seed([66; 32]);
    let statements = vec![
        hostile.device.sign(&said).unwrap(),
        hostile.person.sign(&said).unwrap(),
        hostile.device.sign(&own).unwrap(),
        stranger.sign(&said).unwrap(),
        DeviceKey::from_seed([67; 32]).sign(&own).unwrap(),
    ];
    let count = company.devices[0].store().statement_count(&document).unwrap();
    let done = company.hand(0, Batch { statements, changes: Vec::new() });
    assert_eq!(done.refused.len(), 5);
    assert_eq!(company.devices[0].store().statement_count(&document).unwrap(), count);
    assert!(company.devices[0].blames(&company.devices[2].id()));
    company.devices[1].rates(0, 44);
    company.meets();
    assert_eq!(company.devices[0].rating(0), Some(44));
}
