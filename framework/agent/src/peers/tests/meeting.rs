//! Honest devices that were apart meet again.

use segue_model::music::{PLAY_COUNT, RATING};
use segue_transport_memory::Weather;

use super::company::Company;
use super::device::set;

#[test]
fn a_rating_given_on_one_device_is_in_the_app_of_the_other() {
    let mut company = Company::of(2, 3, 1);
    company.devices[0].rates(1, 80);
    assert!(company.talk(&[0, 1]).in_step);
    company.devices[1].pass();
    assert_eq!(company.devices[1].rating(1), Some(80));
    company.meets();
}

#[test]
fn f15_two_apps_on_one_device_that_rate_apart_are_heard_by_others() {
    let mut company = Company::of(2, 2, 2);
    let other = company.devices[0].second_app();
    company.meets();
    // Neither app was shown what the other says.
    company.devices[0].rate(0, 80);
    set(&other, 0, &RATING, 40);
    company.devices[0].pass();
    company.devices[0].rate(1, 60);
    set(&other, 0, &RATING, 50);
    company.meets();
    assert_eq!(company.devices[1].rating(1), Some(60));
}

#[test]
fn a_year_apart_meets_without_inflating_or_doubling_anything() {
    let mut company = Company::of(2, 12, 3);
    company.devices[0].playlist("Shared", &[0, 1, 2]);
    company.meets();
    let plays = company.devices[0].value(5, &PLAY_COUNT).unwrap_or(0);
    let mut added = 0;
    for month in 0..12usize {
        company.clock.pass(30 * 86_400);
        for (at, device) in company.devices.iter_mut().enumerate() {
            let song = (month + 6 * at) % 12;
            device.set(song, &RATING, (month * 5 + at * 3) as i64);
            let count = device.value(5, &PLAY_COUNT).unwrap_or(0) + 1 + at as i64;
            device.set(5, &PLAY_COUNT, count);
            added += 1 + at as i64;
            device.playlist(&format!("Month {month} of {at}"), &[song, month]);
            device.playlist(
                "Shared",
                &[0, 1, 2, 3 + month / 2 + 5 * at][..3 + usize::from(month > 5)],
            );
            device.pass();
        }
        if month == 6 {
            // Both link anew, as after a new installation.
            for device in &mut company.devices {
                device.unlink();
                device.link();
            }
        }
    }
    company.meets_apart();
    for song in 0..12 {
        company.devices[0].rates(song, 50 + song as i64);
    }
    company.meets();
    for device in &company.devices {
        assert_eq!(device.value(5, &PLAY_COUNT), Some(plays + added));
        let lists = device.catalog().collections;
        let monthly = lists.iter().filter(|list| list.name.starts_with("Month")).count();
        assert_eq!((monthly, lists.len()), (24, 25), "{lists:?}");
    }
}

#[test]
fn in_bad_weather_they_meet_all_the_same() {
    for seed in 0..4 {
        let mut company = Company::of(3, 4, 70 + seed);
        company.weather = Weather { lost: 10, overtaken: 20, repeated: 10, changed: 0 };
        for (at, device) in company.devices.iter_mut().enumerate() {
            device.rates(at, 60 + at as i64);
        }
        company.meets();
        for device in &company.devices {
            let ratings = [0, 1, 2].map(|song| device.rating(song));
            assert_eq!(ratings, [Some(60), Some(61), Some(62)]);
        }
    }
}
