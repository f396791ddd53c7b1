use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use segue_model::{Real, Rule, Shape, Value, music};

use super::*;

/// A later version of the music schema: one field and one kind more.
static NEWER: Schema = Schema {
    name: "music",
    items: ["track", "tracks"],
    lists: ["playlist", "playlists"],
    fields: &[&music::ARTIST, &MOOD, &music::TITLE],
    kinds: &[&MIX, &music::PLAYLIST],
    key: None,
};
static MOOD: Field =
    Field { name: "mood", rule: Rule::Register, shape: Shape::Text, descriptive: true };
static MIX: CollectionKind = CollectionKind::list("mix");

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (-3_i64..300).prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Real(Real(f64::from_bits(bits)))),
        any::<bool>().prop_map(Value::Flag),
        any::<String>().prop_map(Value::text),
        vec(any::<String>(), 0..4).prop_map(Value::list),
    ]
}

fn natives() -> impl Strategy<Value = NativeId> {
    vec(any::<u8>(), 0..6).prop_map(NativeId::new)
}

fn fields() -> impl Strategy<Value = &'static Field> {
    (0..music::MUSIC.fields.len()).prop_map(|index| music::MUSIC.fields[index])
}

fn kinds() -> impl Strategy<Value = &'static CollectionKind> {
    (0..music::MUSIC.kinds.len()).prop_map(|index| music::MUSIC.kinds[index])
}

prop_compose! {
    fn items()(
        location in proptest::option::of(vec(any::<u8>(), 0..9)),
        is_missing in any::<bool>(),
        fields in vec((fields(), values()), 0..6),
        ext in proptest::option::of(btree_map(any::<String>(), any::<String>(), 0..3)),
    ) -> Item {
        let mut item = Item::new("n");
        item.location = location.map(Location::new);
        if is_missing {
            item.availability = Availability::Missing;
        }
        item.fields = fields.into_iter().collect();
        let boxed = |(key, value): (String, String)| (key.into(), value.into());
        item.ext = ext.map(|ext| Box::new(ext.into_iter().map(boxed).collect()));
        item
    }
}

prop_compose! {
    fn collections()(
        kind in kinds(),
        name in any::<String>(),
        parent in proptest::option::of(natives()),
        entries in vec(natives(), 0..5),
        rule in proptest::option::of(any::<String>()),
    ) -> Collection {
        let (name, rule) = (name.into(), rule.map(Into::into));
        Collection { id: "c".into(), kind, name, parent, entries, rule }
    }
}

fn collection_edits() -> impl Strategy<Value = CollectionEdit> {
    let many = || vec(natives(), 0..4);
    prop_oneof![
        collections().prop_map(|Collection { kind, name, parent, entries, .. }| {
            CollectionEdit::Create { kind, name, parent, entries }
        }),
        (natives(), any::<String>(), any::<String>()).prop_map(|(id, old, new)| {
            CollectionEdit::Rename { id, old: old.into(), new: new.into() }
        }),
        (natives(), many(), many()).prop_map(|(id, old, new)| CollectionEdit::Reorder {
            id,
            old,
            new
        }),
        (natives(), many()).prop_map(|(id, old)| CollectionEdit::Remove { id, old }),
    ]
}

fn listing_edits() -> impl Strategy<Value = ListingEdit> {
    prop_oneof![
        natives().prop_map(|item| ListingEdit::Hide { item }),
        items().prop_map(|item| ListingEdit::Show { item }),
    ]
}

prop_compose! {
    fn change_sets()(
        fields in vec(
            (natives(), fields(), proptest::option::of(values()), proptest::option::of(values())),
            0..5,
        ),
        collections in vec(collection_edits(), 0..4),
        listing in vec(listing_edits(), 0..3),
    ) -> ChangeSet {
        let edit = |(item, field, old, new)| FieldEdit { item, field, old, new };
        let fields = fields.into_iter().map(edit).collect();
        ChangeSet { listing, fields, collections, ..ChangeSet::default() }
    }
}

type Reads = fn(&[u8]) -> bool;

