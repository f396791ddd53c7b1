//! Beside the real Dovecot: what an IMAP session stores is read, and what is written here it shows, under
//! the UIDs that it knew, also while the session is open; and each waits for the other's locks.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use segue_mail::marks::FLAGS;
use segue_mbox::Mbox;
use segue_translator::model::{Catalog, ChangeSet, FieldEdit, Item, Value, mail};
use segue_translator::{Collector, ErrorKind, Idle, Library, Reading, Translator as _, Written};

/// A session with a server that runs for it alone, without a network.
struct Session {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    tag: u32,
}

impl Session {
    /// Sends a command; returns the lines of the answer.
    fn run(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.to.write_all(format!("{tag}{command}\r\n").as_bytes()).unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the session ended: {lines:?}");
            if let Some(end) = line.strip_prefix(&tag) {
                assert!(end.starts_with("OK"), "{command}: {line}");
                return lines;
            }
            lines.push(line.trim_end().to_owned());
        }
    }

    /// The flags of each message of the selected folder, by UID.
    fn flags(&mut self) -> BTreeMap<u32, Vec<String>> {
        let lines = self.run("UID FETCH 1:* (FLAGS)");
        let each = lines.iter().filter_map(|line| {
            let uid = line.split_once("UID ")?.1.split([' ', ')']).next()?.parse().ok()?;
            let flags = line.split_once("FLAGS (")?.1.split_once(')')?.0;
            let mut flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            flags.retain(|flag| !flag.is_empty() && flag != "\\Recent");
            flags.sort();
            Some((uid, flags))
        });
        each.collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A copy of a fixture with a server beside it.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// `None` where there is no Dovecot, which is said.
    fn new() -> Option<Self> {
        if !Path::new("/usr/bin/doveadm").exists() {
            let _ = writeln!(std::io::stderr(), "here: Dovecot is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dovecot-2.3.19");
        copy(&from, &folder.path().join("Mail"));
        let stage = Self { folder };
        stage.give_away();
        Some(stage)
    }

    fn mail(&self) -> PathBuf {
        self.folder.path().join("Mail")
    }

    /// Dovecot serves nobody as root: then the files are those of another user.
    fn give_away(&self) {
        if is_root() {
            let path = self.folder.path();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            let given = Command::new("chown").args(["-R", "65534:65534"]).arg(path).status();
            assert!(given.unwrap().success());
        }
    }

    fn session(&self) -> Session {
        let path = self.folder.path().display();
        let own = fs::metadata(self.mail().join("INBOX")).unwrap();
        let (user, group) = (own.uid().to_string(), own.gid().to_string());
        let text = format!(
            "protocols = imap\nbase_dir = {path}/run\nlog_path = {path}/log\n\
             mail_location = mbox:{path}/Mail:INBOX={path}/Mail/INBOX:INDEX={path}/index\nfirst_valid_uid = 0\n\
             mail_uid = {user}\nmail_gid = {group}\nssl = no\nmail_plugins =\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n\
             userdb {{\n  driver = static\n  args = uid={user} gid={group} home={path}\n}}\n"
        );
        let configuration = self.folder.path().join("dovecot.conf");
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new(if is_root() { "setpriv" } else { "env" });
        if is_root() {
            command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "env"]);
        }
        let imap = command
            .args(["USER=somebody", "doveadm", "-c"])
            .arg(&configuration)
            .args(["exec", "imap"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = imap.spawn().unwrap();
        let (to, from) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
        let mut session = Session { server, to, from: BufReader::new(from), tag: 0 };
        let mut greeting = String::new();
        session.from.read_line(&mut greeting).unwrap();
        assert!(greeting.starts_with("* PREAUTH"), "{greeting}");
        session
    }

    fn library(&self) -> Box<dyn Library> {
        Mbox.open(&self.mail(), Arc::new(Idle)).unwrap()
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(path, to).unwrap() }
    }
}

fn read(library: &dyn Library) -> (Catalog, Reading) {
    let (catalog, reading) = Collector::collect(library).unwrap();
    assert!(reading.losses.is_empty(), "{:?}", reading.losses);
    (catalog, reading)
}

/// The message with this beginning of its id.
fn message<'c>(catalog: &'c Catalog, id: &str) -> &'c Item {
    let is_it = |item: &&Item| {
        let value = item.fields.value(&mail::MESSAGE_ID).and_then(Value::as_text);
        value.is_some_and(|value| value.starts_with(id))
    };
    catalog.items.iter().find(is_it).unwrap()
}

fn texts<'i>(item: &'i Item, field: &segue_translator::model::Field) -> Vec<&'i str> {
    let list = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
    list.iter().map(|text| &**text).collect()
}

