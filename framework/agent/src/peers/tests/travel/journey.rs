//! Two devices with two players each, what happens to them, and what must then be so.
//!
//! What must be so follows from what was given out and from who can have heard of it, both written down here;
//! never from what Segue makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use segue_access::{Statement, StatementHash};
use segue_limits::{Body, Claim};
use segue_model::{DocumentId, ItemId, Proof, Terms};

use super::apps::{self, Song};
use super::carriers::{self, Issued};
use crate::command::{LibrarySpec, PassReport, Request, Response, RoleName};
use crate::peers::ingest::say;
use crate::peers::invite::Wish;
use crate::peers::tests::company::Company;
use crate::peers::tests::device::Device;
use crate::peers::tests::restored::{bring_back, copy_over};

/// The loan of the book is three days old then.
const START: i64 = 1_801_699_200;
pub(super) const DAY: i64 = 86_400;

const fn song(name: &'static str, folder: &'static str, seconds: i64, stars: i64) -> Song {
    Song { name, folder, seconds, stars, plays: stars, is_played: true }
}

/// A song that may be limited, on both devices.
pub(super) const LENT: &str = "b";
/// A song that was bought, and may be limited; only on the first device.
pub(super) const BOUGHT: &str = "d";
/// Another take of it that may turn out to be the same; only on the second device.
pub(super) const TAKE: &str = "e";
/// A book that may be lent, on both devices.
pub(super) const BOOK: &str = "lamp";

const SONGS: [Song; 5] = [
    song("a", "", 100, 3),
    song(LENT, "", 120, 4),
    song("c", "", 140, 0),
    song(BOUGHT, "shop/", 2, 5),
    Song { is_played: false, ..song(TAKE, "", 180, 0) },
];
pub(super) const APPS: [&str; 2] = ["rhythmbox", "strawberry"];

