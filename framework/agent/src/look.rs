//! What is on this computer, and what is linked.

use std::path::Path;

use segue_reconcile::exclusion::Exclusion;

use crate::agent::Agent;
use crate::command::{LibraryRow, LinkRow, LookReport, StatusReport};
use crate::failure::Failure;
use crate::libraries;
use crate::progress::Progress;
use crate::services;

/// Looks at every library that is found or linked. Changes nothing.
pub(crate) fn look(agent: &Agent, progress: &dyn Progress) -> Result<LookReport, Failure> {
    let links = agent.home.store.links()?;
    let mut places = Vec::new();
    for translator in &agent.world.translators {
        let app = translator.capabilities().app;
        let found = translator.discover(&agent.world.place);
        let linked = links.iter().filter(|row| row.active && row.app == app);
        let mut paths = found;
        paths.extend(linked.map(|row| row.path.clone()));
        paths.sort();
        paths.dedup();
        places.extend(paths.into_iter().map(|path| (app.to_owned(), path)));
    }
    // One whose translator is away is still linked.
    let is_away = |app: &str| agent.world.translator(app).is_none();
    let away = links.iter().filter(|row| row.active && is_away(&row.app));
    places.extend(away.map(|row| (row.app.clone(), row.path.clone())));
    let mut libraries = Vec::new();
    for (app, path) in &places {
        let label = libraries::label(app, path, &places);
        progress.step(&format!("Looking at {label}"), None);
        let is_it = |row: &&segue_store::LinkRow| row.app == *app && row.path == *path;
        let link = links.iter().filter(|row| row.active).find(is_it);
        libraries.push(library(agent, (app, path), label, link)?);
    }
    let programs = &agent.world.programs;
    let notes = programs.unused.values().chain(&programs.unconfined).cloned().collect();
    Ok(LookReport { libraries, notes })
}

fn library(
    agent: &Agent,
    (app, path): (&str, &Path),
    label: String,
    link: Option<&segue_store::LinkRow>,
) -> Result<LibraryRow, Failure> {
    let schema = match (agent.world.translator(app), link) {
        (Some(translator), _) => translator.capabilities().schema.name.to_owned(),
        (None, Some(link)) => {
            let documents = agent.home.store.documents()?;
            let document = documents.into_iter().find(|row| row.id == link.document);
            document.map(|row| row.schema).unwrap_or_default()
        }
        (None, None) => String::new(),
    };
    let mut row = LibraryRow {
        library: label,
        schema,
        path: path.display().to_string(),
        items: 0,
        collections: 0,
        rated: 0,
        running: None,
        linked: link.is_some(),
        changed_at: changed_at(path),
        error: None,
    };
    let base = link.map(|row| row.id);
    let read = libraries::open(agent, app, path).and_then(|library| {
        let difference =
            crate::reading::read(&*library, &agent.home.store, base, &Exclusion::default())?;
        Ok((library.running(), difference))
    });
    match read {
        Ok((running, difference)) => {
            row.running = running;
            row.items = difference.items;
            row.collections = difference.lists();
            row.rated = difference.rated();
        }
        Err(error) => row.error = Some(error.to_string()),
    }
    Ok(row)
}

/// When anything in a library's folder, or the file itself, changed last.
fn changed_at(path: &Path) -> Option<i64> {
    let seconds = |path: &Path| {
        let modified = std::fs::metadata(path).ok()?.modified().ok()?;
        Some(modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs() as i64)
    };
    let inside = std::fs::read_dir(path).ok().into_iter().flatten().flatten();
    inside.filter_map(|entry| seconds(&entry.path())).max().or_else(|| seconds(path))
}

/// What is linked and what waits.
pub(crate) fn status(agent: &mut Agent) -> Result<StatusReport, Failure> {
    let peers = crate::peers::list::list(agent)?.peers;
    let agent = &*agent;
    let store = &agent.home.store;
    let mut report = StatusReport { links: Vec::new(), peers, ..StatusReport::default() };
    let active: Vec<_> = store.links()?.into_iter().filter(|row| row.active).collect();
    let all: Vec<_> = active.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
    for row in &active {
        let (state, reason) = state(agent, row)?;
        report.links.push(LinkRow {
            library: libraries::label(&row.app, &row.path, &all),
            path: row.path.display().to_string(),
            document: row.document.to_string(),
            state: state.to_owned(),
            reason,
            lost: crate::losses::known(store, row.id)?,
            items: store.base_len(row.id)?,
            linked_at: row.linked_at,
        });
    }
    report.excluded = crate::exclusion::Rules::now(agent)?.count();
    let mut documents: Vec<_> = active.iter().map(|row| row.document).collect();
    documents.dedup();
    for document in documents {
        report.conflicts += crate::conflicts::total(store, &document)?;
        report.doubtful += store.questions(&document)?.len() as u64;
        let (withheld, ending) = crate::limits::report::counts(agent, document)?;
        report.withheld += withheld;
        report.ending += ending;
    }
    Ok(report)
}

fn state(
    agent: &Agent,
    row: &segue_store::LinkRow,
) -> Result<(&'static str, Option<String>), Failure> {
    if services::is_paused(&agent.home.store, row.id)? {
        let reason = format!("go on with it: segue service {} play", row.app);
        return Ok(("paused", Some(reason)));
    }
    let library = match libraries::open(agent, &row.app, &row.path) {
        Ok(library) => library,
        Err(error) => return Ok(("missing", Some(error.to_string()))),
    };
    if let Some(reason) = &row.read_only {
        return Ok(("read-only", Some(reason.clone())));
    }
    let running = library.running();
    let revision = match library.revision() {
        Ok(revision) => revision,
        Err(error) => return Ok(("missing", Some(error.to_string()))),
    };
    let behind = is_behind(agent, row)? || !crate::limits::standing(agent, row)?.1;
    let turned = crate::exclusion::turned(agent, row)?;
    let reads = || crate::members::may_write(&agent.home, &row.document).map(|may| !may);
    Ok(match (running, row.revision.as_ref() == Some(&revision.0) && !turned, behind) {
        (Some(what), _, true) => ("waiting", Some(format!("{what} is running"))),
        (Some(what), _, false) => ("running", Some(format!("{what} has it open"))),
        (None, false, false) if reads()? => ("reading", Some(crate::members::ONLY_READS.into())),
        (None, false, _) => ("changed", Some("its changes are taken over by: segue sync".into())),
        (None, true, true) => ("waiting", Some("something is to be written: segue sync".into())),
        (None, true, false) => ("in step", None),
    })
}

/// Whether the document has something that the library was not shown.
pub(crate) fn is_behind(agent: &Agent, row: &segue_store::LinkRow) -> Result<bool, Failure> {
    let shown = agent.home.store.link_heads(row.id)?;
    let heads = agent.home.store.heads(&row.document)?;
    Ok(heads.iter().any(|(shard, heads)| shown.get(shard) != Some(heads)))
}
