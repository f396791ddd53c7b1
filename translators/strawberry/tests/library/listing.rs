//! Songs that are hidden and shown again.

use segue_translator::model::{Availability, ChangeSet, Item, ListingEdit, Value, music};

use crate::copy::{Copy, difference};

fn edit(edit: ListingEdit) -> ChangeSet {
    ChangeSet { listing: vec![edit], ..ChangeSet::default() }
}

fn rated(copy: &Copy) -> Item {
    let (catalog, _) = copy.read();
    let is_rated = |item: &&Item| item.fields.value(&music::RATING).is_some();
    catalog.items.iter().find(is_rated).unwrap().clone()
}

#[test]
fn a_hidden_song_keeps_its_row_and_comes_back_as_it_was() {
    let copy = Copy::new();
    let (item, before) = (rated(&copy), copy.dump());
    let hide = edit(ListingEdit::Hide { item: item.id.clone() });
    copy.put(&hide);
    assert_eq!(copy.read().0.item(&item.id).unwrap().availability, Availability::Missing);
    let changed = difference(&before, &copy.dump());
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert_eq!(copy.write(&hide).unwrap().refused.len(), 1);
    let show = edit(ListingEdit::Show { item: item.clone() });
    copy.put(&show);
    assert_eq!(difference(&before, &copy.dump()), Vec::<String>::new());
    assert_eq!(copy.write(&show).unwrap().refused[0].reason, "Strawberry shows it already");
}

#[test]
fn a_song_comes_back_with_what_changed_meanwhile() {
    let copy = Copy::new();
    let mut item = rated(&copy);
    copy.put(&edit(ListingEdit::Hide { item: item.id.clone() }));
    item.fields.set(&music::RATING, Value::Int(20));
    item.fields.set(&music::PLAY_COUNT, Value::Int(77));
    item.fields.set(&music::TITLE, Value::text("Another"));
    copy.put(&edit(ListingEdit::Show { item: item.clone() }));
    assert_eq!(copy.read().0.item(&item.id), Some(&item));
}

#[test]
fn a_song_without_a_row_is_refused() {
    let copy = Copy::new();
    let before = copy.dump();
    for one in [
        ListingEdit::Hide { item: "file:///nowhere.mp3".into() },
        ListingEdit::Show { item: Item::new("file:///nowhere.mp3") },
    ] {
        let refused = copy.write(&edit(one)).unwrap().refused;
        assert_eq!(refused[0].reason, "the library has no such song");
    }
    assert_eq!(copy.dump(), before);
}
