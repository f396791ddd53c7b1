//! Small stores beside the real notmuch, and what other programs do to them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod beside;
mod dovecot;
mod moving;
mod reading;
mod store;
mod writing;
