//! Devices with their libraries, and the round around the planner: look, lift, compare, write.
//!
//! It is the agent's round without its caution (guards, journals, evidence): whose item is whose is known,
//! and no item comes or goes. What an app had been shown is kept for each item.

use std::collections::{BTreeMap, BTreeSet};

use segue_document::Write;
use segue_model::{FieldEdit, Item, ItemId, LinkId, OperationId, Value, music};
use segue_reconcile::{LinkView, Writing, lift, project};
use segue_translator::Capabilities;

use crate::event::{Events, Seen, Shown, Slot};
use crate::merge::{History, Version};
use crate::notice;
use crate::oracle::{self, Violation};
use crate::step::{Act, ITEMS, Setup, Step};

/// Rounds after which everything must be at rest.
const ROUNDS_MAX: usize = 8;

/// What the link knew of an item when it last looked.
#[derive(Debug, Clone)]
struct Base {
    held: Item,
    /// The state of the document that the app had been shown.
    shown: Version,
}

/// One item in one library, and what is true of it whatever Segue remembers.
#[derive(Debug, Clone)]
pub(crate) struct Slotted {
    /// As the app holds it.
    pub(crate) now: Item,
    base: Option<Base>,
    /// What stood there when Segue last looked or wrote.
    pub(crate) agreed: Item,
    /// Which events the app had been shown, by what they are about.
    pub(crate) shown: Shown,
    /// Whether something of the document was not written there yet.
    pub(crate) is_behind: bool,
    /// Whether a person edited it since.
    is_edited: bool,
    /// Plays that no look has noticed yet.
    pub(crate) plays: i64,
    /// What it had when it was linked, and which events say what it had.
    pub(crate) first: Option<(Option<i64>, Seen)>,
}

/// One library.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) capabilities: &'static Capabilities,
    pub(crate) device: u8,
    pub(crate) items: Vec<Slotted>,
}

/// What a device knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Device {
    pub(crate) version: Version,
    pub(crate) events: Seen,
    /// Plays that it knows of, by item and link.
    pub(crate) plays: [[i64; 6]; ITEMS as usize],
}

/// What must come out of plays: the largest count at a first sight, and everything played since.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plays {
    pub(crate) baseline: i64,
    pub(crate) since: i64,
    pub(crate) latest: Option<i64>,
}

/// A world in the middle of a history.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) history: History,
    pub(crate) devices: Vec<Device>,
    pub(crate) links: Vec<Link>,
    pub(crate) events: Events,
    pub(crate) plays: [Plays; ITEMS as usize],
    /// Ratings that stood in a library whose base was lost: they may be kept as conflicts.
    pub(crate) allowed: [BTreeSet<i64>; ITEMS as usize],
    /// Marks that were edited again before what others say was written: one that was taken away may be back.
    pub(crate) loose: BTreeSet<(u8, Slot)>,
    clock: i64,
    operations: u8,
}

/// How a history ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Puts in the document.
    pub operations: usize,
    /// Items of which a conflict is left.
    pub conflicts: usize,
    /// Rounds until everything was at rest.
    pub rounds: usize,
}

