//! Numbers that look random and never change: SplitMix64, as published by Steele, Lea and Flood.
//!
//! Not for secrets. Written out here because the libraries must stay the same when a crate's
//! generator changes.

/// A stream of numbers that its seed and its place decide.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The stream for one thing: the same seed and place give the same numbers.
    pub(super) fn new(seed: u64, place: u64) -> Self {
        let mut start = Self(seed);
        Self(start.next() ^ Self(place).next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        // The high half of a 32 by 32 bit product: even enough for a library.
        (((self.next() >> 32) * u64::from(end)) >> 32) as u32
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_numbers() {
        let mut random = Random(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut random = Random::new(1, 2);
        let mut seen = [0; 5];
        (0..1_000).for_each(|_| seen[random.below(5) as usize] += 1);
        assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
    }
}
