//! Mail on two devices, each with a store of its own: marks and places meet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::desk::Desk;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../translators/maildir/fixtures");

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(path, to).unwrap() }
    }
}

/// A device with a store that Dovecot made.
struct Mail {
    desk: Desk,
}

impl Mail {
    fn new(name: &'static str, fixture: &str) -> Self {
        let desk = Desk::bare(name);
        copy(&Path::new(FIXTURES).join(fixture), &desk.path().join("Mail"));
        Self { desk }
    }

    fn library(&self) -> String {
        format!("maildir={}", self.desk.path().join("Mail").display())
    }

    fn link(&self) {
        self.desk.link(&self.library());
    }

    /// What a pass does, whether the other device can be reached or not.
    fn sync(&self) {
        let (report, code) = self.desk.answer(&["sync"]);
        assert!([0, 4].contains(&code), "{report}");
    }

    /// The files of a message, and the folder of each.
    fn files(&self) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        let mut left = vec![self.desk.path().join("Mail")];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let is_message = path.parent().unwrap().ends_with("cur");
                if path.is_dir() {
                    left.push(path);
                } else if is_message && fs::read_to_string(&path).unwrap().contains("<a.0001.") {
                    let folder = path.parent().unwrap().parent().unwrap();
                    let name = folder.file_name().unwrap().to_str().unwrap();
                    found.push((name.trim_start_matches('.').replace("Mail", "INBOX"), path));
                }
            }
        }
        found.sort();
        found
    }

    fn folders(&self) -> Vec<String> {
        self.files().into_iter().map(|(folder, _)| folder).collect()
    }

    /// The keywords of the only file of the message.
    fn keywords(&self) -> BTreeSet<String> {
        let [(_, path)] = &self.files()[..] else { panic!("{:?}", self.files()) };
        let lines = path.parent().unwrap().parent().unwrap().join("dovecot-keywords");
        let lines = fs::read_to_string(lines).unwrap_or_default();
        let (_, letters) = path.to_str().unwrap().split_once(":2,").unwrap();
        let letters = letters.bytes().filter(u8::is_ascii_lowercase);
        let number = |letter: u8| format!("{} ", letter - b'a');
        let name = |letter| lines.lines().find_map(|line| line.strip_prefix(&*number(letter)));
        letters.map(|letter| name(letter).unwrap().to_lowercase()).collect()
    }

    /// What an IMAP client does: gives the message a keyword, or takes it.
    fn mark(&self, keyword: &str, is_there: bool) {
        let [(_, path)] = &self.files()[..] else { panic!("{:?}", self.files()) };
        let file = path.parent().unwrap().parent().unwrap().join("dovecot-keywords");
        let mut lines = fs::read_to_string(&file).unwrap_or_default();
        let number = lines.lines().position(|line| line.split(' ').nth(1) == Some(keyword));
        let number = number.unwrap_or_else(|| {
            let number = lines.lines().count();
            lines.extend([&*number.to_string(), " ", keyword, "\n"]);
            number
        });
        fs::write(file, lines).unwrap();
        let (base, letters) = path.to_str().unwrap().split_once(":2,").unwrap();
        let mut letters: BTreeSet<char> = letters.chars().collect();
        let letter = char::from(b'a' + number as u8);
        if is_there {
            letters.insert(letter)
        } else {
            letters.remove(&letter)
        };
        let letters: String = letters.into_iter().collect();
        fs::rename(path, format!("{base}:2,{letters}")).unwrap();
    }

    /// Moves the message, as a mail program does that knows of no keywords.
    fn file(&self, folder: &str) {
        let [(_, path)] = &self.files()[..] else { panic!("{:?}", self.files()) };
        let to = self.desk.path().join("Mail").join(folder).join("cur");
        let name = path.file_name().unwrap().to_str().unwrap();
        let (base, letters) = name.split_once(":2,").unwrap();
        let flags = letters.replace(|letter: char| letter.is_ascii_lowercase(), "");
        fs::rename(path, to.join(format!("{base}:2,{flags}"))).unwrap();
    }
}

/// Brings both in step: each tells the other what it has, and takes what it gets.
fn meet(one: &Mail, two: &Mail) {
    for (here, there) in [(one, two), (two, one), (one, two)] {
        let agent = there.desk.up();
        here.sync();
        agent.stop();
    }
    assert_eq!(one.desk.export(), two.desk.export());
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn tags_and_places_given_on_two_devices_while_apart_are_all_there_when_they_meet() {
    let one = Mail::new("desk", "dovecot-2.3.19-maildirpp");
    let two = Mail::new("laptop", "dovecot-2.3.19-fs");
    one.link();
    let (ticket, hosting) = one.desk.invites(&["--yes"]);
    two.desk.json(&["join", &ticket]);
    assert_eq!(hosting.ended(), 0);
    let plan = two.desk.json(&["plan", &two.library()]);
    assert_eq!((&plan["items"], &plan["matched"]), (&49.into(), &21.into()), "{plan}");
    two.link();
    meet(&one, &two);

    one.mark("one", true);
    two.mark("two", true);
    one.sync();
    two.sync();
    meet(&one, &two);
    assert_eq!((one.keywords(), two.keywords()), (set(&["one", "two"]), set(&["one", "two"])));

    // One takes away what the other gives anew: it stays.
    one.mark("one", false);
    one.sync();
    for is_there in [false, true] {
        two.mark("one", is_there);
        two.sync();
    }
    meet(&one, &two);
    assert_eq!((one.keywords(), two.keywords()), (set(&["one", "two"]), set(&["one", "two"])));

    // It is moved to two folders: it is in both, and that is told.
    one.file(".Sent");
    two.file("Trash");
    one.sync();
    two.sync();
    meet(&one, &two);
    let log = one.desk.json(&["log"]).to_string();
    assert!(log.contains("(1 copied)"), "{log}");
    assert_eq!((one.folders(), two.folders()), (one.folders(), one.folders()));
    assert_eq!(one.folders(), ["Sent", "Trash"]);
}
