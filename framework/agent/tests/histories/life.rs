//! Random histories: people edit in every app, files move, apps run, passes are killed, links end
//! and begin again, operations are taken back.

use std::path::Path;

use segue_agent::command::{LibraryState, PassReport, Request};
use segue_memory::Kind;
use segue_translator::model::{Availability, Location, NativeId, Value, music};

use crate::app::App;
use crate::bench::{Bench, song_mut, song_ref, spec, sync};
use crate::model::Model;
use crate::oracle;
use crate::wrapped::Act;

mod mishap;
mod run;

const KINDS: [Kind; 5] = [Kind::Exact, Kind::Stars, Kind::NoRepeat, Kind::Lossy, Kind::Coarse];

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Apps of the memory kinds.
    Memory,
    /// At least one app whose library is in its real format; people also rename lists and settle
    /// conflicts.
    Real,
    /// Either, on computers to which things happen.
    Mishaps,
}

impl Cast {
    fn apps(self, rng: &mut fastrand::Rng) -> Vec<App> {
        let mut apps: Vec<App> = KINDS.into_iter().map(App::from).collect();
        rng.shuffle(&mut apps);
        if self == Self::Real || self == Self::Mishaps && rng.u8(..4) == 0 {
            let mut real = [App::Rhythmbox, App::Strawberry];
            rng.shuffle(&mut real);
            // Mostly both, else one and a memory kind.
            let count = 1 + usize::from(rng.u8(..3) > 0);
            apps.splice(..0, real.into_iter().take(count));
        }
        apps.truncate(2 + rng.usize(..2));
        apps
    }

    /// How many there are; so few only lose everything at once where an app makes its library anew.
    const fn songs(self) -> usize {
        if matches!(self, Self::Mishaps) { 14 } else { 9 }
    }
}

struct Life {
    cast: Cast,
    bench: Bench,
    rng: fastrand::Rng,
    linked: Vec<App>,
    model: Model,
    /// Whether operations are taken back, which makes counts and old edits uncertain.
    undoes: bool,
    /// What was seen to be wrong on the way.
    wrong: Vec<String>,
    trace: Vec<String>,
}

