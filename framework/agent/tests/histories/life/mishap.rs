//! What happens to computers: disks that are away, apps that forgot everything, bases that are gone, homes that
//! were moved or brought back from a backup, clocks that were set.

use std::collections::BTreeSet;
use std::fs;

use segue_agent::command::Response;
use segue_translator::Access;
use segue_translator::model::{Catalog, Value, music};

use super::{Life, is_clean};
use crate::app::App;
use crate::bench::{copy_all, number_of, sync};
use crate::oracle::song_number;

/// Fields that an app loses when it makes its library anew from the files.
const USE: [&segue_translator::model::Field; 3] =
    [&music::RATING, &music::PLAY_COUNT, &music::LAST_PLAYED];

/// How many songs a person must have used for a library without any to look rebuilt.
const REBUILT_MIN: usize = 10;

impl Life {
    pub(super) fn mishap(&mut self) {
        match self.rng.u8(..8) {
            0 => self.music_away(),
            1 => self.library_away(),
            2 | 3 => self.base_lost(),
            4 => self.rebuilt(),
            5 => self.home_moved(),
            6 => self.home_brought_back(),
            _ => self.clock_set(),
        }
    }

    /// All that people did is taken up; whether every app could be read and written.
    fn at_rest(&mut self) -> bool {
        self.bench.running(&[]);
        self.pass(None);
        self.pass(None);
        self.model.clean && !self.linked.is_empty()
    }

    /// The disk with the music is not there while a pass looks.
    fn music_away(&mut self) {
        if !self.at_rest() {
            return;
        }
        self.say("the music is away".into());
        let (music, away) = (self.bench.music(), self.bench.root().join("away"));
        fs::rename(&music, &away).unwrap();
        self.pass(None);
        fs::rename(away, music).unwrap();
    }

    /// A library is not there while a pass looks.
    fn library_away(&mut self) {
        let kind = self.kind();
        self.say(format!("the library of {kind:?} is away"));
        let (library, away) = (self.bench.path(kind), self.bench.root().join("away"));
        self.before_pass();
        fs::rename(&library, &away).unwrap();
        let answer = self.bench.try_run(sync(false));
        fs::rename(away, library).unwrap();
        if let Some(Ok(Response::Pass(report))) = &answer {
            let is_whole = is_clean(report) && self.linked.contains(&kind);
            self.check(!is_whole, || format!("O8: a pass without a library is whole: {report:?}"));
        }
        // Of what people did, this pass saw a part.
        self.model.killed();
        self.model.after_pass(&self.bench, &self.linked, false);
    }

    fn base_lost(&mut self) {
        let kind = self.kind();
        if !self.at_rest() || !self.linked.contains(&kind) {
            return;
        }
        self.say(format!("the base of {kind:?} is lost"));
        let lists_are_written = |kind: &App| {
            let support = kind.translator().capabilities().collection(&music::PLAYLIST);
            support.is_some_and(|support| support.access == Access::Write)
        };
        if self.bench.kinds.iter().all(lists_are_written) {
            self.unchanged_by("a lost base", |life| life.bench.lose_base(kind));
        } else {
            // Lists that differ from the document's are kept beside them.
            let (before, competing) = (self.shown(), self.competing());
            self.bench.lose_base(kind);
            self.pass(None);
            self.pass(None);
            self.nothing_lost_since(&before, &competing);
        }
        self.model.lists_of(kind);
    }

    /// An app made its library anew.
    fn rebuilt(&mut self) {
        let kind = self.kind();
        if !self.at_rest() || !self.linked.contains(&kind) {
            return;
        }
        let catalog = self.bench.catalog(kind);
        let is_used = |catalog: &Catalog, index: usize| {
            USE.iter().any(|field| catalog.items[index].fields.value(field).is_some())
        };
        let used = (0..catalog.items.len()).filter(|index| is_used(&catalog, *index)).count();
        if used < REBUILT_MIN {
            return;
        }
        self.say(format!("{kind:?} made its library anew"));
        let songs = catalog.items.iter().filter_map(number_of);
        self.model.forgot.extend(songs.map(|song| (kind, song)));
        self.bench.edit(kind, |catalog| {
            for item in &mut catalog.items {
                for field in USE {
                    item.fields.set(field, None);
                }
            }
        });
        self.pass(None);
        let after = self.bench.catalog(kind);
        let competing = self.competing();
        let all = catalog.items.iter().filter(|item| !competing.contains(&number_of(item)));
        for item in all {
            for field in USE {
                let (old, new) = (item.fields.value(field), after.item(&item.id));
                let new = new.and_then(|item| item.fields.value(field));
                let (name, song) = (field.name, number_of(item));
                self.check(old == new, || {
                    format!("F04: {name} of song {song:?} in {kind:?} was {old:?} and is {new:?}")
                });
            }
        }
    }

    /// A home that was copied to a new disk, with everything in it.
    fn home_moved(&mut self) {
        if !self.at_rest() {
            return;
        }
        self.say("the home is moved".into());
        self.unchanged_by("a moved home", |life| {
            let copy = life.bench.root().join("copy");
            life.bench.close();
            copy_all(&life.bench.home(), &copy);
            life.bench.replace_home(&copy);
        });
    }

