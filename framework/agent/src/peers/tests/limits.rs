//! A limit that one device heard of holds on all, whatever happens to whoever said it.

use std::fs;

use segue_access::Statement;
use segue_limits::{Body, Claim};
use segue_model::{Availability, CarriedLimit, Item, ItemId, Terms, Value, music};

use super::company::Company;
use super::device::{Device, path};
use crate::command::{LicenceAction, LicenceTerms, Request, Response, RoleName};
use crate::peers::ingest::say;
use crate::peers::revoke::revoke;

/// A device says that a song may be used until then, or for ever, with this serial.
pub(super) fn says(
    company: &mut Company,
    who: usize,
    song: usize,
    serial: u64,
    until: Option<i64>,
) {
    let item = ItemId(company.devices[who].item(song));
    let terms = Terms { valid_until: until, ..Terms::default() };
    said(company, who, Claim::member(item, "somebody", "loan", serial, terms));
}

/// A device says that it found this licence of a song in a file.
pub(super) fn claims(company: &mut Company, who: usize, song: usize, carried: &CarriedLimit) {
    let item = ItemId(company.devices[who].item(song));
    said(company, who, Claim::carried(item, carried).unwrap());
}

fn said(company: &mut Company, who: usize, claim: Claim) {
    let device = &mut company.devices[who];
    let document = device.document();
    let body = Body::Claim(claim.into()).encode().unwrap();
    let signed = device.agent.home.device.sign(&Statement::Limit { document, body }).unwrap();
    say(&mut device.agent, document, &[signed], &|_| Ok(())).unwrap();
}

/// On which devices the app lists a song.
pub(super) fn listed(company: &Company, song: usize) -> Vec<bool> {
    let id = path(song).as_str().into();
    let is_listed = |device: &Device| {
        let catalog = device.catalog();
        catalog.item(&id).is_some_and(|item| item.availability == Availability::Present)
    };
    company.devices.iter().map(is_listed).collect()
}

#[test]
fn f41_an_end_that_one_device_heard_of_holds_on_all_and_a_renewal_brings_all_back() {
    let mut company = Company::of(3, 3, 61);
    company.devices[1].rates(1, 90);
    company.meets();
    let end = company.clock.now() + 100;
    says(&mut company, 2, 1, 1, Some(end));
    company.meets_apart();
    assert_eq!(listed(&company, 1), [true, true, true]);
    company.clock.pass(100);
    for device in &mut company.devices {
        device.pass();
    }
    assert_eq!(listed(&company, 1), [false, false, false]);
    assert_eq!(listed(&company, 0), [true, true, true]);
    // What others say loosens nothing; what the same one says next does.
    says(&mut company, 0, 1, 9, None);
    company.meets_apart();
    assert_eq!(listed(&company, 1), [false, false, false]);
    says(&mut company, 2, 1, 2, Some(end + 86_400));
    company.meets_apart();
    assert_eq!(listed(&company, 1), [true, true, true]);
    for device in &company.devices {
        assert_eq!(device.rating(1), Some(90));
    }
}

#[test]
fn f41_who_is_put_out_takes_no_limit_along_and_a_newcomer_hears_of_it() {
    let mut company = Company::of(2, 3, 62);
    let now = company.clock.now();
    says(&mut company, 1, 1, 1, Some(now));
    company.meets_apart();
    let out = company.devices[1].id().to_string();
    revoke(&mut company.devices[0].agent, &out, false).unwrap();
    company.devices[0].pass();
    assert!(!listed(&company, 1)[0]);
    let newcomer = company.add();
    company.let_in(0, newcomer, RoleName::Write);
    company.talk(&[0, newcomer]);
    company.devices[newcomer].fill(0..3);
    company.devices[newcomer].link();
    company.devices[newcomer].pass();
    assert!(!listed(&company, 1)[newcomer]);
    assert!(listed(&company, 2)[newcomer]);
}

#[test]
fn f41_a_reader_limits_nothing_for_others() {
    let mut company = Company::of(1, 3, 63);
    let reader = company.add();
    company.let_in(0, reader, RoleName::Read);
    company.talk(&[0, reader]);
    let now = company.clock.now();
    says(&mut company, reader, 1, 1, Some(now));
    company.talk(&[0, reader]);
    company.devices[0].pass();
    assert!(listed(&company, 1)[0]);
}

#[test]
fn f41_what_lies_beside_a_readers_files_withholds_there_in_each_pass() {
    let mut company = Company::found(3, 64);
    let file = company.folder.path().join("own.mp3");
    fs::write(&file, "").unwrap();
    let mut own = Item::at(file.to_str().unwrap());
    own.fields.set(&music::TITLE, Value::text("Own"));
    own.fields.set(&music::DURATION, Value::Int(90_000));
    company.devices[0].edit(|catalog| catalog.items.push(own.clone()));
    company.devices[0].pass();
    let reader = company.add();
    company.let_in(0, reader, RoleName::Read);
    company.talk(&[0, reader]);
    let now = company.clock.now();
    let device = &mut company.devices[reader];
    device.edit(|catalog| catalog.items.push(own.clone()));
    device.fill(0..3);
    device.link();
    let terms = LicenceTerms { valid_until: Some(now), ..LicenceTerms::default() };
    let action = LicenceAction::Grant { file: file.clone(), terms, issuer: None, licence: None };
    device.run(Request::Licence { action });
    let is_listed = |device: &Device| {
        let catalog = device.catalog();
        catalog.item(&own.id).is_some_and(|item| item.availability == Availability::Present)
    };
    for round in 0..3 {
        device.pass();
        assert!(!is_listed(device), "round {round}");
    }
    let Response::Licences(rows) = device.run(Request::Licences) else { panic!() };
    assert_eq!(rows.iter().map(|row| &*row.state).collect::<Vec<_>>(), ["expired"]);
    let action = LicenceAction::Renew { file, until: Some(now + 100) };
    device.run(Request::Licence { action });
    for _ in 0..2 {
        device.pass();
        assert!(is_listed(device));
    }
}
