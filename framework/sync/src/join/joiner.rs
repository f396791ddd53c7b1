//! The side that holds a ticket.

use std::mem;

use segue_access::{
    Members, Role, Secret, SignedStatement, Statement, Ticket, VerifiedStatement, words,
};
use segue_model::{DeviceId, DocumentId};

use super::frame::{self, Ask, Frame, Intake, Joined, Wait, Welcome};
use super::printable::short_name;
use super::{Refused, VERSIONS};
use crate::Malformed;

/// A device that asks to be let in.
#[derive(Debug)]
pub struct Joiner {
    document: DocumentId,
    secret: Secret,
    inviter: DeviceId,
    role: Role,
    me: DeviceId,
    state: State,
    intake: Intake,
}

#[derive(Debug)]
enum State {
    Asked,
    Waiting,
    Over,
}

/// What the inviter said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinerStep {
    /// The ticket is good: show the words, and wait for a person at the inviter.
    Wait {
        /// What the inviter calls itself, as it may be shown; it proves nothing.
        inviter: Option<String>,
        /// The same must stand on the inviter's screen.
        words: [&'static str; 4],
    },
    /// This device is in: store it, then send [`Welcomed::joined`].
    Welcome(Welcomed),
    /// This device is not let in; the conversation is over.
    Refused(Refused),
}

/// What the inviter gave. All of it was checked: every signature, that the root begins the ticket's document,
/// and that by these statements alone this device has the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcomed {
    /// The statement that begins the document.
    pub root: SignedStatement,
    /// Who let this device in, and by what right; and perhaps more of the same document.
    pub statements: Vec<SignedStatement>,
    /// What this device may do: what the ticket said, or less.
    pub role: Role,
    /// When that ends, in Unix seconds.
    pub until: Option<i64>,
    /// Where the inviter may be found, as its transport writes it; not checked.
    pub addresses: Vec<String>,
}

impl Welcomed {
    /// The frame that says that all of this is stored for good.
    pub fn joined(&self) -> Vec<u8> {
        Frame::Joined(Joined {}).encode()
    }
}

impl Joiner {
    /// Begins the conversation; returns also its first frame. The frame shows the ticket's secret, so it is
    /// only for the device that the ticket names: dial [`Ticket::inviter`] by its key.
    ///
    /// `vouch` is the statement with which this device's person vouches for the device `me`. Of `addresses`
    /// those go along that fit: 16, of 255 bytes each.
    pub fn new(
        ticket: &Ticket,
        me: DeviceId,
        vouch: SignedStatement,
        addresses: &[String],
    ) -> (Self, Vec<u8>) {
        let ask = Frame::Ask(Ask {
            oldest: VERSIONS.0,
            newest: VERSIONS.1,
            document: ticket.document.0,
            secret: ticket.secret,
            vouch: vouch.into(),
            addresses: frame::addresses(addresses),
        });
        let joiner = Self {
            document: ticket.document,
            secret: ticket.secret,
            inviter: ticket.inviter,
            role: ticket.role,
            me,
            state: State::Asked,
            intake: Intake::default(),
        };
        (joiner, ask.encode())
    }

    /// Takes a frame of the inviter. `None` if it means nothing to this version.
    ///
    /// # Errors
    /// What no honest inviter sends; close the connection. Nothing is listened to after it.
    pub fn handle(&mut self, frame: &[u8]) -> Result<Option<JoinerStep>, Malformed> {
        let state = mem::replace(&mut self.state, State::Over);
        let (state, step) = match (state, self.intake.read(frame)?) {
            (state, Frame::Unknown) => (state, None),
            (State::Asked, Frame::Wait(wait)) => (State::Waiting, Some(self.wait(wait)?)),
            (State::Asked | State::Waiting, Frame::Refused(refusing)) => {
                (State::Over, Some(JoinerStep::Refused(Refused::heard(refusing)?)))
            }
            (State::Waiting, Frame::Welcome(welcome)) => {
                (State::Over, Some(JoinerStep::Welcome(self.welcome(welcome)?)))
            }
            _ => return Err(Malformed("the frame does not belong here")),
        };
        self.state = state;
        Ok(step)
    }

    fn wait(&self, wait: Wait) -> Result<JoinerStep, Malformed> {
        if !(VERSIONS.0..=VERSIONS.1).contains(&wait.version) {
            return Err(Malformed("the inviter picked a version that was not offered"));
        }
        let inviter = wait.name.and_then(|name| short_name(&name.0));
        let words = words(&self.secret, &self.inviter, &self.me);
        Ok(JoinerStep::Wait { inviter, words })
    }

    fn welcome(&self, welcome: Welcome) -> Result<Welcomed, Malformed> {
        let root = SignedStatement::from(welcome.root);
        let statements: Vec<SignedStatement> =
            welcome.statements.0.into_iter().map(SignedStatement::from).collect();
        let mut verified = vec![verified(&root)?];
        if !matches!(verified[0].statement(), Statement::Root { .. })
            || verified[0].statement().document() != Some(self.document)
        {
            return Err(Malformed("the root does not begin the document of the ticket"));
        }
        for signed in &statements {
            verified.push(self::verified(signed)?);
        }
        let of_others = |said: &VerifiedStatement| {
            said.statement().document().is_some_and(|document| document != self.document)
        };
        if verified.iter().any(of_others) {
            return Err(Malformed("a statement is about another document"));
        }
        let (role, until) = self.granted(&verified)?;
        let addresses = frame::texts(welcome.addresses);
        Ok(Welcomed { root, statements, role, until, addresses })
    }

    /// The role that these statements give this device. Not a higher one than the ticket said: whoever
    /// was told to be a reader does not expect that edits leave the device.
    fn granted(&self, verified: &[VerifiedStatement]) -> Result<(Role, Option<i64>), Malformed> {
        let members = Members::of_verified(verified, &self.document);
        let grants = members.grants(&self.me).map(|(_, role, until)| (role, until));
        let highest = grants.max_by_key(|(role, until)| (*role, until.unwrap_or(i64::MAX)));
        let (role, until) = highest.ok_or(Malformed("the statements give this device no role"))?;
        if role > self.role {
            return Err(Malformed("the inviter gave a higher role than the ticket said"));
        }
        Ok((role, until))
    }
}

fn verified(signed: &SignedStatement) -> Result<VerifiedStatement, Malformed> {
    signed.verified().map_err(|_| Malformed("a statement is not valid"))
}
