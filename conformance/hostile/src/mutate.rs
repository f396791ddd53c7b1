//! Mutants: a real message with something wrong in it.

use fastrand::Rng;

/// The longest mutant.
const BYTES_MAX: usize = 1 << 20;

/// What lengths and counts are set to: the ends of what a number of some bytes can say.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// One of `seeds`, changed in one to four places.
pub(crate) fn mutant(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..rng.u8(1..=4) {
        change(rng, &mut bytes, seeds);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    if bytes.is_empty() {
        bytes.extend((0..rng.usize(1..32)).map(|_| rng.u8(..)));
        return;
    }
    let at = rng.usize(..bytes.len());
    let piece = at..(at + rng.usize(1..64)).min(bytes.len());
    match rng.u8(..10) {
        0 | 1 => bytes[at] ^= 1 << rng.u8(..8),
        2 => bytes[at] = rng.u8(..),
        3 => {
            let other = rng.usize(..bytes.len());
            bytes.swap(at, other);
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(piece)),
        6 => {
            let again = bytes[piece].to_vec();
            let to = rng.usize(..=bytes.len());
            bytes.splice(to..to, again);
        }
        7 => {
            let other = rng.choice(seeds).map_or(&[][..], |seed| &seed[..]);
            let from = rng.usize(..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        8 => bytes.splice(at..at, (0..piece.len()).map(|_| rng.u8(..))).for_each(drop),
        _ => number(rng, bytes, at),
    }
}

/// Writes a number as length fields have it: in one to eight bytes of either order, or in LEB128.
fn number(rng: &mut Rng, bytes: &mut [u8], at: usize) {
    let number = rng.choice(NUMBERS).unwrap_or_default();
    let width = 1 << rng.u8(..4);
    let mut written = match rng.u8(..3) {
        0 => number.to_le_bytes()[..width].to_vec(),
        1 => number.to_be_bytes()[8 - width..].to_vec(),
        _ => leb128(number),
    };
    let end = (at + written.len()).min(bytes.len());
    written.truncate(end - at);
    bytes[at..end].copy_from_slice(&written);
}

/// A number as automerge writes it.
pub(crate) fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
