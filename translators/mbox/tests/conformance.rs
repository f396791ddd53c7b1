//! Every law, on mailboxes that Dovecot and a delivery agent made; what a mail program would take is asked
//! of a check of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use segue_mbox::Mbox;

segue_conformance::suite! {
    translator: Mbox,
    fixtures: "fixtures",
    home: "mail",
    named: "a person says where mail lies",
    shared: "mail programs take turns by locks",
    shrinks: "nothing says how long a mailbox was",
    sound: sound,
    unmodelled: unmodelled,
    spoil: spoil,
    large: large,
}

/// Every mailbox below a folder, by its path.
fn mailboxes(folder: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(mailboxes(&path)?);
        } else if !name.starts_with('.') && path.extension().is_none_or(|end| end != "lock") {
            let bytes = fs::read(&path).map_err(|error| error.to_string())?;
            all.insert(path, bytes.iter().map(|byte| char::from(*byte)).collect());
        }
    }
    Ok(all)
}

/// The messages of a mailbox, as a program takes them that knows nothing but `From `.
fn messages(mailbox: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut is_after_empty = true;
    for line in mailbox.split_inclusive('\n') {
        let is_from = line.starts_with("From ") && line.trim_end().ends_with("2024");
        match messages.last_mut() {
            Some(message) if !(is_from && is_after_empty) => message.push_str(line),
            _ => messages.push(line.to_owned()),
        }
        is_after_empty = line == "\n";
    }
    messages
}

/// The Message-IDs of all messages.
fn ids<'a>(mailboxes: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let headers = mailboxes.flat_map(|text| messages(text));
    let id = |message: String| {
        let header = message.split("\n\n").next().unwrap_or_default();
        let mut lines = header.lines();
        let id = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
        });
        id.filter(|id| !id.is_empty())
    };
    headers.filter_map(id).collect()
}

/// The mailboxes of each fixture below it, and the messages.
fn fixtures() -> Vec<(BTreeSet<PathBuf>, BTreeSet<String>)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let all = fs::read_dir(&fixtures).into_iter().flatten().flatten().map(|entry| {
        let found = mailboxes(&entry.path()).unwrap_or_default();
        let below = |path: &PathBuf| path.strip_prefix(entry.path()).unwrap_or(path).to_owned();
        (found.keys().map(below).collect(), ids(found.values()))
    });
    all.collect()
}

static FIXTURES: OnceLock<Vec<(BTreeSet<PathBuf>, BTreeSet<String>)>> = OnceLock::new();

/// A mail program finds messages that begin as they must, and in each a header that ends; and none is missing, wherever
/// it lies now. After an interrupted write there may be a piece of a message after all others, of which the journal
/// knows.
fn sound(store: &Path) -> Result<(), String> {
    let all = mailboxes(store)?;
    let has = |path: &PathBuf| all.contains_key(&store.join(path));
    let mut fixtures = FIXTURES.get_or_init(fixtures).iter();
    if let Some((_, expected)) = fixtures.find(|(paths, _)| paths.iter().all(has)) {
        let found = ids(all.values());
        let missing: Vec<&String> = expected.difference(&found).collect();
        if !missing.is_empty() {
            return Err(format!("messages are gone: {missing:?}"));
        }
    }
    for (path, text) in all {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_interrupted = path.with_file_name(format!(".{name}.segue")).exists();
        let mut messages = messages(&text);
        if is_interrupted {
            messages.pop();
        }
        for message in messages {
            let fail = |what: &str| Err(format!("{}: {what}: {message:.300}", path.display()));
            if !message.starts_with("From ") {
                return fail("it does not begin with `From `");
            }
            if !message.contains("\n\n") {
                return fail("a header does not end");
            }
        }
    }
    Ok(())
}

/// What a line of a header says beside the state that is modelled.
fn left_of(line: &str) -> Option<String> {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let letters = |known: &[char]| value.replace(known, "").trim().to_owned();
    let left = match name {
        "Status" => letters(&['R']),
        "X-Status" => letters(&['A', 'D', 'F', 'T']),
        // What a message has in one mailbox alone does not go with it to another.
        "X-Keywords" | "X-Label" | "X-UID" | "X-IMAPbase" | "Content-Length" => String::new(),
        _ => value.to_owned(),
    };
    (!left.is_empty()).then(|| format!("{name}:{left}\n"))
}

/// Each message without the state that is modelled, wherever it lies and however often.
fn unmodelled(store: &Path) -> Result<String, String> {
    let mut all = BTreeSet::new();
    for text in mailboxes(store)?.values() {
        for message in messages(text) {
            let (header, body) = message.split_once("\n\n").unwrap_or((&message, ""));
            let header: String = header.lines().filter_map(left_of).collect();
            all.insert(header + body.trim_end());
        }
    }
    Ok(all.into_iter().collect())
}

/// The first letter of a body becomes another.
fn spoil(store: &Path) -> Result<(), String> {
    let (path, text) = mailboxes(store)?.pop_first().ok_or("no mailbox")?;
    let at = text.find("\n\n").ok_or("no body")? + 2;
    let mut bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    bytes[at] = b'#';
    fs::write(path, bytes).map_err(|error| error.to_string())
}

fn large(store: &Path, count: usize) -> Result<(), String> {
    let message = |number| {
        format!(
            "From a@b Mon Jan  1 10:00:00 2024\nMessage-ID: <{number}@example>\n\
             Subject: One of many\nStatus: RO\n\nHello\n\n"
        )
    };
    let text: String = (0..count).map(message).collect();
    fs::write(store.join("many"), text).map_err(|error| error.to_string())
}
