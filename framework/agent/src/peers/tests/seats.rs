//! A licence for one device at a time, on three: taken, given, ended, copied, with a clock that is wrong.

use std::fs;

use segue_access::Statement;
use segue_limits::lease::{CLOCK_BOUND_MS, Observation};
use segue_limits::{Body, Claim};
use segue_model::{Amount, ItemId, Terms};

use super::company::Company;
use super::device::Device;
use crate::command::{
    LicenceRow, OfficeReport, Request, Response, SeatAction, SeatReport, SeatState,
};
use crate::failure::Failure;
use crate::peers::clocks::compared;
use crate::peers::ingest::say;

const WEEK: i64 = 7 * 86_400;
const EPSILON: i64 = CLOCK_BOUND_MS / 1000;

/// Three devices that list the same songs, of which song 1 is for one device at a time.
fn company(seed: u64) -> Company {
    let mut company = Company::of(3, 3, seed);
    claims_a_seat(&mut company, "a library");
    company
}

/// Device 1 says that by a licence of this issuer song 1 is for one device at a time.
fn claims_a_seat(company: &mut Company, issuer: &str) {
    let device = &mut company.devices[1];
    let (document, item) = (device.document(), ItemId(device.item(1)));
    let terms = Terms { amounts: [(Amount::Seats, 1)].into(), ..Terms::default() };
    let claim = Claim::member(item, issuer, "loan", 1, terms);
    let body = Body::Claim(claim.into()).encode().unwrap();
    let signed = device.agent.home.device.sign(&Statement::Limit { document, body }).unwrap();
    say(&mut device.agent, document, &[signed], &|_| Ok(())).unwrap();
    company.meets_apart();
}

fn asked(device: &mut Device, action: SeatAction) -> Result<SeatReport, Failure> {
    let item = ItemId(device.item(1)).to_string();
    match device.agent.run(Request::Seat { item, action }, &crate::Quiet)? {
        Response::Seat(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

fn takes(device: &mut Device) -> SeatReport {
    asked(device, SeatAction::Take).unwrap()
}

fn gives(device: &mut Device, to: Option<&str>) -> Result<SeatReport, Failure> {
    asked(device, SeatAction::Give { to: to.map(str::to_owned) })
}

/// A pass in which no person says that the clock is right.
fn syncs(device: &mut Device) {
    device.run(Request::Sync { libraries: Vec::new(), dry_run: false, yes: false });
}

/// On which devices the app lists the song.
fn listed(company: &Company) -> Vec<bool> {
    super::limits::listed(company, 1)
}

/// Passes on all devices, and then what the app of each lists.
fn after_a_pass(company: &mut Company) -> Vec<bool> {
    company.devices.iter_mut().for_each(syncs);
    listed(company)
}

fn row(device: &mut Device) -> LicenceRow {
    let Response::Licences(mut rows) = device.run(Request::Licences) else { panic!() };
    rows.remove(0)
}

fn office(device: &mut Device, take_over: bool) -> OfficeReport {
    let Response::Office(mut rows) = device.run(Request::Office { take_over }) else { panic!() };
    rows.remove(0)
}

/// Device 1 asks, device 0 answers.
fn device_1_has_it(company: &mut Company) {
    assert_eq!(takes(&mut company.devices[1]).state, SeatState::Asked);
    company.talk(&[0, 1]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 1]);
    assert_eq!(after_a_pass(company), [false, true, false]);
}

#[test]
fn f42_a_seat_is_used_by_whoever_has_it_and_goes_from_hand_to_hand() {
    let mut company = company(71);
    assert_eq!(listed(&company), [false; 3], "nobody took it");
    device_1_has_it(&mut company);
    let until = company.clock.now() + WEEK - EPSILON;
    company.talk(&[0, 1, 2]);
    let row_there = row(&mut company.devices[2]);
    assert_eq!((row_there.seats, row_there.seat_until), (Some(1), None));
    assert_eq!(row_there.holders.iter().map(|one| one.until).collect::<Vec<_>>(), [until]);
    assert!(row_there.words.starts_with("device 1 has it until"), "{}", row_there.words);

    // Without the first device the seat goes on, once the second asked for it.
    let refused = gives(&mut company.devices[1], Some("device 2")).unwrap_err();
    assert!(refused.to_string().contains("did not ask"), "{refused}");
    assert_eq!(takes(&mut company.devices[2]).state, SeatState::Asked);
    company.talk(&[1, 2]);
    assert_eq!(gives(&mut company.devices[1], Some("device 2")).unwrap().state, SeatState::Given);
    assert_eq!(listed(&company), [false; 3], "it is on its way");
    company.talk(&[1, 2]);
    assert_eq!(after_a_pass(&mut company), [false, false, true]);
    assert!(gives(&mut company.devices[1], None).is_err(), "it has none any more");

    // Back at the office it is there for whoever asks next.
    gives(&mut company.devices[2], None).unwrap();
    company.talk(&[0, 2]);
    assert_eq!(takes(&mut company.devices[0]).state, SeatState::Taken);
    assert_eq!(after_a_pass(&mut company), [true, false, false]);
    company.meets_apart();
    assert_eq!(listed(&company), [true, false, false]);
    let events = company.devices[0].run(Request::Doctor);
    assert!(matches!(events, Response::Doctor(report) if report.sound));
}

#[test]
fn f42_a_seat_ends_without_network_and_is_asked_for_anew() {
    let mut company = company(72);
    device_1_has_it(&mut company);
    company.clock.pass(WEEK - EPSILON - 1);
    assert_eq!(after_a_pass(&mut company), [false, true, false]);
    company.clock.pass(1);
    assert_eq!(after_a_pass(&mut company), [false; 3]);
    takes(&mut company.devices[2]);
    company.talk(&[0, 2]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 2]);
    assert_eq!(after_a_pass(&mut company), [false; 3], "the holder's clock may be late");
    company.clock.pass(3 * EPSILON);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 2]);
    assert_eq!(after_a_pass(&mut company), [false, false, true]);
}

