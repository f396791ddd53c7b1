//! A body as it was before a program quoted it: of each line that begins with `>From `, or with more
//! of these signs, one sign is left out.
//!
//! Which bodies are quoted, [`format`](crate::format) tells.

use std::io::{self, BufRead, Read};

use crate::format::FROM;

/// Reads a message; its header too, in which no line begins so.
pub(crate) struct Quoted<R> {
    reader: R,
    line: Vec<u8>,
    used: usize,
    is_within: bool,
}

/// So much of a line is looked at in one go.
const PIECE_BYTES: u64 = 1 << 12;

impl<R: BufRead> Quoted<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), used: 0, is_within: false }
    }
}

impl<R: BufRead> BufRead for Quoted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.line.len() {
            self.line.clear();
            self.used = 0;
            self.reader.by_ref().take(PIECE_BYTES).read_until(b'\n', &mut self.line)?;
            let signs = self.line.iter().take_while(|byte| **byte == b'>').count();
            if !self.is_within && signs > 0 && self.line[signs..].starts_with(FROM) {
                self.used = 1;
            }
            self.is_within = !self.line.ends_with(b"\n");
        }
        Ok(&self.line[self.used..])
    }

    fn consume(&mut self, bytes: usize) {
        self.used += bytes;
    }
}

impl<R: BufRead> Read for Quoted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sign_is_left_out_at_the_beginning_of_a_line() {
        let long = format!("{}>From x\n", "y".repeat(PIECE_BYTES as usize));
        for (text, plain) in [
            (">From a\n>>From b\n>Fromc\n > From d\n", "From a\n>From b\n>Fromc\n > From d\n"),
            ("> From a", "> From a"),
            (&long, &long),
        ] {
            let mut found = String::new();
            Quoted::new(text.as_bytes()).read_to_string(&mut found).unwrap();
            assert_eq!(found, plain);
        }
    }
}
