//! Histories that once failed, one file each: they are tried first.

use std::path::{Path, PathBuf};

use crate::explore::Failure;
use crate::text::{History, ParseError};

/// Where they lie.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kept")
}

/// A history that is kept, with the name of its file.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The name of its file.
    pub name: String,
    /// What happens in it.
    pub history: History,
}

/// Why one cannot be read.
#[derive(Debug)]
pub enum Error {
    /// The folder or the file.
    Io(std::io::Error),
    /// What is in the file.
    Text(String, ParseError),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Text(name, error) => write!(f, "{name}: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// All that are kept, in the order of their names.
///
/// # Errors
/// If the folder cannot be read, or a file is no history.
pub fn all() -> Result<Vec<Kept>, Error> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder())?.collect();
    let mut paths: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<Kept, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let history = std::fs::read_to_string(path)?.parse();
    let history = history.map_err(|error| Error::Text(name.clone(), error))?;
    Ok(Kept { name, history })
}

/// Keeps what is left of a history that failed; where.
///
/// # Errors
/// If it cannot be written.
pub fn keep(failure: &Failure) -> std::io::Result<PathBuf> {
    let text = format!("# {}: {}\n{}", failure.of, failure.violation, failure.history);
    let name: String =
        failure.of.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let path = folder().join(format!("{name}.txt"));
    std::fs::create_dir_all(folder())?;
    std::fs::write(&path, text)?;
    Ok(path)
}
