//! Says in the document what the links of this device are, for other devices.
//!
//! A link that begins is described in its first contact. One that began before there were
//! descriptors is described by the next pass that writes into the document, and what is said wrongly
//! is put right at once; so a pass that finds nothing new writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::{DOCUMENT_RECORD, Descriptor, Record, descriptors};
use segue_model::LinkId;
use segue_store::Reader;

use super::{LISTS, Member, Pass};
use crate::failure::Failure;

/// Links that ended: what they have keeps nothing alive. Of this device's the store knows it, of
/// others the document.
pub(super) fn ended(store: &Reader, record: &Record) -> Result<BTreeSet<LinkId>, Failure> {
    let said = descriptors(record).into_iter();
    let mut ended: BTreeSet<LinkId> =
        said.filter(|(_, said)| said.is_none()).map(|(link, _)| link).collect();
    for row in store.links()? {
        if row.active {
            ended.remove(&row.id)
        } else {
            ended.insert(row.id)
        };
    }
    Ok(ended)
}

/// Describes the links of `members` where that is due.
pub(super) fn describe(pass: &mut Pass<'_>, members: &[Member]) -> Result<(), Failure> {
    if !pass.frame.may_write {
        return Ok(());
    }
    let said = descriptors(&pass.shards.record(&DOCUMENT_RECORD, None)?);
    let is_written = pass.shards.is_changed();
    let own =
        |member: &Member| Descriptor { app: member.row.app.clone(), device: pass.frame.device };
    let is_due = |member: &&Member| match said.get(&member.row.id) {
        Some(said) => *said != Some(own(member)),
        None => is_written || !member.row.active,
    };
    let due = members.iter().filter(is_due);
    let writes: Vec<_> = due.map(|member| own(member).write(member.row.id)).collect();
    if !writes.is_empty() {
        let writes = BTreeMap::from([(DOCUMENT_RECORD, writes)]);
        pass.shards.commit(LISTS, None, pass.frame.operation, pass.frame.time, &writes)?;
    }
    Ok(())
}
