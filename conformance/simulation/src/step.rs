//! What can happen, and who draws it.

use fastrand::Rng;
use segue_model::{Field, mail, music};
use segue_translator::{Capabilities, FieldSupport, Hold};

/// Items of most histories. Few, so that much happens to each.
const ITEMS: u8 = 3;

/// What the libraries of a history hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Ratings, counts and times of plays.
    Music,
    /// Flags and keywords.
    Mail,
}

static EXACT: Capabilities = Capabilities::of(
    "exact",
    &music::MUSIC,
    &[
        FieldSupport::exact(&music::LAST_PLAYED),
        FieldSupport::exact(&music::PLAY_COUNT),
        FieldSupport::exact(&music::RATING),
    ],
);

static HALVES: Capabilities = Capabilities::of(
    "halves",
    &music::MUSIC,
    &[
        FieldSupport::exact(&music::PLAY_COUNT),
        FieldSupport::exact(&music::RATING).held(Hold::Levels { count: 10, zero: true }),
    ],
);

static STARS: Capabilities = Capabilities::of(
    "stars",
    &music::MUSIC,
    &[
        FieldSupport::exact(&music::LAST_PLAYED),
        FieldSupport::exact(&music::PLAY_COUNT),
        FieldSupport::exact(&music::RATING).held(Hold::Levels { count: 5, zero: false }),
    ],
);

static MARKS: Capabilities = Capabilities::of(
    "marks",
    &mail::MAIL,
    &[FieldSupport::exact(&mail::FLAGS), FieldSupport::exact(&mail::KEYWORDS)],
);

static FLAGS: Capabilities = Capabilities::of(
    "flags",
    &mail::MAIL,
    &[FieldSupport::exact(&mail::FLAGS).held(Hold::Only(&["flagged", "seen"]))],
);

/// All apps.
pub(crate) static APPS: [&Capabilities; 5] = [&EXACT, &HALVES, &STARS, &MARKS, &FLAGS];

/// Ratings that people give: on whole stars, on half ones, between both, none.
const RATINGS: [Option<i64>; 6] = [None, Some(20), Some(55), Some(70), Some(80), Some(83)];

/// Marks that people set: one that every app holds, one that only some do, one of another field.
pub(crate) const MARK_NAMES: [(&Field, &str); 3] =
    [(&mail::FLAGS, "seen"), (&mail::FLAGS, "answered"), (&mail::KEYWORDS, "later")];

/// Which apps there are: one list for each device.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What they hold.
    pub kind: Kind,
    /// How many items each has.
    pub items: u8,
    /// Whether there is a playlist.
    pub has_list: bool,
    /// The libraries of each device.
    pub devices: Vec<Vec<&'static Capabilities>>,
}

/// What a person does to an item in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Gives it a rating, or takes it away.
    Rate(Option<i64>),
    /// Plays it to its end.
    Play,
    /// Sets a mark, by its place in `MARK_NAMES`, or takes it away.
    Mark(u8, bool),
}

/// What a person does to the list in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListAct {
    /// Puts an item in at a place.
    Put(u8, u8),
    /// Takes out what stands at a place.
    Take(u8),
    /// Moves what stands at a place to another.
    Move(u8, u8),
}

/// One step of a history. Links are counted over all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A person edits an item in the app of a link.
    Edit(u8, u8, Act),
    /// A person edits the list in the app of a link.
    List(u8, ListAct),
    /// A device looks at its libraries, lifts, and writes; and while it writes, a person edits.
    Pass(u8, Option<(u8, u8, Act)>),
    /// The second device gets all that the first knows.
    Tell(u8, u8),
    /// The second device gets what the first told once, and it was under way since.
    TellOld(u8, u8),
    /// The base of a link is lost.
    Forget(u8),
    /// A person removes an item from the app of a link.
    Remove(u8, u8),
    /// A person adds it again: without anything that was done with it.
    Add(u8, u8),
    /// The file of an item is not there for the app of a link, which lists it no longer.
    Lose(u8, u8),
    /// The file is there again; whether the app has forgotten what was done with it.
    Find(u8, u8, bool),
    /// The disk of a library is not there.
    Unmount(u8),
    /// It is there again.
    Mount(u8),
    /// A device says to somebody what it knows, which is long under way; and makes a backup of its state.
    Keep(u8),
    /// A device goes on from its backup.
    Restore(u8),
    /// A device looks, and is killed when it has written so many of its libraries.
    Crash(u8, u8),
}

