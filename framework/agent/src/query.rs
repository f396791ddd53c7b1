//! Looking inside: the log, items, conflicts, and where values came from.

use segue_document::{
    COLLECTION_SHARD, DOCUMENT_RECORD, ExportCollection, ExportItem, Record, resolve,
};
use segue_model::{DocumentId, ItemId, Rule, Schema, Value};
use segue_store::DocumentRow;
use serde_json::Value as Json;

use crate::agent::Agent;
use crate::command::{ConflictRow, ExportText, FoundItem, LogRow, QuestionRow, Trace, TraceValue};
use crate::failure::Failure;
use crate::names::Names;
use crate::pass::SameAs;
use crate::report;
use crate::shards::Shards;
use crate::views;

/// All operations, newest first.
pub(crate) fn log(agent: &Agent) -> Result<Vec<LogRow>, Failure> {
    let rows = agent.home.store.operations()?.into_iter().rev();
    Ok(rows
        .map(|row| LogRow {
            operation: row.n,
            kind: row.kind,
            at: row.at,
            summary: row.summary,
            plan: row.plan,
            undoes: row.undoes,
            undone_by: row.undone_by,
            state: row.state,
        })
        .collect())
}

/// The document that is meant: the named one, else the only one, else the one that is linked.
pub(crate) fn document(agent: &Agent, name: Option<&str>) -> Result<DocumentRow, Failure> {
    let mut rows = match name {
        None => current(agent)?,
        Some(_) => agent.home.store.documents()?,
    };
    rows.retain(|row| {
        name.is_none_or(|name| row.schema == name || row.id.to_string().starts_with(name))
    });
    match (rows.len(), name) {
        (1, _) => Ok(rows.remove(0)),
        (0, None) => Err(Failure::refused(
            "there is nothing yet",
            "link two libraries: segue plan rhythmbox strawberry",
        )),
        (0, Some(name)) => Err(Failure::refused(
            format!("there is no `{name}`"),
            "without a name the only one is meant",
        )),
        _ => {
            let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()[..8].into()).collect();
            let sentence = "there are several";
            Err(Failure::refused(sentence, format!("say which: {}", ids.join(" or "))))
        }
    }
}

/// The documents that are linked; all if none is.
fn current(agent: &Agent) -> Result<Vec<DocumentRow>, Failure> {
    let mut rows = agent.home.store.documents()?;
    let links = agent.home.store.links()?;
    let is_linked =
        |row: &DocumentRow| links.iter().any(|link| link.active && link.document == row.id);
    if rows.iter().any(is_linked) {
        rows.retain(is_linked);
    }
    Ok(rows)
}

/// The same, of which there is one at least.
fn searched(agent: &Agent) -> Result<Vec<DocumentRow>, Failure> {
    let rows = current(agent)?;
    // Says what to do where there is none yet.
    if rows.is_empty() { document(agent, None).map(|row| vec![row]) } else { Ok(rows) }
}

fn same_as(shards: &mut Shards<'_>) -> Result<SameAs, Failure> {
    Ok(SameAs::of(&shards.record(&DOCUMENT_RECORD, None)?))
}

/// The whole document.
pub(crate) fn export(agent: &Agent, name: Option<&str>) -> Result<ExportText, Failure> {
    let row = document(agent, name)?;
    let schema = views::schema(&row.schema)?;
    let mut shards = Shards::new(&agent.home.store, row.id, agent.home.actor)?;
    let same = same_as(&mut shards)?;
    let said = agent.said.of(&agent.home.store, &row.id)?;
    let terms = |items: &[ItemId]| said.limits.effective(items).terms;
    let (mut items, mut collections) = (Vec::new(), Vec::new());
    for shard in shards.written() {
        for (id, record) in shards.records(shard)? {
            if record.live.is_none() || id == DOCUMENT_RECORD {
                continue;
            }
            if record.kind.is_some() {
                collections.push(ExportCollection::of(&record, &|item| same.shown(item)));
            } else if let Some(component) = same.component(&ItemId(id)) {
                if same.shown(ItemId(id)).0 == id {
                    let merged = views::merged(&mut shards, ItemId(id), component)?;
                    let all: Vec<ItemId> = component.iter().copied().collect();
                    items.push(ExportItem::of(&merged, schema, &terms(&all)));
                }
            } else {
                items.push(ExportItem::of(&record, schema, &terms(&[ItemId(id)])));
            }
        }
        shards.release(shard);
    }
    Ok(ExportText(segue_document::export(schema, &items, &collections)))
}

