//! `rhythmdb.xml` and `playlists.xml`, as Rhythmbox 3.4.6 writes them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::Error;
use super::playlist::Playlists;
use super::song::{Held, Song, Songs};
use super::uri::gio;

/// How the app shows a playlist that nobody has arranged.
const LOOK: &str = "show-browser=\"true\" browser-position=\"180\" search-type=\"search-match\"";

/// Writes both files; neither may exist.
pub(super) fn write(songs: &Songs, playlists: &Playlists, folder: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        |source| Error::Io { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let path = folder.join("rhythmdb.xml");
    create(&path, |out| write_songs(songs, out)).map_err(failed(&path))?;
    let path = folder.join("playlists.xml");
    create(&path, |out| write_playlists(songs, playlists, out)).map_err(failed(&path))
}

fn create(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(File::create_new(path)?);
    content(&mut out)?;
    out.flush()
}

fn write_songs(songs: &Songs, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">")?;
    for index in songs.scattered(0) {
        let song = songs.song(index);
        if let Some(held) = &song.rhythmbox {
            write_song(&song, held, out)?;
        }
    }
    writeln!(out, "</rhythmdb>")
}

/// Elements in the app's order; it leaves out what is zero.
fn write_song(song: &Song, held: &Held, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  <entry type=\"song\">")?;
    let mut element =
        |name: &str, value: &str| writeln!(out, "    <{name}>{}</{name}>", escape(value, false));
    element("title", &song.title)?;
    element("genre", song.genre)?;
    element("artist", &song.artist)?;
    element("album", &song.album)?;
    element("track-number", &song.track.to_string())?;
    element("duration", &(song.duration_ms / 1_000).to_string())?;
    element("file-size", &song.size_bytes.to_string())?;
    element("location", &gio(&song.path))?;
    element("mtime", &song.modified.to_string())?;
    element("first-seen", &song.added.to_string())?;
    element("last-seen", &song.added.to_string())?;
    if let Some(stars) = held.stars {
        element("rating", &stars.to_string())?;
    }
    if held.plays > 0 {
        element("play-count", &held.plays.to_string())?;
        element("last-played", &held.last_played.to_string())?;
    }
    element("bitrate", &song.coding.bitrate.to_string())?;
    element("date", &julian_day(song.year).to_string())?;
    element("media-type", song.coding.media_type)?;
    element("album-artist", &song.artist)?;
    writeln!(out, "  </entry>")
}

fn write_playlists(songs: &Songs, playlists: &Playlists, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\"?>\n<rhythmdb-playlists>")?;
    for list in playlists.iter().filter(|list| list.in_rhythmbox) {
        let name = escape(&list.name, true);
        writeln!(out, "  <playlist name=\"{name}\" {LOOK} type=\"static\">")?;
        for index in &list.entries {
            let location = gio(&songs.song(*index).path);
            writeln!(out, "    <location>{}</location>", escape(&location, true))?;
        }
        writeln!(out, "  </playlist>")?;
    }
    writeln!(out, "</rhythmdb-playlists>")
}

/// As the app escapes: in `playlists.xml` also what is not ASCII.
fn escape(text: &str, ascii: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if ascii => escaped.push_str("&quot;"),
            _ if ascii && !letter.is_ascii() => {
                // Writing to a string cannot fail.
                let _ = fmt::Write::write_fmt(
                    &mut escaped,
                    format_args!("&#x{:X};", u32::from(letter)),
                );
            }
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// The first of January of a year, in days since that of year 1: how the app keeps dates.
fn julian_day(year: u32) -> u32 {
    let before = year - 1;
    before * 365 + before / 4 - before / 100 + before / 400 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_the_day_that_the_app_writes() {
        assert_eq!(julian_day(1998), 729_390);
    }

    #[test]
    fn escapes_as_the_app_does() {
        assert_eq!(escape("a & <b> \"é\"", false), "a &amp; &lt;b&gt; \"é\"");
        assert_eq!(escape("a & <b> \"é\"", true), "a &amp; &lt;b&gt; &quot;&#xE9;&quot;");
    }
}
