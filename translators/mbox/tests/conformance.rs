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

/// A message as a program sees it that knows no more of mailboxes than where their parts end.
#[derive(Debug, Clone)]
struct Seen {
    header: String,
    body: String,
}

impl Seen {
    /// All messages of a mailbox.
    fn all(mailbox: &str) -> Vec<Self> {
        let split = |message: String| {
            let (header, body) = message.split_once("\n\n").unwrap_or((&message, ""));
            Self { header: header.to_owned(), body: body.to_owned() }
        };
        messages(mailbox).into_iter().map(split).collect()
    }

    /// What a field of its header says.
    fn value(&self, field: &str) -> Option<&str> {
        self.header.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(field).then_some(value.trim())
        })
    }

    fn id(&self) -> Option<String> {
        self.value("Message-ID").filter(|id| !id.is_empty()).map(str::to_owned)
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.value(field)?.parse().ok()
    }
}

/// Each mailbox of a fixture by its path, with its messages.
type Fixture = BTreeMap<PathBuf, Vec<Seen>>;

fn fixtures() -> Vec<Fixture> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let all = fs::read_dir(&fixtures).into_iter().flatten().flatten().map(|entry| {
        let found = mailboxes(&entry.path()).unwrap_or_default();
        let below = |path: PathBuf| {
            path.strip_prefix(entry.path()).map(Path::to_owned).unwrap_or(path.clone())
        };
        found.into_iter().map(|(path, text)| (below(path), Seen::all(&text))).collect()
    });
    all.collect()
}

static FIXTURES: OnceLock<Vec<Fixture>> = OnceLock::new();

/// A mail program finds messages that begin as they must, and in each a header that ends; none of them is missing, wherever
/// it lies now, and none is twice in a mailbox. A server finds numbers that grow, lengths that are right, and each keyword
/// where it looks for the names of all.
///
/// After an interrupted write messages may be there twice, and the last in pieces, of which the journal knows: then there
/// is asked only that none is missing and each begins.
fn sound(store: &Path) -> Result<(), String> {
    let all = mailboxes(store)?;
    let has = |path: &PathBuf| all.contains_key(&store.join(path));
    let fixture = FIXTURES.get_or_init(fixtures).iter().find(|one| one.keys().all(has));
    let all: BTreeMap<PathBuf, Vec<Seen>> =
        all.into_iter().map(|(path, text)| (path, Seen::all(&text))).collect();
    let ids = |messages: &BTreeMap<PathBuf, Vec<Seen>>| -> BTreeSet<String> {
        messages.values().flatten().filter_map(Seen::id).collect()
    };
    let missing: Vec<String> = fixture
        .map(|fixture| ids(fixture).difference(&ids(&all)).cloned().collect())
        .unwrap_or_default();
    if !missing.is_empty() {
        return Err(format!("messages are gone: {missing:?}"));
    }
    for (path, messages) in &all {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_interrupted = path.with_file_name(format!(".{name}.segue.lock")).exists();
        let whole = messages.len() - usize::from(is_interrupted && !messages.is_empty());
        let fail = |what: String| Err(format!("{}: {what}", path.display()));
        if let Some(one) = messages[..whole].iter().find(|one| !one.header.starts_with("From ")) {
            return fail(format!("it does not begin with `From `: {:.300}", one.header));
        }
        if let Some(one) = messages[..whole].iter().find(|one| one.header.ends_with('\n')) {
            return fail(format!("a header does not end: {:.300}", one.header));
        }
        if !is_interrupted {
            let fixture = fixture.map(|one| one.values().flatten().cloned().collect::<Vec<_>>());
            each_once(messages, fixture.as_deref().unwrap_or_default()).or_else(fail)?;
            served(messages, fixture.as_deref().unwrap_or_default()).or_else(fail)?;
        }
    }
    Ok(())
}

/// No message is in one mailbox more often than in all of a fixture.
fn each_once(messages: &[Seen], fixture: &[Seen]) -> Result<(), String> {
    let counts = |of: &[Seen]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for id in of.iter().filter_map(Seen::id) {
            *counts.entry(id).or_default() += 1;
        }
        counts
    };
    let most = counts(fixture);
    for (id, found) in counts(messages) {
        if found > most.get(&id).copied().unwrap_or(1) {
            return Err(format!("{id} is there {found} times"));
        }
    }
    Ok(())
}

/// What a server asks of a mailbox. A length and a keyword that came with a message may be wrong.
fn served(messages: &[Seen], fixture: &[Seen]) -> Result<(), String> {
    let numbers: Vec<u64> = messages.iter().filter_map(|one| one.number("X-UID")).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(format!("numbers do not grow: {numbers:?}"));
    }
    let base = messages.first().and_then(|first| first.value("X-IMAPbase"));
    let named: Vec<&str> = base.unwrap_or_default().split_whitespace().skip(2).collect();
    let last = base.and_then(|base| base.split_whitespace().nth(1)?.parse::<u64>().ok());
    if numbers.last() > last.as_ref().or(numbers.last()) {
        return Err(format!("a number is beyond the last: {numbers:?}"));
    }
    if messages.iter().skip(1).any(|one| one.value("X-IMAPbase").is_some()) {
        return Err("the mailbox is described by another than its first message".to_owned());
    }
    let mut twins: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for one in fixture {
        if let Some(id) = one.id() {
            twins.entry(id).or_default().push(one);
        }
    }
    for one in messages {
        let twins = one.id().and_then(|id| twins.get(&id)).map_or(&[][..], Vec::as_slice);
        let is_named = |word: &&str| named.iter().any(|name| name.eq_ignore_ascii_case(word));
        let words = |of: &Seen| -> Vec<String> {
            let value = of.value("X-Keywords").unwrap_or_default();
            value.split_whitespace().map(str::to_owned).collect()
        };
        let had = |word: &&String| twins.iter().any(|twin| words(twin).contains(*word));
        let mine = words(one);
        let mut nameless =
            mine.iter().filter(|word| base.is_some() && !is_named(&word.as_str()) && !had(word));
        if let Some(word) = nameless.next() {
            return Err(format!("the keyword {word} is named nowhere"));
        }
        let brought =
            |said: &u64| twins.iter().any(|twin| twin.number("Content-Length") == Some(*said));
        let body = one.body.len() as u64;
        let is_right = |said: &u64| body == *said || body == *said + 1 || brought(said);
        if one.number("Content-Length").is_some_and(|said| !is_right(&said)) {
            return Err(format!("a body of {body} bytes says another length: {:.300}", one.header));
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
        // What a message has in one mailbox alone does not go with it to another; what is there of it `sound` judges.
        "X-Keywords" | "X-Label" | "X-UID" | "X-IMAPbase" | "Content-Length" => String::new(),
        _ => value.to_owned(),
    };
    (!left.is_empty()).then(|| format!("{name}:{left}\n"))
}

/// Each message without the state that is modelled. Where a message lies is modelled, and so is in how many mailboxes:
/// what stays is which messages there are at all. That none is in one mailbox twice, `sound` judges.
fn unmodelled(store: &Path) -> Result<String, String> {
    let mut all = BTreeSet::new();
    for message in mailboxes(store)?.values().flat_map(|text| Seen::all(text)) {
        let header: String = message.header.lines().filter_map(left_of).collect();
        // How many empty lines part it from the next depends on where it lies.
        all.insert(header + "\n" + message.body.trim_end_matches('\n'));
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
