//! A licence beside a file, from its granting to its renewal, in two libraries.

mod told;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use segue_memory::{Kind, Memory, Store};
use segue_model::{Availability, Collection, Item, Value, music};
use segue_translator::{Idle, Place};
use serde_json::Value as Json;

use crate::command::{
    LibrarySpec, LicenceAction, LicenceRow, LicenceTerms, PassReport, Request, Response,
};
use crate::{Agent, Quiet, World};

pub(crate) const START: i64 = 1_700_000_000;
pub(crate) const DAY: i64 = 86_400;

/// A device with two linked players that list the same three files, and a clock.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) agent: Agent,
    pub(crate) clock: Arc<AtomicI64>,
}

const SONGS: [&str; 3] = ["a", "b", "c"];

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let music = folder.path().join("music");
        fs::create_dir(&music).unwrap();
        for name in SONGS {
            fs::write(music.join(name), name).unwrap();
        }
        let clock = Arc::new(AtomicI64::new(START));
        let agent = agent(&folder.path().join("segue"), &clock, 7);
        let mut desk = Self { folder, agent, clock };
        let libraries = [Kind::Exact, Kind::Stars].map(|kind| desk.library(kind)).into();
        let plan = Request::Plan { libraries, write_tags: false };
        let Response::Plan(report) = desk.run(plan) else { panic!() };
        desk.run(Request::Apply { plan: report.plan });
        desk
    }

    fn path(&self, kind: Kind) -> PathBuf {
        self.folder.path().join(kind.capabilities().app)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("music").join(name)
    }

    fn library(&self, kind: Kind) -> LibrarySpec {
        let path = self.path(kind);
        Store::create(kind, &path).unwrap();
        Store::edit(kind, &path, |catalog| {
            catalog.items = SONGS.map(|name| song(&self.file(name))).into();
            let entries = catalog.items.iter().map(|item| item.id.clone()).collect();
            catalog.collections = vec![Collection {
                id: "list".into(),
                kind: &music::PLAYLIST,
                name: "List".into(),
                parent: None,
                entries,
                rule: None,
            }];
        })
        .unwrap();
        self.spec(kind)
    }

    fn spec(&self, kind: Kind) -> LibrarySpec {
        let (app, path) = (kind.capabilities().app.into(), Some(self.path(kind)));
        LibrarySpec { app, path, root: None }
    }

    fn run(&mut self, request: Request) -> Response {
        self.agent.run(request, &Quiet).unwrap()
    }

    pub(crate) fn sync(&mut self) -> PassReport {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
        let Response::Pass(report) = self.run(request) else { panic!() };
        report
    }

    pub(crate) fn grant(&mut self, name: &str, terms: LicenceTerms) {
        let (file, issuer, licence) = (self.file(name), Some("Library".into()), None);
        self.run(Request::Licence {
            action: LicenceAction::Grant { file, terms, issuer, licence },
        });
    }

    fn renew(&mut self, name: &str, until: i64) {
        let action = LicenceAction::Renew { file: self.file(name), until: Some(until) };
        self.run(Request::Licence { action });
    }

    fn unlink(&mut self, kind: Kind) {
        let library = self.spec(kind);
        self.run(Request::Unlink { library });
    }

    fn link(&mut self, kind: Kind) {
        let libraries = vec![self.spec(kind)];
        let Response::Plan(report) = self.run(Request::Plan { libraries, write_tags: false })
        else {
            panic!()
        };
        self.run(Request::Apply { plan: report.plan });
    }

    fn licences(&mut self) -> Vec<LicenceRow> {
        let Response::Licences(rows) = self.run(Request::Licences) else { panic!() };
        rows
    }

    fn states(&mut self) -> Vec<String> {
        self.licences().into_iter().map(|row| row.state).collect()
    }

    fn exclude(&mut self, name: &str) {
        self.keeps(crate::command::Excluded::place(self.file(name)));
    }

    fn keeps(&mut self, what: crate::command::Excluded) {
        let (library, from, until) = (None, None, None);
        let action = crate::command::ExcludeAction::Add { what, library, from, until };
        self.run(Request::Exclude { action });
    }

    /// How many items are withheld, how many will be soon, and how each library is.
    fn status(&mut self) -> (u64, u64, Vec<String>) {
        let Response::Status(report) = self.run(Request::Status) else { panic!() };
        let states = report.links.into_iter().map(|link| link.state);
        (report.withheld, report.ending, states.collect())
    }

    /// An app's item carries a licence in the app's own file, or none.
    fn carries(&self, kind: Kind, name: &str, licence: Option<Json>) {
        self.edit_json(kind, name, |item| match licence {
            Some(licence) => drop(item.insert("licence".to_owned(), licence)),
            None => drop(item.remove("licence")),
        });
    }

    /// Somebody edits an item in an app's own file.
    fn edit_json(
        &self,
        kind: Kind,
        name: &str,
        edit: impl FnOnce(&mut serde_json::Map<String, Json>),
    ) {
        let store = fs::read_dir(self.path(kind)).unwrap().next().unwrap().unwrap().path();
        let mut json: Json = serde_json::from_slice(&fs::read(&store).unwrap()).unwrap();
        let items = json["items"].as_array_mut().unwrap().iter_mut();
        let is_it = |item: &&mut Json| item["id"].as_str().unwrap().ends_with(name);
        let item = items.filter(is_it).map(|item| item.as_object_mut().unwrap()).next().unwrap();
        edit(item);
        fs::write(&store, serde_json::to_vec(&json).unwrap()).unwrap();
    }

    /// An app lists again what was hidden in it.
    fn lists_again(&self, kind: Kind, name: &str) {
        self.edit_json(kind, name, |item| {
            for mark in ["hidden", "missing"] {
                item.remove(mark);
            }
        });
    }

    /// Days after the start.
    fn day(&self, day: i64) {
        self.clock.store(START + day * DAY, Ordering::Relaxed);
    }

    /// What both players list, with ratings, and what stands in their list.
    fn listed(&self) -> [String; 2] {
        [Kind::Exact, Kind::Stars].map(|kind| {
            let catalog = Store::open(kind, &self.path(kind)).unwrap().catalog();
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let present =
                catalog.items.iter().filter(|item| item.availability == Availability::Present);
            let items = present.map(|item| {
                let rating = item.fields.value(&music::RATING).and_then(Value::as_int);
                format!("{}{}", name(&item.id.to_string()), rating.unwrap_or_default())
            });
            let entries = catalog.collections.iter().flat_map(|list| &list.entries);
            let entries = entries.map(|entry| name(&entry.to_string()));
            format!(
                "{} | {}",
                items.collect::<Vec<_>>().join(" "),
                entries.collect::<Vec<_>>().join(" ")
            )
        })
    }
}

