//! Edits of playlists: order, repeats, and rows that Segue cannot name.

use std::fs;

use segue_translator::model::{CollectionEdit, NativeId, music};

use crate::copy::{Copy, difference, on_playlists, reasons};

fn entries(copy: &Copy, id: &str) -> Vec<NativeId> {
    copy.read().0.collection(&id.into()).unwrap().entries.clone()
}

fn reorder(copy: &Copy, id: &str, new: Vec<NativeId>) -> CollectionEdit {
    CollectionEdit::Reorder { id: id.into(), old: entries(copy, id), new }
}

/// The rows of a playlist: song or address, and a column that Segue does not know.
fn rows(copy: &Copy, id: i64) -> String {
    copy.cell(&format!(
        "SELECT group_concat(coalesce(collection_id, url) || coalesce(':' || playlist_url, ''), ' ') \
         FROM (SELECT * FROM playlist_items WHERE playlist = {id} ORDER BY rowid)"
    ))
}

#[test]
fn a_new_playlist_is_open_a_favourite_and_keeps_repeats() {
    let copy = Copy::new();
    let before = copy.dump();
    let (one, two) = (copy.song("Tide%20Table.flac"), copy.song("Delta.mp3"));
    let songs = vec![one.clone(), two, one];
    let create = CollectionEdit::Create {
        kind: &music::PLAYLIST,
        name: "Näw".into(),
        parent: None,
        entries: songs.clone(),
    };
    let written = copy.put(&on_playlists([create]));
    assert_eq!(written.created, [NativeId::from("6")]);
    assert_eq!(entries(&copy, "6"), songs);
    let rows =
        "SELECT name || ' ' || ui_order || ' ' || is_favorite FROM playlists WHERE rowid = 6";
    assert_eq!(copy.cell(rows), "'Näw 5 1'");
    assert!(difference(&before, &copy.dump()).iter().all(|line| line.starts_with("+ playlist")));

    // A row as the app writes it for a song of the collection.
    let row = |number: i64| {
        let lines = copy.dump();
        let prefix = format!("playlist_items Integer({number}) ");
        let ours =
            lines.into_iter().filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
        let same =
            |line: &String| !line.starts_with("playlist ") && !line.starts_with("collection_id");
        ours.filter(same).collect::<Vec<_>>()
    };
    assert_eq!(row(19), row(1));
    assert_eq!(row(19).len(), 48);
}

#[test]
fn f12_a_new_playlist_takes_no_rows_that_another_left_behind() {
    let copy = Copy::with(
        "INSERT INTO playlist_items (playlist, type, collection_id, url) VALUES (6, 2, 1, '')",
    );
    let create = CollectionEdit::Create {
        kind: &music::PLAYLIST,
        name: "new".into(),
        parent: None,
        entries: vec![],
    };
    let remove = CollectionEdit::Remove { id: "5".into(), old: entries(&copy, "5") };
    let written = copy.put(&on_playlists([remove, create]));
    assert_eq!(written.created, [NativeId::from("7")]);
    assert_eq!(entries(&copy, "7"), []);
}

#[test]
fn f21_a_reorder_moves_rows_with_all_they_hold() {
    let copy = Copy::with(
        "UPDATE playlist_items SET playlist_url = 'mark' || rowid;
         INSERT INTO playlist_items (playlist, type, url, playlist_url) VALUES
             (3, 4, 'http://radio', 'r'), (3, 1, 'file:///else', 'f');
         INSERT INTO playlist_items (playlist, type, url)
             SELECT 3, 1, url FROM songs WHERE rowid = 5;
         UPDATE playlists SET last_played = 3 WHERE rowid = 3;",
    );
    assert_eq!(
        rows(&copy, 3),
        "'36:mark7 36:mark8 29:mark9 30:mark10 http://radio:r file:///else:f \
         file:///srv/segue-fixtures/music-a/The%20Tin%20Harbours/Low%20Tide%20Ledger/03%20Tide%20Table.flac'"
    );
    let mut new = entries(&copy, "3");
    assert_eq!(new.len(), 5);
    new.swap(1, 3);
    new.insert(4, copy.song("Delta.mp3"));
    new.pop();
    let before = copy.dump();
    copy.put(&on_playlists([reorder(&copy, "3", new.clone())]));
    assert_eq!(entries(&copy, "3"), new);
    assert_eq!(
        rows(&copy, 3),
        "'36:mark7 30:mark10 http://radio:r file:///else:f 29:mark9 36:mark8 34'"
    );
    assert_eq!(copy.cell("SELECT last_played FROM playlists WHERE rowid = 3"), "1");
    let changed = difference(&before, &copy.dump());
    assert!(changed.iter().all(|line| line.contains(" playlist")), "{changed:?}");
    // The first row stands where it stood.
    assert_eq!(copy.cell("SELECT min(rowid) FROM playlist_items WHERE playlist = 3"), "7");
}

