//! Replicas with real documents and real signatures on a network that misbehaves.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clocks;
mod costs;
mod histories;
mod hostile;
mod store;
mod world;
