//! `rhythmdb.xml`: entries and their elements, with the place of each in the bytes.
//!
//! Pure: text in, entries out. It knows which elements there are and in which order the app
//! writes them, not what their texts mean ([`crate::column`] does). Entries that are no songs
//! are stepped over.
//!
//! Invariant: what it accepts, Rhythmbox reads to the end.

use std::borrow::Cow;
use std::ops::Range;

use crate::markup::{Malformed, Markup, Piece};

macro_rules! tags {
    ($($name:ident = $text:literal;)*) => {
        /// The elements of a song, in the order in which the app writes them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Tag { $($name),* }

        impl Tag {
            /// The element of this name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }

            /// The element's name.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

tags! {
    Title = "title";
    Genre = "genre";
    Artist = "artist";
    Album = "album";
    TrackNumber = "track-number";
    TrackTotal = "track-total";
    DiscNumber = "disc-number";
    DiscTotal = "disc-total";
    Duration = "duration";
    FileSize = "file-size";
    Location = "location";
    Mountpoint = "mountpoint";
    Mtime = "mtime";
    FirstSeen = "first-seen";
    LastSeen = "last-seen";
    Rating = "rating";
    PlayCount = "play-count";
    LastPlayed = "last-played";
    Bitrate = "bitrate";
    Date = "date";
    MediaType = "media-type";
    Hidden = "hidden";
    Keyword = "keyword";
    MbTrack = "mb-trackid";
    MbArtist = "mb-artistid";
    MbAlbum = "mb-albumid";
    MbAlbumArtist = "mb-albumartistid";
    ArtistSortname = "mb-artistsortname";
    AlbumSortname = "album-sortname";
    Comment = "comment";
    AlbumArtist = "album-artist";
    AlbumArtistSortname = "album-artist-sortname";
    Bpm = "beats-per-minute";
    Composer = "composer";
    ComposerSortname = "composer-sortname";
}

/// How much of a library is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Bytes of one file.
    pub(crate) bytes: u64,
    /// Entries of the library, and locations in all playlists.
    pub(crate) entries: usize,
    /// Elements within elements.
    pub(crate) depth: usize,
}

/// The bounds in use.
pub(crate) const BOUNDS: Bounds = Bounds { bytes: 2 << 30, entries: 10_000_000, depth: 64 };

/// One element of a song.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// Which one it is; `None` for one that this translator does not know.
    pub(crate) tag: Option<Tag>,
    /// From `<` to `>` of the closing tag.
    pub(crate) span: Range<usize>,
    /// What stands between the tags; `None` for `<tag/>`.
    pub(crate) inner: Option<Range<usize>>,
    /// Where the blanks before it begin.
    pub(crate) lead: usize,
    /// The text, as the app sees it; empty for unknown elements.
    pub(crate) text: Cow<'a, str>,
}

/// One `<entry type="song">`, or one of the type `ignore`.
#[derive(Debug, Default)]
pub(crate) struct Song<'a> {
    /// Where it begins.
    pub(crate) start: usize,
    /// Where its start tag ends.
    pub(crate) head: usize,
    /// Its elements, in order.
    pub(crate) elements: Vec<Element<'a>>,
    /// It is of the type `ignore`: the app does not list it.
    pub(crate) is_ignored: bool,
}

impl<'a> Song<'a> {
    /// The element of this kind that counts: the app keeps the last one.
    pub(crate) fn element(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.iter().rfind(|element| element.tag == Some(tag))
    }

    /// The text of that element.
    pub(crate) fn text(&self, tag: Tag) -> Option<&str> {
        self.element(tag).map(|element| &*element.text)
    }

    /// The key of the song; the app drops songs without one.
    pub(crate) fn location(&self) -> Option<&str> {
        self.text(Tag::Location).filter(|location| !location.is_empty())
    }
}

/// The version of the format that this translator may write, times 100.
const VERSION: f64 = 200.0;

/// The songs of a library, one after the other.
#[derive(Debug)]
pub(crate) struct Songs<'a> {
    markup: Markup<'a>,
    version: Option<String>,
    left: usize,
    bounds: Bounds,
    done: bool,
    /// Whether ignored entries are read too.
    with_ignored: bool,
    /// Where another entry can be put, once all are read.
    tail: Option<usize>,
}

impl<'a> Songs<'a> {
    /// Starts to read `text`.
    pub(crate) fn open(text: &'a str, bounds: Bounds) -> Result<Self, Malformed> {
        let mut markup = Markup::new(text, bounds.depth)?;
        let (attributes, empty) = root(&mut markup, "rhythmdb")?;
        let mut version = None;
        for (name, _, value) in attributes {
            if name != "version" {
                let what = format!("`{name}` on <rhythmdb>, at which Rhythmbox would abort");
                return Err(markup.wrong(what));
            }
            version = Some(value);
        }
        if empty {
            finish(&mut markup)?;
        }
        Ok(Self {
            markup,
            version,
            left: bounds.entries,
            bounds,
            done: empty,
            with_ignored: false,
            tail: None,
        })
    }

    /// Reads also the entries that the app ignores.
    pub(crate) fn with_ignored(self) -> Self {
        Self { with_ignored: true, ..self }
    }

    /// Where another entry can be put, once all are read.
    pub(crate) fn tail(&self) -> Option<usize> {
        self.tail
    }

