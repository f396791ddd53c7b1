//! A write that is cut anywhere, what others make of the mailbox then, and a second cut while that is settled.

use super::*;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use segue_translator::ErrorKind;
use sha2::{Digest as _, Sha256};

use crate::draft::Work;
use crate::format::Text as _;
use crate::journal::Edit;
use crate::listing::Listing;
use crate::rewrite::rewrite;

const FROM: &str = "From a@b Mon Jan  1 10:00:00 2024\n";
/// Names the mailbox that another process is to settle.
const SETTLED: &str = "SEGUE_TEST_SETTLES";

fn message(name: &str, header: &str, lines: usize) -> String {
    let lines = "A line of many, so that there are several pages.\n".repeat(lines);
    format!("{FROM}Message-ID: <{name}@x>\nSubject: {name}\n{header}\nHello {name}\n{lines}\n")
}

/// A mailbox alone in a folder.
struct Desk(tempfile::TempDir);

impl Desk {
    fn with(text: &[u8]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.path(), text).unwrap();
        desk
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("INBOX")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn settle(&self) -> Result<(), Error> {
        settle(&Locked::take(&self.path()).unwrap())
    }

    /// As it is read.
    fn seen(&self) -> String {
        let view = View::open(&self.path()).unwrap();
        let mut text = String::new();
        view.reader(0..view.length()).read_to_string(&mut text).unwrap();
        text
    }

    fn is_alone(&self) -> bool {
        fs::read_dir(self.0.path()).unwrap().count() == 1
    }
}

/// A mailbox, the edits of one write, and the mailbox after it.
fn write() -> (String, Vec<Edit>, String) {
    let text = |a: &str, c: &str| {
        let (begin, end) = (message("begin", "", 2), message("end", "", 30));
        begin + &message("a", a, 90) + &message("b", "", 100) + &message("c", c, 3) + &end
    };
    let old = text("Status: O\n", "X-Status: F\n");
    let new = text("Status: RO\n", "X-Status: AFT\n");
    let edit = |from: &str, to: &str| {
        let start = old.find(from).unwrap() as u64;
        Edit { old: start..start + from.len() as u64, new: to.into() }
    };
    let start = message("begin", "", 2).len();
    let end = old.find("Status: O").unwrap();
    let first = format!("{}Status: RO", &old[start..end]).into_bytes();
    let first = Edit { old: start as u64..(end + "Status: O".len()) as u64, new: first };
    let edits = vec![first, edit("X-Status: F", "X-Status: AFT")];
    (old, edits, new)
}

/// The journal of a write.
fn journal(desk: &Desk, edits: Vec<Edit>, arrived: &[&str]) -> Journal {
    let mut known = std::collections::HashMap::new();
    let listing = Listing::make(&desk.path(), &mut known).unwrap();
    let arrived = arrived.iter().flat_map(|text| {
        let content = Desk::with(text.as_bytes());
        let content = listing::content(&View::open(&content.path()).unwrap(), &content.path());
        content.unwrap().messages.into_iter().map(|message| (message.key, message.ident))
    });
    let work = Work { first: edits.clone(), arrived: arrived.collect(), ..Work::default() };
    let file = fs::File::open(desk.path()).unwrap();
    Journal::new(&file, edits, work.expected(&listing, 0)).unwrap()
}

/// What a mailbox looks like at each instant of a write, with the journal that it has then. A disk has each page as it
/// was or as it shall be.
fn instants() -> Vec<(Vec<u8>, Journal)> {
    let (old, edits, new) = write();
    let mut journal = journal(&Desk::with(old.as_bytes()), edits, &[]);
    let first = journal.first() as usize;
    let gap = "\n".repeat(journal.gap() as usize);
    let tail = &new.as_bytes()[first..];
    let appended = [gap.as_bytes(), tail].concat();
    let near =
        |bytes: &usize| *bytes < 400 || appended.len() - bytes < 100 || bytes.is_multiple_of(61);
    let cuts = (0..=appended.len()).filter(near);
    let mut all: Vec<(Vec<u8>, Journal)> = cuts
        .map(|bytes| ([old.as_bytes(), &appended[..bytes]].concat(), journal.clone()))
        .collect();
    journal.appended = Some(Sha256::digest(tail).into());
    let mut text = [old.as_bytes(), &appended].concat();
    all.push((text.clone(), journal.clone()));
    let ends =
        (first..first + tail.len()).filter(|end| end % 4096 == 0).chain([first + tail.len()]);
    for end in ends {
        text[first..end].copy_from_slice(&tail[..end - first]);
        all.push((text.clone(), journal.clone()));
    }
    all.push((new.into_bytes(), journal.clone()));
    all
}

