//! Both machines, as they should be used and as they should not.

use segue_access::{Invitation, Refusal, Role, SignedStatement, Statement, words};
use segue_model::DocumentId;

use super::frame::{Frame, Welcome};
use super::sample::*;
use super::{FRAME_BYTES_MAX, Inviter, InviterStep, Joiner, JoinerStep, Refused, Welcomed};
use crate::Malformed;
use crate::packed::List;

const OUT_OF_PLACE: Malformed = Malformed("the frame does not belong here");

fn welcomed(joiner: &mut Joiner, frame: &[u8]) -> Welcomed {
    match joiner.handle(frame) {
        Ok(Some(JoinerStep::Welcome(welcomed))) => welcomed,
        other => panic!("{other:?}"),
    }
}

fn refused(joiner: &mut Joiner, frame: &[u8]) -> Refused {
    match joiner.handle(frame) {
        Ok(Some(JoinerStep::Refused(refused))) => refused,
        other => panic!("{other:?}"),
    }
}

/// What the joiner says of a Welcome with these statements.
fn judged(root: SignedStatement, statements: &[SignedStatement]) -> Result<Role, &'static str> {
    let list = statements.iter().cloned().map(Into::into).collect();
    let welcome = Welcome { root: root.into(), statements: List(list), addresses: List::default() };
    match waiting().0.handle(&Frame::Welcome(welcome).encode()) {
        Ok(Some(JoinerStep::Welcome(welcomed))) => Ok(welcomed.role),
        Err(Malformed(why)) => Err(why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_joiner_with_a_good_ticket_is_let_in() {
    let (mut joiner, mut inviter, ask) = both();
    let asked = asked(&mut inviter, &ask);
    assert_eq!((asked.document, asked.secret), (document(), SECRET));
    assert_eq!((asked.person, &*asked.name), (person(3).id(), "Bea's laptop"));
    assert_eq!((&asked.vouch, &asked.addresses), (&vouch(), &addresses()));

    let step = joiner.handle(&inviter.wait(" Ann's\u{7} server ")).unwrap().unwrap();
    let shown = words(&SECRET, &self::inviter().id(), &self::joiner().id());
    let name = Some("Ann's server".into());
    assert_eq!(step, JoinerStep::Wait { inviter: name, words: shown });
    assert_eq!(asked.words, shown);

    let frame = inviter.welcome(Role::Write, &held(Role::Write), &addresses()).unwrap();
    let welcomed = welcomed(&mut joiner, &frame);
    let statements = vec![grant(Role::Write), power(), vouch()];
    assert_eq!((&welcomed.root, &welcomed.statements), (&root(), &statements));
    assert_eq!((welcomed.role, welcomed.until), (Role::Write, None));
    assert_eq!(welcomed.addresses, addresses());
    assert_eq!(inviter.handle(&welcomed.joined()), Ok(Some(InviterStep::Joined)));
}

#[test]
fn a_lost_welcome_is_said_again_in_a_new_conversation() {
    for _ in 0..2 {
        let (mut joiner, mut inviter) = waiting();
        let frame = inviter.welcome(Role::Read, &held(Role::Read), &[]).unwrap();
        assert_eq!(welcomed(&mut joiner, &frame).role, Role::Read);
    }
}

#[test]
fn each_frame_has_its_one_place() {
    let (_, mut inviter) = waiting();
    let wait = inviter.wait("Ann");
    let welcome = inviter.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    let refusal = Inviter::new(self::inviter().id(), self::joiner().id()).refuse(&Refused::Busy);
    let joined = Frame::Joined(super::frame::Joined {}).encode();
    let (_, _, ask) = both();
    let frames = [("a", &ask), ("w", &wait), ("W", &welcome), ("r", &refusal), ("j", &joined)];

    let (mut joiner_takes, mut inviter_takes) = (Vec::new(), Vec::new());
    for first in frames {
        for second in frames {
            for third in frames {
                let order = [first, second, third];
                let name: String = order.iter().map(|(name, _)| *name).collect();
                let mut joiner = both().0;
                if order.iter().all(|(_, frame)| joiner.handle(frame).is_ok()) {
                    joiner_takes.push(name.clone());
                }
                let mut inviter = both().1;
                if order.iter().all(|(_, frame)| inviter.handle(frame).is_ok()) {
                    inviter_takes.push(name);
                }
            }
        }
    }
    assert!(joiner_takes.is_empty() && inviter_takes.is_empty(), "no side takes three");

    let pairs = frames.iter().flat_map(|first| frames.iter().map(move |second| (first, second)));
    for ((first, one), (second, two)) in pairs {
        let mut joiner = both().0;
        let taken = joiner.handle(one).and_then(|_| joiner.handle(two));
        let fits = *first == "w" && ["W", "r"].contains(second);
        assert_eq!(taken.is_ok(), fits, "{first}{second}");
        let mut inviter = both().1;
        let taken = inviter.handle(one).and_then(|_| inviter.handle(two));
        assert!(taken.is_err(), "{first}{second}");
    }
}

#[test]
fn whoever_errs_is_not_listened_to_again() {
    let (mut joiner, mut inviter, ask) = both();
    assert_eq!(joiner.handle(&ask), Err(OUT_OF_PLACE));
    assert_eq!(joiner.handle(&inviter.wait("Ann")), Err(OUT_OF_PLACE));
    assert!(inviter.handle(&[0xff]).is_err());
    assert_eq!(inviter.handle(&ask), Err(OUT_OF_PLACE.into()));
    assert_eq!(inviter.welcome(Role::Write, &held(Role::Write), &[]), None);
}

#[test]
fn joined_is_only_heard_of_whom_was_welcomed() {
    let (mut joiner, mut inviter) = waiting();
    let frame = inviter.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    let joined = welcomed(&mut joiner, &frame).joined();
    for is_refused in [false, true] {
        let (_, mut inviter) = waiting();
        if is_refused {
            inviter.refuse(&Refused::Declined);
        }
        assert_eq!(inviter.handle(&joined), Err(OUT_OF_PLACE.into()));
    }
    assert_eq!(inviter.handle(&joined), Ok(Some(InviterStep::Joined)));
    assert_eq!(inviter.handle(&joined), Err(OUT_OF_PLACE.into()));
}

#[test]
fn every_reason_arrives_in_the_same_words() {
    let of_tickets = [
        Refusal::Unknown,
        Refusal::Used,
        Refusal::Expired,
        Refusal::Cancelled,
        Refusal::Bound,
        Refusal::TooLong,
    ];
    let mut all: Vec<Refused> = of_tickets.into_iter().map(Refused::from).collect();
    all.extend([Refused::Declined, Refused::OUR_VERSIONS, Refused::Busy, OUT_OF_PLACE.into()]);
    all.push(Refused::Version { oldest: 2, newest: 4 });
    all.push(Refused::Other { code: 99, text: "not on a Sunday".into() });
    for why in all {
        let (mut joiner, mut inviter, _) = both();
        let heard = refused(&mut joiner, &inviter.refuse(&why));
        assert_eq!((heard.to_string(), &heard), (why.to_string(), &why));
        let (mut joiner, mut inviter) = waiting();
        assert_eq!(refused(&mut joiner, &inviter.refuse(&why)), why, "after the Wait");
    }
}

#[test]
fn a_reason_of_others_is_cut_and_cleaned() {
    let (mut joiner, mut inviter, _) = both();
    let text = format!("\u{1b}]0;a\u{7}\n{}", "ö".repeat(300));
    let heard = refused(&mut joiner, &inviter.refuse(&Refused::Other { code: 99, text }));
    let Refused::Other { code: 99, text } = heard else { panic!("{heard:?}") };
    assert_eq!(text, format!("]0;a {}", "ö".repeat(124)));
}

#[test]
fn what_the_invitation_refuses_is_what_the_joiner_reads() {
    let (mut joiner, mut inviter, ask) = both();
    let asked = asked(&mut inviter, &ask);
    let mut invitation = Invitation::open(&SECRET, document(), Role::Write, 0, 10).unwrap();
    let them = self::joiner().id();
    let why = invitation.present(&asked.secret, &asked.document, 10, &them).unwrap_err();
    let heard = refused(&mut joiner, &inviter.refuse(&why.into()));
    assert_eq!(heard.to_string(), "the ticket has expired");
}

#[test]
fn versions_that_do_not_meet_are_refused_whatever_else_the_ask_says() {
    // Kind 1, and a map of 0: 2, 1: 3, 2: "x".
    let ask = [1, 0xa3, 0, 2, 1, 3, 2, 0x61, b'x'];
    assert_eq!(both().1.handle(&ask), Err(Refused::Version { oldest: 1, newest: 1 }));
    let mut frame = ask;
    frame[3] = 1;
    assert!(matches!(both().1.handle(&frame), Err(Refused::Malformed(_))), "1 to 3 is fine");
    for version in [0, 2, 0x17] {
        let wait = [2, 0xa1, 0, version];
        assert!(both().0.handle(&wait).is_err(), "version {version} was not offered");
    }
}

#[test]
fn the_vouching_statement_must_name_the_device_that_speaks() {
    let me = joiner().id();
    let mut forged = vouch();
    forged.signature[9] ^= 1;
    let bad = [
        vouching(&person(3), device(9).id(), "Bea's laptop"),
        vouching(&person(3), me, ""),
        vouching(&person(3), me, " \u{202e}\u{200b} "),
        vouching(&person(3), me, &"n".repeat(65)),
        forged,
        SignedStatement { signer: person(9).id().0, ..vouch() },
        SignedStatement { bytes: Vec::new(), ..vouch() },
        grant(Role::Write),
        root(),
    ];
    for vouch in bad {
        let (_, ask) = Joiner::new(&ticket(), me, vouch.clone(), &[]);
        let heard = both().1.handle(&ask);
        assert!(matches!(heard, Err(Refused::Malformed(_))), "{vouch:?}: {heard:?}");
    }
    let longest = vouching(&person(3), me, &format!("\t{}", "ö".repeat(64)));
    let (_, ask) = Joiner::new(&ticket(), me, longest, &[]);
    assert_eq!(asked(&mut both().1, &ask).name, "ö".repeat(64));
}

#[test]
fn a_welcome_must_prove_itself() {
    let foreign = Statement::Grant {
        document: DocumentId([9; 32]),
        nonce: [0; 16],
        to: joiner().id(),
        role: Role::Write,
        until: None,
    };
    let person = owner().id();
    let other = Statement::Root { person, schema: "music".into(), nonce: [6; 16] };
    let (foreign, other) = (owner().sign(&foreign).unwrap(), owner().sign(&other).unwrap());
    let (grant, power) = (grant(Role::Write), power());
    let mut forged = power.clone();
    forged.signature[0] ^= 1;
    let stranger = device(9).sign(&grant_of(joiner().id(), Role::Write, None)).unwrap();
    let no_role = Err("the statements give this device no role");
    for (root, statements, expected) in [
        (root(), vec![grant.clone(), power.clone()], Ok(Role::Write)),
        (root(), vec![power.clone(), vouch(), grant.clone()], Ok(Role::Write)),
        (root(), vec![grant.clone()], no_role),
        (root(), vec![power.clone()], no_role),
        (root(), vec![power.clone(), stranger], no_role),
        (root(), vec![], no_role),
        (root(), vec![grant.clone(), power.clone(), forged], Err("a statement is not valid")),
        (root(), vec![grant.clone(), foreign], Err("a statement is about another document")),
        (root(), vec![grant.clone(), other.clone()], Err("a statement is about another document")),
        (other, vec![], Err("the root does not begin the document of the ticket")),
        (power.clone(), vec![grant], Err("the root does not begin the document of the ticket")),
    ] {
        assert_eq!(judged(root, &statements), expected);
    }
}

#[test]
fn a_lower_role_is_reported_and_a_higher_one_refused() {
    for (role, expected) in [
        (Role::Relay, Ok(Role::Relay)),
        (Role::Read, Ok(Role::Read)),
        (Role::Write, Ok(Role::Write)),
        (Role::Admin, Err("the inviter gave a higher role than the ticket said")),
    ] {
        assert_eq!(judged(root(), &[power(), grant(role)]), expected);
    }
    let ending = inviter().sign(&grant_of(joiner().id(), Role::Write, Some(5))).unwrap();
    let (mut joiner, mut inviter) = waiting();
    let frame = inviter.welcome(Role::Write, &[root(), power(), ending], &[]).unwrap();
    assert_eq!(welcomed(&mut joiner, &frame).until, Some(5));
}

#[test]
fn a_revoke_that_is_shown_counts() {
    let revoke = Statement::Revoke {
        document: document(),
        grant: grant(Role::Write).hash(),
        keeps: [].into(),
        cut: [].into(),
    };
    let revoke = owner().sign(&revoke).unwrap();
    let no_role = Err("the statements give this device no role");
    assert_eq!(judged(root(), &[power(), grant(Role::Write), revoke.clone()]), no_role);
    let mut statements = held(Role::Write);
    statements.push(revoke);
    assert_eq!(waiting().1.welcome(Role::Write, &statements, &[]), None);
}

#[test]
fn nobody_is_welcomed_without_the_grant_that_was_promised() {
    let (mut joiner, mut inviter) = waiting();
    for statements in [vec![], vec![root()], vec![root(), power()], held(Role::Read)] {
        assert_eq!(inviter.welcome(Role::Write, &statements, &[]), None);
    }
    assert_eq!(both().1.welcome(Role::Write, &held(Role::Write), &[]), None, "nobody asked");
    assert_eq!(refused(&mut joiner, &inviter.refuse(&Refused::Declined)), Refused::Declined);
}

#[test]
fn of_several_roles_the_promised_one_is_shown() {
    let more = owner().sign(&grant_of(joiner().id(), Role::Admin, None)).unwrap();
    let mut statements = held(Role::Read);
    statements.push(more);
    let (mut joiner, mut inviter) = waiting();
    let frame = inviter.welcome(Role::Read, &statements, &[]).unwrap();
    assert_eq!(welcomed(&mut joiner, &frame).role, Role::Read);
}

#[test]
fn of_a_large_document_the_line_to_the_owner_goes_along_and_no_more() {
    // The owner, device 20, 21 … 39, the inviter; beside them thousands of bytes of others.
    let mut statements = vec![root(), vouch()];
    statements.push(owner().sign(&grant_of(device(20).id(), Role::Admin, None)).unwrap());
    for byte in 20..39 {
        let to = device(byte + 1).id();
        statements.push(device(byte).sign(&grant_of(to, Role::Admin, None)).unwrap());
    }
    statements.push(device(39).sign(&grant_of(inviter().id(), Role::Admin, None)).unwrap());
    statements.push(grant(Role::Write));
    let line = statements.len();
    for byte in 40..240 {
        let (to, name) = (device(byte).id(), "n".repeat(255));
        statements.push(device(20).sign(&grant_of(to, Role::Write, None)).unwrap());
        statements.push(vouching(&person(byte), to, &name));
    }
    statements.reverse();
    let (mut joiner, mut inviter) = waiting();
    let many = vec!["a".repeat(255); 20];
    let frame = inviter.welcome(Role::Write, &statements, &many).unwrap();
    assert!(frame.len() < FRAME_BYTES_MAX / 4, "{}", frame.len());
    let welcomed = welcomed(&mut joiner, &frame);
    assert_eq!(welcomed.statements.len() + 1, line);
    assert_eq!(welcomed.addresses, many[..16]);
}

#[test]
fn addresses_that_do_not_fit_stay_behind() {
    let mut addresses = vec!["a".repeat(256), String::new()];
    addresses.extend((0..20).map(|number| number.to_string()));
    let (_, ask) = Joiner::new(&ticket(), joiner().id(), vouch(), &addresses);
    assert_eq!(asked(&mut both().1, &ask).addresses, addresses[1..17]);
}

#[test]
fn a_long_name_is_cut() {
    for name in ["𝄞".repeat(70), format!("{}…", "n".repeat(70)), String::new()] {
        let (mut joiner, mut inviter, ask) = both();
        asked(&mut inviter, &ask);
        let Ok(Some(JoinerStep::Wait { inviter: shown, .. })) = joiner.handle(&inviter.wait(&name))
        else {
            panic!("{name}")
        };
        assert_eq!(shown.is_none(), name.is_empty());
        assert!(shown.is_none_or(|shown| name.starts_with(&shown) && shown.chars().count() > 62));
    }
}

#[test]
fn a_secret_is_never_shown() {
    let (joiner, mut inviter, ask) = both();
    let asked = asked(&mut inviter, &ask);
    let frame = Frame::decode(&ask).unwrap();
    let shown = format!("{joiner:?} {inviter:?} {asked:?} {frame:?}");
    assert!(!shown.contains("94, 94"), "{shown}");
}
