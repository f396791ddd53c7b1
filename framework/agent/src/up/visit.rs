//! Commands that need other devices: inviting, joining, and a pass with all that can be reached.
//!
//! Each speaks to the agent of the folder, or to one that it begins for itself, and looks from time to time how
//! far the devices are.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use super::brief::Brief;
use super::client::Client;
use super::wire::{Ask, LivePeer, LiveReport};
use crate::command::{
    InviteReport, JoinReport, PassReport, PeersReport, Request, Response, WaitingRow,
};
use crate::failure::Failure;
use crate::net::choice::Reach;
use crate::progress::{Progress, Quiet};
use crate::{Agent, query};

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);
/// A device that is not connected by then is away.
const REACH: Duration = Duration::from_secs(4);
/// Devices that are connected have so long to get in step, counted from the last thing that came.
const STEP: Duration = Duration::from_mins(2);

/// What a person at the inviter sees and says.
pub trait Reception {
    /// The ticket, as soon as it is made.
    fn ticket(&mut self, report: &InviteReport);
    /// A device showed it: may it come in? `None` if nobody can be asked here.
    fn admits(&mut self, row: &WaitingRow) -> Option<bool>;
    /// Something happened.
    fn said(&mut self, sentence: &str);
    /// Whether it is stayed until the device has joined, also where an agent runs that could do it alone.
    fn stays(&self) -> bool;
}

/// The agent that runs in a folder, or one that begins now.
struct Host<'h> {
    home: &'h Path,
    brief: Option<Brief>,
}

impl<'h> Host<'h> {
    fn of(home: &'h Path, reach: Option<Reach>) -> Result<Self, Failure> {
        let brief = match Client::connect(home)? {
            Some(client) => {
                let runs = client.network();
                if let Some(said) = reach.filter(|said| said.to_string() != runs) {
                    let sentence = format!("the agent runs with --network {runs}, not {said}");
                    let hint = format!("end it and start it again: segue up --network {said}");
                    return Err(Failure::refused(sentence, hint));
                }
                None
            }
            None => Some(Brief::begin(home, reach)?),
        };
        Ok(Self { home, brief })
    }

    fn ask(&self, ask: &Ask, progress: &dyn Progress) -> Result<Response, Failure> {
        let client = Client::connect(self.home)?;
        let gone = || Failure::refused("the agent ended", "start it again: segue up");
        client.ok_or_else(gone)?.ask(ask, progress)
    }

    fn command(&self, request: Request, progress: &dyn Progress) -> Result<Response, Failure> {
        self.ask(&Ask::Do(request), progress)
    }

    fn live(&self) -> Result<LiveReport, Failure> {
        let client = Client::connect(self.home)?;
        let gone = || Failure::refused("the agent ended", "start it again: segue up");
        client.ok_or_else(gone)?.live()
    }

    fn is_brief(&self) -> bool {
        self.brief.is_some()
    }
}

/// Makes a ticket, and without an agent that stays serves until a device has joined with it.
///
/// # Errors
/// If no ticket can be made, nobody came in time, or the person said no.
pub fn invite(home: &Path, request: Request, reception: &mut dyn Reception) -> Result<(), Failure> {
    let Request::Invite { reach, .. } = &request else {
        return Err(Failure::refused("that is no invitation", ""));
    };
    let host = Host::of(home, *reach)?;
    let Response::Invite(report) = host.command(request, &Quiet)? else {
        return Err(Failure::refused("the agent gave no ticket", "segue doctor"));
    };
    // Not before: an agent that has only begun knows nobody until its network has looked, which a ticket waits for.
    let known: BTreeSet<String> = host.live()?.peers.into_iter().map(|peer| peer.id).collect();
    reception.ticket(&report);
    if !host.is_brief() && !reception.stays() {
        return Ok(());
    }
    let joined = until_joined(&host, &known, &report, reception)?;
    let name = |live: &LiveReport| live.peers.iter().find(|peer| peer.id == joined)?.name.clone();
    if host.is_brief() {
        let live = until(&host, std::slice::from_ref(&joined), &Quiet, &|peer| peer.met)?;
        let name = name(&live).unwrap_or_else(|| joined[..8].to_owned());
        let has_all = live.peers.iter().any(|peer| peer.id == joined && peer.met);
        let rest =
            if has_all { ", and has all of it" } else { "; it gets the rest when it is connected" };
        reception.said(&format!("{name} joined{rest}."));
    } else {
        let name = name(&host.live()?).unwrap_or_else(|| joined[..8].to_owned());
        reception.said(&format!("{name} joined."));
    }
    Ok(())
}