/// The songs of a device.
pub(super) fn songs(at: usize) -> Vec<Song> {
    let elsewhere = [TAKE, BOUGHT][at];
    SONGS.into_iter().filter(|song| song.name != elsewhere).collect()
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A licence is laid beside its item: the how-manieth that was given out.
    Laid(usize, &'static str, usize),
    /// The issuer gives out the next licence, which ends after so many days.
    Given(&'static str, i64),
    /// A pass over all libraries.
    Pass(usize),
    /// The devices exchange what they know.
    Talk,
    /// Somebody says that two songs are one.
    Joined(usize),
    /// The last song of the playlist becomes the first, in Rhythmbox.
    Moved(usize),
    /// A player is unlinked and linked again, after a pass.
    Relinked(usize, &'static str),
    /// The store is copied, and the libraries.
    Saved(usize),
    /// That copy of the store is brought back.
    Restored(usize),
    /// The libraries are brought back with it.
    AllRestored(usize),
    /// So many days go by.
    Days(i64),
    /// The last pass is taken back.
    Undone(usize),
    /// A newer Segue says something of the song that this one does not know.
    Newer(usize),
    /// A program says that the song's end, in so many days, was found where this one cannot look.
    Told(usize, i64),
}

impl Event {
    /// On which devices something can be otherwise because of it.
    fn devices(self) -> Range<usize> {
        match self {
            Self::Given(..) => 0..0,
            Self::Talk | Self::Days(_) => 0..2,
            Self::Laid(at, ..)
            | Self::Pass(at)
            | Self::Joined(at)
            | Self::Moved(at)
            | Self::Relinked(at, _)
            | Self::Saved(at)
            | Self::Restored(at)
            | Self::AllRestored(at)
            | Self::Undone(at)
            | Self::Newer(at)
            | Self::Told(at, _) => at..at + 1,
        }
    }
}

/// What a device can have heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    /// The highest serial of each item's licence.
    pub(super) serials: BTreeMap<&'static str, u64>,
    /// What was told of the song by each device: serial and end.
    pub(super) told: BTreeMap<usize, (u64, i64)>,
    pub(super) joined: bool,
    pub(super) newer: BTreeSet<StatementHash>,
}

impl Heard {
    fn serial(&mut self, item: &'static str, serial: u64) {
        let known = self.serials.entry(item).or_default();
        *known = (*known).max(serial);
    }

    fn hear(&mut self, other: &Self) {
        other.serials.iter().for_each(|(item, serial)| self.serial(item, *serial));
        for (device, told) in &other.told {
            let known = self.told.entry(*device).or_default();
            *known = (*known).max(*told);
        }
        self.joined |= other.joined;
        self.newer.extend(&other.newer);
    }
}

/// A copy of a device's store, what the device had heard, and copies of its libraries.
struct Copied {
    folder: PathBuf,
    heard: Heard,
}

/// Two devices that share a document of songs and one of books, to begin from again and again.
pub(super) struct Home {
    pub(super) company: Company,
    /// Copies of the devices' folders.
    copies: PathBuf,
    /// The ids of all items.
    pub(super) ids: BTreeMap<&'static str, String>,
}

impl Home {
    pub(super) fn made() -> Self {
        let mut company = Company::nobody(41);
        company.clock.pass(START - company.clock.now());
        for at in 0..2 {
            company.add();
            lay_out(&company.devices[at], at);
        }
        link(&mut company.devices[0], 0);
        for schema in ["music", "books"] {
            let (document, role) = (Some(schema.to_owned()), RoleName::Write);
            let wish = Wish { document, role, seconds: 3_600, approved: true };
            let ticket = company.invite(0, &wish);
            company.join(0, 1, &ticket).unwrap();
        }
        company.talk(&[0, 1]);
        link(&mut company.devices[1], 1);
        for _ in 0..2 {
            company.talk(&[0, 1]);
            company.devices.iter_mut().for_each(|device| drop(device.pass()));
        }
        let copies = company.folder.path().join("copies");
        for device in &mut company.devices {
            let copy = copies.join(folder(device).file_name().unwrap());
            device.restart(|home| copy_over(home.parent().unwrap(), &copy));
        }
        let ids = BTreeMap::new();
        Self { company, copies, ids }
    }

    /// Everything as it was.
    pub(super) fn journey(mut self, seed: u64) -> Journey {
        let now = self.company.clock.now();
        self.company.clock.pass(START - now);
        self.company.seed = seed * 100;
        for (at, device) in (0..).zip(&mut self.company.devices) {
            device.seed = seed * 10 + at;
            let copy = self.copies.join(folder(device).file_name().unwrap());
            device.restart(|home| {
                let folder = home.parent().unwrap();
                fs::remove_dir_all(folder).unwrap();
                copy_over(&copy, folder);
            });
        }
        let mut journey = Journey {
            home: self,
            issued: vec![Issued::song(&SONGS[1]), Issued::song(&SONGS[3]), Issued::book(BOOK)],
            heard: Default::default(),
            laid: Default::default(),
            copies: Default::default(),
            in_step: [false; 2],
            is_moved: false,
            history: Vec::new(),
            serial: 0,
        };
        if journey.home.ids.is_empty() {
            journey.home.ids = journey.all_ids();
        }
        journey.goes(Event::Talk);
        journey
    }
}

/// What happens from then on.
pub(super) struct Journey {
    pub(super) home: Home,
    pub(super) issued: Vec<Issued>,
    pub(super) heard: [Heard; 2],
    /// The serials of the licences that lie on each device.
    laid: [BTreeMap<&'static str, u64>; 2],
    copies: [Option<Copied>; 2],
    /// Whether the libraries of a device are in step with what it has heard.
    pub(super) in_step: [bool; 2],
    pub(super) is_moved: bool,
    pub(super) history: Vec<Event>,
    serial: u64,
}

impl Journey {
    fn all_ids(&mut self) -> BTreeMap<&'static str, String> {
        let mut ids = BTreeMap::new();
        for schema in ["music", "books"] {
            for item in self.export(0, schema)["items"].as_array().unwrap() {
                let title = item["fields"]["title"].as_str().unwrap();
                let song = SONGS.iter().map(|song| song.name).find(|name| *name == title);
                ids.insert(song.unwrap_or(BOOK), item["id"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(ids.len(), 6);
        ids
    }

    pub(super) fn folder(&self, at: usize) -> PathBuf {
        folder(&self.home.company.devices[at])
    }

    pub(super) fn run(&mut self, at: usize, request: Request) -> Response {
        let done = self.home.company.devices[at].agent.run(request, &crate::Quiet);
        done.unwrap_or_else(|failure| panic!("{failure} after {:?}", self.history))
    }

    fn pass(&mut self, at: usize) {
        let request = Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };
        let Response::Pass(report) = self.run(at, request) else { panic!() };
        self.passed(at, &report);
    }

    /// A pass read what lies beside the files, and wrote all libraries.
    fn passed(&mut self, at: usize, report: &PassReport) {
        self.ensure(report.held.is_empty(), || format!("held: {report:?}"));
        for (item, serial) in &self.laid[at] {
            self.heard[at].serial(item, *serial);
        }
        self.in_step[at] = true;
    }

    pub(super) fn talk(&mut self) {
        let talked = self.home.company.talk(&[0, 1]);
        self.ensure(talked.in_step, || format!("they talk, and are apart: {talked:?}"));
        let [first, second] = &mut self.heard;
        first.hear(second);
        second.hear(first);
        self.in_step = [false; 2];
    }

    pub(super) fn issued(&mut self, item: &str) -> &mut Issued {
        self.issued.iter_mut().find(|issued| issued.item == item).unwrap()
    }

    /// Something happens, and everything is as it must be.
    pub(super) fn goes(&mut self, event: Event) {
        self.history.push(event);
        self.happens(event);
        for at in event.devices() {
            self.is_right(at);
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Laid(at, item, which) => self.lays(at, item, which),
            Event::Given(item, days) => {
                let now = self.home.company.clock.now();
                if item != BOOK {
                    self.issued(item).gives(now + days * DAY, now);
                }
            }
            Event::Pass(at) => self.pass(at),
            Event::Talk => self.talk(),
            Event::Joined(at) => self.joins(at),
            Event::Moved(at) => {
                apps::move_in_rhythmbox(&self.folder(at).join("rhythmbox"));
                (self.is_moved, self.in_step[at]) = (true, false);
            }
            Event::Relinked(at, app) => {
                // A list that differs from the document's would rightly be another one at first contact.
                self.pass(at);
                let library = spec(&self.home.company.devices[at], app);
                self.run(at, Request::Unlink { library: library.clone() });
                self.home.company.devices[at].link_all(vec![library]);
                self.in_step[at] = false;
                let songs = [LENT, BOUGHT].into_iter();
                for (item, serial) in songs.filter_map(|item| self.laid[at].get_key_value(item)) {
                    self.heard[at].serial(item, *serial);
                }
            }
            Event::Saved(at) => self.saves(at),
            Event::Restored(at) => self.restores(at, false),
            Event::AllRestored(at) => self.restores(at, true),
            Event::Days(days) => {
                self.home.company.clock.pass(days * DAY);
                self.in_step = [false; 2];
            }
            Event::Undone(at) => self.undoes(at),
            Event::Newer(at) => self.says_newer(at),
            Event::Told(at, days) => {
                let end = self.home.company.clock.now() + days * DAY;
                self.tells(at, end);
            }
        }
    }

    fn lays(&mut self, at: usize, item: &'static str, which: usize) {
        let folder = self.folder(at);
        let issued = self.issued(item);
        let place = folder.join(&issued.place);
        let Some((serial, _, bytes)) = issued.all.get(which % issued.all.len().max(1)) else {
            return;
        };
        if place.parent().is_some_and(Path::is_dir) {
            let serial = *serial;
            fs::write(place, bytes).unwrap();
            self.laid[at].insert(item, serial);
            self.in_step[at] = false;
        }
    }

    fn joins(&mut self, at: usize) {
        if self.heard[at].joined {
            return;
        }
        let (item, other) = (self.home.ids[BOUGHT].clone(), self.home.ids[TAKE].clone());
        self.run(at, Request::Match { item, other, apart: false });
        self.heard[at].joined = true;
        for (item, serial) in self.laid[at].clone() {
            self.heard[at].serial(item, serial);
        }
    }

    fn saves(&mut self, at: usize) {
        let folder =
            self.home.company.folder.path().join(format!("saved {at} {}", self.history.len()));
        self.home.company.devices[at].restart(|home| copy_over(home, &folder.join("home")));
        for app in APPS {
            copy_over(&self.folder(at).join(app), &folder.join(app));
        }
        self.copies[at] = Some(Copied { folder, heard: self.heard[at].clone() });
    }

    fn restores(&mut self, at: usize, all: bool) {
        let Some(Copied { folder, heard }) = &self.copies[at] else { return };
        let in_place = self.history.len().is_multiple_of(2);
        self.heard[at] = heard.clone();
        self.home.company.devices[at]
            .restart(|home| bring_back(&folder.join("home"), home, in_place));
        for app in APPS.iter().filter(|_| all) {
            copy_over(&folder.join(app), &self.folder(at).join(app));
        }
        self.in_step[at] = false;
    }

    fn undoes(&mut self, at: usize) {
        let Response::Log(rows) = self.run(at, Request::Log) else { panic!() };
        // Other operations would take the songs themselves away.
        if rows.iter().max_by_key(|row| row.operation).is_some_and(|row| row.kind == "sync") {
            let Response::Pass(report) = self.run(at, Request::Undo { operation: None }) else {
                panic!()
            };
            self.passed(at, &report);
        }
    }

    /// A device says something of the song; returns which statement that is.
    fn says(&mut self, at: usize, body: Box<[u8]>) -> StatementHash {
        let device = &mut self.home.company.devices[at];
        let document = document(device, "music");
        let signed = device.agent.home.device.sign(&Statement::Limit { document, body }).unwrap();
        say(&mut device.agent, document, std::slice::from_ref(&signed), &|_| Ok(())).unwrap();
        self.in_step[at] = false;
        signed.hash()
    }

    fn says_newer(&mut self, at: usize) {
        self.serial += 1;
        let item: ItemId = self.home.ids[LENT].parse().unwrap();
        let body = [&[77, 1][..], &item.0, &self.serial.to_be_bytes()].concat();
        let hash = self.says(at, body.into());
        self.heard[at].newer.insert(hash);
    }

    fn tells(&mut self, at: usize, end: i64) {
        self.serial += 1;
        let terms = Terms { valid_until: Some(end), ..Terms::default() };
        let item = self.home.ids[LENT].parse().unwrap();
        let claim = Claim::member(item, "Library", "badge", self.serial, terms);
        let proof = Proof::Signed { key: [7; 32] };
        let evidence = Some(b"what only that program can check".as_slice().into());
        let claim = Claim { carrier: "badge".into(), proof, evidence, ..claim };
        self.says(at, Body::Claim(claim.into()).encode().unwrap());
        self.heard[at].told.insert(at, (self.serial, end));
    }
}

fn folder(device: &Device) -> PathBuf {
    device.home.parent().unwrap().to_owned()
}

pub(super) fn document(device: &Device, schema: &str) -> DocumentId {
    let documents = device.store().documents().unwrap();
    documents.into_iter().find(|row| row.schema == schema).unwrap().id
}

/// Puts the files of a device there, and its players' libraries.
fn lay_out(device: &Device, at: usize) {
    let folder = folder(device);
    for song in songs(at) {
        let file = folder.join(song.place());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, carriers::bought(song.name)).unwrap();
    }
    fs::create_dir_all(folder.join("books")).unwrap();
    fs::write(folder.join("books/lamp.epub"), carriers::BOOK).unwrap();
    // Only the first device's players know what their user thinks of the songs.
    let known = |song: Song| Song { stars: 0, plays: 0, ..song };
    let songs: Vec<Song> =
        songs(at).into_iter().map(|song| if at == 0 { song } else { known(song) }).collect();
    apps::make_rhythmbox(&folder.join("rhythmbox"), &folder, &songs);
    apps::make_strawberry(&folder.join("strawberry"), &folder, &songs);
}

fn spec(device: &Device, app: &str) -> LibrarySpec {
    let name = if app == "tags" { "music/shop" } else { app };
    LibrarySpec { app: app.into(), path: Some(folder(device).join(name)), root: None }
}

/// Links all of a device's libraries.
fn link(device: &mut Device, at: usize) {
    let mut music: Vec<_> = APPS.iter().map(|app| spec(device, app)).collect();
    music.extend((at == 0).then(|| spec(device, "tags")));
    device.link_all(music);
    device.link_all(vec![spec(device, "books")]);
}