impl Setup {
    /// How many links there are.
    pub fn links(&self) -> u8 {
        // At most six.
        self.devices.iter().map(Vec::len).sum::<usize>() as u8
    }

    /// The device of a link, and which of its links it is.
    pub(crate) fn place(&self, link: u8) -> (u8, u8) {
        let mut left = link;
        for (device, apps) in (0..).zip(&self.devices) {
            match left.checked_sub(apps.len() as u8) {
                Some(rest) => left = rest,
                None => return (device, left),
            }
        }
        (self.devices.len() as u8, left)
    }

    pub(crate) fn first_link(&self, device: u8) -> u8 {
        self.devices[..usize::from(device)].iter().map(Vec::len).sum::<usize>() as u8
    }

    /// Whether everything that a step names is there.
    pub(crate) fn has(&self, step: Step) -> bool {
        let device = |device: u8| usize::from(device) < self.devices.len();
        let link = |link: u8| link < self.links();
        let item = |item: u8| item < self.items;
        match step {
            Step::Edit(l, i, _)
            | Step::Remove(l, i)
            | Step::Add(l, i)
            | Step::Lose(l, i)
            | Step::Find(l, i, _) => link(l) && item(i),
            Step::Pass(d, late) => device(d) && late.is_none_or(|(l, i, _)| link(l) && item(i)),
            Step::Tell(one, two) | Step::TellOld(one, two) => device(one) && device(two),
            Step::List(l, ListAct::Put(_, i)) => self.has_list && link(l) && item(i),
            Step::List(l, _) => self.has_list && link(l),
            Step::Forget(l) | Step::Unmount(l) | Step::Mount(l) => link(l),
            Step::Keep(d) | Step::Restore(d) | Step::Crash(d, _) => device(d),
        }
    }

    /// The acts of this kind of library.
    fn acts(&self) -> Vec<Act> {
        match self.kind {
            Kind::Music => {
                let ratings = RATINGS.iter().map(|rating| Act::Rate(*rating));
                ratings.chain([Act::Play]).collect()
            }
            Kind::Mail => (0..MARK_NAMES.len() as u8)
                .flat_map(|mark| [true, false].map(|set| Act::Mark(mark, set)))
                .collect(),
        }
    }
}

/// Two or three devices with one or two libraries each, and what happens to them.
pub fn drawn(seed: u64) -> (Setup, Vec<Step>) {
    let mut rng = Rng::with_seed(seed);
    let kind = if rng.bool() { Kind::Music } else { Kind::Mail };
    let apps: &[&'static Capabilities] = match kind {
        Kind::Music => &[&EXACT, &HALVES, &STARS],
        Kind::Mail => &[&MARKS, &FLAGS],
    };
    let devices = (0..rng.u8(2..=3))
        .map(|_| (0..rng.u8(1..=2)).map(|_| apps[rng.usize(..apps.len())]).collect())
        .collect();
    let setup = Setup { kind, items: ITEMS, has_list: kind == Kind::Music && rng.bool(), devices };
    let acts = setup.acts();
    // What happens rarely happens at least to some histories often.
    let odd = [0, 10, 20, 50][rng.usize(..4)];
    let steps = (0..rng.u8(4..=24)).map(|_| draw_step(&mut rng, &setup, &acts, odd)).collect();
    (setup, steps)
}

