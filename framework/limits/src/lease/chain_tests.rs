//! How a token stands: complete chains, gaps, forgeries, contradictions, terms one after the other.

use segue_model::{DeviceId, DocumentId, ItemId};

use super::*;
use crate::lease::{CLOCK_BOUND_MS, Incarnation};

const OWNER: PersonId = PersonId([9; 32]);
const TOKEN: Token = Token {
    licence: Licence { document: DocumentId([1; 32]), item: ItemId([2; 16]), issuer: [3; 32] },
    seat: 0,
};
const END: i64 = 100 * CLOCK_BOUND_MS;

fn party(device: u8) -> Party {
    Party { device: DeviceId([device; 32]), incarnation: Incarnation([0; 4]) }
}

fn issue(term: i64, to: u8) -> VerifiedLease {
    let (to, previous) = (To::Device(party(to)), [to; 32]);
    let end = term + END;
    let link = Link { token: TOKEN, term, number: 0, previous, to, end, at: term };
    VerifiedLease::own(OWNER.0, Lease::Link(link))
}

/// What `by` says after `before`: the seat goes to a device, or back to the office as device 0.
fn after(before: &VerifiedLease, by: u8, to: u8) -> VerifiedLease {
    let Lease::Link(link) = *before.lease() else { panic!("a request has no next link") };
    let (number, previous) = (link.number + 1, before.hash());
    let to = if to == 0 { To::Office } else { To::Device(party(to)) };
    VerifiedLease::own([by; 32], Lease::Link(Link { number, previous, to, ..link }))
}

fn changed(of: &VerifiedLease, change: impl FnOnce(&mut Link)) -> VerifiedLease {
    let Lease::Link(mut link) = *of.lease() else { panic!("a request is no link") };
    change(&mut link);
    VerifiedLease::own(*of.signer(), Lease::Link(link))
}

fn standing(statements: &[VerifiedLease]) -> Standing {
    let mut leases = Leases::new(OWNER);
    for statement in statements {
        leases.insert(statement);
    }
    leases.standing(&TOKEN)
}

fn holder(statements: &[VerifiedLease]) -> Option<u8> {
    match standing(statements) {
        Standing::Held(tip) => Some(tip.holder.device.0[0]),
        Standing::Free | Standing::Void { .. } => None,
    }
}

#[test]
fn a_chain_leads_to_its_last_holder_in_whatever_order_it_came() {
    let first = issue(0, 1);
    let second = after(&first, 1, 2);
    let third = after(&second, 2, 3);
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let all = [first, second, third];
        let shuffled = order.map(|at| all[at]);
        assert_eq!(holder(&[&shuffled[..], &all[..]].concat()), Some(3), "{order:?}");
    }
    assert_eq!(standing(&[first, second, third, after(&third, 3, 0)]), Standing::Free);
    assert_eq!(standing(&[]), Standing::Free);
}

#[test]
fn f42_a_chain_with_a_gap_goes_no_further_and_one_without_a_beginning_nowhere() {
    let first = issue(0, 1);
    let second = after(&first, 1, 2);
    let third = after(&second, 2, 3);
    assert_eq!(holder(&[first, third]), Some(1));
    assert_eq!(holder(&[second, third]), None);
    let skipped = changed(&second, |link| link.number = 2);
    assert_eq!(holder(&[first, skipped]), Some(1));
    let elsewhere = changed(&second, |link| link.previous = [7; 32]);
    assert_eq!(holder(&[first, elsewhere]), Some(1));
}

#[test]
fn f42_only_the_owner_issues_and_only_the_holder_gives() {
    let first = issue(0, 1);
    let forged = VerifiedLease::own([8; 32], *first.lease());
    assert_eq!(standing(&[forged]), Standing::Free);
    assert_eq!(holder(&[first, after(&first, 8, 8)]), Some(1));
    let longer = changed(&after(&first, 1, 2), |link| link.end += 1);
    assert_eq!(holder(&[first, longer]), Some(1));
    let for_ever = changed(&first, |link| link.end = TERM_MAX_MS + 1);
    assert_eq!(standing(&[for_ever]), Standing::Free);
}

#[test]
fn f42_two_statements_in_one_place_give_the_seat_to_nobody() {
    let first = issue(0, 1);
    let (second, other) = (after(&first, 1, 2), after(&first, 1, 3));
    let void = |by| Standing::Void { until: END + 2 * CLOCK_BOUND_MS, by: Some(by) };
    for went_on in [second, after(&second, 2, 4), after(&other, 3, 0)] {
        assert_eq!(standing(&[first, second, other, went_on]), void([1; 32]));
    }
    assert_eq!(standing(&[first, second, after(&first, 1, 0)]), void([1; 32]));
    assert_eq!(standing(&[first, issue(0, 2)]), void(OWNER.0));
}

#[test]
fn f42_a_term_counts_only_after_the_one_before_it() {
    let first = issue(0, 1);
    let back = after(&first, 1, 0);
    let over = END + 2 * CLOCK_BOUND_MS;
    assert_eq!(holder(&[first, issue(over, 2)]), Some(2));
    assert_eq!(holder(&[first, back, issue(5, 2)]), Some(2));
    let until = 5 + END + 2 * CLOCK_BOUND_MS;
    assert_eq!(standing(&[first, issue(5, 2)]), Standing::Void { until, by: None });
    assert_eq!(standing(&[first, back, after(&first, 1, 3), issue(5, 2)]), {
        Standing::Void { until, by: Some([1; 32]) }
    });
}

#[test]
fn of_each_party_the_newest_request_stands_in_line() {
    let mut leases = Leases::new(OWNER);
    let request = |by, at| Request { licence: TOKEN.licence, by: party(by), at };
    for (by, at) in [(1, 5), (2, 6), (1, 9), (1, 7)] {
        leases.insert(&VerifiedLease::own([by; 32], Lease::Request(request(by, at))));
    }
    let line = leases.requests(&TOKEN.licence).into_iter().map(|(_, request)| request);
    assert_eq!(line.collect::<Vec<_>>(), [request(2, 6), request(1, 9)]);
    let asked = |device| leases.who_asked(&TOKEN.licence, &DeviceId([device; 32]));
    assert_eq!((asked(1), asked(3)), (Some(party(1)), None));
}

#[test]
fn ten_thousand_links_that_somebody_made_up_lead_to_their_last_and_are_read_once() {
    let mut leases = Leases::new(OWNER);
    let mut last = issue(0, 1);
    leases.insert(&last);
    for _ in 0..10_000 {
        last = after(&last, 1, 1);
        leases.insert(&last);
    }
    let Standing::Held(tip) = leases.standing(&TOKEN) else { panic!() };
    assert_eq!((tip.number, tip.holder), (10_000, party(1)));
    assert_eq!(leases.gifts(&TOKEN.licence), [(party(1), 0)].into());
}
