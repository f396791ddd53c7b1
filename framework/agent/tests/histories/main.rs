//! Whole histories of an agent and its apps, most of them drawn from a seed.
//!
//! Every history ends with the oracles: all libraries are what the document says (O1), no edit is
//! lost (O2), nothing deleted comes back (O3), a pass with nothing new does nothing (O4), losses do
//! not flow back (O7), everything comes to rest, and the same seed gives the same bytes (O10).

#[cfg(test)]
mod absence;
#[cfg(test)]
mod app;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod certain;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod life;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod model;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod recover;
mod resumed;
#[cfg(test)]
mod rhythmdb;
#[cfg(test)]
mod strawberrydb;
#[cfg(test)]
mod taking_back;
#[cfg(test)]
mod uri;
#[cfg(test)]
mod values;
#[cfg(test)]
mod wrapped;
