//! Real QUIC on loopback: frames, admission, dials, deaths and whole sessions. One program, since each is linked with all of QUIC.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admission;
mod frames;
mod hostile;
mod keeper;
#[cfg(target_os = "linux")]
mod lan;
mod log;
#[cfg(target_os = "linux")]
mod loopback;
mod nodes;
mod reach;
mod sessions;
mod wire;
