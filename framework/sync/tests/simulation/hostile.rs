//! Peers that lie, replay, flood, send bombs, or are of another time.

use std::io::Read;

use flate2::Compression;
use flate2::read::DeflateEncoder;
use minicbor::Encoder;
use segue_access::{Role, sign_change};
use segue_document::ChangeContent;
use segue_model::ChangeHash;
use segue_sync::{Closing, Effect, Event, FRAME_BYTES_MAX, Replica, Root, Session, Side, short};

use crate::store::{Store, device_key, document, founding, grant};
use crate::world::{sent, session_of};

type Fields<'f> = &'f dyn Fn(&mut Encoder<&mut Vec<u8>>);

/// A frame made by hand: what a peer may send that does not use our code.
fn frame(kind: u8, fields: u64, body: Fields<'_>) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut encoder = Encoder::new(&mut bytes);
    encoder.map(fields).unwrap();
    body(&mut encoder);
    bytes
}

fn hello(root: [u8; 16]) -> Vec<u8> {
    frame(1, 4, &|e| {
        e.u8(0).unwrap().u8(1).unwrap().u8(1).unwrap().u8(1).unwrap();
        e.u8(2).unwrap().bytes(&document().0).unwrap().u8(3).unwrap().bytes(&root).unwrap();
    })
}

fn want(number: u64, shard: u8, heads: &[u8]) -> Vec<u8> {
    frame(3, 2, &|e| {
        e.u8(0).unwrap().u64(number).unwrap().u8(2).unwrap().array(1).unwrap().map(2).unwrap();
        e.u8(0).unwrap().u8(shard).unwrap().u8(1).unwrap().bytes(heads).unwrap();
    })
}

fn batch_of(number: u64, key: u8, content: &[u8]) -> Vec<u8> {
    frame(4, 2, &|e| {
        e.u8(0).unwrap().u64(number).unwrap().u8(key).unwrap().bytes(content).unwrap();
    })
}

/// A batch with one change, in plain form.
fn batch(number: u64, shard: u8, signature: &[u8; 64], raw: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut e = Encoder::new(&mut content);
    e.map(2).unwrap().u8(1).unwrap().array(1).unwrap().array(3).unwrap();
    e.u8(shard)
        .unwrap()
        .null()
        .unwrap()
        .bytes(raw)
        .unwrap()
        .u8(2)
        .unwrap()
        .bytes(signature)
        .unwrap();
    batch_of(number, 1, &content)
}

/// A batch with all that an author has in a shard, as its session sends it.
fn sent_batch(author: &Store, shard: u8) -> Vec<u8> {
    let mut session = session_of(author, device_key(0).id(), Side::Answerer);
    session.handle(Event::Opened, author, 0);
    session.handle(Event::Frame(hello([0; 16])), author, 0);
    let answer = sent(&session.handle(Event::Frame(want(1, shard, &[])), author, 0));
    answer.into_iter().find(|frame| frame[0] == 4).unwrap()
}

/// A victim that was greeted by its hostile peer, device 1.
struct Victim {
    store: Store,
    session: Session,
    now_ms: u64,
    sent: usize,
}

impl Victim {
    fn new() -> Self {
        let mut store = Store::new(0, &founding(2));
        store.import(300);
        let session = session_of(&store, device_key(1).id(), Side::Answerer);
        let mut victim = Self { store, session, now_ms: 0, sent: 0 };
        victim.take(Event::Opened);
        assert_eq!(victim.take(Event::Frame(hello([0; 16]))), None);
        victim
    }

    /// Gives it an event; says how the session closed, if it did, with the culprit checked.
    fn take(&mut self, event: Event) -> Option<Closing> {
        let effects = self.session.handle(event, &self.store, self.now_ms);
        self.sent += sent(&effects).len();
        let mut closing = None;
        let mut culprits = Vec::new();
        let mut batches = Vec::new();
        for effect in effects {
            match effect {
                Effect::Close(why) => closing = Some(why),
                Effect::Culprit { who, .. } => culprits.push(who),
                Effect::Ingest { number, batch } => batches.push((number, batch)),
                _ => {}
            }
        }
        if matches!(closing, Some(Closing::Flood | Closing::Malformed(_) | Closing::Forged(_))) {
            assert_eq!(culprits, [device_key(1).id()], "the culprit is named");
        }
        for (number, batch) in batches {
            let done = self.store.ingest(number, batch);
            closing = closing.or(self.take(Event::Ingested(done)));
        }
        closing
    }

