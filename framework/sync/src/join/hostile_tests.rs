//! What is cut, invented, oversized or of a newer version.

use fastrand::Rng;
use minicbor::Encoder;
use segue_access::{Role, Secret, SignedStatement};

use super::frame::{Ask, Frame, Joined, Refusing, Versions, Wait, Welcome};
use super::sample::*;
use super::{FRAME_BYTES_MAX, FRAMES_MAX, Inviter, Refused, STATEMENTS_MAX};
use crate::Malformed;
use crate::batch::WireStatement;
use crate::packed::{List, Text};

/// One frame of each kind, as honest sides say them.
fn honest() -> Vec<Vec<u8>> {
    let (_, _, ask) = both();
    let (_, mut inviter) = waiting();
    let wait = inviter.wait("Ann's server");
    let welcome = inviter.welcome(Role::Write, &held(Role::Write), &addresses()).unwrap();
    let refused = inviter.refuse(&Refused::OUR_VERSIONS);
    vec![ask, wait, welcome, refused, Frame::Joined(Joined {}).encode()]
}

/// No side, in no state, takes a step because of it.
fn is_refused_by_all(frame: &[u8]) -> bool {
    let (mut joiner, mut inviter, _) = both();
    let (mut waiting, mut welcoming) = waiting();
    welcoming.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    joiner.handle(frame).is_err()
        && waiting.handle(frame).is_err()
        && inviter.handle(frame).is_err()
        && welcoming.handle(frame).is_err()
}

#[test]
fn a_frame_that_is_cut_anywhere_or_goes_on_is_no_frame() {
    for frame in honest() {
        assert!(Frame::decode(&frame).is_ok());
        for length in 0..frame.len() {
            assert!(Frame::decode(&frame[..length]).is_err(), "{length}");
            assert!(is_refused_by_all(&frame[..length]), "{length}");
        }
        let more = [&frame[..], &[0]].concat();
        assert_eq!(Frame::decode(&more), Err(Malformed("there are bytes after the frame")));
    }
}

#[test]
fn a_changed_bit_gives_nobody_a_role() {
    let (_, mut inviter) = waiting();
    let frame = inviter.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    // The last two bytes are the empty list of addresses.
    for at in 1..frame.len() - 2 {
        let mut frame = frame.clone();
        frame[at] ^= 1 << (at % 8);
        let step = waiting().0.handle(&frame);
        assert!(step.is_err(), "byte {at}: {step:?}");
    }
}

#[test]
fn random_bytes_are_refused_or_mean_nothing() {
    let mut rng = Rng::with_seed(7);
    let honest = honest();
    for _ in 0..20_000 {
        let mut frame: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
        match rng.u8(..3) {
            0 => frame.insert(0, rng.u8(1..6)),
            1 => {
                frame.clone_from(rng.choice(&honest).unwrap());
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..frame.len());
                    frame[at] = rng.u8(..);
                }
            }
            _ => {}
        }
        let (mut joiner, mut inviter, _) = both_quickly();
        let _ = (joiner.handle(&frame), inviter.handle(&frame));
        if let Ok(read) = Frame::decode(&frame) {
            assert_eq!(Frame::decode(&read.encode()), Ok(read));
        }
    }
}

/// As [`both`], without signing each time.
fn both_quickly() -> (super::Joiner, Inviter, Vec<u8>) {
    thread_local! {
        static PARTS: (segue_access::Ticket, SignedStatement) = (ticket(), vouch());
    }
    PARTS.with(|(ticket, vouch)| {
        let (joiner, ask) = super::Joiner::new(ticket, ticket.inviter, vouch.clone(), &[]);
        (joiner, Inviter::new(ticket.inviter, ticket.inviter), ask)
    })
}

#[test]
fn what_is_too_large_or_too_many_is_refused() {
    let unknown = |length: usize| [&[9], &vec![0; length][..]].concat();
    assert_eq!(Frame::decode(&unknown(FRAME_BYTES_MAX - 1)), Ok(Frame::Unknown));
    let too_large = Malformed("the frame is too large");
    assert_eq!(Frame::decode(&unknown(FRAME_BYTES_MAX)), Err(too_large));

    let address = |bytes| Text("a".repeat(bytes));
    let ask = |addresses| {
        let [oldest, newest] = [1, 1];
        let (document, secret) = (document().0, SECRET);
        Frame::Ask(Ask { oldest, newest, document, secret, vouch: vouch().into(), addresses })
    };
    let fits = |frame: &Frame| Frame::decode(&frame.encode()).is_ok();
    assert!(fits(&ask(List(vec![address(255); 16]))));
    assert!(!fits(&ask(List(vec![address(255); 17]))));
    assert!(!fits(&ask(List(vec![address(256)]))));

    let tiny = WireStatement::from(SignedStatement {
        bytes: Vec::new(),
        signature: [0; 64],
        signer: [0; 32],
    });
    let welcome = |count| {
        let statements = List(vec![tiny.clone(); count]);
        Frame::Welcome(Welcome { root: root().into(), statements, addresses: List::default() })
    };
    assert!(fits(&welcome(STATEMENTS_MAX)));
    assert!(!fits(&welcome(STATEMENTS_MAX + 1)));
    for bytes in [255, 256] {
        let name = Some(address(bytes));
        assert_eq!(fits(&Frame::Wait(Wait { version: 1, name })), bytes == 255);
        let text = Some(address(bytes));
        let refusing = Refusing { code: 1, text, oldest: None, newest: None };
        assert_eq!(fits(&Frame::Refused(refusing)), bytes == 255);
    }
}

