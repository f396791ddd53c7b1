//! One device and its office, step by step. Many of them, and chance, are in the simulation.

use segue_model::{DocumentId, ItemId};

use super::*;
use crate::lease::Incarnation;

const OWNER: PersonId = PersonId([9; 32]);
const LICENCE: Licence =
    Licence { document: DocumentId([1; 32]), item: ItemId([2; 16]), issuer: [3; 32] };
const TERM: i64 = 100 * CLOCK_BOUND_MS;
const OVER: i64 = 2 * CLOCK_BOUND_MS;
const OFFICE: u8 = 1;

fn party(device: u8, life: u8) -> Party {
    Party { device: DeviceId([device; 32]), incarnation: Incarnation([life; 4]) }
}

fn new(device: u8) -> Seats {
    Seats::open(party(device, 0), Leases::new(OWNER), State::default(), 0).0
}

fn office() -> Seats {
    let mut office = new(OFFICE);
    office.step(Event::Founded, 0);
    office
}

fn serve(seats: u32) -> Event {
    let devices = (1..9).map(|device| DeviceId([device; 32])).collect();
    Event::Serve([(LICENCE, Offer { seats, term_ms: TERM, until: None, devices })].into())
}

/// What was published, as others get it.
fn said(by: &Seats, effects: &[Effect]) -> Vec<VerifiedLease> {
    let published = effects.iter().filter_map(|effect| match effect {
        Effect::Publish(lease) => Some(*lease),
        _ => None,
    });
    let signer = |lease: &Lease| if lease.is_of_office() { OWNER.0 } else { by.me.device.0 };
    published.map(|lease| VerifiedLease::own(signer(&lease), lease)).collect()
}

fn hear(seats: &mut Seats, statements: &[VerifiedLease], now: i64) {
    for statement in statements {
        seats.step(Event::Heard(*statement), now);
    }
}

fn ask(seats: &mut Seats, office: &mut Seats, now: i64) {
    let effects = seats.step(Event::Take(LICENCE), now);
    hear(office, &said(seats, &effects), now);
}

fn answer(office: &mut Seats, seats: u32, now: i64) -> Vec<VerifiedLease> {
    let effects = office.step(serve(seats), now);
    said(office, &effects)
}

/// An office, and a device that has a seat from 0 on.
fn with_seat() -> (Seats, Seats) {
    let (mut office, mut holder) = (office(), new(2));
    ask(&mut holder, &mut office, 0);
    let issued = answer(&mut office, 1, 0);
    hear(&mut holder, &issued, 0);
    (office, holder)
}

#[test]
fn f42_a_seat_is_used_until_the_bound_before_its_end() {
    let (_, holder) = with_seat();
    let stop = TERM - CLOCK_BOUND_MS;
    assert_eq!(holder.holds(&LICENCE, 1, stop - 1), Ok(stop));
    assert_eq!(holder.holds(&LICENCE, 1, stop), Err(Denied::Ended(stop)));
    assert_eq!(holder.holds(&LICENCE, 0, 1), Err(Denied::Nobody), "the licence has less seats now");
}

#[test]
fn f42_a_seat_is_issued_again_twice_the_bound_after_its_end_or_when_it_came_back() {
    let (mut office, mut holder) = with_seat();
    let mut other = new(3);
    ask(&mut other, &mut office, 5);
    assert_eq!(answer(&mut office.clone(), 1, TERM + OVER - 1), []);
    assert_eq!(answer(&mut office.clone(), 1, TERM + OVER).len(), 1);
    let back = holder.step(Event::Give(LICENCE, To::Office), 9);
    hear(&mut office, &said(&holder, &back), 9);
    hear(&mut other, &answer(&mut office, 1, 9), 9);
    let held = other.leases().standings(&LICENCE, 1).next();
    assert!(matches!(held, Some((_, Standing::Held(tip))) if tip.holder == other.me));
}

#[test]
fn a_request_is_answered_once_and_as_far_as_there_are_seats() {
    let mut office = office();
    for device in 2..6 {
        ask(&mut new(device), &mut office, i64::from(device));
    }
    let issued = answer(&mut office, 3, 9);
    let to = |statement: &VerifiedLease| match statement.lease() {
        Lease::Link(Link { to: To::Device(party), .. }) => party.device.0[0],
        _ => 0,
    };
    assert_eq!(issued.iter().map(to).collect::<Vec<_>>(), [2, 3, 4], "in the order of asking");
    assert_eq!(answer(&mut office, 3, 9), []);
    assert_eq!(answer(&mut office, 4, 9).len(), 1);
    assert_eq!(answer(&mut office, 9, 9), []);
}

#[test]
fn f42_what_is_given_is_stopped_then_written_down_then_sent() {
    let (_, mut holder) = with_seat();
    let to = To::Device(party(3, 0));
    let effects = holder.step(Event::Give(LICENCE, to), 5);
    let [Effect::Stop(LICENCE), Effect::Persist(state), Effect::Publish(given)] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert!(matches!(given, Lease::Link(link) if link.to == to && link.number == 1));
    let expected = Err(Denied::Elsewhere(vec![(DeviceId([3; 32]), TERM)]));
    assert_eq!(holder.holds(&LICENCE, 1, 5), expected);
    let again = holder.step(Event::Give(LICENCE, To::Office), 6);
    assert!(matches!(again[..], [Effect::Refuse(Denied::Elsewhere(_))]), "{again:?}");
    let (_, before) = with_seat();
    let (reopened, unsent) = Seats::open(holder.me, before.leases, state.clone(), 7);
    assert_eq!(unsent, [Effect::Stop(LICENCE), Effect::Publish(*given)]);
    assert_eq!(reopened.holds(&LICENCE, 1, 7), expected);
}