/// The same item in another library that is linked at the same time.
pub(crate) type Twin = (&'static Capabilities, Item);

/// Whether something changed.
type Changed = Result<bool, Violation>;

impl World {
    /// Libraries that nobody looked at yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut links = Vec::new();
        for (capabilities, device) in setup.devices.iter().zip(0..) {
            links.extend(capabilities.iter().map(|capabilities| Link {
                capabilities,
                device,
                items: (0..ITEMS).map(|item| Slotted::new(Item::at(&format!("/{item}")))).collect(),
            }));
        }
        Self {
            history: History::default(),
            devices: vec![Device::default(); setup.devices.len()],
            links,
            events: Events::default(),
            plays: Default::default(),
            allowed: Default::default(),
            loose: BTreeSet::new(),
            clock: 0,
            operations: 0,
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// What must not be.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Violation> {
        if self.history.is_full() || self.events.is_full() {
            return Ok(());
        }
        self.clock += 1;
        match step {
            Step::Edit(link, item, act) => self.edit(link, item, act),
            Step::Pass(device, late) => _ = self.pass(device, late)?,
            Step::Tell(from, to) => _ = self.tell(from, to),
            Step::Forget(link) => {
                for slotted in &mut self.links[usize::from(link)].items {
                    slotted.base = None;
                }
            }
        }
        Ok(())
    }

    fn edit(&mut self, link: u8, item: u8, act: Act) {
        let clock = self.clock;
        let link = &mut self.links[usize::from(link)];
        let slotted = &mut link.items[usize::from(item)];
        let fields = &mut slotted.now.fields;
        match act {
            Act::Rate(rating) => {
                let support = link.capabilities.field(&music::RATING);
                let held = support.and_then(|support| support.hold(&Value::Int(rating?)));
                fields.set(&music::RATING, held);
            }
            Act::Play => {
                let count = fields.value(&music::PLAY_COUNT).and_then(Value::as_int).unwrap_or(0);
                fields.set(&music::PLAY_COUNT, Value::Int(count + 1));
                slotted.plays += 1;
                if link.capabilities.field(&music::LAST_PLAYED).is_some() {
                    fields.set(&music::LAST_PLAYED, Value::Int(clock));
                    let latest = &mut self.plays[usize::from(item)].latest;
                    *latest = (*latest).max(Some(clock));
                }
            }
            Act::Mark(field, name, set) => {
                let Some(support) = link.capabilities.field(field) else { return };
                let old = fields.value(field).and_then(Value::as_list).unwrap_or_default();
                let mut marks: Vec<&str> = old.iter().map(|mark| &**mark).collect();
                marks.retain(|mark| *mark != name);
                if set && support.hold(&Value::list([name])).is_some() {
                    marks.push(name);
                }
                marks.sort_unstable();
                let marks = (!marks.is_empty()).then(|| Value::list(marks));
                fields.set(support.field, marks);
            }
        }
        slotted.is_edited = true;
    }

    /// The second device learns all that the first knows; whether that was something.
    fn tell(&mut self, from: u8, to: u8) -> bool {
        let known = self.devices[usize::from(from)];
        let device = &mut self.devices[usize::from(to)];
        let before = device.version;
        device.version |= known.version;
        device.events |= known.events;
        for (mine, theirs) in device.plays.iter_mut().flatten().zip(known.plays.iter().flatten()) {
            *mine = (*mine).max(*theirs);
        }
        device.version != before
    }

    /// A device lifts what its libraries changed, then writes what the document says.
    fn pass(&mut self, device: u8, late: Option<(u8, u8, Act)>) -> Changed {
        let links: Vec<u8> =
            (0..).zip(&self.links).filter(|(_, l)| l.device == device).map(|(n, _)| n).collect();
        let before = self.history.len();
        self.operations += 1;
        for item in 0..ITEMS {
            let new: Vec<u8> =
                links.iter().copied().filter(|l| self.slotted(*l, item).base.is_none()).collect();
            for link in &links {
                self.lift(*link, item, &new)?;
            }
        }
        let mut changed = self.history.len() != before;
        for link in links {
            let late = late.filter(|(in_link, ..)| *in_link == link);
            let planned: Vec<_> = (0..ITEMS).map(|item| self.planned(link, item)).collect();
            if let Some((link, item, act)) = late {
                self.edit(link, item, act);
            }
            for (item, edits) in (0..).zip(planned) {
                changed |= self.write(link, item, &edits);
            }
        }
        Ok(changed)
    }

    pub(crate) fn slotted(&self, link: u8, item: u8) -> &Slotted {
        &self.links[usize::from(link)].items[usize::from(item)]
    }

    fn lift(&mut self, link: u8, item: u8, new: &[u8]) -> Result<(), Violation> {
        let owner = &self.links[usize::from(link)];
        let device = owner.device;
        let slotted = owner.items[usize::from(item)].clone();
        let view = view(owner, link);
        let present = self.devices[usize::from(device)];
        let twins: Vec<Twin> = new
            .iter()
            .filter(|other| **other != link)
            .map(|other| {
                let twin = &self.links[usize::from(*other)];
                (twin.capabilities, twin.items[usize::from(item)].now.clone())
            })
            .collect();
        let shown: Vec<_> = twins.iter().map(|(held, item)| (*held, item)).collect();
        let operation = OperationId([self.operations; 8]);
        let at = slotted.base.as_ref().map_or(present.version, |base| base.shown);
        let record = self.history.record(at, &id(item).0);
        let lift::Lifted { writes, unseen } = match &slotted.base {
            None => lift::item(&view, &record, lift::Seen::New(&slotted.now), &shown, operation),
            Some(base) if base.held == slotted.now => lift::Lifted::default(),
            Some(base) => {
                let seen = lift::Seen::Changed { base: &base.held, now: &slotted.now };
                lift::item(&view, &record, seen, &[], operation)
            }
        };
        if slotted.base.is_some() && !slotted.is_edited && !writes.is_empty() {
            return Err(Violation::edit_of_nobody(link, item, &writes));
        }
        notice::take_down(self, (link, item), &record, &twins);
        let branch = self.history.commit(at, device, operation, &id(item).0, writes);
        let aside = self.history.commit(0, device, operation, &id(item).0, unseen);
        let device = &mut self.devices[usize::from(device)];
        device.version |= branch | aside;
        let slotted = &mut self.links[usize::from(link)].items[usize::from(item)];
        slotted.base = Some(Base { held: slotted.now.clone(), shown: branch });
        slotted.agreed = slotted.now.clone();
        slotted.is_edited = false;
        slotted.plays = 0;
        Ok(())
    }

    fn planned(&self, link: u8, item: u8) -> Vec<FieldEdit> {
        let owner = &self.links[usize::from(link)];
        let present = &self.devices[usize::from(owner.device)];
        let record = self.history.record(present.version, &id(item).0);
        project::item(&view(owner, link), &record, &owner.items[usize::from(item)].now, &|_| false)
    }

    /// Writes what was planned, as far as nobody edited it meanwhile; whether that was something.
    fn write(&mut self, link: u8, item: u8, edits: &[FieldEdit]) -> bool {
        let owner = &mut self.links[usize::from(link)];
        let present = self.devices[usize::from(owner.device)];
        let slotted = &mut owner.items[usize::from(item)];
        let Some(base) = &mut slotted.base else { return false };
        slotted.is_behind = false;
        for edit in edits {
            let is = slotted.now.fields.value(edit.field);
            if is != edit.old.as_ref() {
                slotted.is_behind = true;
                continue;
            }
            slotted.shown.field(edit.field, present.events);
            slotted.now.fields.set(edit.field, edit.new.clone());
            base.held.fields.set(edit.field, edit.new.clone());
            slotted.agreed.fields.set(edit.field, edit.new.clone());
        }
        if !slotted.is_behind {
            base.shown = present.version;
            slotted.shown.everything(present.events);
        }
        !edits.is_empty()
    }

    /// Lets every device look and tell until nothing changes any more, and then judges.
    pub(crate) fn settle(&mut self) -> Result<Outcome, Violation> {
        let devices = self.devices.len() as u8;
        for round in 0..ROUNDS_MAX {
            let mut changed = false;
            for device in 0..devices {
                changed |= self.pass(device, None)?;
                for to in (0..devices).filter(|to| *to != device) {
                    changed |= self.tell(device, to);
                }
            }
            if !changed {
                let conflicts = oracle::judge(self)?;
                return Ok(Outcome { operations: self.history.len(), conflicts, rounds: round });
            }
        }
        Err(Violation::no_rest())
    }
}

impl Slotted {
    /// Whether the link looks at it for the first time, or its base was lost.
    pub(crate) fn is_new(&self) -> bool {
        self.base.is_none()
    }

    fn new(item: Item) -> Self {
        Self {
            now: item.clone(),
            base: None,
            agreed: item,
            shown: Shown::default(),
            is_behind: true,
            is_edited: false,
            plays: 0,
            first: None,
        }
    }
}

pub(crate) const fn id(item: u8) -> ItemId {
    ItemId([item + 1; 16])
}

pub(crate) fn view(link: &Link, number: u8) -> LinkView<'static> {
    LinkView {
        link: LinkId([number + 1; 8]),
        capabilities: link.capabilities,
        root: None,
        writing: Writing::Use,
        in_doubt: false,
    }
}

/// A whole history: its steps, and then rest.
///
/// # Errors
/// What must not be.
pub fn run(setup: &Setup, steps: &[Step]) -> Result<Outcome, Violation> {
    let mut world = World::new(setup);
    for step in steps {
        world.step(*step)?;
    }
    world.settle()
}

/// The writes by what they are about, for a person.
pub(crate) fn told(writes: &[Write]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for write in writes {
        *counts.entry(format!("{write:?}")).or_default() += 1;
    }
    counts.into_keys().collect::<Vec<_>>().join(", ")
}
