//! Frames of ID3v2 that `lofty` has no model for, or not for all of their kind: who rates, who sold the
//! file, on which terms.
//!
//! `id3` decodes them, one by one: it is given a tag of a single frame, cut out of the file's. So a frame
//! that is damaged harms no other, and what it could unpack without bounds (compressed frames, chapters in
//! chapters) it never sees. Text frames are `lofty`'s.
//!
//! Invariant: a frame that limits and cannot be read is reported as that, never passed over.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use id3::frame::Content;

use crate::rating::{Rater, Said};

/// Longest tag that is read, pictures included.
pub(crate) const TAG_BYTES_MAX: u64 = 16 << 20;
/// Longest frame of those that are read here.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// Most tags that may follow each other, and most chunks of a file.
const PARTS_MAX: usize = 1_000;
const HEADER: usize = 10;

/// A frame that limits what may be done with a file, by the name of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limiting {
    /// `OWNE`, `USER` or `COMR`.
    pub(crate) id: &'static str,
    /// Its content; `None` if it cannot be read.
    pub(crate) content: Option<Vec<u8>>,
}

const LIMITING: [&str; 3] = ["OWNE", "USER", "COMR"];
/// The rest of what is read; the last two are their names in ID3v2.2, which has no limits.
const COUNTING: [&str; 4] = ["POPM", "PCNT", "POP", "CNT"];

/// Every ID3v2 tag of a file: those at its start, and those in chunks of WAV and AIFF.
pub(crate) fn tags(reader: &mut (impl Read + Seek)) -> io::Result<Vec<Vec<u8>>> {
    let mut tags = Vec::new();
    let mut start = [0; 12];
    reader.rewind()?;
    let read = fill(reader, &mut start)?;
    match (&start[..4], &start[8..]) {
        (b"RIFF", b"WAVE") => chunks(reader, u32::from_le_bytes, &mut tags)?,
        (b"FORM", b"AIFF" | b"AIFC") => chunks(reader, u32::from_be_bytes, &mut tags)?,
        _ if read >= HEADER => {
            let mut at = 0;
            while let Some(tag) = tag_at(reader, at)? {
                at += tag.len() as u64;
                tags.push(tag);
                if tags.len() > PARTS_MAX || at > TAG_BYTES_MAX {
                    return Err(too_large());
                }
            }
        }
        _ => {}
    }
    Ok(tags)
}

/// Adds what the tag says of ratings and counts to `said`, and its limits to `limits`.
pub(crate) fn read(
    tag: &[u8],
    said: &mut Said,
    limits: &mut Vec<Limiting>,
    losses: &mut Vec<String>,
) {
    for frame in Cuts::of(tag) {
        let limiting = LIMITING.into_iter().find(|id| *id == frame.id);
        let decoded = frame.alone.and_then(|alone| decode(&alone));
        match (limiting, decoded) {
            (Some(id), content) => {
                let content = content.and_then(|content| match content {
                    Content::Unknown(unknown) => Some(unknown.data),
                    _ => None,
                });
                limits.push(Limiting { id, content });
            }
            (None, Some(Content::Popularimeter(popm))) => {
                let rater = Rater { name: popm.user, byte: popm.rating, plays: popm.counter };
                said.raters.push(rater);
            }
            (None, Some(Content::Unknown(count))) => said.counters.push(number(&count.data)),
            (None, _) => losses.push(format!("a frame {} that cannot be read", frame.id)),
        }
    }
}

fn decode(alone: &[u8]) -> Option<Content> {
    let tag = id3::Tag::read_from2(Cursor::new(alone)).ok()?;
    tag.frames().next().map(|frame| frame.content().clone())
}

/// A number of any length.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0_u64, |sum, byte| sum.saturating_mul(256).saturating_add(u64::from(*byte)))
}

fn too_large() -> io::Error {
    let detail = format!("its tag has more than {TAG_BYTES_MAX} bytes");
    io::Error::new(io::ErrorKind::FileTooLarge, detail)
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut bytes = Vec::new();
    reader.take(buffer.len() as u64).read_to_end(&mut bytes)?;
    buffer[..bytes.len()].copy_from_slice(&bytes);
    Ok(bytes.len())
}

/// The whole tag that begins at this place, if one does.
fn tag_at(reader: &mut (impl Read + Seek), at: u64) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; HEADER];
    reader.seek(SeekFrom::Start(at))?;
    if fill(reader, &mut header)? < HEADER || !header.starts_with(b"ID3") {
        return Ok(None);
    }
    let size = u64::from(synchsafe([header[6], header[7], header[8], header[9]]));
    if size > TAG_BYTES_MAX {
        return Err(too_large());
    }
    let mut tag = header.to_vec();
    reader.take(size).read_to_end(&mut tag)?;
    Ok(Some(tag))
}

