//! A person's word: which value counts, and which items are the same.

use std::collections::BTreeMap;

use segue_document::{DOCUMENT_RECORD, SAME_AS, Write, resolve};
use segue_model::{DocumentId, Field, ItemId, LinkId, OperationId, Rule, Shape, Value};

use crate::agent::Agent;
use crate::command::{MatchReport, PassReport};
use crate::exclusion;
use crate::failure::Failure;
use crate::names::Names;
use crate::operate::Operation;
use crate::pass::{SameAs, edge};
use crate::progress::Progress;
use crate::query;
use crate::report;
use crate::shards::{Changed, Shards};
use crate::views;

/// Writes that a person asked for, by record.
pub(crate) type Writes = BTreeMap<[u8; 16], Vec<Write>>;

/// Settles one field of one item, and writes it into every app.
pub(crate) fn resolve(
    agent: &mut Agent,
    item: &str,
    field: &str,
    value: Option<String>,
    keep: Option<String>,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let (document, id) = query::named(agent, item)?;
    let record = query::shown_record(agent, document, id)?;
    let schema = agent.home.store.document(&document)?.map(|row| row.schema).unwrap_or_default();
    let known = views::schema(&schema)?.field(field);
    let value = match (value, keep) {
        (Some(text), None) => parse(known, field, &text)?,
        (None, Some(app)) => held_by(agent, &record, field, &app)?,
        _ => {
            let sentence = "say a value, or --keep APP";
            return Err(Failure::refused(
                sentence,
                format!("see them: segue why \"{item}\" {field}"),
            ));
        }
    };
    let name = field.to_owned();
    let write = match known.map(|field| field.rule) {
        Some(Rule::Max) => Write::Replace(name, value.as_ref().and_then(Value::as_int)),
        Some(Rule::Register) => Write::Register { name, value, link: None },
        None if field == "name" && record.kind.is_some() => {
            Write::Register { name, value, link: None }
        }
        _ => {
            let sentence = format!("`{field}` has no conflicts to settle");
            return Err(Failure::refused(sentence, "see: segue conflicts"));
        }
    };
    let same = components(agent, document)?;
    let ids = same.all(ItemId(id));
    exclusion::command::refuse(agent, document, &ids, &record, field)?;
    let writes = ids.into_iter().map(|item| (item.0, vec![write.clone()])).collect();
    let summary = format!("settled {field} of {}", report::title(&record));
    person_writes(agent, document, "resolve", summary, &writes, progress)
}

fn components(agent: &Agent, document: DocumentId) -> Result<SameAs, Failure> {
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    Ok(SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?))
}

/// The value that an app holds, of several.
fn held_by(
    agent: &Agent,
    record: &segue_document::Record,
    field: &str,
    app: &str,
) -> Result<Option<Value>, Failure> {
    let names = Names::of(agent, &[])?;
    let candidates = resolve::register(record, field).0;
    let is_meant = |link: &LinkId| names.is_called(*link, app);
    let here = candidates
        .iter()
        .find(|candidate| candidate.links.iter().any(|link| names.is_own(*link) && is_meant(link)));
    let found = here.or_else(|| candidates.iter().find(|one| one.links.iter().any(is_meant)));
    found.map(|candidate| candidate.value.clone()).ok_or_else(|| {
        let sentence = format!("{app} holds none of the values of {field}");
        Failure::refused(sentence, "see them: segue conflicts")
    })
}

/// A value as a person types it.
fn parse(known: Option<&Field>, field: &str, text: &str) -> Result<Option<Value>, Failure> {
    if text.is_empty() || text == "null" || text == "none" {
        return Ok(None);
    }
    let shape = known.map_or(Shape::Text, |field| field.shape);
    let value = match shape {
        Shape::Int(..) => text.parse().ok().map(Value::Int),
        Shape::Real => text.parse().ok().map(|number| Value::Real(segue_model::Real(number))),
        Shape::Flag => text.parse().ok().map(Value::Flag),
        Shape::Text => Some(Value::text(text)),
        Shape::List => match serde_json::from_str::<Vec<String>>(text) {
            Ok(texts) => Some(Value::list(texts)),
            Err(_) => Some(Value::list([text])),
        },
    };
    let fits = value.filter(|value| shape.admits(value));
    fits.map(Some).ok_or_else(|| {
        let hint = match shape {
            Shape::Int(low, high) => format!("say a whole number from {low} to {high}, or none"),
            Shape::Real => "say a number, or none".to_owned(),
            Shape::Flag => "say true, false or none".to_owned(),
            Shape::Text | Shape::List => "say a text, or none".to_owned(),
        };
        Failure::refused(format!("`{text}` is no {field}"), hint)
    })
}

/// Joins two items, or separates them.
fn join_or_part(
    agent: &mut Agent,
    document: DocumentId,
    item: ItemId,
    other: ItemId,
    same: bool,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let element = edge(item, other);
    let write = Write::Element { name: SAME_AS.into(), element, present: same };
    let writes = BTreeMap::from([(DOCUMENT_RECORD, vec![write])]);
    let summary = if same { "joined two items" } else { "separated two items" };
    person_writes(agent, document, "match", summary.into(), &writes, progress)
}