#[test]
fn lengths_that_are_only_told_cost_nothing() {
    // Arrays, strings and maps of 2^64 - 1 entries, where one of each would stand.
    for head in [0x9b, 0x5b, 0x7b, 0xbb] {
        for (kind, key) in [(1, 5), (1, 2), (2, 1), (3, 1), (3, 0), (4, 1), (5, 0)] {
            let frame = [&[kind, 0xa1, key, head][..], &[0xff; 8]].concat();
            assert!(is_refused_by_all(&frame), "{frame:?}");
        }
    }
    // Arrays in arrays, in a field that is skipped.
    let deep = [&[5, 0xa1, 0x18, 0x63][..], &vec![0x81; FRAME_BYTES_MAX - 10]].concat();
    assert!(is_refused_by_all(&deep));
}

#[test]
fn frames_of_unknown_kinds_are_skipped_until_there_are_too_many() {
    let unknown = [0x18, 0x63, 1, 2, 3];
    let (mut joiner, mut inviter, ask) = both();
    for _ in 0..FRAMES_MAX - 1 {
        assert_eq!(joiner.handle(&unknown), Ok(None));
        assert_eq!(inviter.handle(&unknown), Ok(None));
    }
    asked(&mut inviter, &ask);
    assert!(joiner.handle(&inviter.wait("Ann")).unwrap().is_some());
    let too_many = Malformed("there are too many frames");
    assert_eq!(joiner.handle(&unknown), Err(too_many));
    assert_eq!(inviter.handle(&unknown), Err(too_many.into()));
}

/// The frame with a field 99 more, which is a map of lists.
fn newer(frame: &[u8]) -> Vec<u8> {
    let mut newer = frame.to_vec();
    assert_eq!(newer[1] & 0xe0, 0xa0, "a short map");
    newer[1] += 1;
    let mut encoder = Encoder::new(Vec::new());
    encoder.u8(99).unwrap().map(1).unwrap().str("new").unwrap();
    encoder.begin_array().unwrap().array(2).unwrap().bool(true).unwrap().null().unwrap();
    encoder.bytes(&[1, 2]).unwrap().end().unwrap();
    newer.extend(encoder.into_writer());
    newer
}

#[test]
fn fields_that_are_not_known_are_skipped() {
    for frame in honest() {
        assert_eq!(Frame::decode(&newer(&frame)), Frame::decode(&frame));
    }
    let (mut joiner, mut inviter, ask) = both();
    asked(&mut inviter, &newer(&ask));
    assert!(joiner.handle(&newer(&inviter.wait("Ann"))).unwrap().is_some());
    let welcome = inviter.welcome(Role::Write, &held(Role::Write), &[]).unwrap();
    assert!(joiner.handle(&newer(&welcome)).unwrap().is_some());
}

fn text(rng: &mut Rng) -> Text<255> {
    Text((0..rng.usize(..64)).map(|_| rng.char(..)).collect())
}

fn statement(rng: &mut Rng) -> WireStatement {
    let bytes = (0..rng.usize(..200)).map(|_| rng.u8(..)).collect();
    let (mut signature, mut signer) = ([0; 64], [0; 32]);
    rng.fill(&mut signature);
    rng.fill(&mut signer);
    SignedStatement { bytes, signature, signer }.into()
}

fn frame(rng: &mut Rng) -> Frame {
    let addresses = List((0..rng.usize(..=16)).map(|_| text(rng)).collect());
    let [oldest, newest] = [rng.u16(..), rng.u16(..)];
    match rng.u8(..6) {
        0 => {
            let (mut document, mut secret) = ([0; 32], [0; 16]);
            rng.fill(&mut document);
            rng.fill(&mut secret);
            let (oldest, newest) = (rng.u16(..2), rng.u16(1..));
            let (secret, vouch) = (Secret(secret), statement(rng));
            Frame::Ask(Ask { oldest, newest, document, secret, vouch, addresses })
        }
        1 => Frame::Foreign(Versions { oldest: rng.u16(2..), newest }),
        2 => Frame::Wait(Wait { version: newest, name: rng.bool().then(|| text(rng)) }),
        3 => {
            let statements = List((0..rng.usize(..100)).map(|_| statement(rng)).collect());
            Frame::Welcome(Welcome { root: statement(rng), statements, addresses })
        }
        4 => {
            let (oldest, newest) = (rng.bool().then_some(oldest), rng.bool().then_some(newest));
            let text = rng.bool().then(|| text(rng));
            Frame::Refused(Refusing { code: rng.u16(..), text, oldest, newest })
        }
        _ => Frame::Joined(Joined {}),
    }
}

#[test]
fn what_was_written_is_what_is_read() {
    let mut rng = Rng::with_seed(11);
    for _ in 0..5_000 {
        let frame = frame(&mut rng);
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
}
