//! The translator from outside: real libraries, edits, hostile files.

#[cfg(test)]
mod backups;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod place;
#[cfg(test)]
mod playlists;
#[cfg(test)]
mod shelf;
#[cfg(test)]
mod songs;
