//! Every law, on a library that Rhythmbox made; what the app would accept is asked of a parser of
//! its own, which shares nothing with the translator's.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use segue_rhythmbox::Rhythmbox;

segue_conformance::suite! {
    translator: Rhythmbox,
    fixtures: "fixtures",
    home: ".local/share/rhythmbox",
    sound: sound,
    unmodelled: unmodelled,
    spoil: |path| replace(path, "<file-size>", "<file-size>1"),
    unknown_version: |path| replace(path, "version=\"2.0\"", "version=\"9.0\""),
    large: large,
    separate_files: "songs and playlists lie in two files",
}

const SONGS: &str = "rhythmdb.xml";
const LISTS: &str = "playlists.xml";

fn replace(path: &Path, from: &str, to: &str) -> Result<(), String> {
    let path = path.join(SONGS);
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let changed = text.replacen(from, to, 1);
    if changed == text {
        return Err(format!("there is no {from}"));
    }
    std::fs::write(path, changed).map_err(|error| error.to_string())
}

/// Repeats the first song, each at a place of its own.
fn large(path: &Path, count: usize) -> Result<(), String> {
    let text = std::fs::read_to_string(path.join(SONGS)).map_err(|error| error.to_string())?;
    let (begin, end) = ("  <entry type=\"song\">", "</entry>\n");
    let start = text.find(begin).ok_or("no song")?;
    let length = text[start..].find(end).ok_or("no end of a song")? + end.len();
    let (before, song) = (&text[..start], &text[start..start + length]);
    let (head, rest) = song.split_once("<location>").ok_or("no location")?;
    let (_, tail) = rest.split_once("</location>").ok_or("no location")?;
    let mut all = before.to_owned();
    for number in 0..count {
        let location = format!("<location>file:///music/{number}.mp3</location>");
        all.extend([head, &location, tail]);
    }
    all.push_str(&text[start..]);
    std::fs::write(path.join(SONGS), all).map_err(|error| error.to_string())
}

/// Elements of a song that Segue writes.
const MODELLED: &[&str] = &[
    "album",
    "album-artist",
    "artist",
    "beats-per-minute",
    "comment",
    "composer",
    "date",
    "disc-number",
    "disc-total",
    "first-seen",
    "genre",
    "last-played",
    "mb-albumartistid",
    "mb-albumid",
    "mb-artistid",
    "mb-trackid",
    "play-count",
    "rating",
    "title",
    "track-number",
    "track-total",
];

/// An element with its attributes in order, its own text, and its children.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute?;
            let value = quick_xml::escape::unescape(&attribute.value)?.into_owned();
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        let name = start.name().as_ref().to_owned();
        Ok(Self { name, attributes, text: String::new(), children: Vec::new() })
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.children.iter().filter(move |child| child.name == name).map(|child| &*child.text)
    }

    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "{} {:?} {:?}", self.name, self.attributes, self.text.trim());
        self.children.iter().for_each(|child| child.write(out));
        let _ = writeln!(out, "/{}", self.name);
    }
}

/// The root of a file, which must be one whole element.
fn parse(path: &Path) -> Result<Element, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut reader = Reader::from_str(&text);
    let outside = BytesStart::new("outside");
    let mut open = vec![Element::new(&outside)?];
    loop {
        let event = reader.read_event()?;
        let parent = open.last_mut().ok_or("an element ends twice")?;
        match event {
            Event::Start(start) => open.push(Element::new(&start)?),
            Event::Empty(start) => parent.children.push(Element::new(&start)?),
            Event::End(_) => {
                let ended = open.pop().ok_or("an element ends twice")?;
                open.last_mut().ok_or("an element ends twice")?.children.push(ended);
            }
            Event::Text(text) => parent.text += &*text,
            Event::CData(text) => parent.text += &*text,
            Event::GeneralRef(reference) => {
                let reference = format!("&{};", &*reference);
                parent.text += &quick_xml::escape::unescape(&reference)?;
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
    let outside = open.pop().filter(|_| open.is_empty()).ok_or("an element does not end")?;
    let mut roots = outside.children.into_iter();
    match (roots.next(), roots.next()) {
        (Some(root), None) if outside.text.trim().is_empty() => Ok(root),
        _ => Err("not one root".into()),
    }
}

fn sound(path: &Path) -> Result<(), String> {
    let both = || {
        songs_are_sound(&parse(&path.join(SONGS))?)?;
        lists_are_sound(&parse(&path.join(LISTS))?)
    };
    both().map_err(|error: Box<dyn std::error::Error>| error.to_string())
}

fn songs_are_sound(root: &Element) -> Result<(), Box<dyn std::error::Error>> {
    let version = ("version".to_owned(), "2.0".to_owned());
    // The app stops at any other attribute.
    if root.name != "rhythmdb" || root.attributes != [version] {
        return Err(format!("root {} {:?}", root.name, root.attributes).into());
    }
    let mut locations = HashSet::new();
    for entry in &root.children {
        if entry.name != "entry" || entry.attribute("type").is_none() {
            return Err(format!("no entry of a type: {}", entry.name).into());
        }
        let mut own = entry.texts("location");
        match (own.next(), own.next()) {
            (Some(location), None) if locations.insert(location) => {}
            found => return Err(format!("not one location of its own: {found:?}").into()),
        }
        let mut seen = HashSet::new();
        let mut twice = entry.children.iter().filter(|child| child.name != "keyword");
        if let Some(child) = twice.find(|child| !seen.insert(&child.name)) {
            return Err(format!("two of {} in one entry", child.name).into());
        }
        for number in ["rating", "play-count", "last-played", "date", "track-number"] {
            if let Some(text) = entry.texts(number).find(|text| text.parse::<f64>().is_err()) {
                return Err(format!("{number} is {text:?}").into());
            }
        }
    }
    Ok(())
}

fn lists_are_sound(root: &Element) -> Result<(), Box<dyn std::error::Error>> {
    if root.name != "rhythmdb-playlists" {
        return Err(format!("root {}", root.name).into());
    }
    for list in &root.children {
        let kinds = ["static", "automatic", "queue"];
        let kind = list.attribute("type").filter(|kind| kinds.contains(kind));
        if list.name != "playlist" || kind.is_none() || list.attribute("name").is_none() {
            return Err(format!("no playlist: {} {:?}", list.name, list.attributes).into());
        }
        let mut seen = HashSet::new();
        if let Some(twice) = list.texts("location").find(|location| !seen.insert(*location)) {
            return Err(format!("{twice} stands twice").into());
        }
    }
    Ok(())
}

/// Both files without what Segue writes: fields of songs, names of playlists and their songs.
fn unmodelled(path: &Path) -> Result<String, String> {
    digest(path).map_err(|error| error.to_string())
}

fn digest(path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let (mut songs, mut lists) = (parse(&path.join(SONGS))?, parse(&path.join(LISTS))?);
    let mut known = HashSet::new();
    for entry in &mut songs.children {
        if entry.attribute("type") == Some("song") {
            known.extend(entry.texts("location").map(str::to_owned));
            entry.children.retain(|child| !MODELLED.contains(&&*child.name));
        }
    }
    for list in &mut lists.children {
        if list.attribute("type") == Some("static") {
            list.attributes.retain(|(name, _)| name != "name");
            list.children.retain(|child| child.name != "location" || !known.contains(&child.text));
        }
    }
    let mut digest = String::new();
    songs.write(&mut digest);
    lists.write(&mut digest);
    Ok(digest)
}
