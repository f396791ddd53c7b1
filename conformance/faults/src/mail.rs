//! A mailbox beside a Maildir with the same mail.
//!
//! The mailbox is written in many steps, which its journal tells, so it is judged when Segue was there again; each file of the
//! Maildir has its old or its new name at any time.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failed;
use crate::desk::{Desk, put};
use crate::scene::{Scene, Step};
use crate::state::Parts;

const FROM: &str = "From a@b Mon Jan  1 10:00:00 2024\n";
const MESSAGES: usize = 3;
const INBOX: &str = "box/INBOX";
const ARCHIVE: &str = "box/Archive";

/// What is written when mail is synced.
pub(crate) const SCENES: &[Scene] = &[
    Scene {
        name: "marks of mail",
        prepare: |desk| {
            link(desk)?;
            // The first is starred in the Maildir, the last answered in the mailbox.
            fs::rename(file(desk, 0, "S"), file(desk, 0, "FS"))?;
            let text = fs::read_to_string(desk.at(INBOX))?;
            let (rest, last) = text.rsplit_once("Status: RO\n").ok_or("no status")?;
            put(&desk.at(INBOX), format!("{rest}Status: RO\nX-Status: A\n{last}"))?;
            Ok(vec!["sync".into()])
        },
        ..MAIL
    },
    Scene {
        name: "moves of mail",
        prepare: |desk| {
            link(desk)?;
            let moved = desk.at("maildir/.Archive/cur/0.host:2,S");
            fs::rename(file(desk, 0, "S"), moved)?;
            let text = fs::read_to_string(desk.at(INBOX))?;
            let (rest, last) = text.rsplit_once(FROM).ok_or("no message")?;
            put(&desk.at(INBOX), rest)?;
            put(&desk.at(ARCHIVE), format!("{FROM}{last}"))?;
            Ok(vec!["sync".into()])
        },
        ..MAIL
    },
];

const MAIL: Scene = Scene {
    name: "",
    missing: || None,
    prepare: |_| Ok(Vec::new()),
    lead: |_| Ok(()),
    go_on: [&[Step::Sync], &[Step::Sync]],
    link: &[],
    parts,
    at_rest: &["box"],
};

fn file(desk: &Desk, number: usize, marks: &str) -> PathBuf {
    desk.at(format!("maildir/cur/{number}.host:2,{marks}"))
}

fn message(number: usize, header: &str) -> String {
    // More than a page, so that a write is no single one.
    let lines = "A line of many.\n".repeat(300);
    format!("Message-ID: <{number}@x>\nSubject: {number}\n{header}\nHello\n{lines}\n")
}

fn link(desk: &Desk) -> Result<(), Failed> {
    for part in ["cur", "new", "tmp", ".Archive/cur", ".Archive/new", ".Archive/tmp"] {
        fs::create_dir_all(desk.at("maildir").join(part))?;
    }
    let mut text = String::new();
    for number in 0..MESSAGES {
        put(&file(desk, number, "S"), message(number, ""))?;
        text += FROM;
        text += &message(number, "Status: RO\n");
    }
    put(&desk.at(INBOX), text)?;
    put(&desk.at(ARCHIVE), "")?;
    let library = |name: &str, at: &str| format!("{name}={}", desk.at(at).display());
    let words = ["plan", &library("maildir", "maildir"), &library("mbox", "box"), "--json"];
    let plan: serde_json::Value = serde_json::from_str(&desk.done(&words)?)?;
    desk.done(&["apply", plan["plan"].as_str().ok_or("no plan")?])?;
    desk.done(&["sync"]).map(drop)
}

/// Each message of the Maildir by its name without marks, and every file beside the mailboxes.
fn parts(desk: &Desk) -> Result<Parts, Failed> {
    let mut parts = Parts::new();
    for folder in ["maildir/cur", "maildir/new", "maildir/.Archive/cur", "maildir/.Archive/new"] {
        for (name, text) in files(&desk.at(folder))? {
            let base = name.split(':').next().unwrap_or_default();
            let part = parts.entry(format!("maildir {base}")).or_default();
            part.extend([folder, "/", &name, "\n", &text]);
        }
    }
    for (name, text) in files(&desk.at("box"))? {
        parts.insert(format!("box {name}"), lying(&text).concat());
    }
    Ok(parts)
}

/// The messages of a mailbox in an order of their own, without room that is left for marks. One that has its new place
/// already when a crash is told leaves the old one as deleted; that one does not lie there.
fn lying(text: &str) -> Vec<String> {
    let messages = text.split(FROM).filter(|message| !message.contains("\nX-Status: D"));
    let mut messages: Vec<String> =
        messages.map(|message| message.replace("\nX-Status: \n", "\n")).collect();
    messages.sort();
    messages
}

fn files(folder: &Path) -> Result<Vec<(String, String)>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, String::from_utf8_lossy(&fs::read(entry.path())?).into_owned()));
        }
    }
    files.sort();
    Ok(files)
}
