//! What must have become of a person's edits, as far as it is certain.
//!
//! The model is careful rather than clever: it demands only what holds whatever the app had been
//! shown when the person edited.

use std::collections::{BTreeMap, BTreeSet};

use segue_agent::command::ConflictRow;
use segue_translator::model::{Catalog, Value, music};
use serde_json::Value as Json;

use crate::app::App;
use crate::bench::{Bench, number_of};

/// A song's rating and count in an app.
type Shown = BTreeMap<usize, (Option<i64>, i64)>;
/// Playlists of an app by name, as song numbers.
type Lists = BTreeMap<String, Vec<usize>>;

/// What somebody rated a song, in which app; `None` is a person's word to Segue.
type Rated = (Option<App>, Option<i64>);

/// A list as somebody left it, in which app; `None` if it was deleted.
type ListEdit = (App, Option<Vec<usize>>);

/// What is known for certain.
#[derive(Default)]
pub(crate) struct Model {
    /// What each app showed when the last pass ended.
    last: BTreeMap<App, (Shown, Lists)>,
    /// Ratings that must be shown or be part of a conflict.
    ratings: BTreeMap<usize, BTreeSet<Rated>>,
    /// Counts: baseline and added.
    counts: BTreeMap<usize, (i64, i64)>,
    /// Songs whose count fell in an app since the last pass.
    falls: BTreeSet<usize>,
    /// Songs that count at most as much. A fall that a killed pass may not have seen is a fall from
    /// the old count to the next one that is seen, and plays on the way up add nothing.
    at_most: BTreeSet<usize>,
    /// Lists as the only one who edited them left them: in which app, which songs.
    lists: BTreeMap<String, ListEdit>,
    /// Names that more than one list bears: which of them an app shows under it may change.
    twins: BTreeSet<String>,
    /// Names that two lists bear in one app, which has neither as its own: a person cannot say which.
    doubled: BTreeSet<String>,
    /// Songs that ever left an app or moved: their place in lists is not certain.
    pub(crate) unsure: BTreeSet<usize>,
    /// Songs that an app listed anew, perhaps without what it knew: a rating gone there is no edit.
    pub(crate) forgot: BTreeSet<(App, usize)>,
    /// Songs that no linked library has, where a pass saw the last one go.
    pub(crate) removed: BTreeSet<usize>,
    /// Songs that left an app when their file was gone already: that is no removal.
    pub(crate) withheld: BTreeSet<usize>,
    /// Undone or joined anew: counts are not certain.
    pub(crate) counts_unsure: bool,
    /// The last pass was whole, and every app was written.
    pub(crate) clean: bool,
}

fn shown(catalog: &Catalog) -> (Shown, Lists) {
    let int = |item: &segue_translator::model::Item, field| {
        item.fields.value(field).and_then(Value::as_int)
    };
    let songs = catalog.items.iter().filter_map(|item| {
        let values = (int(item, &music::RATING), int(item, &music::PLAY_COUNT).unwrap_or(0));
        Some((number_of(item)?, values))
    });
    (songs.collect(), lists(catalog).collect())
}

fn lists(catalog: &Catalog) -> impl Iterator<Item = (String, Vec<usize>)> {
    let number = |id| catalog.item(id).and_then(number_of);
    let lists = catalog.collections.iter().filter(|list| list.kind.has_entries);
    lists.map(move |list| (list.name.to_string(), list.entries.iter().filter_map(number).collect()))
}

impl Model {
    /// A library joins: what it holds is seen for the first time.
    pub(crate) fn joins(&mut self, bench: &Bench, kinds: &[App]) {
        for kind in kinds {
            let (songs, _) = shown(&bench.catalog(*kind));
            for (number, (_, count)) in songs {
                let (baseline, added) = self.counts.entry(number).or_default();
                *baseline = (*baseline).max(count - *added);
            }
        }
    }

