//! What a licence lets people do with an item, and how a library's files say so.
//!
//! Invariant: terms form a meet-semilattice under [`Terms::meet`]. It never loosens, its order does
//! not matter, and doing it twice does nothing; [`Terms::default`] permits everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::DeviceId;

/// Something of which a licence allows so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Amount {
    /// Devices that may use it at one time; each needs a lease.
    Seats,
    /// Copies of its file that Segue may make.
    Copies,
    /// Plays, counted over all devices.
    Plays,
    /// Pages that may be printed.
    PrintedPages,
    /// Characters that may be copied to a clipboard.
    CopiedCharacters,
}

/// Something that a licence may forbid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// To make it into another format.
    Transcode,
    /// To write it out of the libraries in which it lies.
    Export,
    /// To give it to another person.
    Share,
}

impl Amount {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Seats, Self::Copies, Self::Plays, Self::PrintedPages, Self::CopiedCharacters];

    /// The name in statements, sidecars and JSON. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seats => "seats",
            Self::Copies => "copies",
            Self::Plays => "plays",
            Self::PrintedPages => "printed_pages",
            Self::CopiedCharacters => "copied_characters",
        }
    }
}

impl Use {
    /// All.
    pub const ALL: [Self; 3] = [Self::Transcode, Self::Export, Self::Share];

    /// The name in statements, sidecars and JSON. It never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transcode => "transcode",
            Self::Export => "export",
            Self::Share => "share",
        }
    }
}

/// What is allowed. Whatever is absent is not restricted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The first second of use, in Unix time.
    pub valid_from: Option<i64>,
    /// The end of use, in Unix time: that second is no longer part of it.
    pub valid_until: Option<i64>,
    /// The only devices that may use it.
    pub devices: Option<BTreeSet<DeviceId>>,
    /// How much of what.
    pub amounts: BTreeMap<Amount, u32>,
    /// What is forbidden.
    pub denied: BTreeSet<Use>,
    /// Kinds of limits that this version does not know. While there is one, nothing is allowed.
    pub unknown: BTreeSet<Box<str>>,
}

impl Terms {
    /// What both allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.tighten(other);
        both
    }

    /// Leaves of it what `other` allows, too: [`meet`](Self::meet) in place, for those who draw many together.
    pub fn tighten(&mut self, other: &Self) {
        self.valid_from = self.valid_from.max(other.valid_from);
        self.valid_until = [self.valid_until, other.valid_until].into_iter().flatten().min();
        match (&mut self.devices, &other.devices) {
            (Some(these), Some(those)) => these.retain(|device| those.contains(device)),
            (these @ None, Some(those)) => *these = Some(those.clone()),
            (_, None) => {}
        }
        for (amount, most) in &other.amounts {
            let least = self.amounts.entry(*amount).or_insert(*most);
            *least = (*least).min(*most);
        }
        self.denied.extend(&other.denied);
        self.unknown.extend(other.unknown.iter().cloned());
    }

    /// Whether nothing is allowed that `other` does not allow.
    pub fn is_within(&self, other: &Self) -> bool {
        self.meet(other) == *self
    }

    /// Whether they restrict nothing.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether it was proven who wrote a licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A signature over the licence fits this key, by its SHA-256.
    Signed {
        /// SHA-256 of the public key, which names the issuer.
        key: [u8; 32],
    },
    /// It was not, for a reason in words: "it carries no signature".
    Unverified(Box<str>),
}

/// A limit as a library's files carry it: a licence inside or beside a file, or a mark in its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedLimit {
    /// What kind of carrier: `lcp`, `id3`, `mp4`, `sidecar`.
    pub carrier: &'static str,
    /// Who issued it, in the carrier's words: a provider, a seller. A claim.
    pub issuer: Box<str>,
    /// The issuer's name for the licence.
    pub licence: Box<str>,
    /// Of two licences of one name the higher holds; 0 where the carrier counts none.
    pub serial: u64,
    /// When it was issued, in Unix seconds, if it says so.
    pub issued_at: Option<i64>,
    /// What it allows.
    pub terms: Terms,
    /// Whether it is proven that the issuer says so.
    pub proof: Proof,
    /// What a person may read there and no program can judge: terms of use in words.
    pub note: Option<Box<str>>,
    /// The licence itself, where others can check it again.
    pub evidence: Option<Box<[u8]>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(second: i64) -> Terms {
        Terms { valid_until: Some(second), ..Terms::default() }
    }

    #[test]
    fn both_ends_are_drawn_in_and_absent_means_free() {
        let terms = until(20).meet(&Terms { valid_from: Some(5), ..until(30) });
        assert_eq!(terms, Terms { valid_from: Some(5), ..until(20) });
        assert_eq!(terms.meet(&Terms::default()), terms);
        assert!(until(20).is_within(&until(30)) && !until(30).is_within(&until(20)));
        assert!(Terms::default().is_free() && !terms.is_free());
    }

    #[test]
    fn devices_that_only_one_allows_are_out_and_no_device_is_not_every_device() {
        let of = |bytes: &[u8]| Terms {
            devices: Some(bytes.iter().map(|byte| DeviceId([*byte; 32])).collect()),
            ..Terms::default()
        };
        assert_eq!(of(&[1, 2]).meet(&of(&[2, 3])), of(&[2]));
        assert_eq!(of(&[1]).meet(&of(&[2])), of(&[]));
        assert_ne!(of(&[]), Terms::default());
    }

    #[test]
    fn the_least_amount_holds_and_what_either_forbids_is_forbidden() {
        let of = |plays, denied: &[Use]| Terms {
            amounts: BTreeMap::from([(Amount::Plays, plays)]),
            denied: denied.iter().copied().collect(),
            ..Terms::default()
        };
        assert_eq!(
            of(3, &[Use::Share]).meet(&of(9, &[Use::Export])),
            of(3, &[Use::Export, Use::Share])
        );
        let strange = Terms { unknown: BTreeSet::from(["moon_phase".into()]), ..Terms::default() };
        assert_eq!(of(3, &[]).meet(&strange).unknown, strange.unknown);
    }
}
