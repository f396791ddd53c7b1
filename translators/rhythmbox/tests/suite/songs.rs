//! Edits of songs: what is written reads back, and nothing else changes.

use std::fs;

use segue_rhythmbox::Rhythmbox;
use segue_translator::model::{Field, FieldEdit, NativeId, Real, Value, music};
use segue_translator::{Access, Collector, ErrorKind, Translator};

use crate::shelf::{SONG, Shelf, StartsAt, fields, fixture, song_library};

fn edit(field: &'static Field, old: Option<Value>, new: Option<Value>) -> FieldEdit {
    FieldEdit { item: NativeId::from(SONG), field, old, new }
}

/// A few values of every type, also awkward ones.
fn samples(field: &'static Field) -> Vec<Value> {
    use segue_translator::model::Shape;
    match field.shape {
        Shape::Int(low, high) => [low, low + 1, 20, 73, 1998, 60_500, high - 1, high]
            .into_iter()
            .filter(|number| (low..=high).contains(number))
            .map(Value::Int)
            .collect(),
        Shape::Real => {
            [0.0, 0.0005, 93.0, 120.25, 1e-3, 1e300, -4.5].map(|n| Value::Real(Real(n))).into()
        }
        Shape::Flag => vec![Value::Flag(true)],
        Shape::Text => corpus().into_iter().map(Value::text).collect(),
        Shape::List => corpus().into_iter().map(|text| Value::list([text, "second"])).collect(),
    }
}

fn corpus() -> Vec<&'static str> {
    vec![
        "plain",
        "a & b < c > d \"e\" 'f' ]]> &amp;",
        "Caf\u{e9}",
        "Cafe\u{301}",
        "\u{5d0}\u{202e}\u{200b}",
        "\u{1f3b5} \u{10ffff}",
        " blanks \t\n\r ",
        "control\u{1}\u{7f}\u{85}\u{fffe}",
        "\u{1}",
        "Unknown",
        "Unk\u{2}nown",
        "a.mp",
    ]
}

#[test]
fn f13_every_writable_field_reads_back_as_it_is_held() {
    for elements in ["", "<play-count>7</play-count>", "<title/><artist></artist><date>5</date>"] {
        let shelf = Shelf::of_song(elements);
        for support in Rhythmbox.capabilities().fields {
            if support.access == Access::Read {
                continue;
            }
            for value in samples(support.field) {
                let held = support.hold(&value);
                assert_eq!(
                    held,
                    held.as_ref().and_then(|held| support.hold(held)),
                    "hold twice: {value:?}"
                );
                shelf.set(SONG, support.field, Some(value.clone()));
                assert_eq!(
                    shelf.value(SONG, support.field),
                    held,
                    "{} {value:?}",
                    support.field.name
                );
            }
            shelf.set(SONG, support.field, None);
            assert_eq!(shelf.value(SONG, support.field), None, "{}", support.field.name);
        }
    }
}

#[test]
fn f23_ratings_come_back_and_do_not_erode() {
    let support = Rhythmbox.capabilities().field(&music::RATING).unwrap();
    let hold = |value: &Value| support.hold(value);
    let shelf = Shelf::of_song("");
    for byte in 0..=255_i64 {
        let rating = Value::Int((byte * 100 + 127) / 255);
        let held = hold(&rating);
        shelf.set(SONG, &music::RATING, Some(rating));
        let back = shelf.value(SONG, &music::RATING);
        assert_eq!(back, held, "{byte}");
        assert_eq!(back.as_ref().and_then(hold), back);
    }
}

