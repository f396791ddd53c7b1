use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use segue_model::{DocumentId, LinkId, NativeId};
use segue_store::StoreError;

use crate::rows::{LINK, OTHER_LINK, base_item, heads, link, opened, write};

#[test]
fn a_link_is_replaced_and_keeps_its_base() {
    let mut opened = opened();
    let mut changed = link(LINK);
    changed.path = OsStr::from_bytes(b"/home/\xff").into();
    changed.root = None;
    changed.active = false;
    changed.writes_tags = true;
    changed.revision = None;
    changed.read_only = Some("an unknown version".into());
    write(&mut opened.store, |tx| {
        tx.put_base_item(LINK, &base_item("a", 1)).unwrap();
        tx.put_link(&changed).unwrap();
    });
    assert_eq!(opened.store.links().unwrap(), [changed.clone(), link(OTHER_LINK)]);
    assert_eq!(opened.store.link(LINK).unwrap(), Some(changed));
    assert_eq!(opened.store.link(LinkId([0; 8])).unwrap(), None);
    assert_eq!(opened.store.base_len(LINK).unwrap(), 1);
}

#[test]
fn a_link_needs_its_document() {
    let mut opened = opened();
    let mut foreign = link(LinkId([9; 8]));
    foreign.document = DocumentId([0; 32]);
    let tx = opened.store.transaction().unwrap();
    assert!(matches!(tx.put_link(&foreign), Err(StoreError::Unknown { what: "document", .. })));
}

#[test]
fn each_link_has_its_own_heads() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        tx.put_link_heads(LINK, 7, &heads(&[1])).unwrap();
        tx.put_link_heads(LINK, 7, &heads(&[2])).unwrap();
        tx.put_link_heads(OTHER_LINK, 7, &heads(&[3])).unwrap();
    });
    let of = |link| opened.store.link_heads(link).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(of(LINK), [(7, heads(&[2]))]);
    assert_eq!(of(OTHER_LINK), [(7, heads(&[3]))]);
}

#[test]
fn budgets_add_up_until_they_are_reset() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        assert_eq!(tx.add_budget(LINK, "removals", 3).unwrap(), 3);
        assert_eq!(tx.add_budget(LINK, "removals", 4).unwrap(), 7);
        assert_eq!(tx.add_budget(LINK, "additions", 1).unwrap(), 1);
        assert_eq!(tx.add_budget(OTHER_LINK, "removals", 9).unwrap(), 9);
    });
    assert_eq!(opened.store.budget(LINK, "removals").unwrap(), 7);
    write(&mut opened.store, |tx| tx.reset_budgets(LINK).unwrap());
    assert_eq!(opened.store.budget(LINK, "removals").unwrap(), 0);
    assert_eq!(opened.store.budget(LINK, "additions").unwrap(), 0);
    assert_eq!(opened.store.budget(OTHER_LINK, "removals").unwrap(), 9);
}

#[test]
fn f09_a_value_that_is_written_again_and_again_is_counted() {
    let mut opened = opened();
    let (song, other) = (NativeId::from("song"), NativeId::from("other"));
    write(&mut opened.store, |tx| {
        let note = |native, field, value| tx.note_write(LINK, native, field, value).unwrap();
        assert_eq!(note(&song, "rating", u64::MAX), 1);
        assert_eq!(note(&song, "rating", 5), 1);
        assert_eq!(note(&song, "rating", u64::MAX), 2);
        assert_eq!(note(&song, "title", u64::MAX), 1);
        assert_eq!(note(&other, "rating", u64::MAX), 1);
        assert_eq!(note(&song, "rating", u64::MAX), 3);
        tx.clear_writes(LINK, &song, "rating").unwrap();
        assert_eq!(note(&song, "rating", u64::MAX), 1);
        assert_eq!(note(&song, "title", u64::MAX), 2);
    });
}
