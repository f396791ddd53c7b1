//! One tree that notmuch indexes and Dovecot serves: both show what is written through both translators.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use segue_maildir::Maildir;
use segue_translator::model::{Field, mail};
use segue_translator::{Collector, Idle, Library, Translator as _};

use crate::store::{Store, change, edit, named, texts};

/// Dovecot serves nobody as root: then it does so as the user who has number 65534, to whom all is given.
fn shown_by_dovecot(store: &Store, folder: &str) -> Option<BTreeSet<String>> {
    if !Path::new("/usr/bin/doveadm").exists() {
        let _ = writeln!(std::io::stderr(), "here: Dovecot is not installed");
        return None;
    }
    let home = store.home();
    for part in ["new", "tmp"] {
        fs::create_dir_all(store.path(part)).unwrap();
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        fs::set_permissions(home, fs::Permissions::from_mode(0o755)).unwrap();
        let given = Command::new("chown").args(["-R", "65534:65534"]).arg(home).status();
        assert!(given.unwrap().success());
    }
    let own = fs::metadata(store.path("cur")).unwrap();
    let (user, group, path) = (own.uid().to_string(), own.gid().to_string(), home.display());
    let text = format!(
        "protocols = imap\nbase_dir = {path}/run\nlog_path = {path}/log\n\
         mail_location = maildir:{path}/Mail:LAYOUT=fs\nfirst_valid_uid = 0\nmail_uid = {user}\n\
         mail_gid = {group}\nssl = no\nmail_plugins =\nnamespace inbox {{\n  inbox = yes\n  \
         separator = /\n}}\nuserdb {{\n  driver = static\n  args = uid={user} gid={group} \
         home={path}\n}}\n"
    );
    let configuration = home.join("dovecot.conf");
    fs::write(&configuration, text).unwrap();
    let mut command = Command::new(if is_root { "setpriv" } else { "env" });
    if is_root {
        command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "env"]);
    }
    command.args(["USER=somebody", "doveadm", "-c"]).arg(&configuration).args(["exec", "imap"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut session = command.spawn().unwrap();
    let mut to = session.stdin.take().unwrap();
    let asked = format!("a SELECT {folder}\r\nb UID FETCH 1:* (FLAGS)\r\nc LOGOUT\r\n");
    to.write_all(asked.as_bytes()).unwrap();
    let said = session.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let line =
        said.lines().find(|line| line.contains("FETCH (UID")).unwrap_or_else(|| panic!("{said}"));
    let flags = line.split_once("FLAGS (").unwrap().1.split_once(')').unwrap().0;
    let flags = flags.split(' ').filter(|flag| *flag != "\\Recent").map(str::to_owned);
    Some(flags.collect())
}

fn set(library: &dyn Library, field: &'static Field, new: &[&str]) {
    let (catalog, reading) = Collector::collect(library).unwrap();
    let edits = vec![edit(named(&catalog, "a"), field, new)];
    let written = library.write(&reading.revision, &change(edits)).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
}

#[test]
fn what_is_written_through_both_both_programs_show() {
    let Some(store) = Store::with(&["cur/1:2,#a"]) else { return };
    let maildir = Maildir.open(&store.path(""), Arc::new(Idle)).unwrap();
    let notmuch = store.library();
    for (flags, keywords, tags, shown) in [
        (
            &["answered", "seen"][..],
            &["inbox", "todo"][..],
            &["inbox", "replied", "todo"][..],
            &["\\Answered", "\\Seen", "inbox", "todo"][..],
        ),
        (
            &["draft", "flagged", "forwarded"],
            &["todo"],
            &["draft", "flagged", "passed", "todo", "unread"],
            &["$Forwarded", "\\Draft", "\\Flagged", "todo"],
        ),
    ] {
        // The Maildir first: it writes `$Forwarded` where notmuch writes no more than a letter.
        for library in [&maildir, &notmuch] {
            set(&**library, &mail::FLAGS, flags);
            set(&**library, &mail::KEYWORDS, keywords);
            store.index();
        }
        let Some(found) = shown_by_dovecot(&store, "INBOX") else { return };
        let lower = |flag: &str| flag.to_ascii_lowercase();
        assert_eq!(
            found.iter().map(|flag| lower(flag)).collect::<BTreeSet<_>>(),
            shown.iter().map(|flag| lower(flag)).collect()
        );
        assert_eq!(store.tags("a"), tags);
        for library in [&notmuch, &maildir] {
            let (catalog, _) = Collector::collect(&**library).unwrap();
            assert_eq!(texts(named(&catalog, "a"), &mail::FLAGS), flags);
            assert_eq!(texts(named(&catalog, "a"), &mail::KEYWORDS), keywords);
        }
    }
}

#[test]
fn what_is_moved_through_notmuch_dovecot_shows_there_with_its_keywords() {
    let Some(store) = Store::with(&["cur/1:2,#a", "Old/cur/2:2,#b"]) else { return };
    let maildir = Maildir.open(&store.path(""), Arc::new(Idle)).unwrap();
    set(&*maildir, &mail::KEYWORDS, &["first", "todo"]);
    set(&*maildir, &mail::KEYWORDS, &["todo"]);
    set(&*maildir, &mail::FLAGS, &["seen"]);
    store.index();
    set(&*store.library(), &mail::KEYWORDS, &["inbox", "mine"]);
    set(&*store.library(), &mail::FOLDERS, &["Projects"]);
    let Some(found) = shown_by_dovecot(&store, "Projects") else { return };
    assert_eq!(found, ["\\Seen", "todo"].map(str::to_owned).into());
    assert_eq!(store.tags("a"), ["inbox", "mine"]);
    let (catalog, _) = Collector::collect(&*maildir).unwrap();
    assert_eq!(texts(named(&catalog, "a"), &mail::FOLDERS), ["Projects"]);
}
