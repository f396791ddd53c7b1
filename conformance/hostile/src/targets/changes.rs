//! What the document is made of.

use sha2::{Digest as _, Sha256};

/// Makes the checksum of a chunk fit its bytes.
fn seal(bytes: &mut [u8]) {
    if bytes.len() > 8 {
        let hash = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&hash[..4]);
    }
}

/// One change, for a shard that holds what others wrote.
pub(crate) mod change {
    use segue_document::{ChangeHeader, RawChange, Shard, chunk_hash};

    use crate::company::{SHARD, WRITTEN, raw, shard};
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(|bytes| super::seal(bytes));

    const LARGE: usize = 64 << 10;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let change = RawChange { hash: chunk_hash(bytes), bytes: bytes.to_vec() };
        let header = ChangeHeader::read(bytes);
        let late = offer(WRITTEN.0.clone(), &change);
        // Also where all is new that it may say again; a large one is offered once, so that its cost is its own.
        let early = (bytes.len() < LARGE).then(|| offer(shard(9), &change)).flatten();
        assert!(header.is_ok() || early.is_none() && late.is_none(), "taken without a header");
        Outcome::of(early.is_some() || late.is_some())
    }

    /// `None` if it was not taken; then nothing changed.
    fn offer(mut shard: Shard, change: &RawChange) -> Option<()> {
        let (heads, records) = (shard.heads(), shard.records().expect("an honest shard"));
        let intake = shard.take_in(SHARD, std::slice::from_ref(change));
        let told = intake.taken.len()
            + intake.known.len()
            + intake.waiting.len()
            + intake.rivals.len()
            + intake.refused.len();
        assert_eq!(told, 1, "{intake:?}");
        if intake.taken.is_empty() {
            assert_eq!(shard.heads(), heads, "what was not taken moved the heads");
            assert_eq!(shard.records().ok().as_ref(), Some(&records), "it changed something");
            return None;
        }
        let saved = intake.saved.expect("what was taken is saved");
        let again = Shard::open(&saved, [3; 16]).expect("what was saved can be opened");
        assert_eq!(again.heads(), shard.heads());
        assert_eq!(again.records().ok(), shard.records().ok(), "it reads differently");
        // Honest work goes on upon it.
        let honest: Vec<RawChange> = WRITTEN.1.iter().map(raw).collect();
        let intake = shard.take_in(SHARD, &honest);
        assert!(intake.refused.is_empty(), "honest changes are refused: {intake:?}");
        Some(())
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        WRITTEN.1.iter().map(|change| change.raw.clone()).collect()
    }
}

/// A change without its frame, as it travels in a batch.
pub(crate) mod content {
    use segue_document::{ChangeContent, chunk_hash};

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(|bytes| super::seal(bytes));

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        if let Some(content) = ChangeContent::read(bytes) {
            let written = content.write();
            assert_eq!(ChangeContent::read(&written).map(|same| same.write()), Some(written));
        }
        let Some(content) = ChangeContent::of_chunk(bytes) else { return Outcome::Refused };
        let (hash, chunk) = content.chunk();
        assert!(chunk == bytes && hash == chunk_hash(bytes), "another chunk comes back");
        Outcome::Read
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        super::change::seeds()
    }
}

/// A shard in the store's cache.
pub(crate) mod saved {
    use segue_document::Shard;

    use crate::company::WRITTEN;
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = Some(|bytes| super::seal(bytes));

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        Outcome::of(Shard::open(bytes, [3; 16]).is_ok())
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let mut copy = WRITTEN.0.clone();
        let saved = copy.take_in(crate::company::SHARD, &[]).saved;
        std::iter::once(WRITTEN.0.save()).chain(saved).collect()
    }
}
