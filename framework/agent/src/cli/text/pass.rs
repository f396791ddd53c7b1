//! What a pass did to each library.

use indicatif::DecimalBytes;

use super::plan::{by_field, held};
use super::words::{clean, count, number};
use super::{Page, Table, lost};
use crate::command::{Found, LibraryState, PassReport, Request};
use crate::limits::ending::sentence;

pub(super) fn page(request: &Request, pass: &PassReport) -> Page {
    let mut table = Table::default();
    let files = backup(pass);
    if !files.is_empty() {
        table.row(["backup".to_owned(), files.join(", ")]);
    }
    for library in &pass.libraries {
        table.row([library.library.clone(), state(library, pass), detail(library)]);
    }
    let mut data = table.lines(2) + &held(&pass.held);
    for library in &pass.libraries {
        data += &lost::lines(&library.library, &library.lost, lost::ALL);
    }
    data.extend(pass.kept.iter().map(|kept| format!("  left as it is: {}\n", clean(kept))));
    let page = match request {
        Request::Apply { .. } if pass.operation.is_some() => {
            Page::of(data).say("Linked: what you change in one is passed on by `segue sync`.")
        }
        _ => Page::of(data),
    };
    next(request, pass, notices(pass, page))
}

/// The files that were copied; those of one name, of which a folder of each may have one, together.
fn backup(pass: &PassReport) -> Vec<String> {
    let mut names: Vec<(&str, u64, u64)> = Vec::new();
    for (name, size) in pass.libraries.iter().flat_map(|library| &library.backup) {
        match names.iter_mut().find(|(known, ..)| known == name) {
            Some((_, files, bytes)) => (*files, *bytes) = (*files + 1, *bytes + size),
            None => names.push((name, 1, *size)),
        }
    }
    let each = names.into_iter().map(|(name, files, bytes)| {
        let several = if files > 1 { format!("{} ", number(files)) } else { String::new() };
        format!("{several}{name} {}", DecimalBytes(bytes))
    });
    each.collect()
}

fn state(library: &Found, pass: &PassReport) -> String {
    let any = pass.libraries.iter().any(|library| library.written > 0);
    match library.state {
        LibraryState::Written if library.meanwhile + library.lost.refused.count > 0 => {
            if library.written == 0 { "could not be written" } else { "written, read back" }
        }
        LibraryState::Written => "written, read back, equal",
        LibraryState::Unchanged if library.lifted > 0 && any => "gave its edits to the others",
        LibraryState::Unchanged if library.lifted > 0 => "its edits are kept",
        LibraryState::Unchanged => "nothing to write",
        LibraryState::Waiting => "waits",
        LibraryState::Held => "held",
        LibraryState::Failed => "FAILED",
        LibraryState::Paused => "paused",
    }
    .to_owned()
}

fn detail(library: &Found) -> String {
    let written = match by_field(&library.fields) {
        words if !words.is_empty() => words,
        _ if library.written > 0 => count(library.written, "edit", "edits"),
        _ => String::new(),
    };
    let lifted = match library.lifted {
        0 => String::new(),
        lifted if library.state == LibraryState::Unchanged => count(lifted, "edit", "edits"),
        lifted => format!("gave the others {}", count(lifted, "edit", "edits")),
    };
    let parts = [written, lifted, library.reason.clone().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

const fn is_quiet(state: LibraryState) -> bool {
    matches!(state, LibraryState::Unchanged | LibraryState::Paused)
}

fn notices(pass: &PassReport, page: Page) -> Page {
    let page = match pass.operation {
        Some(operation) => page.say(format!("Done as op {operation}.")),
        None if pass.libraries.iter().all(|it| is_quiet(it.state)) => {
            let lost = pass.libraries.iter().any(|it| lost::brief(&it.lost).is_some());
            let but = if lost { " but for what is named above" } else { "" };
            page.say(format!("In step{but}: there was nothing to do."))
        }
        None => page.say("Nothing was written."),
    };
    let page = match pass.ending.count {
        0 => page,
        _ => page.say(format!("{}.", sentence(&pass.ending, "within 7 days"))),
    };
    match pass.conflicts {
        0 => page,
        1 => page.say("1 value differs between apps: segue conflicts"),
        many => page.say(format!("{} values differ between apps: segue conflicts", number(many))),
    }
}

fn next(request: &Request, pass: &PassReport, page: Page) -> Page {
    let any = |state| pass.libraries.iter().any(|library| library.state == state);
    if pass.held.iter().any(|batch| !batch.lasting) || any(LibraryState::Held) {
        return page.then("If what is held is no accident:", "segue sync --yes");
    }
    if any(LibraryState::Failed) {
        return page.then("Find out more:", "segue doctor");
    }
    if any(LibraryState::Waiting) {
        return page.then("After you quit the app:", "segue sync");
    }
    match (request, pass.operation) {
        (_, None) => page,
        (Request::Undo { .. }, _) => page.then("Take that back:", "segue redo"),
        _ => page.then("Undo it, in every app:", "segue undo"),
    }
}
