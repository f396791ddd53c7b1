use segue_model::DocumentId;
use segue_store::StoreError;

use crate::rows::{DOCUMENT, OPERATION, document, entry, hash, heads, opened, statement, write};

#[test]
fn a_document_comes_back_and_is_never_replaced() {
    let mut opened = opened();
    let mut other = document();
    other.root_statement = vec![9];
    write(&mut opened.store, |tx| tx.put_document(&other).unwrap());
    assert_eq!(opened.store.documents().unwrap(), [document()]);
    assert_eq!(opened.store.document(&DOCUMENT).unwrap(), Some(document()));
    assert_eq!(opened.store.document(&DocumentId([0; 32])).unwrap(), None);
}

#[test]
fn statements_only_grow() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        assert!(tx.add_statement(&DOCUMENT, &statement(2)).unwrap());
        assert!(tx.add_statement(&DOCUMENT, &statement(1)).unwrap());
        let mut changed = statement(1);
        changed.bytes = vec![0];
        assert!(!tx.add_statement(&DOCUMENT, &changed).unwrap());
    });
    assert_eq!(opened.store.statements(&DOCUMENT).unwrap(), [statement(1), statement(2)]);
}

#[test]
fn what_belongs_to_no_document_is_refused() {
    let mut opened = opened();
    let tx = opened.store.transaction().unwrap();
    let error = tx.add_statement(&DocumentId([0; 32]), &statement(1)).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { what: "document", .. }));
}

#[test]
fn the_log_keeps_its_order_and_takes_each_change_once() {
    let mut opened = opened();
    let entries = [entry(3, 9, Some(OPERATION)), entry(3, 4, None), entry(5, 9, Some(OPERATION))];
    write(&mut opened.store, |tx| {
        for entry in &entries {
            assert!(tx.append(entry).unwrap());
        }
        let mut changed = entry(3, 4, None);
        changed.raw = vec![0];
        assert!(!tx.append(&changed).unwrap());
    });
    let store = &opened.store;
    assert_eq!(store.log(&DOCUMENT, 3).unwrap(), entries[..2]);
    assert_eq!(store.log_from(&DOCUMENT, 3, 1).unwrap(), entries[1..2]);
    assert_eq!(store.log(&DOCUMENT, 4).unwrap(), []);
    let of_operation = store.log_operation(&DOCUMENT, OPERATION).unwrap();
    assert_eq!(of_operation, [entries[0].clone(), entries[2].clone()]);
    assert_eq!(store.log_entry(&DOCUMENT, 5, &hash(9)).unwrap(), Some(entries[2].clone()));
    assert_eq!(store.log_entry(&DOCUMENT, 5, &hash(4)).unwrap(), None);
    let counts: Vec<_> = store.shards_with_log(&DOCUMENT).unwrap().into_iter().collect();
    assert_eq!(counts, [(3, 2), (5, 1)]);
}

#[test]
fn caches_can_be_dropped_and_the_log_stays() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        tx.append(&entry(255, 1, None)).unwrap();
        tx.put_shard(&DOCUMENT, 255, &heads(&[1]), b"old", 1).unwrap();
        tx.put_shard(&DOCUMENT, 255, &heads(&[2, 1]), b"saved", 2).unwrap();
        tx.put_heads(&DOCUMENT, 255, &heads(&[3])).unwrap();
        tx.put_heads(&DOCUMENT, 0, &heads(&[])).unwrap();
    });
    let saved = opened.store.shard(&DOCUMENT, 255).unwrap().unwrap();
    assert_eq!((saved.heads, &saved.saved[..], saved.log_len), (heads(&[1, 2]), &b"saved"[..], 2));
    assert_eq!(opened.store.shard(&DOCUMENT, 0).unwrap(), None);
    let all: Vec<_> = opened.store.heads(&DOCUMENT).unwrap().into_iter().collect();
    assert_eq!(all, [(0, heads(&[])), (255, heads(&[3]))]);
    write(&mut opened.store, |tx| tx.drop_caches(&DOCUMENT).unwrap());
    assert_eq!(opened.store.shard(&DOCUMENT, 255).unwrap(), None);
    assert!(opened.store.heads(&DOCUMENT).unwrap().is_empty());
    assert_eq!(opened.store.log(&DOCUMENT, 255).unwrap().len(), 1);
}
