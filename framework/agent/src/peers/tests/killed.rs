//! Killed while it stores what came, or with a full disk: all of a batch is there, or nothing.
//!
//! The device runs in a process of its own whose files may not grow beyond a limit. The system kills it at the
//! write that would pass it; or, where that signal is ignored, the write fails as on a full disk.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::process::{Resource, Rlimit, setrlimit};
use segue_document::Write;
use segue_model::DeviceId;
use segue_sync::SignedChange;

use super::company::Company;
use super::device::{Clock, Device};
use super::forge::{Hand, changes};
use crate::peers::ingest::ingest;

const ROOM: &str = "SEGUE_TEST_ROOM";
const CHANGES: usize = 60;

/// What the child does: begins to store a batch, in files that may grow by so many bytes.
fn struck(room: u64) {
    let mut company = Company::of(2, 2, 81);
    let item = company.devices[0].item(0);
    let mut hand = Hand::of(&company.devices[1], item[0]);
    let text = segue_model::Value::text("x".repeat(60_000));
    let made: Vec<_> = (0..CHANGES)
        .map(|n| {
            let (name, value) = (format!("ext/long/{n}"), Some(text.clone()));
            hand.write(item, Write::Register { name, value, link: None }, None)
        })
        .collect();
    let came: Vec<_> = made.iter().map(|change| company.devices[1].sign(item[0], change)).collect();
    let folder = company.folder.path();
    fs::write(folder.join("came"), came.iter().flat_map(written).collect::<Vec<_>>()).unwrap();
    // What is in the log of the database by now goes into the file.
    company.devices[0].restart(|_| {});
    let home = &company.devices[0].home;
    let size = ["segue.db", "segue.db-wal"]
        .map(|name| fs::metadata(home.join(name)).map_or(0, |file| file.len()));
    let most = Some(size[0].max(size[1]) + room);
    setrlimit(Resource::Fsize, Rlimit { current: most, maximum: most }).unwrap();
    let document = company.devices[0].document();
    let done = ingest(&mut company.devices[0].agent, document, 1, changes(came));
    let left = company.folder.keep();
    println!("|{} {}|", done.is_ok(), left.display());
}

fn written(change: &SignedChange) -> Vec<u8> {
    let length = (change.raw.len() as u32).to_be_bytes();
    let head = [&[change.shard][..], &change.author.0, &change.signature, &length];
    [&head.concat()[..], &change.raw].concat()
}

fn read(mut bytes: &[u8]) -> Vec<SignedChange> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let mut take = |length: usize| {
            let (taken, rest) = bytes.split_at(length);
            bytes = rest;
            taken
        };
        let shard = take(1)[0];
        let author = DeviceId(take(32).try_into().unwrap());
        let signature = take(64).try_into().unwrap();
        let length = u32::from_be_bytes(take(4).try_into().unwrap());
        changes.push(SignedChange { shard, author, signature, raw: take(length as usize).into() });
    }
    changes
}

/// Runs a test of this module alone, in a folder, with so much room.
fn strike(name: &str, folder: &Path, room: u64, dies: bool) -> ExitStatus {
    let test = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new("sh");
    let ignore = if dies { "exec \"$@\"" } else { "trap '' XFSZ; exec \"$@\"" };
    child.args(["-c", ignore, "sh"]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", &test, "--nocapture"]);
    child.env(ROOM, room.to_string()).env("TMPDIR", folder).output().unwrap().status
}

/// With little room and with ever more, until all finds room.
fn at_every_write(name: &str, dies: bool) {
    if let Ok(room) = std::env::var(ROOM) {
        return struck(room.parse().unwrap());
    }
    let (mut struck, mut stored) = (0, 0);
    for room in [0, 40_000, 400_000, 1_000_000, 2_000_000, 16_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let status = strike(name, folder.path(), room, dies);
        let left = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let left = left.filter(|path| path.join("came").exists()).collect::<Vec<_>>();
        let [left] = &left[..] else { panic!("it did not come so far: {status}") };
        let (home, library) = (left.join("0/home"), left.join("0/library"));
        let mut device = Device::open(home, library, &Clock::new(), 1, "device 0");
        let came = read(&fs::read(left.join("came")).unwrap());
        let document = device.document();
        let author = came[0].author;
        let own = |device: &Device| {
            let log = device.store().log(&document, came[0].shard).unwrap();
            log.iter().filter(|entry| entry.author == author).count()
        };
        let held = own(&device);
        let is_whole = held >= CHANGES;
        assert!(is_whole || held < 3, "{held} of the batch are stored");
        struck += usize::from(!is_whole);
        stored += usize::from(is_whole);
        device.is_sound();
        let done = ingest(&mut device.agent, document, 1, changes(came.clone())).unwrap().0;
        assert_eq!((done.held.len(), done.refused.len()), (CHANGES, 0));
        assert!(own(&device) >= CHANGES);
        device.is_sound();
    }
    assert!(struck > 2 && stored > 0, "{struck} were struck, {stored} went through");
}

#[test]
fn f29_killed_while_it_ingests_all_of_a_batch_is_there_or_nothing() {
    at_every_write("f29_killed_while_it_ingests_all_of_a_batch_is_there_or_nothing", true);
}

#[test]
fn f29_with_a_full_disk_nothing_is_half_stored_and_the_same_batch_comes_again() {
    at_every_write(
        "f29_with_a_full_disk_nothing_is_half_stored_and_the_same_batch_comes_again",
        false,
    );
}