/// Says that two items are the same, or that they are not.
pub(crate) fn same_as(
    agent: &mut Agent,
    item: &str,
    other: &str,
    apart: bool,
    progress: &dyn Progress,
) -> Result<MatchReport, Failure> {
    let (document, item) = query::named(agent, item)?;
    let (_, other) = query::named(agent, other)?;
    let (item, other) = (ItemId(item), ItemId(other));
    if item == other {
        return Err(Failure::refused("that is one item already", "see: segue match"));
    }
    let report = match join_lists(agent, document, item, other)? {
        Some(_) if apart => {
            return Err(Failure::refused("they are two lists already", "see: segue match"));
        }
        Some(writes) => {
            let summary = "joined two lists".to_owned();
            person_writes(agent, document, "match", summary, &writes, progress)?
        }
        None => {
            if !apart {
                refuse_twins(agent, document, item, other)?;
            }
            join_or_part(agent, document, item, other, !apart, progress)?
        }
    };
    let questions: Vec<_> = agent
        .home
        .store
        .questions(&document)?
        .into_iter()
        .filter(|(a, b, _)| edge(*a, *b) != edge(item, other))
        .collect();
    let tx = agent.home.store.transaction()?;
    tx.set_questions(&document, &questions)?;
    tx.commit()?;
    let operation = report.operation;
    Ok(MatchReport { operation, item: item.min(other).to_string(), same: !apart })
}

/// The writes that make one list of two: the first gets the entries that only the second has, at
/// its end. `None` if they are items.
fn join_lists(
    agent: &Agent,
    document: DocumentId,
    item: ItemId,
    other: ItemId,
) -> Result<Option<Writes>, Failure> {
    let kept = query::shown_record(agent, document, item.0)?;
    let gone = query::shown_record(agent, document, other.0)?;
    match (&kept.kind, &gone.kind) {
        (None, None) => return Ok(None),
        (a, b) if a == b => {}
        _ => return Err(Failure::refused("they are of different kinds", "see: segue match")),
    }
    let has: std::collections::BTreeSet<ItemId> =
        kept.entries.values().map(|entry| entry.item).collect();
    let missing: Vec<_> =
        gone.ordered().into_iter().filter(|(_, entry)| !has.contains(&entry.item)).collect();
    let mut last = kept.ordered().last().map(|(_, entry)| entry.position.clone());
    let mut writes = Vec::new();
    for (id, entry) in missing {
        let position = segue_document::between(last.as_deref(), None);
        last = Some(position.clone());
        let entry = segue_document::Entry { position, item: entry.item };
        writes.push(Write::Entry(id, Some(entry)));
    }
    Ok(Some(Writes::from([(item.0, writes), (other.0, vec![Write::Delete])])))
}

/// Two items that one library holds are not one.
fn refuse_twins(
    agent: &Agent,
    document: DocumentId,
    item: ItemId,
    other: ItemId,
) -> Result<(), Failure> {
    let a = query::shown_record(agent, document, item.0)?;
    let b = query::shown_record(agent, document, other.0)?;
    let names = Names::of(agent, &[])?;
    match a.member_links().intersection(&b.member_links()).next() {
        Some(link) => {
            let sentence = format!("{} holds both: they are two", names.link(*link));
            Err(Failure::refused(sentence, "remove one of them in the app first"))
        }
        None => Ok(()),
    }
}

/// Commits a person's writes as one operation and brings every app in step.
pub(crate) fn person_writes(
    agent: &mut Agent,
    document: DocumentId,
    kind: &'static str,
    summary: String,
    writes: &Writes,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    crate::members::refuse_reader(&agent.home, &document)?;
    crate::recover::recover(agent)?;
    crate::recover::note_interrupted(agent)?;
    let operation = Operation {
        number: Some(agent.home.store.next_operation()?),
        id: OperationId(agent.world.random_bytes()),
        kind: kind.to_owned(),
        summary,
        plan: None,
        undoes: None,
        time: (agent.world.now)(),
        confirmed: true,
    };
    commit(agent, document, &operation, writes)?;
    crate::undo::bring_in_step(agent, &operation, progress)
}

/// Commits writes at the present state, and the operation's row with them.
pub(crate) fn commit(
    agent: &mut Agent,
    document: DocumentId,
    operation: &Operation,
    writes: &Writes,
) -> Result<(), Failure> {
    let changed = {
        let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
        let mut by_shard: BTreeMap<u8, Writes> = BTreeMap::new();
        for (id, writes) in writes {
            let shard = segue_document::shard_of(id);
            by_shard.entry(shard).or_default().insert(*id, writes.clone());
        }
        for (shard, writes) in by_shard {
            shards.commit(shard, None, operation.id, operation.time, &writes)?;
        }
        shards.into_changed()
    };
    persist(agent, operation, &changed)
}

/// Persists changes, and the operation's row with them.
pub(crate) fn persist(
    agent: &mut Agent,
    operation: &Operation,
    changed: &Changed,
) -> Result<(), Failure> {
    let tx = agent.home.store.transaction()?;
    changed.persist(&tx, &agent.home.device, operation.id)?;
    if let Some(number) = operation.number {
        tx.put_operation(&crate::operate::row(operation, number, crate::record::BEGUN))?;
    }
    Ok(tx.commit()?)
}
