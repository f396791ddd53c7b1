//! What stays on one device is nowhere on another: not in its log, not in any of its files.

use std::path::Path;

use segue_document::spelled;
use segue_model::{Collection, Value, music};

use super::company::Company;
use super::device::{Device, path};
use crate::command::{ExcludeAction, Excluded, Request, RoleName};

/// In every value, path and name that must not leave.
const SECRET: &str = "whispered";

fn exclude(device: &mut Device, what: Excluded) {
    let (library, from, until) = (None, None, None);
    device.run(Request::Exclude { action: ExcludeAction::Add { what, library, from, until } });
}

/// What a device has of others and for others, spelled out.
fn log(device: &Device) -> String {
    let mut log = String::new();
    for shard in 0..=255 {
        for entry in device.store().log(&device.document(), shard).unwrap() {
            log.push_str(&spelled(&entry.raw).unwrap());
        }
    }
    for statement in device.store().statements(&device.document()).unwrap() {
        log.push_str(&String::from_utf8_lossy(&statement.bytes));
    }
    log
}

/// Whether any file in a folder has these bytes.
fn is_in_files(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return is_in_files(&path, bytes);
        }
        let Ok(content) = std::fs::read(&path) else { return false };
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

fn secret_song(device: &Device) {
    device.edit(|catalog| {
        let mut item = segue_model::Item::at("/m/diary/whispered.mp3");
        item.fields.set(&music::TITLE, Value::text("whispered song"));
        catalog.items.push(item);
        catalog.items.sort_by(|a, b| a.id.cmp(&b.id));
    });
}

fn secret_list(device: &Device, songs: &[&str]) {
    device.edit(|catalog| {
        catalog.collections.retain(|list| !list.name.starts_with("Diary"));
        let entries = songs.iter().map(|song| (*song).into()).collect();
        catalog.collections.push(Collection {
            id: "diary".into(),
            kind: &music::PLAYLIST,
            name: "Diary, whispered".into(),
            parent: None,
            entries,
            rule: None,
        });
    });
}

fn comment(device: &Device, song: usize, text: &str) {
    let id = path(song).as_str().into();
    device.edit(|catalog| {
        let item = catalog.items.iter_mut().find(|item| item.id == id).unwrap();
        item.fields.set(&music::COMMENT, Value::text(text));
    });
}

/// A founder whose secrets are there before anything is linked, and another device.
fn company(seed: u64) -> Company {
    let mut company = Company::nobody(seed);
    company.add();
    let first = &mut company.devices[0];
    first.fill(0..4);
    comment(first, 1, "whispered at first");
    secret_song(first);
    secret_list(first, &[&path(0), "/m/diary/whispered.mp3"]);
    first.playlist("Mix", &[0, 1, 2]);
    exclude(first, Excluded::Field("comment".into()));
    exclude(first, Excluded::place("/m/diary".into()));
    let name = Some("Diary, whispered".into());
    exclude(first, Excluded::Collection { name, kind: None });
    first.link();
    let at = company.add();
    company.let_in(0, at, RoleName::Write);
    company.talk(&[0, at]);
    company.devices[at].fill(0..4);
    company.devices[at].link();
    company
}

/// Passes; links anew what an undo of its first contact unlinked.
fn goes_on(device: &mut Device) {
    if !device.store().links().unwrap().iter().any(|row| row.active) {
        device.link();
    }
    device.pass();
}

#[test]
fn f43_secrets_are_nowhere_on_another_device_whatever_both_do() {
    for seed in 0..4 {
        let mut company = company(80 + seed);
        let mut chance = fastrand::Rng::with_seed(seed);
        for round in 0..24 {
            let who = chance.usize(..2);
            let device = &mut company.devices[who];
            let song = chance.usize(..4);
            match chance.usize(..8) {
                0 => device.rate(song, 10 * chance.i64(1..9)),
                1 => comment(&company.devices[0], song, &format!("whispered {round}")),
                2 => secret_list(&company.devices[0], &[&path(song)]),
                3 => device.playlist("Mix", &[song, (song + 1) % 4, 0]),
                4 => {
                    let mix = &mut |catalog: &mut segue_model::Catalog| {
                        let lists = catalog.collections.iter_mut();
                        for list in lists.filter(|list| *list.name == *"Mix") {
                            list.entries.insert(0, "/m/diary/whispered.mp3".into());
                        }
                    };
                    company.devices[0].edit(mix);
                }
                5 => _ = device.agent.run(Request::Undo { operation: None }, &crate::Quiet),
                6 => _ = device.agent.run(Request::Redo, &crate::Quiet),
                _ => _ = company.talk(&[0, 1]),
            }
            goes_on(&mut company.devices[chance.usize(..2)]);
        }
        company.devices.iter_mut().for_each(goes_on);
        company.meets_apart();
        let (first, second) = (&company.devices[0], &company.devices[1]);
        assert!(log(first).contains("Song 1") && log(second).contains("Song 1"), "they share");
        assert!(!log(first).contains(SECRET), "seed {seed}: in what the device gives");
        assert!(!log(second).contains(SECRET), "seed {seed}: in what the other got");
        assert!(!is_in_files(&second.home, SECRET.as_bytes()), "seed {seed}: in its files");
        assert!(!is_in_files(&second.library, SECRET.as_bytes()), "seed {seed}: in its app");
        assert!(
            is_in_files(&first.library, SECRET.as_bytes()),
            "seed {seed}: its own app keeps it"
        );
    }
}
