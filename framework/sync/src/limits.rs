//! What a peer may make us hold or do. Every number is checked before anything is decoded or kept.

/// The protocol versions that this crate speaks, oldest and newest.
pub const VERSIONS: (u16, u16) = (1, 1);

pub use segue_document::CHANGE_BYTES_MAX;

/// The largest statement that is sent or taken.
pub const STATEMENT_BYTES_MAX: usize = 64 << 10;

/// What a batch may inflate to: one change of the largest size always fits.
pub const INFLATED_BYTES_MAX: usize = CHANGE_BYTES_MAX + (64 << 10);

/// The largest frame: a batch whose content does not deflate. A transport refuses larger ones before
/// it reads them.
pub const FRAME_BYTES_MAX: usize = INFLATED_BYTES_MAX + (1 << 10);

/// A batch is closed once it holds so much; only a single larger change makes it larger.
pub(crate) const BATCH_BYTES_AIM: usize = 1 << 20;

/// Statements in one batch.
pub(crate) const STATEMENTS_MAX: usize = 1024;

/// Changes in one batch.
pub(crate) const CHANGES_MAX: usize = 4096;

/// Dependencies of a change that a batch names by their place in it.
pub(crate) const EARLIER_MAX: usize = 64;

/// Ids that are taken out of the changes of one batch: as many as fit.
pub(crate) const IDS_MAX: usize = INFLATED_BYTES_MAX / 16;

/// Batches on the way that nobody has confirmed.
pub const WINDOW: usize = 4;

/// Statements that a Want may name.
pub(crate) const STATEMENT_IDS_MAX: usize = 1 << 14;

/// Heads, of one shard, that a Want may name.
pub(crate) const HEADS_MAX: usize = 64;

/// Older hashes, of one shard, that a Want may name.
pub const LOCATOR_MAX: usize = 96;

/// Hashes, of one shard, that a Want may ask to leave out.
pub(crate) const SKIP_MAX: usize = 64;

/// Hashes that are remembered as refused or waiting, over all shards.
pub(crate) const SHUNNED_MAX: usize = 4096;

/// Numbers of taken batches that are remembered.
pub(crate) const TAKEN_MAX: usize = 128;

/// Bytes of a reason in a Bye.
pub(crate) const TEXT_BYTES_MAX: usize = 200;

/// How long a session waits for news before it starts again, in milliseconds. The answering side
/// waits twice as long, so that both do not start at once.
pub(crate) const PATIENCE_MS: u64 = 10_000;

/// The longest such wait.
pub(crate) const PATIENCE_MS_MAX: u64 = 300_000;

/// So many rounds in a row that moved nothing, and no more are tried before something changes. Several,
/// because a frame may get lost; not for ever, because what was refused keeps the roots apart.
pub(crate) const ROUNDS_IN_VAIN_MAX: u8 = 3;
