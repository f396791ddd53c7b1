//! Devices with their libraries, and what happens to them between two looks. What a look does is in `pass`.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use segue_model::{Item, ItemId, LinkId, Value, music};
use segue_reconcile::{LinkView, Writing};
use segue_translator::Capabilities;

use crate::counters::Counters;
use crate::device::{Device, Kept, Known};
use crate::event::{Events, Seen, Shown, Slot};
use crate::list::{Entries, LIST, Listed};
use crate::merge::{History, Version};
use crate::oracle::{self, Violation};
use crate::step::{Act, MARK_NAMES, Setup, Step};

/// Rounds after which everything must be at rest.
const ROUNDS_MAX: usize = 8;

/// What the link knew of an item when it last looked.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) held: Rc<Item>,
    /// The state of the document that the app had been shown.
    pub(crate) shown: Version,
    /// The app lists it no longer, and its file is not there.
    pub(crate) is_gone: bool,
}

/// One item in one library, and what is true of it whatever Segue remembers.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(crate) struct Slotted {
    /// As the app holds it, if it does.
    pub(crate) now: Rc<Item>,
    /// Nobody removed it from the app.
    pub(crate) is_kept: bool,
    /// Its file is not there, and the app lists it no longer.
    pub(crate) is_away: bool,
    pub(crate) base: Option<Base>,
    /// What stood there when Segue last looked or wrote.
    pub(crate) agreed: Rc<Item>,
    /// Which events the app had been shown, by what they are about.
    pub(crate) shown: Shown,
    /// Which it had been shown when everything was written there last, and its own since.
    pub(crate) seen: Seen,
    /// Whether something of the document was not written there yet.
    pub(crate) is_behind: bool,
    /// Whether it is to be compared with the document, even if the app was shown that.
    pub(crate) is_unwritten: bool,
    /// Whether a person edited it since.
    pub(crate) is_edited: bool,
    /// Whether a guard holds something of it.
    pub(crate) is_held: bool,
    /// Plays that no look has noticed yet.
    pub(crate) plays: i64,
    /// Ratings that the app had been shown before its base was lost, or beside which it was linked with its own.
    pub(crate) once_shown: Seen,
    /// What it had when it was linked, and which events say what it had.
    pub(crate) first: Option<(Option<i64>, Seen)>,
}

/// One library.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) capabilities: &'static Capabilities,
    pub(crate) device: u8,
    pub(crate) items: Vec<Slotted>,
    pub(crate) list: Listed,
}

/// What must come out of plays: the largest count at a first sight, and everything played since.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plays {
    pub(crate) baseline: i64,
    pub(crate) since: i64,
    /// As many may be counted twice: a device that was restored takes for its own what it had been shown since.
    pub(crate) twice: i64,
}

/// What is true of an item.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) events: Events,
    pub(crate) plays: Plays,
    /// Ratings that stood in a library whose base was lost: they may be kept as conflicts.
    pub(crate) allowed: BTreeSet<i64>,
    /// Ratings that may be superseded, by an edit in an app that had been shown them before its base was lost.
    pub(crate) doubtful: Seen,
    /// Marks that were edited again before what others say was written: one that was taken away may be back.
    pub(crate) loose: BTreeSet<Slot>,
}

/// A world in the middle of a history.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// How many items there are.
    pub(crate) count: u8,
    /// By item; that of the list comes last, if there is one.
    pub(crate) records: Vec<History>,
    pub(crate) truth: Vec<Truth>,
    pub(crate) devices: Vec<Device>,
    pub(crate) links: Vec<Link>,
    /// Of the list, by item.
    pub(crate) entries: Vec<Entries>,
    pub(crate) last_entry: u8,
    /// A device was restored: what others put into its lists since then looks like its user's doing.
    pub(crate) is_restored: bool,
    pub(crate) counters: Counters,
    pub(crate) trace: u64,
    pub(crate) clock: i64,
    pub(crate) operations: u8,
}

/// How a history ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// What happened in it.
    pub counters: Counters,
    /// A hash of everything that was written in every step.
    pub trace: u64,
}

/// Whether something changed.
pub(crate) type Changed = Result<bool, Violation>;