fn edit(item: &Item, field: &'static segue_translator::model::Field, new: &[&str]) -> FieldEdit {
    let old = item.fields.value(field).cloned();
    let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
    FieldEdit { item: item.id.clone(), field, old, new }
}

/// The UID of the message whose header says this id.
fn uid(session: &mut Session, id: &str) -> u32 {
    let lines = session.run(&format!("UID SEARCH HEADER Message-ID \"{id}\""));
    let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH ")).unwrap();
    found.split(' ').next().unwrap().parse().unwrap()
}

/// Gives a message other marks.
fn set(
    library: &dyn Library,
    id: &str,
    field: &'static segue_translator::model::Field,
    new: &[&str],
) -> Written {
    let (catalog, reading) = read(library);
    let fields = vec![edit(message(&catalog, id), field, new)];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    written
}

fn lower(all: &BTreeMap<u32, Vec<String>>) -> BTreeMap<u32, Vec<String>> {
    let lower = |flags: &Vec<String>| {
        let mut flags: Vec<String> = flags.iter().map(|flag| flag.to_ascii_lowercase()).collect();
        flags.sort();
        flags
    };
    all.iter().map(|(uid, flags)| (*uid, lower(flags))).collect()
}

#[test]
fn what_an_imap_session_stores_is_read() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    let (before, _) = read(&*library);
    assert_eq!(texts(message(&before, "a.0001"), &mail::FLAGS), ["seen"]);
    let revision = library.revision().unwrap();
    let mut session = stage.session();
    session.run("SELECT INBOX");
    let uid = uid(&mut session, "a.0001");
    session.run(&format!("UID STORE {uid} FLAGS (\\Flagged \\Deleted Later $Forwarded)"));
    // Until it is asked to, a server keeps to itself what changed.
    session.run("CHECK");
    assert_ne!(library.revision().unwrap(), revision);
    let (after, _) = read(&*library);
    let item = message(&after, "a.0001");
    assert_eq!(texts(item, &mail::FLAGS), ["flagged", "forwarded"]);
    assert_eq!(texts(item, &mail::KEYWORDS), ["later"]);
    assert_eq!(texts(item, &mail::FOLDERS), [""; 0], "a deleted copy lies nowhere");
    session.run(&format!("UID STORE {uid} -FLAGS (\\Deleted)"));
    session.run(&format!("UID MOVE {uid} Sent"));
    let (after, _) = read(&*library);
    assert_eq!(message(&after, "a.0001").id, message(&before, "a.0001").id);
    assert_eq!(texts(message(&after, "a.0001"), &mail::FOLDERS), ["Sent"]);
}

#[test]
fn what_lies_beside_a_mailbox_while_it_is_written_is_shown_as_none() {
    let Some(stage) = Stage::new() else { return };
    let mut session = stage.session();
    let before = session.run("LIST \"\" *");
    assert!(before.iter().any(|line| line.ends_with(" INBOX")), "{before:?}");
    for name in
        ["INBOX.lock", ".INBOX.segue.lock", ".INBOX.segue-new.lock", ".INBOX.segue-own.lock"]
    {
        fs::copy(stage.mail().join("INBOX"), stage.mail().join(name)).unwrap();
    }
    stage.give_away();
    let mut session = stage.session();
    assert_eq!(session.run("LIST \"\" *"), before);
}

#[test]
fn every_flag_goes_both_ways() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    for flag in &FLAGS {
        set(&*library, "a.0014", &mail::FLAGS, &[flag.name]);
        let mut session = stage.session();
        session.run("SELECT INBOX");
        let uid = uid(&mut session, "a.0014");
        let shown = lower(&session.flags())[&uid].clone();
        assert!(shown.contains(&flag.imap.to_ascii_lowercase()), "{} in {shown:?}", flag.imap);
        session.run(&format!("UID STORE {uid} -FLAGS ({})", flag.imap));
        session.run("CHECK");
        assert_eq!(texts(message(&read(&*library).0, "a.0014"), &mail::FLAGS), [""; 0]);
        session.run(&format!("UID STORE {uid} +FLAGS ({})", flag.imap));
        session.run("CHECK");
        assert_eq!(texts(message(&read(&*library).0, "a.0014"), &mail::FLAGS), [flag.name]);
        set(&*library, "a.0014", &mail::FLAGS, &[]);
        session.run("CHECK");
        let shown = lower(&session.flags())[&uid].clone();
        assert!(!shown.contains(&flag.imap.to_ascii_lowercase()), "{} in {shown:?}", flag.imap);
    }
}