const ALL: &str = "a60 b60 c60 | a b c";
const WITHOUT_B: &str = "a60 c60 | a c";

fn song(path: &Path) -> Item {
    let mut item = Item::at(path.to_str().unwrap());
    item.fields.set(&music::TITLE, Value::text(path.file_name().unwrap().to_str().unwrap()));
    item.fields.set(&music::RATING, Value::Int(60));
    item.fields.set(&music::PLAY_COUNT, Value::Int(3));
    item.fields.set(&music::DURATION, Value::Int(60_000));
    item
}

fn agent(folder: &Path, clock: &Arc<AtomicI64>, seed: u64) -> Agent {
    let (count, clock) = (AtomicU64::new(seed), Arc::clone(clock));
    let world = World {
        now: Arc::new(move || clock.load(Ordering::Relaxed)),
        random: Arc::new(move |bytes| {
            let next = count.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let all = next.to_be_bytes();
            bytes.iter_mut().zip(all.iter().cycle()).for_each(|(to, from)| *to = *from);
        }),
        host: Arc::new(Idle),
        place: Place::default(),
        translators: vec![Arc::new(Memory(Kind::Exact)), Arc::new(Memory(Kind::Stars))],
        programs: crate::registry::Programs::default(),
        device: "desk".into(),
    };
    Agent::open_in(folder, world).unwrap()
}

pub(crate) fn until(day: i64) -> LicenceTerms {
    LicenceTerms { valid_until: Some(START + day * DAY), ..LicenceTerms::default() }
}

#[test]
fn f41_a_licence_ends_in_every_app_without_an_edit_and_comes_back_with_its_renewal() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.sync();
    assert_eq!(desk.states(), ["valid"]);
    let Response::Export(text) = desk.run(Request::Export { document: None }) else { panic!() };
    let end = format!("\"limits\":{{\"valid_until\":{}}}", START + DAY);
    assert_eq!(text.0.matches(&end).count(), 1, "{}", text.0);
    assert_eq!(desk.listed(), [ALL, ALL]);
    desk.day(1);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    let row = desk.licences().remove(0);
    assert_eq!((row.state.as_str(), row.issuer.as_str()), ("expired", "Library"));
    assert_eq!(row.hidden_in, ["memory-exact", "memory-stars"]);
    assert_eq!(desk.sync().operation, None, "nothing is left to do");
    desk.renew("b", START + 9 * DAY);
    desk.sync();
    assert_eq!(desk.states(), ["valid"]);
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn what_ends_is_told_before_and_after() {
    let mut desk = Desk::new();
    desk.grant("a", until(30));
    desk.grant("b", until(3));
    desk.sync();
    assert_eq!(desk.status(), (0, 1, vec!["in step".to_owned(), "in step".to_owned()]));
    desk.day(3);
    assert_eq!(desk.status(), (1, 0, vec!["waiting".to_owned(), "waiting".to_owned()]));
}

