//! What is read from a library that the app wrote.

use std::fmt::Write;

use segue_translator::model::{Availability, Catalog, NativeId, Value, music};
use segue_translator::{Collector, Container, Error, Sink, Want};

use crate::shelf::{SONG, Shelf, song_library};

/// A catalog in a few characters a line.
fn shown(catalog: &Catalog) -> String {
    let mut out = String::new();
    for item in &catalog.items {
        let path = String::from_utf8_lossy(item.location.as_ref().unwrap().as_bytes()).into_owned();
        let path = path.trim_start_matches("/srv/segue-fixtures/music-a/");
        let path = path.replace('\u{301}', "\\u{301}");
        let _ = write!(out, "{path}:");
        for (field, value) in item.fields.iter() {
            let short = matches!(field.name, "added_at" | "genre" | "track_total" | "disc_total");
            if short {
                continue;
            }
            let _ = match value {
                Value::Int(number) => write!(out, " {}={number}", field.name),
                Value::Real(number) => write!(out, " {}={}", field.name, number.0),
                Value::Text(text) => write!(out, " {}={text:?}", field.name),
                Value::List(texts) => write!(out, " {}={texts:?}", field.name),
                Value::Flag(flag) => write!(out, " {}={flag}", field.name),
            };
        }
        if let Some(ext) = &item.ext {
            let _ = write!(out, " +{ext:?}");
        }
        out.push('\n');
    }
    for list in &catalog.collections {
        let _ = writeln!(
            out,
            "{} [{}] {:?} {}",
            list.id,
            list.kind.name,
            list.name,
            list.entries.len()
        );
    }
    out
}

