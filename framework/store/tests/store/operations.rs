use segue_model::{
    ChangeSet, CollectionEdit, FieldEdit, ItemId, ListingEdit, OperationId, Value, music,
    music::MUSIC,
};
use segue_store::StoreError;

use crate::rows::{DOCUMENT, LINK, OTHER_LINK, opened, operation, operation_link, write};

#[test]
fn operations_are_numbered_replaced_and_found() {
    let mut opened = opened();
    assert_eq!(opened.store.next_operation().unwrap(), 1);
    let mut undone = operation(1);
    undone.undone_by = Some(2);
    undone.state = "undone".into();
    let mut undo = operation(2);
    undo.undoes = Some(1);
    undo.plan = None;
    write(&mut opened.store, |tx| {
        tx.put_operation(&operation(1)).unwrap();
        assert_eq!(tx.next_operation().unwrap(), 2);
        tx.put_operation(&undo).unwrap();
        tx.put_operation(&undone).unwrap();
    });
    let store = &opened.store;
    assert_eq!(store.operations().unwrap(), [undone.clone(), undo.clone()]);
    assert_eq!(store.operation(1).unwrap(), Some(undone));
    assert_eq!(store.operation_by_id(undo.id).unwrap(), Some(undo));
    assert_eq!(store.operation(3).unwrap(), None);
    assert_eq!(store.next_operation().unwrap(), 3);
}

#[test]
fn a_number_and_an_id_name_one_operation() {
    let mut opened = opened();
    let tx = opened.store.transaction().unwrap();
    tx.put_operation(&operation(1)).unwrap();
    let mut other = operation(1);
    other.id = OperationId([9; 8]);
    assert!(matches!(tx.put_operation(&other), Err(StoreError::Refused { .. })));
    let mut other = operation(2);
    other.id = operation(1).id;
    assert!(matches!(tx.put_operation(&other), Err(StoreError::Refused { .. })));
}

#[test]
fn what_an_operation_did_to_each_library_is_kept() {
    let mut opened = opened();
    let mut other = operation_link(1);
    other.link = OTHER_LINK;
    other.before = None;
    write(&mut opened.store, |tx| {
        tx.put_operation(&operation(1)).unwrap();
        tx.put_operation_link(&other).unwrap();
        let mut first = operation_link(1);
        first.after = None;
        tx.put_operation_link(&first).unwrap();
        tx.put_operation_link(&operation_link(1)).unwrap();
        assert!(tx.put_operation_link(&operation_link(9)).is_err());
    });
    assert_eq!(opened.store.operation_links(1).unwrap(), [operation_link(1), other]);
    assert_eq!(opened.store.operation_links(2).unwrap(), []);
}

#[test]
fn an_intent_says_what_was_about_to_be_written() {
    let mut opened = opened();
    let (old, new) = (None, Some(Value::Int(80)));
    let changes = ChangeSet {
        fields: vec![FieldEdit { item: "a".into(), field: &music::RATING, old, new }],
        collections: vec![CollectionEdit::Remove { id: "1".into(), old: vec!["a".into()] }],
        listing: vec![ListingEdit::Hide { item: "b".into() }],
        ..ChangeSet::default()
    };
    write(&mut opened.store, |tx| {
        tx.put_intent(2, LINK, &ChangeSet::default(), b"old").unwrap();
        tx.put_intent(2, LINK, &changes, b"extra").unwrap();
        tx.put_intent(1, OTHER_LINK, &ChangeSet::default(), b"").unwrap();
    });
    let intents = opened.store.intents().unwrap();
    assert_eq!(
        intents.iter().map(|i| (i.operation, i.link)).collect::<Vec<_>>(),
        [(2, LINK), (1, OTHER_LINK)]
    );
    assert_eq!(intents[0].changes(&MUSIC).unwrap(), changes);
    assert_eq!(intents[0].extra, b"extra");
    write(&mut opened.store, |tx| tx.clear_intent(2, LINK).unwrap());
    assert_eq!(opened.store.intents().unwrap().len(), 1);
}

#[test]
fn plans_are_kept_until_they_are_old() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        tx.put_plan("new", 200, b"n").unwrap();
        tx.put_plan("old", 100, b"first").unwrap();
        tx.put_plan("old", 100, b"o").unwrap();
        tx.put_plan("applied", 300, b"a").unwrap();
        tx.remove_plan("applied").unwrap();
    });
    assert_eq!(opened.store.plan("old").unwrap().as_deref(), Some(&b"o"[..]));
    assert_eq!(opened.store.plan("applied").unwrap(), None);
    assert_eq!(opened.store.plans_older_than(200).unwrap(), ["old"]);
    write(&mut opened.store, |tx| assert_eq!(tx.remove_plans_older_than(200).unwrap(), 1));
    assert_eq!(opened.store.plan("old").unwrap(), None);
    assert!(opened.store.plan("new").unwrap().is_some());
}

#[test]
fn questions_are_replaced_together() {
    let mut opened = opened();
    let question = |a, b| (ItemId([a; 16]), ItemId([b; 16]), "same title".to_owned());
    write(&mut opened.store, |tx| {
        tx.set_questions(&DOCUMENT, &[question(1, 2)]).unwrap();
        tx.set_questions(&DOCUMENT, &[question(4, 1), question(3, 9)]).unwrap();
    });
    assert_eq!(opened.store.questions(&DOCUMENT).unwrap(), [question(3, 9), question(4, 1)]);
    write(&mut opened.store, |tx| tx.set_questions(&DOCUMENT, &[]).unwrap());
    assert_eq!(opened.store.questions(&DOCUMENT).unwrap(), []);
}

#[test]
fn settings_are_kept_replaced_and_removed() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        tx.put_setting("a", "1").unwrap();
        tx.put_setting("a", "2").unwrap();
    });
    assert_eq!(opened.store.setting("a").unwrap().as_deref(), Some("2"));
    write(&mut opened.store, |tx| tx.remove_setting("a").unwrap());
    assert_eq!(opened.store.setting("a").unwrap(), None);
}
