//! The side that gave out a ticket.

use std::mem;

use segue_access::{Role, Secret, SignedStatement, Statement, words};
use segue_model::{DeviceId, DocumentId, PersonId};

use super::frame::{self, Ask, Frame, Intake, Versions, Wait};
use super::printable::{cut, printable, short_name};
use super::{FRAME_BYTES_MAX, NAME_CHARS_MAX, Refused, VERSIONS, proof};
use crate::Malformed;
use crate::packed::Text;

/// A device that is asked to let another in.
///
/// When [`InviterStep::Asked`] comes, look up and [`present`](segue_access::Invitation::present) the invitation;
/// then send either [`refuse`](Self::refuse) or [`wait`](Self::wait), let a person compare the words, and send
/// [`welcome`](Self::welcome) or [`refuse`](Self::refuse).
#[derive(Debug)]
pub struct Inviter {
    me: DeviceId,
    them: DeviceId,
    version: u16,
    state: State,
    intake: Intake,
}

#[derive(Debug)]
enum State {
    Listening,
    Asked(DocumentId),
    Welcomed,
    Over,
}

/// What the joiner said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InviterStep {
    /// It shows a ticket.
    Asked(Box<Asked>),
    /// It has stored what it was given; the connection may be closed.
    Joined,
}

/// A joiner's question. What it says of the joiner was checked; the ticket was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it wants to join.
    pub document: DocumentId,
    /// The secret of its ticket.
    pub secret: Secret,
    /// The statement with which `person` vouches for the joiner's device. It is valid, and the device is the one
    /// whose key the transport has proven.
    pub vouch: SignedStatement,
    /// Whose device it is. Who that is in life, the four words must show.
    pub person: PersonId,
    /// What the device is called, as it may be shown: in one line of 1 to 64 characters.
    pub name: String,
    /// Where the device may be found, as its transport writes it; not checked.
    pub addresses: Vec<String>,
    /// The same must stand on the joiner's screen.
    pub words: [&'static str; 4],
}

impl Inviter {
    /// Waits for the question of `them`, whose key the transport has proven; `me` is this device.
    pub fn new(me: DeviceId, them: DeviceId) -> Self {
        let intake = Intake::default();
        Self { me, them, version: VERSIONS.1, state: State::Listening, intake }
    }

    /// Takes a frame of the joiner. `None` if it means nothing to this version.
    ///
    /// # Errors
    /// What no honest joiner of this version sends: [`refuse`](Self::refuse) it with that, and close the
    /// connection. Nothing is listened to after it.
    pub fn handle(&mut self, frame: &[u8]) -> Result<Option<InviterStep>, Refused> {
        let state = mem::replace(&mut self.state, State::Over);
        let (state, step) = match (state, self.intake.read(frame)?) {
            (state, Frame::Unknown) => (state, None),
            (State::Listening, Frame::Foreign(_)) => return Err(Refused::OUR_VERSIONS),
            (State::Listening, Frame::Ask(ask)) => {
                let asked = self.ask(ask)?;
                (State::Asked(asked.document), Some(InviterStep::Asked(Box::new(asked))))
            }
            (State::Welcomed, Frame::Joined(_)) => (State::Over, Some(InviterStep::Joined)),
            _ => return Err(Malformed("the frame does not belong here").into()),
        };
        self.state = state;
        Ok(step)
    }

    fn ask(&mut self, ask: Ask) -> Result<Asked, Refused> {
        let versions = Versions { oldest: ask.oldest, newest: ask.newest };
        self.version = versions.newest_common().ok_or(Refused::OUR_VERSIONS)?;
        let vouch = SignedStatement::from(ask.vouch);
        let said = vouch.verify().map_err(|_| Malformed("the statement is not valid"))?;
        let Statement::Device { person, device, name } = said else {
            return Err(Malformed("the statement vouches for no device").into());
        };
        if device != self.them {
            return Err(Malformed("the statement vouches for another device").into());
        }
        let name = printable(&name);
        if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
            return Err(Malformed("the name of the device is empty or too long").into());
        }
        Ok(Asked {
            document: DocumentId(ask.document),
            secret: ask.secret,
            vouch,
            person,
            name,
            addresses: frame::texts(ask.addresses),
            words: words(&ask.secret, &self.me, &self.them),
        })
    }

    /// The frame that says that the ticket is good and a person decides. `name` is what this device is called;
    /// 64 characters of it go along.
    pub fn wait(&self, name: &str) -> Vec<u8> {
        let name = short_name(name).map(|name| Text(cut(&name).to_owned()));
        Frame::Wait(Wait { version: self.version, name }).encode()
    }

    /// The frame that lets the joiner in, with `role`.
    ///
    /// `statements` are those of the document, with a grant of that role to the joiner. Those go along that show that
    /// the joiner and this device have their roles: the root, their grants, and those of whoever gave them; and the
    /// names of both. Of `addresses` those that fit.
    ///
    /// `None` if nobody has asked, or `statements` do not hold the document's root and such a grant, which counts; then
    /// nothing was promised, and [`refuse`](Self::refuse) is still possible.
    pub fn welcome(
        &mut self,
        role: Role,
        statements: &[SignedStatement],
        addresses: &[String],
    ) -> Option<Vec<u8>> {
        let (State::Asked(document), addresses) = (&self.state, frame::addresses(addresses)) else {
            return None;
        };
        let mut welcome = proof::of(statements, document, (&self.them, role), &self.me)?;
        welcome.addresses = addresses;
        let frame = Frame::Welcome(welcome).encode();
        if frame.len() > FRAME_BYTES_MAX {
            return None;
        }
        self.state = State::Welcomed;
        Some(frame)
    }

    /// The frame that says why the joiner is not let in; the conversation is over.
    pub fn refuse(&mut self, why: &Refused) -> Vec<u8> {
        self.state = State::Over;
        Frame::Refused(why.told()).encode()
    }
}
