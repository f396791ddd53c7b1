//! Edits of fields: read back equal, nothing else touched, refused where the app holds another value.

use std::fs;

use segue_translator::Access;
use segue_translator::model::{ChangeSet, FieldEdit, NativeId, Shape, Value, music};

use crate::copy::{Copy, difference, reasons, set};

const SONG: &str = "Tide%20Table.flac";

/// Values worth writing for a field of this shape.
fn samples(shape: Shape) -> Vec<Value> {
    match shape {
        Shape::Int(low, high) => [low, 1, 42, 100, high.min(i64::from(i32::MAX))]
            .into_iter()
            .filter(|number| (low..=high).contains(number))
            .map(Value::Int)
            .collect(),
        Shape::Text => ["x", " Ünï \"quoted\" 'n' \\ \n🎵", "0"].map(Value::from).to_vec(),
        Shape::List => vec![Value::list(["A"]), Value::list(["A B", "Ç; D"])],
        Shape::Flag => vec![Value::Flag(true), Value::Flag(false)],
        Shape::Real => unreachable!("no such field in version 15"),
    }
}

#[test]
fn every_writable_field_reads_back_as_it_is_held() {
    let copy = Copy::new();
    let item = copy.song(SONG);
    let capabilities = copy.open().capabilities();
    let writable = capabilities.fields.iter().filter(|field| field.access == Access::Write);
    let mut fields = 0;
    for support in writable {
        fields += 1;
        let cleared = samples(support.field.shape).into_iter().map(Some).chain([None]);
        for new in cleared {
            let old = copy.value(SONG, support.field);
            copy.put(&set(&item, support.field, old, new.clone()));
            let held = new.as_ref().and_then(|value| support.hold(value));
            assert_eq!(copy.value(SONG, support.field), held, "{} {new:?}", support.field.name);
            assert_eq!(held.as_ref().and_then(|value| support.hold(value)), held);
        }
    }
    assert_eq!(fields, 16);
}

