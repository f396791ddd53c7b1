//! What an operation did so far, kept from before its first write until it is over.
//!
//! The log says of an operation that was killed what of it was found done, and what a later command
//! that goes on with it did belongs to the same operation. The libraries themselves are in the journal
//! and in their bases; this is for people, and for knowing what to go on with.
//!
//! Invariant: an operation whose row says [`BEGUN`] or [`INTERRUPTED`] is not over, and nothing else is.

use segue_model::LinkId;
use segue_store::{OperationRow, Reader, Tx};
use serde::{Deserialize, Serialize};

use crate::command::{Found, LibraryState};
use crate::failure::Failure;
use crate::operate::Operation;
use crate::report::{self, add_counts};

/// The state of an operation that is being carried out, or whose process was killed.
pub(crate) const BEGUN: &str = "begun";
/// The state of one of which a part was found done; the next pass goes on with it.
pub(crate) const INTERRUPTED: &str = "interrupted";
/// The state of one that left something to later operations.
pub(crate) const PARTLY: &str = "partly";
/// The state of one that is over.
pub(crate) const DONE: &str = "done";

/// What is known of an operation that is not over.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What it is about, without what it did.
    summary: String,
    /// Whether it was interrupted before.
    interrupted: bool,
    /// Whether an interruption was a failure, not a kill: it is gone on with once.
    #[serde(default)]
    failed: bool,
    parts: Vec<Part>,
}

/// What it did to one library.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    link: String,
    /// How many edits it has in all, made or not.
    planned: u64,
    found: Found,
}

/// What one draft is about to do to a library.
pub(crate) struct Begun<'a> {
    pub(crate) link: LinkId,
    pub(crate) label: &'a str,
    pub(crate) lifted: u64,
    /// How many edits are to be written now.
    pub(crate) planned: u64,
}

impl Record {
    /// The record of an operation; an empty one if it has none.
    pub(crate) fn of(store: &Reader, number: i64) -> Result<Self, Failure> {
        let text = store.setting(&key(number))?;
        // What cannot be read is not there: it only makes the log say less.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn keep(&self, tx: &Tx<'_>, number: i64) -> Result<(), Failure> {
        let text = serde_json::to_string(self).unwrap_or_default();
        Ok(tx.put_setting(&key(number), &text)?)
    }

    fn part(&mut self, link: LinkId, label: &str) -> &mut Part {
        let name = link.to_string();
        let index = self.parts.iter().position(|part| part.link == name).unwrap_or_else(|| {
            let found = Found::new(label, LibraryState::Unchanged);
            self.parts.push(Part { link: name, planned: 0, found });
            self.parts.len() - 1
        });
        &mut self.parts[index]
    }

    /// The links that it is about.
    pub(crate) fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.parts.iter().filter_map(|part| part.link.parse().ok())
    }

    /// What it is about, in words.
    pub(crate) fn summary(&self) -> Option<&str> {
        Some(self.summary.as_str()).filter(|summary| !summary.is_empty())
    }

    fn founds(&self) -> Vec<Found> {
        self.parts.iter().map(|part| part.found.clone()).collect()
    }

    /// How many edits were made, of how many.
    fn made(&self) -> (u64, u64) {
        let made = self.parts.iter().map(|part| part.found.written).sum();
        let planned = self.parts.iter().map(|part| part.planned.max(part.found.written)).sum();
        (made, planned)
    }
}

/// Notes what a draft is about to do, with the operation's row.
pub(crate) fn begin<'a>(
    tx: &Tx<'_>,
    operation: &Operation,
    number: i64,
    libraries: impl Iterator<Item = Begun<'a>>,
) -> Result<(), Failure> {
    let mut record = Record::of(tx, number)?;
    record.summary.clone_from(&operation.summary);
    for library in libraries {
        let part = record.part(library.link, library.label);
        part.found.lifted += library.lifted;
        part.planned = part.planned.max(part.found.written + library.planned);
    }
    record.keep(tx, number)?;
    let (made, planned) = record.made();
    let summary = match planned {
        0 => operation.summary.clone(),
        _ => format!("{}: {made} of {planned} edits", operation.summary),
    };
    let row = crate::operate::row(operation, number, BEGUN);
    Ok(tx.put_operation(&OperationRow { summary, ..row })?)
}

/// Notes what was written to a library, in the transaction that makes it its base.
pub(crate) fn wrote(
    tx: &Tx<'_>,
    number: i64,
    link: LinkId,
    written: u64,
    fields: &[(String, u64)],
) -> Result<(), Failure> {
    let mut record = Record::of(tx, number)?;
    let name = link.to_string();
    let Some(part) = record.parts.iter_mut().find(|part| part.link == name) else {
        return Ok(());
    };
    part.found.written += written;
    add_counts(&mut part.found.fields, fields);
    record.keep(tx, number)
}

/// Says in the log what was found done of an operation that was killed.
pub(crate) fn interrupted(tx: &Tx<'_>, number: i64) -> Result<(), Failure> {
    let Some(row) = tx.operation(number)? else { return Ok(()) };
    // An undo that has begun goes on, even if it has to wait for an app first.
    if row.undoes.is_some() {
        return Ok(());
    }
    let mut record = Record::of(tx, number)?;
    if record.summary.is_empty() {
        record.summary.clone_from(&row.summary);
    }
    record.interrupted = true;
    record.keep(tx, number)?;
    let is_over = row.state != BEGUN && row.state != INTERRUPTED;
    let state = if is_over { PARTLY } else { INTERRUPTED };
    let summary = stopped(&record, number);
    Ok(tx.put_operation(&OperationRow { summary, state: state.into(), ..row })?)
}

fn stopped(record: &Record, number: i64) -> String {
    let (made, planned) = record.made();
    let did = report::summary(&record.summary, number, &record.founds());
    format!("{did}; interrupted: {made} of {planned}")
}

/// Ends an operation in the log: the row as it stays. `is_torn` if a write failed midway.
pub(crate) fn end(
    tx: &Tx<'_>,
    operation: &Operation,
    number: i64,
    libraries: &[Found],
    is_torn: bool,
) -> Result<OperationRow, Failure> {
    let mut record = Record::of(tx, number)?;
    let is_part = libraries.iter().any(|found| {
        matches!(found.state, LibraryState::Waiting | LibraryState::Failed | LibraryState::Held)
    });
    let goes_on = is_torn && operation.undoes.is_none() && !record.failed;
    let state = match (goes_on, is_part) {
        (true, _) => INTERRUPTED,
        (false, true) => PARTLY,
        (false, false) => DONE,
    };
    let row = crate::operate::row(operation, number, state);
    let mut founds = record.founds();
    for found in libraries {
        match founds.iter_mut().find(|known| known.library == found.library) {
            Some(known) => {
                known.state = found.state;
                known.lost.clone_from(&found.lost);
            }
            None => founds.push(found.clone()),
        }
    }
    let did = report::summary(&operation.summary, number, &founds);
    if goes_on {
        record.failed = true;
        record.interrupted = true;
        record.summary.clone_from(&operation.summary);
        record.keep(tx, number)?;
        return Ok(OperationRow { summary: stopped(&record, number), ..row });
    }
    tx.remove_setting(&key(number))?;
    let (made, planned) = record.made();
    let summary = match (record.interrupted, is_part) {
        (false, _) => did,
        (true, false) => format!("{did}; interrupted, finished later"),
        (true, true) => format!("{did}; interrupted: {made} of {planned}"),
    };
    Ok(OperationRow { summary, ..row })
}

fn key(number: i64) -> String {
    format!("operation {number} so far")
}
