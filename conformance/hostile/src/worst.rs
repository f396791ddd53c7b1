//! The worst that a mebibyte can do: what it costs to read, in time and memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use segue_document::{Shard, Write};
use segue_model::OperationId;
use sha2::{Digest as _, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::mutate::leb128;

/// What a hostile mebibyte may cost.
pub const MEBIBYTES_MAX: u64 = 64;
/// In a release build, where nothing else runs.
pub const MILLISECONDS_MAX: u64 = 1_000;

const SIZE: usize = 1 << 20;
const MEMORY: &str = "it goes into memory";

/// Something hostile of at most a mebibyte.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Names it.
    pub name: &'static str,
    /// The target that it is for.
    pub target: &'static str,
    /// Makes it.
    pub make: fn() -> Vec<u8>,
}

const fn case(name: &'static str, target: &'static str, make: fn() -> Vec<u8>) -> Case {
    Case { name, target, make }
}

/// Every case.
pub const CASES: &[Case] = &[
    case("a change of many operations", "change", many_operations),
    case("a change of many rivals", "change", many_rivals),
    case("a change of many keys", "change", many_keys_of_a_shard),
    case("a change of too many keys", "change", too_many_keys),
    case("a sound change of many keys", "change", many_elements),
    case("a change that claims billions of operations", "change", run_of_operations),
    case("a change with many dependencies", "change", || change_with(&many_hashes(), &[], &[])),
    case("a change by many actors", "change", || change_with(&[0], &many_actors(), &[])),
    case("a change of deflated columns", "change", deflated_change),
    case("a book that inflates", "epub", || zip_bomb("META-INF/container.xml")),
    case("a package that inflates", "epub", package_bomb),
    case("a book of many files", "epub", many_files),
    case("a batch that inflates", "frame", || batch(2, &deflated(&vec![0; 1 << 30]))),
    case("a batch of nested lists", "frame", || batch(1, &vec![0x81; SIZE - 64])),
    case("a batch of endless lists", "frame", || batch(1, &vec![0x9f; SIZE - 64])),
    case("a batch of empty changes", "frame", empty_changes),
    case("a frame with a nested field", "frame", || {
        [&[1, 0xbf, 0x18, 99][..], &vec![0x81; SIZE - 64]].concat()
    }),
    case("a Want of all shards", "frame", want),
    case("a licence of nested lists", "lcp", || nested(b"[")),
    case("a licence of nested objects", "sidecar", || nested(b"{\"a\":")),
    case("a licence of many keys", "sidecar", many_keys),
    case("a licence with a long number", "sidecar", || nested(b"1")),
    case("many messages", "mbox", || repeated(b"From a Mon Jan  1 00:00:00 2026\n\n\n")),
    case("one endless line", "mbox", || [&b"From a\n"[..], &vec![b'x'; SIZE - 16]].concat()),
    case("many addresses", "message", || header(b"To: ", b"a@b,")),
    case("nested comments", "message", || header(b"From: ", b"(")),
    case("nested groups", "message", || header(b"To: ", b"a:")),
    case("many encoded words", "message", || header(b"Subject: ", b"=?utf-8?q?=C3=84?= ")),
    case("many lines of header", "message", || repeated(b"Subject: a\n")),
    case("nested parts", "message", || {
        repeated(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n")
    }),
    case("entities of entities", "opf", || entities("package")),
    case("nested elements of a package", "opf", || repeated(b"<a>")),
    case("many authors", "opf", many_authors),
    case("edits without end", "packed_changes", || vec![0xff; SIZE]),
    case("an item without end", "packed_item", || vec![0xff; SIZE]),
    case("nested elements", "rhythmdb", || xml("<rhythmdb version=\"2.0\">", "<a>", "")),
    case("entities of entities of songs", "rhythmdb", || entities("rhythmdb")),
    case("many songs", "rhythmdb", many_songs),
    case("many attributes", "rhythmdb", many_attributes),
    case("one endless text", "rhythmdb", endless_text),
    case("many playlists", "rhythmbox_playlists", || {
        xml(
            "<rhythmdb-playlists>",
            "<playlist name=\"a\" type=\"static\"></playlist>",
            "</rhythmdb-playlists>",
        )
    }),
    case("one long playlist", "rhythmbox_playlists", || {
        xml(
            "<rhythmdb-playlists><playlist name=\"a\" type=\"static\">",
            "<location>a</location>",
            "</playlist></rhythmdb-playlists>",
        )
    }),
    case("a revoke of many", "statement", || {
        [&[0; 96][..], b"segue statement\x01\x04", &vec![0xff; SIZE / 16]].concat()
    }),
    case("frames that inflate", "tags", inflating_frames),
    case("many frames", "tags", many_frames),
    case("a count of comments", "tags", comment_count),
    case("nested boxes", "tags", nested_boxes),
    case("a picture as large as can be said", "tags", huge_picture),
    case("a name in base 64", "utf7", || repeated(b"&AAAAAAA-")),
    case("a name of shifts", "utf7", || repeated(b"&")),
];

fn repeated(piece: &[u8]) -> Vec<u8> {
    piece.iter().copied().cycle().take(SIZE).collect()
}

fn nested(piece: &[u8]) -> Vec<u8> {
    let mut bytes = b"{\"segue_licence\":".to_vec();
    bytes.extend(repeated(piece));
    bytes.truncate(SIZE);
    bytes
}

fn header(begin: &[u8], piece: &[u8]) -> Vec<u8> {
    let mut bytes = begin.to_vec();
    while bytes.len() < SIZE - 128 {
        bytes.extend_from_slice(piece);
        if bytes.len() % 900 < piece.len() {
            bytes.extend_from_slice(b"\n ");
        }
    }
    bytes.extend_from_slice(b"\n\n");
    bytes
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect(MEMORY);
    encoder.finish().expect(MEMORY)
}

/// A batch frame with this content under this key.
fn batch(key: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a mebibyte").to_be_bytes();
    [&[4, 0xa2, 0, 1, key, 0x5a][..], &length, content].concat()
}

/// As many changes as a batch may have and more, each of nothing.
fn empty_changes() -> Vec<u8> {
    let count = 100_000_u32;
    let mut content = vec![0xa2, 1, 0x9a];
    content.extend(count.to_be_bytes());
    content.extend([0x84, 7, 0xf6, 0x40, 0xf6].repeat(count as usize));
    content.extend([2, 0x40]);
    batch(1, &content)
}

/// All shards, with as many hashes as they may name.
fn want() -> Vec<u8> {
    let hashes = |key: u8, count: usize| {
        let length = u16::try_from(count * 16).expect("a few").to_be_bytes();
        [&[key, 0x59][..], &length, &vec![7; count * 16]].concat()
    };
    let mut frame = vec![3, 0xa2, 0, 1, 2, 0x99, 1, 0];
    for shard in 0..=255 {
        frame.extend([0xa4, 0, 0x18, shard]);
        for (key, count) in [(1, 64), (2, 96), (3, 64)] {
            frame.extend(hashes(key, count));
        }
    }
    frame.truncate(SIZE);
    frame
}

fn change_with(deps: &[u8], actors: &[u8], columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    chunk(deps, 2, if actors.is_empty() { &[0] } else { actors }, columns)
}

/// A change of these parts: its dependencies and the other actors with their counts, and columns.
fn chunk(deps: &[u8], first: u64, actors: &[u8], columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = deps.to_vec();
    body.extend([16]);
    body.extend([9; 16]);
    body.push(1);
    body.extend(leb128(first));
    // Neither a time nor a message.
    body.extend([0, 0]);
    body.extend(actors);
    body.extend(leb128(columns.len() as u64));
    for (spec, bytes) in columns {
        body.extend(leb128(u64::from(*spec)));
        body.extend(leb128(bytes.len() as u64));
    }
    body.extend(columns.iter().flat_map(|(_, bytes)| bytes));
    let inner = [&[1][..], &leb128(body.len() as u64), &body].concat();
    let hash = Sha256::digest(&inner);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &inner].concat()
}