/// The tags in a file of chunks, each with a name and a length.
fn chunks(
    reader: &mut (impl Read + Seek),
    length: fn([u8; 4]) -> u32,
    tags: &mut Vec<Vec<u8>>,
) -> io::Result<()> {
    let mut at = 12;
    for _ in 0..PARTS_MAX {
        let mut header = [0; 8];
        reader.seek(SeekFrom::Start(at))?;
        if fill(reader, &mut header)? < header.len() {
            break;
        }
        if header[..4].eq_ignore_ascii_case(b"ID3 ") {
            tags.extend(tag_at(reader, at + 8)?);
        }
        let size = u64::from(length([header[4], header[5], header[6], header[7]]));
        at += 8 + size + size % 2;
    }
    Ok(())
}

/// A number of four times seven bits.
fn synchsafe(bytes: [u8; 4]) -> u32 {
    bytes.into_iter().fold(0, |sum, byte| sum << 7 | u32::from(byte & 0x7f))
}

/// A frame of the kinds that are read here.
struct Cut {
    id: &'static str,
    /// It, in a tag of its own; `None` if it is packed, encrypted, or too long.
    alone: Option<Vec<u8>>,
}

/// Walks over the frames of a tag.
struct Cuts {
    version: u8,
    body: Vec<u8>,
    at: usize,
}

impl Cuts {
    fn of(tag: &[u8]) -> Self {
        let (version, flags) = match tag {
            [_, _, _, version @ 2..=4, _, flags, ..] => (*version, *flags),
            _ => return Self { version: 0, body: Vec::new(), at: 0 },
        };
        let mut body = tag.get(HEADER..).unwrap_or_default().to_vec();
        if flags & 0x80 != 0 && version < 4 {
            body = synchronised(&body);
        }
        let at = match (flags & 0x40 != 0, version, body.first_chunk()) {
            (true, 3, Some(size)) => 4_usize.saturating_add(u32::from_be_bytes(*size) as usize),
            (true, 4, Some(size)) => synchsafe(*size) as usize,
            _ => 0,
        };
        Self { version, body, at }
    }

    /// The frame here: its name, where its content begins and where it ends.
    fn frame(&self) -> Option<(&[u8], usize, usize)> {
        let rest = self.body.get(self.at..)?;
        let (name, header, size) = match (self.version, rest) {
            (2, [_, _, _, x, y, z, ..]) => (3, 6, u32::from_be_bytes([0, *x, *y, *z])),
            (_, [_, _, _, _, w, x, y, z, _, _, ..]) => {
                let size = [*w, *x, *y, *z];
                // Old versions of iTunes wrote plain numbers into ID3v2.4.
                let plain = self.version == 3 || size.iter().any(|byte| *byte > 0x7f);
                (4, HEADER, if plain { u32::from_be_bytes(size) } else { synchsafe(size) })
            }
            _ => return None,
        };
        let name = &rest[..name];
        let is_name = name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let content = self.at + header;
        let end = content.checked_add(size as usize)?;
        (is_name && end <= self.body.len()).then_some((name, content, end))
    }

    /// Whether the frame here is packed, encrypted or of a group.
    fn is_wrapped(&self) -> bool {
        let flags = self.body.get(self.at + 9).copied().unwrap_or_default();
        match self.version {
            2 => false,
            3 => flags & 0xe0 != 0,
            _ => flags & 0x4c != 0,
        }
    }

    /// The frame here, in a tag of its own.
    fn alone(&self, content: usize, end: usize) -> Option<Vec<u8>> {
        if self.is_wrapped() || end - content > FRAME_BYTES_MAX {
            return None;
        }
        let frame = &self.body[self.at..end];
        let size = frame.len() as u32;
        let mut alone = vec![b'I', b'D', b'3', self.version, 0, 0];
        alone.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
        alone.extend(frame);
        if self.version == 4 {
            // As it was counted here.
            let size = (end - content) as u32;
            let size = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
            alone[HEADER + 4..HEADER + 8].copy_from_slice(&size);
        }
        Some(alone)
    }
}

impl Iterator for Cuts {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        loop {
            let Some((name, content, end)) = self.frame() else {
                // Padding, or damage: then a limit may lie in what cannot be walked.
                let rest = self.body.split_off(self.at.min(self.body.len()));
                self.at = 0;
                self.body.clear();
                let lies = |id: &&str| rest.windows(4).any(|name| name == id.as_bytes());
                return LIMITING.into_iter().find(lies).map(|id| Cut { id, alone: None });
            };
            let known = LIMITING.into_iter().chain(COUNTING).find(|id| id.as_bytes() == name);
            let cut = known.map(|id| Cut { id, alone: self.alone(content, end) });
            self.at = end;
            if cut.is_some() {
                return cut;
            }
        }
    }
}

