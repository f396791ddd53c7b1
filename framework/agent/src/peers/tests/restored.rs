//! Homes that were copied, or brought back from a backup: the same device, and yet another.

use std::fs;
use std::path::Path;

use segue_model::music::PLAY_COUNT;

use super::company::Company;
use super::device::Device;

/// Copies what is in a folder over what is in another, as `cp` does: files that are there keep their inodes.
pub(super) fn copy_over(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_over(&entry.path(), &target);
        } else {
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Brings a home back from a backup: in its place, or beside it and then renamed.
pub(super) fn bring_back(backup: &Path, home: &Path, in_place: bool) {
    for name in ["segue.db-wal", "segue.db-shm"] {
        let _ = fs::remove_file(home.join(name));
    }
    if in_place {
        copy_over(backup, home);
    } else {
        let fresh = home.with_file_name("fresh");
        copy_over(backup, &fresh);
        fs::rename(fresh.join("segue.db"), home.join("segue.db")).unwrap();
    }
}

/// Device 1 is restored from last month's backup; `first` says whether it edits before it meets anybody.
fn last_months_backup(seed: u64, in_place: bool, first: bool) {
    let mut company = Company::of(2, 4, seed);
    let backup = company.folder.path().join("backup");
    company.devices[1].restart(|home| copy_over(home, &backup));
    // A month goes by.
    company.clock.pass(30 * 86_400);
    company.devices[1].rates(0, 80);
    company.devices[1].set(3, &PLAY_COUNT, 5);
    company.devices[1].pass();
    company.talk(&[0, 1]);
    company.devices[0].pass();
    company.devices[0].rates(1, 81);
    let before = company.devices[1].agent.home.actor;
    company.devices[1].restart(|home| bring_back(&backup, home, in_place));
    let restored = company.devices[1].agent.home.actor;
    assert_eq!(restored == before, in_place, "only another inode shows at once");
    if first {
        // The app was not restored, so it shows what the store has forgotten; and its user goes on.
        company.devices[1].rates(2, 83);
    }
    assert!(company.talk(&[0, 1]).in_step);
    assert_ne!(company.devices[1].agent.home.actor, before);
    company.devices[1].rates(3, 84);
    company.meets();
    for device in &company.devices {
        let ratings = [1, 3].map(|song| device.rating(song));
        assert_eq!(ratings, [Some(81), Some(84)]);
        assert_eq!(device.value(3, &PLAY_COUNT), Some(5));
        assert_eq!(device.rating(0), Some(80));
        assert_eq!(device.rating(2), Some(if first { 83 } else { 20 }));
    }
    let told = company.devices.iter().flat_map(Device::culprits).collect::<Vec<_>>();
    assert!(told.iter().all(|row| row.why == "two changes under one number"), "{told:?}");
}

#[test]
fn f15_a_backup_brought_back_in_place_meets_before_it_edits() {
    last_months_backup(21, true, false);
}

#[test]
fn f15_a_backup_brought_back_in_place_edits_before_it_meets() {
    last_months_backup(22, true, true);
}

#[test]
fn f15_a_backup_brought_back_as_another_file_meets_before_it_edits() {
    last_months_backup(23, false, false);
}

#[test]
fn f15_a_backup_brought_back_as_another_file_edits_before_it_meets() {
    last_months_backup(24, false, true);
}

#[test]
fn f15_a_home_copied_to_a_second_device_is_two_that_both_write() {
    let mut company = Company::of(2, 4, 25);
    let at = company.devices.len();
    let folder = company.folder.path().join(at.to_string());
    let copy = folder.join("home");
    company.devices[1].restart(|home| copy_over(home, &copy));
    copy_over(&company.devices[1].library.clone(), &folder.join("library"));
    let mut twin = Device::open(copy, folder.join("library"), &company.clock, 2_599, "the copy");
    twin.moves_library();
    company.devices.push(twin);
    assert_eq!(company.devices[at].id(), company.devices[1].id());
    assert_ne!(company.devices[at].agent.home.actor, company.devices[1].agent.home.actor);
    for (device, song, rating) in [(1, 0, 70), (at, 1, 71), (1, 2, 72), (at, 3, 73)] {
        company.devices[device].rates(song, rating);
    }
    // They have one key, so nobody can talk to both at once.
    for _ in 0..3 {
        for device in [1, at] {
            assert!(company.talk(&[0, device]).in_step);
            company.devices[0].pass();
        }
    }
    company.agrees(&[0]);
    for song in 0..4 {
        assert_eq!(company.devices[0].rating(song), Some(70 + song as i64));
    }
    let first = company.devices[0].export();
    for device in [1, at] {
        company.talk(&[0, device]);
        assert_eq!(company.devices[device].export(), first);
        company.devices[device].is_sound();
    }
    assert_eq!(company.devices[0].culprits(), []);
}

#[test]
fn plays_on_a_copied_home_are_not_added_up_yet() {
    let mut company = Company::of(2, 1, 26);
    let at = company.devices.len();
    let folder = company.folder.path().join(at.to_string());
    let copy = folder.join("home");
    company.devices[1].restart(|home| copy_over(home, &copy));
    copy_over(&company.devices[1].library.clone(), &folder.join("library"));
    let mut twin = Device::open(copy, folder.join("library"), &company.clock, 2_699, "the copy");
    twin.moves_library();
    company.devices.push(twin);
    for (device, plays) in [(1, 2), (at, 3)] {
        company.devices[device].set(0, &PLAY_COUNT, plays);
        company.devices[device].pass();
        company.talk(&[0, device]);
    }
    company.devices[0].pass();
    // Wrong: it should be 5. Both count for one link, whose part is one number, and the larger stays. A copied
    // store would have to go on under links of its own.
    assert_eq!(company.devices[0].value(0, &PLAY_COUNT), Some(3));
}

#[test]
fn f15_a_whole_disk_brought_back_loses_nothing_that_others_have() {
    // Which of two changes with one number stays is for their hashes to say: both ways are tried.
    for seed in 270..276 {
        let mut company = Company::of(2, 2, seed);
        let [backup, library] = ["backup", "app"].map(|name| company.folder.path().join(name));
        copy_over(&company.devices[1].library, &library);
        company.devices[1].restart(|home| copy_over(home, &backup));
        company.devices[1].rates(0, 80);
        company.talk(&[0, 1]);
        company.devices[0].pass();
        copy_over(&library, &company.devices[1].library);
        company.devices[1].restart(|home| bring_back(&backup, home, true));
        // Its user plays the very song that they had rated, and does not know.
        company.devices[1].set(0, &PLAY_COUNT, 3);
        company.devices[1].pass();
        company.meets();
        for device in &company.devices {
            assert_eq!((device.rating(0), device.value(0, &PLAY_COUNT)), (Some(80), Some(3)));
        }
    }
}
