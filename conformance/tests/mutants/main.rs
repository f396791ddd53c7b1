//! Each law must be able to fail: every trial has a translator with one defect that it must catch.
//!
//! The table of defects and the trials that catch them is generated into `docs/conformance.md`, and
//! so is that of translators and trials; `SEGUE_BLESS=1` writes them. A trial without a mutant fails
//! here.

mod bend;
mod broken;
mod coverage;
mod given;
mod page;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use segue_conformance::{Outcome, Subject, child, mutants, trials};
use segue_memory::Kind;
use serde_json::Value as Json;

use broken::{Defect, Mutant};

/// A defect, in words, and the trials that must catch it.
struct Row(Defect, &'static str, &'static [&'static str]);

static TABLE: &[Row] = &[
    Row(
        Defect::FindsNothing,
        "discovery finds nothing",
        &["discover::finds_the_library_in_a_home"],
    ),
    Row(
        Defect::FindsAlways,
        "discovery finds what is not there",
        &["discover::finds_nothing_in_an_empty_home"],
    ),
    Row(
        Defect::ForgivesErrors,
        "what cannot be read is an empty library",
        &[
            "discover::opens_nothing_where_nothing_is",
            "hostile::f06_truncated_is_not_a_shorter_library",
            "hostile::empty_is_not_an_empty_library",
            "hostile::garbage_is_an_error",
            "hostile::folder_in_place_of_a_file_is_an_error",
        ],
    ),
    Row(Defect::ForgetsAnItem, "every second read lacks an item", &["read::two_reads_are_equal"]),
    Row(Defect::TouchesOnRead, "reading writes the same bytes", &["read::changes_no_byte"]),
    Row(Defect::Reverses, "items come in the wrong order", &["read::is_sorted_and_unique"]),
    Row(Defect::ReadsNonsense, "a rating reads as 1,000", &["read::values_are_what_the_app_holds"]),
    Row(
        Defect::ReadsOtherRevision,
        "a read tells another revision",
        &["read::revision_is_that_of_the_library"],
    ),
    Row(
        Defect::SendsUnwanted,
        "items are sent that nobody wants",
        &["read::unwanted_containers_send_nothing"],
    ),
    Row(
        Defect::SendsTooLittle,
        "of an item that the reader knows nothing is sent",
        &["read::what_is_known_need_not_be_sent"],
    ),
    Row(
        Defect::TouchesOnWrite,
        "every write writes the file anew",
        &["write::nothing_writes_nothing", "write::old_values_write_nothing"],
    ),
    Row(Defect::DropsComposer, "one field is never written", &["write::random_edits_read_back"]),
    Row(
        Defect::ConstantRevision,
        "the revision never changes",
        &["write::revision_changes_with_the_library"],
    ),
    Row(
        Defect::StripsUnknown,
        "a write drops what is not modelled",
        &["write::unmodelled_content_survives"],
    ),
    Row(
        Defect::SilentlyReadOnly,
        "edits of read-only fields vanish",
        &["write::read_only_fields_are_refused"],
    ),
    Row(
        Defect::Erodes,
        "a rating loses a point with each write",
        &["values::f23_ratings_do_not_erode"],
    ),
    Row(
        Defect::HoldsHalf,
        "holding a value twice halves it twice",
        &["values::holding_is_idempotent"],
    ),
    Row(Defect::ShortCounters, "counters end at 65,535", &["values::counters_read_back"]),
    Row(Defect::ShortTimes, "times end in 2038", &["values::f25_times_far_away_read_back"]),
    Row(Defect::ZeroIsAbsent, "zero clears a field", &["values::f24_absent_is_not_zero"]),
    Row(Defect::ComposesText, "decomposed letters are composed", &["values::f13_names_read_back"]),
    Row(Defect::ShortLists, "a set keeps two elements", &["values::sets_read_back"]),
    Row(Defect::CreatesEmpty, "a new playlist is empty", &["collections::are_created"]),
    Row(Defect::KeepsNames, "renaming does nothing", &["collections::are_renamed"]),
    Row(
        Defect::LosesRenamed,
        "a renamed playlist is gone",
        &["collections::keep_their_ids_when_renamed"],
    ),
    Row(Defect::SortsEntries, "reordering sorts by path", &["collections::f21_are_reordered"]),
    Row(Defect::DropsRepeats, "a song stands once", &["collections::f21_repeats_are_kept"]),
    Row(Defect::KeepsRemoved, "removing does nothing", &["collections::are_removed"]),
    Row(
        Defect::CleansNames,
        "a slash in a name becomes a line",
        &["collections::f13_names_read_back"],
    ),
    Row(
        Defect::JoinsNames,
        "a second playlist of a name is the first",
        &["collections::same_names_stay_apart"],
    ),
    Row(
        Defect::IgnoresRevision,
        "a stale revision is good enough",
        &["guard::stale_revision_is_refused", "backup::stale_restore_is_refused"],
    ),
    Row(
        Defect::IgnoresOld,
        "what an edit expects is not compared",
        &[
            "guard::f19_changed_values_are_refused_and_the_rest_written",
            "guard::f19_changed_collections_are_refused",
        ],
    ),
    Row(Defect::SkipsStrangers, "edits of unknown items vanish", &["guard::strangers_are_refused"]),
    Row(Defect::NeverAsks, "nobody asks whether the app runs", &["guard::f28_running_app_is_busy"]),
    Row(
        Defect::AsksOnce,
        "nobody asks again before the file is replaced",
        &["guard::f28_app_started_meanwhile_is_busy"],
    ),
    Row(
        Defect::WritesUnknown,
        "an unknown version is written",
        &["guard::f31_unknown_version_is_read_only"],
    ),
    Row(
        Defect::RestoresNothing,
        "restoring does nothing",
        &["backup::f33_restores_what_was_there"],
    ),
    Row(Defect::TouchesOnBackup, "backing up writes the same bytes", &["backup::changes_no_byte"]),
    Row(Defect::Panics, "a damaged file is a panic", &["hostile::flipped_bytes_do_no_harm"]),
    Row(
        Defect::HangsReading,
        "the rest of a damaged file is waited for, for ever",
        &["hostile::f06_truncated_is_not_a_shorter_library"],
    ),
    Row(Defect::HangsWriting, "a write waits for ever", &["write::random_edits_read_back"]),
    Row(
        Defect::ReadsPipes,
        "anything of the right name is opened",
        &["hostile::pipe_in_place_of_a_file_is_an_error"],
    ),
    Row(
        Defect::WritesInPlace,
        "the file is written in place",
        &["crash::f29_killed_it_is_old_or_new"],
    ),
    Row(
        Defect::SwallowsErrors,
        "a failed write is a success",
        &["crash::f29_disk_full_it_is_old_or_new", "crash::f29_disk_failing_it_is_old_or_new"],
    ),
    Row(
        Defect::FindsTwice,
        "discovery finds a library twice",
        &["discover::finds_the_library_in_a_home"],
    ),
    Row(
        Defect::OwnParent,
        "a playlist lies in itself",
        &["read::parents_are_collections_and_no_circle"],
    ),
    Row(
        Defect::CachesReads,
        "what was read once is shown for ever",
        &["read::sees_what_was_written_elsewhere"],
    ),
    Row(
        Defect::FirstOnly,
        "only the first edit of a write is made",
        &["write::random_edits_read_back"],
    ),
    Row(
        Defect::DayRevisions,
        "the revision is the day of the last change",
        &["write::revision_changes_with_the_library"],
    ),
    Row(
        Defect::ReversesTheFile,
        "a write reorders neighbours in the file",
        &["write::unmodelled_content_survives"],
    ),
    Row(
        Defect::WholeStars,
        "ratings are rounded to stars, undeclared",
        &["values::f23_ratings_do_not_erode"],
    ),
    Row(
        Defect::Milliseconds,
        "seconds are written as milliseconds",
        &["values::f25_times_far_away_read_back"],
    ),
    Row(
        Defect::WholeMinutes,
        "times lose their seconds, undeclared",
        &["values::f25_times_far_away_read_back"],
    ),
    Row(
        Defect::SummerHour,
        "times in summer are an hour late",
        &["values::f25_times_far_away_read_back"],
    ),
    Row(
        Defect::LocalTimes,
        "times are read in the local zone",
        &["values::f25_zones_shift_nothing"],
    ),
    Row(Defect::AbsentIsZero, "clearing writes zero", &["values::f24_absent_is_not_zero"]),
    Row(Defect::TrimsText, "spaces around a title are trimmed", &["values::f13_names_read_back"]),
    Row(Defect::LowersText, "titles are written in lower case", &["values::f13_names_read_back"]),
    Row(
        Defect::DropsEmoji,
        "characters beyond 16 bits become question marks",
        &["values::f13_names_read_back"],
    ),
    Row(Defect::JoinsSpaces, "runs of spaces become one", &["values::f13_names_read_back"]),
    Row(Defect::EscapesTwice, "an ampersand is escaped twice", &["values::f13_names_read_back"]),
    Row(
        Defect::SplitsLists,
        "an artist with a semicolon becomes two",
        &["values::f13_names_read_back"],
    ),
    Row(Defect::DropsLast, "a new playlist lacks its last entry", &["collections::are_created"]),
    Row(
        Defect::SwapsEntries,
        "reordering exchanges two neighbours",
        &["collections::f21_are_reordered"],
    ),
    Row(Defect::AppendsEntries, "reordering appends instead", &["collections::f21_are_reordered"]),
    Row(
        Defect::RemovesNamesakes,
        "removing a playlist removes all of its name",
        &["collections::namesakes_are_edited_apart"],
    ),
    Row(
        Defect::DropsParents,
        "a playlist leaves its folder silently",
        &["collections::parents_are_kept_or_refused"],
    ),
    Row(Defect::TrimsIds, "ids are trimmed", &["guard::f13_nearly_equal_ids_are_strangers"]),
    Row(
        Defect::FoldsIds,
        "ids are equal but for their case",
        &["guard::f13_nearly_equal_ids_are_strangers"],
    ),
    Row(
        Defect::Clamps,
        "impossible values become the nearest possible",
        &["guard::impossible_values_are_refused"],
    ),
    Row(
        Defect::SkipsUnknown,
        "edits of unknown playlists vanish",
        &["guard::unknown_collections_are_refused"],
    ),
    Row(
        Defect::DropsStrangeEntries,
        "unknown entries are left out silently",
        &["guard::entries_that_are_no_items_are_refused"],
    ),
    Row(Defect::LossyPaths, "paths are made text", &["place::f13_folder_whose_name_is_no_text"]),
    Row(Defect::ReplacesLinks, "a link is replaced by a file", &["place::links_stay_links"]),
    Row(Defect::OpensModes, "a private file becomes readable by all", &["place::permissions_stay"]),
    Row(Defect::LeavesLitter, "a temporary file is left", &["place::no_other_file_is_left"]),
    Row(
        Defect::WritesOutside,
        "a name with `..` leads out of the library",
        &["place::nothing_outside_is_touched"],
    ),
    Row(
        Defect::RestoresBesideTheApp,
        "restoring asks nobody whether the app runs",
        &["backup::f28_running_app_is_busy"],
    ),
    Row(
        Defect::RestoresAnotherLayout,
        "a restored file has other bytes",
        &["backup::f33_restores_what_was_there"],
    ),
    Row(
        Defect::PanicsOnHalves,
        "half of a surrogate pair is a panic",
        &["hostile::garbage_is_an_error"],
    ),
    Row(
        Defect::Leaks,
        "memory is kept for each item",
        &["size::reads_100_000_items_within_20_s_and_1_gib"],
    ),
    Row(
        Defect::RemovesFirst,
        "the old file is removed before the new one stands",
        &["crash::f29_killed_it_is_old_or_new"],
    ),
    Row(
        Defect::ComparesEarly,
        "nobody compares again after the app was asked for",
        &[
            "race::f19_another_item_changed_meanwhile_is_kept",
            "race::f19_the_same_item_changed_meanwhile_is_kept",
            "race::f19_collections_changed_meanwhile_are_kept",
        ],
    ),
    Row(
        Defect::TriesAgain,
        "what is stale is written once more, whatever it expects",
        &["race::f19_the_same_item_changed_meanwhile_is_kept"],
    ),
    Row(
        Defect::PutsBack,
        "a write that fails puts the old file back, whoever changed it since",
        &[
            "race::f19_another_item_changed_meanwhile_is_kept",
            "race::f19_collections_changed_meanwhile_are_kept",
        ],
    ),
    Row(
        Defect::FieldsFirst,
        "fields are written before playlists, each for itself",
        &["race::f19_collections_changed_meanwhile_are_kept"],
    ),
    Row(
        Defect::HidesNothing,
        "what shall be hidden stays listed",
        &["listing::f41_hidden_items_are_listed_as_missing"],
    ),
    Row(
        Defect::HidesForGood,
        "hiding removes the song with all that is not modelled",
        &[
            "listing::f41_hidden_items_are_listed_as_missing",
            "listing::f41_shown_items_come_back_whole",
        ],
    ),
    Row(
        Defect::ShowsBare,
        "what is shown again has no values",
        &["listing::shown_items_hold_what_changed_meanwhile"],
    ),
    Row(Defect::SkipsHiding, "hiding unknown items vanishes", &["listing::strangers_are_refused"]),
    Row(
        Defect::HidesUnasked,
        "hiding is not declared, not done, and not refused",
        &["listing::who_hides_nothing_refuses"],
    ),
    Row(
        Defect::OverwritesSets,
        "the whole set is written, whatever came into it meanwhile",
        &["values::f19_elements_that_came_meanwhile_stay"],
    ),
    Row(
        Defect::MakesNoPlaces,
        "the folder of a message is not made",
        &["places::are_made_with_the_first_item"],
    ),
    Row(
        Defect::CopiesItems,
        "a message is another in each folder",
        &["places::copies_are_one_item"],
    ),
    Row(
        Defect::LosesCopies,
        "a message that is taken from one folder is taken from all",
        &["places::copies_are_one_item"],
    ),
    Row(
        Defect::KeepsOldPlaces,
        "a message stays where it is taken from",
        &["places::moved_items_lie_only_there", "places::items_in_no_place_are_still_items"],
    ),
    Row(
        Defect::ForgetsHomeless,
        "a message in no folder is not shown",
        &["places::items_in_no_place_are_still_items"],
    ),
    Row(
        Defect::MovesToNowhere,
        "a message is moved to a folder that cannot be",
        &["places::f13_names_that_are_no_places_move_nothing"],
    ),
    Row(
        Defect::LeadsOutOfPlaces,
        "a folder whose name has `..` lies beside the library",
        &["places::f13_names_that_are_no_places_move_nothing"],
    ),
    Row(
        Defect::EmptiesUnread,
        "the marks of what cannot be read are none",
        &["unseen::f06_what_cannot_be_read_is_not_told_as_gone"],
    ),
];

/// How many defects the table must have.
const ROWS_MIN: usize = 60;

fn main() -> ExitCode {
    let mut subjects: Vec<_> = TABLE.iter().map(|row| subject(row.0)).collect();
    subjects.push(subject(Defect::None(Kind::Exact)));
    if let Some(code) = child(&subjects) {
        return code;
    }
    let mut tests = Vec::new();
    for row in TABLE {
        for name in row.2 {
            let defect = row.0;
            let run = move || is_killed(defect, name);
            tests.push(Trial::test(format!("{name} catches {defect:?}"), run));
        }
    }
    tests.push(Trial::test("every_trial_has_a_mutant", every_trial_has_a_mutant));
    tests.push(Trial::test("the_tables_in_the_docs_are_current", page::is_current));
    tests.push(Trial::test(
        "each_law_has_a_mutant_for_any_format",
        each_law_has_a_mutant_for_any_format,
    ));
    tests.push(Trial::test("nothing_to_spoil_is_a_skip", nothing_to_spoil_is_a_skip));
    tests.push(Trial::test("the_table_of_a_record_shows_skips", coverage::shows_skips));
    tests.push(Trial::test("no_fixtures_is_a_failure", no_fixtures_is_a_failure));
    tests.push(Trial::test("what_lies_among_the_fixtures_is_tried", given::is_tried));
    tests.push(Trial::test("unmodelled_texts_must_lie_in_the_fixture", given::must_lie_there));
    tests.push(Trial::test("a_hang_is_called_a_hang", a_hang_is_called_a_hang));
    tests.push(Trial::test("without_strace_a_crash_trial_is_a_skip", no_rerun_is_a_skip));
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn subject(defect: Defect) -> Subject {
    let mutant = Mutant::new(defect);
    let app = mutant.kind().capabilities().app;
    let fixtures =
        folder().join("../translators/memory/fixtures").join(app.trim_start_matches("memory-"));
    let subject = Subject::new(mutant, fixtures, Path::new(".local/share").join(app), |path| {
        parse(path).map(drop)
    })
    .named(format!("{defect:?}"))
    .with_unmodelled(|path| {
        let library = parse(path)?;
        let hues = library["items"].as_array().into_iter().flatten().map(|item| &item["hue"]);
        Ok(format!("{} {:?}", library["window"], hues.collect::<Vec<_>>()))
    })
    .with_unknown_version(|path| {
        let mut library = parse(path)?;
        library["format"] = 2.into();
        std::fs::write(file(path), library.to_string()).map_err(|error| error.to_string())
    })
    .with_large(|path, count| {
        let mut library = parse(path)?;
        let items = library["items"].as_array_mut().ok_or("no items")?;
        items.extend((0..count).map(|n| serde_json::json!({ "id": format!("/music/{n}.mp3") })));
        std::fs::write(file(path), library.to_string()).map_err(|error| error.to_string())
    });
    // Who waits for ever is not waited for as long as who is slow.
    let hangs = [Defect::HangsReading, Defect::HangsWriting].contains(&defect);
    let patience = if hangs { Duration::from_secs(2) } else { subject.patience };
    Subject { patience, ..subject }
}

fn file(path: &Path) -> PathBuf {
    path.join("library.json")
}

fn parse(path: &Path) -> Result<Json, String> {
    let bytes = std::fs::read(file(path)).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn outcome(subject: Subject, name: &str) -> Result<Outcome, Failed> {
    let trial = trials(subject).into_iter().find(|trial| trial.name == name);
    Ok(trial.ok_or_else(|| format!("there is no trial `{name}`"))?.run())
}

fn is_killed(defect: Defect, name: &str) -> Result<(), Failed> {
    match outcome(subject(defect), name)? {
        Outcome::Failed(_) => {}
        // Without `strace` a crash cannot be tried, which the conformance tests say.
        Outcome::Skipped(reason) if reason.starts_with("here:") => return Ok(()),
        survived => return Err(format!("it survives: {survived:?}").into()),
    }
    // A trial that fails on everything catches nothing.
    match outcome(subject(Defect::None(Mutant::new(defect).kind())), name)? {
        Outcome::Failed(reason) => Err(format!("it fails without the defect too: {reason}").into()),
        _ => Ok(()),
    }
}

fn every_trial_has_a_mutant() -> Result<(), Failed> {
    let all = trials(subject(Defect::None(Kind::Exact)));
    let all: BTreeSet<_> = all.iter().map(|trial| trial.name).collect();
    let covered: BTreeSet<_> = TABLE.iter().flat_map(|row| row.2.iter().copied()).collect();
    if TABLE.len() < ROWS_MIN {
        return Err(format!("only {} mutants", TABLE.len()).into());
    }
    let missing: Vec<_> = all.difference(&covered).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no mutant for {missing:?}").into()) }
}

fn no_fixtures_is_a_failure() -> Result<(), Failed> {
    let empty = tempfile::tempdir()?;
    let none = Subject { fixtures: empty.path().to_owned(), ..subject(Defect::None(Kind::Exact)) };
    let outcomes: Vec<_> = trials(none).iter().map(segue_conformance::Trial::run).collect();
    match &outcomes[..] {
        [Outcome::Failed(_)] => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn a_hang_is_called_a_hang() -> Result<(), Failed> {
    match outcome(subject(Defect::HangsWriting), "write::random_edits_read_back")? {
        Outcome::Failed(reason) if reason.starts_with("hangs: ") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn no_rerun_is_a_skip() -> Result<(), Failed> {
    let alone = Subject { rerun: None, ..subject(Defect::None(Kind::Exact)) };
    match outcome(alone, "crash::f29_killed_it_is_old_or_new")? {
        Outcome::Skipped(reason) if reason.starts_with("here:") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn each_law_has_a_mutant_for_any_format() -> Result<(), Failed> {
    let laws: Vec<u8> =
        mutants(&subject(Defect::None(Kind::Exact))).iter().map(|m| m.law).collect();
    if laws == (1..=10).collect::<Vec<u8>>() { Ok(()) } else { Err(format!("{laws:?}").into()) }
}

/// A suite whose author gives nothing to spoil says so instead of passing.
fn nothing_to_spoil_is_a_skip() -> Result<(), Failed> {
    let all = mutants(&subject(Defect::None(Kind::Exact)));
    let spoils = all.iter().find(|mutant| mutant.law == 4).ok_or("law 4 has no mutant")?;
    let outcomes: Vec<_> = spoils.caught().iter().map(segue_conformance::Trial::run).collect();
    match &outcomes[..] {
        [Outcome::Skipped(_)] => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
