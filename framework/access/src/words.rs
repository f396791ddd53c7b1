//! Four words that both screens show before rights are given.
//!
//! They follow from the ticket's secret and both devices' keys. If somebody else presented a stolen
//! ticket, the inviter's words are not the joiner's. Each word is 11 bits of a hash, from the
//! English list of BIP 39, whose words differ in their first four letters.
//!
//! Invariant: the same on every computer and in every version.

use bip39::Language;
use segue_model::DeviceId;
use sha2::{Digest, Sha256};

use crate::Secret;

const TAG: &[u8] = b"segue words\x01";
const BITS: u32 = 11;

/// The four words of this meeting.
pub fn words(secret: &Secret, inviter: &DeviceId, joiner: &DeviceId) -> [&'static str; 4] {
    let hash = Sha256::new()
        .chain_update(TAG)
        .chain_update(secret.0)
        .chain_update(inviter.0)
        .chain_update(joiner.0)
        .finalize();
    let first = hash[..8].iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let list = Language::English.word_list();
    std::array::from_fn(|index| {
        let number = first >> (64 - BITS * (index as u32 + 1));
        list[(number % (1 << BITS)) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([1; 16]);

    fn device(byte: u8) -> DeviceId {
        DeviceId([byte; 32])
    }

    #[test]
    fn the_words_depend_on_all_three_and_on_who_invites() {
        let shown = words(&SECRET, &device(2), &device(3));
        assert_eq!(shown, words(&SECRET, &device(2), &device(3)));
        assert_ne!(shown, words(&Secret([4; 16]), &device(2), &device(3)));
        assert_ne!(shown, words(&SECRET, &device(4), &device(3)));
        assert_ne!(shown, words(&SECRET, &device(2), &device(4)));
        assert_ne!(shown, words(&SECRET, &device(3), &device(2)));
    }

    #[test]
    fn the_words_never_change() {
        insta::assert_snapshot!(words(&SECRET, &device(2), &device(3)).join(" "));
    }
}
