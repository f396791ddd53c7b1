//! What of libraries is not in step and stays so, and what was checked.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// So many losses are named at once.
pub const LOSSES_MAX: usize = 3;

/// Something that a library lacks, or that nobody else has of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LossRow {
    /// Title and author, or what the library calls it.
    pub item: String,
    /// The field, or `playlist`, if it is about one.
    pub field: Option<String>,
    /// What it cannot hold.
    pub value: Json,
    /// Why, in words.
    pub why: String,
    /// The operation that would have written it.
    pub operation: Option<i64>,
}

/// How many there are, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<LossRow>,
}

/// What of a library is not in step and stays so until somebody does something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// What others have and it cannot hold.
    #[serde(default)]
    pub refused: Losses,
    /// What of it could not be read or carried.
    #[serde(default)]
    pub losses: Losses,
    /// What is held back as long as that cannot be read, in words.
    #[serde(default)]
    pub unseen: Option<String>,
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DoctorReport {
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// Libraries that cannot hold everything, or of which not everything can be carried.
    pub lost: Vec<LibraryLost>,
    /// Whether all passed.
    pub sound: bool,
}

/// What of one library is not in step and stays so.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LibraryLost {
    /// The library.
    pub library: String,
    /// What that is.
    #[serde(flatten)]
    pub lost: Lost,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What was found.
    pub detail: String,
}
