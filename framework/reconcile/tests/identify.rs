//! Who is who: zero false merges, and as many true ones as the evidence allows.

use segue_model::{Item, ItemId, LinkId, Location, Value, music};
use segue_reconcile::identify::{Evidence, Identified, Party, identify};
use segue_reconcile::{LinkView, Writing};
use segue_translator::Capabilities;

static APP: Capabilities = Capabilities {
    app: "test",
    schema: &music::MUSIC,
    fields: &[],
    collections: &[],
    hides: false,
    piecewise: false,
    cannot_hold: &[],
};

/// `path | artist | album | disc.track | title | ms | recording/release`
fn song(line: &str) -> Item {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let mut item = Item::new(parts[0]);
    item.location = Some(Location::from(parts[0]));
    let mut text = |field, index: usize| {
        let value = parts.get(index).filter(|text| !text.is_empty());
        item.fields.set(field, value.map(|text| Value::text(*text)));
    };
    text(&music::ALBUM, 2);
    text(&music::TITLE, 4);
    let artist = Some(parts[1]).filter(|text| !text.is_empty());
    item.fields.set(&music::ARTIST, artist.map(|text| Value::list([text])));
    let (disc, track) = parts[3].split_once('.').unwrap_or(("", ""));
    item.fields.set(&music::DISC, disc.parse().ok().map(Value::Int));
    item.fields.set(&music::TRACK, track.parse().ok().map(Value::Int));
    item.fields.set(&music::DURATION, parts[5].parse().ok().map(Value::Int));
    if let Some((recording, release)) = parts.get(6).and_then(|ids| ids.split_once('/')) {
        item.fields.set(&music::MB_RECORDING, Value::text(recording));
        item.fields.set(&music::MB_RELEASE, Value::text(release));
    }
    item
}

fn run(libraries: &[(&str, &[&str])]) -> Identified {
    let parties: Vec<Party> = libraries
        .iter()
        .enumerate()
        .map(|(index, (root, lines))| {
            let root = Location::from(*root);
            let view = LinkView {
                link: LinkId([index as u8 + 1; 8]),
                capabilities: &APP,
                root: Some(&root),
                writing: Writing::Use,
                in_doubt: false,
            };
            let items = lines.iter().map(|line| Evidence::of_item(&view, &song(line))).collect();
            Party { link: view.link, items }
        })
        .collect();
    identify(Vec::new(), &parties, &|link, index| {
        let mut id = [link.0[0]; 16];
        id[1] = index as u8;
        ItemId(id)
    })
}

/// For each item of the second library, the index in the first that it was matched to.
fn matched(first: (&str, &[&str]), second: (&str, &[&str])) -> Vec<Option<u8>> {
    let found = run(&[first, second]);
    found.items[1].iter().map(|item| (item.0[0] == 1).then_some(item.0[1])).collect()
}

#[test]
fn each_rung_matches_on_its_own() {
    let one = ("/m", &["/m/a.flac | A | X | 1.1 | Song | 200000 | r1/l1"][..]);
    let cases = [
        ("/m", "/m/a.flac | | | | | 200900"),
        ("/n", "/n/other.mp3 | | | | | 200900 | R1/L1"),
        ("/n", "/n/a.flac | | | | | 200999"),
        ("/n", "/n/b.mp3 | A | X | 1.1 | Song | 201900"),
    ];
    for (root, line) in cases {
        assert_eq!(matched(one, (root, &[line])), [Some(0)], "{line}");
    }
}

#[test]
fn f10_nothing_is_matched_on_doubtful_evidence() {
    let one = ("/m", &["/m/a.flac | A | X | 1.1 | Song | 200000 | r1/l1"][..]);
    let cases = [
        ("/n", "/n/b.mp3 | A | Best Of | 1.9 | Song | 200000", "the same song on two albums"),
        ("/n", "/n/b.mp3 | A | X | 1.1 | Song | 240000", "a live take"),
        ("/n", "/n/b.mp3 | A | X | 1.2 | Song | 200000", "another track"),
        ("/n", "/n/b.mp3 | A | X | 1.1 | Song | 200000 | r2/l1", "another recording"),
        ("/n", "/n/a.flac | B | Y | 1.1 | Tune | 200000", "another disk with the same paths"),
        ("/n", "/n/a.flac | A | X | 1.1 | Song | ", "a path alone"),
        ("/m", "/m/a.flac | B | Y | 1.1 | Tune | 99000", "another file at the same path"),
        ("/n", "/n/b.mp3 | | | | | 200000", "nothing but a length"),
    ];
    for (root, line, why) in cases {
        assert_eq!(matched(one, (root, &[line])), [None], "{why}");
    }
}

#[test]
fn f10_two_candidates_are_none_on_either_side() {
    let line = |path: &str| format!("{path} | A | X | 1.1 | Song | 200000");
    let [first, second, far] = ["/m/1", "/m/2", "/n/9"].map(line);
    assert_eq!(matched(("/m", &[&first, &second]), ("/n", &[&far])), [None]);
    assert_eq!(matched(("/n", &[&far]), ("/m", &[&first, &second])), [None, None]);
    // The path decides where the tags cannot.
    let swapped = ["/n/2", "/n/1"].map(line);
    let swapped = [swapped[0].as_str(), &swapped[1]];
    assert_eq!(matched(("/m", &[&first, &second]), ("/n", &swapped)), [Some(1), Some(0)]);
}

#[test]
fn f13_two_spellings_of_one_title_are_one_and_twins_stay_two() {
    let one = ("/m", &["/m/1 | A | X | 1.1 | Caf\u{e9} | 200000"][..]);
    assert_eq!(matched(one, ("/n", &["/n/2 | A | X | 1.1 | Cafe\u{301} | 200000"])), [Some(0)]);
    let twins =
        ["/m/Caf\u{e9} | A | X | 1.1 | T | 200000", "/m/Cafe\u{301} | A | X | 1.1 | T | 200000"];
    let swapped =
        ["/m/Cafe\u{301} | A | X | 1.1 | T | 200000", "/m/Caf\u{e9} | A | X | 1.1 | T | 200000"];
    assert_eq!(matched(("/m", &twins), ("/m", &swapped)), [Some(1), Some(0)]);
}

#[test]
fn f08_the_same_library_many_times_is_one_library() {
    let lines = [
        "/m/1 | A | X | 1.1 | One | 100000",
        "/m/2 | A | X | 1.2 | Two | 200000",
        "/m/3 | | | | | 300000",
        "/m/4 | | | | | 300000",
    ];
    let library = ("/m", &lines[..]);
    let found = run(&[library; 8]);
    assert!(found.items.iter().all(|items| *items == found.items[0]));
    assert_eq!(found.questions, []);
}

#[test]
fn doubtful_pairs_are_asked_about_once() {
    let found = run(&[
        ("/m", &["/m/1 | A | X | 1.1 | Song | 200000"]),
        ("/n", &["/n/2 | A | Best Of | 1.9 | Song | 200500"]),
    ]);
    assert_eq!(found.questions.len(), 1);
}
