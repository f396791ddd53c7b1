//! Every law, on stores that Dovecot made; what a mail server would take is asked of a check of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use segue_maildir::Maildir;

segue_conformance::suite! {
    translator: Maildir,
    fixtures: "fixtures",
    home: "Mail",
    named: "a person says where mail lies",
    shared: "Maildir is made for several programs at once",
    sound: sound,
    unmodelled: unmodelled,
    spoil: |path| fs::write(path.join("dovecot-uidlist"), "3 V1 N1\n").map_err(|e| e.to_string()),
    large: large,
}

/// Every file below a folder, by its path.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
    let mut all = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    for entry in entries {
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

/// The folder, what stays of its name, and the marks of a message's file.
fn message(path: &Path) -> Option<(&Path, &str, &str)> {
    let name = path.file_name()?.to_str()?;
    let part = path.parent()?;
    let is_message = part.ends_with("cur") || part.ends_with("new");
    let (base, marks) = name.split_once(":2,").unwrap_or((name, ""));
    (is_message && !name.starts_with('.')).then_some((part.parent()?, base, marks))
}

/// A server takes a file's marks from its name, in order, finds a keyword for each small letter,
/// expects as many bytes as the name says, and one file of a name in a folder.
fn sound(store: &Path) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (path, bytes) in files(store)? {
        let Some((folder, base, marks)) = message(&path) else { continue };
        let fail = |what: &str| Err(format!("{}: {what}", path.display()));
        if !seen.insert((folder.to_owned(), base.to_owned())) {
            return fail("another file has its name");
        }
        if !marks.bytes().is_sorted_by(|a, b| a < b) {
            return fail("its marks are not in order");
        }
        if !base.contains(&format!(",S={},", bytes.len())) && base.contains(",S=") {
            return fail("its name says another size");
        }
        let keywords = fs::read_to_string(folder.join("dovecot-keywords")).unwrap_or_default();
        for letter in marks.bytes().filter(u8::is_ascii_lowercase) {
            let number = format!("{} ", letter - b'a');
            if keywords.lines().filter(|line| line.starts_with(&number)).count() != 1 {
                return fail("a letter means no keyword");
            }
        }
    }
    Ok(())
}

/// Each message with the marks that are not modelled, and every file but those of keywords. Where a message
/// lies is modelled.
fn unmodelled(store: &Path) -> Result<String, String> {
    let mut digest = BTreeSet::new();
    for (path, bytes) in files(store)? {
        let bytes = String::from_utf8_lossy(&bytes);
        if let Some((_, base, marks)) = message(&path) {
            let others: String =
                marks.chars().filter(|c| !"DFPRST".contains(*c) && !c.is_lowercase()).collect();
            digest.insert(format!("{base} {others} {bytes}"));
        } else if !path.ends_with("dovecot-keywords") && !path.ends_with("maildirfolder") {
            digest.insert(format!("{} {bytes}", path.display()));
        }
    }
    Ok(digest.into_iter().collect::<Vec<_>>().join("\n"))
}

fn large(store: &Path, count: usize) -> Result<(), String> {
    for number in 0..count {
        let text = format!("Message-ID: <{number}@example>\nSubject: One of many\n\nHello\n");
        let path = store.join("cur").join(format!("{number}.many:2,S"));
        fs::write(path, text).map_err(|error| error.to_string())?;
    }
    Ok(())
}
