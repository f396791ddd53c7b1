//! What one audio file says, whatever its format: bytes in, fields and limits out.
//!
//! `lofty` reads tags and length, `id3` the frames that `lofty` has no model for; here is what they are
//! asked, and within which bounds. Cover art is not loaded.
//!
//! Invariant: a file of any content is read or refused: it costs bounded memory and comes to an end. Only a
//! parser's panic passes through, and [`read`](crate::read) stops it.

use std::io::{self, Read, Seek};
use std::path::Path;
use std::time::Duration;

use lofty::ape::ApeTag;
use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::error::FileParseError;
use lofty::file::{AudioFile, FileType};
use lofty::flac::FlacFile;
use lofty::id3::v1::Id3v1Tag;
use lofty::id3::v2::{Frame, Id3v2Tag};
use lofty::iff::aiff::AiffFile;
use lofty::iff::wav::WavFile;
use lofty::mp4::{AtomData, AtomIdent, Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OpusFile, SpeexFile, VorbisFile};
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag};
use segue_translator::model::{CarriedLimit, Fields, Value, music};

use crate::meter::Meter;
use crate::rating::Said;
use crate::{atoms, column, frames, licence, purchase};

/// Names that end so are looked into; what they really are, their content says.
const ENDS: [&str; 14] = [
    "aif", "aifc", "aiff", "flac", "m4a", "m4b", "m4p", "mp3", "mp4", "oga", "ogg", "opus", "spx",
    "wav",
];
/// What may be read of one file beyond its size.
const BYTES_MORE: u64 = 64 << 20;
/// What may be read of one file however large it is.
const BYTES_MAX: u64 = 1 << 30;
/// Longest track that is believed.
const HOURS_MAX: u64 = 24 * 31;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Its values.
    pub(crate) fields: Fields,
    /// What it limits.
    pub(crate) limits: Vec<CarriedLimit>,
    /// What could not be carried.
    pub(crate) losses: Vec<String>,
}

/// Whether a file of this name may be one of ours.
pub(crate) fn is_audio(path: &Path) -> bool {
    ends(path).is_some_and(|end| ENDS.contains(&end.as_str()))
}

