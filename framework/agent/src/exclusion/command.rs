//! `segue exclude`: lists the rules, makes them and takes them back; and says of an item which of them cover it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use segue_document::Record;
use segue_model::{DocumentId, ItemId, Location, Schema};
use segue_reconcile::exclusion::{Exclusion, Target};
use segue_store::LinkRow;

use super::{All, Kept, Rule, Rules};
use crate::agent::Agent;
use crate::command::{ExcludeAction, Excluded, ExclusionReport, ExclusionRow, LibrarySpec};
use crate::failure::Failure;
use crate::{libraries, query, report, views};

/// All rules, in the order in which they were made.
pub(crate) fn list(agent: &Agent) -> Result<Vec<ExclusionRow>, Failure> {
    let rules = Rules::now(agent)?;
    rules.rules.iter().map(|(rule, target)| row(agent, &rules, rule, target)).collect()
}

/// Makes a rule, or takes one back.
pub(crate) fn exclude(
    agent: &mut Agent,
    action: ExcludeAction,
) -> Result<ExclusionReport, Failure> {
    let mut all = All::load(&agent.home.store)?;
    let (rule, removed) = match action {
        ExcludeAction::Add { what, library, from, until } => {
            if let (Some(from), Some(until)) = (from, until)
                && from >= until
            {
                let sentence = "the rule would end before it begins";
                return Err(Failure::refused(sentence, "say --until a later moment than --from"));
            }
            let target = target(agent, what)?;
            let (app, path) = library_of(agent, library)?;
            let number = all.last + 1;
            let rule = Rule { number, target: Kept::of(&target), app, path, from, until };
            if let Some(same) =
                all.rules.iter().find(|known| Rule { number, ..(*known).clone() } == rule)
            {
                let sentence = format!("rule {} says that already", same.number);
                return Err(Failure::refused(sentence, "see: segue exclude"));
            }
            all.last = number;
            all.rules.push(rule.clone());
            (rule, false)
        }
        ExcludeAction::Remove { rule } => {
            let Some(at) = all.rules.iter().position(|known| known.number == rule) else {
                let sentence = format!("there is no rule {rule}");
                return Err(Failure::refused(sentence, "see: segue exclude"));
            };
            (all.rules.remove(at), true)
        }
    };
    let rules = Rules::now(agent)?;
    let row = row(agent, &rules, &rule, &rule.target.target()?)?;
    let tx = agent.home.store.transaction()?;
    all.keep(&tx)?;
    tx.commit()?;
    Ok(ExclusionReport { row, removed })
}

fn target(agent: &mut Agent, what: Excluded) -> Result<Target, Failure> {
    Ok(match what {
        Excluded::Field(name) => {
            known_field(agent, &name)?;
            Target::Field(name.into())
        }
        Excluded::Place(path) => {
            let path: std::path::PathBuf = Path::new(&path).components().collect();
            Target::Place(Location::new(path.as_os_str().as_bytes()))
        }
        Excluded::Item(text) => {
            let (document, id) = query::named(agent, &text).map_err(not_in_document)?;
            if query::shown_record(agent, document, id)?.kind.is_some() {
                let sentence = format!("`{text}` is a playlist");
                return Err(Failure::refused(sentence, "say: segue exclude playlist NAME"));
            }
            Target::Item(ItemId(id))
        }
        Excluded::Collection { name, kind } => {
            let mut schemas = schemas(agent);
            if let Some(kind) = &kind
                && schemas.all(|schema| schema.kind(kind).is_none())
            {
                let sentence = format!("there is no kind `{kind}`");
                return Err(Failure::refused(sentence, "kinds: playlist, smart_playlist, folder"));
            }
            Target::Collection { name: name.map(Into::into), kind: kind.map(Into::into) }
        }
    })
}

/// What was never in the document has no name there.
fn not_in_document(failure: Failure) -> Failure {
    if failure.hint() != Some(query::NOT_THERE) {
        return failure;
    }
    let hint = "say the path of its file, or of a folder: segue exclude item /path";
    Failure::refused(failure.to_string(), hint)
}

/// What a person asks for may not be in the document because it stays here.
pub(crate) fn perhaps_here(agent: &Agent, failure: Failure) -> Failure {
    let any = || Rules::now(agent).is_ok_and(|rules| rules.count() > 0);
    if failure.hint() != Some(query::NOT_THERE) || !any() {
        return failure;
    }
    let hint =
        format!("{}; what stays on this device is not there: segue exclude", query::NOT_THERE);
    Failure::refused(failure.to_string(), hint)
}

fn schemas(agent: &Agent) -> impl Iterator<Item = &'static Schema> {
    agent.world.translators.iter().map(|translator| translator.capabilities().schema)
}

/// A word that is no field would keep nothing here, and nobody would notice.
fn known_field(agent: &Agent, name: &str) -> Result<(), Failure> {
    let is_beyond = name.strip_prefix("ext/").is_some_and(|app| !app.starts_with('/'));
    if (is_beyond && name != "ext/") || schemas(agent).any(|schema| schema.field(name).is_some()) {
        return Ok(());
    }
    let mut known: Vec<&str> =
        schemas(agent).flat_map(|schema| schema.fields).map(|field| field.name).collect();
    known.sort_unstable();
    known.dedup();
    let sentence = format!("there is no field `{name}`");
    Err(Failure::refused(sentence, format!("fields: {}", known.join(", "))))
}

type Libraries = (Option<String>, Option<std::path::PathBuf>);

fn library_of(agent: &Agent, library: Option<LibrarySpec>) -> Result<Libraries, Failure> {
    let Some(spec) = library else { return Ok((None, None)) };
    libraries::translator(agent, &spec.app)?;
    let path = spec.path.is_some().then(|| libraries::locate(agent, &spec)).transpose()?;
    Ok((Some(spec.app), path))
}

