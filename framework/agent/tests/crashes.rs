//! What once went wrong after a crash, and a part of what `cargo run --release -p segue-faults` tries, with every
//! `cargo test`.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]
#![expect(clippy::print_stdout, reason = "how much was tried is part of the answer")]

use segue_faults::{Report, Wish, explore, kill, missing};

/// So many states of each scene, beside those that are kept.
const STATES: usize = 12;

/// So many kills, in all scenes together.
const KILLS: usize = 28;

fn all_goes_well(states: usize, scene: &str, tries: impl Fn(&Wish) -> Report) {
    if let Some(why) = missing() {
        println!("skipped: {why}");
        return;
    }
    let program = env!("CARGO_BIN_EXE_segue").into();
    let report = tries(&Wish { program, states, time: None, seed: 1, scene: scene.to_owned() });
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.tried() >= states, "{report}");
}

fn go_on_well_after_a_crash(scene: &str) {
    all_goes_well(STATES, scene, |wish| explore(wish).unwrap());
}

#[test]
fn f29_a_command_that_is_killed_at_any_moment_is_finished() {
    all_goes_well(KILLS, "", |wish| kill(wish).unwrap());
}

#[test]
fn f29_a_first_plan_that_is_cut_off_is_made_anew() {
    go_on_well_after_a_crash("first plan");
}

#[test]
fn f33_an_apply_that_is_cut_off_is_finished_and_has_a_backup_on_the_disk() {
    go_on_well_after_a_crash("apply");
}

#[test]
fn f30_a_sync_that_is_cut_off_is_finished_and_no_journal_takes_it_back() {
    go_on_well_after_a_crash("sync");
}

#[test]
fn f29_an_undo_that_is_cut_off_is_finished() {
    go_on_well_after_a_crash("undo of a first contact");
}

#[test]
fn f29_marks_of_mail_that_are_cut_off_are_finished() {
    go_on_well_after_a_crash("marks of mail");
}

#[test]
fn f29_moves_of_mail_that_are_cut_off_are_finished() {
    go_on_well_after_a_crash("moves of mail");
}
