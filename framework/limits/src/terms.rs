//! Terms in their one byte form, and within bounds.
//!
//! Names stand for amounts and uses, so that what a newer Segue limits is an unknown kind here,
//! which denies, and not an error. What terms mean is `segue-model`'s to say.
//!
//! Invariant: what is read lies within the bounds; [`bounded`] only tightens.

use std::collections::BTreeSet;

use segue_access::AccessError;
use segue_access::encoding::{Reader, Writer};
use segue_model::{Amount, DeviceId, Terms, Use};

use crate::LimitError;

/// The last second of the year 9999.
pub(crate) const LAST_SECOND: i64 = 253_402_300_799;
const DEVICES_MAX: usize = 64;
const UNKNOWN_MAX: usize = 32;
const KIND_BYTES_MAX: usize = 64;

/// Whether no licence needs more than this.
pub(crate) fn check(terms: &Terms) -> Result<(), LimitError> {
    for second in [terms.valid_from, terms.valid_until].into_iter().flatten() {
        check_moment(second)?;
    }
    if ends_first(terms) {
        return Err(LimitError::EndsFirst);
    }
    let devices = terms.devices.as_ref().map_or(0, BTreeSet::len);
    at_most("devices", devices, DEVICES_MAX)?;
    at_most("unknown kinds of limits", terms.unknown.len(), UNKNOWN_MAX)?;
    for kind in &terms.unknown {
        at_most("bytes of a kind's name", kind.len(), KIND_BYTES_MAX)?;
        if kind.is_empty() {
            return Err(LimitError::Nameless("a kind of limit"));
        }
    }
    Ok(())
}

pub(crate) fn check_moment(second: i64) -> Result<(), LimitError> {
    if (0..=LAST_SECOND).contains(&second) { Ok(()) } else { Err(LimitError::Moment(second)) }
}

pub(crate) fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), LimitError> {
    if count > max { Err(LimitError::TooMany { what, count, max }) } else { Ok(()) }
}

fn ends_first(terms: &Terms) -> bool {
    terms.valid_from.zip(terms.valid_until).is_some_and(|(from, until)| until < from)
}

/// Terms that [`check`] accepts and that allow nothing which these do not: whatever cannot be said
/// becomes a kind of limit that nobody knows.
pub(crate) fn bounded(terms: &Terms) -> Terms {
    let mut bounded = terms.clone();
    let within = |second: i64| second.clamp(0, LAST_SECOND);
    bounded.valid_from = terms.valid_from.map(within);
    bounded.valid_until = terms.valid_until.map(within);
    let cannot_be_said = |kind: &str| kind.is_empty() || kind.len() > KIND_BYTES_MAX;
    // Two more may be added below.
    if bounded.unknown.len() > UNKNOWN_MAX - 2
        || bounded.unknown.iter().any(|kind| cannot_be_said(kind))
    {
        bounded.unknown = BTreeSet::from(["kinds that cannot be named".into()]);
    }
    if bounded.devices.as_ref().is_some_and(|devices| devices.len() > DEVICES_MAX) {
        bounded.devices = None;
        bounded.unknown.insert("too many devices".into());
    }
    if ends_first(&bounded) {
        (bounded.valid_from, bounded.valid_until) = (None, None);
        bounded.unknown.insert("an end before its beginning".into());
    }
    bounded
}

/// `end ‖ end ‖ devices ‖ amounts ‖ what is denied ‖ unknown kinds`.
pub(crate) fn write(writer: &mut Writer, terms: &Terms) -> Result<(), AccessError> {
    writer.optional(terms.valid_from).optional(terms.valid_until);
    match &terms.devices {
        None => writer.bytes(&[0]),
        Some(devices) => {
            writer.bytes(&[1]).hashes(&devices.iter().map(|device| device.0).collect())?
        }
    };
    let mut amounts: Vec<(&str, u32)> =
        terms.amounts.iter().map(|(amount, most)| (amount.name(), *most)).collect();
    amounts.sort_unstable();
    writer.count(amounts.len())?;
    for (name, most) in amounts {
        writer.text(name)?.bytes(&most.to_be_bytes());
    }
    write_names(writer, &terms.denied.iter().map(|denied| denied.name()).collect())?;
    write_names(writer, &terms.unknown.iter().map(AsRef::as_ref).collect())
}

fn write_names(writer: &mut Writer, names: &BTreeSet<&str>) -> Result<(), AccessError> {
    writer.count(names.len())?;
    for name in names {
        writer.text(name)?;
    }
    Ok(())
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Terms, LimitError> {
    let mut terms = Terms {
        valid_from: reader.optional()?,
        valid_until: reader.optional()?,
        ..Terms::default()
    };
    terms.devices = match reader.byte()? {
        0 => None,
        1 => Some(reader.hashes()?.into_iter().map(DeviceId).collect()),
        _ => return Err(AccessError::Malformed("devices neither absent nor present").into()),
    };
    let mut last = None;
    for _ in 0..reader.count()? {
        let name = next_name(reader, &mut last)?;
        let most = u32::from_be_bytes(reader.array()?);
        match amount(&name) {
            Some(amount) => drop(terms.amounts.insert(amount, most)),
            None => drop(terms.unknown.insert(name)),
        }
    }
    let mut last = None;
    for _ in 0..reader.count()? {
        let name = next_name(reader, &mut last)?;
        match named_use(&name) {
            Some(denied) => drop(terms.denied.insert(denied)),
            None => drop(terms.unknown.insert(name)),
        }
    }
    let mut last = None;
    for _ in 0..reader.count()? {
        terms.unknown.insert(next_name(reader, &mut last)?);
    }
    check(&terms)?;
    Ok(terms)
}

/// The next of names that strictly ascend.
fn next_name(
    reader: &mut Reader<'_>,
    last: &mut Option<Box<str>>,
) -> Result<Box<str>, AccessError> {
    let name = reader.text()?;
    if last.as_ref().is_some_and(|last| *last >= name) {
        return Err(AccessError::Malformed("names that do not ascend"));
    }
    *last = Some(name.clone());
    Ok(name)
}

pub(crate) fn amount(name: &str) -> Option<Amount> {
    Amount::ALL.into_iter().find(|amount| amount.name() == name)
}

pub(crate) fn named_use(name: &str) -> Option<Use> {
    Use::ALL.into_iter().find(|named| named.name() == name)
}