fn ends(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// Whether a file of chunks (AIFF, WAV) is shorter than its first one says: its tags may stand at the end.
fn is_cut(reader: &mut impl Read, size: u64) -> std::io::Result<bool> {
    let mut head = Vec::with_capacity(8);
    reader.take(8).read_to_end(&mut head)?;
    let Some((kind, length)) = head.split_first_chunk::<4>() else { return Ok(false) };
    let Ok(length) = <[u8; 4]>::try_from(length) else { return Ok(false) };
    let said = match kind {
        b"FORM" => u32::from_be_bytes(length),
        b"RIFF" => u32::from_le_bytes(length),
        _ => return Ok(false),
    };
    Ok(u64::from(said) + 8 > size)
}

/// Reads a file of this name and size.
pub(crate) fn read(
    name: &Path,
    size: u64,
    mut reader: impl Read + Seek,
) -> Result<Contents, FileParseError> {
    apply_global_options(
        GlobalOptions::new()
            .allocation_limit(frames::TAG_BYTES_MAX as usize)
            .preserve_format_specific_items(false),
    );
    let most = BYTES_MAX.min(size.saturating_add(BYTES_MORE));
    let is_cut = is_cut(&mut reader, size)?;
    reader.rewind()?;
    let id3 = frames::tags(&mut Meter::new(&mut reader, most))?;
    reader.rewind()?;
    let mut reader = Meter::new(reader, most);
    let content = Probe::new(&mut reader).guess_file_type()?.file_type();
    reader.rewind()?;
    let kind = content.or_else(|| FileType::from_path(name));
    let is_m4p = ends(name).is_some_and(|end| end == "m4p");
    let mut file = Parsed::new(kind, &mut reader, is_m4p)?;
    let mut limiting = Vec::new();
    let mut contents = Contents::default();
    if is_cut {
        contents.losses.push("what was at its end: the file is shorter than it says".to_owned());
    }
    for tag in &id3 {
        frames::read(tag, &mut file.said, &mut limiting, &mut contents.losses);
    }
    column::lift(&file.tags, &mut contents.fields, &mut contents.losses);
    let milliseconds = file.length.as_millis() as u64;
    if (1..=HOURS_MAX * 3_600_000).contains(&milliseconds) {
        contents.fields.set(&music::DURATION, Value::Int(milliseconds as i64));
    } else {
        contents.losses.push("how long it is, which its file does not tell".to_owned());
    }
    contents.fields.set(&music::RATING, file.said.rating(&mut contents.losses));
    contents.fields.set(&music::PLAY_COUNT, file.said.plays());
    let links = links(&file.tags);
    contents.limits = limiting.iter().map(|frame| licence::carried(frame, &links)).collect();
    contents.limits.extend(file.purchase);
    Ok(contents)
}

/// What the tags say of copyright.
fn links(tags: &[Tag]) -> Vec<&str> {
    let keys = [ItemKey::CopyrightUrl, ItemKey::CopyrightMessage, ItemKey::License];
    let values =
        tags.iter().flat_map(|tag| keys.map(|key| tag.get_items(key)).into_iter().flatten());
    values.filter_map(|item| item.value().text().or_else(|| item.value().locator())).collect()
}

/// A file as its parser gives it.
#[derive(Default)]
struct Parsed {
    length: Duration,
    /// The richest first.
    tags: Vec<Tag>,
    said: Said,
    purchase: Option<CarriedLimit>,
}

impl Parsed {
    fn new(
        kind: Option<FileType>,
        reader: &mut (impl Read + Seek),
        is_m4p: bool,
    ) -> Result<Self, FileParseError> {
        // In MP4 it names numbered genres; of dates in ID3v2.3 it loses those that are whole.
        let converts = kind == Some(FileType::Mp4);
        let options = ParseOptions::new().read_cover_art(false).implicit_conversions(converts);
        let mut parsed = Self::default();
        match kind {
            Some(FileType::Mpeg) => {
                let mut file = MpegFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.id3v2(file.remove_id3v2());
                parsed.tag(file.remove_ape(), |_: &ApeTag, _| ());
                parsed.tag(file.remove_id3v1(), |_: &Id3v1Tag, _| ());
            }
            Some(FileType::Flac) => {
                let mut file = FlacFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.tag(file.remove_vorbis_comments(), comments);
                parsed.id3v2(file.remove_id3v2());
            }
            Some(FileType::Vorbis) => {
                let mut file = VorbisFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.tag(Some(std::mem::take(file.vorbis_comments_mut())), comments);
            }
            Some(FileType::Opus) => {
                let mut file = OpusFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.tag(Some(std::mem::take(file.vorbis_comments_mut())), comments);
            }
            Some(FileType::Speex) => {
                let mut file = SpeexFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.tag(Some(std::mem::take(file.vorbis_comments_mut())), comments);
            }
            Some(FileType::Mp4) => parsed.mp4(reader, options, is_m4p)?,
            Some(FileType::Wav) => {
                let mut file = WavFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.id3v2(file.remove_id3v2());
                parsed.tag(file.remove_riff_info(), |_, _| ());
            }
            Some(FileType::Aiff) => {
                let mut file = AiffFile::read_from(reader, options)?;
                parsed.length = file.properties().duration();
                parsed.id3v2(file.remove_id3v2());
                parsed.tag(file.remove_text_chunks(), |_, _| ());
            }
            _ => {
                let detail = "it is in none of the formats that are read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, detail).into());
            }
        }
        Ok(parsed)
    }

    /// Takes a tag, and what `more` finds in it of what has no place in a common one.
    fn tag<T: Into<Tag>>(&mut self, tag: Option<T>, more: impl FnOnce(&T, &mut Said)) {
        if let Some(tag) = tag {
            more(&tag, &mut self.said);
            self.tags.push(tag.into());
        }
    }

    fn id3v2(&mut self, tag: Option<Id3v2Tag>) {
        self.tag(tag, |tag, said| {
            for frame in tag {
                if let Frame::UserText(text) = frame {
                    said.texts.push((text.description.to_uppercase(), text.content.clone().into()));
                }
            }
        });
    }

    fn mp4(
        &mut self,
        reader: &mut (impl Read + Seek),
        options: ParseOptions,
        is_m4p: bool,
    ) -> Result<(), FileParseError> {
        let boxes = purchase::Boxes {
            tags: atoms::tags(reader)?,
            samples: atoms::samples(reader)?,
            is_m4p,
        };
        reader.rewind()?;
        let mut file = Mp4File::read_from(reader, options)?;
        self.length = file.properties().duration();
        self.purchase = purchase::carried(&boxes, file.ilst());
        let beats = file.ilst().and_then(beats);
        self.tag(file.remove_ilst(), freeform);
        if let (Some(beats), Some(tag)) = (beats, self.tags.last_mut()) {
            tag.insert_text(ItemKey::IntegerBpm, beats.to_string());
        }
        Ok(())
    }
}

fn comments(tag: &VorbisComments, said: &mut Said) {
    let texts = tag.items().map(|(name, text)| (name.to_uppercase(), text.to_owned()));
    said.texts.extend(texts);
}

/// A number, which a common tag cannot hold.
fn beats(tag: &Ilst) -> Option<i64> {
    match tag.get(&AtomIdent::Fourcc(*b"tmpo"))?.data().next()? {
        AtomData::SignedInteger(beats) => Some((*beats).into()),
        AtomData::UnsignedInteger(beats) => Some((*beats).into()),
        _ => None,
    }
}

fn freeform(tag: &Ilst, said: &mut Said) {
    for atom in tag {
        let name = match atom.ident() {
            AtomIdent::Freeform { name, .. } => name.to_uppercase(),
            AtomIdent::Fourcc([b'r', b'a', b't', b'e']) => "RATE".to_owned(),
            AtomIdent::Fourcc(_) => continue,
        };
        let texts = atom.data().filter_map(|data| match data {
            AtomData::UTF8(text) | AtomData::UTF16(text) => Some((name.clone(), text.clone())),
            _ => None,
        });
        said.texts.extend(texts);
    }
}