/// How often a message is in a text, whole or not.
fn count(text: &str, name: &str) -> usize {
    text.matches(&format!("\nMessage-ID: <{name}@x>")).count()
}

const NAMES: [&str; 5] = ["begin", "a", "b", "c", "end"];

fn lay((text, journal): &(Vec<u8>, Journal)) -> Desk {
    let desk = Desk::with(text);
    journal.write(&desk.path()).unwrap();
    desk
}

/// Whoever delivers sees to it that the line before has an end.
fn delivered(text: &[u8], more: &str) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let end = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n\n" };
    format!("{text}{end}{more}")
}

#[test]
fn f29_interrupted_anywhere_it_reads_as_old_or_new_and_becomes_that() {
    let (old, _, new) = write();
    for instant in instants() {
        let desk = lay(&instant);
        let expected = if instant.1.appended.is_some() { &new } else { &old };
        assert_eq!(&desk.seen(), expected);
        desk.settle().unwrap();
        assert_eq!(&desk.text(), expected);
        assert!(desk.is_alone());
    }
}

#[test]
fn f29_at_each_instant_the_file_has_every_message_whole() {
    let (old, _, new) = write();
    for (text, _) in instants() {
        let text = String::from_utf8(text).unwrap();
        for (old, new) in old.split(FROM).zip(new.split(FROM)) {
            assert!(text.contains(old) || text.contains(new), "{old} is not in {text}");
        }
    }
}

#[test]
fn f29_mail_that_came_after_an_interrupted_write_stays() {
    let more = message("more", "", 1);
    for (text, journal) in instants() {
        let desk = lay(&(delivered(&text, &more).into_bytes(), journal));
        for _ in 0..2 {
            let now = desk.seen();
            assert!(now.ends_with(&format!("\n\n{more}")), "{now}");
            for name in NAMES {
                assert_eq!(count(&now, name), 1, "{name} in {now}");
            }
            desk.settle().unwrap();
        }
        assert!(desk.is_alone());
    }
}

#[test]
fn f29_mail_that_came_after_a_mailbox_without_an_empty_line_at_its_end_begins_all_the_same() {
    let (old, edits, _) = write();
    let (old, more) = (old.trim_end().to_owned() + "\n", message("more", "", 0));
    let journal = journal(&Desk::with(old.as_bytes()), edits, &[]);
    let (_, text, _) = appended(&old, &journal);
    for bytes in [1, 2, 3, 50, 200] {
        let text = delivered(&[old.as_bytes(), &text[..bytes]].concat(), &more);
        let desk = lay(&(text.into_bytes(), journal.clone()));
        desk.settle().unwrap();
        let now = desk.text();
        assert!(now.starts_with(&old) && now.ends_with(&format!("\n\n{more}")), "{now}");
        assert_eq!(count(&now, "a"), 1);
    }
}

/// A mailbox, what a write appends to it, and where.
fn appended(old: &str, journal: &Journal) -> (Desk, Vec<u8>, u64) {
    let desk = Desk::with(old.as_bytes());
    let mut text = vec![b'\n'; journal.gap() as usize];
    let file = fs::File::open(desk.path()).unwrap();
    let take = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        Ok(true)
    };
    journal.content(&file, take).unwrap();
    (desk, text, journal.length)
}

