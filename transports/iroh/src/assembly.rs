//! How a frame is put together from the bytes that come: four bytes of length, then the frame.
//!
//! Pure. Invariant: a length is judged before anything is kept for it, and what is kept grows with what
//! came, never with what was announced.

/// Bytes of the length before each frame, big endian.
pub(crate) const HEADER_BYTES: usize = 4;

/// A frame up to this size is small; the room for a larger one grows in steps of it.
pub(crate) const STEP_BYTES: usize = 64 << 10;

/// A frame that is on its way in.
#[derive(Debug)]
pub(crate) struct Assembly {
    bytes_max: usize,
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    /// What was announced, once it is known.
    announced: usize,
    body: Vec<u8>,
    body_filled: usize,
}

/// A length above what is allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge(pub(crate) u64);

impl Assembly {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            header: [0; HEADER_BYTES],
            header_filled: 0,
            announced: 0,
            body: Vec::new(),
            body_filled: 0,
        }
    }

    /// Whether some of a frame is here, and not all.
    pub(crate) fn has_begun(&self) -> bool {
        self.header_filled > 0
    }

    /// What the frame will have; 0 while that is unknown.
    pub(crate) fn announced(&self) -> usize {
        self.announced
    }

    pub(crate) fn is_large(&self) -> bool {
        self.announced > STEP_BYTES
    }

    /// Where the next bytes go; never empty unless the frame is complete.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.header_filled < HEADER_BYTES {
            return &mut self.header[self.header_filled..];
        }
        let end = self.announced.min(self.body_filled + STEP_BYTES);
        if self.body.len() < end {
            self.body.resize(end, 0);
        }
        &mut self.body[self.body_filled..]
    }

    /// Says that so many bytes were put into the room.
    pub(crate) fn filled(&mut self, count: usize) -> Result<(), TooLarge> {
        if self.header_filled == HEADER_BYTES {
            self.body_filled += count;
            return Ok(());
        }
        self.header_filled += count;
        if self.header_filled == HEADER_BYTES {
            let announced = u32::from_be_bytes(self.header);
            self.announced = announced as usize;
            if self.announced > self.bytes_max {
                return Err(TooLarge(announced.into()));
            }
        }
        Ok(())
    }

    /// The frame, once it is whole; the next one can begin then.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let is_whole = self.header_filled == HEADER_BYTES && self.body_filled == self.announced;
        if !is_whole {
            return None;
        }
        let frame = std::mem::take(&mut self.body);
        *self = Self::new(self.bytes_max);
        Some(frame)
    }
}

/// The bytes that carry a frame.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + frame.len());
    bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    bytes.extend_from_slice(frame);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds bytes in pieces of `piece` and returns the frames.
    fn frames(mut bytes: &[u8], piece: usize, max: usize) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut assembly = Assembly::new(max);
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let room = assembly.room();
            let count = room.len().min(piece).min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            assembly.filled(count)?;
            frames.extend(assembly.take());
        }
        assert!(!assembly.has_begun());
        Ok(frames)
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let sent = vec![vec![], vec![7], vec![1; 3], vec![2; STEP_BYTES * 2 + 5], vec![3; 300]];
        let bytes: Vec<u8> = sent.iter().flat_map(|frame| framed(frame)).collect();
        for piece in [1, 2, 3, 5, 1_000, usize::MAX] {
            assert_eq!(frames(&bytes, piece, 1 << 20).unwrap(), sent, "{piece}");
        }
    }

    #[test]
    fn a_length_above_the_cap_is_refused_and_one_at_it_is_not() {
        assert_eq!(frames(&framed(&[0; 9]), 4, 8), Err(TooLarge(9)));
        assert_eq!(frames(&framed(&[0; 8]), 4, 8), Ok(vec![vec![0; 8]]));
        assert_eq!(frames(&[0xff; 4], 4, 8), Err(TooLarge(u64::from(u32::MAX))));
    }

    #[test]
    fn what_is_kept_grows_with_what_came() {
        let mut assembly = Assembly::new(u32::MAX as usize);
        assembly.room().copy_from_slice(&u32::MAX.to_be_bytes());
        assembly.filled(HEADER_BYTES).unwrap();
        assert!(assembly.is_large());
        assert_eq!(assembly.room().len(), STEP_BYTES);
        assembly.filled(10).unwrap();
        assert_eq!(assembly.room().len(), STEP_BYTES);
        assert!(assembly.body.capacity() < 4 * STEP_BYTES);
    }
}