#[test]
fn what_is_written_an_open_session_shows_under_the_same_uids() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    let mut session = stage.session();
    let validity =
        |lines: Vec<String>| lines.into_iter().find(|line| line.contains("UIDVALIDITY")).unwrap();
    let valid = validity(session.run("SELECT INBOX"));
    let (catalog, _) = read(&*library);
    let lies_there = |item: &&Item| texts(item, &mail::FOLDERS) == ["INBOX"];
    let ids = catalog.items.iter().filter(lies_there);
    let ids = ids.filter_map(|item| item.fields.value(&mail::MESSAGE_ID).and_then(Value::as_text));
    let mut all: Vec<(u32, &str)> = Vec::new();
    for id in ids.filter(|id| id.starts_with("a.")) {
        all.push((uid(&mut session, id), id));
    }
    all.sort_unstable();
    let mut expected = lower(&session.flags());
    // The first, which names keywords, one between, and the last.
    for (uid, id) in [all[0], all[all.len() / 2], all[all.len() - 1]] {
        set(&*library, id, &mail::FLAGS, &["answered", "flagged", "forwarded"]);
        let new = format!("new{uid}");
        set(&*library, id, &mail::KEYWORDS, &["$label1", &new]);
        let flags = ["$forwarded", "$label1", "\\answered", "\\flagged", &new];
        expected.insert(uid, flags.map(str::to_owned).into());
        session.run("CHECK");
        assert_eq!(lower(&session.flags()), expected, "{id}");
    }
    // A new session builds on the same file.
    let mut later = stage.session();
    assert_eq!(validity(later.run("SELECT INBOX")), valid);
    assert_eq!(lower(&later.flags()), expected);
    session.run("CHECK");
    let (after, _) = read(&*library);
    assert_eq!(after.items.len(), catalog.items.len());
}

#[test]
fn keywords_of_a_mailbox_that_no_server_has_seen_are_shown() {
    let Some(stage) = Stage::new() else { return };
    let text = "From a@b Mon Jan  1 10:00:00 2024\nMessage-ID: <plain@x>\nSubject: x\n\nHello\n\n";
    let two = format!("{text}{}", text.replace("plain", "other"));
    fs::write(stage.mail().join("Plain"), two).unwrap();
    stage.give_away();
    let library = stage.library();
    set(&*library, "other", &mail::KEYWORDS, &["brandnew"]);
    let mut session = stage.session();
    session.run("SELECT Plain");
    let uid = uid(&mut session, "other");
    assert_eq!(session.flags()[&uid], ["brandnew"]);
    session.run("CHECK");
    assert_eq!(texts(message(&read(&*library).0, "other"), &mail::KEYWORDS), ["brandnew"]);
}

#[test]
fn what_is_moved_copied_and_marked_an_open_session_shows_and_no_other_message_has_another_uid() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    set(&*library, "a.0014", &mail::FLAGS, &["flagged", "forwarded", "seen"]);
    set(&*library, "a.0014", &mail::KEYWORDS, &["brandnew", "work"]);
    let mut session = stage.session();
    session.run("SELECT INBOX");
    let mut before = lower(&session.flags());
    let gone = [uid(&mut session, "a.0001"), uid(&mut session, "a.0014")];
    let marked = uid(&mut session, "a.0068");
    assert!(gone.iter().all(|uid| before.remove(uid).is_some()));
    // One to a mailbox that is not there, the first of its mailbox to one that is.
    for (id, folders) in [
        ("a.0014", &["Größe"][..]),
        ("a.0001", &["Archive"]),
        ("a.0068", &["Größe"]),
        ("a.0068", &["Größe", "INBOX"]),
        ("a.0068", &["Größe"]),
    ] {
        set(&*library, id, &mail::FOLDERS, folders);
        let lines = session.run("CHECK");
        let expunged = lines.iter().filter(|line| line.ends_with("EXPUNGE")).count();
        assert!(expunged <= 1, "{id}: {lines:?}");
    }
    assert!(!session.flags().contains_key(&marked), "it was moved, and another came");
    before.remove(&marked);
    let copy = uid(&mut session, "a.0068");
    let mut after = lower(&session.flags());
    let flags = after.remove(&copy).unwrap();
    let inbox =
        String::from_utf8_lossy(&fs::read(stage.mail().join("INBOX")).unwrap()).into_owned();
    assert!(flags.contains(&"\\deleted".to_owned()), "{flags:?} {}", &inbox[inbox.len() - 1500..]);
    assert_eq!(after, before, "others have other UIDs or flags");
    let mut other = stage.session();
    other.run("SELECT \"Gr&APYA3w-e\"");
    let moved = uid(&mut other, "a.0014");
    let flags = ["$forwarded", "\\flagged", "\\seen", "brandnew", "work"];
    assert_eq!(lower(&other.flags())[&moved], flags);
    let copied = uid(&mut other, "a.0068");
    assert!(copied > moved);
    other.run("SELECT Archive");
    let moved = uid(&mut other, "a.0001");
    assert_eq!(lower(&other.flags())[&moved], ["\\seen"]);
    // And a new session finds the same.
    let mut later = stage.session();
    later.run("SELECT INBOX");
    let mut again = lower(&later.flags());
    again.remove(&copy);
    assert_eq!(again, before);
    assert_eq!(texts(message(&read(&*library).0, "a.0014"), &mail::FOLDERS), ["Größe"]);
}