/// The genesis change, on which everything builds.
fn on_genesis() -> Vec<u8> {
    let heads = Shard::genesis_heads().expect("the genesis");
    let mut deps = leb128(heads.hashes().len() as u64);
    deps.extend(heads.hashes().iter().flat_map(|hash| hash.0));
    deps
}

fn many_hashes() -> Vec<u8> {
    let count = SIZE / 32 - 8;
    [leb128(count as u64), vec![7; count * 32]].concat()
}

fn many_actors() -> Vec<u8> {
    let count = SIZE / 2 - 64;
    [leb128(count as u64), [1, 7].repeat(count)].concat()
}

/// So many operations, each of which puts nothing under `key`: told in few bytes, and padded by one long value so
/// that its size allows them. They go into a shard's own map if `is_ours`, else into the root.
fn operations(count: u64, room: usize, is_ours: bool, keys: &[u8]) -> Vec<u8> {
    let run = |value: &[u8]| [&signed(count)[..], value].concat();
    let first = [&signed(1)[..], &leb128((room as u64) << 4 | 7)].concat();
    let rest = [&signed(count - 1)[..], &[0]].concat();
    let mut columns = vec![
        (0x15, if keys.is_empty() { run(b"\x04live") } else { keys.to_vec() }),
        (0x34, leb128(count)),
        (0x42, run(&[1])),
        (0x56, [first, rest].concat()),
        (0x57, vec![7; room]),
        (0x70, run(&[0])),
    ];
    if is_ours {
        // The map of shard 7 is the eighth that the genesis makes, whose actor is the one that is named.
        columns.insert(0, (0x01, run(&[1])));
        columns.insert(1, (0x02, run(&[8])));
    }
    let actors = [&[1, 16][..], &[0; 16]].concat();
    follows(if is_ours { &actors } else { &[0] }, &columns)
}

