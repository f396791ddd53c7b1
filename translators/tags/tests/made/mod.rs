//! Makes audio files as real programs leave them: generated sounds (`tests/sounds`) with the tags that
//! Windows, Quod Libet, Strawberry, MusicBee and the iTunes Store write.
//!
//! Invariant: the same call makes the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use id3::frame::{Content, ExtendedText, Popularimeter, Unknown};
use id3::{Encoder, Frame, Tag, TagLike as _, Version};
use lofty::config::WriteOptions;
use lofty::file::{AudioFile as _, FileType};
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst};
use lofty::ogg::tag::VorbisComments;
use lofty::tag::{TagExt as _, TagType};

/// A generated sound, with the tags that it came with.
pub(crate) fn sound(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds").join(name)).unwrap()
}

/// Writes `bytes` to a file in `folder`, and its folders.
pub(crate) fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn popm(user: &str, rating: u8, counter: u64) -> Frame {
    let popm = Popularimeter { user: user.into(), rating, counter };
    Frame::with_content("POPM", Content::Popularimeter(popm))
}

pub(crate) fn bytes(id: &str, data: &[u8]) -> Frame {
    let unknown = Unknown { data: data.to_vec(), version: Version::Id3v24 };
    Frame::with_content(id, Content::Unknown(unknown))
}

pub(crate) fn txxx(name: &str, value: &str) -> Frame {
    let text = ExtendedText { description: name.into(), value: value.into() };
    Frame::with_content("TXXX", Content::ExtendedText(text))
}

/// A tag of these frames alone.
pub(crate) fn id3(version: Version, frames: Vec<Frame>) -> Vec<u8> {
    let mut tag = Tag::with_version(version);
    for frame in frames {
        tag.add_frame(frame);
    }
    let mut bytes = Vec::new();
    Encoder::new().version(version).encode(&tag, &mut bytes).unwrap();
    bytes
}

/// The MP3 sound without its own tag, behind this one.
pub(crate) fn mp3(tag: &[u8]) -> Vec<u8> {
    let sound = sound("one.mp3");
    let size = sound[6..10].iter().fold(0, |sum, byte| sum << 7 | usize::from(*byte));
    [tag, &sound[10 + size..]].concat()
}

/// A sound in one of Xiph's formats, with these comments instead of its own.
pub(crate) fn comments(name: &str, comments: &[(&str, &str)]) -> Vec<u8> {
    let mut tag = VorbisComments::new();
    tag.set_vendor("Segue".into());
    for (key, value) in comments {
        tag.push((*key).to_owned(), (*value).to_owned());
    }
    let mut bytes = std::io::Cursor::new(sound(name));
    let kind = FileType::from_path(name).unwrap();
    assert_eq!(kind.primary_tag_type(), TagType::VorbisComments);
    tag.save_to(&mut bytes, WriteOptions::default()).unwrap();
    bytes.into_inner()
}

/// The MP4 sound with these boxes besides its own.
pub(crate) fn mp4(atoms: &[(&[u8; 4], &str)], freeform: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(sound("five.m4a"));
    let mut file =
        lofty::mp4::Mp4File::read_from(&mut bytes, lofty::config::ParseOptions::new()).unwrap();
    let mut tag = file.remove_ilst().unwrap_or_else(Ilst::new);
    let text = |text: &str| AtomData::UTF8(text.to_owned());
    for (name, value) in atoms {
        tag.insert(Atom::new(AtomIdent::Fourcc(**name), text(value)));
    }
    tag.insert(Atom::new(AtomIdent::Fourcc(*b"tmpo"), AtomData::SignedInteger(128)));
    for (name, value) in freeform {
        let (mean, name) = ("com.apple.iTunes".into(), (*name).to_owned().into());
        tag.insert(Atom::new(AtomIdent::Freeform { mean, name }, text(value)));
    }
    bytes.set_position(0);
    tag.save_to(&mut bytes, WriteOptions::default()).unwrap();
    bytes.into_inner()
}

