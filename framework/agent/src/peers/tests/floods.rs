//! Much of what is worth nothing, and little that would become much.

use segue_access::{Cut, DeviceKey, Role, SignedStatement, Statement, actor_of, sign_change};
use segue_document::{CHANGE_BYTES_MAX, RawChange};
use segue_model::{ChangeHash, DocumentId, Value};
use segue_sync::{Batch, Closing, Fault, SignedChange};

use super::company::Company;
use super::forge::{Chunk, Hand, changes};

#[test]
fn f38_ten_thousand_statements_of_strangers_leave_nothing() {
    let mut company = Company::of(2, 2, 31);
    let document = company.devices[0].document();
    let before = company.devices[0].store().statement_count(&document).unwrap();
    for round in 0..10u64 {
        let statements = (0..1000u64).map(|n| stranger(document, round * 1000 + n)).collect();
        let done = company.hand(0, Batch { statements, changes: Vec::new() });
        assert!(done.refused.len() == 1000 && !done.brought_news && done.held.is_empty());
    }
    assert_eq!(company.devices[0].store().statement_count(&document).unwrap(), before);
    assert_eq!(company.devices[0].culprits(), []);
    company.devices[1].rates(0, 40);
    company.meets();
    assert_eq!(company.devices[0].rating(0), Some(40));
}

#[test]
fn f38_a_crowd_of_made_up_keys_hides_nobody() {
    let mut company = Company::of(3, 2, 38);
    let (document, item) = (company.devices[0].document(), company.devices[0].item(0));
    let crowd = (0..200u8).map(|n| {
        let key = DeviceKey::from_seed([n; 32]);
        let actor = actor_of(&key.id(), [1; 4]);
        let change = Hand::under(&company.devices[2], item[0], actor).rate(item, 99, None);
        let signature = sign_change(&key, &document, item[0], &change.hash);
        SignedChange { shard: item[0], author: key.id(), signature, raw: change.bytes }
    });
    let batch = changes(crowd.collect::<Vec<_>>());
    company.hand(0, batch);
    let noted = company.devices[0].culprits().len();
    assert!((1..100).contains(&noted), "{noted} are noted");
    // Who breaks a rule afterwards is named all the same.
    let forged = Hand::under(&company.devices[2], item[0], [7; 16]).rate(item, 99, None);
    let batch = changes([company.devices[2].sign(item[0], &forged)]);
    company.hand(0, batch);
    assert!(company.devices[0].blames(&company.devices[2].id()));
    company.meets();
}

#[test]
fn statements_that_come_before_what_gives_their_author_a_say_blame_nobody() {
    let mut company = Company::of(2, 1, 39);
    let document = company.devices[0].document();
    let admin = DeviceKey::from_seed([70; 32]);
    let (to, nonce, role, until) = (admin.id(), [1; 16], Role::Admin, None);
    let said = Statement::Grant { document, nonce, to, role, until };
    let mut statements = vec![company.devices[0].agent.home.person.sign(&said).unwrap()];
    // They fill several batches, in the order of their hashes.
    statements.extend((0..24u8).map(|n| long_revoke(&admin, document, n)));
    let count = company.devices[0].store().statement_count(&document).unwrap();
    company.hand(0, Batch { statements, changes: Vec::new() });
    company.meets();
    for device in &company.devices {
        assert_eq!(device.store().statement_count(&document).unwrap(), count + 25);
        assert_eq!(device.culprits(), []);
    }
}

/// As long as a statement may be.
fn long_revoke(key: &DeviceKey, document: DocumentId, n: u8) -> SignedStatement {
    let keeps = (0..1_900u32).map(|hash| {
        let mut bytes = [n; 32];
        bytes[..4].copy_from_slice(&hash.to_be_bytes());
        bytes
    });
    let (keeps, cut) = (keeps.collect(), Cut::new());
    key.sign(&Statement::Revoke { document, grant: [1; 32], keeps, cut }).unwrap()
}

/// Each of somebody else.
fn stranger(document: DocumentId, n: u64) -> SignedStatement {
    let mut seed = [0x55; 32];
    seed[..8].copy_from_slice(&n.to_be_bytes());
    let key = DeviceKey::from_seed(seed);
    let (to, role, until) = (key.id(), Role::Admin, None);
    key.sign(&Statement::Grant { document, nonce: [3; 16], to, role, until }).unwrap()
}

