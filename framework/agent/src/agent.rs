//! The agent in this process: takes requests, gives responses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use segue_limits::lease::Licence;
use segue_store::{HomeLock, Store};

use crate::command::{Request, Response, SeatAction};
use crate::failure::Failure;
use crate::home::Home;
use crate::net::Net;
use crate::peers::circle::Circles;
use crate::peers::{invite, join, list, revoke};
use crate::progress::Progress;
use crate::world::{Outside, World};
use crate::{doctor, exclusion, limits, look, plan, query, services, settle, sync, undo};

/// A lock that another process holds is asked for so many times, a tenth of a second apart.
const LOCK_TRIES: u32 = 100;

/// The agent of one folder.
pub struct Agent {
    pub(crate) world: World,
    pub(crate) home: Home,
    pub(crate) circles: Circles,
    pub(crate) said: limits::Known,
    /// Licences of which a seat is being given away: nothing of them is in use any more.
    pub(crate) stopped: BTreeSet<Licence>,
    /// The way to other devices; only an agent that stays has one.
    pub(crate) net: Option<Net>,
}

impl Agent {
    /// Opens the agent's folder in the world of this process, for one request: no program is started
    /// for what needs no app. Without a folder it is `$SEGUE_HOME`, else the platform's data folder.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(folder: Option<PathBuf>, request: &Request) -> Result<Self, Failure> {
        let outside = if request.needs_apps() { Outside::Started } else { Outside::Left };
        Self::open_in(&crate::world::usual_folder(folder), crate::world::ambient(outside))
    }

    /// Opens the agent's folder in a given world.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open_in(folder: &Path, world: World) -> Result<Self, Failure> {
        let home = Home::open(folder, &world)?;
        Ok(Self {
            world,
            home,
            circles: Circles::default(),
            said: limits::Known::default(),
            stopped: BTreeSet::new(),
            net: None,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.home.folder
    }

    /// Answers one request.
    ///
    /// # Errors
    /// If the request as a whole cannot be done; what happens to one of several libraries is part
    /// of the answer.
    pub fn run(&mut self, request: Request, progress: &dyn Progress) -> Result<Response, Failure> {
        self.answer(request, progress).map_err(|failure| match failure {
            Failure::Store(error) => Failure::Store(error.named(self.home.store.path())),
            other => other,
        })
    }

    fn answer(&mut self, request: Request, progress: &dyn Progress) -> Result<Response, Failure> {
        match request {
            Request::Look => look::look(self, progress).map(Response::Look),
            Request::Status => look::status(self).map(Response::Status),
            Request::Log => query::log(self).map(Response::Log),
            Request::Matches => query::questions(self).map(Response::Questions),
            Request::Export { document } => {
                query::export(self, document.as_deref()).map(Response::Export)
            }
            Request::Find { text } => query::find(self, &text).map(Response::Found),
            Request::Why { item, field } => {
                query::why(self, &item, field.as_deref()).map(Response::Trace)
            }
            Request::Exclusions => exclusion::command::list(self).map(Response::Exclusions),
            Request::Licences => limits::report::licences(self).map(Response::Licences),
            Request::Office { take_over: false } => {
                limits::seats::ask::office(self, false).map(Response::Office)
            }
            Request::Conflicts => query::conflicts(self).map(Response::Conflicts),
            Request::Doctor => doctor::doctor(self, progress).map(Response::Doctor),
            Request::Services { library } => {
                services::services(self, library.as_ref()).map(Response::Services)
            }
            Request::Peers => list::list(self).map(Response::Peers),
            Request::Plan { libraries, write_tags } => {
                plan::plan(self, &libraries, write_tags, progress).map(Response::Plan)
            }
            Request::ShowPlan { plan, what } => {
                plan::show(self, &plan, &what, progress).map(Response::Shown)
            }
            Request::ServiceLog { .. } | Request::Metrics => {
                Err(Failure::refused("the agent is not running", "start it: segue up"))
            }
            writing => {
                let _lock = lock(&self.home.folder)?;
                self.write(writing, progress)
            }
        }
    }

    fn write(&mut self, request: Request, progress: &dyn Progress) -> Result<Response, Failure> {
        let goes_on =
            matches!(request, Request::Sync { .. } | Request::Undo { .. } | Request::Redo);
        let is_apart = matches!(
            request,
            Request::Service { .. }
                | Request::Invite { .. }
                | Request::CancelInvitations
                | Request::Admit { .. }
                | Request::Revoke { .. }
                | Request::Exclude { .. }
        );
        if !goes_on && !is_apart {
            undo::finish_first(self, progress)?;
        }
        match request {
            Request::Apply { plan } => plan::apply(self, &plan, progress).map(Response::Pass),
            Request::Sync { libraries, dry_run: true, .. } => {
                sync::dry_run(self, &libraries, progress).map(Response::Plan)
            }
            Request::Sync { libraries, yes, .. } => {
                sync::sync(self, &libraries, yes, progress).map(Response::Pass)
            }
            Request::Match { item, other, apart } => {
                settle::same_as(self, &item, &other, apart, progress).map(Response::Match)
            }
            Request::Resolve { item, field, value, keep } => {
                settle::resolve(self, &item, &field, value, keep, progress).map(Response::Pass)
            }
            Request::Undo { operation } => {
                undo::undo(self, operation, progress).map(Response::Pass)
            }
            Request::Redo => undo::redo(self, progress).map(Response::Pass),
            Request::Unlink { library } => undo::unlink(self, &library).map(Response::Unlink),
            Request::Service { library, action } => {
                services::turn(self, &library, action).map(Response::Services)
            }
            Request::Invite { document, role, seconds, yes, reach: _ } => {
                let addresses = self.net()?.addresses()?;
                let wish = invite::Wish { document, role, seconds, approved: yes };
                invite::invite(self, &wish, addresses).map(Response::Invite)
            }
            Request::CancelInvitations => invite::cancelled(self).map(Response::Invite),
            Request::Admit { peer, yes } => invite::admit(self, &peer, yes).map(Response::Admit),
            Request::Exclude { action } => {
                exclusion::command::exclude(self, action).map(Response::Exclusion)
            }
            Request::Licence { action } => {
                limits::issue::issue(self, &action).map(Response::Licence)
            }
            Request::Seat { item, action: SeatAction::Take } => {
                limits::seats::ask::take(self, &item, progress).map(Response::Seat)
            }
            Request::Seat { item, action: SeatAction::Give { to } } => {
                limits::seats::ask::give(self, &item, to.as_deref(), progress).map(Response::Seat)
            }
            Request::Office { take_over } => {
                limits::seats::ask::office(self, take_over).map(Response::Office)
            }
            Request::Strike { item, limit } => {
                limits::strike::strike(self, &item, limit.as_deref()).map(Response::Strike)
            }
            Request::Revoke { peer, limits } => {
                revoke::revoke(self, &peer, limits).map(Response::Revoke)
            }
            Request::Join { .. } => Err(join::no_agent()),
            other => Err(Failure::refused(format!("{other:?} writes nothing"), "")),
        }
    }
}

impl Agent {
    /// The way to other devices.
    pub(crate) fn net(&self) -> Result<&Net, Failure> {
        self.net.as_ref().ok_or_else(join::no_agent)
    }
}

/// One process at a time works in the folder.
pub(crate) fn lock(folder: &Path) -> Result<HomeLock, Failure> {
    let mut tries = 0;
    Ok(Store::lock(folder, |_| {
        tries += 1;
        std::thread::sleep(std::time::Duration::from_millis(100));
        tries < LOCK_TRIES
    })?)
}
