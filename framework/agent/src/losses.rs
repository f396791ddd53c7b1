//! What of a library could not be read or carried, and what it cannot hold: for whoever asks what is not in step.
//!
//! A reading names it; it is remembered by link, so that it can be told between passes without reading again.
//!
//! Invariant: whatever a translator names is told, and what is held back because of it.

use std::collections::{BTreeSet, HashMap};

use segue_model::{LinkId, Schema};
use segue_store::{Reader, StoreError, Tx};
use segue_translator::Reading;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::command::{LOSSES_MAX, LossRow, Losses, Lost};
use crate::pass::Member;
use crate::reading::Difference;
use crate::shown::title;
use crate::unheld::Unheld;

/// So many are remembered of one library.
const ROWS_MAX: usize = 1_000;
/// So many folders, or marks, are named at once.
const NAMED_MAX: usize = 5;

/// What a reading named.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Named {
    losses: Losses,
    unseen: Option<String>,
    /// How many items are taken to have what they were sent without.
    #[serde(default)]
    kept: u64,
}

fn key(link: LinkId) -> String {
    format!("losses {link}")
}

impl Named {
    fn known(reader: &Reader, link: LinkId) -> Result<Self, StoreError> {
        let text = reader.setting(&key(link))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    fn of(
        reader: &Reader,
        link: LinkId,
        schema: &'static Schema,
        difference: &Difference,
    ) -> Result<Self, StoreError> {
        let reading = &difference.reading;
        let called: HashMap<_, _> = reading.called.iter().map(|(id, name)| (id, name)).collect();
        let mut rows = Vec::new();
        for loss in reading.losses.iter().take(ROWS_MAX) {
            let base = reader.base_item(link, &loss.id, schema)?;
            rows.push(LossRow {
                item: match (base, called.get(&loss.id)) {
                    (Some(base), _) => title(&base.held),
                    (None, Some(name)) => (*name).clone(),
                    (None, None) => loss.id.to_string(),
                },
                field: None,
                value: Json::Null,
                why: loss.what.clone(),
                operation: None,
            });
        }
        let losses = Losses { count: reading.losses.len() as u64, first: rows };
        let kept = difference.kept.len() as u64;
        Ok(Self { losses, unseen: unseen(schema, reading), kept })
    }
}

/// What is held back as long as something cannot be read.
fn unseen(schema: &Schema, reading: &Reading) -> Option<String> {
    let all = |are_places: bool| -> BTreeSet<&str> {
        let some = reading.unseen.iter().filter(|(field, _)| schema.is_places(field) == are_places);
        some.map(|(_, element)| &**element).collect()
    };
    let words = |of: &BTreeSet<&str>| {
        let first = of.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
        if of.len() > NAMED_MAX { format!("{first}, …") } else { first }
    };
    let (places, marks) = (all(true), all(false));
    let who = match &reading.suspects {
        None => "nothing is".to_owned(),
        Some(suspects) if suspects.is_empty() => return None,
        Some(suspects) if suspects.len() == 1 => "1 item of which a file is missing is not".into(),
        Some(suspects) => format!("{} items of which a file is missing are not", suspects.len()),
    };
    let left = format!("taken to have left {}", words(&places));
    let lost = format!("taken to have lost {}", words(&marks));
    let what = match (places.is_empty(), marks.is_empty()) {
        (true, true) => return None,
        (false, true) => left,
        (true, false) => lost,
        (false, false) => format!("{left}, or to have lost {}", words(&marks)),
    };
    Some(format!("{who} {what}"))
}

/// Remembers what a reading named.
pub(crate) fn keep(tx: &Tx<'_>, member: &Member, read: &Difference) -> Result<(), StoreError> {
    let link = member.row.id;
    let named = Named::of(tx, link, member.capabilities.schema, read)?;
    if named == Named::known(tx, link)? {
        return Ok(());
    }
    if named == Named::default() {
        return tx.remove_setting(&key(link));
    }
    tx.put_setting(&key(link), &serde_json::to_string(&named).unwrap_or_default())
}

/// Whether a library is read again although nothing changed in it: the base says what may be there unseen, and only
/// reading tells what of that is not.
pub(crate) fn rereads(reader: &Reader, link: LinkId) -> Result<bool, StoreError> {
    Ok(Named::known(reader, link)?.kept > 0)
}

/// What is known of a link, the first few of each.
pub(crate) fn known(reader: &Reader, link: LinkId) -> Result<Lost, StoreError> {
    let unheld = Unheld::of(reader, link)?;
    Ok(lost(Named::known(reader, link)?, &unheld, LOSSES_MAX))
}

/// All that a member lost, as it was just read; without a bound where `most` is none.
pub(crate) fn of_member(
    reader: &Reader,
    member: &Member,
    most: Option<usize>,
) -> Result<Lost, StoreError> {
    let link = member.row.id;
    let named = match &member.difference {
        Some(difference) => Named::of(reader, link, member.capabilities.schema, difference)?,
        None => Named::known(reader, link)?,
    };
    Ok(lost(named, &member.unheld, most.unwrap_or(usize::MAX)))
}

/// What a reading for its own sake named, beside what is known not to be held.
pub(crate) fn of_reading(
    reader: &Reader,
    link: LinkId,
    schema: &'static Schema,
    read: &Difference,
) -> Result<Lost, StoreError> {
    let named = Named::of(reader, link, schema, read)?;
    Ok(lost(named, &Unheld::of(reader, link)?, LOSSES_MAX))
}

fn lost(named: Named, unheld: &Unheld, most: usize) -> Lost {
    let Named { mut losses, unseen, .. } = named;
    losses.first.truncate(most);
    let mut first = unheld.told();
    let count = first.len() as u64;
    first.truncate(most);
    Lost { refused: Losses { count, first }, losses, unseen }
}
