//! The services: one for each link, played unless a person paused it.
//!
//! That a link is paused is kept in the store, so it outlives the agent. A paused library is neither
//! read nor written by any pass; commands that concern only the document go on. How a service that is
//! played fares is the running agent's to say, which adds it to what is answered here.

use segue_model::LinkId;
use segue_store::{LinkRow, Reader};

use crate::agent::Agent;
use crate::command::{LibrarySpec, ServiceAction, ServiceReport, ServiceRow};
use crate::failure::Failure;
use crate::libraries;

/// Whether a person paused a link.
pub(crate) fn is_paused(reader: &Reader, link: LinkId) -> Result<bool, Failure> {
    Ok(reader.setting(&key(link))?.is_some())
}

/// The services of a library, or all; none of them runs.
pub(crate) fn services(
    agent: &Agent,
    library: Option<&LibrarySpec>,
) -> Result<ServiceReport, Failure> {
    let links = agent.home.store.links()?;
    let active: Vec<LinkRow> = links.into_iter().filter(|row| row.active).collect();
    let all: Vec<_> = active.iter().map(|row| (row.app.clone(), row.path.clone())).collect();
    let only = library.map(|spec| linked(agent, spec)).transpose()?;
    let mut services = Vec::new();
    for row in active.iter().filter(|row| only.as_ref().is_none_or(|only| only.id == row.id)) {
        let paused = is_paused(&agent.home.store, row.id)?;
        services.push(ServiceRow {
            library: libraries::label(&row.app, &row.path, &all),
            path: row.path.display().to_string(),
            document: row.document.to_string(),
            state: if paused { "paused" } else { "not running" }.to_owned(),
            reason: None,
        });
    }
    Ok(ServiceReport { agent: None, services })
}

/// Plays or pauses the service of a library.
pub(crate) fn turn(
    agent: &mut Agent,
    library: &LibrarySpec,
    action: ServiceAction,
) -> Result<ServiceReport, Failure> {
    let row = linked(agent, library)?;
    let tx = agent.home.store.transaction()?;
    match action {
        ServiceAction::Pause => tx.put_setting(&key(row.id), "by a person")?,
        ServiceAction::Play => tx.remove_setting(&key(row.id))?,
    }
    tx.commit()?;
    services(agent, Some(library))
}

/// Who names a paused library expects it to take part.
pub(crate) fn refuse_paused(agent: &Agent, named: &[LibrarySpec]) -> Result<(), Failure> {
    for spec in named {
        if let Some(row) = libraries::link_of(agent, spec)?
            && is_paused(&agent.home.store, row.id)?
        {
            let hint = format!("go on with it: segue service {} play", spec.app);
            return Err(Failure::refused(format!("{} is paused", spec.app), hint));
        }
    }
    Ok(())
}

fn linked(agent: &Agent, spec: &LibrarySpec) -> Result<LinkRow, Failure> {
    libraries::link_of(agent, spec)?.ok_or_else(|| {
        let sentence = format!("{} is not linked", spec.app);
        Failure::refused(sentence, format!("link it first: segue plan {}", spec.app))
    })
}

fn key(link: LinkId) -> String {
    format!("paused {link}")
}
