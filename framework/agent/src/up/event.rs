//! What can happen to the agent, and what it then does.
//!
//! Every cause is an [`Event`], taken one at a time by the one loop in [`super`]; nothing is acted on
//! where it arises. What a new cause needs: a variant here, whose source sends it to the loop; if it takes
//! time, a [`Job`] that the worker does, and the event that ends it; a rank in `Schedule::job` (between commands
//! and passes, if passes follow from it); in `Schedule::next` when it wants to be woken. Where a document got
//! something new, a look at its libraries that knows nothing (`Service::look_anew`) leads to the pass.

use std::fmt;
use std::path::PathBuf;

use segue_access::Ticket;
use segue_limits::lease::Observation;
use segue_model::{DeviceId, DocumentId, LinkId};

use segue_sync::Batch;

use super::socket::{Inquiry, Order};
use crate::net::knock::Knock;
use crate::net::{Joined, NetEvent};

/// Something that happened. This list is closed: what is not in it cannot move the agent.
#[derive(Debug)]
pub(crate) enum Event {
    /// What is linked now.
    Linked(Vec<Link>),
    /// Files in the folders of these libraries changed.
    Touched(Vec<LinkId>),
    /// The computer slept, or its clock was set.
    Woke,
    /// Time has passed.
    Tick,
    /// A job was done: a look at libraries.
    Looked(Vec<(LinkId, Look)>),
    /// A job was done: a pass over a document, or why there was none.
    Passed(DocumentId, Result<Vec<(LinkId, Outcome)>, String>),
    /// A command arrived that may write.
    Asked(Order),
    /// A job was done: a command was answered.
    Answered,
    /// Something happened on the network.
    Net(NetEvent),
    /// A job was done: what came was judged and stored, or why it could not be.
    Ingested(DocumentId, Result<bool, String>),
    /// A job was done: something was noted of another device; perhaps a sentence for people.
    Noted(Option<String>),
    /// Something that a person may want to know, found by a job that goes on.
    Said(String),
    /// A document may be joined, or not.
    Welcomed(Box<Begin>),
    /// Somebody wants to know how the agent is.
    Inquired(Inquiry),
    /// The agent shall end.
    Stop(&'static str),
}

/// What the agent does because of it.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Begin this job; it ends with an event of its own, and until then there is no other.
    Start(Job),
    /// Watch these folders, and no others.
    Watch(Vec<(LinkId, PathBuf)>),
    /// Tell people, perhaps of one library.
    Say(Option<LinkId>, String),
    /// Nothing is left to do: end.
    Finish,
}

/// Work that takes its time. One at a time, because all of it is about one store.
#[derive(Debug)]
pub(crate) enum Job {
    /// See whether libraries changed, without reading them.
    Look(Vec<Glance>),
    /// One pass over a document.
    Pass(DocumentId),
    /// Answer a command.
    Answer(Order),
    /// Judge and store what a peer sent.
    Ingest {
        /// For the answer.
        connection: segue_sync::Connection,
        /// The document.
        document: DocumentId,
        /// The batch's number.
        number: u64,
        /// What came.
        batch: Batch,
    },
    /// Hear a device that shows a ticket.
    Hear(Box<Knock>),
    /// Note something of another device.
    Note(Note),
    /// Store a document that is joined.
    Begin(Box<Begin>),
}

/// What is noted of another device.
#[derive(Debug)]
pub(crate) enum Note {
    /// It broke the rules.
    Culprit(DeviceId, String),
    /// It is connected.
    Seen(DeviceId),
    /// Its clock was compared with ours, by a session about this document.
    Compared(DocumentId, Observation),
}

/// The end of joining: the command that waits for it, and what the inviter said.
pub(crate) struct Begin {
    pub(crate) order: Order,
    pub(crate) ticket: Ticket,
    pub(crate) said: Result<Joined, (String, String)>,
}

impl fmt::Debug for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begin").field("document", &self.ticket.document).finish_non_exhaustive()
    }
}

/// A linked library, as far as the agent needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// What people call it.
    pub(crate) label: String,
    pub(crate) document: DocumentId,
    /// Where its files are.
    pub(crate) path: PathBuf,
    /// A person wants it left alone.
    pub(crate) paused: bool,
}

/// A question about one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) link: LinkId,
    /// The revision of which nothing more need be known,
    pub(crate) known: Option<String>,
    /// unless the app no longer has the library open.
    pub(crate) must_be_free: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is at the known revision, and that is all.
    Same,
    /// It is at this revision.
    Seen {
        /// The revision.
        revision: String,
        /// Whether the link's base is of this revision, and the document has nothing new for it.
        in_step: bool,
    },
    /// It cannot be had now: the app is running, or is not.
    Away(String),
    /// It cannot be had.
    Failed(String),
}

/// What a pass did to one library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// Edits of the app's user that were taken over.
    pub(crate) lifted: u64,
    /// Edits that were written.
    pub(crate) written: u64,
}

/// How far a library came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// All was done.
    Done,
    /// Something of it waits.
    Waits(String),
    /// A guard needs a person.
    Held(String),
    /// It failed.
    Failed(String),
}