#[test]
fn f29_a_message_that_was_appended_in_part_is_none_and_mail_after_it_stays() {
    let more = message("more", "", 0);
    for old in
        [String::new(), message("a", "", 0), message("a", "", 0).trim_end().to_owned() + "\n"]
    {
        let parting = if old.is_empty() || old.ends_with("\n\n") { "" } else { "\n" };
        let new = format!("{parting}{}{}", message("b", "", 0), message("c", "", 0));
        let end = old.len() as u64;
        let edit = Edit { old: end..end, new: new.clone().into() };
        let journal = journal(&Desk::with(old.as_bytes()), vec![edit], &[new.trim_start()]);
        for bytes in 0..=new.len() {
            let text = format!("{old}{}", &new[..bytes]);
            let desk = lay(&(text.clone().into_bytes(), journal.clone()));
            assert_eq!(desk.seen(), old);
            fs::write(desk.path(), delivered(text.as_bytes(), &more)).unwrap();
            desk.settle().unwrap();
            let now = desk.text();
            assert!(now.starts_with(&old) && now.ends_with(&more), "{bytes}: {now}");
            assert!(now.starts_with("From ") && count(&now, "b") == 0, "{bytes}: {now}");
        }
    }
}

/// As a server writes a mailbox that it opens: each message that it sees gets a number.
fn served(text: &[u8]) -> String {
    let text = std::str::from_utf8(text).unwrap();
    let mut number = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        number += u32::from(line == FROM);
        if line == FROM { format!("{line}X-UID: {number}\n") } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().concat()
}

#[test]
fn f29_where_another_program_wrote_since_nothing_is_cut_and_nothing_is_there_twice_unsaid() {
    let mut held = 0;
    for (text, journal) in instants() {
        let others = served(&text);
        let desk = lay(&(others.clone().into_bytes(), journal));
        let is_once = NAMES.iter().all(|name| count(&others, name) == 1);
        if is_once && others.ends_with("\n\n") {
            desk.settle().unwrap();
            assert!(desk.is_alone());
        } else if let Err(error) = desk.settle() {
            held += 1;
            assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("a mail program wrote it too"), "{error}");
            assert!(Journal::is_left(&desk.path()));
            let read = listing::content(&View::open(&desk.path()).unwrap(), &desk.path());
            assert!(read.is_err(), "{others}");
            // Once a person has taken out what is too much, it goes on.
            fs::write(desk.path(), served(write().2.as_bytes())).unwrap();
            desk.settle().unwrap();
            assert!(desk.is_alone());
            continue;
        }
        assert_eq!(desk.text(), others);
    }
    assert!(held > 100, "{held}");
}

#[test]
fn f29_what_a_server_put_on_either_copy_is_not_cut() {
    // All is appended and nothing is copied.
    let appended = |(_, journal): &&(Vec<u8>, Journal)| journal.appended.is_some();
    let instants = instants();
    let (text, journal) = instants.iter().find(appended).unwrap();
    let text = String::from_utf8(text.clone()).unwrap();
    let old = text.find("X-Status: F").unwrap() + "X-Status:".len();
    let new = text.find("X-Status: AFT").unwrap();
    // A star in place of a blank, by which nothing moves; and a number, by which the end of the new ones does.
    for (place, more) in [(old..old + 1, "A"), (new..new, "X-UID: 9\n")] {
        let mut text = text.clone();
        text.replace_range(place, more);
        let desk = lay(&(text.clone().into_bytes(), journal.clone()));
        assert_eq!(desk.settle().unwrap_err().kind, ErrorKind::Corrupt);
        assert_eq!(desk.text(), text);
    }
}

#[test]
fn f29_a_message_that_was_appended_in_part_and_that_another_program_wrote_is_told() {
    let old = message("a", "", 0);
    let new = message("b", "", 9);
    let end = old.len() as u64;
    let edits = vec![Edit { old: end..end, new: new.clone().into() }];
    let journal = journal(&Desk::with(old.as_bytes()), edits, &[&new]);
    for bytes in [80, 200, new.len() - 1] {
        let text = served(format!("{old}{}", &new[..bytes]).as_bytes()) + "\n\n";
        let desk = lay(&(text.clone().into_bytes(), journal.clone()));
        // But for its last byte, which is an empty line, it is whole.
        assert_eq!(desk.settle().is_ok(), bytes == new.len() - 1, "{bytes}");
        assert_eq!(desk.text(), text);
    }
}