#[test]
fn numbers_are_written_as_the_app_writes_them() {
    let shelf = Shelf::of_song("\n    <date>0</date>");
    shelf.set(SONG, &music::RATING, Some(Value::Int(80)));
    shelf.set(SONG, &music::LAST_PLAYED, Some(Value::Int(1_795_229_271)));
    shelf.set(SONG, &music::PLAY_COUNT, Some(Value::Int(3)));
    shelf.set(SONG, &music::TITLE, Some(Value::text("Été & <b>")));
    shelf.set(SONG, &music::YEAR, Some(Value::Int(1998)));
    insta::assert_snapshot!(shelf.text("rhythmdb.xml"), @r#"
    <?xml version="1.0" standalone="yes"?>
    <rhythmdb version="2.0">
      <entry type="song">
        <title>&#xC9;t&#xE9; &amp; &lt;b&gt;</title>
        <location>file:///m/a.mp3</location>
        <rating>4</rating>
        <play-count>3</play-count>
        <last-played>1795229271</last-played>
        <date>729390</date>
      </entry>
    </rhythmdb>
    "#);
    shelf.set(SONG, &music::RATING, Some(Value::Int(70)));
    assert!(shelf.text("rhythmdb.xml").contains("<rating>3.5</rating>"));
    shelf.set(SONG, &music::RATING, None);
    shelf.set(SONG, &music::TITLE, None);
    shelf.set(SONG, &music::YEAR, None);
    let text = shelf.text("rhythmdb.xml");
    assert!(!text.contains("rating"));
    assert!(text.contains("    <title></title>\n") && text.contains("    <date>0</date>\n"));
}

#[test]
fn an_edit_and_its_inverse_give_the_bytes_of_the_app() {
    let shelf = Shelf::real();
    let before = shelf.text("rhythmdb.xml");
    let (catalog, _) = shelf.read();
    for item in &catalog.items {
        let id = item.id.to_string();
        for (field, value) in item.fields.iter() {
            let skip = ["duration", "year"].contains(&field.name);
            if skip || value == &Value::text("x") {
                continue;
            }
            let edits = |old: Option<Value>, new: Option<Value>| {
                fields([FieldEdit { item: NativeId::from(&*id), field, old, new }])
            };
            let other = match value {
                Value::Int(number) => Value::Int(if *number > 1 { number - 1 } else { number + 1 }),
                Value::Real(number) => Value::Real(Real(number.0 + 1.0)),
                Value::List(_) => Value::list(["x"]),
                _ => Value::text("x"),
            };
            shelf.write(&edits(Some(value.clone()), Some(other.clone())));
            assert_ne!(shelf.text("rhythmdb.xml"), before, "{id} {}", field.name);
            shelf.write(&edits(Some(other), Some(value.clone())));
            assert!(shelf.text("rhythmdb.xml") == before, "{id} {}", field.name);
        }
    }
}

#[test]
fn what_is_not_edited_survives_byte_for_byte() {
    let library = "\u{feff}<?xml version='1.0'?>\r\n<!-- mine --><rhythmdb version='2.0'>\n\
        <entry type='alien' x='1'><a b='c'>&#x41;</a></entry>\
        <entry type='song' y = '2' ><title  lang='en'>T&#233;</title><x><y/></x><!-- c -->\
        <location>file:///m/a.mp3</location><rating/>\t<keyword>k</keyword><bitrate>320</bitrate>\
        <bitrate>128</bitrate></entry><other/><entry type='song'/></rhythmdb>\n<!-- end -->";
    let shelf = Shelf::new(library, None);
    shelf.set(SONG, &music::RATING, Some(Value::Int(100)));
    let rated = library.replace("<rating/>", "<rating>5</rating>");
    assert_eq!(shelf.text("rhythmdb.xml"), rated);
    shelf.set(SONG, &music::TITLE, Some(Value::text("N")));
    let titled = rated.replace("T&#233;", "N");
    assert_eq!(shelf.text("rhythmdb.xml"), titled);
    shelf.set(SONG, &music::RATING, None);
    assert_eq!(shelf.text("rhythmdb.xml"), titled.replace("<rating>5</rating>", ""));
}

#[test]
fn repeated_elements_become_one() {
    let shelf = Shelf::of_song("<rating>1</rating>\n<rating>2</rating>");
    shelf.set(SONG, &music::RATING, Some(Value::Int(100)));
    assert_eq!(shelf.text("rhythmdb.xml"), song_library("\n<rating>5</rating>"));
    let shelf = Shelf::of_song("<rating>1</rating>\n<rating>2</rating>");
    shelf.set(SONG, &music::RATING, None);
    assert_eq!(shelf.text("rhythmdb.xml"), song_library(""));
}

#[test]
fn months_and_days_stay_unless_the_year_changes() {
    let shelf = Shelf::of_song("<date>729400</date>");
    shelf.set(SONG, &music::YEAR, Some(Value::Int(1998)));
    assert!(shelf.text("rhythmdb.xml").contains("<date>729400</date>"));
    shelf.set(SONG, &music::YEAR, Some(Value::Int(1999)));
    assert!(shelf.text("rhythmdb.xml").contains("<date>729755</date>"));
}

#[test]
fn writing_what_is_there_or_nothing_writes_nothing() {
    let shelf = Shelf::real();
    let (catalog, reading) = shelf.read();
    let same = catalog.items.iter().flat_map(|item| {
        let writable = |field: &&'static Field| field.name != "duration";
        item.fields.iter().filter(move |(field, _)| writable(field)).map(|(field, value)| {
            FieldEdit {
                item: item.id.clone(),
                field,
                old: Some(value.clone()),
                new: Some(value.clone()),
            }
        })
    });
    for changes in [fields(same), fields([])] {
        let written = shelf.write(&changes);
        assert_eq!(written.refused, []);
        assert_eq!(written.revision, reading.revision);
    }
}

#[test]
fn many_edits_are_one_write() {
    let shelf = Shelf::real();
    let (catalog, _) = shelf.read();
    let edits = catalog.items.iter().flat_map(|item| {
        [(&music::RATING, 90), (&music::PLAY_COUNT, 40), (&music::LAST_PLAYED, 1_700_000_000)].map(
            |(field, new)| FieldEdit {
                item: item.id.clone(),
                field,
                old: item.fields.value(field).cloned(),
                new: Some(Value::Int(new)),
            },
        )
    });
    assert_eq!(shelf.write(&fields(edits)).refused, []);
    let (after, reading) = shelf.read();
    assert_eq!(reading.losses, []);
    for (before, after) in catalog.items.iter().zip(&after.items) {
        let mut expected = before.clone();
        expected.fields.set(&music::RATING, Value::Int(90));
        expected.fields.set(&music::PLAY_COUNT, Value::Int(40));
        expected.fields.set(&music::LAST_PLAYED, Value::Int(1_700_000_000));
        assert_eq!(*after, expected);
    }
    assert_eq!(shelf.text("playlists.xml"), fixture("playlists.xml"));
}

#[test]
fn f19_an_edit_that_expects_something_else_is_refused() {
    let shelf = Shelf::of_song("<rating>2</rating><play-count>x</play-count>");
    let before = shelf.text("rhythmdb.xml");
    let elsewhere = NativeId::from("file:///m/b.mp3");
    let int = |number| Some(Value::Int(number));
    for (edit, reason) in [
        (edit(&music::RATING, None, int(100)), "now holds 40"),
        (edit(&music::RATING, int(20), int(100)), "now holds 40"),
        (edit(&music::TITLE, Some(Value::text("a")), None), "now holds nothing"),
        (FieldEdit { item: elsewhere, ..edit(&music::RATING, int(40), None) }, "no such song"),
        (edit(&music::PLAY_COUNT, None, int(1)), "unclear"),
        (edit(&music::DURATION, None, int(1000)), "read-only"),
        (edit(&music::SKIP_COUNT, None, int(1)), "no field"),
        (edit(&music::RATING, int(40), Some(Value::text("a"))), "no `rating`"),
        (edit(&music::RATING, int(40), int(101)), "no `rating`"),
    ] {
        let written = shelf.write(&fields([edit.clone()]));
        assert_eq!(written.refused.len(), 1, "{edit:?}");
        assert!(written.refused[0].reason.contains(reason), "{:?}", written.refused);
        assert_eq!(shelf.text("rhythmdb.xml"), before);
    }
    let both = [edit(&music::RATING, int(1), int(60)), edit(&music::TITLE, None, Some("t".into()))];
    assert_eq!(shelf.write(&fields(both)).refused.len(), 1);
    assert_eq!(shelf.value(SONG, &music::TITLE), Some(Value::text("t")));
}

#[test]
fn a_field_edited_twice_is_refused_the_second_time() {
    let shelf = Shelf::of_song("");
    let twice = [20, 40].map(|new| edit(&music::RATING, None, Some(Value::Int(new))));
    assert_eq!(shelf.write(&fields(twice)).refused.len(), 1);
    assert_eq!(shelf.value(SONG, &music::RATING), Some(Value::Int(20)));
}

#[test]
fn a_song_that_stands_twice_is_not_edited() {
    let entry = format!("<entry type=\"song\"><location>{SONG}</location></entry>");
    let library = format!("<rhythmdb version=\"2.0\">{entry}{entry}</rhythmdb>");
    let shelf = Shelf::new(&library, None);
    let written = shelf.write(&fields([edit(&music::RATING, None, Some(Value::Int(20)))]));
    assert!(written.refused[0].reason.contains("twice"), "{written:?}");
    assert_eq!(shelf.text("rhythmdb.xml"), library);
}

#[test]
fn a_library_that_changed_is_stale() {
    let shelf = Shelf::of_song("");
    let (library, (_, reading)) = (shelf.library(), shelf.read());
    let changes = fields([edit(&music::RATING, None, Some(Value::Int(20)))]);
    for name in ["rhythmdb.xml", "playlists.xml"] {
        let other = if name == "rhythmdb.xml" { song_library("<a/>") } else { "x".to_owned() };
        fs::write(shelf.path(name), &other).unwrap();
        let error = library.write(&reading.revision, &changes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale, "{name}");
        assert_eq!(shelf.text(name), other);
    }
}

#[test]
fn f28_a_running_app_is_never_written_under() {
    for question in [0, 1] {
        let shelf = Shelf::of_song("");
        let before = shelf.text("rhythmdb.xml");
        let library = Rhythmbox.open(shelf.folder(), StartsAt::question(question)).unwrap();
        let revision = library.revision().unwrap();
        let changes = fields([edit(&music::RATING, None, Some(Value::Int(20)))]);
        let error = library.write(&revision, &changes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Busy, "question {question}");
        assert_eq!(shelf.text("rhythmdb.xml"), before);
        assert_eq!(fs::read_dir(shelf.folder()).unwrap().count(), 1);
        assert_eq!(library.revision().unwrap(), revision);
        assert!(Collector::collect(&*library).is_ok(), "reading is allowed");
    }
}