    fn frame(&mut self, bytes: Vec<u8>) -> Option<Closing> {
        self.take(Event::Frame(bytes))
    }
}

/// Sends frames until the session closes.
fn until_closed(victim: &mut Victim, most: u64, attack: impl Fn(u64) -> Vec<u8>) -> (u64, Closing) {
    for nth in 0..most {
        if let Some(closing) = victim.frame(attack(nth)) {
            return (nth, closing);
        }
    }
    panic!("{most} frames and it still listens");
}

#[test]
fn who_may_not_read_gets_a_bye_and_nothing_else() {
    for (role, dialed) in [(None, false), (Some(Role::Relay), false), (None, true)] {
        let mut store = Store::new(0, &founding(1));
        store.say(role.map(|role| grant(5, role)));
        let side = if dialed { Side::Dialer } else { Side::Answerer };
        let mut session = session_of(&store, device_key(5).id(), side);
        let effects = session.handle(Event::Opened, &store, 0);
        let frames = sent(&effects);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0][0], 7, "a Bye");
        let root = Root::of(store.statements(), store.heads()).0;
        assert!(!frames[0].windows(16).any(|bytes| bytes == root));
        assert_eq!(effects.last(), Some(&Effect::Close(Closing::NoRole)));
        assert_eq!(session.handle(Event::Frame(hello([0; 16])), &store, 0), []);
    }
}

#[test]
fn a_role_that_ends_ends_the_session() {
    let mut victim = Victim::new();
    victim.store = Store::new(0, &founding(1));
    assert_eq!(victim.take(Event::Advanced), Some(Closing::NoRole));
}

#[test]
fn a_newer_peer_without_a_version_in_common_is_told_so() {
    let store = Store::new(0, &founding(2));
    let mut session = session_of(&store, device_key(1).id(), Side::Answerer);
    session.handle(Event::Opened, &store, 0);
    let newer = frame(1, 4, &|e| {
        e.u8(0).unwrap().u8(2).unwrap().u8(1).unwrap().u8(9).unwrap();
        e.u8(2).unwrap().bytes(&document().0).unwrap().u8(3).unwrap().bytes(&[0; 16]).unwrap();
    });
    let effects = session.handle(Event::Frame(newer), &store, 0);
    let Some(Effect::Close(closing)) = effects.last() else { panic!("it stays") };
    assert_eq!(*closing, Closing::Version { oldest: 2, newest: 9 });
    let said = "the peer speaks versions 2 to 9 of the protocol, and this device 1 to 1; update the older one";
    assert_eq!(closing.to_string(), said);
    let bye = &sent(&effects)[0];
    assert!(bye.windows(said.len()).any(|bytes| bytes == said.as_bytes()));
    // The other side reads that Bye.
    let mut other = session_of(&store, device_key(1).id(), Side::Dialer);
    other.handle(Event::Opened, &store, 0);
    let effects = other.handle(Event::Frame(bye.clone()), &store, 0);
    let expected = Closing::Left { code: 2, text: said.into() };
    assert_eq!(effects, [Effect::Close(expected)]);
}

#[test]
fn fields_and_frames_of_a_newer_peer_are_skipped() {
    let store = Store::new(0, &founding(2));
    let mut session = session_of(&store, device_key(1).id(), Side::Answerer);
    session.handle(Event::Opened, &store, 0);
    let unknown = frame(20, 1, &|e| _ = e.u8(0).unwrap().str("new").unwrap());
    assert_eq!(session.handle(Event::Frame(unknown), &store, 0), []);
    let root = Root::of(store.statements(), store.heads()).0;
    let longer = frame(1, 6, &|e| {
        e.u8(0).unwrap().u8(1).unwrap().u8(1).unwrap().u8(7).unwrap();
        e.u8(2).unwrap().bytes(&document().0).unwrap().u8(3).unwrap().bytes(&root).unwrap();
        e.u8(40).unwrap().array(2).unwrap().map(1).unwrap().u8(1).unwrap().u8(2).unwrap();
        e.begin_array().unwrap().str("x").unwrap().end().unwrap();
        e.u8(41).unwrap().bool(true).unwrap();
    });
    let effects = session.handle(Event::Frame(longer), &store, 0);
    assert_eq!(effects.last(), Some(&Effect::InStep));
}

