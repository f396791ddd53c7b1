//! A backup brings back what was there.

use std::path::Path;

use segue_translator::ErrorKind;

use super::guard::StartsAt;
use super::write::some_change;
use crate::edits;
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "backup::f33_restores_what_was_there", check: restores },
    Law { name: "backup::changes_no_byte", check: no_byte },
    Law { name: "backup::stale_restore_is_refused", check: stale },
    Law { name: "backup::f28_running_app_is_busy", check: running },
];

fn restores(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (before, _) = laid.read()?;
    let bytes = laid.bytes()?;
    let digest = || case.subject.unmodelled.as_ref().map(|digest| digest(&laid.path()));
    let unmodelled = digest();
    let changes = some_change(case, &laid)?;
    let into = laid.beside("backup")?;
    let copies = laid.open()?.back_up(&into).or_fail("cannot back up")?;
    ensure!(!copies.is_empty(), "nothing was backed up");
    for copy in &copies {
        ensure!(copy.starts_with(&into) && copy.exists(), "{} is no copy", copy.display());
    }
    let written = laid.write(&changes)?;
    let library = laid.open()?;
    let revision = library.restore(&written.revision, &into).or_fail("cannot restore")?;
    ensure!(laid.revision()? == revision, "restoring told another revision");
    laid.sound()?;
    let (mut after, _) = laid.read()?;
    edits::without_empty_places(&before, &mut after);
    if let Some(difference) = edits::difference(&before, &after) {
        return fail(difference);
    }
    let capabilities = case.capabilities()?;
    let may_place =
        edits::writable(capabilities).any(|one| capabilities.schema.is_places(one.field));
    for (path, found) in laid.bytes()? {
        let old = bytes.get(&path);
        // What an item was put into may stay, empty; a database may lay out the same content anew.
        let is_same = old == Some(&found)
            || may_place && old.is_none()
            || is_of_database(&path, &found) && unmodelled.is_some() && digest() == unmodelled;
        ensure!(is_same, "{} does not have the bytes that it had", path.display());
    }
    Ok(())
}

/// Whether a file is SQLite's, or one of those of Xapian, of which only the first has a mark.
fn is_of_database(path: &Path, bytes: &[u8]) -> bool {
    let is_table = path.extension().is_some_and(|extension| extension == "glass");
    bytes.starts_with(b"SQLite format 3\0") || path.ends_with("iamglass") || is_table
}

fn no_byte(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let before = laid.files()?;
    let into = laid.beside("backup")?;
    laid.open()?.back_up(&into).or_fail("cannot back up")?;
    ensure!(laid.files()? == before, "backing up touched a file of the library");
    Ok(())
}

fn stale(case: &Case<'_>) -> Verdict {
    let laid = case.lay()?;
    let (_, reading) = laid.read()?;
    let into = laid.beside("backup")?;
    laid.open()?.back_up(&into).or_fail("cannot back up")?;
    laid.write(&some_change(case, &laid)?)?;
    let before = laid.bytes()?;
    let restored = laid.open()?.restore(&reading.revision, &into);
    let kind = restored.as_ref().err().map(|error| error.kind);
    ensure!(kind == Some(ErrorKind::Stale), "expected `Stale`, found {restored:?}");
    ensure!(laid.bytes()? == before, "a refused restore touched a file");
    Ok(())
}

fn running(case: &Case<'_>) -> Verdict {
    case.is_left_alone()?;
    let laid = case.lay()?;
    let into = laid.beside("backup")?;
    laid.open()?.back_up(&into).or_fail("cannot back up")?;
    let written = laid.write(&some_change(case, &laid)?)?;
    let before = laid.bytes()?;
    let restored = laid.open_with(StartsAt::new(1))?.restore(&written.revision, &into);
    let kind = restored.as_ref().err().map(|error| error.kind);
    ensure!(kind == Some(ErrorKind::Busy), "expected `Busy`, found {restored:?}");
    ensure!(laid.bytes()? == before, "a restore beside the running app touched a file");
    Ok(())
}