impl Life {
    fn new(seed: u64, cast: Cast, folder: &Path) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let kinds = cast.apps(&mut rng);
        let (mut bench, songs) = (Bench::at(folder, seed, &kinds), cast.songs());
        bench.add_songs(songs);
        for kind in &kinds {
            bench.edit(*kind, |catalog| {
                for item in &mut catalog.items {
                    if rng.bool() {
                        item.fields.set(&music::RATING, Value::Int(rng.i64(0..=100)));
                    }
                    if rng.bool() {
                        item.fields.set(&music::PLAY_COUNT, Value::Int(rng.i64(1..30)));
                    }
                }
            });
            for number in 0..rng.usize(..3) {
                let songs: Vec<usize> =
                    (0..rng.usize(1..6)).map(|_| 1 + rng.usize(..songs)).collect();
                bench.list(*kind, &format!("P{number}"), &songs);
            }
        }
        let mut model = Model::default();
        model.joins(&bench, &kinds);
        bench.link();
        model.after_pass(&bench, &kinds, true);
        let undoes = rng.u8(..4) == 0 && cast != Cast::Mishaps;
        let (wrong, trace) = (Vec::new(), Vec::new());
        Self { cast, bench, undoes, rng, linked: kinds, model, wrong, trace }
    }

    fn say(&mut self, what: String) {
        if std::env::var_os("SEGUE_SEED").is_some() {
            eprintln!("{what}");
        }
        self.trace.push(what);
    }

    fn kind(&mut self) -> App {
        self.bench.kinds[self.rng.usize(..self.bench.kinds.len())]
    }

    fn song(&mut self) -> usize {
        1 + self.rng.usize(..self.cast.songs())
    }

    /// The steps of a history. Each draws from a seed of its own, so that another may be left out.
    fn steps(seed: u64) -> usize {
        10 + fastrand::Rng::with_seed(!seed).usize(..30)
    }

    fn step(&mut self, seed: u64, index: usize) {
        self.rng = fastrand::Rng::with_seed(seed.wrapping_mul(64).wrapping_add(index as u64));
        let steps = match self.cast {
            Cast::Memory => 100,
            Cast::Real => 112,
            Cast::Mishaps => 140,
        };
        match self.rng.u8(..steps) {
            0..18 => self.rate(),
            18..34 => self.play(),
            34..37 => self.reset(),
            37..52 => self.edit_list(),
            52..56 => self.move_song(),
            56..59 => self.retag(),
            59..62 => self.remove_song(),
            62..65 => self.find_song(),
            65..70 => self.run_apps(),
            70..86 => self.pass(None),
            86..91 => self.killed(),
            91..95 => self.link_again(),
            100..106 => self.rename(),
            106..112 => self.settle(),
            112.. => self.mishap(),
            _ if self.undoes => self.take_back(),
            _ => self.pass(None),
        }
    }

    fn rate(&mut self) {
        let (kind, song) = (self.kind(), self.song());
        let rating = (self.rng.u8(..5) > 0).then(|| self.rng.i64(0..=100));
        self.say(format!("rate {kind:?} {song} {rating:?}"));
        self.bench.edit(kind, |catalog| {
            if let Some(item) = song_mut(catalog, song) {
                item.fields.set(&music::RATING, rating.map(Value::Int));
            }
        });
    }

    fn play(&mut self) {
        let (kind, song, times) = (self.kind(), self.song(), self.rng.i64(1..4));
        // A library that is not linked brings its total when it joins again, not its plays.
        if !self.linked.contains(&kind) || song_ref(&self.bench.catalog(kind), song).is_none() {
            return;
        }
        self.say(format!("play {kind:?} {song} {times}"));
        self.bench.play(kind, song, times);
        self.bench.edit(kind, |catalog| {
            let time = 1_700_000_000 + 1_000 * times;
            let item = song_mut(catalog, song).unwrap();
            item.fields.set(&music::LAST_PLAYED, Some(Value::Int(time)));
        });
    }

    fn reset(&mut self) {
        let (kind, song) = (self.kind(), self.song());
        if !self.model.clean || song_ref(&self.bench.catalog(kind), song).is_none() {
            return;
        }
        self.say(format!("reset {kind:?} {song}"));
        self.bench.set(kind, song, &music::PLAY_COUNT, None);
    }

    fn edit_list(&mut self) {
        let (kind, name) = (self.kind(), format!("P{}", self.rng.u8(..4)));
        let song = self.song();
        let old = self.bench.songs(kind, &name);
        let here = song_ref(&self.bench.catalog(kind), song).is_some();
        let what = self.rng.u8(..10);
        let index = self.rng.usize(..100);
        let mut songs = old.clone().unwrap_or_default();
        let at = |len: usize| index % len.max(1);
        match what {
            0..5 if here => songs.insert(at(songs.len() + 1), song),
            5..7 if !songs.is_empty() => _ = songs.remove(at(songs.len())),
            7..9 if songs.len() > 1 => {
                let song = songs.remove(at(songs.len()));
                songs.insert(self.rng.usize(..=songs.len()), song);
            }
            9 if old.is_some() => {
                self.say(format!("delete {kind:?} {name}"));
                self.bench.edit(kind, |catalog| {
                    catalog.collections.retain(|list| *list.name != *name);
                });
                return;
            }
            _ => return,
        }
        self.say(format!("list {kind:?} {name} {songs:?}"));
        self.bench.list(kind, &name, &songs);
    }

    /// A list gets another name, which no other list of the app has.
    fn rename(&mut self) {
        let (kind, index, number) = (self.kind(), self.rng.usize(..100), self.rng.u8(..3));
        let catalog = self.bench.catalog(kind);
        let lists: Vec<_> =
            catalog.collections.iter().filter(|list| list.kind.has_entries).collect();
        let Some(list) = lists.get(index % lists.len().max(1)) else { return };
        let stem = list.name.split(' ').next().unwrap_or_default();
        let name = format!("{stem} R{number}");
        if lists.iter().any(|other| *other.name == *name) {
            return;
        }
        self.say(format!("rename {kind:?} {} {name}", list.name));
        self.bench.edit(kind, |catalog| {
            let list = catalog.collections.iter_mut().find(|other| other.id == list.id);
            list.unwrap().name = name.into();
        });
    }

    /// A person settles an open conflict.
    fn settle(&mut self) {
        let index = self.rng.usize(..100);
        let rows = self.bench.conflicts();
        if self.linked.is_empty() || rows.is_empty() {
            return;
        }
        let row = &rows[index % rows.len()];
        let value = &row.values[index % row.values.len()].value;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let export = self.bench.export();
        let mut items = export["items"].as_array().unwrap().iter();
        let rated = items.find(|item| item["id"] == *row.item).and_then(oracle::song_number);
        let rated = rated.filter(|_| row.field == "rating");
        if let Some(song) = rated {
            self.model.settles(song);
        }
        if row.field == "name" {
            self.model.names(&text);
        }
        self.before_pass();
        if let Some(song) = rated {
            self.model.settled(song, value.as_i64());
        }
        let request = Request::Resolve {
            item: row.item.clone(),
            field: row.field.clone(),
            value: Some(text.clone()),
            keep: None,
        };
        let report = self.bench.pass(request);
        let clean = is_clean(&report);
        self.say(format!("resolve {} {text}, clean: {clean}", row.field));
        self.model.after_pass(&self.bench, &self.linked, clean);
    }

    /// A file gets another name, and one app follows: as most do by forgetting what it knew.
    fn move_song(&mut self) {
        let (kind, song) = (self.kind(), self.song());
        let forgets = self.rng.bool();
        let catalog = self.bench.catalog(kind);
        let Some(item) = song_ref(&catalog, song) else { return };
        let old = item.location.as_ref().unwrap().to_string();
        let new = format!("{}/moved {}/{song}.ogg", self.bench.music().display(), self.rng.u32(..));
        self.say(format!("move {kind:?} {song} forgets: {forgets}"));
        Bench::lay(&new);
        let _ = std::fs::remove_file(&old);
        self.model.unsure.insert(song);
        self.model.forgot.insert((kind, song));
        self.bench.edit(kind, |catalog| {
            let item = song_mut(catalog, song).unwrap();
            let id = std::mem::replace(&mut item.id, NativeId::from(new.as_str()));
            item.location = Some(Location::from(new.as_str()));
            if forgets {
                for field in [&music::RATING, &music::PLAY_COUNT, &music::LAST_PLAYED] {
                    item.fields.set(field, None);
                }
            }
            for list in &mut catalog.collections {
                if forgets {
                    list.entries.retain(|entry| *entry != id);
                } else {
                    let same = list.entries.iter_mut().filter(|entry| **entry == id);
                    same.for_each(|entry| *entry = NativeId::from(new.as_str()));
                }
            }
        });
    }

    fn retag(&mut self) {
        let (kind, song, number) = (self.kind(), self.song(), self.rng.u32(..));
        self.say(format!("retag {kind:?} {song}"));
        self.bench.edit(kind, |catalog| {
            if let Some(item) = song_mut(catalog, song) {
                item.fields.set(&music::TITLE, Value::text(format!("Retagged {number}")));
            }
        });
    }

    fn remove_song(&mut self) {
        let (kind, song) = (self.kind(), self.song());
        self.say(format!("remove {kind:?} {song}"));
        self.model.unsure.insert(song);
        self.model.forgot.insert((kind, song));
        let catalog = self.bench.catalog(kind);
        let place = song_ref(&catalog, song).and_then(|item| item.location.clone());
        if place.is_some_and(|place| !Path::new(&place.to_string()).exists()) {
            self.model.withheld.insert(song);
        }
        self.model.leaves(kind, song);
        self.model.counts_unsure |= !self.linked.contains(&kind);
        self.bench.edit(kind, |catalog| {
            let Some(id) = song_ref(catalog, song).map(|item| item.id.clone()) else { return };
            catalog.items.retain(|item| item.id != id);
            for list in &mut catalog.collections {
                list.entries.retain(|entry| *entry != id);
            }
        });
    }

    /// An app finds a file again that it does not list.
    fn find_song(&mut self) {
        let (kind, song) = (self.kind(), self.song());
        let mut places = self.bench.kinds.iter().filter_map(|other| {
            song_ref(&self.bench.catalog(*other), song)?.location.clone().map(|l| l.to_string())
        });
        let place = places.find(|place| Path::new(place).exists());
        let place = place.unwrap_or_else(|| self.bench.place(song));
        if song_ref(&self.bench.catalog(kind), song).is_some() {
            return;
        }
        self.say(format!("find {kind:?} {song}"));
        Bench::lay(&place);
        self.model.removed.remove(&song);
        let mut item = self.bench.song(song);
        item.id = NativeId::from(place.as_str());
        item.location = Some(Location::from(place.as_str()));
        item.availability = Availability::Present;
        self.bench.edit(kind, |catalog| catalog.items.push(item));
    }

    fn run_apps(&mut self) {
        let kinds: Vec<App> =
            self.bench.kinds.clone().into_iter().filter(|_| self.rng.u8(..3) == 0).collect();
        self.say(format!("running {kinds:?}"));
        self.bench.running(&kinds);
    }

    fn pass(&mut self, kill_at: Option<u64>) {
        self.before_pass();
        if let Some(at) = kill_at {
            self.bench.steps.set(Box::new(
                move |_, _, n| {
                    if n == at { Act::Kill } else { Act::Go }
                },
            ));
        }
        let yes = self.rng.u8(..4) == 0;
        let report = self.bench.try_run(sync(yes));
        self.bench.steps.clear();
        if report.is_none() {
            self.model.killed();
        }
        let clean = match report {
            Some(Ok(segue_agent::command::Response::Pass(report))) => is_clean(&report),
            Some(Err(_)) if self.linked.is_empty() => false,
            Some(other) => panic!("{other:?}"),
            None => false,
        };
        self.say(format!("sync kill at {kill_at:?}, yes: {yes}, clean: {clean}"));
        self.model.after_pass(&self.bench, &self.linked, clean);
    }

    fn before_pass(&mut self) {
        let linked = self.linked.clone();
        self.model.before_pass(&self.bench, &linked);
    }

    fn killed(&mut self) {
        let at = self.rng.u64(1..60);
        self.pass(Some(at));
    }

    fn link_again(&mut self) {
        self.bench.running(&[]);
        self.pass(None);
        let kind = self.kind();
        if self.linked.contains(&kind) && self.linked.len() > 1 {
            self.say(format!("unlink {kind:?}"));
            self.bench.run(Request::Unlink { library: spec(kind) });
            self.linked.retain(|other| *other != kind);
            self.model.lists_of(kind);
        } else {
            self.say(format!("link {:?}", self.bench.kinds));
            let fresh: Vec<App> =
                self.bench.kinds.iter().copied().filter(|k| !self.linked.contains(k)).collect();
            self.model.joins(&self.bench, &fresh);
            self.linked.clone_from(&self.bench.kinds);
            self.before_pass();
            self.bench.link();
            // What joins brings its lists again: a first contact deletes nothing.
            for kind in self.bench.kinds.clone() {
                self.model.lists_of(kind);
            }
        }
        self.model.after_pass(&self.bench, &self.linked, false);
    }

    fn take_back(&mut self) {
        self.model.forget();
        self.before_pass();
        // A link may end before its library is read, and what was deleted may come back.
        self.model.removed.clear();
        let request = match self.rng.u8(..3) {
            0 => Request::Redo,
            _ => Request::Undo { operation: None },
        };
        let answer = self.bench.try_run(request.clone()).unwrap();
        let what = match &answer {
            Ok(_) => "done".to_owned(),
            Err(failure) => failure.to_string(),
        };
        self.say(format!("{request:?}: {what}"));
        let linked = self.linked.clone();
        self.learn_links();
        self.model.taken_back(self.linked == linked);
        self.model.after_pass(&self.bench, &self.linked, false);
    }

    /// Taking back a link or its end changes who is linked.
    fn learn_links(&mut self) {
        let segue_agent::command::Response::Status(status) = self.bench.run(Request::Status) else {
            return;
        };
        let linked = |kind: &&App| status.links.iter().any(|link| link.library == kind.name());
        self.linked = self.bench.kinds.iter().filter(linked).copied().collect();
    }

    /// The end of the history: everything comes in step, and every oracle is asked.
    fn end(&mut self) -> Result<(), String> {
        if self.linked.is_empty() {
            return Ok(());
        }
        self.before_pass();
        let linked = self.linked.clone();
        oracle::quiesce(&mut self.bench, &linked, 3)?;
        let mut broken = std::mem::take(&mut self.wrong);
        broken.extend(self.model.broken(&mut self.bench, &linked));
        if broken.is_empty() { Ok(()) } else { Err(broken.join("\n    ")) }
    }
}

/// Whether every library was written, or had nothing to write.
fn is_clean(report: &PassReport) -> bool {
    let done = |state| matches!(state, LibraryState::Written | LibraryState::Unchanged);
    report.libraries.iter().all(|found| done(found.state))
}
