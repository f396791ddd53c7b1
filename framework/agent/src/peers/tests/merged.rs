//! Devices that did different things to the same, whatever their clocks say.

use segue_model::music::PLAY_COUNT;

use super::company::Company;
use super::device::Device;
use crate::command::Request;

const YEAR: i64 = 365 * 86_400;

fn lists(device: &Device) -> Vec<(String, usize)> {
    let lists = device.catalog().collections.into_iter();
    let mut lists: Vec<_> = lists.map(|list| (list.name.into(), list.entries.len())).collect();
    lists.sort();
    lists
}

fn with_a_list(seed: u64) -> Company {
    let mut company = Company::of(3, 3, seed);
    company.devices[0].playlist("List", &[0, 1]);
    company.meets();
    assert_eq!(lists(&company.devices[2]), [("List".to_owned(), 2)]);
    company
}

fn remove_list(device: &Device) {
    device.edit(|catalog| catalog.collections.clear());
}

#[test]
fn f16_who_was_silent_for_ten_years_brings_nothing_back() {
    let mut company = with_a_list(91);
    remove_list(&company.devices[0]);
    company.devices[0].pass();
    company.talk(&[0, 1]);
    company.devices[1].pass();
    assert_eq!(lists(&company.devices[1]), []);
    company.clock.pass(10 * YEAR);
    // It has something of its own to say, and does not know.
    company.devices[2].rates(1, 75);
    company.meets();
    for device in &company.devices {
        assert_eq!((lists(device), device.rating(1)), (Vec::new(), Some(75)));
    }
}

#[test]
fn f17_what_was_said_last_wins_whatever_the_clocks_say() {
    let run = |skews: [i64; 4]| {
        let mut company = Company::of(2, 2, 92);
        for (at, skew) in skews.into_iter().enumerate() {
            company.clock.pass(skew);
            company.devices[at % 2].rates(0, 10 * (at as i64 + 1));
            company.devices[at % 2].set(1, &PLAY_COUNT, at as i64 + 5);
            company.devices[at % 2].pass();
            company.meets();
            company.clock.pass(-skew);
        }
        let shown = |device: &Device| (device.rating(0), device.value(1, &PLAY_COUNT));
        company.devices.iter().map(shown).collect::<Vec<_>>()
    };
    let straight = run([0; 4]);
    assert_eq!(straight, [(Some(40), Some(8)); 2]);
    assert_eq!(run([100 * YEAR, -40 * YEAR, 86_400, -53 * YEAR]), straight);
}

#[test]
fn f18_what_one_device_deletes_and_another_edits_stays() {
    let mut company = with_a_list(93);
    remove_list(&company.devices[0]);
    company.devices[0].pass();
    company.devices[1].playlist("List", &[0, 1, 2]);
    company.devices[1].pass();
    company.meets();
    for device in &company.devices {
        assert_eq!(lists(device), [("List".to_owned(), 3)]);
    }
}

#[test]
fn f39_what_is_restored_on_one_device_is_restored_on_all_and_stays() {
    let mut company = with_a_list(94);
    remove_list(&company.devices[0]);
    for song in 0..3 {
        company.devices[0].rate(song, 1);
    }
    company.meets();
    assert_eq!(lists(&company.devices[2]), []);
    // Somebody else goes on meanwhile.
    company.devices[1].set(1, &PLAY_COUNT, 4);
    company.devices[1].pass();
    company.devices[0].run(Request::Undo { operation: None });
    for _ in 0..3 {
        company.meets();
        for device in &company.devices {
            let ratings = [0, 1, 2].map(|song| device.rating(song));
            assert_eq!(ratings, [Some(20); 3], "restored, and still so");
            assert_eq!(lists(device), [("List".to_owned(), 2)]);
            assert_eq!(device.value(1, &PLAY_COUNT), Some(4));
        }
    }
}