#[test]
fn f41_a_clock_that_is_set_back_revives_nothing() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    desk.clock.store(START + DAY - 60, Ordering::Relaxed);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    assert_eq!(desk.states(), ["expired"]);
}

#[test]
fn f41_neither_undo_nor_a_licence_that_is_gone_loosens_anything() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    desk.run(Request::Undo { operation: None });
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    fs::remove_file(desk.file("b.segue-licence")).unwrap();
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
}

#[test]
fn f41_a_licence_that_lay_there_before_the_app_listed_its_file_holds() {
    let mut desk = Desk::new();
    let file = desk.file("d");
    fs::write(&file, "d").unwrap();
    desk.grant("d", until(1));
    desk.sync();
    for kind in [Kind::Exact, Kind::Stars] {
        Store::edit(kind, &desk.path(kind), |catalog| catalog.items.push(song(&file))).unwrap();
    }
    desk.sync();
    assert_eq!(desk.states(), ["valid"]);
    desk.day(1);
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
    assert_eq!(desk.states(), ["expired"]);
}

#[test]
fn f41_undoing_the_pass_after_a_renewal_takes_no_song_away() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    desk.renew("b", START + 9 * DAY);
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
    desk.run(Request::Undo { operation: None });
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn f41_what_an_earlier_link_hid_is_shown_after_its_renewal_by_the_next() {
    for kind in [Kind::Exact, Kind::Stars] {
        let mut desk = Desk::new();
        desk.grant("b", until(1));
        desk.day(1);
        desk.sync();
        desk.unlink(kind);
        desk.link(kind);
        assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
        assert_eq!(desk.licences()[0].hidden_in.len(), 2);
        assert_eq!(desk.sync().operation, None);
        desk.renew("b", START + 9 * DAY);
        desk.sync();
        assert_eq!(desk.listed(), [ALL, ALL]);
        assert_eq!(desk.sync().operation, None);
    }
}

#[test]
fn f41_what_was_renewed_between_two_links_is_shown_by_the_second() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    desk.unlink(Kind::Exact);
    desk.renew("b", START + 9 * DAY);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, ALL]);
    desk.link(Kind::Exact);
    assert_eq!(desk.listed(), [ALL, ALL]);
    // Taking the link back ends it; what may be listed stays listed.
    desk.run(Request::Undo { operation: None });
    assert!(desk.listed()[0].starts_with("a60 b60 c60"));
}