#[test]
fn f42_a_copied_folder_has_no_seat_and_gives_none_out() {
    let mut company = company(73);
    device_1_has_it(&mut company);
    let copy = |home: &std::path::Path| {
        // As a restored backup: the same bytes in another file.
        let store = home.join("segue.db");
        fs::copy(&store, home.join("copied")).unwrap();
        fs::rename(home.join("copied"), store).unwrap();
    };
    company.devices[1].restart(copy);
    assert_eq!(after_a_pass(&mut company), [false; 3]);
    let words = row(&mut company.devices[1]).words;
    assert!(words.starts_with("this folder was copied or restored"), "{words}");

    assert!(office(&mut company.devices[0], false).here);
    let request = Request::Office { take_over: true };
    let refused = company.devices[1].agent.run(request, &crate::Quiet).unwrap_err().to_string();
    assert!(refused.contains("this person's own"), "{refused}");
    company.devices[0].restart(copy);
    assert!(!office(&mut company.devices[0], false).here);
    takes(&mut company.devices[2]);
    company.clock.pass(2 * WEEK);
    company.talk(&[0, 2]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 2]);
    assert_eq!(after_a_pass(&mut company), [false; 3]);

    // The original is gone for good, says a person.
    let said = office(&mut company.devices[0], true);
    assert!(!said.here && said.words.contains("may be in use until"), "{}", said.words);
    company.clock.pass(30 * 86_400 + 4 * EPSILON);
    takes(&mut company.devices[2]);
    company.talk(&[0, 2]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 2]);
    assert_eq!(after_a_pass(&mut company), [false, false, true]);
}

#[test]
fn f42_a_clock_that_was_set_back_uses_no_seat_until_a_person_says_that_it_is_right() {
    let mut company = company(74);
    device_1_has_it(&mut company);
    company.clock.pass(3600);
    assert_eq!(after_a_pass(&mut company), [false, true, false]);
    company.clock.pass(-1800);
    assert_eq!(after_a_pass(&mut company), [false; 3]);
    let words = row(&mut company.devices[1]).words;
    assert!(words.contains("was set back by 30 minutes"), "{words}");
    company.clock.pass(1800);
    assert_eq!(after_a_pass(&mut company), [false; 3], "it may still be late");
    company.devices[1].pass();
    assert_eq!(after_a_pass(&mut company), [false, true, false]);
}

