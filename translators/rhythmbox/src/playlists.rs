//! `playlists.xml`: playlists, their entries, and the place of each in the bytes.
//!
//! Pure: text in, playlists out. It does not know which songs the library has; a location that is
//! no song stays where it is and is never an entry.
//!
//! Invariant: ids are unique within a file, and depend on nothing but kinds, names and order.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use segue_translator::model::{CollectionKind, NativeId, music};

use crate::format::{Bounds, characters, finish, root};
use crate::markup::{Malformed, Markup, Piece};

/// One child of a playlist.
#[derive(Debug)]
pub(crate) struct Child {
    /// From the blanks before it to its end.
    pub(crate) span: Range<usize>,
    /// The URI, if it is a `<location>`.
    pub(crate) location: Option<String>,
}

/// One `<playlist>`.
#[derive(Debug)]
pub(crate) struct Playlist {
    /// Its id, from kind, name and place among its likes.
    pub(crate) id: NativeId,
    /// Static or automatic.
    pub(crate) kind: &'static CollectionKind,
    /// Its name, as the app shows it.
    pub(crate) name: String,
    /// Attributes: name and raw value.
    pub(crate) attributes: Vec<(String, String)>,
    /// Where the blanks before it begin.
    pub(crate) lead: usize,
    /// From `<` to `>` of the closing tag.
    pub(crate) span: Range<usize>,
    /// What stands between the tags; `None` for `<playlist/>`.
    pub(crate) inner: Option<Range<usize>>,
    /// Its children, in order.
    pub(crate) children: Vec<Child>,
}

impl Playlist {
    /// Splits the children into entries and others: an entry is a location that `known` knows and
    /// that did not come before.
    pub(crate) fn entries<'a>(&'a self, known: impl Fn(&str) -> bool) -> Vec<Option<&'a str>> {
        let mut seen = std::collections::HashSet::new();
        let mut entry = |uri: &'a str| known(uri) && seen.insert(uri);
        let locations = self.children.iter().map(|child| child.location.as_deref());
        locations.map(|location| location.filter(|uri| entry(uri))).collect()
    }

    /// The rule of an automatic playlist: the element without its name and without what only
    /// says how it is shown.
    pub(crate) fn rule(&self, text: &str) -> String {
        const SHOWN: [&str; 4] = ["name", "show-browser", "browser-position", "search-type"];
        let rule = self.attributes.iter().filter(|(name, _)| !SHOWN.contains(&&**name));
        let inner = self.inner.clone().map_or("", |inner| &text[inner]);
        format!("{}{inner}</playlist>", start_tag(rule, ">"))
    }
}

/// A start tag with these attributes, raw.
pub(crate) fn start_tag<'a>(
    attributes: impl Iterator<Item = &'a (String, String)>,
    end: &str,
) -> String {
    let mut tag = "<playlist".to_owned();
    for (name, raw) in attributes {
        let quote = if raw.contains('"') { '\'' } else { '"' };
        let _ = write!(tag, " {name}={quote}{raw}{quote}");
    }
    tag + end
}

/// A whole file.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// Static and automatic playlists.
    pub(crate) playlists: Vec<Playlist>,
    /// Where another playlist can be put, or the empty root element.
    pub(crate) tail: Range<usize>,
    /// What is there and cannot be carried, in words.
    pub(crate) losses: Vec<String>,
}

/// The id of a playlist: its kind, the how-manieth of this kind and name it is, its name.
pub(crate) fn native_id(kind: &CollectionKind, ordinal: usize, name: &str) -> NativeId {
    let kind = if kind.has_entries { "static" } else { "automatic" };
    NativeId::from(format!("{kind}:{ordinal}:{name}"))
}

/// Gives each kind and name its next number, from 1.
#[derive(Debug, Default)]
pub(crate) struct Ordinals(HashMap<(bool, String), usize>);

