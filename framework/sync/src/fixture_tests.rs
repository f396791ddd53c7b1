//! Every message, byte for byte: what a released version sent must be understood for ever.

use std::collections::BTreeSet;
use std::path::Path;

use segue_access::SignedStatement;
use segue_document::ChangeContent;
use segue_model::{ChangeHash, DeviceId};

use crate::frame::{
    BatchFrame, Bye, Clock, Frame, Have, Hello, Summary, Taken, Want, WantShard, Welcome,
};
use crate::packed::{List, Packed};
use crate::{Batch, SignedChange};

const SENDER: DeviceId = DeviceId([0xd1; 32]);

fn batch(raw: Vec<u8>) -> Batch {
    let said = SignedStatement { bytes: vec![1, 2, 3], signature: [0x51; 64], signer: [0xa1; 32] };
    let own = SignedChange { shard: 7, author: SENDER, signature: [0x52; 64], raw };
    let author = DeviceId([0xd2; 32]);
    let passed_on = SignedChange { shard: 8, author, signature: [0x53; 64], raw: vec![9] };
    Batch { statements: vec![said], changes: vec![own, passed_on] }
}

/// Two changes of shard 7, the second after the first.
fn lean() -> Batch {
    let id = "0123456789abcdef0123456789abcdef";
    let rest = format!("(made up){id}/live{id}/r:rating");
    let deps = vec![ChangeHash([0x71; 32])];
    let (first, raw) = ChangeContent { deps, rest: rest.as_bytes() }.chunk();
    let (_, next) = ChangeContent { deps: vec![first], rest: b"(more)" }.chunk();
    let made = |signature, raw| SignedChange { shard: 7, author: SENDER, signature, raw };
    Batch { statements: Vec::new(), changes: vec![made([0x52; 64], raw), made([0x53; 64], next)] }
}

fn plain(number: u64, batch: Batch) -> Frame {
    // What deflates is deflated; so this one is put together by hand from the other's content.
    let deflated = batch.pack(number, &SENDER).deflated.unwrap();
    let content = crate::batch::inflate(&deflated).unwrap();
    Frame::Batch(BatchFrame { number, plain: Some(content), deflated: None })
}

fn frames() -> Vec<(&'static str, Frame)> {
    let (document, root) = ([0xdc; 32], [0x11; 16]);
    let entry = |shard: u8| [shard, 1, 2, 3, 4, 5, 6, 7, 8];
    let shards = Packed(vec![entry(0), entry(7)]);
    let summary = Some(Summary { statements: [0x22; 16], shards });
    let time = Some(1_800_000_000);
    let shard = WantShard {
        shard: 7,
        heads: Packed(vec![[0x71; 16]]),
        locator: Packed(vec![[0x72; 16], [0x73; 16]]),
        skip: Packed(vec![[0x74; 16]]),
    };
    let all = Want {
        number: 2,
        statements: Some(Packed(vec![[0x31; 16], [0x32; 16]])),
        shards: List(Vec::new()),
    };
    let bye = |code, text: &str, versions: Option<u16>| {
        let (oldest, newest) = (versions, versions);
        Frame::Bye(Bye { code, text: Some(text.into()), oldest, newest })
    };
    vec![
        ("hello", Frame::Hello(Hello { oldest: 1, newest: 1, document, root })),
        ("welcome", Frame::Welcome(Welcome { version: 1, root, summary: None, time: None })),
        ("welcome-summary", Frame::Welcome(Welcome { version: 1, root, summary, time: None })),
        ("welcome-time", Frame::Welcome(Welcome { version: 1, root, summary: None, time })),
        (
            "want-shards",
            Frame::Want(Want { number: 1, statements: None, shards: List(vec![shard]) }),
        ),
        ("want-statements", Frame::Want(all)),
        ("batch-plain", plain(1, batch(vec![4, 5, 6]))),
        ("batch-lean", plain(3, lean())),
        ("batch-deflated", Frame::Batch(batch(vec![4; 300]).pack(2, &SENDER))),
        ("taken", Frame::Taken(Taken { number: 300 })),
        ("have", Frame::Have(Have { root, answers: None })),
        ("have-answer", Frame::Have(Have { root, answers: Some(2) })),
        ("clock-close", Frame::Clock(Clock { ahead: None })),
        ("clock", Frame::Clock(Clock { ahead: Some(-3600) })),
        ("bye", bye(1, "no role", None)),
        ("bye-version", bye(2, "too new", Some(1))),
    ]
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The names of the fixtures in a folder.
pub(crate) fn kept_in(folder: &Path) -> BTreeSet<String> {
    let kept = std::fs::read_dir(folder).unwrap();
    kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The page about the protocol, without white space.
pub(crate) fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wire-protocol.md");
    std::fs::read_to_string(page).unwrap().chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn every_kept_message_is_read_and_written_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1");
    let mut names = BTreeSet::new();
    for (name, frame) in frames() {
        let encoded = hex(&frame.encode());
        let kept = std::fs::read_to_string(folder.join(format!("{name}.hex"))).unwrap_or_default();
        let read = Frame::decode(&unhex(&kept));
        if let ("batch-deflated", Ok(Frame::Batch(read))) = (name, &read) {
            // Another deflater may make other bytes of the same content.
            assert_eq!(Batch::unpack(read.clone(), &SENDER), Ok(batch(vec![4; 300])));
        } else {
            assert_eq!(read.as_ref(), Ok(&frame), "{name}: now {encoded}");
            assert_eq!(encoded, kept.trim(), "{name}");
        }
        names.insert(format!("{name}.hex"));
    }
    assert_eq!(names, kept_in(&folder), "a fixture without a test, or the other way round");
}

#[test]
fn the_page_about_the_protocol_shows_these_messages() {
    let page = page();
    for (name, frame) in frames().into_iter().filter(|(name, _)| *name != "batch-deflated") {
        assert!(page.contains(&hex(&frame.encode())), "{name} is not shown as it is");
    }
}

#[test]
fn a_plain_batch_unpacks() {
    for (number, batch) in [(1, batch(vec![4, 5, 6])), (3, lean())] {
        let Frame::Batch(frame) = plain(number, batch.clone()) else { panic!("no batch") };
        assert_eq!(Batch::unpack(frame, &SENDER), Ok(batch));
    }
}