#[test]
fn another_document_is_none_of_this_connection() {
    let mut victim = Victim::new();
    let other = frame(1, 4, &|e| {
        e.u8(0).unwrap().u8(1).unwrap().u8(1).unwrap().u8(1).unwrap();
        e.u8(2).unwrap().bytes(&[3; 32]).unwrap().u8(3).unwrap().bytes(&[0; 16]).unwrap();
    });
    assert_eq!(victim.frame(other), Some(Closing::Document));
}

#[test]
fn lies_about_heads_lead_nowhere_and_then_end() {
    let mut victim = Victim::new();
    let lie = |nth: u64| {
        let mut head = [0xee; 16];
        head[..8].copy_from_slice(&nth.to_be_bytes());
        want(nth, nth as u8, &head)
    };
    let (after, closing) = until_closed(&mut victim, 100, lie);
    assert_eq!(closing, Closing::Flood);
    assert!(after <= 20, "{after} lies");
}

#[test]
fn f38_repeated_wants_are_rationed() {
    let mut victim = Victim::new();
    let (after, closing) = until_closed(&mut victim, 100, |nth| want(nth, 3, &[]));
    assert_eq!(closing, Closing::Flood);
    assert!(after <= 16 && victim.sent < 60, "{after} Wants, {} frames", victim.sent);
    // An hour apart they are no flood.
    let mut victim = Victim::new();
    for nth in 0..100 {
        victim.now_ms += 3_600_000;
        assert_eq!(victim.frame(want(nth, 3, &[])), None);
    }
}

#[test]
fn f38_repeated_hellos_are_rationed() {
    let mut victim = Victim::new();
    let (after, closing) = until_closed(&mut victim, 1000, |_| hello([1; 16]));
    assert_eq!(closing, Closing::Flood);
    assert!(after <= 256);
}

#[test]
fn f38_what_is_replayed_changes_nothing_and_then_ends() {
    let mut victim = Victim::new();
    let mut author = Store::new(1, &founding(2));
    author.rate([7; 16], 50);
    let change = author.any_change();
    let replay = |number| batch(number, 7, &change.signature, &change.raw);
    assert_eq!(victim.frame(replay(1)), None);
    let root = Root::of(victim.store.statements(), victim.store.heads());
    // The same number is only confirmed, another number is judged again: neither is news.
    let same = until_closed(&mut victim, 20_000, |_| replay(1));
    assert_eq!(same.1, Closing::Flood);
    let mut victim = Victim::new();
    let (_, closing) = until_closed(&mut victim, 20_000, |nth| replay(nth + 1));
    assert_eq!(closing, Closing::Flood);
    assert_eq!(Root::of(victim.store.statements(), victim.store.heads()), root);
}

#[test]
fn a_change_for_another_shard_or_altered_is_a_forgery() {
    let mut author = Store::new(1, &founding(2));
    author.rate([7; 16], 50);
    let change = author.any_change();
    let mut other = change.signature;
    other[3] ^= 1;
    for (shard, signature) in [(8, change.signature), (7, other)] {
        let mut victim = Victim::new();
        let closing = victim.frame(batch(1, shard, &signature, &change.raw));
        assert!(matches!(closing, Some(Closing::Forged(_))), "{closing:?}");
    }
}