proptest! {
    #[test]
    fn an_item_is_read_as_it_was_packed(item in items()) {
        let packed = pack(&item);
        prop_assert_eq!(&unpack(b"n", &packed, &music::MUSIC).unwrap(), &item);
    }

    #[test]
    fn items_are_equal_exactly_if_their_bytes_are(one in items(), other in items()) {
        prop_assert_eq!(one == other, pack(&one) == pack(&other));
    }

    #[test]
    fn collections_and_changes_are_read_as_they_were_packed(
        collection in collections(),
        changes in change_sets(),
    ) {
        let packed = pack_collection(&collection);
        prop_assert_eq!(unpack_collection(b"c", &packed, &music::MUSIC).unwrap(), collection);
        let packed = pack_changes(&changes);
        prop_assert_eq!(unpack_changes(&packed, &music::MUSIC).unwrap(), changes);
    }

    #[test]
    fn what_was_cut_or_lengthened_is_an_error(
        item in items(),
        collection in collections(),
        changes in change_sets(),
        cut in any::<prop::sample::Index>(),
    ) {
        let item = pack(&item);
        let collection = pack_collection(&collection);
        let changes = pack_changes(&changes);
        let readers: [(&[u8], Reads); 3] = [
            (&item, |bytes| unpack(b"n", bytes, &music::MUSIC).is_ok()),
            (&collection, |bytes| unpack_collection(b"c", bytes, &music::MUSIC).is_ok()),
            (&changes, |bytes| unpack_changes(bytes, &music::MUSIC).is_ok()),
        ];
        for (bytes, reads) in readers {
            prop_assert!(reads(bytes));
            prop_assert!(!reads(&bytes[..cut.index(bytes.len())]));
            prop_assert!(!reads(&[bytes, &[0]].concat()));
        }
    }

    #[test]
    fn a_changed_byte_is_an_error_or_another_item(
        item in items(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut packed = pack(&item);
        let at = at.index(packed.len());
        packed[at] ^= flip;
        if let Ok(read) = unpack(b"n", &packed, &music::MUSIC) {
            prop_assert_ne!(&read, &item);
            prop_assert_eq!(pack(&read), packed);
        }
    }

    #[test]
    fn garbage_never_panics(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(item) = unpack(b"n", &bytes, &music::MUSIC) {
            prop_assert_eq!(pack(&item), bytes.clone());
        }
        if let Ok(collection) = unpack_collection(b"c", &bytes, &music::MUSIC) {
            prop_assert_eq!(pack_collection(&collection), bytes.clone());
        }
        if let Ok(changes) = unpack_changes(&bytes, &music::MUSIC) {
            prop_assert_eq!(pack_changes(&changes), bytes);
        }
    }
}

#[test]
fn the_bytes_of_an_item_never_change() {
    let mut item = Item::new("n");
    item.location = Some(Location::from("/a"));
    item.availability = Availability::Missing;
    item.ext = Some(Box::new(BTreeMap::from([("k".into(), "v".into())])));
    item.fields.set(&music::TITLE, Value::text("T"));
    item.fields.set(&music::RATING, Value::Int(80));
    item.fields.set(&music::PLAY_COUNT, Value::Int(-1));
    item.fields.set(&music::ARTIST, Value::list(["A", ""]));
    item.fields.set(&music::BPM, Value::Real(Real(1.0)));
    item.fields.set(&music::COMPILATION, Value::Flag(true));
    let expected: &[&[u8]] = &[
        b"\x07\x02/a\x06",
        b"\x06artist\x05\x02\x01A\x00",
        b"\x03bpm\x01\x3f\xf0\x00\x00\x00\x00\x00\x00",
        b"\x0bcompilation\x03",
        b"\x0aplay_count\x00\x01",
        b"\x06rating\x00\xa0\x01",
        b"\x05title\x04\x01T",
        b"\x01\x01k\x01v",
    ];
    assert_eq!(
        pack(&item).escape_ascii().to_string(),
        expected.concat().escape_ascii().to_string()
    );
}

#[test]
fn a_name_that_the_schema_lacks_is_newer_and_never_dropped() {
    let mut item = Item::new("n");
    item.fields.set(&music::TITLE, Value::text("T"));
    item.fields.set(&MOOD, Value::text("calm"));
    let packed = pack(&item);
    assert_eq!(unpack(b"n", &packed, &NEWER).unwrap(), item);
    let error = unpack(b"n", &packed, &music::MUSIC).unwrap_err();
    assert!(matches!(error, StoreError::NewerRecord { .. }));
    assert_eq!(
        error.to_string(),
        "the store holds the field `mood`, written by a newer Segue; please update Segue"
    );

    let kind = &MIX;
    let mix = Collection {
        id: "c".into(),
        kind,
        name: "m".into(),
        parent: None,
        entries: vec![],
        rule: None,
    };
    let packed = pack_collection(&mix);
    let error = unpack_collection(b"c", &packed, &music::MUSIC).unwrap_err();
    assert!(matches!(error, StoreError::NewerRecord { .. }));

    let edit = FieldEdit { item: "n".into(), field: &MOOD, old: None, new: None };
    let packed = pack_changes(&ChangeSet { fields: vec![edit], ..ChangeSet::default() });
    let error = unpack_changes(&packed, &music::MUSIC).unwrap_err();
    assert!(matches!(error, StoreError::NewerRecord { .. }));
}

#[test]
fn a_second_spelling_is_refused() {
    let refused = |bytes: &[u8]| {
        matches!(unpack(b"n", bytes, &music::MUSIC), Err(StoreError::Damaged { .. }))
    };
    // A number with a needless last byte.
    assert!(refused(b"\x00\x80\x00"));
    assert!(!refused(b"\x00\x00"));
    // Fields out of order, and one twice.
    assert!(refused(b"\x00\x02\x05title\x02\x05album\x02"));
    assert!(refused(b"\x00\x02\x05title\x02\x05title\x02"));
    assert!(!refused(b"\x00\x02\x05album\x02\x05title\x02"));
    // The app's own names out of order.
    assert!(refused(b"\x04\x00\x02\x01b\x00\x01a\x00"));
    // A length, and a count, that no memory holds.
    assert!(refused(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert!(refused(b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    // A number beyond 64 bits.
    assert!(refused(b"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03"));
}

#[test]
fn heads_are_sorted_and_whole() {
    use crate::packed::{heads_from, heads_to};
    let heads = segue_model::Heads::new(vec![
        segue_model::ChangeHash([2; 32]),
        segue_model::ChangeHash([1; 32]),
    ]);
    let bytes = heads_to(&heads);
    assert_eq!(heads_from(&bytes).unwrap(), heads);
    assert!(heads_from(&bytes[1..]).is_err());
    assert!(heads_from(&[&bytes[32..], &bytes[..32]].concat()).is_err());
}
