//! What a hostile mebibyte costs: measured in a process of its own, since memory is a process's.

use std::process::Command;
use std::time::Instant;

use segue_access::actor_of;
use segue_sync::SignedChange;

use super::company::Company;
use super::forge::{Chunk, Hand, changes};

const ALONE: &str = "SEGUE_TEST_ALONE";
const MIB: usize = 1 << 20;

/// Runs a test of this module alone, and returns what it says between bars.
fn alone(name: &str) -> Vec<u64> {
    let test = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &test, "--nocapture"]).env(ALONE, "1");
    let out = child.output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    let said = text.split('|').nth(1).unwrap_or_else(|| panic!("nothing measured: {text}"));
    said.split(' ').map(|number| number.parse().unwrap()).collect()
}

/// Memory of this process now, or the most since `forget_peak`, in KiB.
fn memory_kib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Hands a device one mebibyte of this, and measures. The first, small one warms up.
fn measure(company: &mut Company, attack: impl Fn(&Company, usize) -> Vec<SignedChange>) {
    let warm = attack(company, 4 << 10);
    company.hand(0, changes(warm));
    let batch = changes(attack(company, MIB));
    let bytes: usize = batch.changes.iter().map(|change| change.raw.len()).sum();
    forget_peak();
    let (before, start) = (memory_kib("VmRSS"), Instant::now());
    let done = company.hand(0, batch);
    let ms = start.elapsed().as_millis();
    let counted = done.held.len().saturating_sub(done.refused.len());
    println!("|{bytes} {ms} {} {counted}|", memory_kib("VmHWM") - before);
}

/// Until there are so many bytes.
fn filled(size: usize, mut next: impl FnMut(usize) -> SignedChange) -> Vec<SignedChange> {
    let mut filled = Vec::new();
    let mut bytes = 0;
    while bytes < size && filled.len() < 4096 {
        let change = next(filled.len());
        bytes += change.raw.len();
        filled.push(change);
    }
    filled
}

fn cheap(name: &str) {
    if std::env::var_os(ALONE).is_some() {
        let mut company = Company::of(3, 2, 61);
        let item = company.devices[0].item(0);
        let actor = actor_of(&company.devices[2].id(), [0xcc; 4]);
        let hand = Hand::of(&company.devices[2], item[0]);
        let (state, sign) = (hand.held.heads(), |company: &Company, change| {
            company.devices[2].sign(item[0], &change)
        });
        measure(&mut company, |company, size| {
            let mut chain = hand.twin();
            filled(size, |n| match name {
                "f36_a_mebibyte_of_bombs_is_cheap" => {
                    let bomb = Chunk { seq: n as u64 + 1, ..Chunk::on(&state, actor, 300) };
                    sign(company, bomb.bomb().change())
                }
                "f36_a_mebibyte_of_what_damages_is_cheap" if n == 0 => {
                    // What lies aside makes that the whole shard is judged.
                    chain.rate(item, 50, None);
                    sign(company, chain.rate(item, 51, None))
                }
                "f36_a_mebibyte_of_what_damages_is_cheap" => {
                    // All of one number: each drives out the next, until it is looked into.
                    let mut chunk = Chunk::on(&state, actor, size as u64 + 9);
                    let key = format!("{n:08}");
                    chunk.columns.insert(0x15, [&[0x7f, 8][..], key.as_bytes()].concat());
                    sign(company, chunk.change())
                }
                "f38_a_mebibyte_that_waits_is_cheap" => {
                    let first = chain.rate(item, n as i64 % 100, None);
                    if n == 0 {
                        return sign(company, chain.rate(item, 50, None));
                    }
                    sign(company, first)
                }
                _ => {
                    // Two of each number.
                    let twin = hand.twin().rate(item, 1000 + n as i64, None);
                    sign(company, twin)
                }
            })
        });
        return;
    }
    let said = alone(name);
    let (bytes, ms, kib) = (said[0], said[1], said[2]);
    println!("{name}: {bytes} bytes cost {ms} ms and {kib} KiB");
    let scale = (bytes as f64 / MIB as f64).max(0.25);
    assert!(kib as f64 <= 64.0 * 1024.0 * scale.max(1.0), "{kib} KiB");
    // Without optimisation, beside other tests: the bound is for what is quadratic.
    assert!(ms as f64 <= 20_000.0 * scale.max(1.0), "{ms} ms");
}

#[test]
fn f36_a_mebibyte_of_bombs_is_cheap() {
    cheap("f36_a_mebibyte_of_bombs_is_cheap");
}

#[test]
fn f36_a_mebibyte_of_what_damages_is_cheap() {
    cheap("f36_a_mebibyte_of_what_damages_is_cheap");
}

#[test]
fn f38_a_mebibyte_that_waits_is_cheap() {
    cheap("f38_a_mebibyte_that_waits_is_cheap");
}

#[test]
fn f15_a_mebibyte_of_one_number_is_cheap() {
    cheap("f15_a_mebibyte_of_one_number_is_cheap");
}
