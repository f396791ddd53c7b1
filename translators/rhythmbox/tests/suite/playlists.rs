//! Edits of playlists.

use std::fs;

use segue_rhythmbox::Rhythmbox;
use segue_translator::model::{CollectionEdit, CollectionKind, FieldEdit, NativeId, Value, music};
use segue_translator::{ErrorKind, Translator};

use crate::shelf::{SavesAt, Shelf, StartsAt, fixture, lists};

fn uris(names: &str) -> Vec<NativeId> {
    names.chars().map(|name| NativeId::from(format!("file:///{name}"))).collect()
}

/// A library with the songs a to e and these playlists.
fn shelf(playlists: &str) -> Shelf {
    let song = |name| format!("<entry type=\"song\"><location>file:///{name}</location></entry>");
    let songs: String = ('a'..='e').map(song).collect();
    let library = format!("<rhythmdb version=\"2.0\">{songs}</rhythmdb>");
    Shelf::new(library, Some(&format!("<rhythmdb-playlists>{playlists}</rhythmdb-playlists>")))
}

/// Every playlist as `id: entries`.
fn shown(shelf: &Shelf) -> Vec<String> {
    let show = |entries: &[NativeId]| -> String {
        entries.iter().map(|entry| entry.to_string().chars().last().unwrap()).collect()
    };
    let (catalog, _) = shelf.read();
    catalog.collections.iter().map(|list| format!("{}: {}", list.id, show(&list.entries))).collect()
}

fn create(name: &str, entries: &str) -> CollectionEdit {
    let kind: &'static CollectionKind = &music::PLAYLIST;
    CollectionEdit::Create { kind, name: name.into(), parent: None, entries: uris(entries) }
}

fn reorder(id: &str, old: &str, new: &str) -> CollectionEdit {
    CollectionEdit::Reorder { id: id.into(), old: uris(old), new: uris(new) }
}

fn rename(id: &str, old: &str, new: &str) -> CollectionEdit {
    CollectionEdit::Rename { id: id.into(), old: old.into(), new: new.into() }
}

fn remove(id: &str, old: &str) -> CollectionEdit {
    CollectionEdit::Remove { id: id.into(), old: uris(old) }
}

const PARTY: &str = "\n <playlist name='P' type='static' x='1'>\n  <!-- c -->\n  \
    <location>file:///a</location>\n  <location>file:///gone</location>\n  \
    <location>file:///b</location><location>file:///a</location>\n </playlist>\n";

