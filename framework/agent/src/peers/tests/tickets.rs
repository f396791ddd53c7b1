//! Tickets, shown to an agent: one lets one device in, once.

use segue_access::{Role, Secret, Ticket};

use super::company::Company;
use crate::command::RoleName;
use crate::peers::{invite, join};

/// A founder with a ticket, and two devices that want in.
fn company(seed: u64) -> (Company, Ticket) {
    let mut company = Company::found(1, seed);
    company.add();
    company.add();
    let ticket = company.ticket(0, RoleName::Write);
    (company, ticket)
}

/// A ticket that is not good changes nothing, on either side.
fn refused(company: &mut Company, joiner: usize, ticket: &Ticket, why: &str) {
    let document = company.devices[0].document();
    let count = |company: &Company| company.devices[0].store().statement_count(&document).unwrap();
    let before = count(company);
    let said = company.join(0, joiner, ticket).unwrap_err();
    assert!(said.contains(why), "{said}");
    assert_eq!(count(company), before);
    assert_eq!(company.devices[joiner].store().documents().unwrap(), []);
    let circle = crate::peers::circle::Circle::load(company.devices[0].store(), &document).unwrap();
    assert_eq!(circle.members.role(&company.devices[joiner].id()), None);
}

#[test]
fn a_used_ticket_lets_nobody_else_in() {
    let (mut company, ticket) = company(41);
    company.join(0, 1, &ticket).unwrap();
    refused(&mut company, 2, &ticket, "used");
}

#[test]
fn an_expired_ticket_and_one_from_the_future_let_nobody_in() {
    let (mut company, ticket) = company(42);
    company.clock.pass(-60);
    refused(&mut company, 1, &ticket, "expired");
    company.clock.pass(60 + 3_600);
    refused(&mut company, 1, &ticket, "expired");
    let shown = join::ticket(&company.devices[1].agent, &ticket.encode().unwrap()).unwrap_err();
    assert!(shown.to_string().contains("expired"));
    // Whoever sets the clock back brings it back for as long as it was good, and not longer.
    company.clock.pass(-3_600);
    company.join(0, 1, &ticket).unwrap();
}

#[test]
fn a_cancelled_ticket_lets_nobody_in() {
    let (mut company, ticket) = company(43);
    assert_eq!(invite::cancel(&mut company.devices[0].agent).unwrap(), 1);
    refused(&mut company, 1, &ticket, "cancelled");
    assert_eq!(invite::cancel(&mut company.devices[0].agent).unwrap(), 0);
}

#[test]
fn a_guessed_and_an_altered_ticket_let_nobody_in() {
    let (mut company, ticket) = company(44);
    for at in 0..16 {
        let mut secret = ticket.secret.0;
        secret[at] ^= 1;
        refused(
            &mut company,
            1,
            &Ticket { secret: Secret(secret), ..ticket.clone() },
            "nobody here",
        );
    }
    let other = Ticket { document: segue_model::DocumentId([1; 32]), ..ticket.clone() };
    refused(&mut company, 1, &other, "nobody here");
    let text = ticket.encode().unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
        let altered = String::from_utf8(bytes).unwrap();
        assert!(join::ticket(&company.devices[1].agent, &altered).is_err(), "{at}");
    }
    // What a joiner believes of role and end is theirs: the inviter's record decides.
    let role = Role::Admin;
    let wished = Ticket { role, expires: ticket.expires + 9_999_999, ..ticket };
    company.join(0, 1, &wished).unwrap();
    let document = company.devices[0].document();
    let circle = crate::peers::circle::Circle::load(company.devices[0].store(), &document).unwrap();
    assert_eq!(circle.members.role(&company.devices[1].id()), Some(Role::Write));
}

#[test]
fn a_ticket_that_another_device_showed_first_is_that_devices() {
    let (mut company, _) = company(45);
    let ticket = company.ticket_to_ask(0, RoleName::Write);
    assert_eq!(company.join(0, 1, &ticket).unwrap_err(), "waits for a person");
    refused(&mut company, 2, &ticket, "another device");
    // The first may come again, until a person said no.
    assert_eq!(company.join(0, 1, &ticket).unwrap_err(), "waits for a person");
    assert_eq!(invite::cancel(&mut company.devices[0].agent).unwrap(), 2);
    refused(&mut company, 1, &ticket, "cancelled");
}

#[test]
fn who_lost_the_welcome_is_told_once_more_and_given_nothing_twice() {
    let (mut company, ticket) = company(46);
    company.join(0, 1, &ticket).unwrap();
    let document = company.devices[0].document();
    let count = company.devices[0].store().statement_count(&document).unwrap();
    // Also after the ticket ended, and after the joiner stored it.
    company.clock.pass(100_000);
    company.join(0, 1, &ticket).unwrap();
    assert_eq!(company.devices[0].store().statement_count(&document).unwrap(), count);
    assert_eq!(company.devices[1].store().statement_count(&document).unwrap(), count);
    assert!(company.talk(&[0, 1]).in_step);
    // But not after it was put out.
    let id = company.devices[1].id().to_string();
    crate::peers::revoke::revoke(&mut company.devices[0].agent, &id, false).unwrap();
    assert!(company.join(0, 1, &ticket).unwrap_err().contains("used"));
}

#[test]
fn who_may_not_invite_makes_no_ticket_and_no_grant() {
    let (mut company, ticket) = company(47);
    company.join(0, 1, &ticket).unwrap();
    let wish = invite::Wish { document: None, role: RoleName::Admin, seconds: 60, approved: true };
    let made = invite::invite(&mut company.devices[1].agent, &wish, Vec::new());
    assert!(made.unwrap_err().to_string().contains("may not invite"));
}