impl World {
    /// Libraries that nobody looked at yet.
    pub(crate) fn new(setup: &Setup) -> Self {
        let items = usize::from(setup.items);
        let mut links = Vec::new();
        for (capabilities, device) in setup.devices.iter().zip(0..) {
            links.extend(capabilities.iter().map(|capabilities| Link {
                capabilities,
                device,
                items: (0..setup.items).map(|item| Slotted::new(bare(item))).collect(),
                list: Listed::default(),
            }));
        }
        if let Some(first) = links.first_mut().filter(|_| setup.has_list) {
            first.list.now = Some((0..setup.items).collect());
        }
        let list = setup.has_list.then_some(LIST);
        let records = (0..setup.items).map(|item| id(item).0).chain(list).map(History::new);
        let records: Vec<History> = records.collect();
        Self {
            count: setup.items,
            devices: vec![Device::new(records.len()); setup.devices.len()],
            records,
            truth: vec![Truth::default(); items],
            entries: vec![Entries::default(); items],
            last_entry: 0,
            is_restored: false,
            links,
            counters: Counters::default(),
            trace: 0,
            clock: 0,
            operations: 0,
        }
    }

    pub(crate) const fn items(&self) -> std::ops::Range<u8> {
        0..self.count
    }

    /// Takes one step.
    ///
    /// # Errors
    /// What must not be.
    pub(crate) fn step(&mut self, step: Step) -> Result<(), Violation> {
        let is_full = self.records.iter().any(History::is_full)
            || self.truth.iter().any(|truth| truth.events.is_full());
        if is_full {
            return Ok(());
        }
        self.clock += 1;
        self.counters.step(step);
        match step {
            Step::Edit(link, item, act) => self.edit(link, item, act),
            Step::Pass(device, late) => _ = self.pass(device, late, usize::MAX)?,
            Step::Crash(device, writes) => _ = self.pass(device, None, writes.into())?,
            Step::Tell(from, to) => _ = self.tell(from, to),
            Step::TellOld(from, to) => {
                if let Some(kept) = self.devices[usize::from(from)].kept.clone() {
                    self.devices[usize::from(to)].learn(&kept.known);
                }
            }
            Step::Forget(link) => {
                for slotted in &mut self.links[usize::from(link)].items {
                    slotted.base = None;
                }
            }
            Step::Remove(link, item) => self.slot(link, item).remove(item),
            Step::Add(link, item) => self.slot(link, item).add(),
            Step::Lose(link, item) => self.slot(link, item).is_away = true,
            Step::Find(link, item, is_bare) => self.slot(link, item).find(item, is_bare),
            Step::Unmount(link) => {
                self.links[usize::from(link)].items.iter_mut().for_each(|slot| slot.is_away = true);
            }
            Step::Mount(link) => {
                self.links[usize::from(link)]
                    .items
                    .iter_mut()
                    .for_each(|slot| slot.is_away = false);
            }
            Step::List(link, act) => self.edit_list(link, act),
            Step::Keep(device) => self.keep(device),
            Step::Restore(device) => self.restore(device),
        }
        self.note(&(self.clock, step));
        Ok(())
    }

    /// Adds to the trace.
    pub(crate) fn note(&mut self, what: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        (self.trace, what).hash(&mut hasher);
        self.trace = hasher.finish();
    }

    pub(crate) fn slot(&mut self, link: u8, item: u8) -> &mut Slotted {
        &mut self.links[usize::from(link)].items[usize::from(item)]
    }

    pub(crate) fn slotted(&self, link: u8, item: u8) -> &Slotted {
        &self.links[usize::from(link)].items[usize::from(item)]
    }

    pub(crate) fn known(&mut self, device: u8, item: u8) -> &mut Known {
        &mut self.devices[usize::from(device)].known[usize::from(item)]
    }