#[test]
fn f42_a_seat_that_was_given_away_is_not_had_by_an_older_link() {
    let (_, mut holder) = with_seat();
    let before = holder.leases.clone();
    for (now, to) in [(1, holder.me), (2, party(3, 0))] {
        holder.step(Event::Give(LICENCE, To::Device(to)), now);
    }
    // The first of the two gifts was not stored, so that the chain has a gap here.
    let (reopened, _) = Seats::open(holder.me, before, holder.state, 3);
    assert_eq!(reopened.holds(&LICENCE, 1, 3), Err(Denied::GivenAway));
}

#[test]
fn f42_a_copied_folder_neither_holds_nor_issues() {
    let (office, holder) = with_seat();
    let (copy, _) = Seats::open(party(2, 7), holder.leases, holder.state, 1);
    assert_eq!(copy.holds(&LICENCE, 1, 1), Err(Denied::Copied(TERM)));
    let (mut copy, _) = Seats::open(party(OFFICE, 7), office.leases, office.state, 1);
    let refused = |denied| vec![Effect::Refuse(denied)];
    assert_eq!(copy.step(serve(9), 1), refused(Denied::NoOffice));
    assert!(matches!(copy.step(Event::TookOffice, 1)[..], [Effect::Persist(_)]));
    let from = 1 + TERM_MAX_MS + 4 * CLOCK_BOUND_MS;
    assert_eq!(copy.step(serve(9), 2), refused(Denied::OfficeWaits(from)));
    assert_eq!(copy.check_office(from), Ok(()));
    copy.step(Event::TookOffice, 3);
    assert_eq!(copy.check_office(from), Ok(()), "saying it again begins nothing anew");
}

#[test]
fn f42_a_clock_in_doubt_holds_gives_and_issues_nothing_until_a_person_says_that_it_is_right() {
    let (mut office, mut holder) = with_seat();
    let ahead =
        Observation { peer: DeviceId([7; 32]), theirs: 3 * CLOCK_BOUND_MS, ours: 1, round_trip: 0 };
    for seats in [&mut office, &mut holder] {
        assert!(matches!(seats.step(Event::Observed(ahead), 1)[..], [Effect::Persist(_)]));
        assert!(matches!(seats.holds(&LICENCE, 1, 1), Err(Denied::Clock(_))));
    }
    for (seats, event) in [(&mut office, serve(2)), (&mut holder, Event::Give(LICENCE, To::Office))]
    {
        assert!(matches!(seats.step(event, 1)[..], [Effect::Refuse(Denied::Clock(_))]));
    }
    holder.step(Event::ClockConfirmed, 1);
    assert!(holder.holds(&LICENCE, 1, 1).is_ok());
}

#[test]
fn f42_an_office_ahead_of_our_clock_puts_it_in_doubt() {
    let (mut office, mut holder) = (office(), new(2));
    ask(&mut holder, &mut office, 0);
    let issued = answer(&mut office, 1, 3 * CLOCK_BOUND_MS);
    hear(&mut holder, &issued, 0);
    assert!(matches!(holder.holds(&LICENCE, 1, 0), Err(Denied::Clock(_))));
}

#[test]
fn f42_whoever_was_given_a_seat_and_gave_it_back_does_not_ask_any_more() {
    let (mut office, mut holder, mut other) = (office(), new(2), new(3));
    ask(&mut holder, &mut office, 0);
    let issued = answer(&mut office, 1, 0);
    hear(&mut holder, &issued, 0);
    hear(&mut other, &issued, 0);
    ask(&mut other, &mut office, 1);
    let effects = holder.step(Event::Give(LICENCE, To::Device(party(3, 0))), 2);
    let gift = said(&holder, &effects);
    hear(&mut other, &gift, 2);
    let effects = other.step(Event::Give(LICENCE, To::Office), 3);
    let back = said(&other, &effects);
    assert_eq!(back.len(), 1, "it had the seat");
    hear(&mut office, &gift, 3);
    hear(&mut office, &back, 3);
    assert_eq!(answer(&mut office, 1, 4), [], "it had what it asked for, and gave it back");
    ask(&mut other, &mut office, 3);
    assert_eq!(answer(&mut office, 1, 4).len(), 1, "it asks anew, in the same millisecond");
}

#[test]
fn ten_thousand_requests_of_one_device_are_answered_together_and_noted_once() {
    let mut office = office();
    let by = |life: u32| Party { incarnation: Incarnation(life.to_be_bytes()), ..party(2, 0) };
    for life in 0..10_000 {
        let asked = Lease::Request(Request { licence: LICENCE, by: by(life), at: 0 });
        hear(&mut office, &[VerifiedLease::own(by(life).device.0, asked)], 1);
    }
    let effects = office.step(serve(5_000), 1);
    let notes = effects.iter().filter(|effect| matches!(effect, Effect::Persist(_)));
    assert_eq!((notes.count(), said(&office, &effects).len()), (1, 5_000));
    assert!(said(&office, &office.clone().step(serve(5_000), 2)).is_empty());
}
