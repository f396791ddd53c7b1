//! Whole agents that talk to each other in this process, some of them hostile.
//!
//! Each device has a home and a library of its own; all run by one clock and one seed, over the memory
//! transport. What a hostile peer sends is made by hand, and signed with a key that it really has.

mod clocks;
mod company;
mod costs;
mod device;
mod doctored;
mod exclusion;
mod floods;
mod forge;
mod hands;
mod hostile;
mod killed;
mod lanes;
mod liar;
mod limits;
mod meeting;
mod merged;
mod restored;
mod revoked;
mod seats;
mod strikes;
mod talk;
mod tampered;
mod tickets;
mod travel;