#[test]
fn f28_a_server_that_holds_its_locks_is_waited_for() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    let (catalog, reading) = read(&*library);
    let mut session = stage.session();
    let text = "Message-ID: <appended@x>\r\nSubject: x\r\n\r\nHello\r\n";
    let command = format!("t0 APPEND INBOX {{{}}}\r\n", text.len());
    session.to.write_all(command.as_bytes()).unwrap();
    let mut line = String::new();
    session.from.read_line(&mut line).unwrap();
    assert!(line.starts_with('+'), "{line}");
    let (start, rest) = text.split_at(30);
    session.to.write_all(start.as_bytes()).unwrap();
    while !stage.mail().join("INBOX.lock").exists() {
        std::thread::yield_now();
    }
    let fields = vec![edit(message(&catalog, "a.0001"), &mail::FLAGS, &["answered"])];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    let error = library.write(&reading.revision, &changes).unwrap_err();
    assert!([ErrorKind::Busy, ErrorKind::Stale].contains(&error.kind), "{error}");
    session.to.write_all(format!("{rest}\r\n").as_bytes()).unwrap();
    line.clear();
    while !line.starts_with("t0 ") {
        line.clear();
        assert!(session.from.read_line(&mut line).unwrap() > 0);
    }
    assert!(line.starts_with("t0 OK"), "{line}");
    set(&*library, "a.0001", &mail::FLAGS, &["answered"]);
    let (after, _) = read(&*library);
    assert_eq!(after.items.len(), catalog.items.len() + 1);
    assert_eq!(texts(message(&after, "a.0001"), &mail::FLAGS), ["answered"]);
}

#[test]
fn a_session_and_a_writer_at_the_same_time_lose_nothing() {
    let Some(stage) = Stage::new() else { return };
    let library = stage.library();
    let (catalog, _) = read(&*library);
    let mut session = stage.session();
    session.run("SELECT INBOX");
    let uid = uid(&mut session, "a.0001");
    let id = message(&catalog, "a.0001").id.clone();
    std::thread::scope(|scope| {
        let (id, library) = (&id, stage.library());
        let writer = scope.spawn(move || {
            let (mut made, mut round) = (0, 0);
            while made < 20 && round < 400 {
                round += 1;
                let may_be = |error: &segue_translator::Error| {
                    assert!(matches!(error.kind, ErrorKind::Stale | ErrorKind::Busy), "{error}");
                };
                let (now, reading) = match Collector::collect(&*library) {
                    Ok(read) => read,
                    Err(error) => {
                        may_be(&error);
                        continue;
                    }
                };
                let item = now.item(id).unwrap();
                let mut flags = texts(item, &mail::FLAGS);
                match flags.iter().position(|flag| *flag == "answered") {
                    Some(place) => _ = flags.remove(place),
                    None => flags.insert(0, "answered"),
                }
                let fields = vec![edit(item, &mail::FLAGS, &flags)];
                let changes = ChangeSet { fields, ..ChangeSet::default() };
                let written = library.write(&reading.revision, &changes);
                made += usize::from(written.inspect_err(may_be).is_ok());
            }
            made
        });
        for _ in 0..60 {
            session.run(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"));
            session.run("CHECK");
            session.run(&format!("UID STORE {uid} -FLAGS.SILENT (\\Flagged)"));
            session.run("CHECK");
        }
        session.run(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"));
        assert!(writer.join().unwrap() > 0, "nothing could be written");
    });
    session.run("CHECK");
    let (after, _) = read(&*library);
    let flags = texts(after.item(&id).unwrap(), &mail::FLAGS);
    assert!(flags.contains(&"flagged") && flags.contains(&"seen"), "{flags:?}");
    assert_eq!(after.items.len(), catalog.items.len());
    assert!(session.flags().contains_key(&uid), "the message has another UID");
}
