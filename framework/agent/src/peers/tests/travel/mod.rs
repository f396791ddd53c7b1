//! Limits on their way: a borrowed book and limited songs travel through two players and two devices in every
//! order, and nowhere last longer than their licences say.
//!
//! The carriers are real ones: a loan of Readium LCP, licences beside songs, a tag that says who bought a song.
//! So are the libraries: Rhythmbox's and Strawberry's files, a folder of EPUBs, a folder of audio. Between the
//! steps they are merged, moved in playlists, linked anew, restored from backups, renewed, and followed by older
//! licences and by what newer programs say.
//!
//! `SEGUE_TRAVELS` says how many histories are drawn, `SEGUE_TRAVEL_SEED` only one of them.

mod apps;
mod carriers;
mod journey;
mod oracle;

use fastrand::Rng;

use journey::{APPS, BOOK, BOUGHT, Event, Home, LENT};

fn permutations(events: &[Event]) -> Vec<Vec<Event>> {
    if events.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..events.len() {
        let mut rest = events.to_vec();
        let first = rest.remove(at);
        all.extend(permutations(&rest).into_iter().map(|rest| [vec![first], rest].concat()));
    }
    all
}

/// Runs some events in every order.
fn in_every_order(events: &[Event]) {
    let mut home = Home::made();
    for (seed, events) in (1..).zip(permutations(events)) {
        let mut journey = home.journey(seed);
        journey.goes(Event::Given(LENT, 10));
        journey.all_go(&events);
        journey.all_go(&[Event::Pass(0), Event::Talk, Event::Pass(1)]);
        home = journey.comes_back();
    }
}

#[test]
fn f41_a_limit_travels_in_every_order_and_ends_everywhere() {
    in_every_order(&[
        Event::Laid(0, LENT, 0),
        Event::Pass(0),
        Event::Talk,
        Event::Pass(1),
        Event::Days(11),
    ]);
}

#[test]
fn f41_a_store_from_before_a_song_was_hidden_shows_it_after_its_renewal() {
    let hidden = [Event::Laid(0, LENT, 0), Event::Days(11), Event::Pass(0)];
    let renewed = [Event::Given(LENT, 30), Event::Laid(0, LENT, 1)];
    let found = [vec![Event::Pass(0)], vec![Event::Talk, Event::Pass(0)]];
    let mut home = Home::made();
    for (seed, found) in (500..).zip(found) {
        let mut journey = home.journey(seed);
        journey.all_go(&[Event::Given(LENT, 10), Event::Saved(0)]);
        journey.all_go(&hidden);
        journey.all_go(&[Event::Talk, Event::Pass(1)]);
        journey.all_go(&renewed);
        journey.goes(Event::Restored(0));
        journey.all_go(&found);
        home = journey.comes_back();
    }
}

fn any(rng: &mut Rng) -> Event {
    let at = rng.usize(..2);
    let item = *rng.choice([LENT, BOUGHT, BOOK].iter()).unwrap();
    match rng.u8(..24) {
        0..=3 => Event::Laid(at, item, rng.usize(..4)),
        4 | 5 => Event::Given(item, rng.i64(1..20)),
        6..=9 => Event::Pass(at),
        10..=12 => Event::Talk,
        13 => Event::Joined(at),
        14 => Event::Moved(at),
        15 | 16 => Event::Relinked(at, APPS[rng.usize(..2)]),
        17 => Event::Saved(at),
        18 => Event::Restored(at),
        19 => Event::AllRestored(at),
        20 => Event::Days(rng.i64(1..12)),
        21 => Event::Undone(at),
        22 => Event::Newer(at),
        _ => Event::Told(at, rng.i64(1..20)),
    }
}

fn drawn(home: Home, seed: u64) -> Home {
    let mut rng = Rng::with_seed(seed);
    let mut journey = home.journey(seed + 1_000);
    for item in [LENT, BOUGHT] {
        journey.goes(Event::Given(item, rng.i64(1..20)));
    }
    for _ in 0..12 {
        journey.goes(any(&mut rng));
    }
    journey.ends();
    journey.comes_back()
}

#[test]
fn f41_whatever_happens_no_limit_is_lost() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("SEGUE_TRAVEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEGUE_TRAVELS").unwrap_or(60),
    };
    seeds.fold(Home::made(), drawn);
}
