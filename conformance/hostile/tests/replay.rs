//! What once went wrong, and all that is kept of what a fuzzer found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use segue_hostile::{TARGETS, mutants, target};

/// What all fixtures may take in the repository.
const BYTES_MAX: u64 = 1 << 20;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    entries
}

#[test]
fn every_kept_input_does_no_harm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut size = 0;
    for folder in entries(&folder) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let target = target(name).unwrap_or_else(|| panic!("fixtures of no target: {name}"));
        for file in entries(&folder) {
            let bytes = fs::read(&file).unwrap();
            size += bytes.len() as u64;
            let fed = mutants::feed(target, bytes);
            assert!(fed.is_ok(), "{}: {}", file.display(), fed.unwrap_err().0);
        }
    }
    assert!(size <= BYTES_MAX, "the fixtures take {size} bytes");
}

#[test]
fn every_target_reads_what_is_real() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        let read = seeds.iter().filter(|seed| (target.run)(seed) == segue_hostile::Outcome::Read);
        assert!(read.count() > 0, "{} refuses all that is real", target.name);
    }
}

#[test]
fn targets_are_sorted_by_name() {
    assert!(TARGETS.is_sorted_by_key(|target| target.name));
}