/// Takes out the zeros that keep a tag from looking like sound.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut last = 0;
    let keep = |byte: &u8| {
        let inserted = last == 0xff && *byte == 0;
        last = *byte;
        !inserted
    };
    bytes.iter().copied().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use id3::frame::{Popularimeter, Unknown};
    use id3::{Encoder, Frame, Tag, TagLike as _, Version};

    fn popm(user: &str, rating: u8, counter: u64) -> Frame {
        let popm = Popularimeter { user: user.into(), rating, counter };
        Frame::with_content("POPM", Content::Popularimeter(popm))
    }

    fn unknown(id: &str, data: &[u8], version: Version) -> Frame {
        Frame::with_content(id, Content::Unknown(Unknown { data: data.to_vec(), version }))
    }

    fn found(tag: &[u8]) -> (Said, Vec<Limiting>, Vec<String>) {
        let (mut said, mut limits, mut losses) = (Said::default(), Vec::new(), Vec::new());
        for tag in tags(&mut Cursor::new(tag)).unwrap() {
            read(&tag, &mut said, &mut limits, &mut losses);
        }
        (said, limits, losses)
    }

    fn written(version: Version, frames: Vec<Frame>, change: fn(Encoder) -> Encoder) -> Vec<u8> {
        let mut tag = Tag::with_version(version);
        tag.set_title("\u{ff}\u{e0} Ünsynchronised");
        for frame in frames {
            tag.add_frame(frame);
        }
        let mut bytes = Vec::new();
        change(Encoder::new().version(version)).encode(&tag, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn frames_are_found_in_every_version_however_it_is_written() {
        let changes: [fn(Encoder) -> Encoder; 3] =
            [|plain| plain, |plain| plain.unsynchronisation(true), |plain| plain.padding(99)];
        for version in [Version::Id3v22, Version::Id3v23, Version::Id3v24] {
            for change in changes {
                let mut frames = vec![popm("a", 196, 7), popm("b", 255, 0x00ff_00ff)];
                if version != Version::Id3v22 {
                    frames.push(unknown("PCNT", &[0, 0, 1, 0], version));
                    frames.push(unknown("USER", b"\0engone", version));
                    frames.push(unknown("USER", b"\0fratwo\xff\0\xff\xe0", version));
                }
                let (said, limits, losses) = found(&written(version, frames, change));
                let name = |name: &str, byte, plays| Rater { name: name.into(), byte, plays };
                assert_eq!(said.raters, [name("a", 196, 7), name("b", 255, 0x00ff_00ff)]);
                assert_eq!(losses, Vec::<String>::new());
                if version != Version::Id3v22 {
                    assert_eq!(said.counters, [256]);
                    let of =
                        |content: &[u8]| Limiting { id: "USER", content: Some(content.to_vec()) };
                    assert_eq!(limits, [of(b"\0engone"), of(b"\0fratwo\xff\0\xff\xe0")]);
                }
            }
        }
    }

    #[test]
    fn a_limit_that_is_packed_or_lies_in_damage_is_there_and_unreadable() {
        let owne = || unknown("OWNE", &[b'0'; 400], Version::Id3v24);
        let unreadable = [Limiting { id: "OWNE", content: None }];
        for (version, flag) in [(Version::Id3v23, 0x80), (Version::Id3v24, 8), (Version::Id3v24, 4)]
        {
            let mut packed = written(version, vec![owne()], |plain| plain);
            let at = packed.windows(4).position(|name| name == b"OWNE").unwrap();
            packed[at + 9] = flag;
            assert_eq!(found(&packed).1, unreadable);
        }
        let mut torn = written(Version::Id3v24, vec![owne()], |plain| plain);
        torn.truncate(torn.len() - 99);
        assert_eq!(found(&torn).1, unreadable);
        let whole = written(Version::Id3v24, vec![owne()], |plain| plain);
        assert_eq!(found(&whole).1, [Limiting { id: "OWNE", content: Some(vec![b'0'; 400]) }]);
    }

    #[test]
    fn tags_lie_in_chunks_too_and_several_may_follow_each_other() {
        let tag = written(Version::Id3v23, vec![popm("a", 1, 1)], |plain| plain);
        let length = tag.len() as u32;
        let wav =
            [b"RIFF____WAVEjunk\x03\0\0\0abc\0id3 ", &length.to_le_bytes()[..], &tag].concat();
        let aiff = [b"FORM____AIFFID3 ", &length.to_be_bytes()[..], &tag].concat();
        assert_eq!(found(&wav).0.raters.len(), 1);
        assert_eq!(found(&aiff).0.raters.len(), 1);
        assert_eq!(found(&[&tag[..], &tag, b"sound"].concat()).0.raters.len(), 2);
    }

    #[test]
    fn what_claims_to_be_huge_is_refused_and_rubbish_is_nothing() {
        assert!(tags(&mut Cursor::new(b"ID3\x04\0\0\x7f\x7f\x7f\x7fx")).is_err());
        for rubbish in [&b"ID3"[..], b"", b"RIFF", b"ID3\x09\0\0\0\0\0\x09POPMPOPM_", &[0; 99]] {
            let (said, limits, _) = found(rubbish);
            assert!(said.raters.is_empty() && limits.is_empty());
        }
        let cut = written(Version::Id3v24, vec![popm("a", 1, 1)], |plain| plain);
        for length in 0..cut.len() {
            found(&cut[..length]);
        }
    }
}
