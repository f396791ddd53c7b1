//! Every law, on a database that the notmuch of this computer makes when the test begins.
//!
//! An index is bound to the version of Xapian that wrote it, so the fixtures are what notmuch makes one of: a
//! tree of mail, a configuration, and a dump of tags. Without notmuch there is nothing to try.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use segue_conformance::Subject;
use segue_notmuch::Notmuch;

/// Where in a home folder a configuration lies; the fixtures have the mail beside it.
const HOME: &str = ".config/notmuch/default";

fn main() -> ExitCode {
    if notmuch(Path::new("/"), &["--version"], "").is_err() {
        let _ = writeln!(std::io::stderr(), "here: notmuch is not installed");
        return ExitCode::SUCCESS;
    }
    let given = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = match made(&given.join("fixtures")) {
        Ok(made) => made,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "the fixtures cannot be indexed: {why}");
            return ExitCode::FAILURE;
        }
    };
    let subject = Subject::new(Notmuch::default(), made.path(), HOME, sound)
        .with_shared("notmuch locks its database, and only for each command")
        .with_unmodelled(unmodelled)
        .with_spoil(|path| notmuch(path, &["tag", "-attachment", "--", "*"], "").map(drop))
        .with_live(|_| Ok(Box::new(())));
    segue_conformance::suite(&subject, &given.join("tests/skips.txt"))
}

/// The fixtures, each indexed, with its tags.
fn made(given: &Path) -> Result<tempfile::TempDir, String> {
    let made = tempfile::tempdir().map_err(|error| error.to_string())?;
    // A trial that runs this program again has its library already.
    if std::env::var_os("SEGUE_CONFORMANCE_LIBRARY").is_some() {
        return Ok(made);
    }
    for version in fs::read_dir(given).map_err(|error| error.to_string())? {
        let version = version.map_err(|error| error.to_string())?;
        let stage = tempfile::tempdir().map_err(|error| error.to_string())?;
        let library = stage.path().join(HOME);
        copy(&version.path(), &library)?;
        notmuch(&library, &["new", "--no-hooks", "--quiet"], "")?;
        let dump = fs::read_to_string(library.join("tags.dump")).map_err(|e| e.to_string())?;
        notmuch(&library, &["restore"], &dump)?;
        copy(&library, &made.path().join(version.file_name()))?;
    }
    Ok(made)
}

/// What notmuch prints when it is run on the library at this path, and told `input`.
fn notmuch(library: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let home = library.ancestors().nth(3).unwrap_or(library);
    let mut command = Command::new("notmuch");
    for other in ["NOTMUCH_DATABASE", "NOTMUCH_PROFILE", "MAILDIR"] {
        command.env_remove(other);
    }
    let mut given = tempfile::tempfile().map_err(|error| error.to_string())?;
    given.write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    std::io::Seek::rewind(&mut given).map_err(|error| error.to_string())?;
    command.env("HOME", home).env("NOTMUCH_CONFIG", library.join("config"));
    let ran = command.args(arguments).stdin(given).output().map_err(|error| error.to_string())?;
    if !ran.status.success() {
        return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr)));
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| error.to_string())?;
    for entry in fs::read_dir(from).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, to).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

/// A copy of a library in a home of its own.
fn copied(library: &Path) -> Result<(tempfile::TempDir, PathBuf), String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = home.path().join(HOME);
    copy(library, &path)?;
    Ok((home, path))
}

/// notmuch can look for new mail, and then finds each file where it is.
fn sound(library: &Path) -> Result<(), String> {
    let (_home, copy) = copied(library)?;
    notmuch(&copy, &["new", "--no-hooks", "--quiet"], "")?;
    let known = notmuch(&copy, &["search", "--exclude=false", "--output=files", "*"], "")?;
    let known: BTreeSet<PathBuf> = known.lines().map(PathBuf::from).collect();
    let there: BTreeSet<PathBuf> = files(&copy.join("mail"))?
        .into_keys()
        .filter(|path| !path.starts_with(copy.join("mail/.notmuch")))
        .collect();
    let odd: Vec<_> = known.symmetric_difference(&there).collect();
    if odd.is_empty() { Ok(()) } else { Err(format!("notmuch and the disk differ in {odd:?}")) }
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            let bytes = fs::read(&path).map_err(|error| error.to_string())?;
            all.insert(path, bytes);
        }
    }
    Ok(all)
}

/// Each file without the marks that tags say and the one of what left its folder, what the database says of
/// itself, and the tags that notmuch makes or that are no text. Where a message lies is modelled.
fn unmodelled(library: &Path) -> Result<String, String> {
    let (_home, copy) = copied(library)?;
    let mut digest = BTreeSet::new();
    for (path, bytes) in files(&copy.join("mail"))? {
        if path.starts_with(copy.join("mail/.notmuch")) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (base, marks) = name.split_once(":2,").unwrap_or((&name, ""));
        let others: String = marks.chars().filter(|mark| !"DFPRST".contains(*mark)).collect();
        digest.insert(format!("{base} {others} {}", String::from_utf8_lossy(&bytes)));
    }
    for line in notmuch(&copy, &["dump"], "")?.lines() {
        let (tags, message) = line.split_once("-- ").unwrap_or((line, ""));
        let own = ["+attachment", "+encrypted", "+signed", "+%ff%fe"];
        let kept: Vec<_> = tags.split(' ').filter(|tag| own.contains(tag)).collect();
        digest.insert(if line.starts_with('#') {
            line.to_owned()
        } else {
            format!("{message} {kept:?}")
        });
    }
    Ok(digest.into_iter().collect::<Vec<_>>().join("\n"))
}
