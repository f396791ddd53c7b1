//! Devices that share a document: who lets whom in, and who talks to whom.

use segue_access::Ticket;
use segue_sync::join::{Inviter, InviterStep, Joiner, JoinerStep};
use segue_sync::{Batch, Ingested};
use segue_transport_memory::Weather;
use tempfile::TempDir;

use super::device::{Clock, Device};
use crate::command::RoleName;
use crate::peers::ingest::ingest;
use crate::peers::invite::{self, Presented, Wish};
use crate::peers::join;

pub(super) struct Company {
    pub(super) folder: TempDir,
    pub(super) clock: Clock,
    pub(super) devices: Vec<Device>,
    pub(super) weather: Weather,
    pub(super) seed: u64,
}

impl Company {
    /// No devices.
    pub(super) fn nobody(seed: u64) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::new(),
            devices: Vec::new(),
            weather: Weather::default(),
            seed: seed * 100,
        }
    }

    /// One device with so many songs, linked: it founds the document.
    pub(super) fn found(songs: usize, seed: u64) -> Self {
        let mut company = Self::nobody(seed);
        company.add();
        company.devices[0].fill(0..songs);
        company.devices[0].link();
        company
    }

    /// A founder and so many others, all with the same songs, all in step.
    pub(super) fn of(devices: usize, songs: usize, seed: u64) -> Self {
        let mut company = Self::found(songs, seed);
        for _ in 1..devices {
            let at = company.add();
            company.let_in(0, at, RoleName::Write);
            company.talk(&[0, at]);
            company.devices[at].fill(0..songs);
            company.devices[at].link();
            company.talk(&[0, at]);
        }
        company.meets();
        company
    }

    /// A device that knows nobody.
    pub(super) fn add(&mut self) -> usize {
        let at = self.devices.len();
        let folder = self.folder.path().join(at.to_string());
        let seed = self.seed + at as u64;
        self.devices.push(Device::new(&folder, &self.clock, seed, &format!("device {at}")));
        at
    }

    /// A ticket that lets in whoever holds it.
    pub(super) fn ticket(&mut self, inviter: usize, role: RoleName) -> Ticket {
        self.invite(inviter, &Wish { document: None, role, seconds: 3_600, approved: true })
    }

    /// A ticket after which a person is asked.
    pub(super) fn ticket_to_ask(&mut self, inviter: usize, role: RoleName) -> Ticket {
        self.invite(inviter, &Wish { document: None, role, seconds: 3_600, approved: false })
    }

    pub(super) fn invite(&mut self, inviter: usize, wish: &Wish) -> Ticket {
        let made = invite::invite(&mut self.devices[inviter].agent, wish, Vec::new()).unwrap();
        Ticket::decode(&made.ticket).unwrap()
    }

    /// Lets a device in with a ticket, as both do it.
    pub(super) fn let_in(&mut self, inviter: usize, joiner: usize, role: RoleName) {
        let ticket = self.ticket(inviter, role);
        self.join(inviter, joiner, &ticket).unwrap();
    }

    /// Lets a device in that has the document already: only the inviter says so.
    pub(super) fn let_in_again(&mut self, inviter: usize, who: usize, role: RoleName) {
        let (document, to) = (self.devices[inviter].document(), self.devices[who].id());
        let nonce = [self.seed as u8; 16];
        let role = segue_access::Role::from(role);
        let said = segue_access::Statement::Grant { document, nonce, to, role, until: None };
        let agent = &mut self.devices[inviter].agent;
        let signed = agent.home.device.sign(&said).unwrap();
        crate::peers::ingest::say(agent, document, &[signed], &|_| Ok(())).unwrap();
    }

    /// Shows a ticket; says what the inviter refuses.
    pub(super) fn join(
        &mut self,
        inviter: usize,
        joiner: usize,
        ticket: &Ticket,
    ) -> Result<(), String> {
        let device = self.devices[joiner].id();
        let mut host = Inviter::new(self.devices[inviter].id(), device);
        let agent = &self.devices[joiner].agent;
        let (mut guest, ask) = Joiner::new(ticket, device, join::vouch(agent).unwrap(), &[]);
        let asked = match host.handle(&ask) {
            Ok(Some(InviterStep::Asked(asked))) => asked,
            other => return Err(format!("{other:?}")),
        };
        let agent = &mut self.devices[inviter].agent;
        let (role, statements) = match invite::present(agent, &device, &asked).unwrap() {
            Presented::In(role, statements) => (role, statements),
            Presented::Refused(refusal) => return Err(refusal.to_string()),
            Presented::Waits(_) => return Err("waits for a person".into()),
        };
        guest.handle(&host.wait("host")).unwrap();
        let frame = host.welcome(role, &statements, &[]).unwrap();
        let Some(JoinerStep::Welcome(welcomed)) = guest.handle(&frame).unwrap() else {
            return Err("no welcome".into());
        };
        join::begin(&mut self.devices[joiner].agent, ticket, &welcomed, false).unwrap();
        Ok(())
    }

    /// Everybody talks to everybody, and passes over what came, until nothing is new.
    pub(super) fn meets(&mut self) {
        let all = self.meets_apart();
        self.agrees(&all);
    }

    /// As `meets`, but where values compete each app goes on to show its own.
    pub(super) fn meets_apart(&mut self) -> Vec<usize> {
        let all: Vec<usize> = (0..self.devices.len()).collect();
        self.talk(&all);
        for _ in 0..3 {
            for device in &mut self.devices {
                device.pass();
            }
            assert!(self.talk(&all).in_step, "they get in step");
        }
        let first = self.devices[0].export();
        for device in &mut self.devices {
            assert_eq!(device.export(), first);
            device.is_sound();
        }
        all
    }

    /// Asserts that all of these hold the same, that their apps show it, and that nothing is damaged.
    pub(super) fn agrees(&mut self, who: &[usize]) {
        let first = self.devices[who[0]].export();
        let shown = self.devices[who[0]].ratings();
        for at in who {
            let device = &mut self.devices[*at];
            assert_eq!(device.export(), first, "device {at} exports something else");
            assert_eq!(device.ratings(), shown, "the app of device {at} shows something else");
            device.is_sound();
        }
    }

    /// Hands a batch to a device, as if somebody had sent it.
    pub(super) fn hand(&mut self, to: usize, batch: Batch) -> Ingested {
        let document = self.devices[to].document();
        ingest(&mut self.devices[to].agent, document, 1, batch).unwrap().0
    }
}
