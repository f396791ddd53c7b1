//! One rating, changed as the app would leave it.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use segue_library_generator::{rhythmbox_folder, strawberry_database};

use crate::Outcome;

/// A song that both libraries rate: where it is, and the place of its rating in Rhythmbox's text.
struct Shared {
    location: String,
    rating: std::ops::Range<usize>,
}

fn between(text: &str, from: &str, to: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(from)? + from.len();
    Some(start..start + text[start..].find(to)?)
}

fn shared(songs: &str, strawberry: &Connection) -> Outcome<Shared> {
    let mut sql = strawberry.prepare("SELECT 1 FROM songs WHERE url = ?1 AND rating > 0")?;
    let mut start = 0;
    while let Some(length) = songs[start..].find("</entry>") {
        let entry = &songs[start..start + length];
        let found = between(entry, "<rating>", "<").zip(between(entry, "<location>", "<"));
        if let Some((rating, location)) = found {
            let location = &entry[location];
            let known: Option<i64> = sql.query_row([location], |row| row.get(0)).optional()?;
            if known.is_some() && !location.contains('&') {
                let rating = start + rating.start..start + rating.end;
                return Ok(Shared { location: location.to_owned(), rating });
            }
        }
        start += length + "</entry>".len();
    }
    Err("no song is rated in both libraries".into())
}

/// Takes a star from, or gives one to, the first song that both libraries rate.
pub(crate) fn change_rhythmbox(home: &Path) -> Outcome<u64> {
    let path = rhythmbox_folder(home).join("rhythmdb.xml");
    let mut songs = fs::read_to_string(&path)?;
    let shared = shared(&songs, &Connection::open(strawberry_database(home))?)?;
    let stars = if songs[shared.rating.clone()].starts_with('5') { "4" } else { "5" };
    songs.replace_range(shared.rating, stars);
    fs::write(&path, songs)?;
    Ok(1)
}

/// The same in Strawberry.
pub(crate) fn change_strawberry(home: &Path) -> Outcome<u64> {
    let songs = fs::read_to_string(rhythmbox_folder(home).join("rhythmdb.xml"))?;
    let connection = Connection::open(strawberry_database(home))?;
    let shared = shared(&songs, &connection)?;
    let sql = "UPDATE songs SET rating = CASE rating WHEN 0.4 THEN 0.6 ELSE 0.4 END WHERE url = ?1";
    Ok(connection.execute(sql, [shared.location])? as u64)
}