impl Ordinals {
    /// The id of the next playlist of this kind and name.
    pub(crate) fn next_id(&mut self, kind: &CollectionKind, name: &str) -> NativeId {
        let count = self.0.entry((kind.has_entries, name.to_owned())).or_default();
        *count += 1;
        native_id(kind, *count, name)
    }
}

/// Reads a whole file.
pub(crate) fn parse(text: &str, bounds: Bounds) -> Result<Shelf, Malformed> {
    let mut markup = Markup::new(text, bounds.depth)?;
    let (_, empty) = root(&mut markup, "rhythmdb-playlists")?;
    let mut shelf = Shelf { tail: markup.span(), ..Shelf::default() };
    let mut lead = markup.span().end;
    let mut ordinals = Ordinals::default();
    let mut left = bounds.entries;
    let mut open = !empty;
    while open {
        match markup.next()? {
            Piece::Open { name: "playlist", tag, empty } => {
                let attributes = markup.attributes(&tag)?;
                let head = Head { lead, start: markup.span(), attributes, empty };
                lead = playlist(&mut markup, head, &mut shelf, &mut ordinals, &mut left)?;
            }
            Piece::Open { empty, .. } => {
                if !empty {
                    markup.skip()?;
                }
                lead = markup.span().end;
            }
            Piece::Close => {
                shelf.tail = lead..lead;
                open = false;
            }
            Piece::Text(text) if text.trim_ascii().is_empty() => {}
            _ => lead = markup.span().end,
        }
    }
    finish(&mut markup)?;
    Ok(shelf)
}

struct Head {
    lead: usize,
    start: Range<usize>,
    attributes: Vec<(String, String, String)>,
    empty: bool,
}

/// Reads one playlist after its start tag; returns where it ends.
fn playlist(
    markup: &mut Markup<'_>,
    head: Head,
    shelf: &mut Shelf,
    ordinals: &mut Ordinals,
    left: &mut usize,
) -> Result<usize, Malformed> {
    let value = |wanted: &str| {
        let found = head.attributes.iter().find(|(name, _, _)| name == wanted);
        found.map(|(_, _, value)| value.clone())
    };
    let (name, kind) = (value("name"), value("type"));
    let mut children = Vec::new();
    let mut inner = None;
    if !head.empty {
        children = self::children(markup, left)?;
        inner = Some(head.start.end..markup.span().start);
    }
    let end = markup.span().end;
    let kind = match kind.as_deref() {
        Some("static") => &music::PLAYLIST,
        Some("automatic") => &music::SMART_PLAYLIST,
        Some("queue") => return Ok(end),
        other => {
            let other = other.unwrap_or_default();
            shelf.losses.push(format!("a playlist of the unknown type `{other}`"));
            return Ok(end);
        }
    };
    let Some(name) = name else {
        shelf.losses.push("a playlist without a name".to_owned());
        return Ok(end);
    };
    shelf.playlists.push(Playlist {
        id: ordinals.next_id(kind, &name),
        kind,
        name,
        attributes: head.attributes.into_iter().map(|(name, raw, _)| (name, raw)).collect(),
        lead: head.lead,
        span: head.start.start..end,
        inner,
        children,
    });
    Ok(end)
}

/// Reads the children of a playlist and its end tag.
fn children(markup: &mut Markup<'_>, left: &mut usize) -> Result<Vec<Child>, Malformed> {
    let mut children = Vec::new();
    let mut lead = markup.span().end;
    loop {
        let mut location = None;
        match markup.next()? {
            Piece::Open { name: "location", empty: false, .. } => {
                location = Some(characters(markup, "location")?.into_owned());
            }
            Piece::Open { empty: false, .. } => markup.skip()?,
            Piece::Close => return Ok(children),
            Piece::Text(text) if text.trim_ascii().is_empty() => continue,
            _ => {}
        }
        let more = || Malformed::too_large("too many entries in playlists".to_owned());
        *left = left.checked_sub(1).ok_or_else(more)?;
        let end = markup.span().end;
        children.push(Child { span: lead..end, location });
        lead = end;
    }
}