/// Waits until a device has joined that was not there; returns its id.
fn until_joined(
    host: &Host<'_>,
    known: &BTreeSet<String>,
    report: &InviteReport,
    reception: &mut dyn Reception,
) -> Result<String, Failure> {
    let mut asked = BTreeSet::new();
    let now = || jiff::Timestamp::now().as_second();
    loop {
        if let Some(brief) = &host.brief {
            brief.said().for_each(drop);
        }
        let live = host.live()?;
        if let Some(peer) = live.peers.iter().find(|peer| !known.contains(&peer.id)) {
            return Ok(peer.id.clone());
        }
        for row in live.waiting {
            if !asked.insert(row.id.clone()) {
                continue;
            }
            let Some(yes) = reception.admits(&row) else {
                reception.said(&format!(
                    "{} wants to join. Both screens must say: {}. Let it in: segue peers --admit {}",
                    row.name,
                    row.words,
                    &row.id[..8]
                ));
                continue;
            };
            host.command(Request::Admit { peer: row.id, yes }, &Quiet)?;
            if !yes {
                let hint = "the ticket is good for nobody now; make another: segue invite";
                return Err(Failure::refused(format!("{} was not let in", row.name), hint));
            }
        }
        if now() >= report.expires {
            let hint = "make another: segue invite";
            return Err(Failure::refused("the ticket has expired, and nobody came", hint));
        }
        std::thread::sleep(LOOK);
    }
}

/// Waits until these devices are in step; see [`until`].
fn until_in_step(
    host: &Host<'_>,
    peers: &[String],
    progress: &dyn Progress,
) -> Result<LiveReport, Failure> {
    until(host, peers, progress, &|peer| peer.in_step)
}

/// Waits until all of these devices are so, or one that is connected gets no further, or none is connected.
fn until(
    host: &Host<'_>,
    peers: &[String],
    progress: &dyn Progress,
    is_so: &dyn Fn(&LivePeer) -> bool,
) -> Result<LiveReport, Failure> {
    let (began, mut patience) = (Instant::now(), Patience::default());
    loop {
        let live = host.live()?;
        let received = patience.received;
        let is_over = patience.is_over(began.elapsed(), &live, peers, is_so);
        if patience.received != received {
            progress.step(&format!("Receiving, {} so far", bytes(live.received)), None);
        }
        if is_over {
            return Ok(live);
        }
        std::thread::sleep(LOOK);
    }
}

/// How long devices are waited for.
#[derive(Default)]
struct Patience {
    /// What had come when it was last looked, and after how long some of it came last.
    received: u64,
    moved: Duration,
}

impl Patience {
    /// Whether it is waited for no more, so long after it began.
    fn is_over(
        &mut self,
        after: Duration,
        live: &LiveReport,
        peers: &[String],
        is_so: &dyn Fn(&LivePeer) -> bool,
    ) -> bool {
        let own: Vec<_> = live.peers.iter().filter(|peer| peers.contains(&peer.id)).collect();
        let is_done = own.len() == peers.len() && own.iter().all(|peer| is_so(peer));
        let is_away = !own.iter().any(|peer| peer.online && !is_so(peer));
        if live.received != self.received {
            (self.moved, self.received) = (after, live.received);
        }
        is_done || (is_away && after >= REACH) || after >= self.moved + STEP
    }
}

fn bytes(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} B"),
        1_000..1_000_000 => format!("{:.1} kB", number as f64 / 1e3),
        _ => format!("{:.1} MB", number as f64 / 1e6),
    }
}

