//! What is read of files as real programs leave them, and of files that nobody should make.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod made;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use id3::{Frame, Version};
use segue_tags::Tags;
use segue_translator::model::{
    CarriedLimit, Catalog, ChangeSet, FieldEdit, Item, Use, Value, music,
};
use segue_translator::{Collector, Error, ErrorKind, Idle, Library, Reading, Translator as _};

fn open(folder: &Path) -> Box<dyn Library> {
    Tags.open(folder, Arc::new(Idle)).unwrap()
}

fn read(folder: &Path) -> Result<(Catalog, Reading), Error> {
    Collector::collect(&*open(folder))
}

/// What is read of one file: an item and its limits, or why not.
fn read_one(name: &str, bytes: &[u8]) -> Result<(Item, Vec<CarriedLimit>), String> {
    let folder = tempfile::tempdir().unwrap();
    made::put(folder.path(), name, bytes);
    let (mut catalog, reading) = read(folder.path()).unwrap();
    let limits = catalog.limits.into_values().next().unwrap_or_default();
    let item = catalog.items.pop().ok_or_else(|| reading.losses[0].what.clone())?;
    Ok((item, limits))
}

/// Everything that was read, as text.
fn shown(folder: &Path) -> String {
    let (catalog, reading) = read(folder).unwrap();
    let mut text = String::new();
    for item in &catalog.items {
        let _ = writeln!(text, "{}", item.id);
        let place = folder.join(OsStr::from_bytes(item.id.as_bytes()));
        assert_eq!(item.location.as_ref().unwrap().as_bytes(), place.as_os_str().as_bytes());
        for (field, value) in item.fields.iter() {
            let value = match value {
                Value::Text(text) => text.to_string(),
                Value::List(texts) => texts.join(" + "),
                Value::Int(number) => number.to_string(),
                Value::Real(number) => number.0.to_string(),
                Value::Flag(flag) => flag.to_string(),
            };
            let _ = writeln!(text, "  {} {value}", field.name);
        }
        for limit in catalog.limits.get(&item.id).into_iter().flatten() {
            let (by, at) = (&limit.issuer, limit.issued_at.unwrap_or_default());
            let denied: Vec<_> = limit.terms.denied.iter().map(|denied| denied.name()).collect();
            let note = limit.note.as_deref().unwrap_or_default();
            let _ = write!(text, "  {} {} of {by} at {at}", limit.carrier, limit.licence);
            let _ = writeln!(text, " denies {denied:?} {note:?}");
        }
    }
    for loss in reading.losses {
        let _ = writeln!(text, "{}: {}", loss.id, loss.what);
    }
    text
}

#[test]
fn songs_of_several_programs() {
    let folder = tempfile::tempdir().unwrap();
    made::library(folder.path());
    insta::assert_snapshot!(shown(folder.path()).replace('\u{301}', "\\u{301}"), @r###"
    Björk Åström/01 Första Snön.mp3
      artist Björk Åström/Nadia Quill
      bpm 128
      compilation true
      duration 1672
      play_count 12
      rating 80
      title Första Snön
      track 1
      track_total 3
      year 2011
    Estuary.ogg
      duration 2000
      rating 60
      title Estuary
    Odd/Cafe\u{301} 100%20 #1.mp3
      duration 1672
      rating 70
      title Cafe\u{301}
      id3 owne:20110407 of Example Tunes at 1302134400 denies ["share"] ""
      id3 user:eng:2075e7d4b52087a1 of unnamed at 0 denies ["share"] "For private use only."
    Odd/rtl.mp3
      duration 1672
      play_count 7
      rating 65
      title שלום ‏abc
      id3 user:eng:e501f5e5982c02be of unnamed at 0 denies [] "See https://creativecommons.org/licenses/by-nc/4.0/"
    Okno.opus
      duration 1600
      rating 100
      title Окно
    Tin Harbours/Tide Table.flac
      album Low Tide Ledger
      artist The Tin Harbours + DJ Ohm
      duration 1600
      genre Indie Rock + Shanty
      play_count 4
      rating 75
      title Tide Table
    silence.aiff
      duration 1000
      play_count 1
      rating 70
      title Silence
    silence.wav
      duration 1000
      play_count 1
      rating 70
      title Silence
    夜行バス/回送.m4a
      album 終電のあと
      album_artist 夜行バス
      artist 夜行バス
      bpm 128
      duration 1646
      genre J-Pop
      rating 40
      title 回送
      track 3
      track_total 3
      year 2019
      mp4 account:56f6e3e89f105dbb of iTunes Store at 1242138456 denies ["share"] "℗ 2009 Example"
    torn.mp3: it cannot be read: failed to parse Mpeg file: file contains an invalid frame
    "###);
}

/// The fixture is what is made here; `SEGUE_BLESS=1` makes it.
#[test]
fn the_fixture_is_what_is_made_here() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/1");
    if std::env::var_os("SEGUE_BLESS").is_some() {
        made::library(&fixture);
    }
    let folder = tempfile::tempdir().unwrap();
    made::library(folder.path());
    assert_eq!(shown(&fixture), shown(folder.path()));
}

