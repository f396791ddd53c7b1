//! What can go wrong: the disk, the database, or a number that is too large.

use std::io;

use super::SONGS_MAX;

/// Why no library was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More was asked for than there are names.
    #[error("{songs} are too many; at most {SONGS_MAX} can be named")]
    TooMany {
        /// How many were asked for.
        songs: u32,
    },
    /// A file could not be written.
    #[error("cannot write `{path}`")]
    Io {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database could not be written.
    #[error("cannot write the database: {message}")]
    Database {
        /// Why, in SQLite's words.
        message: String,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database { message: error.to_string() }
    }
}