#[test]
fn names_change_and_playlists_go_without_a_trace() {
    let copy = Copy::new();
    let rename =
        CollectionEdit::Rename { id: "2".into(), old: "Road Trip".into(), new: "Büs Trip".into() };
    let before = copy.dump();
    copy.put(&on_playlists([rename]));
    assert_eq!(difference(&before, &copy.dump()).len(), 2);
    assert_eq!(copy.read().0.collection(&"2".into()).unwrap().name.as_ref(), "Büs Trip");

    let remove = CollectionEdit::Remove { id: "2".into(), old: entries(&copy, "2") };
    copy.put(&on_playlists([remove]));
    assert!(copy.read().0.collection(&"2".into()).is_none());
    assert_eq!(copy.cell("SELECT count(*) FROM playlist_items WHERE playlist = 2"), "0");
    assert_eq!(copy.cell("SELECT count(*) FROM playlist_items"), "12");
}

#[test]
fn playlists_that_nobody_sees_stay_and_those_of_the_app_are_read_only() {
    let copy = Copy::with(
        "INSERT INTO playlists (name, ui_order, is_favorite, special_type, dynamic_playlist_type,
             dynamic_playlist_backend, dynamic_playlist_data) VALUES
             ('closed', -1, 0, '', 0, '', NULL), ('favourite', -1, 1, NULL, NULL, NULL, NULL),
             ('special', 5, 0, 'x', 0, '', NULL), ('smart', 6, 0, '', 1, 'songs', x'00ff');
         INSERT INTO playlist_items (playlist, type, collection_id, url) VALUES (9, 2, 1, '');",
    );
    let (catalog, _) = copy.read();
    let names: Vec<_> = catalog.collections.iter().map(|found| found.name.as_ref()).collect();
    assert_eq!(
        names,
        [
            "Playlist 1",
            "Road Trip",
            "Été & \"Hiver\" <mix>",
            "Inbox/Check",
            "played",
            "favourite",
            "smart"
        ]
    );
    let smart = catalog.collection(&"9".into()).unwrap();
    assert_eq!(smart.kind, &music::SMART_PLAYLIST);
    assert_eq!(smart.rule.as_deref(), Some("type=1 backend=songs data=00ff"));
    assert_eq!(smart.entries, []);

    let rename = |id: &str, old: &str| CollectionEdit::Rename {
        id: id.into(),
        old: old.into(),
        new: "mine".into(),
    };
    let edits = [rename("9", "smart"), rename("6", "closed"), rename("8", "special")];
    let written = copy.write(&on_playlists(edits)).unwrap();
    let none = "the library has no such playlist";
    assert_eq!(reasons(&written.refused), ["the app fills this playlist by itself", none, none]);
}

#[test]
fn an_edit_that_expects_something_else_is_refused() {
    let copy = Copy::new();
    let before = fs::read(copy.path()).unwrap();
    let stranger = vec![NativeId::from("file:///stranger")];
    let edits = [
        CollectionEdit::Rename { id: "2".into(), old: "Road".into(), new: "x".into() },
        CollectionEdit::Reorder { id: "2".into(), old: vec![], new: vec![] },
        CollectionEdit::Remove { id: "2".into(), old: vec![] },
        CollectionEdit::Remove { id: "x".into(), old: vec![] },
        reorder(&copy, "2", stranger.clone()),
        CollectionEdit::Create {
            kind: &music::PLAYLIST,
            name: "n".into(),
            parent: None,
            entries: stranger,
        },
        CollectionEdit::Create {
            kind: &music::FOLDER,
            name: "n".into(),
            parent: None,
            entries: vec![],
        },
    ];
    let written = copy.write(&on_playlists(edits)).unwrap();
    insta::assert_snapshot!(reasons(&written.refused).join("\n"), @r#"
    the playlist has another name now
    the playlist has other entries now
    the playlist has other entries now
    the library has no such playlist
    the library has no song file:///stranger
    the library has no song file:///stranger
    the app lets nobody else make this kind of collection
    "#);
    assert_eq!(fs::read(copy.path()).unwrap(), before);
}

#[test]
fn writing_back_the_order_that_was_read_writes_nothing() {
    let copy = Copy::new();
    let before = fs::read(copy.path()).unwrap();
    let (catalog, _) = copy.read();
    let edits = catalog.collections.iter().map(|collection| CollectionEdit::Reorder {
        id: collection.id.clone(),
        old: collection.entries.clone(),
        new: collection.entries.clone(),
    });
    let written = copy.write(&on_playlists(edits)).unwrap();
    assert_eq!(written.refused, []);
    assert_eq!(fs::read(copy.path()).unwrap(), before);
}
