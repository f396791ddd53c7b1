//! Edits of a document that is used as a library: one operation of its own log.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use segue_document::{Record, Write, resolve, revert};
use segue_model::{
    ChangeHash, ChangeSet, CollectionEdit, CollectionId, DocumentId, EntryId, FieldEdit, Heads,
    ItemId, LinkId, NativeId, OperationId, Rule, Value,
};
use segue_reconcile::list::{self, Bindings};
use segue_translator::{Refusal, Written};

use super::read::{native, revision};
use crate::failure::Failure;
use crate::home::Home;
use crate::operate::{self, Operation};
use crate::settle::Writes;
use crate::shards::{Changed, Shards};
use crate::world::World;

/// Every item is known by its own id.
struct Own;

impl Bindings for Own {
    fn native(&self, item: ItemId) -> Option<NativeId> {
        Some(native(item))
    }
    fn item(&self, native: &NativeId) -> Option<ItemId> {
        native.to_string().parse().ok()
    }
}

/// Makes the edits that still fit.
pub(super) fn write(
    home: &mut Home,
    document: DocumentId,
    link: LinkId,
    world: &World,
    changes: &ChangeSet,
) -> Result<Written, Failure> {
    let mut written = Written::default();
    let operation = begin(home, world)?;
    let changed = {
        let mut shards = Shards::new(&home.store, document, home.actor)?;
        let mut writes = Writes::new();
        for edit in &changes.fields {
            match field(&mut shards, link, edit)? {
                Ok((id, write)) => writes.entry(id).or_default().push(write),
                Err(refusal) => written.refused.push(refusal),
            }
        }
        for edit in &changes.collections {
            match collection(&mut shards, link, edit, world, &mut written.created)? {
                Ok((id, made)) => writes.entry(id).or_default().extend(made),
                Err(refusal) => written.refused.push(refusal),
            }
        }
        commit(shards, &operation, writes)?
    };
    finish(home, &operation, &changed)?;
    written.revision = revision(home, document)?;
    Ok(written)
}

fn begin(home: &Home, world: &World) -> Result<Operation, Failure> {
    Ok(Operation {
        number: Some(home.store.next_operation()?),
        id: OperationId(world.random_bytes()),
        kind: "library".into(),
        summary: "written as a library of another".into(),
        plan: None,
        undoes: None,
        time: (world.now)(),
        confirmed: true,
    })
}

fn commit(
    mut shards: Shards<'_>,
    operation: &Operation,
    writes: Writes,
) -> Result<Changed, Failure> {
    let mut by_shard: BTreeMap<u8, Writes> = BTreeMap::new();
    for (id, writes) in writes {
        by_shard.entry(segue_document::shard_of(&id)).or_default().insert(id, writes);
    }
    for (shard, writes) in by_shard {
        shards.commit(shard, None, operation.id, operation.time, &writes)?;
    }
    Ok(shards.into_changed())
}

fn finish(home: &mut Home, operation: &Operation, changed: &Changed) -> Result<(), Failure> {
    if changed.is_empty() {
        return Ok(());
    }
    let tx = home.store.transaction()?;
    changed.persist(&tx, &home.device, operation.id)?;
    if let Some(number) = operation.number {
        tx.put_operation(&operate::row(operation, number, crate::record::DONE))?;
    }
    Ok(tx.commit()?)
}

/// What an edit writes into which record, or why it is not made.
type Planned<T> = Result<([u8; 16], T), Refusal>;

fn refuse<T>(id: &NativeId, reason: &str) -> Planned<T> {
    Err(Refusal { id: id.clone(), reason: reason.to_owned() })
}

fn field(
    shards: &mut Shards<'_>,
    link: LinkId,
    edit: &FieldEdit,
) -> Result<Planned<Write>, Failure> {
    let Ok(item) = edit.item.to_string().parse::<ItemId>() else {
        return Ok(refuse(&edit.item, "there is no such item"));
    };
    let record = shards.record(&item.0, None)?;
    if record.live.is_none() || resolve::value(&record, edit.field) != edit.old {
        return Ok(refuse(&edit.item, "it changed meanwhile"));
    }
    let name = edit.field.name.to_owned();
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_int);
    Ok(Ok((
        item.0,
        match edit.field.rule {
            Rule::Register => Write::Register { name, value: edit.new.clone(), link: Some(link) },
            Rule::Max => Write::Replace(name, number(&edit.new)),
            Rule::Counter => {
                let part = record.counters.get(&name).and_then(|links| links.get(&link)).copied();
                let (baseline, added) = part.unwrap_or((0, 0));
                let more = number(&edit.new).unwrap_or(0) - number(&edit.old).unwrap_or(0);
                Write::Counter { name, link, baseline, added: added.saturating_add(more) }
            }
            Rule::Set => return Ok(refuse(&edit.item, "sets are not written yet")),
        },
    )))
}

