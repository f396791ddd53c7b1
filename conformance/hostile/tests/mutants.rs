//! A few thousand mutants, and the worst cases: CI feeds a hundred thousand in a release build.

use std::path::Path;

use segue_hostile::{cost, mutants};

#[test]
fn f36_mutants_of_every_message_do_no_harm() {
    let report = mutants::run(3_000, 20_261_201, &|| true);
    assert!(report.failures.is_empty(), "{report}");
    assert!(report.mutants() >= 3_000, "{report}");
}

#[test]
fn the_same_seed_makes_the_same_mutants() {
    let twice = [1, 1].map(|seed| mutants::run(300, seed, &|| true));
    assert_eq!(twice[0], twice[1]);
}

/// Time is measured in a release build only, by `segue-hostile --worst`.
#[test]
fn f38_a_hostile_mebibyte_costs_no_more_memory_than_it_may() {
    let costs = cost::all(Path::new(env!("CARGO_BIN_EXE_segue-hostile")));
    let dear: Vec<String> =
        costs.iter().filter(|cost| !cost.is_within(false)).map(ToString::to_string).collect();
    assert!(dear.is_empty(), "{}", dear.join("\n"));
}
