//! What is fed with bytes of strangers, and with which.

use crate::targets::{books, changes, frames, mail, music, signed, store};

/// What became of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They mean something.
    Read,
    /// They are refused, with a reason.
    Refused,
}

impl Outcome {
    pub(crate) fn of(is_read: bool) -> Self {
        if is_read { Self::Read } else { Self::Refused }
    }
}

/// One way in. It panics if bytes do what no bytes may.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Names it, its fixtures and its fuzz target.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]) -> Outcome,
    /// Real messages or files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Makes right what an attacker can: checksums, lengths, and the signature of the key that they have.
    pub repair: Option<fn(&mut Vec<u8>)>,
    /// How many of ten thousand mutants it gets: what is cheap and near to strangers gets more.
    pub share: u32,
}

macro_rules! target {
    ($name:literal, $module:ident :: $function:ident, $share:literal) => {
        Target {
            name: $name,
            run: $module::$function::run,
            seeds: $module::$function::seeds,
            repair: $module::$function::REPAIR,
            share: $share,
        }
    };
}

/// Every way in, in the order of names.
pub const TARGETS: &[Target] = &[
    target!("change", changes::change, 1_400),
    target!("change_content", changes::content, 300),
    target!("dovecot_keywords", mail::keywords, 100),
    target!("epub", books::epub, 100),
    target!("frame", frames::frame, 2_000),
    target!("join_frame", frames::join, 600),
    target!("lcp", books::lcp, 300),
    target!("lease", signed::lease, 600),
    target!("limit_body", signed::body, 500),
    target!("mbox", mail::mbox, 100),
    target!("message", mail::message, 800),
    target!("opf", books::opf, 100),
    target!("packed_changes", store::changes, 500),
    target!("packed_item", store::item, 500),
    target!("rhythmbox_playlists", music::playlists, 150),
    target!("rhythmdb", music::rhythmdb, 150),
    target!("saved_shard", changes::saved, 300),
    target!("sidecar", signed::sidecar, 300),
    target!("statement", signed::statement, 600),
    target!("store", store::file, 10),
    target!("strawberry", music::strawberry, 30),
    target!("tags", music::tags, 60),
    target!("ticket", signed::ticket, 300),
    target!("utf7", mail::utf7, 200),
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
