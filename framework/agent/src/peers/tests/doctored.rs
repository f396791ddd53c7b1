//! A store that was tampered with: the doctor sees it.

use segue_store::LogEntry;

use super::company::Company;
use super::device::Device;
use super::forge::{Hand, changes};
use crate::command::{Request, Response};

/// What the doctor finds wrong.
fn findings(device: &mut Device) -> String {
    let Response::Doctor(report) = device.run(Request::Doctor) else { panic!("no report") };
    let wrong = report.checks.iter().filter(|check| !check.passed);
    let wrong: Vec<_> = wrong.map(|check| check.detail.as_str()).collect();
    assert_eq!(report.sound, wrong.is_empty());
    wrong.join("; ")
}

/// A device with a change that lies aside, its song's shard, and an entry of its log.
fn tampered(seed: u64) -> (Company, u8, LogEntry) {
    let mut company = Company::of(2, 2, seed);
    let (item, document) = (company.devices[0].item(0), company.devices[0].document());
    let mut hand = Hand::of(&company.devices[1], item[0]);
    hand.rate(item, 50, None);
    let waits = hand.rate(item, 60, None);
    let batch = changes([company.devices[1].sign(item[0], &waits)]);
    company.hand(0, batch);
    assert_eq!(findings(&mut company.devices[0]), "");
    let entry = company.devices[0].store().log(&document, item[0]).unwrap().pop().unwrap();
    (company, item[0], entry)
}

#[test]
fn f35_a_signature_that_is_not_the_authors_is_found() {
    for table in ["log", "aside"] {
        let (mut company, ..) = tampered(51);
        company.devices[0].sql(&format!("UPDATE {table} SET signature = zeroblob(64)"));
        assert!(findings(&mut company.devices[0]).contains("not its author's"), "{table}");
    }
}

#[test]
fn f35_what_does_not_count_and_stands_in_the_log_is_found_and_what_counts_and_does_not() {
    let (mut company, shard, entry) = tampered(52);
    let stranger = company.add();
    let agent = &mut company.devices[0].agent;
    let tx = agent.home.store.transaction().unwrap();
    tx.set_aside(&entry.document, shard, &entry.hash).unwrap();
    tx.commit().unwrap();
    assert!(findings(&mut company.devices[0]).contains("not what its members may have written"));
    let tx = company.devices[0].agent.home.store.transaction().unwrap();
    tx.remove_aside(&entry.document, shard, &entry.hash).unwrap();
    tx.append(&entry).unwrap();
    tx.commit().unwrap();
    let key = &company.devices[stranger].agent.home.device;
    let item = [shard; 16];
    let change = Hand::of(&company.devices[0], shard).rate(item, 9, None);
    let signature = segue_access::sign_change(key, &entry.document, shard, &change.hash);
    let (author, raw, hash) = (key.id(), change.bytes, change.hash);
    let foreign = LogEntry { author, signature, raw, hash, operation: None, ..entry };
    let tx = company.devices[0].agent.home.store.transaction().unwrap();
    tx.append(&foreign).unwrap();
    tx.commit().unwrap();
    assert_ne!(findings(&mut company.devices[0]), "");
}

#[test]
fn f35_a_log_out_of_order_is_found() {
    let (mut company, shard, entry) = tampered(53);
    company.devices[0].rates(0, 33);
    let document = &entry.document;
    let last = company.devices[0].store().log(document, shard).unwrap().pop().unwrap();
    assert_ne!(last.hash, entry.hash);
    company.devices[0].sql("UPDATE log SET n = -n");
    assert!(findings(&mut company.devices[0]).contains("comes before what it was made upon"));
}

#[test]
fn f35_a_statement_that_is_not_signed_is_found() {
    let (mut company, ..) = tampered(54);
    company.devices[0].sql("UPDATE statement SET signature = zeroblob(64)");
    assert!(findings(&mut company.devices[0]).contains("is not signed"));
}

#[test]
fn a_reader_is_sound() {
    let mut company = Company::found(1, 55);
    company.add();
    company.let_in(0, 1, crate::command::RoleName::Read);
    company.talk(&[0, 1]);
    assert_eq!(findings(&mut company.devices[1]), "");
}

#[test]
fn f35_a_cache_that_is_not_what_the_log_makes_is_found_and_made_anew() {
    let (mut company, ..) = tampered(56);
    let one = "SELECT heads FROM shard_heads ORDER BY shard LIMIT 1";
    company.devices[0].sql(&format!("UPDATE shard_heads SET heads = ({one})"));
    assert!(findings(&mut company.devices[0]).contains("differed from the log"));
    assert_eq!(findings(&mut company.devices[0]), "");
    company.meets();
}