/// A second of silence in a WAV or AIFF file, with this tag in a chunk.
pub(crate) fn silence(is_wav: bool, tag: &[u8]) -> Vec<u8> {
    let number = |number: u32| if is_wav { number.to_le_bytes() } else { number.to_be_bytes() };
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let even = &[0][..content.len() % 2];
        [name, &number(content.len() as u32)[..], content, even].concat()
    };
    let sound = [0; 8_000];
    let inside = if is_wav {
        // One channel, 8,000 samples of one byte in a second.
        let format = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0];
        [b"WAVE", &chunk(b"fmt ", &format)[..], &chunk(b"data", &sound), &chunk(b"id3 ", tag)]
            .concat()
    } else {
        let rate = [0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0];
        let common = [&[0, 1, 0, 0, 0x1f, 0x40, 0, 8][..], &rate].concat();
        let sound = [&[0; 8][..], &sound].concat();
        [b"AIFF", &chunk(b"COMM", &common)[..], &chunk(b"SSND", &sound), &chunk(b"ID3 ", tag)]
            .concat()
    };
    chunk(if is_wav { b"RIFF" } else { b"FORM" }, &inside)
}

/// A folder of songs by several programs.
pub(crate) fn library(folder: &Path) {
    let title = |text: &str| Frame::text("TIT2", text);
    let windows = [
        title("Första Snön"),
        Frame::text("TPE1", "Björk Åström\0Nadia Quill"),
        Frame::text("TRCK", "1/3"),
        Frame::text("TDRC", "2011-04-07"),
        Frame::text("TBPM", "128"),
        Frame::text("TCMP", "1"),
        popm("Windows Media Player 9 Series", 196, 12),
    ];
    put(folder, "Björk Åström/01 Första Snön.mp3", mp3(&id3(Version::Id3v23, windows.into())));
    let sold = [
        title("Cafe\u{301}"),
        popm("quodlibet@lists.sacredchao.net", 178, 0),
        bytes("OWNE", b"\0USD1.99\x0020110407Example Tunes"),
        bytes("USER", b"\x03engFor private use only."),
    ];
    put(folder, "Odd/Cafe\u{301} 100%20 #1.mp3", mp3(&id3(Version::Id3v24, sold.into())));
    let free = [
        title("\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{200f}abc"),
        txxx("FMPS_Rating", "0.65"),
        txxx("FMPS_PlayCount", "7.0"),
        bytes("USER", b"\x03engSee https://creativecommons.org/licenses/by-nc/4.0/"),
    ];
    put(folder, "Odd/rtl.mp3", mp3(&id3(Version::Id3v24, free.into())));
    let tide = [
        ("TITLE", "Tide Table"),
        ("ARTIST", "The Tin Harbours"),
        ("ARTIST", "DJ Ohm"),
        ("ALBUM", "Low Tide Ledger"),
        ("GENRE", "Indie Rock"),
        ("GENRE", "Shanty"),
        ("RATING:quodlibet@lists.sacredchao.net", "0.75"),
        ("PLAYCOUNT:quodlibet@lists.sacredchao.net", "4"),
    ];
    put(folder, "Tin Harbours/Tide Table.flac", comments("two.flac", &tide));
    put(folder, "Estuary.ogg", comments("three.ogg", &[("TITLE", "Estuary"), ("RATING", "60")]));
    put(folder, "Okno.opus", comments("four.opus", &[("TITLE", "Окно"), ("FMPS_RATING", "1")]));
    let bought: [(&[u8; 4], &str); 3] = [
        (b"apID", "nadia@example.com"),
        (b"purd", "2009-05-12 14:27:36"),
        (b"cprt", "\u{2117} 2009 Example"),
    ];
    put(folder, "夜行バス/回送.m4a", mp4(&bought, &[("FMPS_Rating", "0.4")]));
    let musicbee = id3(Version::Id3v23, vec![title("Silence"), popm("MusicBee", 186, 1)]);
    put(folder, "silence.wav", silence(true, &musicbee));
    put(folder, "silence.aiff", silence(false, &musicbee));
    put(folder, "torn.mp3", &mp3(&id3(Version::Id3v24, vec![title("Torn")]))[..40]);
    put(folder, "cover.jpg", "no song");
}
