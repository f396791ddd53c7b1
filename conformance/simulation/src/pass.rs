//! What a device does when it looks at its libraries: lift, compare, write.
//!
//! It is the agent's round without its caution (journals, evidence, hiding): whose item is whose is known. What an app
//! had been shown is kept for each item.

use std::rc::Rc;

use segue_document::Write;
use segue_model::{FieldEdit, Item, OperationId};
use segue_reconcile::{lift, project};
use segue_translator::Capabilities;

use crate::merge::Version;
use crate::notice::{self, Sight};
use crate::oracle::Violation;
use crate::step::Act;
use crate::world::{Base, Changed, World, view};

/// The same item in another library that is linked at the same time.
pub(crate) type Twin = (&'static Capabilities, Rc<Item>);

impl World {
    /// A device lifts what its libraries changed, then writes what the document says: into the first `writes` of its
    /// libraries, then it is killed. While it writes, a person edits.
    pub(crate) fn pass(
        &mut self,
        device: u8,
        late: Option<(u8, u8, Act)>,
        writes: usize,
    ) -> Changed {
        let own = (0..).zip(&self.links).filter(|(_, link)| link.device == device);
        let links: Vec<u8> = own.map(|(number, _)| number).collect();
        self.operations += 1;
        let mut changed = false;
        for item in self.items() {
            let before = self.records[usize::from(item)].len();
            let new = links.iter().copied().filter(|link| {
                let slotted = self.slotted(*link, item);
                slotted.is_new() && slotted.is_listed()
            });
            let new: Vec<u8> = new.collect();
            for link in &links {
                self.lift(*link, item, &new)?;
            }
            changed |= self.records[usize::from(item)].len() != before;
        }
        let has_list = self.records.len() > usize::from(self.count);
        if has_list {
            let before = self.records[usize::from(self.count)].len();
            links.iter().try_for_each(|link| self.lift_list(*link))?;
            changed |= self.records[usize::from(self.count)].len() != before;
        }
        for (count, link) in links.into_iter().enumerate() {
            let planned: Vec<_> = self.items().map(|item| self.planned(link, item)).collect();
            let late = late.filter(|(in_link, ..)| *in_link == link);
            if let Some((link, item, act)) = late {
                self.edit(link, item, act);
            }
            let is_killed = count >= writes;
            for (item, edits) in (0..).zip(planned) {
                let Some(edits) = edits else { continue };
                // What needs no write was settled with the document, before.
                if is_killed && !edits.is_empty() {
                    let slotted = self.slot(link, item);
                    (slotted.is_behind, slotted.is_unwritten) = (true, true);
                } else {
                    changed |= self.write(link, item, &edits);
                }
            }
            changed |= has_list && !is_killed && self.write_list(link);
        }
        Ok(changed)
    }

    /// What happened to an item in a library since it was looked at, as the agent tells it.
    fn sight(&self, link: u8, item: u8) -> Sight {
        let slotted = self.slotted(link, item);
        match (&slotted.base, slotted.is_listed()) {
            (None, false) => Sight::Nothing,
            (None, true) => Sight::New,
            (Some(base), false) if base.is_gone => Sight::Nothing,
            (Some(_), false) if slotted.is_away => Sight::Gone,
            (Some(_), false) => Sight::Dropped,
            (Some(base), true) if base.is_gone => Sight::Again,
            (Some(base), true) if base.held == slotted.now => Sight::Nothing,
            (Some(_), true) => Sight::Changed,
        }
    }

    fn lift(&mut self, link: u8, item: u8, new: &[u8]) -> Result<(), Violation> {
        let sight = self.sight(link, item);
        match sight {
            Sight::Nothing => return Ok(()),
            Sight::Gone => {
                let gone = |base| Base { is_gone: true, ..base };
                let slotted = self.slot(link, item);
                slotted.base = slotted.base.take().map(gone);
                return Ok(());
            }
            Sight::New | Sight::Changed | Sight::Again | Sight::Dropped => {}
        }
        let operation = OperationId([self.operations; 8]);
        let device = self.links[usize::from(link)].device;
        let present = self.known(device, item).version;
        let at = self.slotted(link, item).base.as_ref().map_or(present, |base| base.shown);
        let twins = self.twins(link, item, new);
        let record = self.records[usize::from(item)].record(at);
        let slotted = self.slotted(link, item);
        let shown: Vec<_> = twins.iter().map(|(held, item)| (*held, &**item)).collect();
        let (now, base) = (&*slotted.now, slotted.base.as_ref().map(|base| &*base.held));
        let seen = match (sight, base) {
            (Sight::Dropped, _) => lift::Seen::Dropped,
            (Sight::Again, Some(base)) => lift::Seen::Again { base, now },
            (_, Some(base)) => lift::Seen::Changed { base, now },
            (_, None) => lift::Seen::New(now),
        };
        let view = view(&self.links[usize::from(link)], link);
        let lift::Lifted { mut writes, unseen } =
            lift::item(&view, &record, seen, &shown, operation);
        if sight == Sight::Changed
            && !slotted.is_edited
            && !(writes.is_empty() && unseen.is_empty())
        {
            return Err(Violation::edit_of_nobody(link, item, &writes));
        }
        if sight == Sight::Dropped {
            let present = self.records[usize::from(item)].record(present);
            let others = present.member_links().into_iter().any(|other| other != view.link);
            writes.extend((!others).then_some(Write::Delete));
        }
        notice::take_down(self, (link, item), sight, &record, &twins);
        let branch = self.commit(device, item, at, operation, writes);
        self.commit(device, item, 0, operation, unseen);
        let slotted = self.slot(link, item);
        slotted.base = (sight != Sight::Dropped).then(|| Base {
            held: slotted.now.clone(),
            shown: branch,
            is_gone: false,
        });
        slotted.agreed = slotted.now.clone();
        (slotted.is_edited, slotted.plays) = (false, 0);
        slotted.is_unwritten = true;
        Ok(())
    }

    fn twins(&self, link: u8, item: u8, new: &[u8]) -> Vec<Twin> {
        let others = new.iter().filter(|other| **other != link);
        let twin = |other: &u8| {
            let twin = &self.links[usize::from(*other)];
            (twin.capabilities, twin.items[usize::from(item)].now.clone())
        };
        others.map(twin).collect()
    }

    pub(crate) fn commit(
        &mut self,
        device: u8,
        item: u8,
        at: Version,
        operation: OperationId,
        writes: Vec<Write>,
    ) -> Version {
        let actor = self.devices[usize::from(device)].actor(device);
        let branch = self.records[usize::from(item)].commit(at, actor, operation, writes);
        self.known(device, item).version |= branch;
        self.note(&branch);
        branch
    }

    /// What is to be written; nothing if the app was shown all that is known.
    fn planned(&mut self, link: u8, item: u8) -> Option<Vec<FieldEdit>> {
        let device = self.links[usize::from(link)].device;
        let present = self.known(device, item).version;
        let slotted = self.slotted(link, item);
        let base = slotted.base.as_ref()?;
        if !slotted.is_listed() || (base.shown == present && !slotted.is_unwritten) {
            return None;
        }
        let record = self.records[usize::from(item)].record(present);
        if record.live.is_none() {
            return Some(Vec::new());
        }
        let owner = &self.links[usize::from(link)];
        let now = &owner.items[usize::from(item)].now;
        Some(project::item(&view(owner, link), &record, now, &|_| false))
    }

    /// Writes what was planned, as far as nobody edited it meanwhile; whether that was something.
    fn write(&mut self, link: u8, item: u8, edits: &[FieldEdit]) -> bool {
        let device = self.links[usize::from(link)].device;
        let known = *self.known(device, item);
        let slotted = self.slot(link, item);
        let Some(base) = &mut slotted.base else { return false };
        (slotted.is_behind, slotted.is_unwritten) = (false, false);
        for edit in edits {
            let is = slotted.now.fields.value(edit.field);
            if is != edit.old.as_ref() {
                (slotted.is_behind, slotted.is_unwritten) = (true, true);
                continue;
            }
            slotted.shown.field(edit.field, known.events);
            for held in [&mut slotted.now, &mut base.held, &mut slotted.agreed] {
                Rc::make_mut(held).fields.set(edit.field, edit.new.clone());
            }
        }
        if !slotted.is_behind {
            base.shown = known.version;
            slotted.shown.everything(known.events);
            (slotted.seen, slotted.once_shown) = (known.events, 0);
        }
        for edit in edits {
            self.note(&(link, item, edit.field.name, &edit.new));
        }
        !edits.is_empty()
    }
}