#[test]
fn a_lean_change_that_becomes_another_is_a_forgery() {
    let mut author = Store::new(1, &founding(2));
    author.rate([7; 16], 50);
    let change = author.any_change();
    let text = |id: [u8; 16]| {
        let content = ChangeContent::of_chunk(&change.raw).unwrap().write();
        let digits = [b'0', b'7'].repeat(16);
        let place = content.windows(32).position(|window| window == digits).unwrap();
        let text = [&content[..place], &[0xf8], &content[place + 32..]].concat();
        let mut plain = Vec::new();
        let mut e = Encoder::new(&mut plain);
        e.map(3).unwrap().u8(1).unwrap().array(1).unwrap().array(3).unwrap();
        e.u8(7).unwrap().array(0).unwrap().bytes(&text).unwrap();
        e.u8(2).unwrap().bytes(&change.signature).unwrap().u8(3).unwrap().bytes(&id).unwrap();
        batch_of(1, 1, &plain)
    };
    let mut victim = Victim::new();
    assert_eq!(victim.frame(text([7; 16])), None);
    assert!(victim.store.missing_all().contains(&change));
    let closing = Victim::new().frame(text([8; 16]));
    assert!(matches!(closing, Some(Closing::Forged(_))), "{closing:?}");
}

#[test]
fn who_may_not_write_is_refused_without_blame_until_the_grant_comes() {
    let mut victim = Victim::new();
    let mut stranger = Store::new(5, &founding(6));
    let hash: ChangeHash = stranger.rate([7; 16], 50).unwrap();
    let change = stranger.any_change();
    assert_eq!(change.signature, sign_change(&device_key(5), &document(), 7, &hash));
    let mut content = Vec::new();
    let mut e = Encoder::new(&mut content);
    e.map(2).unwrap().u8(1).unwrap().array(1).unwrap().array(4).unwrap().u8(7).unwrap();
    e.null().unwrap().bytes(&change.raw).unwrap().bytes(&device_key(5).id().0).unwrap();
    e.u8(2).unwrap().bytes(&change.signature).unwrap();
    assert_eq!(victim.frame(batch_of(1, 1, &content)), None);
    assert!(!victim.store.holds(7, &short(&hash)));
    victim.store.say([grant(5, Role::Write)]);
    assert_eq!(victim.take(Event::Advanced), None);
    assert_eq!(victim.frame(batch_of(2, 1, &content)), None);
    assert!(victim.store.holds(7, &short(&hash)));
}

#[test]
fn f38_bombs_and_oversized_frames_end_the_session() {
    let mut bomb = Vec::new();
    let zeros = std::io::repeat(0).take(64 << 20);
    DeflateEncoder::new(zeros, Compression::best()).read_to_end(&mut bomb).unwrap();
    let huge_text = [&[4, 0xa1, 1, 0x5b][..], &u64::MAX.to_be_bytes()].concat();
    let huge_list = [&[3, 0xa2, 0, 1, 2, 0x9b][..], &u64::MAX.to_be_bytes()].concat();
    let many: Vec<u8> =
        [&[3, 0xa2, 0, 1, 2, 0x9a, 0, 0xff, 0xff, 0xff][..], &[0xa0; 1000]].concat();
    let deep = [&[6, 0xa1, 24, 99][..], &vec![0x81; 4 << 20]].concat();
    let endless = [&[6, 0xa1, 24, 99][..], &vec![0x9f; 4 << 20]].concat();
    let many_heads = want(1, 3, &[1; 16 * 65]);
    let uneven = want(1, 3, &[1; 17]);
    let mut trailing = want(1, 3, &[1; 16]);
    trailing.push(0);
    let attacks = [
        batch_of(1, 2, &bomb),
        batch_of(1, 2, b"no deflate at all"),
        batch_of(1, 1, &[0x9f; 1000]),
        batch_of(1, 1, &[0xa0]),
        // A change without a signature, and a signature without a change.
        batch_of(1, 1, &[0xa1, 1, 0x81, 0x83, 3, 0xf6, 0x41, 9]),
        batch_of(1, 1, &[&[0xa1, 2, 0x58, 64][..], &[7; 64]].concat()),
        frame(4, 1, &|e| _ = e.u8(0).unwrap().u8(1).unwrap()),
        vec![0; FRAME_BYTES_MAX + 1],
        vec![],
        vec![0xff],
        huge_text,
        huge_list,
        many,
        deep,
        endless,
        many_heads,
        uneven,
        trailing,
    ];
    for (index, attack) in attacks.into_iter().enumerate() {
        let closing = Victim::new().frame(attack);
        assert!(matches!(closing, Some(Closing::Malformed(_))), "attack {index}: {closing:?}");
    }
}

