//! A mailbox beside a Maildir, killed at each call that concerns the mailbox; then another program delivers into it, or
//! writes it, or the next sync is killed too.
//!
//! However it goes, each message is there once, nobody's mark is lost or comes back, and where a mail program made mail of
//! what was left, that is said until a person has looked at it.

use std::fs;
use std::path::PathBuf;

use crate::desk::{Desk, Ran, Snapshot};
use crate::trace;

const FROM: &str = "From a@b Mon Jan  1 10:00:00 2024\n";
/// What concerns the mailbox.
const FILES: [&str; 4] =
    ["box/INBOX", "box/INBOX.lock", "box/.INBOX.segue.lock", "box/.INBOX.segue-new.lock"];
const CALLS: [&str; 7] = ["write", "pwrite64", "ftruncate", "fsync", "rename", "unlink", "linkat"];
const MESSAGES: usize = 3;

fn message(number: usize, header: &str) -> String {
    let lines = "A line of many.\n".repeat(400);
    format!("Message-ID: <{number}@x>\nSubject: {number}\n{header}\nHello\n{lines}\n")
}

struct Mail(Desk);

impl Mail {
    /// A mailbox and a Maildir with the same mail, linked; in the Maildir all was starred and nothing is unseen any more.
    fn new() -> Self {
        let mail = Self(Desk::empty());
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(mail.maildir().join(part)).unwrap();
        }
        fs::create_dir_all(mail.mailbox().parent().unwrap()).unwrap();
        let mut text = String::new();
        for number in 0..MESSAGES {
            fs::write(mail.file(number, "S"), message(number, "")).unwrap();
            text += FROM;
            text += &message(number, "Status: RO\nX-Keywords: old\n");
        }
        fs::write(mail.mailbox(), text).unwrap();
        let path = |name: &str, at: PathBuf| format!("{name}={}", at.display());
        let boxes = path("mbox", mail.mailbox().parent().unwrap().to_owned());
        let ran = mail.0.run(&["plan", &path("maildir", mail.maildir()), &boxes, "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let plan = plan["plan"].as_str().unwrap();
        assert_eq!(mail.0.run(&["apply", plan]).code, Some(0));
        assert_eq!(mail.0.run(&["sync"]).code, Some(0));
        // `old` is a keyword of the Maildir too now: its letter goes.
        for number in 0..MESSAGES {
            fs::rename(mail.file(number, "Sa"), mail.file(number, "FS")).unwrap();
        }
        mail
    }

    fn maildir(&self) -> PathBuf {
        self.0.path().join("maildir")
    }

    fn file(&self, number: usize, marks: &str) -> PathBuf {
        self.maildir().join("cur").join(format!("{number}.host:2,{marks}"))
    }

    fn mailbox(&self) -> PathBuf {
        self.0.path().join(FILES[0])
    }

    fn text(&self) -> String {
        fs::read_to_string(self.mailbox()).unwrap()
    }

    /// Another program appends a message, or writes the mailbox anew.
    fn deliver(&self, number: usize) {
        let text = self.text();
        let end = if text.ends_with("\n\n") { "" } else { "\n\n" };
        fs::write(self.mailbox(), format!("{text}{end}{FROM}{}", message(number, ""))).unwrap();
    }

    /// As a server does: each message that it sees gets a number.
    fn serve(&self) {
        let text = self.text();
        let mut number = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            number += usize::from(line == FROM);
            if line == FROM { format!("{line}X-UID: {number}\n") } else { line.to_owned() }
        });
        let served = lines.collect::<Vec<_>>().concat();
        fs::write(self.mailbox(), served).unwrap();
    }

    fn count(&self, number: usize) -> usize {
        self.text().matches(&format!("\nMessage-ID: <{number}@x>")).count()
    }

    fn status(&self) -> String {
        let ran = self.0.run(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let links = status["links"].as_array().unwrap().clone();
        let link =
            links.into_iter().find(|link| link["library"].as_str().unwrap().contains("mbox"));
        link.unwrap()["state"].as_str().unwrap().to_owned()
    }

    /// One sync brings all in step; a further one has nothing to do.
    fn goes_on(&self, others: &[usize], at: &str) {
        let ran = self.0.run(&["sync"]);
        assert_eq!(ran.code, Some(0), "{at}: {}{}", ran.out, ran.err);
        let again = self.0.run(&["sync"]);
        assert!(again.err.contains("nothing to do"), "{at}: {}{}", again.out, again.err);
        let text = self.text();
        assert_eq!(text.matches(FROM).count(), MESSAGES + others.len(), "{at}: {text}");
        for number in (0..MESSAGES).chain(others.iter().copied()) {
            assert_eq!(self.count(number), 1, "{at}: {number} in {text}");
        }
        assert_eq!(text.matches("\nX-Status: F").count(), MESSAGES, "{at}: {text}");
        assert!(!text.contains("X-Keywords: old"), "{at}: {text}");
        for number in 0..MESSAGES {
            assert!(self.file(number, "FS").exists(), "{at}: {number} has other marks");
        }
        let beside = fs::read_dir(self.mailbox().parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "{at}: something is left");
        assert_eq!(self.status(), "in step", "{at}");
    }

    fn kill(&self, call: (&str, usize)) -> bool {
        trace::kill(&self.0, &["sync"], call, &FILES)
    }
}

