//! What limits are found in: signed licences beside songs and a book, and a song that says whose it is.

use segue_access::PersonKey;
use segue_limits::sidecar::{self, SUFFIX, Sidecar};
use segue_model::{CarriedLimit, Terms};

use super::apps::Song;

/// A book without a licence.
pub(super) const BOOK: &[u8] =
    include_bytes!("../../../../../../translators/books/fixtures/folders/epub/three.epub");
/// A loan, and the same renewed.
const LOANS: [&[u8]; 2] = [
    include_bytes!("../../../../../../translators/books/fixtures/lcp/loan.lcpl"),
    include_bytes!("../../../../../../translators/books/fixtures/lcp/loan-renewed.lcpl"),
];

/// A song of two seconds whose tag says who bought it.
pub(super) fn bought(title: &str) -> Vec<u8> {
    let frame = |id: &[u8], body: &[u8]| {
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        [id, &size, &[0, 0], body].concat()
    };
    let text = |text: &str| [b"\0", text.as_bytes()].concat();
    let frames = [
        frame(b"TIT2", &text(title)),
        frame(b"TPE1", &text("Ada")),
        frame(b"OWNE", b"\0USD1.99\x0020110407Example Tunes"),
    ]
    .concat();
    let size = frames.len();
    let size = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
    // A frame of MPEG 1, layer 3, 128 kbit/s and 44100 Hz has 417 bytes and lasts 26 ms.
    let mut sound = vec![0; 417];
    sound[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
    [&b"ID3\x03\0\0"[..], &size, &frames, &sound.repeat(77)].concat()
}

/// What an issuer gave out: licences of one name, each with the next serial.
pub(super) struct Issued {
    /// What it is a licence of.
    pub(super) item: &'static str,
    /// The carrier's place below a device's folder.
    pub(super) place: String,
    /// All that were given out: serial, end, bytes.
    pub(super) all: Vec<(u64, i64, Vec<u8>)>,
}

impl Issued {
    pub(super) fn song(song: &Song) -> Self {
        Self { item: song.name, place: song.place() + SUFFIX, all: Vec::new() }
    }

    /// The loans of the book, both given out already.
    pub(super) fn book(item: &'static str) -> Self {
        let all = LOANS.map(|bytes| {
            let CarriedLimit { serial, terms, .. } = segue_books::lcp::read(bytes);
            (serial, terms.valid_until.unwrap(), bytes.to_vec())
        });
        Self { item, place: "books/lamp.lcpl".into(), all: all.into() }
    }

    /// Gives out the next serial, with this end.
    pub(super) fn gives(&mut self, until: i64, now: i64) {
        let key = PersonKey::from_seed([self.item.as_bytes()[0]; 32]);
        let serial = self.all.len() as u64 + 1;
        let sidecar = Sidecar {
            issuer: "Library".into(),
            licence: format!("loan of {}", self.item).into(),
            serial,
            issued_at: now,
            terms: Terms { valid_until: Some(until), ..Terms::default() },
            subject: None,
        };
        self.all.push((serial, until, sidecar::write(&sidecar, &key).unwrap()));
    }

    /// The end that a serial says.
    pub(super) fn end(&self, serial: u64) -> Option<i64> {
        self.all.iter().find(|(known, ..)| *known == serial).map(|(_, end, _)| *end)
    }
}