fn collection(
    shards: &mut Shards<'_>,
    link: LinkId,
    edit: &CollectionEdit,
    world: &World,
    created: &mut Vec<NativeId>,
) -> Result<Planned<Vec<Write>>, Failure> {
    let mut fresh = || EntryId(world.random_bytes());
    let register = |name: &str, value: &str| Write::Register {
        name: name.into(),
        value: Some(Value::text(value)),
        link: Some(link),
    };
    match edit {
        CollectionEdit::Create { kind, name, entries, .. } => {
            let mut id: [u8; 16] = world.random_bytes();
            id[0] = segue_document::COLLECTION_SHARD;
            id[15] |= 1;
            let record = Record { id, ..Record::default() };
            let mut writes = vec![Write::Kind(kind.name.into()), register("name", name)];
            writes.extend(list::lift(&record, &[], entries, &Own, false, &mut fresh).writes);
            created.push(native(CollectionId(id)));
            Ok(Ok((id, writes)))
        }
        CollectionEdit::Rename { id, old, new } => with(shards, id, |record| {
            let name = resolve::register(record, "name");
            let same = name.winner().and_then(Value::as_text) == Some(old);
            same.then(|| vec![register("name", new)])
        }),
        CollectionEdit::Reorder { id, old, new } => with(shards, id, |record| {
            let held = list::shown(record, &Own, true);
            let same = held.iter().map(|(_, native)| native).eq(old);
            same.then(|| list::lift(record, &held, new, &Own, false, &mut fresh).writes)
        }),
        CollectionEdit::Remove { id, old } => with(shards, id, |record| {
            let held = list::shown(record, &Own, true);
            held.iter().map(|(_, native)| native).eq(old).then(|| vec![Write::Delete])
        }),
    }
}

fn with(
    shards: &mut Shards<'_>,
    id: &NativeId,
    plan: impl FnOnce(&Record) -> Option<Vec<Write>>,
) -> Result<Planned<Vec<Write>>, Failure> {
    let Ok(collection) = id.to_string().parse::<CollectionId>() else {
        return Ok(refuse(id, "there is no such collection"));
    };
    let record = shards.record(&collection.0, None)?;
    if record.live.is_none() {
        return Ok(refuse(id, "it was removed meanwhile"));
    }
    match plan(&record) {
        Some(writes) => Ok(Ok((collection.0, writes))),
        None => Ok(refuse(id, "it changed meanwhile")),
    }
}

/// The state of every shard, as text: a backup, because history is never truncated.
pub(super) fn heads_text(home: &Home, document: DocumentId) -> Result<String, Failure> {
    let mut text = String::new();
    for (shard, heads) in home.store.heads(&document)? {
        let hashes: Vec<String> =
            heads.hashes().iter().map(|hash| DocumentId(hash.0).to_string()).collect();
        _ = writeln!(text, "{shard} {}", hashes.join(" "));
    }
    Ok(text)
}

/// Takes everything back that came after a backup, by new edits.
pub(super) fn restore(
    home: &mut Home,
    document: DocumentId,
    world: &World,
    text: &str,
) -> Result<(), Failure> {
    let then: BTreeMap<u8, Heads> = text.lines().filter_map(parse_heads).collect();
    let operation = begin(home, world)?;
    let changed = {
        let mut shards = Shards::new(&home.store, document, home.actor)?;
        let mut writes = Writes::new();
        for shard in shards.written() {
            let heads = shards.heads(shard);
            if then.get(&shard) == Some(&heads) {
                continue;
            }
            for (id, now) in shards.records(shard)? {
                let before = match then.get(&shard) {
                    Some(at) => shards.record(&id, Some(at))?,
                    None => Record { id, ..Record::default() },
                };
                let (made, _) = revert(&before, &now, &now, operation.id);
                writes.insert(id, made);
            }
        }
        commit(shards, &operation, writes)?
    };
    finish(home, &operation, &changed)
}

fn parse_heads(line: &str) -> Option<(u8, Heads)> {
    let mut words = line.split_ascii_whitespace();
    let shard = words.next()?.parse().ok()?;
    let hashes = words.map(|word| Some(ChangeHash(word.parse::<DocumentId>().ok()?.0)));
    Some((shard, Heads::new(hashes.collect::<Option<_>>()?)))
}
