//! Which automerge actors are a device's: the binding of a change to the device that signed it.
//!
//! An actor is 16 bytes: 12 that follow from the device's key, and 4 of its incarnation, which a
//! copied or restored store does not share. automerge makes *branch actors* from it for commits at
//! older heads: 4 fixed bytes, the branch's level as LEB128, and the actor.
//!
//! Invariant: no actor is that of two devices, so nobody can write under another's name or occupy
//! its sequence numbers.

use segue_model::DeviceId;
use sha2::{Digest, Sha256};

const TAG: &[u8] = b"segue actor v2";
const BOUND_BYTES: usize = 12;
const BRANCH: &[u8] = &[0x13, 0xb2, 0x23, 0x09];
/// As many bytes as LEB128 needs for 64 bits.
const LEVEL_BYTES_MAX: usize = 10;

/// The actor of a device in one incarnation.
pub fn actor_of(device: &DeviceId, incarnation: [u8; 4]) -> [u8; 16] {
    let mut actor = [0; 16];
    actor[..BOUND_BYTES].copy_from_slice(&bound(device));
    actor[BOUND_BYTES..].copy_from_slice(&incarnation);
    actor
}

/// Whether changes of this actor can be this device's: its actor in any incarnation, or a branch.
pub fn is_actor_of(device: &DeviceId, actor: &[u8]) -> bool {
    own_part(actor).is_some_and(|own| own.starts_with(&bound(device)))
}

pub(crate) fn bound(device: &DeviceId) -> [u8; BOUND_BYTES] {
    let hash: [u8; 32] = Sha256::new().chain_update(TAG).chain_update(device.0).finalize().into();
    let mut bound = [0; BOUND_BYTES];
    bound.copy_from_slice(&hash[..BOUND_BYTES]);
    bound
}

/// The 16 bytes, without what makes it a branch.
pub(crate) fn own_part(actor: &[u8]) -> Option<&[u8; 16]> {
    if let Ok(own) = actor.try_into() {
        return Some(own);
    }
    let (level, own) = actor.strip_prefix(BRANCH)?.split_last_chunk()?;
    let (last, rest) = level.split_last()?;
    // The shortest spelling alone: each byte but the last goes on, and the last is not empty.
    let is_level = level.len() <= LEVEL_BYTES_MAX
        && rest.iter().all(|byte| byte & 0x80 != 0)
        && (1..0x80).contains(last);
    is_level.then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId([7; 32]);

    fn branch(level: &[u8], actor: [u8; 16]) -> Vec<u8> {
        [BRANCH, level, &actor].concat()
    }

    #[test]
    fn an_actor_is_its_devices_in_every_incarnation_and_branch() {
        for incarnation in [[0; 4], [255; 4], [1, 2, 3, 4]] {
            let actor = actor_of(&DEVICE, incarnation);
            assert_eq!(actor[12..], incarnation);
            assert!(is_actor_of(&DEVICE, &actor));
            for level in [&[1][..], &[0x7f], &[0x80, 1], &[0xff, 0xff, 3]] {
                assert!(is_actor_of(&DEVICE, &branch(level, actor)), "{level:?}");
            }
        }
    }

    #[test]
    fn f15_a_forged_actor_is_nobodys() {
        let actor = actor_of(&DEVICE, [1; 4]);
        let other = DeviceId([8; 32]);
        assert!(!is_actor_of(&other, &actor));
        assert!(!is_actor_of(&other, &branch(&[1], actor)));
        for index in 0..BOUND_BYTES {
            let mut forged = actor;
            forged[index] ^= 1;
            assert!(!is_actor_of(&DEVICE, &forged), "{index}");
        }
    }

    #[test]
    fn bytes_of_another_form_are_no_actor() {
        let actor = actor_of(&DEVICE, [1; 4]);
        let levels: [&[u8]; 6] = [&[], &[0], &[0x80], &[0x80, 0], &[1, 1], &[0xff; 11]];
        for level in levels {
            assert!(!is_actor_of(&DEVICE, &branch(level, actor)), "{level:?}");
        }
        for length in 0..16 {
            assert!(!is_actor_of(&DEVICE, &actor[..length]));
        }
        let twice = [BRANCH, &[1], &branch(&[1], actor)[..]].concat();
        for bytes in [[&actor[..], &[0]].concat(), [&[0], &actor[..]].concat(), twice] {
            assert!(!is_actor_of(&DEVICE, &bytes));
        }
    }

    #[test]
    fn the_bytes_never_change() {
        let shown = actor_of(&DEVICE, [1, 2, 3, 4]).map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(shown, "91cd76f8927ec02a2e07c9c301020304");
    }
}