    /// A pass is about to see what people did in these apps.
    pub(crate) fn before_pass(&mut self, bench: &Bench, linked: &[App]) {
        let mut ratings: BTreeMap<usize, BTreeSet<Rated>> = BTreeMap::new();
        let mut lists: BTreeMap<String, Vec<ListEdit>> = BTreeMap::new();
        self.falls.clear();
        for kind in linked {
            let Some((old, old_lists)) = self.last.get(kind) else { continue };
            let (new, new_lists) = shown(&bench.catalog(*kind));
            for (number, (rating, count)) in &new {
                let Some((was, counted)) = old.get(number) else { continue };
                match rating {
                    same if same == was => {}
                    // Lost on the way or cleared by a person, who then meant all that was shown.
                    None if self.forgot.contains(&(*kind, *number)) => {
                        self.ratings.remove(number);
                    }
                    _ => _ = ratings.entry(*number).or_default().insert((Some(*kind), *rating)),
                }
                if count < counted {
                    self.falls.insert(*number);
                }
                self.counts.entry(*number).or_default().1 += (count - counted).max(0);
            }
            let names: BTreeSet<&String> = old_lists.keys().chain(new_lists.keys()).collect();
            for name in names {
                if old_lists.get(name) != new_lists.get(name) {
                    let now = new_lists.get(name).cloned();
                    lists.entry(name.clone()).or_default().push((*kind, now));
                }
            }
        }
        self.ratings.extend(ratings);
        self.songs_removed(bench, linked);
        let editors = |name: &str| {
            let same = lists.iter().filter(|(other, _)| stem(other) == stem(name));
            same.flat_map(|(_, edits)| edits).map(|(kind, _)| kind).collect::<BTreeSet<_>>().len()
        };
        for (name, edits) in &lists {
            if let (1, true, [edit]) = (editors(name), self.clean, edits.as_slice()) {
                // Another app may know the same list by another name.
                self.lists.retain(|other, (of, _)| stem(other) != stem(name) || *of == edit.0);
                self.lists.insert(name.clone(), edit.clone());
            } else {
                self.lists.retain(|other, _| stem(other) != stem(name));
            }
        }
    }

    /// What went while its app was not linked was seen by nobody, and a first contact deletes
    /// nothing.
    fn songs_removed(&mut self, bench: &Bench, linked: &[App]) {
        let now: BTreeSet<usize> =
            linked.iter().flat_map(|kind| shown(&bench.catalog(*kind)).0.into_keys()).collect();
        self.removed.retain(|number| !now.contains(number));
        let seen = linked.iter().filter_map(|kind| self.last.get(kind));
        let went = seen.flat_map(|(songs, _)| songs.keys()).filter(|number| !now.contains(number));
        self.removed.extend(went.filter(|number| !self.withheld.contains(number)));
    }

    /// The pass was killed: it may have seen what was there, or not.
    pub(crate) fn killed(&mut self) {
        self.at_most.append(&mut self.falls);
    }

    /// A pass ended, or was killed.
    pub(crate) fn after_pass(&mut self, bench: &Bench, linked: &[App], clean: bool) {
        self.clean = clean;
        for kind in linked {
            let mut names = BTreeSet::new();
            for (name, _) in lists(&bench.catalog(*kind)) {
                if name.contains(" (") {
                    self.twins.insert(stem(&name).to_owned());
                }
                if let Some(name) = names.replace(name) {
                    self.doubled.insert(stem(&name).to_owned());
                }
            }
        }
        self.last = linked.iter().map(|kind| (*kind, shown(&bench.catalog(*kind)))).collect();
    }

    /// An undo or a person's word: what passes saw before may be taken back.
    pub(crate) fn forget(&mut self) {
        self.ratings.clear();
        self.lists.clear();
        self.counts_unsure = true;
    }

    /// An operation was taken back, and with it what people did since in lists that it had made; links may have ended
    /// before their apps were read.
    pub(crate) fn taken_back(&mut self, same_links: bool) {
        self.lists.clear();
        if !same_links {
            self.ratings.clear();
        }
    }

    /// All that was known came back from a backup. If other links came back with it, they bring what people did
    /// meanwhile in apps that were not linked then.
    pub(crate) fn back_in_time(&mut self, same_links: bool) {
        if !same_links {
            self.ratings.clear();
        }
        self.lists.clear();
        self.removed.clear();
    }

    /// A person removed a song from an app, perhaps before any pass saw how they had rated it there.
    pub(crate) fn leaves(&mut self, kind: App, song: usize) {
        if let Some(ratings) = self.ratings.get_mut(&song) {
            ratings.retain(|(of, _)| *of != Some(kind));
        }
    }