#[test]
fn a_rating_and_a_count_change_only_their_cells() {
    let copy = Copy::new();
    let before = copy.dump();
    let item = copy.song(SONG);
    let mut changes = set(&item, &music::RATING, Some(Value::Int(80)), Some(Value::Int(73)));
    changes.fields.push(FieldEdit {
        item,
        field: &music::PLAY_COUNT,
        old: Some(Value::Int(1)),
        new: Some(Value::Int(9)),
    });
    copy.put(&changes);
    insta::assert_snapshot!(difference(&before, &copy.dump()).join("\n"), @r#"
    - songs Integer(5) playcount Integer(1)
    - songs Integer(5) rating Real(0.8)
    + songs Integer(5) playcount Integer(9)
    + songs Integer(5) rating Real(0.73)
    "#);
}

#[test]
fn f32_what_the_app_derives_from_a_field_is_kept_in_step() {
    let copy = Copy::with("UPDATE songs SET albumartist = '' WHERE rowid = 5");
    let item = copy.song(SONG);
    let before = copy.dump();
    let edit = |field, old: Option<Value>, new: Option<Value>| FieldEdit {
        item: item.clone(),
        field,
        old,
        new,
    };
    copy.put(&ChangeSet {
        fields: vec![
            edit(&music::TITLE, Some("Tide Table".into()), Some("Zwölf".into())),
            edit(
                &music::ARTIST,
                Some(Value::list(["The Tin Harbours"])),
                Some(Value::list(["A", "B"])),
            ),
            edit(&music::YEAR, Some(Value::Int(2011)), None),
            edit(&music::COMPILATION, None, Some(Value::Flag(true))),
        ],
        ..ChangeSet::default()
    });
    insta::assert_snapshot!(difference(&before, &copy.dump()).join("\n"), @r#"
    - songs Integer(5) title "Tide Table"
    - songs Integer(5) artist "The Tin Harbours"
    - songs Integer(5) year Integer(2011)
    - songs Integer(5) compilation_on Integer(0)
    - songs Integer(5) compilation_effective Integer(0)
    - songs Integer(5) effective_albumartist "The Tin Harbours"
    - songs Integer(5) effective_originalyear Integer(2011)
    - songs_fts Integer(5) ftstitle "Tide Table"
    - songs_fts Integer(5) ftsartist "The Tin Harbours"
    + songs Integer(5) title "Zwölf"
    + songs Integer(5) artist "A B"
    + songs Integer(5) year Integer(-1)
    + songs Integer(5) compilation_on Integer(1)
    + songs Integer(5) compilation_effective Integer(1)
    + songs Integer(5) effective_albumartist "A B"
    + songs Integer(5) effective_originalyear Integer(-1)
    + songs_fts Integer(5) ftstitle "Zwölf"
    + songs_fts Integer(5) ftsartist "A B"
    "#);
    let found = "SELECT group_concat(rowid) FROM songs_fts WHERE songs_fts MATCH 'zwolf'";
    assert_eq!(copy.cell(found), "'5'");
    assert_eq!(copy.cell("SELECT count(*) FROM songs_fts WHERE songs_fts MATCH 'tide table'"), "0");

    let artist = Some(Value::list(["A B"]));
    copy.put(&set(&item, &music::ALBUM_ARTIST, None, Some("Various".into())));
    assert_eq!(copy.cell("SELECT effective_albumartist FROM songs WHERE rowid = 5"), "'Various'");
    copy.put(&set(&item, &music::ARTIST, artist, None));
    assert_eq!(copy.cell("SELECT effective_albumartist FROM songs WHERE rowid = 5"), "'Various'");
    copy.sql("UPDATE songs SET originalyear = 1999 WHERE rowid = 5");
    copy.put(&set(&item, &music::YEAR, None, Some(Value::Int(2020))));
    assert_eq!(copy.cell("SELECT effective_originalyear FROM songs WHERE rowid = 5"), "1999");
}

#[test]
fn an_edit_whose_old_value_is_gone_is_refused_and_the_others_are_made() {
    let copy = Copy::new();
    let item = copy.song(SONG);
    let (rating, count) = (&music::RATING, &music::PLAY_COUNT);
    let edit = |field, old: i64, new: i64| FieldEdit {
        item: item.clone(),
        field,
        old: Some(Value::Int(old)),
        new: Some(Value::Int(new)),
    };
    let changes =
        ChangeSet { fields: vec![edit(rating, 60, 20), edit(count, 1, 2)], ..ChangeSet::default() };
    let written = copy.write(&changes).unwrap();
    assert_eq!(reasons(&written.refused), ["the app holds another value now"]);
    assert_eq!(written.refused[0].id, item);
    assert_eq!(copy.value(SONG, rating), Some(Value::Int(80)));
    assert_eq!(copy.value(SONG, count), Some(Value::Int(2)));
    assert_eq!(written.revision, copy.open().revision().unwrap());
}

#[test]
fn what_cannot_be_written_is_refused_with_its_reason() {
    let copy = Copy::with("UPDATE songs SET rating = 5.0 WHERE rowid = 5");
    let item = copy.song(SONG);
    let before = fs::read(copy.path()).unwrap();
    let refused = |changes| reasons(&copy.write(&changes).unwrap().refused).join("; ");
    let title = || Some(Value::text("Tide Table"));
    let compilation = copy.song("DJ%20Ohm%20-%20Ground%20Loop.mp3");
    let answers = [
        refused(set(&item, &music::RATING, None, Some(Value::Int(20)))),
        refused(set(&item, &music::TITLE, title(), Some(Value::Int(1)))),
        refused(set(&item, &music::DURATION, Some(Value::Int(1600)), None)),
        refused(set(&item, &music::BPM, None, None)),
        refused(set(&item, &music::TRACK_TOTAL, None, Some(Value::Int(3)))),
        refused(set(&NativeId::from("file:///none"), &music::RATING, None, None)),
        refused(set(&compilation, &music::COMPILATION, Some(Value::Flag(true)), None)),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    the app holds something else there: a rating above 1
    the new value is none of this field
    the app does not let others write this field
    this version of the app has no such field
    this version of the app has no such field
    the library has no such song
    the file's own tag says that it is a compilation
    "#);
    assert_eq!(fs::read(copy.path()).unwrap(), before);
}

#[test]
fn what_the_app_cannot_hold_is_nothing_there() {
    let copy = Copy::new();
    let item = copy.song(SONG);
    let long = Value::text("x".repeat((1 << 20) + 1));
    copy.put(&set(&item, &music::TITLE, Some("Tide Table".into()), Some(long)));
    copy.put(&set(&item, &music::DISC, Some(Value::Int(1)), Some(Value::Int(1 << 31))));
    copy.put(&set(&item, &music::RATING, Some(Value::Int(80)), Some(Value::Int(0))));
    for column in ["title = ''", "disc = -1", "rating = -1"] {
        let said = copy.cell(&format!("SELECT {column} FROM songs WHERE rowid = 5"));
        assert_eq!(said, "1", "{column}");
    }
    let after = fs::read(copy.path()).unwrap();
    copy.put(&set(&item, &music::RATING, None, Some(Value::Int(0))));
    assert_eq!(fs::read(copy.path()).unwrap(), after);
}

#[test]
fn f24_a_rescan_that_turns_no_stars_into_unrated_is_no_edit() {
    let copy = Copy::with("UPDATE songs SET rating = 0 WHERE rowid = 5");
    let before = copy.read().0;
    copy.sql("UPDATE songs SET rating = -1 WHERE rowid = 5");
    assert_eq!(copy.read().0, before);
    assert_eq!(copy.value(SONG, &music::RATING), None);
}

#[test]
fn writing_nothing_or_what_was_read_writes_nothing() {
    let copy = Copy::new();
    let (catalog, reading) = copy.read();
    let before = fs::read(copy.path()).unwrap();
    let fields = catalog.items.iter().flat_map(|item| {
        item.fields.iter().filter(|(field, _)| *field != &music::DURATION).map(|(field, value)| {
            let value = Some(value.clone());
            FieldEdit { item: item.id.clone(), field, old: value.clone(), new: value }
        })
    });
    let changes = ChangeSet { fields: fields.collect(), ..ChangeSet::default() };
    assert!(changes.len() > 200);
    let library = copy.open();
    for changes in [ChangeSet::default(), changes] {
        let written = library.write(&reading.revision, &changes).unwrap();
        assert_eq!(written.refused, []);
        assert_eq!(written.revision, reading.revision);
        assert_eq!(fs::read(copy.path()).unwrap(), before);
    }
}

#[test]
fn of_two_rows_for_one_file_the_one_that_is_read_is_written() {
    let copy = Copy::with(
        "INSERT INTO songs (title, url, source, rating) SELECT 'twin', url, 2, 0.2 FROM songs \
         WHERE rowid = 5",
    );
    let item = copy.song(SONG);
    copy.put(&set(&item, &music::RATING, Some(Value::Int(80)), Some(Value::Int(40))));
    assert_eq!(copy.cell("SELECT rating FROM songs WHERE rowid = 5"), "0.4");
    assert_eq!(copy.cell("SELECT rating FROM songs WHERE rowid = 41"), "0.2");
}

#[test]
fn a_song_that_is_gone_takes_no_edit_with_it() {
    let copy = Copy::new();
    let item = copy.song(SONG);
    copy.sql("DELETE FROM songs WHERE rowid = 5");
    let written = copy
        .write(&set(&item, &music::RATING, Some(Value::Int(80)), Some(Value::Int(40))))
        .unwrap();
    assert_eq!(reasons(&written.refused), ["the library has no such song"]);
}
