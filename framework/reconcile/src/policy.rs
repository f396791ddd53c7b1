//! What a library may be given: limits, exclusions, and whatever else withholds.
//!
//! A policy is a value that the planner is handed. What it withholds is left out by the same path
//! as what an app cannot hold: its absence is no deletion, its places in lists stay, and it comes
//! back when the policy allows it. An app that can hide items lists it no longer meanwhile.

use segue_document::Record;
use segue_model::{ItemId, LinkId};

/// Decides what a library may be given.
///
/// # Behavior
/// - Pure: the same questions have the same answers for as long as the policy lives.
/// - Items that read as one have one answer.
pub trait Policy {
    /// Names what is withheld at the moment: while it is the same, every library that was given
    /// what it may hold needs no second look. Empty if nothing is withheld.
    fn mark(&self) -> &str;

    /// Whether anything in a shard may be withheld; nothing is asked of the others.
    fn concerns(&self, shard: u8) -> bool;

    /// Whether an item may be withheld, now or at another moment.
    fn may_withhold(&self, item: ItemId) -> bool;

    /// Whether `link`'s library may hold an item: list it, with its values. `record` is what is known of
    /// `item` and of all that reads as one with it.
    fn may_hold(&self, link: LinkId, item: ItemId, record: &Record) -> bool;
}

/// Withholds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unrestricted;

impl Policy for Unrestricted {
    fn mark(&self) -> &'static str {
        ""
    }

    fn concerns(&self, _: u8) -> bool {
        false
    }

    fn may_withhold(&self, _: ItemId) -> bool {
        false
    }

    fn may_hold(&self, _: LinkId, _: ItemId, _: &Record) -> bool {
        true
    }
}
