//! What is read, and that reading changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use segue_strawberry::Strawberry;
use segue_translator::model::{Availability, Catalog, Collection, Location, Value, music};
use segue_translator::{ErrorKind, Idle, Place, Reading, Translator};

use crate::copy::Copy;

fn brief(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Real(number) => number.0.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Text(text) => text.to_string(),
        Value::List(texts) => format!("{texts:?}"),
    }
}

/// A catalog as text: a line for each song without the folders above it.
fn text(catalog: &Catalog, reading: &Reading) -> String {
    let root = &reading.roots[0];
    let mut lines = Vec::new();
    for item in &catalog.items {
        let path = item.location.as_ref().and_then(|path| path.below(root)).unwrap();
        let fields: Vec<String> = item
            .fields
            .iter()
            .filter(|(field, _)| !["title", "album", "album_artist"].contains(&field.name))
            .map(|(field, value)| format!("{}={}", field.name, brief(value)))
            .collect();
        lines.push(format!("{path}: {}", fields.join(" ")));
    }
    lines
        .extend(catalog.collections.iter().map(|collection| self::collection(catalog, collection)));
    // Decomposed names are shown as such; an editor might compose them.
    lines.join("\n").replace('\u{301}', "<U+0301>")
}

fn collection(catalog: &Catalog, collection: &Collection) -> String {
    let titles: Vec<String> = collection
        .entries
        .iter()
        .map(|id| catalog.item(id).unwrap())
        .map(|item| item.fields.value(&music::TITLE).map_or("-".into(), brief))
        .collect();
    let Collection { id, kind, name, rule, .. } = collection;
    let rule = rule.as_deref().unwrap_or_default();
    format!("{} {id} `{name}`: {}{rule}", kind.name, titles.join(", "))
}

