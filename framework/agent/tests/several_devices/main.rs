//! One document on several devices, each with apps of its own. What a network would carry is
//! copied by hand from store to store: here it is about what links of other devices mean.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod device;
mod histories;
mod links;
mod reader;
mod together;
