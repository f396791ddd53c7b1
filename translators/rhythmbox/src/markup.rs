//! A strict, borrowing view of an XML text: tags with their place in the bytes, and characters.
//!
//! It refuses what Rhythmbox's own parser (libxml2) refuses, because that parser stops at the
//! first error and the app then saves only what came before. It also refuses what no library of
//! Rhythmbox holds and an attacker would send: document types, own entities, deep nesting. It
//! knows neither of the two formats.
//!
//! Invariant: every range it reports is a range of the text it was given.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use segue_translator::ErrorKind;

use crate::escape::is_character;

/// Why a text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// `Corrupt` or `TooLarge`.
    pub(crate) kind: ErrorKind,
    /// What is wrong and where, in words.
    pub(crate) detail: String,
}

impl Malformed {
    /// Wrong at this byte.
    pub(crate) fn at(position: usize, what: impl std::fmt::Display) -> Self {
        Self { kind: ErrorKind::Corrupt, detail: format!("{what} (at byte {position})") }
    }

    /// More than is accepted.
    pub(crate) fn too_large(what: String) -> Self {
        Self { kind: ErrorKind::TooLarge, detail: what }
    }
}

/// One step through the text.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// `<name …>` or `<name …/>`.
    Open { name: &'a str, tag: BytesStart<'a>, empty: bool },
    /// `</name>`.
    Close,
    /// Characters, line ends normalised.
    Text(Cow<'a, str>),
    /// A character that was written as a reference.
    Char(char),
    /// A comment or an instruction: nothing for an app.
    Aside,
    /// The end of the text.
    End,
}

/// Walks through an XML text.
#[derive(Debug)]
pub(crate) struct Markup<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    start: usize,
    depth: usize,
    depth_max: usize,
    /// Whether the text holds a carriage return at all.
    returns: bool,
    /// Whether the text holds `]]>` at all.
    section_ends: bool,
}

impl<'a> Markup<'a> {
    /// Starts at the beginning of `text`, which has no byte order mark.
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Result<Self, Malformed> {
        if let Some(position) = first_control(text.as_bytes()) {
            return Err(Malformed::at(position, "a control character"));
        }
        if let Some(position) = ["\u{fffe}", "\u{ffff}"].iter().find_map(|bad| text.find(bad)) {
            return Err(Malformed::at(position, "a character that XML forbids"));
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        let (returns, section_ends) = (text.contains('\r'), text.contains("]]>"));
        Ok(Self { text, reader, start: 0, depth: 0, depth_max, returns, section_ends })
    }

    /// Where the last piece stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.position()
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Result<Piece<'a>, Malformed> {
        self.start = self.position();
        let event =
            self.reader.read_event().map_err(|error| Malformed::at(self.position(), error))?;
        match event {
            Event::Start(tag) => self.open(tag, false),
            Event::Empty(tag) => self.open(tag, true),
            Event::End(_) => {
                self.depth -= 1;
                Ok(Piece::Close)
            }
            Event::Text(text) => {
                if self.section_ends && text.contains("]]>") {
                    return Err(self.wrong("`]]>` in a text"));
                }
                Ok(Piece::Text(self.line_ends(text.into_inner())))
            }
            Event::CData(text) => Ok(Piece::Text(self.line_ends(text.into_inner()))),
            Event::GeneralRef(reference) => self.character(&reference).map(Piece::Char),
            Event::Comment(_) | Event::PI(_) => Ok(Piece::Aside),
            Event::Decl(declaration) => self.declaration(&declaration).map(|()| Piece::Aside),
            Event::DocType(_) => Err(self.wrong("a document type, which Rhythmbox never writes")),
            Event::Eof if self.depth > 0 => {
                Err(self.wrong("the text ends inside an element; the file is cut short"))
            }
            Event::Eof => Ok(Piece::End),
        }
    }

    /// Steps over the rest of the element that was opened last.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The attributes of a tag: names, raw values, and values as an app sees them.
    pub(crate) fn attributes(
        &self,
        tag: &BytesStart<'a>,
    ) -> Result<Vec<(String, String, String)>, Malformed> {
        tag.attributes()
            .map(|attribute| {
                let attribute = attribute.map_err(|error| self.wrong(error))?;
                let value = attribute
                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                    .map_err(|error| self.wrong(error))?
                    .into_owned();
                if attribute.value.contains('<') || !value.chars().all(is_character) {
                    return Err(self.wrong("a character that no attribute may hold"));
                }
                Ok((attribute.key.0.to_owned(), attribute.value.into_owned(), value))
            })
            .collect()
    }

    /// This is wrong where the last piece stands.
    pub(crate) fn wrong(&self, what: impl std::fmt::Display) -> Malformed {
        Malformed::at(self.start, what)
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len())
    }

    fn open(&mut self, tag: BytesStart<'a>, empty: bool) -> Result<Piece<'a>, Malformed> {
        if self.depth >= self.depth_max {
            let detail = format!("elements nested deeper than {}", self.depth_max);
            return Err(Malformed::too_large(detail));
        }
        let from = self.start + 1;
        let name = self.text.get(from..from + tag.name().0.len()).unwrap_or_default();
        if name.is_empty() {
            return Err(self.wrong("a tag without a name"));
        }
        if !tag.attributes_raw().is_empty() {
            self.attributes(&tag)?;
        }
        if !empty {
            self.depth += 1;
        }
        Ok(Piece::Open { name, tag, empty })
    }

    fn character(&self, reference: &BytesRef<'a>) -> Result<char, Malformed> {
        let resolved = reference.resolve_char_ref().map_err(|error| self.wrong(error))?;
        let character = resolved.or_else(|| match &**reference {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => None,
        });
        character
            .filter(|character| is_character(*character))
            .ok_or_else(|| self.wrong(format_args!("`&{};` is no character", &**reference)))
    }

    fn declaration(&self, declaration: &BytesDecl<'a>) -> Result<(), Malformed> {
        if self.start > 0 {
            return Err(self.wrong("a second XML declaration"));
        }
        let Some(encoding) = declaration.encoding() else { return Ok(()) };
        let encoding = encoding.map_err(|error| self.wrong(error))?;
        if ["utf-8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
            return Ok(());
        }
        Err(self.wrong(format_args!("the encoding is `{encoding}`, not UTF-8")))
    }

    fn line_ends(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.returns && text.contains('\r') {
            return Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"));
        }
        text
    }
}

/// The first control character that XML forbids. In blocks, because almost always there is none
/// and a block without branches is many times faster.
fn first_control(bytes: &[u8]) -> Option<usize> {
    let forbidden = |byte: u8| (byte < b' ') & !matches!(byte, b'\t' | b'\n' | b'\r');
    let any = |block: &[u8]| block.iter().fold(false, |any, byte| any | forbidden(*byte));
    let block = bytes.chunks(4096).position(any)? * 4096;
    bytes[block..].iter().position(|byte| forbidden(*byte)).map(|position| block + position)
}