#[test]
fn f41_a_licence_that_could_not_be_read_and_is_gone_hides_nothing_from_the_next_link() {
    let mut desk = Desk::new();
    fs::write(desk.file("b.segue-licence"), "half of it").unwrap();
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    desk.unlink(Kind::Exact);
    fs::remove_file(desk.file("b.segue-licence")).unwrap();
    desk.link(Kind::Exact);
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn f41_taking_a_new_link_back_leaves_hidden_what_was_hidden() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    desk.unlink(Kind::Exact);
    desk.link(Kind::Exact);
    desk.run(Request::Undo { operation: None });
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    desk.renew("b", START + 9 * DAY);
    desk.link(Kind::Exact);
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn f41_a_licence_that_cannot_be_read_denies_for_as_long_as_it_cannot() {
    let mut desk = Desk::new();
    desk.grant("b", until(9));
    let sidecar = desk.file("b.segue-licence");
    let whole = fs::read(&sidecar).unwrap();
    fs::write(&sidecar, &whole[..whole.len() / 2]).unwrap();
    for _ in 0..2 {
        desk.sync();
        assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    }
    fs::write(&sidecar, whole).unwrap();
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn f41_what_an_apps_own_file_carries_and_cannot_be_read_denies_until_the_app_says_otherwise() {
    let mut desk = Desk::new();
    desk.carries(Kind::Exact, "b", Some(Json::from("garbled")));
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    // The other app has news; this one is not read again.
    for rating in [80, 60] {
        Store::edit(Kind::Stars, &desk.path(Kind::Stars), |catalog| {
            catalog.items[0].fields.set(&music::RATING, Value::Int(rating));
        })
        .unwrap();
        desk.sync();
        let both = [WITHOUT_B, WITHOUT_B].map(|all| all.replace("a60", &format!("a{rating}")));
        assert_eq!(desk.listed(), both);
    }
    assert_eq!(desk.states(), ["unknown limit"]);
    assert_eq!(desk.status(), (1, 0, vec!["in step".to_owned(), "in step".to_owned()]));
    desk.carries(Kind::Exact, "b", None);
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
}

#[test]
fn f41_what_a_library_carries_that_is_away_goes_on_holding_in_the_others() {
    let mut desk = Desk::new();
    desk.carries(Kind::Exact, "b", Some(Json::from("garbled")));
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    let (path, away) = (desk.path(Kind::Exact), desk.folder.path().join("away"));
    fs::rename(&path, &away).unwrap();
    desk.sync();
    fs::rename(&away, &path).unwrap();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
}

#[test]
fn f41_a_licence_beside_a_file_of_several_tracks_is_about_each_of_them() {
    let mut desk = Desk::new();
    let file = desk.file("b");
    let mut track = song(&file);
    track.id = format!("{}#2", file.display()).as_str().into();
    track.fields.set(&music::TITLE, Value::text("two"));
    track.fields.set(&music::DURATION, Value::Int(90_000));
    Store::edit(Kind::Exact, &desk.path(Kind::Exact), |catalog| catalog.items.push(track)).unwrap();
    desk.sync();
    assert_eq!(desk.listed()[0], "a60 b60 b#260 c60 | a b c");
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    desk.renew("b", START + 9 * DAY);
    desk.sync();
    assert_eq!(desk.listed()[0], "a60 b60 b#260 c60 | a b c");
}

#[test]
fn f41_a_clock_that_is_set_back_just_after_an_end_revives_nothing() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    for seconds in [-300, 0, -60] {
        desk.clock.store(START + DAY + seconds, Ordering::Relaxed);
        desk.sync();
    }
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    assert_eq!(desk.states(), ["expired"]);
}

#[test]
fn f41_what_an_app_listed_again_too_often_is_hidden_at_the_next_end_all_the_same() {
    let mut desk = Desk::new();
    desk.grant("b", until(1));
    desk.day(1);
    desk.sync();
    for _ in 0..4 {
        desk.lists_again(Kind::Exact, "b");
        desk.sync();
    }
    assert_eq!(desk.listed()[0], "a60 b60 c60 | a c", "it is left alone");
    desk.renew("b", START + 2 * DAY);
    desk.sync();
    desk.day(2);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
}

#[test]
fn a_licence_of_somebody_else_is_renewed_by_nobody_here() {
    let mut desk = Desk::new();
    let other = tempfile::tempdir().unwrap();
    let mut issuer = agent(other.path(), &desk.clock, 99);
    let (file, terms) = (desk.file("b"), until(1));
    let action = LicenceAction::Grant { file: file.clone(), terms, issuer: None, licence: None };
    issuer.run(Request::Licence { action }, &Quiet).unwrap();
    let action = LicenceAction::Renew { file, until: Some(START + 9 * DAY) };
    let refused = desk.agent.run(Request::Licence { action }, &Quiet).unwrap_err().to_string();
    assert!(refused.contains("issue"), "{refused}");
    desk.day(1);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
}

#[test]
fn a_song_is_played_as_often_as_it_may_be() {
    let mut desk = Desk::new();
    let amounts = [("plays".to_owned(), 5)].into();
    desk.grant("b", LicenceTerms { amounts, ..LicenceTerms::default() });
    desk.sync();
    assert_eq!(desk.listed(), [ALL, ALL]);
    Store::edit(Kind::Exact, &desk.path(Kind::Exact), |catalog| {
        catalog.items[1].fields.set(&music::PLAY_COUNT, Value::Int(5));
    })
    .unwrap();
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    assert_eq!(desk.states(), ["played out"]);
}

#[test]
fn f43_nothing_is_said_of_the_licence_of_a_song_that_stays() {
    let mut desk = Desk::new();
    desk.exclude("a");
    let terms = LicenceTerms { valid_until: Some(START + DAY), ..LicenceTerms::default() };
    desk.grant("a", terms.clone());
    desk.sync();
    assert_eq!(desk.states(), [""; 0]);
    desk.grant("b", terms);
    desk.sync();
    assert_eq!(desk.states(), ["valid"]);
}

#[test]
fn f43_what_stays_is_as_the_app_had_it_when_a_song_is_shown_again() {
    let mut desk = Desk::new();
    desk.keeps(crate::command::Excluded::Field("rating".into()));
    for kind in [Kind::Exact, Kind::Stars] {
        Store::edit(kind, &desk.path(kind), |catalog| {
            catalog.items[1].fields.set(&music::RATING, Value::Int(80));
        })
        .unwrap();
    }
    desk.grant("b", until(1));
    desk.sync();
    desk.day(1);
    desk.sync();
    assert_eq!(desk.listed(), [WITHOUT_B, WITHOUT_B]);
    desk.renew("b", START + 9 * DAY);
    desk.sync();
    let all = ALL.replace("b60", "b80");
    assert_eq!(desk.listed(), [all.clone(), all]);
    desk.sync();
    let Response::Export(text) = desk.run(Request::Export { document: None }) else { panic!() };
    assert_eq!(text.0.matches("\"rating\":80").count(), 0, "{}", text.0);
}