#[test]
fn the_fixture_of_3_4_6() {
    let (catalog, reading) = Shelf::real().read();
    assert_eq!(reading.losses, []);
    assert_eq!(reading.read_only, None);
    insta::assert_snapshot!(shown(&catalog), @r#"
    Тихий Час/Зимний сад/01 Первый лёд.opus: album="Зимний сад" album_artist="Тихий Час" artist=["Тихий Час"] duration=1000 title="Первый лёд" track=1 year=2007
    Тихий Час/Зимний сад/02 Окно.opus: album="Зимний сад" album_artist="Тихий Час" artist=["Тихий Час"] duration=1000 rating=60 title="Окно" track=2 year=2007
    夜行バス/終電のあと/01 改札口.m4a: album="終電のあと" album_artist="夜行バス" artist=["夜行バス"] duration=1000 rating=20 title="改札口" track=1 year=2019 +{"mb-artistsortname": "Yakou Bus"}
    夜行バス/終電のあと/02 雨のホーム.m4a: album="終電のあと" album_artist="夜行バス" artist=["夜行バス"] duration=1000 title="雨のホーム" track=2 year=2019 +{"mb-artistsortname": "Yakou Bus"}
    夜行バス/終電のあと/03 回送.m4a: album="終電のあと" album_artist="夜行バス" artist=["夜行バス"] duration=1000 play_count=7 rating=60 title="回送" track=3 year=2019 +{"mb-artistsortname": "Yakou Bus"}
    Björk Åström/Är Det Någon Här?/01 Första Snön.mp3: album="Är Det Någon Här?" album_artist="Björk Åström" artist=["Björk Åström"] duration=1000 last_played=1795229275 play_count=1 rating=100 title="Första Snön" track=1 year=1998
    Björk Åström/Är Det Någon Här?/02 Ögonblick.mp3: album="Är Det Någon Här?" album_artist="Björk Åström" artist=["Björk Åström"] duration=1000 last_played=1795229277 play_count=1 title="Ögonblick" track=2 year=1998
    Björk Åström/Är Det Någon Här?/03 Mjölk & Honung.mp3: album="Är Det Någon Här?" album_artist="Björk Åström" artist=["Björk Åström"] duration=1000 title="Mjölk & Honung" track=3 year=1998
    Collab/Delta.mp3: album="Confluence" album_artist="Nadia Quill" artist=["Nadia Quill"] duration=2000 title="Delta" track=2 year=2020
    Collab/Estuary.ogg: album="Confluence" artist=["Nadia Quill"] duration=2000 title="Estuary" track=3 year=2020
    Collab/Twin Rivers.flac: album="Confluence" album_artist="Nadia Quill" artist=["Nadia Quill"] composer="N. Quill" duration=2000 mb_recording="e1b5a7c3-0d44-4c11-9f2e-2f6a1d8b9905" rating=80 title="Twin Rivers" track=1 year=2020
    Marrow & Vine/The Long Weekend/1-01 Overture.ogg: album="The Long Weekend" album_artist="Marrow & Vine" artist=["Marrow & Vine"] composer="Ada Marrow" disc=1 duration=2000 title="Overture" track=1 year=2003
    Marrow & Vine/The Long Weekend/1-02 Parlour Game.ogg: album="The Long Weekend" album_artist="Marrow & Vine" artist=["Marrow & Vine"] composer="Ada Marrow" disc=1 duration=2000 title="Parlour Game" track=2 year=2003
    Marrow & Vine/The Long Weekend/2-01 Overture.ogg: album="The Long Weekend" album_artist="Marrow & Vine" artist=["Marrow & Vine"] composer="Ada Marrow" disc=2 duration=2000 rating=60 title="Overture" track=1 year=2003
    Marrow & Vine/The Long Weekend/2-02 Exit Music.ogg: album="The Long Weekend" album_artist="Marrow & Vine" artist=["Marrow & Vine"] composer="Ada Marrow" disc=2 duration=2000 title="Exit Music" track=2 year=2003
    Nadia Quill/Singles/Copper Wire.flac: album="Singles" artist=["Nadia Quill"] bpm=93 duration=1000 mb_recording="5d0e7a91-1f3c-4b86-bb0d-77a2c9e4d104" play_count=3 rating=100 title="Copper Wire" track=3 year=2015
    Nadia Quill/Singles/Copper Wire.mp3: album="Singles" artist=["Nadia Quill"] bpm=93 duration=1000 mb_recording="5d0e7a91-1f3c-4b86-bb0d-77a2c9e4d104" title="Copper Wire" track=3 year=2015
    Nadia Quill/Singles/Intro (1).mp3: album="Singles" artist=["Nadia Quill"] duration=1000 title="Intro" track=2 year=2016
    Nadia Quill/Singles/Intro.mp3: album="Singles" artist=["Nadia Quill"] duration=1000 title="Intro" track=1 year=2015
    Odd Names/  leading spaces.mp3: album="Whitespace" artist=["DJ Ohm"] duration=1000 title="leading spaces" track=1
    Odd Names/[brackets] {braces} ~tilde $dollar `tick`.flac: album="R&B \"Live\" 50% Off" artist=["Ampersand & Sons"] duration=1000 title="[brackets] {braces}" track=3
    Odd Names/🎵 emoji 🐙.opus: artist=["DJ Ohm"] duration=1000 title="🎵 emoji 🐙"
    Odd Names/100% "Quoted" & 'Single' #1; a+b=c?.mp3: album="R&B \"Live\" 50% Off" artist=["Ampersand & Sons"] comment="x < y && y > z; 100%\nsecond line" duration=1000 rating=100 title="100% \"Quoted\" & 'Single' <tag>" track=1
    Odd Names/ALL CAPS.MP3: album="Case" artist=["dj ohm"] duration=1000 title="all caps extension" track=1
    Odd Names/Cafe\u{301} De\u{301}compose\u{301}.mp3: album="Forms" artist=["Nadia Quill"] duration=1000 mb_recording="9c2a4f10-53b7-4d1e-a0e6-3d5a7bb10c03" play_count=1 rating=40 title="Café Composé" track=1
    Odd Names/a:b|c\d*e.mp3: album="Separators" artist=["DJ Ohm; Nadia Quill"] duration=1000 title="a:b|c\\d*e" track=1
    Odd Names/percent%20literal%2Fslash.ogg: album="R&B \"Live\" 50% Off" artist=["Ampersand & Sons"] duration=1000 play_count=1 rating=40 title="percent%20literal%2Fslash" track=2
    The Tin Harbours/Low Tide Ledger/01 Ferry Bell.flac: album="Low Tide Ledger" album_artist="The Tin Harbours" artist=["The Tin Harbours"] disc=1 duration=1000 mb_recording="b7a0c5de-2c13-4f0e-8f7b-9a1e50d3c402" mb_release="0b9d9f3e-77d1-4c6f-8b55-3c3e9d1a7710" rating=100 title="Ferry Bell" track=1 year=2011
    The Tin Harbours/Low Tide Ledger/02 Saltworks.flac: album="Low Tide Ledger" album_artist="The Tin Harbours" artist=["The Tin Harbours"] disc=1 duration=1000 mb_recording="3f1c6d0e-6a0b-4a53-9d8c-5b0f2f6c1a01" mb_release="0b9d9f3e-77d1-4c6f-8b55-3c3e9d1a7710" title="Saltworks" track=2 year=2011
    The Tin Harbours/Low Tide Ledger/03 Tide Table.flac: album="Low Tide Ledger" album_artist="The Tin Harbours" artist=["The Tin Harbours"] disc=1 duration=1000 play_count=1 rating=80 title="Tide Table" track=3 year=2011
    The Tin Harbours/Low Tide Ledger/04 Lantern Row.flac: album="Low Tide Ledger" album_artist="The Tin Harbours" artist=["The Tin Harbours"] disc=1 duration=1000 title="Lantern Row" track=4 year=2011
    Unsorted/no-artist.ogg: duration=1000 play_count=2 rating=20 title="No Artist Here"
    Unsorted/no-title.m4a: artist=["Nadia Quill"] duration=1000
    Unsorted/only-album.opus: album="Only An Album" duration=1000
    Unsorted/untitled recording 01.mp3: duration=2000 play_count=2 rating=20
    Unsorted/untitled recording 02.flac: duration=2000
    Various Artists/Wired, Vol. 1/01 - Nadia Quill - Copper Wire.mp3: album="Wired, Vol. 1" album_artist="Various Artists" artist=["Nadia Quill"] duration=1000 play_count=12 rating=100 title="Copper Wire" track=1 year=2013
    Various Artists/Wired, Vol. 1/02 - DJ Ohm - Ground Loop.mp3: album="Wired, Vol. 1" album_artist="Various Artists" artist=["DJ Ohm"] duration=1000 title="Ground Loop" track=2 year=2013
    Various Artists/Wired, Vol. 1/03 - The Tin Harbours - Saltworks.flac: album="Wired, Vol. 1" album_artist="Various Artists" artist=["The Tin Harbours"] duration=1000 mb_recording="3f1c6d0e-6a0b-4a53-9d8c-5b0f2f6c1a01" title="Saltworks" track=3 year=2013
    Various Artists/Wired, Vol. 1/04 - Björk Åström feat. DJ Ohm - Ögonblick (Remix).mp3: album="Wired, Vol. 1" album_artist="Various Artists" artist=["Björk Åström feat. DJ Ohm"] duration=1000 title="Ögonblick (Remix)" track=4 year=2013
    automatic:1:My Top Rated [smart_playlist] "My Top Rated" 0
    automatic:1:Recently Added [smart_playlist] "Recently Added" 0
    automatic:1:Recently Played [smart_playlist] "Recently Played" 0
    static:1:Inbox/Check [playlist] "Inbox/Check" 6
    static:1:Road Trip [playlist] "Road Trip" 6
    static:1:Été & "Hiver" <mix> [playlist] "Été & \"Hiver\" <mix>" 3
    "#);
}

#[test]
fn the_rule_of_an_automatic_playlist_is_its_query() {
    let (catalog, _) = Shelf::real().read();
    let id = NativeId::from("automatic:1:My Top Rated");
    let rule = catalog.collection(&id).unwrap().rule.as_deref().unwrap();
    insta::assert_snapshot!(rule, @r#"
    <playlist type="automatic" sort-key="Rating" sort-direction="1">
        <conjunction>
          <equals prop="type">song</equals>
          <subquery>
            <conjunction>
              <greater prop="rating">4.000000</greater>
            </conjunction>
          </subquery>
        </conjunction>
      </playlist>
    "#);
}

#[test]
fn entries_keep_their_order() {
    let (catalog, _) = Shelf::real().read();
    let list = catalog.collection(&NativeId::from("static:1:Été & \"Hiver\" <mix>")).unwrap();
    let titles: Vec<_> = list
        .entries
        .iter()
        .map(|id| catalog.item(id).unwrap().fields.value(&music::TITLE).unwrap().as_text().unwrap())
        .collect();
    assert_eq!(titles, ["Первый лёд", "回送", "改札口"]);
}

#[test]
fn two_reads_are_equal_and_change_nothing() {
    let shelf = Shelf::real();
    let before = shelf.library().revision().unwrap();
    assert_eq!(shelf.read(), shelf.read());
    assert_eq!(shelf.library().revision().unwrap(), before);
}

#[test]
fn items_and_collections_come_sorted() {
    let (catalog, _) = Shelf::real().read();
    assert!(catalog.items.is_sorted_by(|a, b| a.id < b.id));
    assert!(catalog.collections.is_sorted_by(|a, b| a.id < b.id));
}

#[test]
fn a_known_container_is_not_sent_again() {
    struct Knows(Collector);
    impl Sink for Knows {
        fn container(&mut self, _: Container) -> Want {
            Want::Nothing
        }
        fn item(&mut self, _: segue_translator::model::Item) -> Result<(), Error> {
            panic!("it was not wanted")
        }
        fn limit(
            &mut self,
            _: &segue_translator::model::NativeId,
            _: segue_translator::model::CarriedLimit,
        ) -> Result<(), Error> {
            panic!("it was not wanted")
        }
        fn collection(
            &mut self,
            collection: segue_translator::model::Collection,
        ) -> Result<(), Error> {
            self.0.collection(collection)
        }
    }
    let mut knows = Knows(Collector::default());
    Shelf::real().library().read(&mut knows).unwrap();
    assert_eq!(knows.0.catalog.collections[3].entries.len(), 6);
}

#[test]
fn hidden_songs_are_missing_and_songs_elsewhere_have_no_path() {
    let library = song_library("<hidden>1</hidden>");
    let (catalog, _) = Shelf::new(&library, None).read();
    assert_eq!(catalog.items[0].availability, Availability::Missing);
    let (catalog, _) = Shelf::new(library.replace("file:///m", "smb://nas/m"), None).read();
    assert_eq!(catalog.items[0].location, None);
    let (catalog, _) = Shelf::of_song("<hidden>0</hidden>").read();
    assert_eq!(catalog.items[0].availability, Availability::Present);
}

#[test]
fn a_second_entry_for_one_location_is_a_loss() {
    let one =
        "<entry type=\"song\"><location>file:///a</location><play-count>2</play-count></entry>";
    let two = one.replace('2', "3");
    let (catalog, reading) =
        Shelf::new(format!("<rhythmdb version=\"2.0\">{one}{two}</rhythmdb>"), None).read();
    assert_eq!(catalog.items.len(), 1);
    assert_eq!(catalog.items[0].fields.value(&music::PLAY_COUNT), Some(&Value::Int(2)));
    assert_eq!(reading.losses.len(), 1);
    assert!(reading.losses[0].what.contains("second entry"), "{:?}", reading.losses);
}

#[test]
fn a_song_without_a_location_is_a_loss() {
    let library = "<rhythmdb version=\"2.0\"><entry type=\"song\"><title>a</title></entry>\
                   <entry type=\"song\"/></rhythmdb>";
    let (catalog, reading) = Shelf::new(library, None).read();
    assert_eq!((catalog.items.len(), reading.losses.len()), (0, 2));
}

#[test]
fn what_the_schema_does_not_know_is_carried() {
    let elements = "<keyword>a</keyword><keyword>b</keyword><mb-artistsortname>Quill, N.\
                    </mb-artistsortname><foo>x</foo>";
    let (catalog, _) = Shelf::of_song(elements).read();
    let ext = catalog.items[0].ext.as_ref().unwrap();
    assert_eq!(format!("{ext:?}"), r#"{"keyword": "a\nb", "mb-artistsortname": "Quill, N."}"#);
}

#[test]
fn placeholders_are_no_values() {
    for word in ["Unknown", "Unbekannt", "Неизвестно", "未知"] {
        let elements = format!(
            "<title>a.mp3</title><artist>{word}</artist><album>{word}</album>\
             <genre>{word}</genre><composer>{word}</composer><comment>{word}</comment>"
        );
        let (catalog, _) = Shelf::of_song(&elements).read();
        let held: Vec<_> = catalog.items[0].fields.iter().map(|(field, _)| field.name).collect();
        assert_eq!(held, ["comment"], "{word}");
    }
    let real = Shelf::of_song("<title>a</title><artist>The Unknown</artist>");
    assert_eq!(real.value(SONG, &music::TITLE), Some(Value::text("a")));
    assert_eq!(real.value(SONG, &music::ARTIST), Some(Value::list(["The Unknown"])));
}

#[test]
fn the_last_of_repeated_elements_counts() {
    let shelf = Shelf::of_song("<rating>1</rating><rating>2</rating>");
    assert_eq!(shelf.value(SONG, &music::RATING), Some(Value::Int(40)));
}

#[test]
fn f24_zero_empty_and_absent_are_absent() {
    let zeros = "<title></title><artist/><rating>0</rating><play-count>0</play-count><date>0</date>\
                 <track-number>0</track-number><first-seen>0</first-seen><duration>0</duration>\
                 <last-played>0</last-played><beats-per-minute>0</beats-per-minute><album/>";
    for elements in ["", zeros] {
        let (catalog, reading) = Shelf::of_song(elements).read();
        assert!(catalog.items[0].fields.is_empty(), "{:?}", catalog.items[0].fields);
        assert_eq!(reading.losses, []);
    }
}

#[test]
fn values_that_are_none_are_losses_and_never_guesses() {
    for (element, text) in [
        ("play-count", "-1"),
        ("play-count", "4294967296"),
        ("play-count", "18446744073709551615"),
        ("play-count", "many"),
        ("last-played", "253402300800"),
        ("track-number", "1.5"),
        ("date", "99999999999"),
        ("date", "4000000"),
        ("rating", "inf"),
        ("rating", "NaN"),
        ("beats-per-minute", "fast"),
        ("duration", "9223372036854775807"),
    ] {
        let shelf = Shelf::of_song(&format!("<{element}>{text}</{element}>"));
        let (catalog, reading) = shelf.read();
        assert!(catalog.items[0].fields.is_empty(), "{element} {text}");
        assert_eq!(reading.losses.len(), 1, "{element} {text}");
        assert!(reading.losses[0].what.contains(text), "{:?}", reading.losses);
    }
}

#[test]
fn wild_ratings_are_five_stars_or_none() {
    for (text, rating) in
        [("7", Some(100)), ("5", Some(100)), ("0.01", None), ("-3", None), ("3.5", Some(70))]
    {
        let shelf = Shelf::of_song(&format!("<rating>{text}</rating>"));
        assert_eq!(shelf.value(SONG, &music::RATING), rating.map(Value::Int), "{text}");
    }
}
