//! Mail in Maildir as Dovecot keeps it: messages of many sizes in several folders, some of them in two.
//!
//! Every message is computed from its number alone. Nothing is made durable: what is generated can be
//! generated again.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Error;
use super::random::Random;
use super::words::{GENRES, WORDS};

/// The most messages that one store may have.
const MESSAGES_MAX: u32 = 5_000_000;

/// Folders of a store, the busiest first.
const FOLDERS: [&str; 12] = [
    ".Archive",
    ".Lists.kernel",
    "",
    ".Archive.2022",
    ".Archive.2023",
    ".Archive.2024",
    ".Lists.notmuch",
    ".Sent",
    ".Entw&APw-rfe",
    ".Junk",
    ".Trash",
    ".R&-D",
];

/// The first of January 2015, in Unix seconds.
const FIRST_DAY: u64 = 1_420_070_400;

/// What a generated store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mail {
    /// Files.
    pub files: u32,
    /// Messages; some have two files.
    pub messages: u32,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Writes a store of mail with so many files into an empty folder.
///
/// # Errors
///
/// [`Error::TooMany`] above five million, else the file system's. Nothing is overwritten.
pub fn mail(files: u32, seed: u64, store: &Path) -> Result<Mail, Error> {
    if files > MESSAGES_MAX {
        return Err(Error::TooMany { songs: files });
    }
    for folder in FOLDERS {
        for part in ["cur", "new", "tmp"] {
            let path = store.join(folder).join(part);
            fs::create_dir_all(&path).map_err(|source| failed(&path, source))?;
        }
    }
    let mut sum = Mail::default();
    while sum.files < files {
        let number = sum.messages;
        let mut random = Random::new(seed, u64::from(number));
        let message = message(number, &mut random);
        sum.messages += 1;
        // One in fifty lies in two folders, as what a person sends to a list does.
        let copies = if random.below(50) == 0 { 2 } else { 1 };
        for copy in 0..copies.min(files - sum.files) {
            let path = path(store, number, copy, message.len(), &mut random);
            put(&path, &message).map_err(|source| failed(&path, source))?;
            sum.files += 1;
            sum.bytes += message.len() as u64;
        }
    }
    Ok(sum)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

fn put(path: &Path, message: &str) -> io::Result<()> {
    File::create_new(path)?.write_all(message.as_bytes())
}

/// A place for a copy; two copies lie in neighbouring folders.
fn path(store: &Path, number: u32, copy: u32, size: usize, random: &mut Random) -> PathBuf {
    // Half of what is left lies in each next folder.
    let place = (random.next().trailing_zeros() + copy) as usize % FOLDERS.len();
    let time = FIRST_DAY + u64::from(number) * 61;
    let mut letters = String::new();
    for (letter, percent) in [('F', 8), ('R', 20), ('S', 75)] {
        if random.below(100) < percent {
            letters.push(letter);
        }
    }
    let name = format!("{time}.M{number}P{copy}.mail,S={size}:2,{letters}");
    store.join(FOLDERS[place]).join("cur").join(name)
}

/// Writing to a string cannot fail.
fn message(number: u32, random: &mut Random) -> String {
    let (who, list) = (random.below(2_000), random.below(20));
    let day = number / 1_416 % 28 + 1;
    let date = format!("{day} Mar 2024 10:{:02}:{:02} +0100", number / 60 % 60, number % 60);
    let mut text = String::with_capacity(4_096);
    for hop in 0..3 {
        let _ = write!(
            text,
            "Received: from mx{hop}.example.org (mx{hop}.example.org [192.0.2.{hop}])\n\
             \tby mail.example.net (Postfix) with ESMTPS id {:016X}\n\
             \tfor <me@example.net>; Fri, {date}\n",
            random.next()
        );
    }
    let _ = write!(
        text,
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=k1;\n\tb={:016x}{:016x}{:016x}\n",
        random.next(),
        random.next(),
        random.next()
    );
    // One in a thousand has none.
    if random.below(1_000) > 0 {
        let _ = writeln!(text, "Message-ID: <{number}.{:x}@example.org>", random.next());
    }
    let _ = write!(
        text,
        "Date: Fri, {date}\nFrom: {} <u{who}@example.org>\nTo: List {list} <list{list}@example.org>, me@example.net\n\
         Subject: {}{} {} {number}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n",
        WORDS[who as usize % 8],
        if random.below(3) == 0 { "Re: " } else { "" },
        random.pick(&GENRES),
        random.pick(&WORDS),
    );
    for line in 0..lines(random) {
        for _ in 0..8 {
            let word: &&str = random.pick(&WORDS);
            text.push_str(word);
            text.push(' ');
        }
        text.push_str(if line % 7 == 0 { "\n\n" } else { "\n" });
    }
    text
}

/// Most messages are short; one in 40 has some 30 kB, one in 500 some 200 kB.
fn lines(random: &mut Random) -> u32 {
    match random.below(500) {
        0 => 2_000 + random.below(3_000),
        1..=12 => 300 + random.below(500),
        _ => 3 + random.below(40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.extend(files(&path));
            } else {
                all.push((path.clone(), fs::read(path).unwrap()));
            }
        }
        all.sort();
        all
    }

    #[test]
    fn the_same_seed_makes_the_same_store() {
        let stores = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let sums = stores.each_ref().map(|store| mail(300, 1, store.path()).unwrap());
        assert_eq!(sums[0], sums[1]);
        assert!(sums[0].files == 300 && (250..300).contains(&sums[0].messages));
        let [one, other] = stores.each_ref().map(|store| files(store.path()));
        let below = |(path, bytes): &(PathBuf, Vec<u8>), store: &Path| {
            (path.strip_prefix(store).unwrap().to_owned(), bytes.clone())
        };
        let one: Vec<_> = one.iter().map(|file| below(file, stores[0].path())).collect();
        let other: Vec<_> = other.iter().map(|file| below(file, stores[1].path())).collect();
        assert_eq!(one, other);
        let mut lengths = one.iter().map(|(path, bytes)| {
            let name = path.to_str().unwrap();
            name.contains(&format!(",S={}:2,", bytes.len()))
        });
        assert!(lengths.all(|is_said| is_said));
    }
}