#[test]
fn f38_a_flood_of_statements_ends_the_session_and_names_its_sender() {
    let mut company = Company::of(2, 1, 32);
    let (document, them) = (company.devices[0].document(), company.devices[1].id());
    let key = DeviceKey::from_seed([5; 32]);
    let statements = (0..120u8).map(|n| long_revoke(&key, document, n));
    let closing = company.lie((1, 0), 0, &[], statements.collect());
    assert_eq!(closing, Some(Closing::Flood));
    assert!(company.devices[0].blames(&them));
    company.devices[1].rates(0, 40);
    company.meets();
}

/// A statement of kind 200 by the devices with the seeds 70 and 71.
fn of_a_newer_segue() -> [SignedStatement; 2] {
    let signatures = [
        "324f29f630f5e8895850e04140128e9dfdf4b327275de384ce9af2be1ee83d6c0bd28605f462d207a8b5d30accec2b84bef3f67944d1db5d8d7b770fa1077b03",
        "e94c75bb266f1e251c150fb2e84b03d9922fdb7aa5b1cd33cc12a81bbf4c42698117ad9a860971d1d58187400e840380ba6001906e23d5ec5ff75fb49e7f2c09",
    ];
    let bytes = [&b"segue statement\x01\xc8"[..], b"what a newer Segue says"].concat();
    [70, 71].map(|seed| {
        let digits = signatures[usize::from(seed) - 70];
        let digit = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
        let (signature, signer) =
            (std::array::from_fn(digit), DeviceKey::from_seed([seed; 32]).id().0);
        SignedStatement { bytes: bytes.clone(), signature, signer }
    })
}

#[test]
fn what_a_newer_segue_says_is_passed_on_if_its_author_has_a_say() {
    let mut company = Company::of(2, 1, 37);
    let document = company.devices[0].document();
    let to = DeviceKey::from_seed([70; 32]).id();
    let (nonce, role, until) = ([1; 16], Role::Admin, None);
    let said = Statement::Grant { document, nonce, to, role, until };
    let admin = company.devices[0].agent.home.person.sign(&said).unwrap();
    let [newer, strangers] = of_a_newer_segue();
    let statements = vec![newer.clone(), strangers.clone(), admin];
    let done = company.hand(0, Batch { statements, changes: Vec::new() });
    assert!(matches!(done.refused[..], [ref one] if one.author.0 == strangers.signer));
    company.meets();
    for device in &company.devices {
        let kept = device.store().statements(&document).unwrap();
        assert!(kept.iter().any(|row| row.hash == newer.hash()));
        assert!(kept.iter().all(|row| row.hash != strangers.hash()));
    }
}

#[test]
fn f36_a_bomb_signed_by_a_member_is_refused_before_it_is_decoded() {
    let mut company = Company::of(3, 2, 33);
    let item = company.devices[0].item(0);
    let hostile = company.devices[2].id();
    let state = Hand::of(&company.devices[2], item[0]).held.heads();
    let bomb = Chunk::on(&state, actor_of(&hostile, [1; 4]), 300).bomb().change();
    assert!(bomb.bytes.len() < 200, "{}", bomb.bytes.len());
    let closing = company.lie((2, 0), item[0], std::slice::from_ref(&bomb), Vec::new());
    assert!(matches!(closing, Some(Closing::Forged(_))), "{closing:?}");
    assert!(company.devices[0].blames(&hostile));
    // Handed on, with others around it, it stops nothing.
    let good = Hand::of(&company.devices[2], item[0]).rate(item, 70, None);
    let batch = changes([&bomb, &good, &bomb].map(|c| company.devices[2].sign(item[0], c)));
    let done = company.hand(0, batch);
    assert_eq!((done.held.len(), done.refused.len()), (1, 2));
    company.devices[0].pass();
    company.meets();
    assert_eq!(company.devices[1].rating(0), Some(70));
}