#[test]
fn nothing_is_written_and_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    made::library(folder.path());
    let library = open(folder.path());
    let (catalog, reading) = read(folder.path()).unwrap();
    let (item, field) = (catalog.items[0].id.clone(), &music::RATING);
    let old = catalog.items[0].fields.value(field).cloned();
    let fields = vec![FieldEdit { item, field, old, new: Some(Value::Int(20)) }];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    let refused = library.write(&reading.revision, &changes).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported);
    assert!(refused.to_string().ends_with("tags in audio files are read and not written"));
    assert!(library.back_up(folder.path()).unwrap().is_empty());
    assert_eq!(
        library.restore(&reading.revision, folder.path()).unwrap_err().kind,
        ErrorKind::Unsupported
    );
    assert_eq!(library.revision().unwrap(), reading.revision);
    assert_eq!(read(folder.path()).unwrap(), (catalog, reading));
}

#[test]
fn names_are_bytes_and_the_content_says_what_a_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let song = made::mp3(&made::id3(Version::Id3v24, vec![Frame::text("TIT2", "One")]));
    for name in [&b"\xff\xfe.mp3"[..], b"caf\xc3\xa9.mp3", b"cafe\xcc\x81.mp3", b"really mp3.flac"]
    {
        fs::write(folder.path().join(OsStr::from_bytes(name)), &song).unwrap();
    }
    let (catalog, reading) = read(folder.path()).unwrap();
    assert_eq!((catalog.items.len(), reading.losses.len()), (4, 0));
    assert_eq!(catalog.items[3].id.as_bytes(), b"\xff\xfe.mp3");
    let title = Value::text("One");
    assert!(catalog.items.iter().all(|item| item.fields.value(&music::TITLE) == Some(&title)));
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_goes_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path());
    let song = |rating| {
        let frame = made::popm("Windows Media Player 9 Series", rating, 0);
        made::mp3(&made::id3(Version::Id3v23, vec![frame]))
    };
    let path = made::put(folder.path(), "a/1.mp3", song(64));
    let rating = || {
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        assert_eq!(library.revision().unwrap(), reading.revision);
        let item = catalog.items.first()?;
        item.fields.value(&music::RATING).and_then(Value::as_int)
    };
    assert_eq!(rating(), Some(40));
    fs::write(&path, song(255)).unwrap();
    assert_eq!(rating(), Some(100));
    fs::remove_file(&path).unwrap();
    assert_eq!(rating(), None);
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(Collector::collect(&*library).unwrap_err().kind, ErrorKind::Absent);
}

#[test]
fn a_protected_file_is_one_by_its_samples_or_its_name() {
    let all = [Use::Transcode, Use::Export, Use::Share];
    let denied = |name, bytes: &[u8]| -> Vec<Use> {
        let (item, limits) = read_one(name, bytes).unwrap();
        assert_eq!(item.fields.value(&music::DURATION), Some(&Value::Int(1_646)));
        limits.iter().flat_map(|limit| limit.terms.denied.iter().copied()).collect()
    };
    let free = made::sound("five.m4a");
    assert_eq!(denied("1.m4a", &free), []);
    assert_eq!(denied("1.m4p", &free), all);
    let at = free.windows(4).position(|name| name == b"mp4a").unwrap();
    let mut protected = free.clone();
    protected[at..at + 4].copy_from_slice(b"drms");
    assert_eq!(denied("1.m4a", &protected), all);
}

#[test]
fn a_receipt_that_is_no_text_is_a_receipt() {
    let mut file = made::mp4(&[(b"apID", "nadia")], &[]);
    let at = file.windows(5).position(|text| text == b"nadia").unwrap();
    file[at..at + 5].fill(0xff);
    let (_, limits) = read_one("1.m4a", &file).unwrap();
    assert_eq!(&*limits[0].licence, "account:unknown");
    assert!(limits[0].terms.denied.contains(&Use::Share));
}

