//! Songs that are hidden and shown again.

use segue_translator::model::{Availability, ChangeSet, Item, ListingEdit, NativeId, Value, music};

use crate::shelf::{SONG, Shelf, fields, lists};
use segue_translator::model::{CollectionEdit, FieldEdit};

fn hide(item: &NativeId) -> ChangeSet {
    let listing = vec![ListingEdit::Hide { item: item.clone() }];
    ChangeSet { listing, ..ChangeSet::default() }
}

fn show(item: &Item) -> ChangeSet {
    let listing = vec![ListingEdit::Show { item: item.clone() }];
    ChangeSet { listing, ..ChangeSet::default() }
}

fn rated(shelf: &Shelf) -> Item {
    let (catalog, _) = shelf.read();
    let is_rated = |item: &&Item| item.fields.value(&music::RATING).is_some();
    catalog.items.iter().find(is_rated).unwrap().clone()
}

#[test]
fn f41_a_hidden_song_is_listed_as_missing_and_comes_back_to_the_byte() {
    let shelf = Shelf::real();
    let before = shelf.text("rhythmdb.xml");
    let item = rated(&shelf);
    assert_eq!(shelf.write(&hide(&item.id)).refused, []);
    let (hidden, _) = shelf.read();
    let missing = Item { availability: Availability::Missing, ..item.clone() };
    assert_eq!(hidden.item(&item.id), Some(&missing));
    assert_eq!(shelf.text("rhythmdb.xml").len(), before.len() + "ignore".len() - "song".len());
    let refused = shelf.write(&hide(&item.id)).refused;
    assert_eq!(refused[0].reason, "the library has no such song");
    assert_eq!(shelf.write(&show(&item)).refused, []);
    assert_eq!(shelf.text("rhythmdb.xml"), before);
    let refused = shelf.write(&show(&item)).refused;
    assert_eq!(refused[0].reason, "Rhythmbox lists it already");
}

#[test]
fn what_rhythmbox_ignores_itself_is_no_song_and_a_song_that_is_listed_too_is_listed() {
    let entry = |kind: &str, elements: &str| format!("<entry type=\"{kind}\">{elements}</entry>");
    let title = "<title>A</title>";
    let place = |name: &str| format!("<location>file:///{name}</location>");
    let library = [
        entry("ignore", &place("cover.jpg")),
        entry("ignore", title),
        entry("ignore", &[title, &place("a")].concat()),
        entry("song", &[title, &place("a")].concat()),
        entry("ignore", &[title, &place("b")].concat()),
        entry("ignore", &[title, &place("b")].concat()),
    ];
    let lists = "<playlist name=\"L\" type=\"static\"><location>file:///b</location></playlist>";
    let shelf = Shelf::new(
        format!("<rhythmdb version=\"2.0\">{}</rhythmdb>", library.concat()),
        Some(&format!("<rhythmdb-playlists>{lists}</rhythmdb-playlists>")),
    );
    let (catalog, reading) = shelf.read();
    let items = catalog.items.iter().map(|item| (item.id.to_string(), item.availability));
    let expected = [("file:///a", Availability::Present), ("file:///b", Availability::Missing)];
    assert!(items.eq(expected.map(|(id, held)| (id.to_owned(), held))), "{:?}", catalog.items);
    assert_eq!(catalog.collections[0].entries, []);
    assert_eq!(reading.losses.len(), 1, "the entry of the list: {:?}", reading.losses);
}

#[test]
fn a_song_comes_back_with_what_changed_meanwhile_and_into_its_list() {
    let shelf = Shelf::real();
    let mut item = rated(&shelf);
    let (catalog, _) = shelf.read();
    let has_it = |list: &&segue_translator::model::Collection| list.entries.contains(&item.id);
    let list = catalog.collections.iter().find(has_it).unwrap().clone();
    let rest: Vec<_> = list.entries.iter().filter(|id| **id != item.id).cloned().collect();
    let reorder = |old: &[NativeId], new: &[NativeId]| {
        let (id, old, new) = (list.id.clone(), old.to_vec(), new.to_vec());
        lists([CollectionEdit::Reorder { id, old, new }])
    };
    let out = ChangeSet { ..hide(&item.id) };
    let out = ChangeSet { collections: reorder(&list.entries, &rest).collections, ..out };
    assert_eq!(shelf.write(&out).refused, []);
    item.fields.set(&music::RATING, Value::Int(20));
    item.fields.set(&music::PLAY_COUNT, Value::Int(77));
    let back = ChangeSet { collections: reorder(&rest, &list.entries).collections, ..show(&item) };
    assert_eq!(shelf.write(&back).refused, []);
    let (catalog, _) = shelf.read();
    assert_eq!(catalog.item(&item.id), Some(&item));
    assert_eq!(catalog.collection(&list.id).unwrap().entries, list.entries);
}

#[test]
fn a_song_of_which_nothing_is_left_gets_a_new_entry() {
    let shelf = Shelf::of_song("");
    let mut item = Item::new("file:///m/b%26c.mp3");
    item.location = Some("/m/b&c.mp3".into());
    item.fields.set(&music::TITLE, Value::text("B & <C>"));
    item.fields.set(&music::RATING, Value::Int(80));
    assert_eq!(shelf.write(&show(&item)).refused, []);
    let (catalog, _) = shelf.read();
    assert_eq!(catalog.item(&item.id), Some(&item));
    assert_eq!(catalog.items.len(), 2);
}

#[test]
fn what_stands_twice_or_is_written_strangely_is_refused_and_stays() {
    let song = SONG.into();
    let twice = Shelf::new(
        format!(
            "<rhythmdb version=\"2.0\"><entry type=\"song\"><location>{SONG}</location></entry>\
             <entry type=\"song\"><location>{SONG}</location></entry></rhythmdb>"
        ),
        None,
    );
    let strange = Shelf::new(
        format!(
            "<rhythmdb version=\"2.0\"><entry type = \"song\"><location>{SONG}</location></entry>\
             </rhythmdb>"
        ),
        None,
    );
    for shelf in [twice, strange] {
        let before = shelf.text("rhythmdb.xml");
        assert_eq!(shelf.write(&hide(&song)).refused.len(), 1);
        assert_eq!(shelf.text("rhythmdb.xml"), before);
    }
}

#[test]
fn an_edit_of_a_song_that_goes_in_the_same_write_is_refused() {
    let shelf = Shelf::of_song("");
    let rate = FieldEdit {
        item: SONG.into(),
        field: &music::RATING,
        old: None,
        new: Some(Value::Int(20)),
    };
    let changes = ChangeSet { fields: fields([rate]).fields, ..hide(&SONG.into()) };
    assert_eq!(shelf.write(&changes).refused.len(), 1);
    assert!(shelf.read().0.items.is_empty());
}