    /// A person is about to settle a rating: what competed is superseded.
    pub(crate) fn settles(&mut self, song: usize) {
        self.ratings.remove(&song);
    }

    /// A person settled a rating, while apps' edits that nobody had seen may compete with it.
    pub(crate) fn settled(&mut self, song: usize, rating: Option<i64>) {
        self.ratings.entry(song).or_default().insert((None, rating));
    }

    /// A person settled the name of a list.
    pub(crate) fn names(&mut self, name: &str) {
        self.lists.retain(|other, _| stem(other) != stem(name));
    }

    /// A link ended or begins anew: what was known of the app's lists is not certain.
    pub(crate) fn lists_of(&mut self, kind: App) {
        self.lists.retain(|_, (of, _)| *of != kind);
    }

    /// O2, O3, O7: what is certain and is not so.
    pub(crate) fn broken(&self, bench: &mut Bench, linked: &[App]) -> Vec<String> {
        let mut out = Vec::new();
        let conflicts = bench.conflicts();
        let export = bench.export();
        let items = export["items"].as_array().unwrap();
        // A song that moved and was retagged while nobody looked is another one to the document.
        let same = |number: usize| {
            let duration = crate::bench::duration(number);
            items.iter().filter(move |item| item["fields"]["duration"] == duration)
        };
        for number in &self.removed {
            if same(*number).next().is_some() {
                out.push(format!("O3: song {number} is back"));
            }
        }
        for (number, wanted) in &self.ratings {
            if same(*number).next().is_none() {
                continue;
            }
            let shown = same(*number).flat_map(|item| {
                let is_open =
                    |row: &&ConflictRow| row.field == "rating" && item["id"] == row.item.as_str();
                match conflicts.iter().find(is_open) {
                    Some(row) => row.values.iter().map(|value| value.value.clone()).collect(),
                    None => vec![item["fields"]["rating"].clone()],
                }
            });
            let shown: Vec<Json> = shown.collect();
            for (kind, rating) in wanted {
                let json = rating.map_or(Json::Null, Json::from);
                if !shown.contains(&json) {
                    let what = format!("rating {rating:?} of song {number} from {kind:?}");
                    out.push(format!("O2: {what} is lost; there are {shown:?}"));
                }
            }
        }
        for (number, (baseline, added)) in self.counts.iter().filter(|_| !self.counts_unsure) {
            let mut all = same(*number);
            let (Some(item), None) = (all.next(), all.next()) else { continue };
            let count = item["fields"]["play_count"].as_i64().unwrap_or(0);
            let fewer = count < baseline + added && self.at_most.contains(number);
            if count != baseline + added && !fewer {
                let sum = format!("{baseline} + {added}");
                out.push(format!("F20: song {number} counts {count}, it should be {sum}"));
            }
        }
        self.lists_broken(bench, linked, &mut out);
        out
    }

    /// Which of several twins bears the plain name may change; what a person left is still there.
    fn lists_broken(&self, bench: &Bench, linked: &[App], out: &mut Vec<String>) {
        let known = |name: &str| !self.doubled.contains(stem(name));
        let edits =
            self.lists.iter().filter(|(name, (kind, _))| linked.contains(kind) && known(name));
        for (name, (kind, songs)) in edits {
            let sure = |songs: Vec<usize>| -> Vec<usize> {
                songs.into_iter().filter(|number| !self.unsure.contains(number)).collect()
            };
            let wanted = songs.clone().map(sure).unwrap_or_default();
            let catalog = bench.catalog(*kind);
            let held = lists(&catalog).filter(|(other, _)| stem(other) == stem(name));
            let held: Vec<_> = held.map(|(name, songs)| (name, sure(songs))).collect();
            let fits = if self.twins.contains(stem(name)) {
                wanted.is_empty() || held.iter().any(|(_, songs)| *songs == wanted)
            } else {
                let is = held.iter().find(|(other, _)| other == name);
                is.map_or(&[][..], |(_, songs)| songs) == wanted
            };
            if !fits {
                out.push(format!("O2: list {name} in {kind:?} is {held:?}, left as {wanted:?}"));
            }
        }
    }
}

/// The first word of a list's name: what these histories never change.
fn stem(name: &str) -> &str {
    name.split(' ').next().unwrap_or_default()
}
