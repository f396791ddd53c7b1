use segue_model::{BaseItem, Fields, ItemId, LinkId, Listing, NativeId, music::MUSIC};
use segue_store::{Reader, StoreError, pack};

use crate::rows::{LINK, OTHER_LINK, base_collection, base_item, heads, opened, write};

fn walk(reader: &Reader, link: LinkId) -> Vec<BaseItem> {
    let mut cursor = reader.base_cursor(link).unwrap();
    let mut found = Vec::new();
    while let Some(raw) = cursor.next().unwrap() {
        found.push(raw.decode(&MUSIC).unwrap());
    }
    found
}

#[test]
fn a_base_comes_back_in_the_order_of_bytes() {
    let mut opened = opened();
    let mut waiting = base_item("é", 2);
    waiting.shown = Some(heads(&[8, 9]));
    let mut gone = base_item("Z", 3);
    gone.listing = Listing::Gone;
    let items = [base_item("", 1), gone, base_item("a", 1), base_item("ab", 1), waiting];
    write(&mut opened.store, |tx| {
        for item in items.iter().rev() {
            tx.put_base_item(LINK, item).unwrap();
        }
        tx.put_base_item(OTHER_LINK, &base_item("a", 7)).unwrap();
    });
    assert_eq!(walk(&opened.store, LINK), items);
    assert_eq!(opened.store.base_len(LINK).unwrap(), 5);
    let mut bindings = Vec::new();
    let take = |native: &[u8], item: ItemId, gone| {
        bindings.push((native.to_vec(), item.0[0], gone));
    };
    opened.store.bindings(LINK, take).unwrap();
    bindings.truncate(3);
    assert_eq!(bindings, [(vec![], 1, false), (b"Z".to_vec(), 3, true), (b"a".to_vec(), 1, false)]);
}

#[test]
fn items_are_found_by_native_id_by_item_and_by_shard() {
    let mut opened = opened();
    let items = [base_item("a", 0xff), base_item("b", 1), base_item("c", 0xff), base_item("d", 0)];
    write(&mut opened.store, |tx| {
        for item in &items {
            tx.put_base_item(LINK, item).unwrap();
        }
    });
    let store = &opened.store;
    let of_shard = |shard| store.base_of_shard(LINK, shard, &MUSIC).unwrap();
    assert_eq!(of_shard(0xff), [items[0].clone(), items[2].clone()]);
    assert_eq!(of_shard(0), items[3..]);
    assert_eq!(of_shard(2), []);
    let by_item = store.base_by_item(LINK, ItemId([0xff; 16]), &MUSIC).unwrap();
    assert_eq!(by_item, [items[0].clone(), items[2].clone()]);
    let native = NativeId::from("b");
    assert_eq!(store.base_item(LINK, &native, &MUSIC).unwrap(), Some(items[1].clone()));
    assert_eq!(store.base_item(OTHER_LINK, &native, &MUSIC).unwrap(), None);
}

#[test]
fn an_item_is_replaced_rebound_and_removed() {
    let mut opened = opened();
    let mut rebound = base_item("a", 5);
    rebound.held.fields = Fields::default();
    write(&mut opened.store, |tx| {
        tx.put_base_item(LINK, &base_item("a", 1)).unwrap();
        tx.put_base_item(LINK, &rebound).unwrap();
        tx.put_base_item(LINK, &base_item("b", 2)).unwrap();
        tx.remove_base_item(LINK, &"b".into()).unwrap();
    });
    assert_eq!(walk(&opened.store, LINK), [rebound.clone()]);
    assert_eq!(opened.store.base_of_shard(LINK, 1, &MUSIC).unwrap(), []);
    assert_eq!(opened.store.base_of_shard(LINK, 5, &MUSIC).unwrap(), [rebound]);
}

#[test]
fn a_cursor_walks_any_number_of_pages() {
    for count in [0, 1, 1023, 1024, 1025, 2048, 3000_usize] {
        let mut opened = opened();
        write(&mut opened.store, |tx| {
            for n in 0..count {
                tx.put_base_item(LINK, &base_item(&format!("{n:05}"), 1)).unwrap();
            }
        });
        let mut cursor = opened.store.base_cursor(LINK).unwrap();
        for n in 0..count {
            let expected = format!("{n:05}");
            assert_eq!(cursor.peek().unwrap().unwrap().native, expected.as_bytes());
            let raw = cursor.next().unwrap().unwrap();
            assert_eq!(raw.native, expected.as_bytes());
            assert_eq!(raw.packed, pack(&base_item(&expected, 1).held));
        }
        assert!(cursor.peek().unwrap().is_none());
        assert!(cursor.next().unwrap().is_none());
    }
}