/// Joins with a ticket, and waits until this device has what the inviter has.
pub(super) fn join(
    home: &Path,
    request: Request,
    progress: &dyn Progress,
) -> Result<Response, Failure> {
    let Request::Join { reach, .. } = &request else {
        return Err(Failure::refused("that is no ticket", ""));
    };
    let host = Host::of(home, *reach)?;
    progress.step("Asking to be let in", None);
    let Response::Join(report) = host.command(request, progress)? else {
        return Err(Failure::refused("the agent did not join", "segue doctor"));
    };
    progress.step("Receiving", None);
    let live = until(&host, std::slice::from_ref(&report.peer), progress, &|peer| peer.met)?;
    let in_step = live.peers.iter().any(|peer| peer.id == report.peer && peer.met);
    let agent = Agent::open(Some(home.to_owned()), &Request::Peers)?;
    let items = query::items(&agent, &report.document)?;
    Ok(Response::Join(JoinReport { items, in_step, ..report }))
}

/// One pass, with what devices that can be reached have for it, and what it has for them.
pub(super) fn sync(
    home: &Path,
    request: Request,
    peers: &PeersReport,
    progress: &dyn Progress,
) -> Result<Response, Failure> {
    let host = Host::of(home, None)?;
    let ids: Vec<String> = peers.peers.iter().map(|peer| peer.id.clone()).collect();
    progress.step("Reaching other devices", None);
    if host.is_brief() {
        until_in_step(&host, &ids, progress)?;
    }
    let Response::Pass(report) = host.command(request, progress)? else {
        return Err(Failure::refused("the agent made no pass", "segue doctor"));
    };
    let near: Vec<String> = host
        .live()?
        .peers
        .into_iter()
        .filter(|peer| peer.online && ids.contains(&peer.id))
        .map(|peer| peer.id)
        .collect();
    progress.step("Passing it on to other devices", None);
    let live = until_in_step(&host, &near, progress)?;
    let is_there =
        |id: &String| live.peers.iter().any(|peer| peer.id == *id && peer.online && peer.in_step);
    let away = peers.peers.iter().filter(|peer| !is_there(&peer.id));
    let away = away.map(|peer| peer.name.clone().unwrap_or_else(|| peer.id[..8].to_owned()));
    Ok(Response::Pass(PassReport { away: away.collect(), ..report }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of two devices are connected and which are in step, and what came.
    fn live(online: [bool; 2], in_step: [bool; 2], received: u64) -> LiveReport {
        let peer = |at: usize| LivePeer {
            id: at.to_string(),
            name: None,
            online: online[at],
            in_step: in_step[at],
            met: false,
            reason: None,
        };
        LiveReport { peers: vec![peer(0), peer(1)], received, ..LiveReport::default() }
    }

    /// Whether both are waited for no more after so many seconds.
    fn is_over(patience: &mut Patience, seconds: u64, live: &LiveReport) -> bool {
        let both = ["0".to_owned(), "1".to_owned()];
        patience.is_over(Duration::from_secs(seconds), live, &both, &|peer| peer.in_step)
    }

    #[test]
    fn devices_that_are_not_connected_are_not_waited_for_and_those_that_are_in_step_need_not_be() {
        for (online, in_step) in [([false, false], [false, false]), ([true, false], [true, false])]
        {
            let patience = &mut Patience::default();
            assert!(!is_over(patience, 3, &live(online, in_step, 0)), "they may come");
            assert!(is_over(patience, 4, &live(online, in_step, 0)));
        }
        assert!(is_over(&mut Patience::default(), 0, &live([true; 2], [true; 2], 0)));
        let others = LiveReport { peers: Vec::new(), ..LiveReport::default() };
        assert!(!is_over(&mut Patience::default(), 0, &others), "nothing is known of them yet");
    }

    #[test]
    fn a_device_that_is_connected_is_waited_for_as_long_as_something_comes() {
        let at = |patience: &mut Patience, seconds, received| {
            is_over(patience, seconds, &live([true; 2], [true, false], received))
        };
        let patience = &mut Patience::default();
        assert!(!at(patience, 119, 0));
        assert!(at(patience, 120, 0));
        assert!(!at(patience, 121, 7), "now something came");
        assert!(!at(patience, 240, 7));
        assert!(!at(patience, 240, 8));
        assert!(at(patience, 360, 8));
    }
}