    pub(crate) fn edit(&mut self, link: u8, item: u8, act: Act) {
        let clock = self.clock;
        let link = &mut self.links[usize::from(link)];
        let slotted = &mut link.items[usize::from(item)];
        if !slotted.is_listed() {
            return;
        }
        let fields = &mut Rc::make_mut(&mut slotted.now).fields;
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
                }
            }
            Act::Mark(mark, set) => {
                let (field, name) = MARK_NAMES[usize::from(mark)];
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
    pub(crate) fn tell(&mut self, from: u8, to: u8) -> bool {
        let [from, to] = [from, to].map(usize::from);
        let Ok([from, to]) = self.devices.get_disjoint_mut([from, to]) else { return false };
        to.learn(&from.known)
    }

    /// A device puts its state by, once it has looked at all that it has.
    fn keep(&mut self, device: u8) {
        let own = (0..).zip(&self.links).filter(|(_, link)| link.device == device);
        let links: Vec<_> =
            own.map(|(number, link)| (number, link.items.clone(), link.list.clone())).collect();
        let first = |slotted: &Slotted| slotted.first.is_none() && slotted.base.is_none();
        if !links.iter().any(|(_, items, _)| items.iter().any(first)) {
            let device = &mut self.devices[usize::from(device)];
            device.kept = Some(Box::new(Kept { known: device.known.clone(), links }));
        }
    }

    /// A device is as it was when it put its state by; its libraries are as they are.
    fn restore(&mut self, device: u8) {
        let Some(kept) = self.devices[usize::from(device)].kept.clone() else { return };
        self.is_restored = true;
        for (link, items, list) in kept.links {
            let owner = &mut self.links[usize::from(link)].list;
            (owner.base, owner.is_edited) = (list.base, true);
            for (item, then) in (0_u8..).zip(items) {
                let untold = self.untold(device, link, item, kept.known[usize::from(item)]);
                let truth = &mut self.truth[usize::from(item)];
                let now = &mut self.links[usize::from(link)].items[usize::from(item)];
                let [counted, before] = [&now.now, &then.agreed].map(|item| count(item));
                truth.plays.twice += (counted - before).max(0);
                truth.plays.since -= untold;
                now.restore(then, untold);
            }
        }
        let device = &mut self.devices[usize::from(device)];
        device.known = kept.known;
        device.restored += 1;
    }

    /// Plays in a library that only this device has heard of, and did not know then.
    fn untold(&self, device: u8, link: u8, item: u8, then: Known) -> i64 {
        let plays = |device: &Device| device.known[usize::from(item)].plays[usize::from(link)];
        let others = (0..).zip(&self.devices).filter(|(number, _)| *number != device);
        let told = others.map(|(_, other)| plays(other)).max().unwrap_or(0);
        plays(&self.devices[usize::from(device)]) - told.max(then.plays[usize::from(link)])
    }

    /// Lets every device look and tell until nothing changes any more, and then judges.
    pub(crate) fn settle(mut self) -> Result<Outcome, Violation> {
        let devices = self.devices.len() as u8;
        for round in 0..ROUNDS_MAX {
            let mut changed = false;
            for device in 0..devices {
                changed |= self.pass(device, None, usize::MAX)?;
                for to in (0..devices).filter(|to| *to != device) {
                    changed |= self.tell(device, to);
                }
            }
            if !changed {
                oracle::judge(&mut self)?;
                let counters = self.counters.ended(round as u64, &self.records);
                return Ok(Outcome { counters, trace: self.trace });
            }
        }
        Err(Violation::no_rest())
    }
}

impl Slotted {
    fn new(item: Item) -> Self {
        let item = Rc::new(item);
        Self {
            now: item.clone(),
            is_kept: true,
            is_away: false,
            base: None,
            agreed: item,
            shown: Shown::default(),
            seen: 0,
            is_behind: true,
            is_unwritten: true,
            is_edited: false,
            is_held: false,
            plays: 0,
            once_shown: 0,
            first: None,
        }
    }

    /// Whether the link looks at it for the first time, or its base was lost.
    pub(crate) const fn is_new(&self) -> bool {
        self.base.is_none()
    }

    /// Whether the app lists it.
    pub(crate) const fn is_listed(&self) -> bool {
        self.is_kept && !self.is_away
    }

    fn remove(&mut self, item: u8) {
        if self.is_listed() {
            (self.is_kept, self.plays) = (false, 0);
            self.now = Rc::new(bare(item));
        }
    }

    fn add(&mut self) {
        // Who adds it before anybody looked took away what stood there.
        self.is_edited |= !self.is_kept;
        self.is_kept = true;
    }

    fn find(&mut self, item: u8, is_bare: bool) {
        if self.is_away && is_bare && self.is_kept {
            // If nobody saw that it was gone, this is what its user did.
            (self.is_edited, self.plays) = (true, 0);
            self.now = Rc::new(bare(item));
        }
        self.is_away = false;
    }

    /// Everything that is remembered is as it was then. What the app holds beyond that looks like its user's doing.
    fn restore(&mut self, then: Self, untold: i64) {
        let (is_kept, is_away) = (self.is_kept, self.is_away);
        let (now, plays) = (self.now.clone(), self.plays + if is_kept { untold } else { 0 });
        *self = Self { now, is_kept, is_away, plays, is_edited: true, ..then };
    }
}

/// An item that nobody did anything with.
fn bare(item: u8) -> Item {
    Item::at(&format!("/{item}"))
}

fn count(item: &Item) -> i64 {
    item.fields.value(&music::PLAY_COUNT).and_then(Value::as_int).unwrap_or(0)
}

pub(crate) const fn id(item: u8) -> ItemId {
    ItemId([item + 1; 16])
}

pub(crate) const fn view(link: &Link, number: u8) -> LinkView<'static> {
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