#[test]
fn strangers_and_repeats_are_losses_and_stay_in_the_file() {
    let shelf = shelf(PARTY);
    let (_, reading) = shelf.read();
    assert_eq!(shown(&shelf), ["static:1:P: ab"]);
    let losses: Vec<_> = reading.losses.iter().map(|loss| loss.what.as_str()).collect();
    assert_eq!(losses.len(), 2);
    assert!(losses[0].contains("file:///gone") && losses[1].contains("second place"));

    let written = shelf.write(&lists([reorder("static:1:P", "ab", "cba")]));
    assert_eq!(written.refused, []);
    assert_eq!(shown(&shelf), ["static:1:P: cba"]);
    insta::assert_snapshot!(shelf.text("playlists.xml"), @r#"
    <rhythmdb-playlists>
     <playlist name='P' type='static' x='1'>
      <!-- c -->
        <location>file:///c</location>
      <location>file:///b</location>
      <location>file:///a</location>
      <location>file:///gone</location>
     </playlist>
    </rhythmdb-playlists>
    "#);
    shelf.write(&lists([reorder("static:1:P", "cba", "")]));
    let text = shelf.text("playlists.xml");
    assert!(text.contains("file:///gone") && text.contains("<!-- c -->"), "{text}");
}

#[test]
fn the_second_place_of_a_song_never_becomes_its_first() {
    let shelf = shelf(PARTY);
    shelf.write(&lists([reorder("static:1:P", "ab", "bca")]));
    assert_eq!(shown(&shelf), ["static:1:P: bca"]);
    let shelf = self::shelf(PARTY);
    shelf.write(&lists([reorder("static:1:P", "ab", "b")]));
    assert_eq!(shown(&shelf), ["static:1:P: b"]);
}

#[test]
fn made_renamed_reordered_removed() {
    let shelf = shelf("");
    let written = shelf.write(&lists([create("A & \"b\" <é>", "ab"), create("empty", "")]));
    let ids: Vec<_> = written.created.iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["static:1:A & \"b\" <é>", "static:1:empty"]);
    insta::assert_snapshot!(shelf.text("playlists.xml"), @r#"
    <rhythmdb-playlists>
      <playlist name="A &amp; &quot;b&quot; &lt;&#xE9;&gt;" show-browser="true" browser-position="180" search-type="search-match" type="static">
        <location>file:///a</location>
        <location>file:///b</location>
      </playlist>
      <playlist name="empty" show-browser="true" browser-position="180" search-type="search-match" type="static"/></rhythmdb-playlists>
    "#);
    assert_eq!(shown(&shelf), ["static:1:A & \"b\" <é>: ab", "static:1:empty: "]);

    shelf.write(&lists([
        rename("static:1:A & \"b\" <é>", "A & \"b\" <é>", "Z\t\n'"),
        reorder("static:1:A & \"b\" <é>", "ab", "bca"),
        reorder("static:1:empty", "", "e"),
        rename("static:1:empty", "empty", "full"),
    ]));
    assert_eq!(shown(&shelf), ["static:1:Z\t\n': bca", "static:1:full: e"]);
    let written = shelf.write(&lists([remove("static:1:full", "e")]));
    assert_eq!((written.refused, shown(&shelf)), (vec![], vec!["static:1:Z\t\n': bca".to_owned()]));
}

#[test]
fn an_empty_playlist_keeps_its_short_form_when_renamed() {
    let shelf = shelf("<playlist name=\"a\" type=\"static\"/>");
    shelf.write(&lists([rename("static:1:a", "a", "b")]));
    assert!(shelf.text("playlists.xml").contains("<playlist name=\"b\" type=\"static\"/>"));
}

#[test]
fn equal_names_have_ids_by_their_order() {
    let playlist = |entry: &str| {
        format!(
            "<playlist name=\"n\" type=\"static\"><location>file:///{entry}</location></playlist>"
        )
    };
    let shelf = shelf(&(playlist("a") + "<playlist name='n' type='automatic'/>" + &playlist("b")));
    assert_eq!(shown(&shelf), ["automatic:1:n: ", "static:1:n: a", "static:2:n: b"]);
    let written = shelf.write(&lists([remove("static:1:n", "a"), create("n", "c")]));
    assert_eq!(written.created, [NativeId::from("static:2:n")]);
    assert_eq!(shown(&shelf), ["automatic:1:n: ", "static:1:n: b", "static:2:n: c"]);
}

#[test]
fn repeats_in_a_new_order_are_held_once() {
    let shelf = shelf("");
    shelf.write(&lists([create("n", "abcab")]));
    assert_eq!(shown(&shelf), ["static:1:n: abc"]);
}

#[test]
fn edits_that_expect_something_else_are_refused() {
    let shelf = shelf(&format!("{PARTY}<playlist name='s' type='automatic'/>"));
    let before = shelf.text("playlists.xml");
    let folder = CollectionEdit::Create {
        kind: &music::FOLDER,
        name: "f".into(),
        parent: None,
        entries: vec![],
    };
    let inside = CollectionEdit::Create {
        kind: &music::PLAYLIST,
        name: "f".into(),
        parent: Some("static:1:P".into()),
        entries: vec![],
    };
    for (edit, reason) in [
        (reorder("static:1:P", "ba", "a"), "no longer"),
        (reorder("static:1:P", "ab", "z"), "no song"),
        (reorder("static:1:Q", "", "a"), "no such playlist"),
        (rename("static:1:P", "Q", "R"), "now named `P`"),
        (remove("static:1:P", "a"), "no longer"),
        (remove("automatic:1:s", ""), "read-only"),
        (rename("automatic:1:s", "s", "t"), "read-only"),
        (create("n", "az"), "no song"),
        (folder, "static playlists only"),
        (inside, "no folders"),
    ] {
        let written = shelf.write(&lists([edit.clone()]));
        assert_eq!(written.refused.len(), 1, "{edit:?}");
        assert!(written.refused[0].reason.contains(reason), "{:?}", written.refused);
        assert_eq!(written.created, []);
        assert_eq!(shelf.text("playlists.xml"), before);
    }
    let twice = [remove("static:1:P", "ab"), remove("static:1:P", "ab")];
    assert_eq!(shelf.write(&lists(twice)).refused.len(), 1);
}

#[test]
fn the_rest_of_the_real_file_survives_byte_for_byte() {
    let shelf = Shelf::real();
    let before = fixture("playlists.xml");
    let (catalog, _) = shelf.read();
    for list in catalog.collections.iter().filter(|list| list.kind.has_entries) {
        let turned: Vec<_> = list.entries.iter().rev().cloned().collect();
        let edit = |old: &Vec<NativeId>, new: &Vec<NativeId>| CollectionEdit::Reorder {
            id: list.id.clone(),
            old: old.clone(),
            new: new.clone(),
        };
        shelf.write(&lists([edit(&list.entries, &turned)]));
        let text = shelf.text("playlists.xml");
        assert_ne!(text, before);
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&text), sorted(&before));
        shelf.write(&lists([edit(&turned, &list.entries)]));
        assert_eq!(shelf.text("playlists.xml"), before);
    }
    let id = "static:1:Été & \"Hiver\" <mix>";
    shelf.write(&lists([rename(id, "Été & \"Hiver\" <mix>", "x")]));
    shelf.write(&lists([rename("static:1:x", "x", "Été & \"Hiver\" <mix>")]));
    shelf.write(&lists([create("new", "")]));
    shelf.write(&lists([remove("static:1:new", "")]));
    assert_eq!(shelf.text("playlists.xml"), before);
    assert_eq!(shelf.text("rhythmdb.xml"), fixture("rhythmdb.xml"));
}

