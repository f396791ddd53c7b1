//! The elements of a small XML text, flat and in their order; it knows nothing of books.
//!
//! Document types are stepped over and no entity of their own is ever expanded: a text that needs one is
//! refused. Depth, elements and attributes are bounded, because a text may come from anyone.
//!
//! Invariant: a text that is not well-formed to its end has no elements at all.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

const DEPTH_MAX: usize = 64;
const ELEMENTS_MAX: usize = 100_000;
const ATTRIBUTES_MAX: usize = 64;

/// One element; names are without their prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// The text right inside of it.
    pub(crate) text: String,
    /// The place of the element around it.
    pub(crate) within: Option<usize>,
}

impl Element {
    /// The value of an attribute, without blanks around it.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| known == name)?;
        Some(value.trim())
    }
}

/// All elements of a text.
pub(crate) fn elements(bytes: &[u8]) -> Result<Vec<Element>, String> {
    let text = decoded(bytes)?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let (mut all, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Start(tag) => {
                let within = open.last().copied();
                open.push(all.len());
                all.push(element(&tag, within)?);
            }
            Event::Empty(tag) => all.push(element(&tag, open.last().copied())?),
            Event::End(_) => drop(open.pop()),
            Event::Text(text) => add(&mut all, &open, &text.into_inner()),
            Event::CData(text) => add(&mut all, &open, &text.into_inner()),
            Event::GeneralRef(name) => {
                add(&mut all, &open, character(&name)?.encode_utf8(&mut [0; 4]));
            }
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
            Event::Eof if open.is_empty() && !all.is_empty() => return Ok(all),
            Event::Eof => return Err("the text ends too early".into()),
        }
        if open.len() > DEPTH_MAX {
            return Err(format!("elements lie more than {DEPTH_MAX} deep"));
        }
        if all.len() > ELEMENTS_MAX {
            return Err(format!("more than {ELEMENTS_MAX} elements"));
        }
    }
}

/// UTF-8, or UTF-16 that says so by its first two bytes.
fn decoded(bytes: &[u8]) -> Result<String, String> {
    let number = match bytes {
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        _ => return String::from_utf8(bytes.to_vec()).map_err(|_| "it is no UTF-8".into()),
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| number(*pair)).collect();
    String::from_utf16(&units)
        .ok()
        .filter(|_| rest.is_empty())
        .ok_or_else(|| "it is no UTF-16".into())
}

fn element(tag: &BytesStart<'_>, within: Option<usize>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    // The check for names that come twice takes time in the square of their number.
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        attributes.push((local(attribute.key.0), value.into_owned()));
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(format!("more than {ATTRIBUTES_MAX} attributes of one element"));
        }
    }
    Ok(Element { name: local(tag.name().0), attributes, text: String::new(), within })
}

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_owned()
}

fn add(all: &mut [Element], open: &[usize], text: &str) {
    if let Some(element) = open.last().and_then(|at| all.get_mut(*at)) {
        element.text.push_str(text);
    }
}

fn character(name: &BytesRef<'_>) -> Result<char, String> {
    let resolved = name.resolve_char_ref().map_err(|error| error.to_string())?;
    let known = || match &**name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    };
    resolved.or_else(known).ok_or_else(|| format!("`&{};` is no character", &**name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_of_its_own_are_refused_and_not_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        assert_eq!(elements(bomb.as_bytes()), Err("`&c;` is no character".into()));
        assert!(elements(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a d=\"&b;\"/>").is_err());
        assert_eq!(elements(b"<a>&lt;&#x4e00;</a>").unwrap()[0].text, "<\u{4e00}");
    }

    #[test]
    fn depth_elements_and_attributes_are_bounded_and_cut_texts_are_refused() {
        for hostile in [
            "<a>".repeat(100_000),
            format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX)),
            format!("<a {}/>", "b='' ".repeat(100_000)),
            "<a><b></b>".into(),
            "<a></b>".into(),
            String::new(),
            "no markup".into(),
        ] {
            assert!(elements(hostile.as_bytes()).is_err(), "{hostile:.20}");
        }
    }

    #[test]
    fn two_encodings_are_read() {
        let utf16: Vec<u8> = "\u{feff}<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let expected = elements("\u{feff}<a>é</a>".as_bytes());
        assert_eq!(elements(&utf16), expected);
        assert!(elements(&utf16[..utf16.len() - 1]).is_err());
        assert!(elements(b"<a>\xe9</a>").is_err());
    }
}
