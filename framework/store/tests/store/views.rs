use std::ops::ControlFlow;

use segue_store::{Reader, ViewRow};

use crate::rows::{DOCUMENT, conflict, heads, opened, view, write};

fn all(reader: &Reader) -> Vec<ViewRow> {
    let mut found = Vec::new();
    reader
        .views(&DOCUMENT, &mut |row| {
            found.push(row);
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

#[test]
fn a_shards_rows_are_replaced_together() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        let put = |shard, rows: &[ViewRow], conflicts: &[_], n| {
            tx.put_view(&DOCUMENT, shard, &heads(&[n]), rows, conflicts).unwrap();
        };
        put(9, &[view(9, "Nine", "x")], &[conflict(9, "title")], 1);
        put(2, &[view(2, "Old", "x"), view(3, "Gone", "x")], &[conflict(2, "rating")], 2);
        put(2, &[view(2, "Two", "x")], &[conflict(2, "artist"), conflict(2, "album")], 3);
    });
    let store = &opened.store;
    assert_eq!(all(store), [view(2, "Two", "x"), view(9, "Nine", "x")]);
    assert_eq!(store.view(&DOCUMENT, &[9; 16]).unwrap(), [view(9, "Nine", "x")]);
    assert_eq!(store.view(&DOCUMENT, &[3; 16]).unwrap(), []);
    let conflicts = store.conflicts(&DOCUMENT).unwrap();
    assert_eq!(conflicts, [conflict(2, "album"), conflict(2, "artist"), conflict(9, "title")]);
    let made_from: Vec<_> = store.view_heads(&DOCUMENT).unwrap().into_iter().collect();
    assert_eq!(made_from, [(2, heads(&[3])), (9, heads(&[1]))]);
    let mut seen = 0;
    let first = &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    store.views(&DOCUMENT, first).unwrap();
    assert_eq!(seen, 1);
}

#[test]
fn dropped_views_leave_nothing() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        let rows = [view(1, "One", "x")];
        tx.put_view(&DOCUMENT, 1, &heads(&[1]), &rows, &[conflict(1, "title")]).unwrap();
        tx.drop_views(&DOCUMENT).unwrap();
    });
    assert_eq!(all(&opened.store), []);
    assert_eq!(opened.store.conflicts(&DOCUMENT).unwrap(), []);
    assert!(opened.store.view_heads(&DOCUMENT).unwrap().is_empty());
}

#[test]
fn a_search_ignores_case_accents_and_wildcards() {
    let mut opened = opened();
    let rows = [view(1, "Jóga", "Björk"), view(2, "Hyperballad", "BJÖRK"), view(3, "100%", "x")];
    write(&mut opened.store, |tx| {
        tx.put_view(&DOCUMENT, 1, &heads(&[1]), &rows, &[]).unwrap();
    });
    let found = |text| -> Vec<String> {
        let found = opened.store.search(&DOCUMENT, text).unwrap();
        found.into_iter().map(|row| row.sort_text).collect()
    };
    assert_eq!(found("bjork"), ["Hyperballad", "Jóga"]);
    assert_eq!(found("JOGA"), ["Jóga"]);
    assert_eq!(found("%"), ["100%"]);
    assert_eq!(found("rating"), Vec::<String>::new());
}
