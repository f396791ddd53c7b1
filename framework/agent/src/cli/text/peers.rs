//! Other devices: who they are, who joined, who was put out.

use super::words::{count, minute, number, shell_word, short_id};
use super::{Page, Table};
use crate::command::{AdmitReport, InviteReport, JoinReport, PeerRow, PeersReport, RevokeReport};

pub(super) fn list(report: &PeersReport) -> Page {
    let mut table = Table::default();
    for peer in &report.peers {
        let name = peer.name.as_deref().unwrap_or("unnamed");
        let role = match peer.until {
            Some(until) => format!("{} until {}", peer.role, minute(until)),
            None => peer.role.clone(),
        };
        let seen = peer.seen_at.filter(|_| !peer.online);
        let seen = seen.map(|at| format!("seen {}", minute(at))).unwrap_or_default();
        table.row([name, role.as_str(), state(peer), &short_id(&peer.id), &seen]);
        if let Some(reason) = peer.reason.as_ref().filter(|_| !peer.in_step) {
            table.row(["", reason]);
        }
    }
    let mut page = Page::of(table.lines(2));
    for row in &report.waiting {
        page = page.say(format!(
            "{} wants to join. Both screens must say: {}. Let it in: segue peers --admit {}",
            row.name,
            row.words,
            short_id(&row.id)
        ));
    }
    let open = report.invitations.len() as u64;
    if open > 0 {
        let tickets = count(open, "ticket is", "tickets are");
        page = page.say(format!("{tickets} still good; take them back: segue invite --cancel"));
    }
    for row in &report.refused {
        let times =
            if row.times > 1 { format!(", {} times", number(row.times)) } else { String::new() };
        page = page.say(format!("Refused from {}: {}{times}.", short_id(&row.id), row.why));
    }
    match report.peers.first() {
        None if report.waiting.is_empty() && open == 0 => page
            .say("No other device shares anything with this one.")
            .then("Let another computer in:", "segue invite"),
        None => page,
        Some(peer) => {
            page.then("Put a device out:", format!("segue revoke {}", short_id(&peer.id)))
        }
    }
}

/// How a device is, in a word.
pub(super) fn state(peer: &PeerRow) -> &'static str {
    match (peer.online, peer.in_step) {
        (true, true) => "in step",
        (true, false) => "connected",
        (false, _) => "away",
    }
}

pub(super) fn joined(report: &JoinReport) -> Page {
    let from = report.name.as_deref().unwrap_or("another device");
    let items = count(report.items, "item", "items");
    let mut page = Page::default().say(format!(
        "Joined {} of {from}: {items}. Nothing was written to any app.",
        report.schema
    ));
    if report.role == "read" {
        page = page.say("This device may read it; what you change here is not passed on.");
    }
    if !report.in_step {
        page =
            page.say("Not all of it is here yet; the rest comes when both are connected: segue up");
    }
    if let Some(library) = report.other_links.first() {
        page = page.say(format!(
            "{} stays linked to a document of your own.",
            report.other_links.join(", ")
        ));
        let library = shell_word(library);
        return page.then("Move it to the joined one:", format!("segue unlink {library}"));
    }
    if let Some(library) = report.moved.first() {
        page = page.say(format!("{} left its own document.", report.moved.join(", ")));
        let library = shell_word(library);
        return page.then("See what it would get and give:", format!("segue plan {library}"));
    }
    page.then("See which libraries are here:", "segue")
}

pub(super) fn cancelled(report: &InviteReport) -> Page {
    let cancelled = count(report.cancelled, "ticket was", "tickets were");
    Page::default().say(format!("{cancelled} taken back.")).then("Make another:", "segue invite")
}

pub(super) fn admitted(report: &AdmitReport) -> Page {
    let AdmitReport { name, role, .. } = report;
    if !report.admitted {
        return Page::default()
            .say(format!("{name} was not let in; its ticket is good for nobody now."))
            .then("Make another:", "segue invite");
    }
    Page::default().say(format!("{name} is in ({role}).")).then("How it is:", "segue peers")
}

pub(super) fn revoked(report: &RevokeReport) -> Page {
    let name = report.name.clone().unwrap_or_else(|| short_id(&report.peer));
    let documents = count(report.documents, "document", "documents");
    let mut page = Page::default().say(format!("{name} is out of {documents}."));
    if report.limits_struck > 0 {
        let limits = count(report.limits_struck, "limit", "limits");
        page = page.say(format!("{limits} that it said of its own account ended."));
    }
    if report.limits_kept > 0 {
        let limits =
            count(report.limits_kept, "limit that it said holds", "limits that it said hold");
        let how = "See them: segue licences. The owner ends one: segue licences strike ITEM";
        page = page.say(format!("{limits} on. {how}"));
    }
    page.then("Who is left:", "segue peers")
}