fn many_operations() -> Vec<u8> {
    let room = SIZE - 512;
    operations(room as u64 / 16, room, false, &[])
}

/// All under one key, where they compete.
fn many_rivals() -> Vec<u8> {
    let room = SIZE - 512;
    operations(room as u64 / 16, room, true, &[])
}

/// Each under a key of its own, as short as can be.
fn many_keys_of_a_shard() -> Vec<u8> {
    keys_of_a_shard(SIZE / 16 - 128)
}

/// Twice as many as are taken.
fn too_many_keys() -> Vec<u8> {
    keys_of_a_shard(SIZE / 8 - 128)
}

fn keys_of_a_shard(count: usize) -> Vec<u8> {
    let mut keys = signed_negative(count as u64);
    for number in 0..count {
        let key = format!("{number:x}");
        keys.push(key.len() as u8);
        keys.extend_from_slice(key.as_bytes());
    }
    let room = SIZE - 512 - keys.len();
    operations(count as u64, room, true, &keys)
}

/// What a commit makes of as many tags as go into a change of a mebibyte.
fn many_elements() -> Vec<u8> {
    let mut shard = Shard::create([9; 16]).expect("an empty shard");
    let tag = |number: u32| Write::Element {
        name: "tags".into(),
        element: format!("{number:x}"),
        present: true,
    };
    let writes = BTreeMap::from([([7; 16], (0..17_000).map(tag).collect())]);
    let made = shard.commit(None, OperationId([1; 8]), 0, &writes);
    made.ok().flatten().expect("a change").changes.remove(0).bytes
}

/// The same, claiming more than its size allows.
fn run_of_operations() -> Vec<u8> {
    let count = 1 << 40;
    let run = |value: &[u8]| [&signed(count)[..], value].concat();
    follows(&[0], &[(0x15, run(b"\x04live")), (0x34, leb128(count)), (0x42, run(&[1]))])
}

/// A change on the genesis, which makes 256 maps: so its first operation is the 257th.
fn follows(actors: &[u8], columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    chunk(&on_genesis(), 257, actors, columns)
}

/// A positive number as signed LEB128.
fn signed(number: u64) -> Vec<u8> {
    let mut bytes = leb128(number);
    if let Some(last) = bytes.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        bytes.push(0);
    }
    bytes
}

/// A count of literal values, as run-length encoded columns have it.
fn signed_negative(count: u64) -> Vec<u8> {
    let mut number = -(count as i64);
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == -1 && byte & 0x40 != 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// Columns that say they are deflated, of which a change has none.
fn deflated_change() -> Vec<u8> {
    let column = deflated(&vec![0; 256 << 20]);
    change_with(&on_genesis(), &[], &[(0x42 | 8, column)])
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect(MEMORY);
        zip.write_all(bytes).expect(MEMORY);
    }
    zip.finish().expect(MEMORY).into_inner()
}

fn zip_bomb(name: &str) -> Vec<u8> {
    let spaces = vec![b' '; 900 << 20];
    zip_of(&[("mimetype", b"application/epub+zip"), (name, &spaces)])
}

/// The largest package that is read, of as many elements as go into it.
fn package_bomb() -> Vec<u8> {
    let container = br#"<container><rootfiles><rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#;
    let mut package = b"<package version=\"3.0\"><metadata>".to_vec();
    package.extend(b"<dc:creator>a</dc:creator>".repeat(150_000));
    zip_of(&[("META-INF/container.xml", container), ("a.opf", &package)])
}

fn many_files() -> Vec<u8> {
    let names: Vec<String> = (0..9_000).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    zip_of(&files)
}

fn many_keys() -> Vec<u8> {
    let mut text = String::from("{\"segue_licence\":1");
    for number in 0..70_000 {
        write!(text, ",\"k{number}\":1").expect(MEMORY);
    }
    (text + "}").into_bytes()
}

