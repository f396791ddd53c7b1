//! What a library may be given: limits, exclusions, and whatever else withholds.
//!
//! A policy is a value that the planner is handed. What it withholds is left out by the same path
//! as what an app cannot hold: its absence is no deletion, its places in lists stay, and it comes
//! back when the policy allows it.

use segue_document::Record;
use segue_model::LinkId;

/// Decides what a library may be given.
pub trait Policy {
    /// Whether anything is withheld at all; without, the planner asks no further.
    fn restricts(&self) -> bool;

    /// Whether `link`'s library may hold the item: in its lists, with its values.
    fn may_hold(&self, link: LinkId, item: &Record) -> bool;
}

/// Withholds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unrestricted;

impl Policy for Unrestricted {
    fn restricts(&self) -> bool {
        false
    }

    fn may_hold(&self, _: LinkId, _: &Record) -> bool {
        true
    }
}