/// Settles the mailbox of a desk in another process, which is killed at the call of this number; `None` if there is
/// none, `Some(false)` if it was not killed.
fn struck(desk: &Desk, call: &str, number: usize) -> Option<bool> {
    let mailbox = desk.path();
    let paths =
        [mailbox.clone(), Journal::path(&mailbox), mailbox.with_file_name(".INBOX.segue-new.lock")];
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={call}"));
    command.arg("-e").arg(format!("inject={call}:signal=KILL:when={number}"));
    for path in &paths {
        command.arg("-P").arg(path);
    }
    let command = command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "settle::tests::settles_for_another_test", "--nocapture"])
        .env(SETTLED, &mailbox);
    match command.output() {
        Ok(output) => Some(!output.status.success()),
        Err(_) => None,
    }
}

#[test]
fn settles_for_another_test() {
    let Some(mailbox) = std::env::var_os(SETTLED) else { return };
    settle(&Locked::take(Path::new(&mailbox)).unwrap()).unwrap();
}

const CALLS: [&str; 6] = ["write", "pwrite64", "ftruncate", "fsync", "rename", "unlink"];

#[test]
fn f29_killed_again_while_it_is_settled_each_message_is_there_once_and_mail_stays() {
    let (_, _, new) = write();
    let more = message("more", "", 200);
    let again = message("again", "", 0);
    let instants = instants();
    let chosen = instants.iter().step_by(instants.len() / 5).chain(instants.iter().rev().take(4));
    let mut kills = 0;
    for (text, journal) in chosen {
        for comes in ["", &*more] {
            let text =
                if comes.is_empty() { text.clone() } else { delivered(text, comes).into_bytes() };
            for call in CALLS {
                for number in 1.. {
                    let desk = lay(&(text.clone(), journal.clone()));
                    match struck(&desk, call, number) {
                        None => {
                            let _ = writeln!(io::stderr(), "here: strace is not installed");
                            return;
                        }
                        Some(false) => break,
                        Some(true) => kills += 1,
                    }
                    // And mail comes again.
                    let now = fs::read(desk.path()).unwrap();
                    fs::write(desk.path(), delivered(&now, &again)).unwrap();
                    let (seen, at) = (desk.seen(), format!("{call} {number}"));
                    desk.settle().unwrap_or_else(|error| panic!("{at}: {error}"));
                    assert!(desk.is_alone(), "{at}");
                    for now in [seen, desk.text()] {
                        let came = if comes.is_empty() { &[][..] } else { &["more"] };
                        for name in NAMES.iter().chain(["again"].iter()).chain(came) {
                            assert_eq!(count(&now, name), 1, "{at}: {name} in {now}");
                        }
                        assert!(now.ends_with(&again) && now.contains(comes), "{at}: {now}");
                        assert_eq!(now.matches(FROM).count(), 6 + came.len(), "{at}: {now}");
                        assert!(journal.appended.is_none() || now.starts_with(&new), "{at}: {now}");
                    }
                }
            }
        }
    }
    assert!(kills > 100, "{kills}");
}

#[test]
fn f29_what_a_killed_process_left_beside_a_mailbox_is_taken_away_by_the_next_look() {
    let (old, _, _) = write();
    let desk = Desk::with(old.as_bytes());
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let holder = format!("{}:{}", child.id(), host.trim_end());
    for name in ["INBOX.lock", ".INBOX.segue-own.lock", ".INBOX.segue-new.lock"] {
        fs::write(desk.path().with_file_name(name), &holder).unwrap();
        let known = std::sync::Mutex::new(std::collections::HashMap::new());
        all(&Store { root: desk.0.path().to_owned(), is_alone: false, known }).unwrap();
        assert!(desk.is_alone(), "{name}");
    }
    assert_eq!(desk.text(), old);
}

#[test]
fn a_write_after_an_interrupted_one_is_made_on_what_that_left() {
    let (_, _, new) = write();
    let instant = instants().pop().unwrap();
    let desk = lay(&instant);
    let mailbox = Locked::take(&desk.path()).unwrap();
    settle(&mailbox).unwrap();
    let end = new.len() as u64;
    let edits = vec![Edit { old: end..end, new: message("more", "", 0).into_bytes() }];
    rewrite(&mailbox, edits, Vec::new()).unwrap();
    let mut last = vec![0; 5];
    mailbox.file.read_exact_at(&mut last, end).unwrap();
    assert_eq!((desk.text().len() > new.len(), &last[..]), (true, &b"From "[..]));
}