/// Frames in frames in frames: each costs a parser stack, and a full stack would end the whole program.
#[test]
fn chapters_in_chapters_are_no_way_down() {
    let nested = |depth: usize| {
        let mut frame = Vec::new();
        for _ in 0..depth {
            let content = [&b"c\0"[..], &[0; 16], &frame].concat();
            let size = [21, 14, 7, 0].map(|shift| (content.len() >> shift & 0x7f) as u8);
            frame = [b"CHAP", &size[..], &[0, 0], &content].concat();
        }
        let size = [21, 14, 7, 0].map(|shift| (frame.len() >> shift & 0x7f) as u8);
        made::mp3(&[b"ID3\x04\0\0", &size[..], &frame].concat())
    };
    assert!(read_one("1.mp3", &nested(250)).is_ok());
    let why = read_one("1.mp3", &nested(2_000)).unwrap_err();
    assert!(why.contains("too many chapters"), "{why}");
}

#[test]
fn headers_that_promise_too_much_are_refused_in_no_time() {
    let mut flac = made::sound("two.flac");
    // The first block of metadata but one claims to have 16 MiB.
    flac[42 + 1..42 + 4].fill(0xff);
    let mp4 = made::sound("five.m4a");
    let at = mp4.windows(4).position(|name| name == b"ilst").unwrap();
    let mut long_box = mp4.clone();
    long_box[at - 4..at].fill(0xff);
    let mut endless = mp4;
    endless[at - 4..at].copy_from_slice(&[0, 0, 0, 1]);
    let id3 =
        |size: &[u8]| made::mp3(&[b"ID3\x04\0\0", size, b"TIT2\x7f\x7f\x7f\x7f\0\0\x03x"].concat());
    for (name, bytes) in [
        ("1.flac", flac),
        ("1.m4a", long_box),
        ("2.m4a", endless),
        ("1.mp3", id3(b"\x7f\x7f\x7f\x7f")),
        ("2.mp3", id3(b"\0\0\0\x0c")),
        ("1.wav", b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff".to_vec()),
        ("1.aiff", b"FORM\xff\xff\xff\xffAIFFCOMM\xff\xff\xff\xff".to_vec()),
        ("1.ogg", [&b"OggS\0\x02"[..], &[0xff; 400]].concat()),
    ] {
        // Refused or read: what counts is that it ends.
        let _ = read_one(name, &bytes);
    }
}

#[test]
fn what_is_no_song_is_lost_alone() {
    let folder = tempfile::tempdir().unwrap();
    made::put(folder.path(), "good.flac", made::sound("two.flac"));
    for (name, bytes) in
        [("empty.mp3", &b""[..]), ("text.ogg", b"no song"), ("zero.m4a", &[0; 999])]
    {
        made::put(folder.path(), name, bytes);
    }
    let (catalog, reading) = read(folder.path()).unwrap();
    assert_eq!(catalog.items.len(), 1);
    let lost: Vec<_> = reading.losses.iter().map(|loss| loss.id.to_string()).collect();
    assert_eq!(lost, ["empty.mp3", "text.ogg", "zero.m4a"]);
}

/// Every song, cut short and with some bytes changed: no panic gets out and no read fails.
#[test]
fn damage_of_any_kind_harms_one_file() {
    let folder = tempfile::tempdir().unwrap();
    made::library(folder.path());
    let (catalog, _) = read(folder.path()).unwrap();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for item in &catalog.items {
        let place = folder.path().join(OsStr::from_bytes(item.id.as_bytes()));
        let name = place.file_name().unwrap().to_str().unwrap();
        let whole = fs::read(&place).unwrap();
        let damaged = tempfile::tempdir().unwrap();
        for number in 0..60 {
            let mut bytes = whole.clone();
            if number % 3 == 0 {
                bytes.truncate(random(whole.len()));
            } else {
                // Most of what a parser believes stands near the start.
                let reach = if number % 3 == 1 { whole.len() } else { whole.len().min(600) };
                for _ in 0..=random(4) {
                    bytes[random(reach)] = random(256) as u8;
                }
            }
            made::put(damaged.path(), &format!("{number} {name}"), &bytes);
        }
        let (found, reading) = read(damaged.path()).unwrap();
        let lost: std::collections::BTreeSet<_> =
            reading.losses.iter().map(|loss| &loss.id).collect();
        let left = lost.iter().filter(|id| found.item(id).is_none()).count();
        assert_eq!(found.items.len() + left, 60, "each is read or named");
    }
}