/// Ten entities, each of ten of the one before.
fn entities(root: &str) -> Vec<u8> {
    let mut text = format!("<?xml version=\"1.0\"?><!DOCTYPE {root} [<!ENTITY e0 \"aaaaaaaaaa\">");
    for number in 1..10 {
        let inner = format!("&e{};", number - 1).repeat(10);
        write!(text, "<!ENTITY e{number} \"{inner}\">").expect(MEMORY);
    }
    write!(
        text,
        "]><{root} version=\"2.0\"><entry type=\"song\"><title>&e9;</title></entry></{root}>"
    )
    .expect(MEMORY);
    text.into_bytes()
}

fn xml(begin: &str, piece: &str, end: &str) -> Vec<u8> {
    let count = (SIZE - begin.len() - end.len()) / piece.len();
    [begin, &piece.repeat(count), end].concat().into_bytes()
}

fn many_authors() -> Vec<u8> {
    xml(
        "<package xmlns:dc=\"http://purl.org/dc/elements/1.1/\" version=\"3.0\"><metadata>",
        "<dc:creator>a</dc:creator>",
        "</metadata></package>",
    )
}

fn many_songs() -> Vec<u8> {
    let mut text = String::from("<?xml version=\"1.0\"?>\n<rhythmdb version=\"2.0\">");
    for number in 0.. {
        if text.len() > SIZE - 200 {
            break;
        }
        write!(text, "<entry type=\"song\"><location>file:///{number}</location></entry>")
            .expect(MEMORY);
    }
    (text + "</rhythmdb>").into_bytes()
}

fn many_attributes() -> Vec<u8> {
    let mut text = String::from("<rhythmdb version=\"2.0\"><entry type=\"song\"");
    for number in 0..80_000 {
        write!(text, " a{number}=\"\"").expect(MEMORY);
    }
    (text + "></entry></rhythmdb>").into_bytes()
}

fn endless_text() -> Vec<u8> {
    xml(
        "<rhythmdb version=\"2.0\"><entry type=\"song\"><location>file:///a</location><title>",
        "&amp;",
        "</title></entry></rhythmdb>",
    )
}

/// A number in seven bits of each byte, as ID3 writes sizes.
fn synchsafe(number: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift & 0x7f) as u8)
}

/// A song of ID3v2.4 with these frames; each is an id, flags and content.
fn id3(frames: impl IntoIterator<Item = (&'static str, [u8; 2], Vec<u8>)>) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, flags, content) in frames {
        body.extend_from_slice(id.as_bytes());
        body.extend(synchsafe(content.len()));
        body.extend(flags);
        body.extend(content);
    }
    [&[0][..], b"ID3\x04\x00\x00", &synchsafe(body.len()), &body].concat()
}

/// Compressed frames: each says that it becomes 200 MiB, and does.
fn inflating_frames() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'a'; 200 << 20]).expect(MEMORY);
    let bomb = encoder.finish().expect(MEMORY);
    // Compressed, with the length that it becomes.
    let content = [&synchsafe(200 << 20)[..], &bomb].concat();
    id3((0..4).map(|_| ("TXXX", [0, 0x09], content.clone())))
}

fn many_frames() -> Vec<u8> {
    id3((0..70_000).map(|_| ("TXXX", [0, 0], b"\x03a\0b".to_vec())))
}

/// A FLAC whose comments are said to be four billion.
fn comment_count() -> Vec<u8> {
    let mut file = b"\x01fLaC\0\0\0\x22".to_vec();
    file.extend([0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0, 1]);
    file.extend([0; 16]);
    let comments =
        [&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff][..], &[1, 0, 0, 0, b'='].repeat(200_000)].concat();
    file.push(0x84);
    file.extend(&u32::try_from(comments.len()).expect("a mebibyte").to_be_bytes()[1..]);
    file.extend(comments);
    file
}

/// An MP4 of boxes in boxes, each as long as what is left.
fn nested_boxes() -> Vec<u8> {
    let mut file = b"\x04\0\0\0\x18ftypM4A \0\0\0\0M4A mp42".to_vec();
    let mut left = u32::try_from(SIZE - 64).expect("a mebibyte");
    while left >= 8 {
        file.extend(left.to_be_bytes());
        file.extend(b"moov");
        left -= 8;
    }
    file
}

fn huge_picture() -> Vec<u8> {
    let mut file = b"\x01fLaC\x06\xff\xff\xff".to_vec();
    file.extend([0, 0, 0, 3, 0xff, 0xff, 0xff, 0xf0]);
    file.extend(vec![b'a'; SIZE - 64]);
    file
}