#[test]
fn writing_the_same_entries_writes_nothing() {
    let shelf = shelf(PARTY);
    let revision = shelf.library().revision().unwrap();
    let same = lists([reorder("static:1:P", "ab", "ab"), rename("static:1:P", "P", "P")]);
    assert_eq!(shelf.write(&same).revision, revision);
}

#[test]
fn a_library_without_playlists_gets_its_first() {
    let shelf = shelf("");
    fs::remove_file(shelf.path("playlists.xml")).unwrap();
    let revision = shelf.library().revision().unwrap();
    assert_eq!(shelf.write(&lists([rename("static:1:a", "a", "b")])).revision, revision);
    assert!(!shelf.path("playlists.xml").exists());
    shelf.write(&lists([create("n", "ba")]));
    assert_eq!(shown(&shelf), ["static:1:n: ba"]);
    fs::write(shelf.path("playlists.xml"), "<?xml version=\"1.0\"?>\n<rhythmdb-playlists />")
        .unwrap();
    shelf.write(&lists([create("n", "c")]));
    assert_eq!(shown(&shelf), ["static:1:n: c"]);
}

#[test]
fn playlists_of_unknown_types_and_without_names_are_losses() {
    let shelf =
        shelf("<playlist name='a' type='b'/><playlist type='static'/><playlist type='queue'/>");
    let (catalog, reading) = shelf.read();
    assert_eq!((catalog.collections.len(), reading.losses.len()), (0, 2));
}

/// One edit of a song and one of a playlist.
fn both() -> segue_translator::model::ChangeSet {
    let mut changes = lists([reorder("static:1:P", "ab", "ba")]);
    changes.fields.push(FieldEdit {
        item: NativeId::from("file:///a"),
        field: &music::RATING,
        old: None,
        new: Some(Value::Int(20)),
    });
    changes
}

#[test]
fn f19_what_the_app_saves_while_we_write_is_kept() {
    for (question, name) in [
        (0, "rhythmdb.xml"),
        (0, "playlists.xml"),
        (1, "rhythmdb.xml"),
        (1, "playlists.xml"),
        (2, "playlists.xml"),
    ] {
        let shelf = shelf(PARTY);
        let other = if name == "rhythmdb.xml" { "playlists.xml" } else { "rhythmdb.xml" };
        let before = shelf.text(other);
        let host = SavesAt::question(question, shelf.path(name));
        let opened = Rhythmbox.open(shelf.folder(), host).unwrap();
        let error = opened.write(&opened.revision().unwrap(), &both()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Stale, "{question} {name}");
        assert_eq!(shelf.text(name), "saved");
        assert_eq!(shelf.text(other), before);
    }
}

#[test]
fn if_the_playlists_cannot_be_written_the_songs_are_put_back() {
    let shelf = shelf(PARTY);
    let (library, playlists) = (shelf.text("rhythmdb.xml"), shelf.text("playlists.xml"));
    let changes = both();
    // Asked at the start, before the library takes its place, and before the playlists do.
    let opened = Rhythmbox.open(shelf.folder(), StartsAt::question(2)).unwrap();
    let error = opened.write(&opened.revision().unwrap(), &changes).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(shelf.text("rhythmdb.xml"), library);
    assert_eq!(shelf.text("playlists.xml"), playlists);
    assert_eq!(fs::read_dir(shelf.folder()).unwrap().count(), 2);
    shelf.write(&changes);
    assert_eq!(shown(&shelf), ["static:1:P: ba"]);
    assert!(shelf.text("rhythmdb.xml").contains("<rating>1</rating>"));
}
