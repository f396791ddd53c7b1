//! What must be so on each device, by what it can have heard.

use std::collections::BTreeSet;

use segue_access::Statement;
use segue_limits::Body;
use serde_json::Value as Json;

use super::apps::{self, LIST, Shown};
use super::journey::{APPS, BOOK, BOUGHT, DAY, Event, Home, Journey, LENT, TAKE, document, songs};
use crate::command::{LicenceRow, Request, Response};
use crate::peers::ingest::say;
use crate::peers::tests::device::Device;

impl Journey {
    /// Fails, with what happened.
    pub(super) fn ensure(&self, is_so: bool, what: impl FnOnce() -> String) {
        assert!(is_so, "{}\nafter {:?}", what(), self.history);
    }

    /// A device's document.
    pub(super) fn export(&mut self, at: usize, schema: &str) -> Json {
        let document = document(&self.home.company.devices[at], schema).to_string();
        match self.run(at, Request::Export { document: Some(document) }) {
            Response::Export(text) => serde_json::from_str(&text.0).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// All items that read as one with this one, on a device.
    fn component(&self, at: usize, item: &'static str) -> Vec<&'static str> {
        match item {
            BOUGHT | TAKE if self.heard[at].joined => vec![BOUGHT, TAKE],
            item => vec![item],
        }
    }

    /// The end of an item, by all that a device has heard.
    fn end(&self, at: usize, item: &'static str) -> Option<i64> {
        let heard = &self.heard[at];
        let of_one = |item: &str| {
            let issued = self.issued.iter().find(|issued| issued.item == item)?;
            issued.end(*heard.serials.get(item)?)
        };
        let ends = self.component(at, item).into_iter().filter_map(of_one);
        let told = heard.told.values().filter(|_| item == LENT).map(|(_, end)| *end);
        ends.chain(told).min()
    }

    fn is_denied(&self, at: usize, item: &str) -> bool {
        item == LENT && !self.heard[at].newer.is_empty()
    }

    fn may_be_listed(&self, at: usize, item: &'static str) -> bool {
        let now = self.home.company.clock.now();
        !self.is_denied(at, item) && self.end(at, item).is_none_or(|end| now < end)
    }

    /// No item has another end than its licences say, here; and where this device's players are in step, they
    /// list what may be listed and nothing else.
    pub(super) fn is_right(&mut self, at: usize) {
        let Response::Licences(rows) = self.run(at, Request::Licences) else { panic!() };
        let export = self.export(at, "music");
        let items = export["items"].as_array().unwrap();
        let ids = self.home.ids.clone();
        for (item, id) in ids {
            let component = self.component(at, item);
            let shown = component.iter().map(|item| &self.home.ids[item]).min().unwrap_or(&id);
            let row = rows.iter().find(|row| row.item == *shown);
            let expected = self.end(at, item);
            let says = row.and_then(|row| row.valid_until);
            self.ensure(says == expected, || {
                format!("{item} on {at} ends at {says:?}, not {expected:?}: {row:?}")
            });
            if let Some(song) = items.iter().find(|song| song["id"] == shown.as_str()) {
                let says = song["limits"]["valid_until"].as_i64();
                self.ensure(says == expected, || {
                    format!("the document on {at} says of {item} {says:?}, not {expected:?}")
                });
            }
            let is_valid = row.is_none_or(LicenceRow::is_valid);
            self.ensure(is_valid == self.may_be_listed(at, item), || {
                format!("{item} on {at}: {row:?}")
            });
            let is_shared = row.is_none_or(|row| !row.forbids("share"));
            self.ensure(is_shared != component.contains(&BOUGHT), || {
                format!("{item} on {at} may be shared: {row:?}")
            });
        }
        if self.in_step[at] {
            self.document_is_whole(at, &export);
            for app in APPS {
                self.lists_what_it_may(at, app);
            }
        }
    }

    /// Whatever is withheld: the document knows it, with what people think of it and its places.
    fn document_is_whole(&self, at: usize, export: &Json) {
        let lists = export["collections"].as_array().unwrap();
        self.ensure(lists.len() == 1, || format!("lists on {at}: {lists:?}"));
        let items = export["items"].as_array().unwrap();
        for (item, stars) in [(LENT, 4), (BOUGHT, 5)] {
            let ids: Vec<&String> =
                self.component(at, item).iter().map(|item| &self.home.ids[item]).collect();
            let found = items.iter().find(|item| ids.iter().any(|id| item["id"] == id.as_str()));
            let fields = found.map(|item| item["fields"].clone()).unwrap_or_default();
            let values = (fields["rating"].as_i64(), fields["play_count"].as_i64());
            self.ensure(values == (Some(20 * stars), Some(stars)), || {
                format!("the document on {at} says of {item} {values:?}: {found:?}")
            });
            let entries = lists[0]["entries"].as_array().unwrap();
            let places = entries.iter().filter(|entry| ids.iter().any(|id| **entry == id.as_str()));
            let count = places.count();
            self.ensure(count == 1, || {
                format!("{item} on {at} stands in {count} places: {entries:?}")
            });
        }
    }

    /// A player lists all that may be listed, and nothing else, in its library and in its playlist.
    fn lists_what_it_may(&self, at: usize, app: &'static str) {
        let Shown { songs: listed, lists } = apps::shown(app, &self.folder(at).join(app));
        let may: BTreeSet<String> = songs(at)
            .into_iter()
            .filter(|song| self.may_be_listed(at, song.name))
            .map(|song| song.name.to_owned())
            .collect();
        let is: BTreeSet<String> = listed.keys().cloned().collect();
        self.ensure(is == may, || format!("{app} on {at} lists {is:?}, not {may:?}"));
        let names: Vec<&String> = lists.keys().collect();
        self.ensure(names == [LIST], || format!("{app} on {at} has the lists {lists:?}"));
        let entries: BTreeSet<String> = lists[LIST].iter().cloned().collect();
        let played: BTreeSet<String> =
            may.into_iter().filter(|name| name != TAKE || self.heard[at].joined).collect();
        self.ensure(entries == played && lists[LIST].len() == played.len(), || {
            format!("{app} on {at} plays {:?}, not {played:?}", lists[LIST])
        });
        for (item, stars) in [(LENT, 4), (BOUGHT, 5)] {
            if let Some(values) = listed.get(item) {
                self.ensure(*values == (Some(20 * stars), Some(stars)), || {
                    format!("{app} on {at} says of {item} {values:?}")
                });
            }
        }
    }

    /// Everything is told everywhere, and everything ends.
    pub(super) fn ends(&mut self) {
        self.all_go(&[Event::Pass(0), Event::Pass(1), Event::Talk]);
        let ends = [LENT, BOUGHT, BOOK].map(|item| self.end(0, item).unwrap_or(0));
        let latest = ends.into_iter().max().unwrap_or(0);
        let days = (latest - self.home.company.clock.now()).max(0) / DAY + 1;
        self.all_go(&[Event::Days(days), Event::Pass(0), Event::Pass(1)]);
    }

    /// Everything is renewed, and comes back.
    pub(super) fn comes_back(mut self) -> Home {
        self.renews();
        self.all_go(&[Event::Pass(0), Event::Talk, Event::Pass(1), Event::Talk, Event::Pass(0)]);
        for item in [LENT, BOUGHT, TAKE] {
            for at in 0..2 {
                let is_back = self.may_be_listed(at, item);
                self.ensure(is_back, || format!("{item} is not renewed on {at}"));
            }
        }
        self.is_in_one_order();
        self.home.company.devices.iter_mut().for_each(Device::is_sound);
        self.home
    }

    pub(super) fn all_go(&mut self, events: &[Event]) {
        for event in events {
            self.goes(*event);
        }
    }

    /// Whoever said something says it anew.
    fn renews(&mut self) {
        for item in [LENT, BOUGHT] {
            self.goes(Event::Given(item, 30));
            let last = self.issued(item).all.len() - 1;
            self.goes(Event::Laid(0, item, last));
        }
        for at in 0..2 {
            if self.heard[at].told.contains_key(&at) {
                self.goes(Event::Told(at, 30));
            }
        }
        // What a newer Segue says only its owner takes back.
        let device = &mut self.home.company.devices[0];
        let document = document(device, "music");
        let person = &device.agent.home.person;
        let strikes: Vec<_> = std::mem::take(&mut self.heard[0].newer)
            .into_iter()
            .map(|statement| {
                let body = Body::Strike { statement }.encode().unwrap();
                person.sign(&Statement::Limit { document, body }).unwrap()
            })
            .collect();
        say(&mut device.agent, document, &strikes, &|_| Ok(())).unwrap();
        self.heard[1].newer.clear();
        self.talk();
    }

    /// All players of a device play the list in one order; where nobody moved a song, in the first one.
    fn is_in_one_order(&self) {
        for at in 0..2 {
            let [one, two] =
                APPS.map(|app| apps::shown(app, &self.folder(at).join(app)).lists.remove(LIST));
            self.ensure(one == two, || format!("on {at} {one:?} and {two:?}"));
            let mut first = vec!["a", LENT, "c"];
            first.extend((at == 0).then_some(BOUGHT));
            first.extend((at == 1 && self.heard[at].joined).then_some(TAKE));
            self.ensure(self.is_moved || one.as_ref().is_some_and(|one| *one == first), || {
                format!("on {at} {one:?}, not {first:?}")
            });
        }
    }
}

impl LicenceRow {
    fn is_valid(&self) -> bool {
        ["valid", "unverified"].contains(&self.state.as_str())
    }

    fn forbids(&self, name: &str) -> bool {
        self.licences.iter().any(|one| one.denied.iter().any(|denied| denied == name))
    }
}