#[test]
fn the_fixture_is_read_as_the_app_shows_it() {
    let (catalog, reading) = Copy::new().read();
    assert_eq!(reading.losses, []);
    assert_eq!(reading.read_only, None);
    assert_eq!(reading.roots, [Location::from("/srv/segue-fixtures/music-a")]);
    insta::assert_snapshot!(text(&catalog, &reading), @r#"
    Тихий Час/Зимний сад/01 Первый лёд.opus: artist=["Тихий Час"] duration=1600 genre=["Ambient"] track=1 year=2007
    Тихий Час/Зимний сад/02 Окно.opus: artist=["Тихий Час"] duration=1600 genre=["Ambient"] rating=60 track=2 year=2007
    夜行バス/終電のあと/01 改札口.m4a: artist=["夜行バス"] duration=1646 genre=["J-Pop"] rating=80 track=1 year=2019
    夜行バス/終電のあと/02 雨のホーム.m4a: artist=["夜行バス"] duration=1646 genre=["J-Pop"] track=2 year=2019
    夜行バス/終電のあと/03 回送.m4a: artist=["夜行バス"] duration=1646 genre=["J-Pop"] last_played=1700107000 play_count=7 rating=60 track=3 year=2019
    Björk Åström/Är Det Någon Här?/01 Första Snön.mp3: artist=["Björk Åström"] duration=1672 genre=["Électronique"] last_played=1795229854 play_count=1 rating=100 track=1 year=1998
    Björk Åström/Är Det Någon Här?/02 Ögonblick.mp3: artist=["Björk Åström"] duration=1672 genre=["Électronique"] last_played=1795229858 play_count=1 track=2 year=1998
    Björk Åström/Är Det Någon Här?/03 Mjölk & Honung.mp3: artist=["Björk Åström"] duration=1672 genre=["Électronique"] track=3 year=1998
    Collab/Delta.mp3: artist=["Nadia Quill DJ Ohm"] duration=2064 genre=["Soul Dub"] play_count=7 rating=80 track=2 year=2020
    Collab/Estuary.ogg: artist=["Nadia Quill DJ Ohm"] duration=2000 rating=60 track=3 year=2020
    Collab/Twin Rivers.flac: artist=["Nadia Quill DJ Ohm"] composer=N. Quill duration=2000 genre=["Soul Electronic Dub"] last_played=1700103000 play_count=3 rating=80 track=1 year=2020
    Marrow & Vine/The Long Weekend/1-01 Overture.ogg: artist=["Marrow & Vine"] composer=Ada Marrow disc=1 duration=2100 genre=["Folk Chamber Pop"] track=1 year=2003
    Marrow & Vine/The Long Weekend/1-02 Parlour Game.ogg: artist=["Marrow & Vine"] composer=Ada Marrow disc=1 duration=2100 genre=["Folk Chamber Pop"] track=2 year=2003
    Marrow & Vine/The Long Weekend/2-01 Overture.ogg: artist=["Marrow & Vine"] composer=Ada Marrow disc=2 duration=2100 genre=["Folk Chamber Pop"] rating=40 track=1 year=2003
    Marrow & Vine/The Long Weekend/2-02 Exit Music.ogg: artist=["Marrow & Vine"] composer=Ada Marrow disc=2 duration=2100 genre=["Folk Chamber Pop"] track=2 year=2003
    Nadia Quill/Singles/Copper Wire.flac: artist=["Nadia Quill"] duration=1300 genre=["Soul"] last_played=1700103000 play_count=3 rating=100 track=3 year=2015
    Nadia Quill/Singles/Copper Wire.mp3: artist=["Nadia Quill"] duration=1358 genre=["Soul"] track=3 year=2015
    Nadia Quill/Singles/Intro (1).mp3: artist=["Nadia Quill"] duration=1959 genre=["Soul"] track=2 year=2016
    Nadia Quill/Singles/Intro.mp3: artist=["Nadia Quill"] duration=1463 genre=["Soul"] track=1 year=2015
    Odd Names/  leading spaces.mp3: artist=["DJ Ohm"] duration=1254 track=1
    Odd Names/🎵 emoji 🐙.opus: artist=["DJ Ohm"] duration=1200 genre=["Electronic"]
    Odd Names/100% "Quoted" & 'Single' #1; a+b=c?.mp3: artist=["Ampersand & Sons"] comment=x < y && y > z; 100%
    second line duration=1254 genre=["R&B"] track=1
    Odd Names/ALL CAPS.MP3: artist=["dj ohm"] duration=1254 track=1
    Odd Names/Cafe<U+0301> De<U+0301>compose<U+0301>.mp3: artist=["Nadia Quill"] duration=1254 last_played=1700101000 play_count=1 rating=40 track=1
    Odd Names/[brackets] {braces} ~tilde $dollar `tick`.flac: artist=["Ampersand & Sons"] duration=1200 track=3
    Odd Names/a:b|c\d*e.mp3: artist=["DJ Ohm; Nadia Quill"] duration=1254 rating=80 track=1
    Odd Names/percent%20literal%2Fslash.ogg: artist=["Ampersand & Sons"] duration=1200 last_played=1700101000 play_count=1 rating=40 track=2
    The Tin Harbours/Low Tide Ledger/01 Ferry Bell.flac: artist=["The Tin Harbours"] disc=1 duration=1600 genre=["Indie Rock"] rating=100 track=1 year=2011
    The Tin Harbours/Low Tide Ledger/02 Saltworks.flac: artist=["The Tin Harbours"] disc=1 duration=1600 genre=["Indie Rock"] track=2 year=2011
    The Tin Harbours/Low Tide Ledger/03 Tide Table.flac: artist=["The Tin Harbours"] disc=1 duration=1600 genre=["Indie Rock"] last_played=1700101000 play_count=1 rating=80 track=3 year=2011
    The Tin Harbours/Low Tide Ledger/04 Lantern Row.flac: artist=["The Tin Harbours"] disc=1 duration=1600 genre=["Indie Rock"] track=4 year=2011
    Unsorted/no-artist.ogg: duration=1100 last_played=1700140000 play_count=40 rating=20
    Unsorted/no-title.m4a: artist=["Nadia Quill"] duration=1146
    Unsorted/only-album.opus: duration=1100
    Unsorted/untitled recording 01.mp3: duration=2456 last_played=1700102000 play_count=2 rating=20
    Unsorted/untitled recording 02.flac: duration=2400
    Various Artists/Wired, Vol. 1/01 - Nadia Quill - Copper Wire.mp3: artist=["Nadia Quill"] compilation=true duration=1358 genre=["Compilation"] last_played=1700112000 play_count=12 rating=100 track=1 year=2013
    Various Artists/Wired, Vol. 1/02 - DJ Ohm - Ground Loop.mp3: artist=["DJ Ohm"] compilation=true duration=1358 genre=["Compilation"] track=2 year=2013
    Various Artists/Wired, Vol. 1/03 - The Tin Harbours - Saltworks.flac: artist=["The Tin Harbours"] compilation=true duration=1300 genre=["Compilation"] track=3 year=2013
    Various Artists/Wired, Vol. 1/04 - Björk Åström feat. DJ Ohm - Ögonblick (Remix).mp3: artist=["Björk Åström feat. DJ Ohm"] compilation=true duration=1358 genre=["Compilation"] track=4 year=2013
    playlist 1 `Playlist 1`: 
    playlist 2 `Road Trip`: Ferry Bell, -, Copper Wire, Overture, Окно, a:b|c\d*e
    playlist 3 `Été & "Hiver" <mix>`: Первый лёд, Первый лёд, 回送, 改札口
    playlist 4 `Inbox/Check`: Intro, Copper Wire, Copper Wire, Twin Rivers, Delta, Estuary
    playlist 5 `played`: Första Snön, Ögonblick
    "#);
}

#[test]
fn items_and_collections_come_sorted_and_two_reads_are_equal() {
    let copy = Copy::new();
    let (catalog, reading) = copy.read();
    assert!(catalog.items.is_sorted_by(|a, b| a.id < b.id));
    assert!(catalog.collections.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(copy.read(), (catalog, reading.clone()));
    assert_eq!(copy.open().revision().unwrap(), reading.revision);
}

#[test]
fn reading_changes_no_byte_and_leaves_no_file() {
    let copy = Copy::new();
    let before = (fs::read(copy.path()).unwrap(), fs::metadata(copy.path()).unwrap().modified());
    copy.read();
    let after = (fs::read(copy.path()).unwrap(), fs::metadata(copy.path()).unwrap().modified());
    assert_eq!(before.0, after.0);
    assert_eq!(before.1.unwrap(), after.1.unwrap());
    assert_eq!(fs::read_dir(copy.folder()).unwrap().count(), 1);
}

#[test]
fn a_database_that_nobody_may_write_is_read() {
    let copy = Copy::new();
    let mut permissions = fs::metadata(copy.path()).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(copy.path(), permissions).unwrap();
    assert_eq!(copy.read().0.items.len(), 40);
}

#[test]
fn it_is_found_in_every_place_and_opened_by_any_name() {
    let home = tempfile::tempdir().unwrap();
    let copy = Copy::new();
    assert!(Strawberry.discover(&Place::new(home.path(), BTreeMap::new())).is_empty());
    let data = [
        ".local/share",
        ".var/app/org.strawberrymusicplayer.strawberry/data",
        "snap/strawberry/current/.local/share",
    ];
    let folders: Vec<_> =
        data.iter().map(|data| home.path().join(data).join("strawberry/strawberry")).collect();
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
        fs::copy(copy.path(), folder.join("strawberry.db")).unwrap();
    }
    assert_eq!(Strawberry.discover(&Place::new(home.path(), BTreeMap::new())), folders);

    let main = folders[0].join("strawberry.db");
    for path in [home.path(), &home.path().join(".local/share"), &folders[0], &main] {
        let library = Strawberry.open(path, Arc::new(Idle)).unwrap();
        assert!(library.revision().is_ok(), "{}", path.display());
    }
    let elsewhere = Strawberry.open(&home.path().join("snap"), Arc::new(Idle)).err().unwrap();
    assert_eq!(elsewhere.kind, ErrorKind::Absent);
}

#[test]
fn a_database_that_is_gone_is_absent_and_not_empty() {
    let copy = Copy::new();
    let library = copy.open();
    fs::remove_file(copy.path()).unwrap();
    assert_eq!(library.revision().unwrap_err().kind, ErrorKind::Absent);
    let read = segue_translator::Collector::collect(&*library);
    assert_eq!(read.unwrap_err().kind, ErrorKind::Absent);
}

#[test]
fn a_missing_file_and_several_tracks_in_one_file_are_told_apart() {
    let copy = Copy::with(
        "UPDATE songs SET unavailable = 1 WHERE rowid = 1;
         INSERT INTO songs (title, url, source, beginning, cue_path) VALUES
             ('one', 'file:///m/all.flac', 2, 0, '/m/all.cue'),
             ('two', 'file:///m/all.flac', 2, 5000000000, '/m/all.cue');",
    );
    let (catalog, reading) = copy.read();
    assert_eq!(reading.losses, []);
    let item = catalog.item(&copy.song("Nadia%20Quill%20-%20Copper%20Wire.mp3")).unwrap();
    assert_eq!(item.availability, Availability::Missing);
    for (id, title) in [("all.flac#0", "one"), ("all.flac#5000000000", "two")] {
        let item = catalog.item(&copy.song(id)).unwrap();
        assert_eq!(item.location, Some(Location::from("/m/all.flac")));
        assert_eq!(item.fields.value(&music::TITLE), Some(&Value::text(title)));
    }
}

#[test]
fn what_cannot_be_carried_is_a_loss_and_never_a_value() {
    let copy = Copy::with(
        "UPDATE songs SET rating = 5.0, playcount = 'often', title = x'00ff' WHERE rowid = 1;
         UPDATE songs SET title = CAST(x'ff' AS TEXT), comment = printf('%1048577d', 1) WHERE rowid = 2;
         UPDATE songs SET year = 20130, lastplayed = 1.5 WHERE rowid = 3;
         INSERT INTO songs (title, url, source) SELECT 'twin', url, 2 FROM songs WHERE rowid = 4;
         INSERT INTO songs (title, url, source) VALUES ('device', 'file:///a', 4), ('blob', x'00', 2);
         INSERT INTO playlist_items (playlist, type, collection_id, url) VALUES
             (2, 2, 4711, ''), (2, 4, NULL, 'http://radio'), (2, 1, NULL, 'file:///nowhere');
         INSERT INTO playlists (name) VALUES (x'00');",
    );
    let (catalog, reading) = copy.read();
    assert_eq!(catalog.items.len(), 40);
    assert_eq!(catalog.collection(&"2".into()).unwrap().entries.len(), 6);
    let losses: Vec<String> = reading
        .losses
        .iter()
        .map(|loss| format!("{}: {}", loss.id.to_string().rsplit('/').next().unwrap(), loss.what))
        .collect();
    insta::assert_snapshot!(losses.join("\n"), @r#"
    01%20-%20Nadia%20Quill%20-%20Copper%20Wire.mp3: its play_count: no number
    01%20-%20Nadia%20Quill%20-%20Copper%20Wire.mp3: its rating: a rating above 1
    01%20-%20Nadia%20Quill%20-%20Copper%20Wire.mp3: its title: no text
    02%20-%20DJ%20Ohm%20-%20Ground%20Loop.mp3: its comment: longer than 1 MiB
    02%20-%20DJ%20Ohm%20-%20Ground%20Loop.mp3: its title: not UTF-8
    04%20-%20Bj%C3%B6rk%20%C3%85str%C3%B6m%20feat.%20DJ%20Ohm%20-%20%C3%96gonblick%20(Remix).mp3: its last_played: no whole number
    04%20-%20Bj%C3%B6rk%20%C3%85str%C3%B6m%20feat.%20DJ%20Ohm%20-%20%C3%96gonblick%20(Remix).mp3: its year: out of range
    03%20-%20The%20Tin%20Harbours%20-%20Saltworks.flac: a second entry for the same file (row 41)
    songs row 42: a song that is not of the collection
    songs row 43: a song whose address is no text
    6: a playlist whose name is no text
    2: 3 entries that are not in the collection
    "#);
}

#[test]
fn compilation_is_what_the_tag_or_the_person_says() {
    let copy = Copy::with(
        "UPDATE songs SET compilation_off = 1 WHERE rowid = 1;
         UPDATE songs SET compilation_on = 1 WHERE rowid = 5;",
    );
    let flag = |end| copy.value(end, &music::COMPILATION);
    assert_eq!(flag("Nadia%20Quill%20-%20Copper%20Wire.mp3"), Some(Value::Flag(false)));
    assert_eq!(flag("DJ%20Ohm%20-%20Ground%20Loop.mp3"), Some(Value::Flag(true)));
    assert_eq!(flag("Tide%20Table.flac"), Some(Value::Flag(true)));
    assert_eq!(flag("Ferry%20Bell.flac"), None);
    // The app only guesses here, from two artists in one folder.
    assert_eq!(flag("Collab/Estuary.ogg"), None);
}

#[test]
fn what_is_beyond_the_schema_is_carried_by_the_names_of_the_app() {
    let copy = Copy::with(
        "UPDATE songs SET performer = 'P', lyrics = 'La', originalyear = 1970 WHERE rowid = 1",
    );
    let (catalog, _) = copy.read();
    let item = catalog.item(&copy.song("Nadia%20Quill%20-%20Copper%20Wire.mp3")).unwrap();
    let ext = item.ext.as_ref().unwrap();
    let pairs: Vec<_> = ext.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert_eq!(pairs, ["lyrics=La", "originalyear=1970", "performer=P"]);
    let plain = catalog.item(&copy.song("Tide%20Table.flac")).unwrap();
    assert_eq!(plain.ext, None);
}
