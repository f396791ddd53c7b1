//! How much of everything an outside program may take.

use std::time::Duration;

/// The most that is borne; more is an error, and the end of the program.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long it may take to say hello.
    pub hello: Duration,
    /// How long it may take for any other answer, all parts together.
    pub answer: Duration,
    /// The size of one line from it.
    pub line_bytes: usize,
    /// The size of one answer, all lines together.
    pub answer_bytes: usize,
    /// Its address space, in bytes.
    pub memory_bytes: u64,
    /// The size of each file that it writes.
    pub written_bytes: u64,
    /// How many items, losses and entries of collections one read may bring, each.
    pub items: usize,
    /// How many collections one read may bring.
    pub collections: usize,
    /// How deep collections may lie in collections.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(5),
            answer: Duration::from_mins(2),
            line_bytes: 1 << 20,
            answer_bytes: 1 << 30,
            memory_bytes: 4 << 30,
            written_bytes: 1 << 30,
            items: 5_000_000,
            collections: 100_000,
            depth: 64,
        }
    }
}