#[test]
fn a_cursor_walks_one_state_while_another_connection_writes() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        for n in 0..2000 {
            tx.put_base_item(LINK, &base_item(&format!("{n:05}"), 1)).unwrap();
        }
    });
    let reader = opened.store.reader().unwrap();
    let mut cursor = reader.base_cursor(LINK).unwrap();
    assert!(cursor.next().unwrap().is_some());
    write(&mut opened.store, |tx| tx.clear_base(LINK).unwrap());
    let mut rest = 0;
    while cursor.next().unwrap().is_some() {
        rest += 1;
    }
    assert_eq!(rest, 1999);
    drop(cursor);
    assert_eq!(walk(&reader, LINK).len(), 0);
}

#[test]
fn a_transaction_may_write_behind_its_cursor() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        for n in 0..3000 {
            tx.put_base_item(LINK, &base_item(&format!("{n:05}"), 1)).unwrap();
        }
        let mut cursor = tx.base_cursor(LINK).unwrap();
        while let Some(raw) = cursor.next().unwrap() {
            tx.remove_base_item(LINK, &NativeId::new(raw.native)).unwrap();
        }
    });
    assert_eq!(opened.store.base_len(LINK).unwrap(), 0);
}

#[test]
fn an_unknown_link_has_an_empty_base_and_takes_none() {
    let mut opened = opened();
    let unknown = LinkId([0; 8]);
    assert_eq!(walk(&opened.store, unknown), []);
    let tx = opened.store.transaction().unwrap();
    let error = tx.put_base_item(unknown, &base_item("a", 1)).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { what: "link", .. }));
}

#[test]
fn collections_come_back_and_are_removed() {
    let mut opened = opened();
    let (one, two) = (base_collection("1", &["a", "b", "a"]), base_collection("2", &[]));
    write(&mut opened.store, |tx| {
        tx.put_base_collection(LINK, &two).unwrap();
        tx.put_base_collection(LINK, &base_collection("1", &["x"])).unwrap();
        tx.put_base_collection(LINK, &one).unwrap();
    });
    assert_eq!(opened.store.base_collections(LINK, &MUSIC).unwrap(), [one, two.clone()]);
    write(&mut opened.store, |tx| tx.remove_base_collection(LINK, &"1".into()).unwrap());
    assert_eq!(opened.store.base_collections(LINK, &MUSIC).unwrap(), [two]);
    assert_eq!(opened.store.base_collections(OTHER_LINK, &MUSIC).unwrap(), []);
}

#[test]
fn a_collection_has_one_entry_id_for_each_entry() {
    let mut opened = opened();
    let mut short = base_collection("1", &["a", "b"]);
    short.entries.pop();
    let tx = opened.store.transaction().unwrap();
    let error = tx.put_base_collection(LINK, &short).unwrap_err();
    assert!(matches!(error, StoreError::Refused { .. }));
}

#[test]
fn a_cleared_base_is_empty_and_other_links_keep_theirs() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        for link in [LINK, OTHER_LINK] {
            tx.put_base_item(link, &base_item("a", 1)).unwrap();
            tx.put_base_collection(link, &base_collection("1", &["a"])).unwrap();
            tx.put_link_heads(link, 1, &heads(&[1])).unwrap();
            assert_eq!(tx.note_write(link, &"a".into(), "rating", 1).unwrap(), 1);
        }
        tx.clear_base(LINK).unwrap();
        assert_eq!(tx.note_write(LINK, &"a".into(), "rating", 1).unwrap(), 1);
    });
    let held = |link| {
        let collections = opened.store.base_collections(link, &MUSIC).unwrap().len();
        let shown = opened.store.link_heads(link).unwrap().len();
        (opened.store.base_len(link).unwrap(), collections, shown)
    };
    assert_eq!(held(LINK), (0, 0, 0));
    assert_eq!(held(OTHER_LINK), (1, 1, 1));
}
