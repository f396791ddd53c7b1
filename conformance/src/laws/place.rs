//! Where a library lies: in a folder of any name, behind links, among files that are not its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use segue_translator::Place;
use segue_translator::model::{Catalog, CollectionEdit, Location};

use super::write::{some_change, without_refused_clears};
use crate::edits;
use crate::laid::{Laid, files_below};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "place::f13_folder_whose_name_is_no_text", check: no_text },
    Law { name: "place::links_stay_links", check: links },
    Law { name: "place::permissions_stay", check: permissions },
    Law { name: "place::no_other_file_is_left", check: leftovers },
    Law { name: "place::nothing_outside_is_touched", check: outside },
];

/// Writes a change; the library must then read as if nothing were special about its place.
fn write_and_read_back(case: &Case<'_>, laid: &Laid) -> Verdict {
    let (before, _) = laid.read()?;
    let changes = some_change(case, laid)?;
    let written = laid.write(&changes)?;
    let (after, _) = laid.read()?;
    let changes = without_refused_clears(changes, &written, &after)?;
    let mut expected = edits::expected(&before, &changes, &written, case.capabilities()?);
    edits::follow_names(&mut expected, &after, &changes);
    edits::difference(&expected, &after).map_or(Ok(()), fail)
}

/// The files of a live library are its app's doing.
fn own_files(case: &Case<'_>) -> Verdict {
    match case.subject.live {
        Some(_) => skip("declares: a live library, whose files the app itself writes"),
        None => Ok(()),
    }
}

fn no_text(case: &Case<'_>) -> Verdict {
    own_files(case)?;
    let name = OsStr::from_bytes(b"h\xff\xfeme");
    let laid = Laid::in_home(case.subject, case.fixture, name)?;
    let found = case.subject.translator.discover(&Place::new(laid.home(), BTreeMap::new()));
    let is_found = found == [laid.path()] || case.subject.named.is_some() && found.is_empty();
    ensure!(is_found, "expected {:?}, found {found:?}", laid.path());
    let (usual, shown) = (read_below(&case.lay()?)?, read_below(&laid)?);
    if let Some(difference) = edits::difference(&usual, &shown) {
        return fail(difference);
    }
    write_and_read_back(case, &laid)
}

/// Reads a library; content that lies in its own folder is told by the path below.
fn read_below(laid: &Laid) -> Verdict<Catalog> {
    let (mut catalog, _) = laid.read()?;
    let folder = Location::new(laid.path().as_os_str().as_bytes());
    for item in &mut catalog.items {
        let below = item.location.as_ref().and_then(|place| place.below(&folder));
        item.location = below.or(item.location.take());
    }
    Ok(catalog)
}

/// People keep an app's files elsewhere and link to them.
fn links(case: &Case<'_>) -> Verdict {
    own_files(case)?;
    let laid = case.lay()?;
    let elsewhere = laid.beside("elsewhere")?;
    let files: Vec<PathBuf> = laid.bytes()?.into_keys().collect();
    for (number, path) in files.iter().enumerate() {
        let folder = elsewhere.join(number.to_string());
        fs::create_dir(&folder).or_fail("cannot make a folder")?;
        let target = folder.join(path.file_name().unwrap_or_default());
        fs::rename(path, &target).or_fail("cannot move a file")?;
        symlink(&target, path).or_fail("cannot make a link")?;
    }
    write_and_read_back(case, &laid)?;
    // A link may have another name now.
    let mut replaced: Vec<PathBuf> = laid.bytes()?.into_keys().collect();
    replaced.retain(|path| files.contains(path));
    ensure!(replaced.is_empty(), "links were replaced by files: {replaced:?}");
    let found = links_below(&laid.path()).or_fail("cannot look at the links")?;
    ensure!(found >= files.len(), "of {} links {found} are left", files.len());
    Ok(())
}

fn links_below(folder: &Path) -> std::io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        count += if kind.is_dir() {
            links_below(&entry.path())?
        } else {
            usize::from(kind.is_symlink())
        };
    }
    Ok(count)
}

fn permissions(case: &Case<'_>) -> Verdict {
    own_files(case)?;
    let laid = case.lay()?;
    let piecewise = case.capabilities()?.piecewise;
    for mode in [0o600, 0o664] {
        let files: Vec<PathBuf> = laid.bytes()?.into_keys().collect();
        for path in &files {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).or_fail("cannot chmod")?;
        }
        laid.write(&some_change(case, &laid)?)?;
        let left = files.iter().filter(|path| path.exists());
        // Where each item is a file, it may have another name now.
        ensure!(piecewise || left.clone().count() == files.len(), "files are gone: {files:?}");
        for path in left {
            let found = fs::metadata(path).or_fail("a file is gone")?.permissions().mode() & 0o777;
            ensure!(found == mode, "{}: {mode:o} became {found:o}", path.display());
        }
    }
    Ok(())
}

fn leftovers(case: &Case<'_>) -> Verdict {
    own_files(case)?;
    let laid = case.lay()?;
    let before: Vec<PathBuf> = laid.bytes()?.into_keys().collect();
    laid.write(&some_change(case, &laid)?)?;
    let after: Vec<PathBuf> = laid.bytes()?.into_keys().collect();
    // Where each item is a file, its name may say something too.
    // Where each item is a file, its name may say something too, and the app may keep more.
    let is_temporary = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains(".segue-") || name.ends_with(".lock") || name.ends_with(".tmp")
    };
    let is_grown = after.len() >= before.len() && !after.iter().any(is_temporary);
    let is_same = after == before || case.capabilities()?.piecewise && is_grown;
    ensure!(is_same, "expected the files {before:?}, found {after:?}");
    Ok(())
}

fn outside(case: &Case<'_>) -> Verdict {
    let capabilities = case.capabilities()?;
    let laid = case.lay()?;
    let library = laid.path();
    let beside = library.parent().unwrap_or(&library).join("beside");
    for decoy in [&beside, &laid.home().join("decoy")] {
        fs::write(decoy, "not the library").or_fail("cannot make a decoy")?;
    }
    let others = |laid: &Laid| {
        let mut files = files_below(&laid.home()).or_fail("cannot look at the home")?;
        files.retain(|path, _| !path.starts_with(&library));
        Verdict::Ok(files)
    };
    let before = others(&laid)?;
    let mut changes = some_change(case, &laid)?;
    if let Some(support) = edits::writable_collection(capabilities) {
        let names = ["../beside", "../../decoy", &beside.to_string_lossy(), "..", "/"];
        changes.collections.extend(names.map(|name| CollectionEdit::Create {
            kind: support.kind,
            name: name.into(),
            parent: None,
            entries: Vec::new(),
        }));
    }
    // A name may be refused; what counts is what lies around.
    let _ = laid.try_write(&changes)?;
    for path in others(&laid)?.keys() {
        ensure!(before.contains_key(path), "{} appeared", path.display());
    }
    ensure!(others(&laid)? == before, "a file beside the library was touched");
    laid.sound()
}