    /// The home comes back from a backup that was made some time ago, and the apps do not.
    fn home_brought_back(&mut self) {
        if !self.at_rest() {
            return;
        }
        let backup = self.bench.root().join("backup");
        if backup.exists() {
            self.say("the home is brought back".into());
            let linked = self.linked.clone();
            let (before, competing) = (self.shown(), self.competing());
            self.bench.close();
            self.bench.replace_home(&backup);
            self.learn_links();
            // Its clock may have been ahead: asked about, and confirmed.
            self.confirmed();
            self.pass(None);
            // Who is linked again brings what people did meanwhile.
            if self.linked == linked {
                self.nothing_lost_since(&before, &competing);
            }
            self.model.back_in_time(self.linked == linked);
            self.model.counts_unsure |= self.linked != linked;
            self.model.after_pass(&self.bench, &self.linked, false);
        } else {
            self.say("the home is backed up".into());
            self.bench.close();
            copy_all(&self.bench.home(), &backup);
            self.bench.open("segue");
        }
    }

    /// Asked about, and confirmed.
    fn clock_set(&mut self) {
        let hours = [-24 * 900, -24 * 3, -1, 1, 24 * 3, 24 * 900][self.rng.usize(..6)];
        self.say(format!("the clock is set by {hours} hours"));
        self.bench.set_clock(hours * 3_600);
        self.confirmed();
    }

    fn confirmed(&mut self) {
        self.before_pass();
        let answer = self.bench.try_run(sync(true));
        let clean = matches!(&answer, Some(Ok(Response::Pass(report))) if is_clean(report));
        self.model.after_pass(&self.bench, &self.linked, clean);
    }

    /// What happens at rest, and the passes after it, change nothing in any app.
    fn unchanged_by(&mut self, what: &str, happens: impl FnOnce(&mut Self)) {
        let (before, competing) = (self.shown(), self.competing());
        happens(self);
        self.pass(None);
        self.pass(None);
        let after = self.shown();
        for ((kind, before), (_, after)) in before.iter().zip(&after) {
            let is_sure = |held: &&Held| held.is_sure(&competing);
            let (gone, new) = (before.difference(after), after.difference(before));
            let gone = gone.filter(is_sure).map(|line| format!("\n        - {line:?}"));
            let new = new.filter(is_sure).map(|line| format!("\n        + {line:?}"));
            let differ: String = gone.chain(new).collect();
            self.check(differ.is_empty(), || format!("O2: {what} changed {kind:?}: {differ}"));
        }
    }

    /// Songs of which several values compete.
    fn competing(&mut self) -> BTreeSet<Option<usize>> {
        let open: BTreeSet<String> =
            self.bench.conflicts().into_iter().map(|row| row.item).collect();
        let export = self.bench.export();
        let items = export["items"].as_array().unwrap().iter();
        let competing =
            items.filter(|item| item["id"].as_str().is_some_and(|id| open.contains(id)));
        competing.map(song_number).collect()
    }

    /// Apps hold all that they held; they may hold more. Where values competed, one may have won by now.
    fn nothing_lost_since(
        &mut self,
        before: &[(App, BTreeSet<Held>)],
        competing: &BTreeSet<Option<usize>>,
    ) {
        let after = self.shown();
        for ((kind, before), (_, after)) in before.iter().zip(&after) {
            for line in before.difference(after).filter(|held| held.is_sure(competing)) {
                let is_kept = after.iter().any(|now| line.is_in(now));
                self.check(is_kept, || format!("O2: {kind:?} lost {line:?}: {after:?}"));
            }
        }
    }

    fn shown(&self) -> Vec<(App, BTreeSet<Held>)> {
        let held = |kind: &App| {
            let catalog = self.bench.catalog(*kind);
            let items = catalog.items.iter().map(|item| {
                let value = |field| item.fields.value(field).and_then(Value::as_int);
                Held::Song(number_of(item), USE.map(value))
            });
            let number = |id| catalog.item(id).and_then(number_of);
            let lists = catalog.collections.iter().map(|list| {
                Held::List(list.name.to_string(), list.entries.iter().map(number).collect())
            });
            items.chain(lists).collect()
        };
        self.bench.kinds.iter().map(|kind| (*kind, held(kind))).collect()
    }

    fn check(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(wrong());
        }
    }
}

/// What an app shows of a song or a list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Song(Option<usize>, [Option<i64>; 3]),
    List(String, Vec<Option<usize>>),
}

impl Held {
    /// Of values that compete one may win on the way.
    fn is_sure(&self, competing: &BTreeSet<Option<usize>>) -> bool {
        !matches!(self, Self::Song(song, _) if competing.contains(song))
    }

    /// Whether this is still there beside what came.
    fn is_in(&self, now: &Self) -> bool {
        match (self, now) {
            (Self::Song(song, old), Self::Song(same, new)) => {
                let mut values = old.iter().zip(new);
                song == same && values.all(|(old, new)| old.is_none() || old == new)
            }
            // Of two lists that took names from each other since, an app without ids cannot say which is which.
            (Self::List(_, old), Self::List(_, new)) => {
                let mut left = new.iter();
                old.iter().all(|song| left.any(|now| now == song))
            }
            _ => false,
        }
    }
}
