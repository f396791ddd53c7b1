//! How many conflicts are open, by shard, without looking at what nobody touched.

use std::collections::{BTreeMap, HashMap};

use segue_document::{Record, resolve};
use segue_model::{DocumentId, ItemId, Rule, Schema};
use segue_store::{Reader, StoreError, Tx};

use crate::pass::{Draft, SameAs, ShardConflicts};
use crate::shards::Records;

const EXAMPLES: usize = 3;

/// The fields of a record that have unequal values which nobody has settled.
pub(crate) fn of_record<'a>(
    record: &'a Record,
    schema: &'a Schema,
) -> impl Iterator<Item = &'static str> + 'a {
    let listed = ["name"].into_iter().filter(|_| record.kind.is_some());
    let fields = schema.fields.iter().filter(|_| record.kind.is_none());
    fields
        .filter(|field| field.rule == Rule::Register)
        .map(|field| field.name)
        .chain(listed)
        .filter(|name| resolve::register(record, name).is_conflict())
}

/// The conflicts of one shard; items that read as one are counted once.
pub(crate) fn of_shard(
    records: &Records,
    joined: &HashMap<[u8; 16], Record>,
    same: &SameAs,
    schema: &Schema,
) -> ShardConflicts {
    let mut out = ShardConflicts::default();
    for (id, record) in records {
        if record.live.is_none() || same.shown(ItemId(*id)).0 != *id {
            continue;
        }
        let record = joined.get(id).unwrap_or(record);
        let count = of_record(record, schema).count() as u64;
        out.count += count;
        if count > 0 && out.examples.len() < EXAMPLES {
            out.examples.push(record.clone());
        }
    }
    out
}

/// Remembers the conflicts of the shards that a draft looked at.
pub(crate) fn note(tx: &Tx<'_>, draft: &Draft) -> Result<(), StoreError> {
    let mut all = counts(tx, &draft.document)?;
    let before = all.clone();
    all.extend(draft.conflicts.iter().map(|(shard, found)| (*shard, found.count)));
    all.retain(|_, count| *count > 0);
    if all == before {
        return Ok(());
    }
    let text: Vec<String> = all.iter().map(|(shard, count)| format!("{shard}:{count}")).collect();
    tx.put_setting(&key(&draft.document), &text.join(" "))
}

/// How many conflicts are open.
pub(crate) fn total(reader: &Reader, document: &DocumentId) -> Result<u64, StoreError> {
    Ok(counts(reader, document)?.values().sum())
}

/// How many would be open after a draft.
pub(crate) fn total_after(reader: &Reader, draft: &Draft) -> Result<u64, StoreError> {
    let mut all = counts(reader, &draft.document)?;
    all.extend(draft.conflicts.iter().map(|(shard, found)| (*shard, found.count)));
    Ok(all.values().sum())
}

fn counts(reader: &Reader, document: &DocumentId) -> Result<BTreeMap<u8, u64>, StoreError> {
    let text = reader.setting(&key(document))?.unwrap_or_default();
    let pair = |pair: &str| {
        let (shard, count) = pair.split_once(':')?;
        Some((shard.parse().ok()?, count.parse().ok()?))
    };
    Ok(text.split(' ').filter_map(pair).collect())
}

fn key(document: &DocumentId) -> String {
    format!("conflicts {document}")
}
