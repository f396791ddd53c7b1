//! Laws of the translator on the library that Strawberry 1.0.14 made, and on ones made worse.

#[cfg(test)]
mod copy;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod playlists;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod safety;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod writing;