#[test]
fn f42_what_a_library_still_lists_is_not_given_away() {
    let mut company = company(75);
    device_1_has_it(&mut company);
    let library = company.devices[1].library.clone();
    let away = library.with_file_name("away");
    fs::rename(&library, &away).unwrap();
    let refused = gives(&mut company.devices[1], None).unwrap_err();
    assert!(refused.to_string().contains("still in use"), "{refused}");
    fs::rename(&away, &library).unwrap();
    assert_eq!(after_a_pass(&mut company), [false, true, false], "it has the seat as before");
    gives(&mut company.devices[1], None).unwrap();
    assert_eq!(listed(&company), [false; 3]);
}

#[test]
fn f42_a_note_of_seats_that_cannot_be_read_uses_none() {
    let mut company = company(76);
    device_1_has_it(&mut company);
    let device = &mut company.devices[1];
    let key = format!("seats {}", device.document());
    let whole = device.store().setting(&key).unwrap().unwrap();
    let tx = device.agent.home.store.transaction().unwrap();
    tx.put_setting(&key, &whole[..whole.len() - 2]).unwrap();
    tx.commit().unwrap();
    assert!(gives(device, None).is_err());
    let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
    device.run(request);
    let Response::Doctor(report) = device.run(Request::Doctor) else { panic!() };
    let failed = report.checks.iter().filter(|check| !check.passed);
    assert!(failed.map(|check| &check.name).all(|name| name.ends_with(": seats")) && !report.sound);
    assert_eq!(listed(&company), [false; 3]);
}

#[test]
fn f42_a_members_clock_that_contradicts_ours_stops_a_seat_until_it_agrees() {
    let mut company = company(77);
    device_1_has_it(&mut company);
    let now = company.clock.now() * 1000;
    let (document, peer) = (company.devices[1].document(), company.devices[2].id());
    let seen = |theirs| Observation { peer, theirs, ours: now, round_trip: 1000 };
    let agent = &mut company.devices[1].agent;
    compared(agent, document, seen(now + 3 * CLOCK_BOUND_MS)).unwrap();
    assert_eq!(after_a_pass(&mut company), [false; 3]);
    let words = row(&mut company.devices[1]).words;
    assert!(words.contains("device 2 is 15 minutes ahead"), "{words}");
    compared(&mut company.devices[1].agent, document, seen(now)).unwrap();
    assert_eq!(after_a_pass(&mut company), [false, true, false]);
}

#[test]
fn f42_whoever_has_one_of_two_seats_that_an_item_needs_can_give_it_back() {
    let mut company = company(78);
    device_1_has_it(&mut company);
    claims_a_seat(&mut company, "another library");
    assert_eq!(listed(&company), [false; 3], "the other seat is nobody's");
    takes(&mut company.devices[2]);
    company.talk(&[0, 2]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 1, 2]);
    assert_eq!(after_a_pass(&mut company), [false; 3], "each has one");
    gives(&mut company.devices[1], None).unwrap();
    company.talk(&[0, 1]);
    syncs(&mut company.devices[0]);
    company.talk(&[0, 2]);
    assert_eq!(after_a_pass(&mut company), [false, false, true]);
    assert!(gives(&mut company.devices[1], None).is_err(), "it has none");
}

#[test]
fn a_seat_that_would_not_help_is_not_asked_for() {
    let mut company = company(79);
    let device = &mut company.devices[1];
    let (document, item) = (device.document(), ItemId(device.item(1)));
    let says = |device: &mut Device, name: &str, terms: Terms| {
        let claim = Claim::member(item, name, "loan", 1, terms);
        let body = Body::Claim(claim.into()).encode().unwrap();
        let signed = device.agent.home.device.sign(&Statement::Limit { document, body }).unwrap();
        say(&mut device.agent, document, &[signed], &|_| Ok(())).unwrap();
    };
    let none = [(Amount::Seats, 0)].into();
    says(device, "a miser", Terms { amounts: none, ..Terms::default() });
    let refused = asked(device, SeatAction::Take).unwrap_err().to_string();
    assert_eq!(refused, "Song 1 is for no device: its licence has no seats");
    assert!(row(device).words.ends_with("its licence has no seats"));
    says(device, "a library", Terms { valid_until: Some(1_600_000_000), ..Terms::default() });
    let refused = asked(device, SeatAction::Take).unwrap_err().to_string();
    assert!(refused.contains("with a seat either: expired on 2020"), "{refused}");
}
