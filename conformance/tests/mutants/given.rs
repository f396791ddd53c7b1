//! What lies among the fixtures is as good as what a test gives.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use segue_conformance::{Outcome, Subject, trials};
use segue_memory::Kind;
use serde_json::{Value as Json, json};

use crate::broken::{Defect, Mutant};
use crate::{folder, outcome, parse};

/// The fixture of the exact app, and beside it everything that may lie there.
fn fixtures(into: &Path) -> Result<(), Failed> {
    let library = parse(&folder().join("../translators/memory/fixtures/exact/1"))?;
    let mut unknown = library.clone();
    unknown["format"] = 2.into();
    let mut large = library.clone();
    let items = large["items"].as_array_mut().ok_or("no items")?;
    items.extend((0..100_000).map(|number| json!({ "id": format!("/music/{number}.mp3") })));
    for (name, library) in [("1", &library), ("unknown-version", &unknown), ("large", &large)] {
        put(&into.join(name), library)?;
    }
    Ok(fs::write(into.join("unmodelled.txt"), "\"hue\"\n\"width\"\n")?)
}

fn put(folder: &Path, library: &Json) -> Result<(), Failed> {
    fs::create_dir(folder)?;
    Ok(fs::write(folder.join("library.json"), library.to_string())?)
}

fn subject(defect: Defect, fixtures: &Path) -> Subject {
    Subject::new(Mutant::new(defect), fixtures, ".local/share/memory-exact", |_| Ok(()))
        .named(format!("{defect:?}"))
}

pub(crate) fn is_tried() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fixtures(folder.path())?;
    for (defect, trial) in [
        (Defect::StripsUnknown, "write::unmodelled_content_survives"),
        (Defect::WritesUnknown, "guard::f31_unknown_version_is_read_only"),
    ] {
        match outcome(subject(defect, folder.path()), trial)? {
            Outcome::Failed(_) => {}
            other => return Err(format!("{trial} of {defect:?}: {other:?}").into()),
        }
        match outcome(subject(Defect::None(Kind::Exact), folder.path()), trial)? {
            Outcome::Passed => {}
            other => return Err(format!("{trial}: {other:?}").into()),
        }
    }
    // In a process of its own, which this program is not for subjects that it makes here.
    let alone = Subject { rerun: None, ..subject(Defect::None(Kind::Exact), folder.path()) };
    match outcome(alone, "size::reads_100_000_items_within_20_s_and_1_gib")? {
        Outcome::Skipped(reason) if reason.starts_with("here:") => {}
        other => return Err(format!("{other:?}").into()),
    }
    let all = trials(subject(Defect::None(Kind::Exact), folder.path()));
    match all.iter().find(|trial| trial.fixture != "1") {
        Some(trial) => Err(format!("{} is taken for a version", trial.fixture).into()),
        None => Ok(()),
    }
}

/// A text that is not there at all would show nothing.
pub(crate) fn must_lie_there() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    fixtures(folder.path())?;
    fs::write(folder.path().join("unmodelled.txt"), "\"hue\"\nno such text\n")?;
    let sane = subject(Defect::None(Kind::Exact), folder.path());
    match outcome(sane, "write::unmodelled_content_survives")? {
        Outcome::Failed(reason) if reason.contains("no such text") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
