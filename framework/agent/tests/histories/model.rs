//! What must have become of a person's edits, as far as it is certain.
//!
//! The model is careful rather than clever: it demands only what holds whatever the app had been
//! shown when the person edited.

use std::collections::{BTreeMap, BTreeSet};

use segue_memory::Kind;
use segue_translator::model::{Catalog, Value, music};
use serde_json::Value as Json;

use crate::bench::{Bench, number_of};

/// A song's rating and count in an app.
type Shown = BTreeMap<usize, (Option<i64>, i64)>;
/// Playlists of an app by name, as song numbers.
type Lists = BTreeMap<String, Vec<usize>>;

/// A list as somebody left it, in which app; `None` if it was deleted.
type ListEdit = (Kind, Option<Vec<usize>>);

/// What is known for certain.
#[derive(Default)]
pub(crate) struct Model {
    /// What each app showed when the last pass ended.
    last: BTreeMap<Kind, (Shown, Lists)>,
    /// Ratings that must be shown or be part of a conflict.
    ratings: BTreeMap<usize, BTreeSet<(Kind, Option<i64>)>>,
    /// Counts: baseline and added.
    counts: BTreeMap<usize, (i64, i64)>,
    /// Lists as the only one who edited them left them: in which app, which songs.
    lists: BTreeMap<String, ListEdit>,
    /// Names that more than one list bears: which of them an app shows under it may change.
    twins: BTreeSet<String>,
    /// Songs that ever left an app or moved: their place in lists is not certain.
    pub(crate) unsure: BTreeSet<usize>,
    /// Songs that everybody removed.
    pub(crate) removed: BTreeSet<usize>,
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
    let number = |id| catalog.item(id).and_then(number_of);
    let lists = catalog
        .collections
        .iter()
        .map(|list| (list.name.to_string(), list.entries.iter().filter_map(number).collect()));
    (songs.collect(), lists.collect())
}

impl Model {
    /// A library joins: what it holds is seen for the first time.
    pub(crate) fn joins(&mut self, bench: &Bench, kinds: &[Kind]) {
        for kind in kinds {
            let (songs, _) = shown(&bench.catalog(*kind));
            for (number, (_, count)) in songs {
                let (baseline, added) = self.counts.entry(number).or_default();
                *baseline = (*baseline).max(count - *added);
            }
        }
    }

    /// A pass is about to see what people did in these apps.
    pub(crate) fn before_pass(&mut self, bench: &Bench, linked: &[Kind]) {
        let mut ratings: BTreeMap<usize, BTreeSet<(Kind, Option<i64>)>> = BTreeMap::new();
        let mut lists: BTreeMap<String, Vec<ListEdit>> = BTreeMap::new();
        for kind in linked {
            let Some((old, old_lists)) = self.last.get(kind) else { continue };
            let (new, new_lists) = shown(&bench.catalog(*kind));
            for (number, (rating, count)) in &new {
                let Some((was, counted)) = old.get(number) else { continue };
                if rating != was && !(rating.is_none() && self.unsure.contains(number)) {
                    ratings.entry(*number).or_default().insert((*kind, *rating));
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
        for (name, mut edits) in lists {
            match (edits.len(), self.clean) {
                (1, true) => _ = self.lists.insert(name, edits.remove(0)),
                _ => _ = self.lists.remove(&name),
            }
        }
    }

    /// A pass ended, or was killed.
    pub(crate) fn after_pass(&mut self, bench: &Bench, linked: &[Kind], clean: bool) {
        self.clean = clean;
        let lists = linked.iter().flat_map(|kind| bench.catalog(*kind).collections);
        let twins = lists.filter(|list| list.name.contains(" ("));
        self.twins.extend(twins.filter_map(|list| Some(list.name.split(' ').next()?.to_owned())));
        self.last = linked.iter().map(|kind| (*kind, shown(&bench.catalog(*kind)))).collect();
    }

    /// An undo or a person's word: what passes saw before may be taken back.
    pub(crate) fn forget(&mut self) {
        self.ratings.clear();
        self.lists.clear();
        self.counts_unsure = true;
    }

    /// A link ended or begins anew: what was known of the app's lists is not certain.
    pub(crate) fn lists_of(&mut self, kind: Kind) {
        self.lists.retain(|_, (of, _)| *of != kind);
    }

    /// O2, O3, O7: what is certain and is not so.
    pub(crate) fn broken(&self, bench: &mut Bench, linked: &[Kind]) -> Vec<String> {
        let mut out = Vec::new();
        let conflicts = bench.conflicts();
        let export = bench.export();
        let items = export["items"].as_array().unwrap();
        let item = |number: usize| {
            items.iter().find(|item| item["fields"]["duration"] == crate::bench::duration(number))
        };
        for number in &self.removed {
            if item(*number).is_some() {
                out.push(format!("O3: song {number} is back"));
            }
        }
        for (number, wanted) in &self.ratings {
            let Some(item) = item(*number) else { continue };
            let open = conflicts
                .iter()
                .find(|row| row.field == "rating" && item["id"] == row.item.as_str());
            let shown = match open {
                Some(row) => row.values.iter().map(|value| value.value.clone()).collect(),
                None => vec![item["fields"]["rating"].clone()],
            };
            for (kind, rating) in wanted {
                let json = rating.map_or(Json::Null, Json::from);
                if !shown.contains(&json) {
                    let what = format!("rating {rating:?} of song {number} from {kind:?}");
                    out.push(format!("O2: {what} is lost; there are {shown:?}"));
                }
            }
        }
        for (number, (baseline, added)) in self.counts.iter().filter(|_| !self.counts_unsure) {
            let Some(item) = item(*number) else { continue };
            let count = item["fields"]["play_count"].as_i64().unwrap_or(0);
            if count != baseline + added {
                let sum = format!("{baseline} + {added}");
                out.push(format!("F20: song {number} counts {count}, it should be {sum}"));
            }
        }
        self.lists_broken(bench, linked, &mut out);
        out
    }

    fn lists_broken(&self, bench: &Bench, linked: &[Kind], out: &mut Vec<String>) {
        for (name, (kind, songs)) in &self.lists {
            let stem = name.split(' ').next().unwrap_or_default();
            if !linked.contains(kind) || self.twins.contains(stem) {
                continue;
            }
            let sure = |songs: Vec<usize>| -> Vec<usize> {
                songs.into_iter().filter(|number| !self.unsure.contains(number)).collect()
            };
            let is = bench.songs(*kind, name).map(sure).unwrap_or_default();
            let wanted = songs.clone().map(sure).unwrap_or_default();
            if is != wanted {
                out.push(format!("O2: list {name} in {kind:?} is {is:?}, left as {wanted:?}"));
            }
        }
    }
}