    /// Why this library must not be written, if so.
    pub(crate) fn read_only(&self) -> Option<String> {
        let version = self.version.as_deref()?;
        let number = version.trim().parse::<f64>().map_or(100.0, |number| (number * 100.0).round());
        if number > VERSION {
            return Some(format!("its format {version} is newer than 2.0, which Segue knows"));
        }
        (number < VERSION).then(|| {
            format!("its format {version} is old; Rhythmbox will convert it when it starts next")
        })
    }

    /// Reads the next song into `song`; `false` when there is none.
    pub(crate) fn next(&mut self, song: &mut Song<'a>) -> Result<bool, Malformed> {
        while !self.done {
            match self.markup.next()? {
                Piece::Open { name: "entry", tag, empty } => {
                    self.count()?;
                    let kind = self.markup.attributes(&tag)?;
                    let kind = kind.iter().find(|(name, _, _)| name == "type");
                    let Some((_, _, kind)) = kind else {
                        return Err(self.markup.wrong("an entry without a type"));
                    };
                    song.is_ignored = kind == "ignore";
                    if kind == "song" || (song.is_ignored && self.with_ignored) {
                        self.song(empty, song)?;
                        return Ok(true);
                    }
                    if !empty {
                        self.markup.skip()?;
                    }
                }
                Piece::Open { empty: false, .. } => self.markup.skip()?,
                Piece::Close => {
                    self.tail = Some(self.markup.span().start);
                    finish(&mut self.markup)?;
                    self.done = true;
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn count(&mut self) -> Result<(), Malformed> {
        let more = || Malformed::too_large(format!("more than {} entries", self.bounds.entries));
        self.left = self.left.checked_sub(1).ok_or_else(more)?;
        Ok(())
    }

    fn song(&mut self, empty: bool, song: &mut Song<'a>) -> Result<(), Malformed> {
        let span = self.markup.span();
        song.elements.clear();
        (song.start, song.head) = (span.start, span.end);
        let mut lead = span.end;
        if empty {
            return Ok(());
        }
        loop {
            match self.markup.next()? {
                Piece::Open { name, empty, .. } => {
                    let element = self.element(name, empty, lead)?;
                    lead = element.span.end;
                    song.elements.push(element);
                }
                Piece::Close => return Ok(()),
                Piece::Text(text) if text.trim_ascii().is_empty() => {}
                _ => lead = self.markup.span().end,
            }
        }
    }

    fn element(
        &mut self,
        name: &'a str,
        empty: bool,
        lead: usize,
    ) -> Result<Element<'a>, Malformed> {
        let tag = Tag::named(name);
        let open = self.markup.span();
        if empty {
            return Ok(Element { tag, span: open, inner: None, lead, text: Cow::Borrowed("") });
        }
        let mut text = Cow::Borrowed("");
        if tag.is_some() {
            text = characters(&mut self.markup, name)?;
        } else {
            self.markup.skip()?;
        }
        let close = self.markup.span();
        let inner = Some(open.end..close.start);
        Ok(Element { tag, span: open.start..close.end, inner, lead, text })
    }
}

/// An attribute: its name, its raw value, its value.
pub(crate) type Attribute = (String, String, String);

/// Reads up to the root element; its attributes, and whether it is empty.
pub(crate) fn root(
    markup: &mut Markup<'_>,
    expected: &str,
) -> Result<(Vec<Attribute>, bool), Malformed> {
    loop {
        match markup.next()? {
            Piece::Open { name, tag, empty } if name == expected => {
                return Ok((markup.attributes(&tag)?, empty));
            }
            Piece::Open { name, .. } => {
                let what =
                    format!("this is no file of Rhythmbox: <{name}> instead of <{expected}>");
                return Err(markup.wrong(what));
            }
            Piece::End => return Err(markup.wrong("there is no element; the file is empty")),
            piece => blank(markup, &piece)?,
        }
    }
}

/// Reads what follows the root element: nothing but blanks and comments.
pub(crate) fn finish(markup: &mut Markup<'_>) -> Result<(), Malformed> {
    loop {
        match markup.next()? {
            Piece::End => return Ok(()),
            Piece::Open { .. } => return Err(markup.wrong("a second root element")),
            piece => blank(markup, &piece)?,
        }
    }
}

fn blank(markup: &Markup<'_>, piece: &Piece<'_>) -> Result<(), Malformed> {
    match piece {
        Piece::Aside => Ok(()),
        Piece::Text(text) if text.trim_ascii().is_empty() => Ok(()),
        _ => Err(markup.wrong("text outside of the root element")),
    }
}

/// The text of the element `name` that was opened last; reads its end tag.
pub(crate) fn characters<'a>(
    markup: &mut Markup<'a>,
    name: &str,
) -> Result<Cow<'a, str>, Malformed> {
    let mut text = Cow::Borrowed("");
    loop {
        match markup.next()? {
            Piece::Text(more) if text.is_empty() => text = more,
            Piece::Text(more) => text.to_mut().push_str(&more),
            Piece::Char(character) => text.to_mut().push(character),
            Piece::Open { .. } => {
                return Err(markup.wrong(format_args!("an element inside of <{name}>")));
            }
            Piece::Close => return Ok(text),
            Piece::Aside | Piece::End => {}
        }
    }
}