#[test]
fn f37_what_is_no_change_of_this_document_is_its_senders_fault() {
    let mut company = Company::of(3, 2, 34);
    let item = company.devices[0].item(0);
    let (shard, hostile) = (item[0], company.devices[2].id());
    let good = Hand::of(&company.devices[2], shard).rate(item, 70, None);
    let sender = &company.devices[2];
    let cut = RawChange { bytes: good.bytes[..good.bytes.len() - 1].to_vec(), ..good.clone() };
    let large = RawChange { bytes: vec![0; CHANGE_BYTES_MAX + 1], hash: ChangeHash([1; 32]) };
    let mut altered = sender.sign(shard, &good);
    altered.signature[9] ^= 1;
    let attacks = [
        ("cut off", sender.sign(shard, &cut)),
        ("too large", sender.sign(shard, &large)),
        ("of another document", sender.sign_for(&DocumentId([4; 32]), shard, &good)),
        ("of another shard", {
            let mut moved = sender.sign(shard, &good);
            moved.shard ^= 1;
            moved
        }),
        ("under another signature", altered),
        ("of another author", {
            let mut stolen = sender.sign(shard, &good);
            stolen.author = company.devices[1].id();
            stolen
        }),
    ];
    for (name, attack) in &attacks {
        let done = company.hand(0, changes([attack.clone()]));
        let is_senders = matches!(done.refused[..], [ref one] if one.fault == Fault::Sender);
        assert!(is_senders && done.held.is_empty(), "{name}: {done:?}");
    }
    let closing = company.lie((2, 0), shard, std::slice::from_ref(&cut), Vec::new());
    assert!(matches!(closing, Some(Closing::Forged(_))), "{closing:?}");
    assert!(company.devices[0].blames(&hostile));
    let sound = company.devices[2].sign(shard, &good);
    let all = attacks.into_iter().map(|(_, attack)| attack).chain([sound]);
    let batch = changes(all.collect::<Vec<_>>());
    let done = company.hand(0, batch);
    assert_eq!((done.held, done.refused.len()), (vec![(shard, good.hash)], 6));
    company.devices[0].pass();
    company.devices[1].rates(1, 40);
    company.meets();
    assert_eq!((company.devices[1].rating(0), company.devices[0].rating(1)), (Some(70), Some(40)));
}

#[test]
fn f38_what_waits_finds_room_only_so_far_and_honest_changes_always() {
    let mut company = Company::of(3, 2, 35);
    let item = company.devices[0].item(0);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    // What this was made upon never comes.
    hand.rate(item, 50, None);
    let document = company.devices[0].document();
    let text = Value::text("x".repeat(900_000));
    let mut left = 0;
    for n in 0..24 {
        let name = format!("ext/flood/{n}");
        let write = segue_document::Write::Register { name, value: Some(text.clone()), link: None };
        let waits = hand.write(item, write, None);
        let batch = changes([company.devices[2].sign(item[0], &waits)]);
        let done = company.hand(0, batch);
        left += usize::from(done.held.is_empty());
        assert!(company.devices[0].store().aside_bytes(&document).unwrap() <= 16 << 20);
    }
    assert!(left > 0, "everything found room");
    company.devices[1].rates(0, 40);
    company.meets();
    assert_eq!(company.devices[0].rating(0), Some(40));
}

#[test]
fn f38_an_author_over_the_quota_is_refused_and_nobody_else() {
    let mut company = Company::of(3, 2, 36);
    let item = company.devices[0].item(0);
    let hostile = company.devices[2].id();
    company.devices[0].uses(&hostile, 2_000_000 - 1);
    let mut hand = Hand::of(&company.devices[2], item[0]);
    let chain = [hand.rate(item, 70, None), hand.rate(item, 71, None)];
    let batch = changes(chain.each_ref().map(|c| company.devices[2].sign(item[0], c)));
    let done = company.hand(0, batch);
    assert_eq!((done.held.len(), done.refused.len()), (1, 1));
    assert!(company.devices[0].blames(&hostile));
    company.devices[0].uses(&hostile, 10);
    company.devices.truncate(2);
    company.devices[0].pass();
    company.devices[1].rates(1, 40);
    company.meets();
    assert_eq!((company.devices[1].rating(0), company.devices[0].rating(1)), (Some(70), Some(40)));
}