fn draw_step(rng: &mut Rng, setup: &Setup, acts: &[Act], odd: u8) -> Step {
    let devices = setup.devices.len() as u8;
    let edit = |rng: &mut Rng| {
        (rng.u8(..setup.links()), rng.u8(..setup.items), acts[rng.usize(..acts.len())])
    };
    if rng.u8(..100) < odd {
        return draw_odd_step(rng, setup);
    }
    match rng.u8(..100) {
        0..16 if setup.has_list => Step::List(rng.u8(..setup.links()), draw_list_act(rng)),
        0..46 => {
            let (link, item, act) = edit(rng);
            Step::Edit(link, item, act)
        }
        46..72 => {
            let late = (rng.u8(..4) == 0).then(|| edit(rng));
            Step::Pass(rng.u8(..devices), late)
        }
        _ => {
            let from = rng.u8(..devices);
            Step::Tell(from, (from + rng.u8(1..devices)) % devices)
        }
    }
}

fn draw_list_act(rng: &mut Rng) -> ListAct {
    let (one, two) = (rng.u8(..4), rng.u8(..ITEMS));
    match rng.u8(..3) {
        0 => ListAct::Put(one, two),
        1 => ListAct::Take(one),
        _ => ListAct::Move(one, two),
    }
}

fn draw_odd_step(rng: &mut Rng, setup: &Setup) -> Step {
    let devices = setup.devices.len() as u8;
    let (link, device) = (rng.u8(..setup.links()), rng.u8(..devices));
    // Often the same one, so that no app has it in the end.
    let item = if rng.bool() { 0 } else { rng.u8(..setup.items) };
    match rng.u8(..20) {
        0 => Step::Forget(link),
        1..8 => Step::Remove(link, item),
        8 => Step::Add(link, item),
        9..11 => Step::Lose(link, item),
        11..13 => Step::Find(link, item, rng.bool()),
        13 => Step::Unmount(link),
        14 => Step::Mount(link),
        15 => Step::Keep(device),
        16 => Step::Restore(device),
        17 => Step::TellOld(device, (device + rng.u8(1..devices)) % devices),
        _ => Step::Crash(device, rng.u8(..2)),
    }
}

/// Three devices with two libraries each, and every step that one of them can take.
pub fn every_step(kind: Kind) -> (Setup, Vec<Step>) {
    let apps: [&'static Capabilities; 2] = match kind {
        Kind::Music => [&EXACT, &STARS],
        Kind::Mail => [&MARKS, &FLAGS],
    };
    let setup = Setup { kind, items: ITEMS, has_list: false, devices: vec![apps.to_vec(); 3] };
    let acts: &[Act] = match kind {
        Kind::Music => &[Act::Rate(Some(70)), Act::Rate(None), Act::Play],
        Kind::Mail => &[Act::Mark(0, true), Act::Mark(0, false)],
    };
    let mut steps = Vec::new();
    for link in 0..setup.links() {
        for item in 0..ITEMS {
            steps.extend(acts.iter().map(|act| Step::Edit(link, item, *act)));
            steps.push(Step::Remove(link, item));
        }
        steps.push(Step::Forget(link));
    }
    for device in 0..3 {
        steps.push(Step::Pass(device, None));
        steps.extend((0..3).filter(|to| *to != device).map(|to| Step::Tell(device, to)));
    }
    (setup, steps)
}

impl Step {
    /// Its place in [`STEPS`](crate::counters::STEPS).
    pub(crate) const fn number(self) -> usize {
        match self {
            Self::Edit(..) => 0,
            Self::Pass(..) => 1,
            Self::Tell(..) => 2,
            Self::TellOld(..) => 3,
            Self::Forget(_) => 4,
            Self::Remove(..) => 5,
            Self::Add(..) => 6,
            Self::Lose(..) => 7,
            Self::Find(..) => 8,
            Self::Unmount(_) => 9,
            Self::Mount(_) => 10,
            Self::Keep(_) => 11,
            Self::Restore(_) => 12,
            Self::Crash(..) => 13,
            Self::List(..) => 14,
        }
    }
}
