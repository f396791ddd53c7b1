//! Other devices: what comes from them, what goes to them, and who they are.
//!
//! `circle` says who may what, `replica` is what sessions read, `ingest` judges what came (`hands` several shards at once) and `settle`
//! decides which changes of a shard count; `invite`, `join` and `revoke` say who is a member; `clocks` hears whose clock
//! differs. All of these work on
//! the store alone; what talks to the network is in [`net`](crate::net).
//!
//! Invariant: the log of a shard holds exactly the changes that its statements admit, each after those it
//! builds on; everything else lies aside. Nothing that was taken in is ever thrown away.

pub(crate) mod circle;
pub(crate) mod clocks;
mod hands;
pub(crate) mod ingest;
pub(crate) mod invite;
pub(crate) mod join;
pub(crate) mod list;
pub(crate) mod past;
pub(crate) mod replica;
pub(crate) mod revoke;
pub(crate) mod settle;

#[cfg(test)]
mod tests;
