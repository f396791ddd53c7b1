//! Rhythmbox's own files, read and changed as Rhythmbox itself would: values in `rhythmdb.xml`.

use std::ops::Range;

/// `rhythmdb.xml`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rhythmdb(pub(crate) String);

/// The element after which Rhythmbox writes `name`, if that one is there.
fn before(name: &str) -> &'static [&'static str] {
    match name {
        "rating" => &["last-seen"],
        "play-count" => &["rating", "last-seen"],
        _ => &["play-count", "rating", "last-seen"],
    }
}

impl Rhythmdb {
    /// What stands in an element of the song whose location ends so.
    pub(crate) fn value(&self, song: &str, name: &str) -> Option<&str> {
        let entry = &self.0[self.entry(song)?];
        let (_, rest) = entry.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0)
    }

    /// The same with another value.
    pub(crate) fn with(&self, song: &str, name: &str, value: &str) -> Option<Self> {
        let place = self.entry(song)?;
        let entry = &self.0[place.clone()];
        let element = format!("    <{name}>{value}</{name}>\n");
        let line = match line_of(entry, name) {
            Some(line) => line,
            None => before(name).iter().find_map(|name| after(entry, name))?,
        };
        let changed = format!("{}{element}{}", &entry[..line.start], &entry[line.end..]);
        Some(Self(format!("{}{changed}{}", &self.0[..place.start], &self.0[place.end..])))
    }

    fn entry(&self, song: &str) -> Option<Range<usize>> {
        let at = self.0.find(&format!("{song}</location>"))?;
        let start = self.0[..at].rfind("  <entry ")?;
        let end = at + self.0[at..].find("  </entry>")?;
        Some(start..end)
    }
}

/// Where an element's line is.
fn line_of(entry: &str, name: &str) -> Option<Range<usize>> {
    let start = entry.find(&format!("    <{name}>"))?;
    Some(start..start + entry[start..].find('\n')? + 1)
}

/// The empty place after an element's line.
fn after(entry: &str, name: &str) -> Option<Range<usize>> {
    let end = line_of(entry, name)?.end;
    Some(end..end)
}

/// The songs of a playlist in `playlists.xml`, in order.
pub(crate) fn playlist<'a>(playlists: &'a str, name: &str) -> Vec<&'a str> {
    let Some((_, rest)) = playlists.split_once(&format!("<playlist name=\"{name}\"")) else {
        return Vec::new();
    };
    let songs = rest.split("</playlist>").next().unwrap_or_default();
    songs.split("<location>").skip(1).filter_map(|song| song.split("</").next()).collect()
}