/// How many items a document holds; what reads as one counts once.
pub(crate) fn items(agent: &Agent, document: &str) -> Result<u64, Failure> {
    let row = self::document(agent, Some(document))?;
    let mut shards = Shards::new(&agent.home.store, row.id, agent.home.actor)?;
    let same = same_as(&mut shards)?;
    let mut count = 0;
    for shard in shards.written() {
        let records = shards.records(shard)?;
        let is_item = |(id, record): &(&[u8; 16], &Record)| {
            record.live.is_some() && record.kind.is_none() && same.shown(ItemId(**id)).0 == **id
        };
        count += records.iter().filter(is_item).count() as u64;
        shards.release(shard);
    }
    Ok(count)
}

/// Items and collections in which a text stands.
pub(crate) fn find(agent: &mut Agent, text: &str) -> Result<Vec<FoundItem>, Failure> {
    let mut all = Vec::new();
    for row in searched(agent)? {
        views::refresh(agent, &row.id)?;
        let rows = agent.home.store.search(&row.id, text)?;
        all.extend(rows.into_iter().map(|view| found(&row.schema, view.id, &view.body)));
    }
    Ok(all)
}

fn found(schema: &str, id: [u8; 16], body: &str) -> FoundItem {
    let mut body: Json = serde_json::from_str(body).unwrap_or(Json::Null);
    let text = |json: &Json| json.as_str().map(str::to_owned);
    FoundItem {
        id: ItemId(id).to_string(),
        schema: schema.to_owned(),
        kind: text(&body["kind"]).unwrap_or_default(),
        title: text(&body["title"]).unwrap_or_default(),
        location: text(&body["location"]),
        fields: body["fields"].take(),
    }
}

/// What to do when nothing in a document has a name.
pub(crate) const NOT_THERE: &str = "look for it with: segue find TEXT";

/// An item or collection that a person names: by id, by the beginning of one, or by its title.
pub(crate) fn named(agent: &mut Agent, text: &str) -> Result<(DocumentId, [u8; 16]), Failure> {
    let wanted = text.to_lowercase();
    let (mut by_id, mut by_title, mut by_name) = (Vec::new(), Vec::new(), Vec::new());
    let is_id = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for row in searched(agent)? {
        views::refresh(agent, &row.id)?;
        agent.home.store.views(&row.id, &mut |view| {
            if is_id && ItemId(view.id).to_string().starts_with(&wanted) {
                by_id.push((row.id, view.clone()));
            }
            if view.sort_text == wanted {
                by_title.push((row.id, view));
            } else if view.sort_text.split(" — ").next() == Some(&wanted) {
                by_name.push((row.id, view));
            }
            std::ops::ControlFlow::Continue(())
        })?;
    }
    let found = [by_id, by_title, by_name].into_iter().find(|found| !found.is_empty());
    match found.as_deref() {
        Some([(document, one)]) => Ok((*document, one.id)),
        None | Some([]) => Err(Failure::refused(format!("nothing is called `{text}`"), NOT_THERE)),
        Some(several) => {
            let lines: Vec<String> = several
                .iter()
                .take(8)
                .map(|(_, view)| {
                    let item = found_line(view.id, &view.body);
                    format!("{} {item}", &ItemId(view.id).to_string()[..12])
                })
                .collect();
            let sentence = format!("`{text}` is the name of {}", several.len());
            Err(Failure::refused(sentence, format!("use an id: {}", lines.join("; "))))
        }
    }
}

fn found_line(id: [u8; 16], body: &str) -> String {
    let item = found("", id, body);
    match item.location {
        Some(location) => format!("{} ({location})", item.title),
        None => item.title,
    }
}

/// A record as it is shown: with everything that reads as one with it.
pub(crate) fn shown_record(
    agent: &Agent,
    document: DocumentId,
    id: [u8; 16],
) -> Result<Record, Failure> {
    let mut shards = Shards::new(&agent.home.store, document, agent.home.actor)?;
    let same = same_as(&mut shards)?;
    match same.component(&ItemId(id)) {
        Some(component) => views::merged(&mut shards, ItemId(id), component),
        None => shards.record(&id, None),
    }
}

/// Concurrent values that nobody has settled.
pub(crate) fn conflicts(agent: &mut Agent) -> Result<Vec<ConflictRow>, Failure> {
    let documents = agent.home.store.documents()?;
    let names = Names::of(agent, &[])?;
    let mut out = Vec::new();
    for row in documents {
        views::refresh(agent, &row.id)?;
        for conflict in agent.home.store.conflicts(&row.id)? {
            let record = shown_record(agent, row.id, conflict.id)?;
            out.push(report::conflict(&agent.home.store, &record, &conflict.field, &names)?);
        }
    }
    out.sort_by(|a, b| (&a.title, &a.item, &a.field).cmp(&(&b.title, &b.item, &b.field)));
    Ok(out)
}

