//! What can happen, and who draws it.

use fastrand::Rng;
use segue_model::{Field, mail, music};
use segue_translator::{Capabilities, FieldSupport, Hold};

/// Items of each history. Few, so that much happens to each.
pub(crate) const ITEMS: u8 = 3;

/// What the libraries of a history hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The libraries of each device.
    pub devices: Vec<Vec<&'static Capabilities>>,
}

/// What a person does to an item in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Gives it a rating, or takes it away.
    Rate(Option<i64>),
    /// Plays it to its end.
    Play,
    /// Sets a mark or takes it away.
    Mark(&'static Field, &'static str, bool),
}

/// One step of a history. Links are counted over all devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A person edits an item in the app of a link.
    Edit(u8, u8, Act),
    /// A device looks at its libraries, lifts, and writes; and while it writes, a person edits.
    Pass(u8, Option<(u8, u8, Act)>),
    /// The second device gets all that the first knows.
    Tell(u8, u8),
    /// The base of a link is lost.
    Forget(u8),
}

impl Setup {
    /// How many links there are.
    pub fn links(&self) -> u8 {
        // At most six.
        self.devices.iter().map(Vec::len).sum::<usize>() as u8
    }

    /// The acts of this kind of library.
    fn acts(&self) -> Vec<Act> {
        match self.kind {
            Kind::Music => {
                let ratings = RATINGS.iter().map(|rating| Act::Rate(*rating));
                ratings.chain([Act::Play]).collect()
            }
            Kind::Mail => MARK_NAMES
                .iter()
                .flat_map(|(field, name)| [true, false].map(|set| Act::Mark(field, name, set)))
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
    let setup = Setup { kind, devices };
    let acts = setup.acts();
    let steps = (0..rng.u8(4..=24)).map(|_| draw_step(&mut rng, &setup, &acts)).collect();
    (setup, steps)
}

fn draw_step(rng: &mut Rng, setup: &Setup, acts: &[Act]) -> Step {
    let devices = setup.devices.len() as u8;
    let edit =
        |rng: &mut Rng| (rng.u8(..setup.links()), rng.u8(..ITEMS), acts[rng.usize(..acts.len())]);
    match rng.u8(..100) {
        0..45 => {
            let (link, item, act) = edit(rng);
            Step::Edit(link, item, act)
        }
        45..70 => {
            let late = (rng.u8(..4) == 0).then(|| edit(rng));
            Step::Pass(rng.u8(..devices), late)
        }
        70..97 => {
            let from = rng.u8(..devices);
            Step::Tell(from, (from + rng.u8(1..devices)) % devices)
        }
        _ => Step::Forget(rng.u8(..setup.links())),
    }
}

/// Three devices with two libraries each, and every step that one of them can take.
pub fn every_step(kind: Kind) -> (Setup, Vec<Step>) {
    let apps: [&'static Capabilities; 2] = match kind {
        Kind::Music => [&EXACT, &STARS],
        Kind::Mail => [&MARKS, &FLAGS],
    };
    let setup = Setup { kind, devices: vec![apps.to_vec(); 3] };
    let acts: &[Act] = match kind {
        Kind::Music => &[Act::Rate(Some(70)), Act::Rate(None), Act::Play],
        Kind::Mail => {
            &[Act::Mark(&mail::FLAGS, "seen", true), Act::Mark(&mail::FLAGS, "seen", false)]
        }
    };
    let mut steps = Vec::new();
    for link in 0..setup.links() {
        for item in 0..ITEMS {
            steps.extend(acts.iter().map(|act| Step::Edit(link, item, *act)));
        }
    }
    for device in 0..3 {
        steps.push(Step::Pass(device, None));
        steps.extend((0..3).filter(|to| *to != device).map(|to| Step::Tell(device, to)));
    }
    (setup, steps)
}
