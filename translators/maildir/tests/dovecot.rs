//! Beside the real Dovecot: what an IMAP session stores is read, and what is written it shows, under
//! the UIDs that it knew, also while the session is open.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use segue_maildir::Maildir;
use segue_translator::model::{Catalog, ChangeSet, Field, FieldEdit, Item, Value, mail};
use segue_translator::{Collector, Idle, Library, Reading, Translator as _};

/// A session with a server that runs for it alone, without a network.
struct Session {
    server: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    tag: u32,
}

impl Session {
    /// Sends a command that is carried out; returns the lines of the answer.
    fn run(&mut self, command: &str) -> Vec<String> {
        let (lines, end) = self.try_run(command);
        assert!(end.starts_with("OK"), "{command}: {end}");
        lines
    }

    /// Sends a command; returns the lines of the answer, and how it ended.
    fn try_run(&mut self, command: &str) -> (Vec<String>, String) {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.to.write_all(format!("{tag}{command}\r\n").as_bytes()).unwrap();
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the session ended: {lines:?}");
            if let Some(end) = line.strip_prefix(&tag) {
                return (lines, end.to_owned());
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
    layout: &'static str,
}

impl Stage {
    /// `None` where there is no Dovecot, which is said.
    fn new(fixture: &str, layout: &'static str) -> Option<Self> {
        if !Path::new("/usr/bin/doveadm").exists() {
            let _ = writeln!(std::io::stderr(), "here: Dovecot is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        copy(&from, &folder.path().join("Mail"));
        let stage = Self { folder, layout };
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
        let (path, layout) = (self.folder.path().display(), self.layout);
        let own = fs::metadata(self.mail().join("cur")).unwrap();
        let (user, group) = (own.uid().to_string(), own.gid().to_string());
        let text = format!(
            "protocols = imap\nbase_dir = {path}/run\nlog_path = {path}/log\n\
             mail_location = maildir:{path}/Mail{layout}\nfirst_valid_uid = 0\n\
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
        Maildir.open(&self.mail(), Arc::new(Idle)).unwrap()
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

fn layouts() -> impl Iterator<Item = Stage> {
    let all = [("dovecot-2.3.19-maildirpp", ""), ("dovecot-2.3.19-fs", ":LAYOUT=fs")];
    all.into_iter().filter_map(|(fixture, layout)| Stage::new(fixture, layout))
}

#[test]
fn what_an_imap_session_stores_is_read() {
    for stage in layouts() {
        let library = stage.library();
        let (before, _) = read(&*library);
        assert_eq!(texts(message(&before, "a.0001"), &mail::FLAGS), ["seen"]);
        let revision = library.revision().unwrap();
        let mut session = stage.session();
        session.run("SELECT INBOX");
        let uid = uid(&mut session, "a.0001");
        session.run(&format!("UID STORE {uid} FLAGS (\\Flagged \\Deleted Later $Forwarded)"));
        assert_ne!(library.revision().unwrap(), revision);
        let (after, _) = read(&*library);
        let item = message(&after, "a.0001");
        assert_eq!(texts(item, &mail::FLAGS), ["flagged", "forwarded"]);
        assert_eq!(texts(item, &mail::KEYWORDS), ["later"]);
        assert_eq!(texts(item, &mail::FOLDERS), [""; 0], "it was deleted from its folder");
        session.run(&format!("UID STORE {uid} -FLAGS (\\Deleted)"));
        let (after, _) = read(&*library);
        assert_eq!(texts(message(&after, "a.0001"), &mail::FOLDERS), ["INBOX"]);
        session.run(&format!("UID MOVE {uid} Sent"));
        let (after, _) = read(&*library);
        assert_eq!(message(&after, "a.0001").id, message(&before, "a.0001").id);
        assert_eq!(texts(message(&after, "a.0001"), &mail::FOLDERS), ["Sent"]);
    }
}

#[test]
fn what_is_written_an_open_session_shows_under_the_same_uids() {
    for stage in layouts() {
        let library = stage.library();
        let mut session = stage.session();
        let validity = |lines: Vec<String>| {
            lines.into_iter().find(|line| line.contains("UIDVALIDITY")).unwrap()
        };
        let valid = validity(session.run("SELECT INBOX"));
        let (before, uid) = (session.flags(), uid(&mut session, "a.0001"));
        // A server that opens a folder moves what is new in it.
        let (catalog, reading) = read(&*library);
        let item = message(&catalog, "a.0001");
        let changes = ChangeSet {
            fields: vec![
                edit(item, &mail::FLAGS, &["answered", "flagged", "forwarded"]),
                edit(item, &mail::KEYWORDS, &["$label1", "brandnew"]),
            ],
            ..ChangeSet::default()
        };
        let written = library.write(&reading.revision, &changes).unwrap();
        assert!(written.refused.is_empty(), "{:?}", written.refused);
        session.run("NOOP");
        let mut expected = before.clone();
        let flags = ["$Forwarded", "$label1", "\\Answered", "\\Flagged", "brandnew"];
        // The first spelling that the folder has stays; where it has none, it is that of the document.
        let shown = session.flags();
        let spelled = flags.map(|flag| {
            let same = shown[&uid].iter().find(|one| one.eq_ignore_ascii_case(flag));
            same.cloned().unwrap_or_else(|| flag.to_owned())
        });
        expected.insert(uid, spelled.into());
        let sorted = |all: &BTreeMap<u32, Vec<String>>| {
            let lower = |flags: &Vec<String>| {
                let mut flags: Vec<_> =
                    flags.iter().map(|flag| flag.to_ascii_lowercase()).collect();
                flags.sort();
                flags
            };
            all.iter().map(|(uid, flags)| (*uid, lower(flags))).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(sorted(&shown), sorted(&expected));
        // A new session builds on the same files.
        let mut later = stage.session();
        assert_eq!(validity(later.run("SELECT INBOX")), valid);
        assert_eq!(sorted(&later.flags()), sorted(&expected));
        assert_eq!(read(&*library).1.revision, library.revision().unwrap());
    }
}

/// The UID, the flags and the time of a message in a folder, as a new session tells them.
fn found(stage: &Stage, folder: &str, subject: &str) -> Vec<String> {
    let mut session = stage.session();
    session.run(&format!("SELECT \"{folder}\""));
    let uids = session.run(&format!("UID SEARCH HEADER Message-ID {subject}"));
    let uids =
        uids.iter().find_map(|line| line.strip_prefix("* SEARCH")).unwrap().trim().to_owned();
    if uids.is_empty() {
        return Vec::new();
    }
    let lines = session.run(&format!("UID FETCH {} (FLAGS INTERNALDATE)", uids.replace(' ', ",")));
    let told = |line: &String| {
        let mut words: Vec<&str> =
            line.split_once("FLAGS (").unwrap().1.split(')').next().unwrap().split(' ').collect();
        words.retain(|word| *word != "\\Recent" && !word.is_empty());
        words.sort_unstable();
        let date = line.split_once("INTERNALDATE ").unwrap().1.split('"').nth(1).unwrap();
        format!("{} {date}", words.join(" "))
    };
    lines.iter().filter(|line| line.contains("FETCH")).map(told).collect()
}

/// Sets a field of a message, which must not be refused.
fn set(stage: &Stage, subject: &str, field: &'static Field, new: &[&str]) {
    let library = stage.library();
    let (catalog, reading) = read(&*library);
    let fields = vec![edit(message(&catalog, subject), field, new)];
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert_eq!(texts(message(&read(&*library).0, subject), field), new);
    assert_eq!(library.revision().unwrap(), written.revision);
    stage.give_away();
}

#[test]
fn what_is_moved_and_copied_a_session_shows_with_its_flags_keywords_and_time() {
    for stage in layouts() {
        set(&stage, "a.0001", &mail::KEYWORDS, &["$label1", "later"]);
        let before = found(&stage, "INBOX", "a.0001");
        assert!(before[0].starts_with("$label1 \\Seen later "), "{before:?}");
        // Each keyword has another letter there.
        set(&stage, "a.0001", &mail::FOLDERS, &["Sent"]);
        assert_eq!(
            (found(&stage, "Sent", "a.0001"), found(&stage, "INBOX", "a.0001")),
            (before.clone(), vec![])
        );
        set(&stage, "a.0001", &mail::FOLDERS, &["Neue/Größe & mehr", "Sent"]);
        let new = "Neue/Gr&APYA3w-e &- mehr";
        for folder in ["Sent", new] {
            assert_eq!(found(&stage, folder, "a.0001"), before, "{folder}");
        }
        // One leaves by being marked: a server that moves a message gives it two names as well, and takes one of
        // them away itself.
        set(&stage, "a.0001", &mail::FOLDERS, &["Neue/Größe & mehr"]);
        assert!(found(&stage, "Sent", "a.0001")[0].contains("\\Deleted"));
        assert_eq!(found(&stage, new, "a.0001"), before);
        // The last one leaves: it is marked, and comes back.
        set(&stage, "a.0001", &mail::FOLDERS, &[]);
        assert!(found(&stage, new, "a.0001")[0].contains("\\Deleted"));
        set(&stage, "a.0001", &mail::FOLDERS, &["Neue/Größe & mehr"]);
        assert_eq!(found(&stage, new, "a.0001"), before);
    }
}

#[test]
fn a_session_that_moves_and_a_writer_that_moves_lose_nothing() {
    for stage in layouts() {
        let library = stage.library();
        let (catalog, _) = read(&*library);
        let id = message(&catalog, "a.0001").id.clone();
        std::thread::scope(|scope| {
            let (id, library) = (&id, stage.library());
            let writer = scope.spawn(move || {
                let (mut made, mut round) = (0, 0);
                while made < 20 && round < 400 {
                    round += 1;
                    let Ok((now, reading)) = Collector::collect(&*library) else { continue };
                    let Some(item) = now.item(id) else { continue };
                    let to =
                        if texts(item, &mail::FOLDERS) == ["INBOX"] { "Sent" } else { "INBOX" };
                    let fields = vec![edit(item, &mail::FOLDERS, &[to])];
                    let changes = ChangeSet { fields, ..ChangeSet::default() };
                    made += usize::from(library.write(&reading.revision, &changes).is_ok());
                }
                made
            });
            for round in 0..40 {
                let mut session = stage.session();
                let (from, to) = if round % 2 == 0 { ("INBOX", "Sent") } else { ("Sent", "INBOX") };
                session.run(&format!("SELECT {from}"));
                let uids = session.run("UID SEARCH HEADER Message-ID a.0001");
                let uid =
                    uids.iter().find_map(|line| line.strip_prefix("* SEARCH ")).map(str::to_owned);
                // Whoever comes first moves it; the other one is told that it is not there.
                if let Some(uid) = uid {
                    session.try_run(&format!("UID MOVE {} {to}", uid.replace(' ', ",")));
                }
            }
            assert!(writer.join().unwrap() > 0, "nothing could be written");
        });
        let (after, reading) = read(&*library);
        assert_eq!(after.items.len(), catalog.items.len(), "{:?}", reading.losses);
        // A writer that saw it in both folders may have marked the one that the server kept.
        let places = texts(after.item(&id).unwrap(), &mail::FOLDERS);
        assert!(places.iter().all(|place| ["INBOX", "Sent"].contains(place)), "{places:?}");
    }
}

#[test]
fn a_session_and_a_writer_at_the_same_time_lose_nothing() {
    for stage in layouts() {
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
                    let (now, reading) = match Collector::collect(&*library) {
                        Ok(read) => read,
                        Err(error) => {
                            assert_eq!(error.kind, segue_translator::ErrorKind::Stale, "{error}");
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
                    made += usize::from(library.write(&reading.revision, &changes).is_ok());
                }
                made
            });
            for _ in 0..60 {
                session.run(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"));
                session.run(&format!("UID STORE {uid} -FLAGS.SILENT (\\Flagged)"));
            }
            session.run(&format!("UID STORE {uid} +FLAGS.SILENT (\\Flagged)"));
            assert!(writer.join().unwrap() > 0, "nothing could be written");
        });
        let (after, _) = read(&*library);
        let flags = texts(after.item(&id).unwrap(), &mail::FLAGS);
        assert!(flags.contains(&"flagged") && flags.contains(&"seen"), "{flags:?}");
        assert_eq!(after.items.len(), catalog.items.len());
        session.run("NOOP");
        assert!(session.flags().contains_key(&uid), "the message has another UID");
    }
}