#[test]
fn a_flood_of_batches_is_dropped_unread() {
    let mut victim = Victim::new();
    let mut held = 0;
    for number in 0..1000 {
        // Nothing is judged meanwhile.
        let flood = batch(number, 3, &[1; 64], &vec![0; 100_000]);
        let effects = victim.session.handle(Event::Frame(flood), &victim.store, 0);
        held += effects.iter().filter(|e| matches!(e, Effect::Ingest { .. })).count();
        assert!(held <= segue_sync::WINDOW);
        if let Some(Effect::Close(closing)) = effects.last() {
            assert_eq!(*closing, Closing::Flood);
            assert!(number < 60);
            return;
        }
    }
    panic!("it still listens");
}

#[test]
fn what_a_peer_says_on_leaving_is_shown_short_and_plain() {
    let mut victim = Victim::new();
    let text = format!("\u{1b}[31m{}", "é".repeat(500));
    let bye = frame(7, 2, &|e| {
        e.u8(0).unwrap().u8(77).unwrap().u8(1).unwrap().str(&text).unwrap();
    });
    let Some(Closing::Left { code: 77, text }) = victim.frame(bye) else { panic!("it stays") };
    assert!(text.len() <= 200 && text.starts_with("[31mé"), "{text}");
}

#[test]
fn mutated_frames_never_panic_and_never_let_in_what_nobody_signed() {
    let mut author = Store::new(1, &founding(2));
    author.rate([7; 16], 50);
    let change = author.any_change();
    let root = Root::of(author.statements(), author.heads()).0;
    let welcome = frame(2, 3, &|e| {
        e.u8(0).unwrap().u8(1).unwrap().u8(1).unwrap().bytes(&root).unwrap();
        e.u8(2).unwrap().map(2).unwrap().u8(0).unwrap().bytes(&[1; 16]).unwrap();
        e.u8(1).unwrap().bytes(&[7; 18]).unwrap();
    });
    let taken = frame(5, 1, &|e| _ = e.u8(0).unwrap().u8(1).unwrap());
    let have = frame(6, 2, &|e| {
        e.u8(0).unwrap().bytes(&root).unwrap().u8(1).unwrap().u8(1).unwrap();
    });
    let whole = batch(1, 7, &change.signature, &change.raw);
    let lean = sent_batch(&author, 7);
    assert!(lean.len() + 30 < whole.len());
    let frames = [hello(root), welcome, want(1, 7, &[9; 64]), whole, lean, taken, have];
    let mut chance = fastrand::Rng::with_seed(1);
    let store = Store::new(0, &founding(2));
    let mut closed = 0;
    for round in 0..100_000_u64 {
        let side = if round % 2 == 0 { Side::Dialer } else { Side::Answerer };
        let mut session = session_of(&store, device_key(1).id(), side);
        session.handle(Event::Opened, &store, 0);
        if round % 3 == 0 {
            session.handle(Event::Frame(hello([5; 16])), &store, 0);
        }
        let mut bytes = frames[chance.usize(..frames.len())].clone();
        for _ in 0..chance.usize(1..5) {
            let at = chance.usize(..bytes.len());
            match chance.u8(..4) {
                0 => bytes[at] = chance.u8(..),
                1 => bytes[at] ^= 1 << chance.u8(..8),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, chance.u8(..)),
            }
        }
        for effect in session.handle(Event::Frame(bytes), &store, round) {
            match effect {
                Effect::Ingest { number, batch } if round % 16 == 0 => {
                    let mut store = store.clone();
                    store.ingest(number, batch);
                    let is_real = |c: &segue_sync::SignedChange| *c == change;
                    assert!(store.missing_all().iter().all(is_real));
                }
                Effect::Close(_) => closed += 1,
                _ => {}
            }
        }
    }
    assert!(closed > 1000, "{closed} mutants were noticed");
}
