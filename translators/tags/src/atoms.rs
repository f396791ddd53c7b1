//! The boxes of an MP4 file, as far as they say that it is protected or was bought.
//!
//! `lofty` reads what the boxes hold and passes over what it cannot read; here it counts that a box is
//! there at all.
//!
//! Invariant: a walk ends: each box ends after it begins, lies in the one around it, and their number is
//! bounded.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// Most boxes in one box.
const BOXES_MAX: usize = 10_000;

type Name = [u8; 4];

/// The names of the boxes that hold tags.
pub(crate) fn tags(reader: &mut (impl Read + Seek)) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for meta in below(reader, &[*b"moov", *b"udta", *b"meta"])? {
        // In MP4 there are four bytes of version before the boxes, in QuickTime there are none.
        for skip in [4, 0] {
            let inside = meta.start.saturating_add(skip)..meta.end;
            for (name, range) in boxes(reader, inside)? {
                if &name == b"ilst" {
                    names.extend(boxes(reader, range)?.into_iter().map(|(name, _)| name));
                }
            }
        }
    }
    Ok(names)
}

/// The kinds of the samples: `mp4a`, or `drms` where they are protected.
pub(crate) fn samples(reader: &mut (impl Read + Seek)) -> io::Result<Vec<Name>> {
    let path = [*b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"stsd"];
    let mut names = Vec::new();
    for stsd in below(reader, &path)? {
        let entries = stsd.start.saturating_add(8)..stsd.end;
        names.extend(boxes(reader, entries)?.into_iter().map(|(name, _)| name));
    }
    Ok(names)
}

/// The content of every box at this path.
fn below(reader: &mut (impl Read + Seek), path: &[Name]) -> io::Result<Vec<Range<u64>>> {
    let whole = 0..reader.seek(SeekFrom::End(0))?;
    let mut level = Vec::from([whole]);
    for wanted in path {
        let mut next = Vec::new();
        for outer in level {
            let inside = boxes(reader, outer)?.into_iter();
            next.extend(inside.filter(|(name, _)| name == wanted).map(|(_, range)| range));
        }
        level = next;
    }
    Ok(level)
}

/// The boxes in a range, and where their content lies.
fn boxes(
    reader: &mut (impl Read + Seek),
    inside: Range<u64>,
) -> io::Result<Vec<(Name, Range<u64>)>> {
    let mut found = Vec::new();
    let mut at = inside.start;
    while at.saturating_add(8) <= inside.end && found.len() < BOXES_MAX {
        reader.seek(SeekFrom::Start(at))?;
        let [mut size, mut name] = [[0; 4]; 2];
        reader.read_exact(&mut size)?;
        reader.read_exact(&mut name)?;
        let (header, length) = match u32::from_be_bytes(size) {
            0 => (8, inside.end - at),
            1 => {
                let mut long = [0; 8];
                reader.read_exact(&mut long)?;
                (16, u64::from_be_bytes(long))
            }
            size => (8, u64::from(size)),
        };
        let end = at.saturating_add(length).min(inside.end);
        if length < header || end < at + header {
            break;
        }
        found.push((name, at + header..end));
        at = end;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32 + 8).to_be_bytes()[..], name, content].concat()
    }

    fn in_moov(path: &[&[u8]], content: Vec<u8>) -> Vec<u8> {
        let moov = path.iter().rev().fold(content, |content, name| boxed(name, &content));
        [boxed(b"ftyp", b"M4A "), boxed(b"moov", &moov)].concat()
    }

    #[test]
    fn tags_and_samples_are_found_by_their_boxes() {
        let ilst = boxed(b"ilst", &[boxed(b"apID", b"?"), boxed(b"purd", b"")].concat());
        for before in [&b"\0\0\0\0"[..], b""] {
            let file = in_moov(&[b"udta", b"meta"], [before, &ilst].concat());
            assert_eq!(tags(&mut Cursor::new(&file)).unwrap(), [*b"apID", *b"purd"]);
            assert_eq!(samples(&mut Cursor::new(&file)).unwrap(), [[0; 4]; 0]);
        }
        let stsd = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &boxed(b"drms", &[0; 40])].concat();
        let file = in_moov(&[b"trak", b"mdia", b"minf", b"stbl", b"stsd"], stsd);
        assert_eq!(samples(&mut Cursor::new(&file)).unwrap(), [*b"drms"]);
    }

    #[test]
    fn boxes_that_claim_too_much_or_nothing_end() {
        for size in [0, 1, 2, 7, 8, u32::MAX] {
            let file = [&size.to_be_bytes()[..], b"moov", &[0xff; 30]].concat();
            let _ = tags(&mut Cursor::new(&file));
            let _ = samples(&mut Cursor::new(&file));
        }
        let empty = boxed(b"free", b"").repeat(BOXES_MAX + 9);
        assert_eq!(
            boxes(&mut Cursor::new(&empty), 0..empty.len() as u64).unwrap().len(),
            BOXES_MAX
        );
    }
}