fn row(
    agent: &Agent,
    rules: &Rules,
    rule: &Rule,
    target: &Target,
) -> Result<ExclusionRow, Failure> {
    let name = |name: &Option<Box<str>>| name.as_deref().unwrap_or_default().to_owned();
    let (kind_of_target, what, kind) = match target {
        Target::Field(name) => ("field", name.to_string(), None),
        Target::Item(item) => ("item", title(agent, *item)?, None),
        Target::Place(place) => ("place", place.to_string(), None),
        Target::Collection { name: called, kind } => {
            ("playlist", name(called), kind.as_deref().map(str::to_owned))
        }
    };
    let library = rule.app.as_ref().map(|app| match &rule.path {
        Some(path) => format!("{app}={}", path.display()),
        None => app.clone(),
    });
    let state = if rule.term().holds(rules.now) {
        "holds"
    } else if rule.until.is_some_and(|until| until <= rules.now.earliest) {
        "over"
    } else {
        "not yet"
    };
    Ok(ExclusionRow {
        rule: rule.number,
        target: kind_of_target.to_owned(),
        what,
        kind,
        library,
        from: rule.from,
        until: rule.until,
        state: state.to_owned(),
        shared: shared(agent, rule, target)?,
    })
}

fn title(agent: &Agent, item: ItemId) -> Result<String, Failure> {
    for document in agent.home.store.documents()? {
        let record = query::shown_record(agent, document.id, item.0)?;
        if record.live.is_some() {
            return Ok(report::title(&record));
        }
    }
    Ok(item.to_string())
}

/// How much of what a target covers the libraries here and their documents have agreed on.
fn shared(agent: &Agent, rule: &Rule, target: &Target) -> Result<u64, Failure> {
    let exclusion: Exclusion = [target.clone()].into_iter().collect();
    let mut items = std::collections::HashSet::new();
    let mut lists = std::collections::HashSet::new();
    let links = agent.home.store.links()?;
    for row in links.iter().filter(|row| row.active && rule.is_about(row)) {
        let schema = schema_of(agent, row)?;
        if exclusion.any_collection() {
            let bases = agent.home.store.base_collections(row.id, schema)?;
            let covered = bases.iter().filter(|base| exclusion.collection(&base.held));
            lists.extend(covered.map(|base| base.collection));
            continue;
        }
        let mut cursor = agent.home.store.base_cursor(row.id)?;
        while let Some(raw) = cursor.next()? {
            let base = raw.decode(schema)?;
            let has = base.held.fields.iter().any(|(field, _)| exclusion.field(field.name));
            if has || exclusion.item(Some(base.item), base.held.location.as_ref()) {
                items.insert(base.item);
            }
        }
    }
    Ok((items.len() + lists.len()) as u64)
}

fn schema_of(agent: &Agent, row: &LinkRow) -> Result<&'static Schema, Failure> {
    let schema = agent.home.store.document(&row.document)?.map(|document| document.schema);
    views::schema(&schema.unwrap_or_default())
}

/// The rules that hold for an item or a collection in a library of this device, each in words.
pub(crate) fn why(
    agent: &Agent,
    document: DocumentId,
    items: &[ItemId],
    record: &Record,
    field: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let rules = Rules::now(agent)?;
    let mut words = Vec::new();
    for (rule, target) in rules.holding() {
        if !is_about(agent, document, items, record, target)? {
            continue;
        }
        let what = match target {
            Target::Field(name) if field.is_none_or(|field| field == &**name) => {
                format!("{name} is neither given to others nor written here")
            }
            Target::Field(_) => continue,
            _ => "it is neither given to others nor written here".to_owned(),
        };
        let whose = match &rule.app {
            Some(app) => format!("{app} on this device"),
            None => "this device".to_owned(),
        };
        words.push(format!("it stays on {whose}, by rule {}: {what}", rule.number));
    }
    Ok(words)
}

/// Refuses what a person says of a thing that stays: it would be in the document.
pub(crate) fn refuse(
    agent: &Agent,
    document: DocumentId,
    items: &[ItemId],
    record: &Record,
    field: &str,
) -> Result<(), Failure> {
    for (rule, target) in Rules::now(agent)?.everywhere() {
        let is_other = matches!(target, Target::Field(_)) && {
            let one: Exclusion = [target.clone()].into_iter().collect();
            !one.field(field)
        };
        if !is_other && is_about(agent, document, items, record, target)? {
            let number = rule.number;
            let sentence = format!("that would leave this device, which rule {number} forbids");
            let hint = format!("take the rule back first: segue exclude --remove {number}");
            return Err(Failure::refused(sentence, hint));
        }
    }
    Ok(())
}

/// Whether a target covers anything of an item or a collection.
fn is_about(
    agent: &Agent,
    document: DocumentId,
    items: &[ItemId],
    record: &Record,
    target: &Target,
) -> Result<bool, Failure> {
    let one: Exclusion = [target.clone()].into_iter().collect();
    if let Some(kind) = &record.kind {
        return Ok(one.collection_named(&report::title(record), kind));
    }
    match target {
        Target::Field(_) => return Ok(true),
        Target::Item(item) => return Ok(items.contains(item)),
        Target::Collection { .. } => return Ok(false),
        Target::Place(_) => {}
    }
    let links = agent.home.store.links()?;
    for row in links.iter().filter(|row| row.active && row.document == document) {
        let schema = schema_of(agent, row)?;
        for item in items {
            let bases = agent.home.store.base_by_item(row.id, *item, schema)?;
            if bases.iter().any(|base| one.item(Some(*item), base.held.location.as_ref())) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
