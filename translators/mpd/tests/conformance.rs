//! Every law on a real MPD, which is started on each copy of the fixture.

mod server;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::Path;

use segue_mpd::Mpd;
use server::{Server, Talk};

segue_conformance::suite! {
    translator: Mpd::default(),
    fixtures: "fixtures",
    home: ".config/mpd",
    sound: sound,
    unmodelled: unmodelled,
    spoil: spoil,
    large: large,
    live: |path| Ok(Box::new(Server::start(path)?)),
}

/// Whether MPD still answers, and can show every playlist and every sticker.
fn sound(path: &Path) -> Result<(), String> {
    let mut talk = Talk::open(path)?;
    for line in talk.ask(&["listplaylists"])? {
        if let Some(name) = line.strip_prefix("playlist: ") {
            talk.ask(&["listplaylistinfo", name])?;
        }
    }
    for name in ["rating", "playCount", "skipCount", "lastPlayed"] {
        talk.ask(&["sticker", "find", "song", "", name])?;
    }
    Ok(())
}

/// Stickers of other names, songs and settings.
fn unmodelled(path: &Path) -> Result<String, String> {
    let mut talk = Talk::open(path)?;
    let mut digest = String::new();
    for name in ["like", "lastSkipped"] {
        let found = talk.ask(&["sticker", "find", "song", "", name])?;
        let _ = writeln!(digest, "{found:?}");
    }
    for file in ["mpd.conf", "database"] {
        let bytes = std::fs::read(path.join(file)).map_err(|error| error.to_string())?;
        let _ = writeln!(digest, "{bytes:?}");
    }
    let songs = talk.ask(&["listallinfo"])?;
    let _ = writeln!(digest, "{songs:?}");
    Ok(digest)
}

/// So many songs more in the database, and a rating of each.
fn large(path: &Path, count: usize) -> Result<(), String> {
    try_large(path, count).map_err(|error| error.to_string())
}

fn try_large(path: &Path, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let database = path.join("database");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&database)?).read_to_string(&mut text)?;
    let mut stickers = rusqlite::Connection::open(path.join("sticker.sql"))?;
    let rates = stickers.transaction()?;
    for (number, song) in (0..count).map(|number| (number, number % 100)) {
        let album = number / 100;
        if song == 0 {
            writeln!(text, "directory: {album}\nmtime: 1\nbegin: {album}")?;
        }
        writeln!(text, "song_begin: {song}.flac\nTime: 180.0\nTitle: One of many\nmtime: 1")?;
        writeln!(text, "song_end")?;
        if song == 99 || number + 1 == count {
            writeln!(text, "end: {album}")?;
        }
        let insert = "INSERT INTO sticker VALUES ('song', ?1, 'rating', '8')";
        rates.execute(insert, [format!("{album}/{song}.flac")])?;
    }
    rates.commit()?;
    Ok(std::fs::write(&database, text)?)
}

/// Harms a setting.
fn spoil(path: &Path) -> Result<(), String> {
    let file = std::fs::OpenOptions::new().append(true).open(path.join("mpd.conf"));
    file.and_then(|mut file| file.write_all(b"# spoilt\n")).map_err(|error| error.to_string())
}
