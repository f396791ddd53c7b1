//! Every law on a real MPD, which is started on each copy of the fixture.

mod server;

use std::fmt::Write as _;
use std::io::Write as _;
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

/// Harms a setting.
fn spoil(path: &Path) -> Result<(), String> {
    let file = std::fs::OpenOptions::new().append(true).open(path.join("mpd.conf"));
    file.and_then(|mut file| file.write_all(b"# spoilt\n")).map_err(|error| error.to_string())
}
