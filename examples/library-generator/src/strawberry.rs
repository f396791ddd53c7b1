//! `strawberry.db`, schema 15, as Strawberry 1.0.14 fills it.
//!
//! Row ids are song numbers plus one, so songs that only Rhythmbox has leave gaps, as deleted ones do.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use rusqlite::{Connection, Transaction, params};

use super::MUSIC;
use super::error::Error;
use super::playlist::Playlists;
use super::song::{Held, Song, Songs};
use super::uri::qt;

/// The app's own statements.
const SCHEMA: &str = include_str!("strawberry-schema-15.sql");

/// The file is new and may be lost: only its content at the end counts.
const FAST: &str =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;";

const SONG: &str = "
    INSERT INTO songs (rowid, title, album, artist, albumartist, track, disc, year, originalyear, genre,
        compilation, composer, performer, grouping, comment, lyrics, artist_id, album_id, song_id, beginning,
        length, bitrate, samplerate, bitdepth, source, directory_id, url, filetype, filesize, mtime, ctime,
        unavailable, fingerprint, playcount, skipcount, lastplayed, lastseen, compilation_detected,
        compilation_on, compilation_off, compilation_effective, art_automatic, art_manual,
        effective_albumartist, effective_originalyear, cue_path, rating)
    VALUES (?1, ?2, ?3, ?4, ?4, ?5, -1, ?6, -1, ?7, 0, '', '', '', '', '', '', '', '', 0, ?8, ?9, ?10, -1, 2, 1,
        ?11, ?12, ?13, ?14, ?15, 0, '', ?16, 0, ?17, ?15, 0, 0, 0, 0, '', '', ?4, ?6, NULL, ?18)";

const SEARCH: &str = "
    INSERT INTO songs_fts (rowid, ftstitle, ftsalbum, ftsartist, ftsalbumartist, ftscomposer, ftsperformer,
        ftsgrouping, ftsgenre, ftscomment)
    VALUES (?1, ?2, ?3, ?4, ?4, '', '', '', ?5, '')";

const PLAYLIST: &str = "
    INSERT INTO playlists (rowid, name, last_played, ui_order, is_favorite, dynamic_playlist_type)
    VALUES (?1, ?2, -1, ?3, 0, ?4)";

/// A song of the collection: only the number, the rest is as empty as the app leaves it.
const ENTRY: &str = "
    INSERT INTO playlist_items (playlist, type, collection_id, title, album, artist, albumartist, track, disc,
        year, originalyear, genre, compilation, composer, performer, grouping, comment, lyrics, artist_id,
        album_id, song_id, beginning, length, bitrate, samplerate, bitdepth, source, directory_id, url,
        filetype, filesize, mtime, ctime, unavailable, fingerprint, playcount, skipcount, lastplayed, lastseen,
        compilation_detected, compilation_on, compilation_off, compilation_effective, art_automatic,
        art_manual, effective_albumartist, effective_originalyear, cue_path, rating)
    VALUES (?1, 2, ?2, '', '', '', '', -1, -1, -1, -1, '', 0, '', '', '', '', '', '', '', '', 0, -1, -1, -1, -1, 2,
        NULL, '', 0, 0, 0, 0, 0, '', 0, 0, -1, -1, 0, 0, 0, 0, '', '', '', -1, NULL, -1)";

/// Writes the database; it may not exist.
pub(super) fn write(songs: &Songs, playlists: &Playlists, path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.display().to_string(), source };
    fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    File::create_new(path).map_err(failed)?;
    let mut connection = Connection::open(path)?;
    connection.execute_batch(FAST)?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO schema_version VALUES (15)", [])?;
    write_songs(songs, &transaction)?;
    write_folders(songs, &transaction)?;
    write_playlists(playlists, &transaction)?;
    Ok(transaction.commit()?)
}

fn write_songs(songs: &Songs, transaction: &Transaction<'_>) -> Result<(), Error> {
    let mut insert = transaction.prepare(SONG)?;
    let mut search = transaction.prepare(SEARCH)?;
    for (index, song) in songs.iter().enumerate() {
        let row = index as i64 + 1;
        let Some(held) = &song.strawberry else { continue };
        insert.execute(params![
            row,
            song.title,
            song.album,
            song.artist,
            song.track,
            song.year,
            song.genre,
            i64::from(song.duration_ms) * 1_000_000,
            song.coding.bitrate,
            song.coding.sample_rate,
            qt(&song.path),
            song.coding.filetype,
            song.size_bytes as i64,
            song.modified,
            song.added,
            held.plays,
            if held.plays > 0 { held.last_played } else { -1 },
            rating(held),
        ])?;
        search.execute(params![row, song.title, song.album, song.artist, song.genre])?;
    }
    Ok(())
}

/// 0 to 1, or -1 for none.
fn rating(held: &Held) -> f64 {
    held.stars.map_or(-1.0, |stars| f64::from(stars) / 5.0)
}

fn write_folders(songs: &Songs, transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute("INSERT INTO directories VALUES (?1, 1)", [MUSIC])?;
    let mut insert = transaction.prepare("INSERT INTO subdirectories VALUES (1, ?1, ?2)")?;
    let mut known = BTreeSet::from([MUSIC.to_owned()]);
    insert.execute(params![MUSIC, 0])?;
    for Song { artist_folder, album_folder, added, .. } in songs.iter() {
        for folder in [artist_folder, album_folder] {
            if !known.contains(&folder) {
                insert.execute(params![folder, added])?;
                known.insert(folder);
            }
        }
    }
    Ok(())
}

fn write_playlists(playlists: &Playlists, transaction: &Transaction<'_>) -> Result<(), Error> {
    let mut insert = transaction.prepare(PLAYLIST)?;
    let mut entry = transaction.prepare(ENTRY)?;
    // The empty tab that is there from the first start.
    insert.execute(params![1, "Playlist 1", 0, None::<i64>])?;
    for (list, row) in playlists.iter().filter(|list| list.in_strawberry).zip(2_i64..) {
        insert.execute(params![row, list.name, row - 1, Some(0)])?;
        for index in &list.entries {
            entry.execute(params![row, i64::from(*index) + 1])?;
        }
    }
    Ok(())
}