/// Doubtful matches that still are.
pub(crate) fn questions(agent: &mut Agent) -> Result<Vec<QuestionRow>, Failure> {
    let mut out = Vec::new();
    for row in agent.home.store.documents()? {
        for (item, other, reason) in agent.home.store.questions(&row.id)? {
            let (a, b) =
                (shown_record(agent, row.id, item.0)?, shown_record(agent, row.id, other.0)?);
            if a.live.is_none() || b.live.is_none() {
                continue;
            }
            out.push(QuestionRow {
                item: item.to_string(),
                item_title: report::title(&a),
                item_location: a.any_location().map(ToString::to_string),
                other: other.to_string(),
                other_title: report::title(&b),
                other_location: b.any_location().map(ToString::to_string),
                reason,
            });
        }
    }
    Ok(out)
}

/// Where the values of an item came from.
pub(crate) fn why(agent: &mut Agent, item: &str, field: Option<&str>) -> Result<Trace, Failure> {
    let (document, id) = named(agent, item)
        .map_err(|failure| crate::exclusion::command::perhaps_here(agent, failure))?;
    let record = shown_record(agent, document, id)?;
    let names = Names::of(agent, &[])?;
    let schema = agent.home.store.document(&document)?.map(|row| row.schema).unwrap_or_default();
    let schema = views::schema(&schema)?;
    if let Some(field) = field
        && schema.field(field).is_none()
        && !(segue_document::shard_of(&id) == COLLECTION_SHARD && field == "name")
    {
        let known: Vec<&str> = schema.fields.iter().map(|field| field.name).collect();
        let sentence = format!("there is no field `{field}`");
        return Err(Failure::refused(sentence, format!("fields: {}", known.join(", "))));
    }
    let (wanted_field, mut fields) = (field, Vec::new());
    let wanted = |name: &str| field.is_none_or(|field| field == name);
    let listed = ["name"].into_iter().filter(|_| record.kind.is_some());
    for name in listed.filter(|name| wanted(name)) {
        fields.extend(registers(agent, &record, name, &names)?);
    }
    for field in schema.fields.iter().filter(|field| wanted(field.name)) {
        match field.rule {
            Rule::Register => fields.extend(registers(agent, &record, field.name, &names)?),
            _ => fields.extend(others(&record, field, schema, &names)),
        }
    }
    let withheld = match record.kind {
        Some(_) => None,
        None => crate::limits::report::why_withheld(agent, document, ItemId(id), &record)?,
    };
    let same = same_as(&mut Shards::new(&agent.home.store, document, agent.home.actor)?)?;
    let items = same.all(ItemId(id));
    let excluded = crate::exclusion::command::why(agent, document, &items, &record, wanted_field)?;
    let (item, title) = (ItemId(id).to_string(), report::title(&record));
    Ok(Trace { item, title, withheld, excluded, fields })
}

fn registers(
    agent: &Agent,
    record: &Record,
    name: &str,
    names: &Names,
) -> Result<Vec<TraceValue>, Failure> {
    let candidates = resolve::register(record, name).0;
    let last = candidates.len().saturating_sub(1);
    let mut out = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let source = names.source(&agent.home.store, candidate.operation)?;
        let mut libraries: Vec<String> =
            candidate.links.iter().map(|link| names.link(*link)).collect();
        libraries.sort();
        if libraries.is_empty() {
            libraries.push("you".into());
        }
        libraries.sort();
        out.push(TraceValue {
            field: name.to_owned(),
            value: report::json(candidate.value.as_ref()),
            shown: index == last,
            libraries,
            operation: source.number,
            at: source.at,
        });
    }
    out.reverse();
    Ok(out)
}

fn others(
    record: &Record,
    field: &'static segue_model::Field,
    _: &Schema,
    names: &Names,
) -> Vec<TraceValue> {
    let Some(total) = resolve::value(record, field) else { return Vec::new() };
    let value = |value: &Value, shown, libraries| TraceValue {
        field: field.name.to_owned(),
        value: report::json(Some(value)),
        shown,
        libraries,
        operation: None,
        at: None,
    };
    let mut out = vec![value(&total, true, Vec::new())];
    for (link, (baseline, added)) in record.counters.get(field.name).into_iter().flatten() {
        let part = Value::text(format!("{baseline} at first, {added} since"));
        out.push(value(&part, false, vec![names.link(*link)]));
    }
    out
}