/// Tries what follows a kill at each call, each time on the same files.
fn after_each_kill(mut then: impl FnMut(&Mail, &str, (&'static str, usize))) {
    if let Some(why) = trace::missing() {
        println!("skipped: {why}");
        return;
    }
    let mail = Mail::new();
    let begin: Snapshot = mail.0.save();
    let mut kills = 0;
    for call in CALLS {
        for number in 1.. {
            mail.0.bring_back(&begin);
            if !mail.kill((call, number)) {
                break;
            }
            kills += 1;
            then(&mail, &format!("{call} {number}"), (call, number));
        }
    }
    assert!(kills > 10, "{kills} kills");
}

#[test]
fn f29_a_mailbox_in_which_a_write_was_killed_is_never_in_step_and_is_finished_by_the_next_sync() {
    after_each_kill(|mail, at, _| {
        assert_ne!(mail.status(), "in step", "{at}");
        mail.goes_on(&[], at);
    });
}

#[test]
fn f29_while_a_killed_write_cannot_be_finished_nothing_of_the_mailbox_is_believed() {
    after_each_kill(|mail, at, _| {
        if !mail.0.path().join(FILES[2]).exists() {
            return mail.goes_on(&[], at);
        }
        // The lock of a mail program that runs.
        let lock = mail.0.path().join(FILES[1]);
        fs::write(&lock, std::process::id().to_string()).unwrap();
        let before = mail.text();
        let Ran { code, out, err } = mail.0.run(&["sync"]);
        assert_eq!(code, Some(4), "{at}: {out}{err}");
        assert!(format!("{out}{err}").contains("has locked this mailbox"), "{at}: {out}{err}");
        assert_eq!(mail.text(), before, "{at}");
        assert_ne!(mail.status(), "in step", "{at}");
        fs::remove_file(lock).unwrap();
        mail.goes_on(&[], at);
    });
}

#[test]
fn f29_mail_that_came_after_a_kill_stays_and_nothing_is_there_twice() {
    after_each_kill(|mail, at, call| {
        mail.deliver(10);
        if mail.kill(call) {
            mail.deliver(11);
            mail.goes_on(&[10, 11], at);
        } else {
            mail.goes_on(&[10], at);
        }
    });
}

#[test]
fn f29_where_a_server_wrote_after_a_kill_nothing_is_cut_and_it_is_said_until_a_person_looked() {
    let mut told = 0;
    after_each_kill(|mail, at, _| {
        mail.serve();
        let others = mail.text();
        if (0..MESSAGES).all(|number| mail.count(number) == 1) {
            return mail.goes_on(&[], at);
        }
        told += 1;
        for _ in 0..2 {
            let Ran { code, out, err } = mail.0.run(&["sync"]);
            assert_eq!(code, Some(4), "{at}: {out}{err}");
            let said = "a mail program wrote it too";
            assert!(format!("{out}{err}").contains(said), "{at}: {out}{err}");
            assert_eq!(mail.text(), others, "{at}");
            assert_ne!(mail.status(), "in step", "{at}");
        }
        for number in 0..MESSAGES {
            assert!(mail.file(number, "FS").exists(), "{at}: {number} has other marks");
        }
        // A person takes out what is too much: of each all but the longest, and of these all but the last.
        let longest = |number: usize| {
            let id = format!("Message-ID: <{number}@x>");
            let there = others.split(FROM).filter(|one| one.contains(&id));
            format!("{FROM}{}", there.max_by_key(|one| one.trim_end().len()).unwrap())
        };
        fs::write(mail.mailbox(), (0..MESSAGES).map(longest).collect::<String>()).unwrap();
        mail.goes_on(&[], at);
    });
    assert!(told > 3 || trace::missing().is_some(), "{told}");
}
