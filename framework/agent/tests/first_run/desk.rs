//! A home with both libraries, and the real command in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use serde_json::Value as Json;
use tempfile::TempDir;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/two-players/fixtures");

pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (app, folder) in [("rhythmbox", "rhythmbox"), ("strawberry", "strawberry/strawberry")] {
            let folder = desk.data().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for entry in fs::read_dir(Path::new(FIXTURES).join(app)).unwrap() {
                let entry = entry.unwrap();
                fs::write(folder.join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
            }
        }
        desk
    }

    fn data(&self) -> PathBuf {
        self.0.path().join(".local/share")
    }

    pub(crate) fn rhythmdb(&self) -> PathBuf {
        self.data().join("rhythmbox/rhythmdb.xml")
    }

    /// Lays the files of Rhythmbox's songs, below this home: what is gone from a library with its file is not removed.
    pub(crate) fn lay_music(&self) {
        let music = self.0.path().join("music");
        for name in ["rhythmdb.xml", "playlists.xml"] {
            let path = self.rhythmdb().with_file_name(name);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("/srv/segue-fixtures", music.to_str().unwrap())).unwrap();
        }
        let text = fs::read_to_string(self.rhythmdb()).unwrap();
        let places = text.split("<location>file://").skip(1);
        let places = places.filter_map(|rest| Some(rest.split_once("</location>")?.0));
        for place in places.filter(|place| place.starts_with(music.to_str().unwrap())) {
            let place = decoded(place);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "").unwrap();
        }
    }

    /// The command, ready to run.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(words).env_clear();
        command.env("HOME", self.0.path()).env("SEGUE_HOME", self.data().join("segue"));
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::of(&self.command(words).output().unwrap())
    }

    pub(crate) fn json(&self, words: &[&str]) -> Json {
        let ran = self.run(&[words, &["--json"]].concat());
        assert_eq!(ran.err, "", "{words:?} talks");
        assert_eq!(ran.out.lines().count(), 1, "{words:?}: {}", ran.out);
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Plans and applies.
    pub(crate) fn link(&self) {
        let plan = self.json(&["plan", "rhythmbox", "strawberry"]);
        assert_eq!(self.run(&["apply", plan["plan"].as_str().unwrap()]).code, 0);
    }

    /// Content and modification time of every file that an app keeps.
    pub(crate) fn app_files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let mut files = BTreeMap::new();
        for app in ["rhythmbox", "strawberry"] {
            collect(&self.data().join(app), &mut files);
        }
        files
    }

    /// What the apps keep, without times.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.app_files().into_iter().map(|(path, (content, _))| (path, content)).collect()
    }

    /// As Rhythmbox would: Lantern Row gets four stars and is played once.
    pub(crate) fn rate_and_play_in_rhythmbox(&self) {
        let old = fs::read_to_string(self.rhythmdb()).unwrap();
        let at = old.find("04%20Lantern%20Row.flac</location>").unwrap();
        let at = at + old[at..].find("    <date>").unwrap();
        let values = "    <rating>4</rating>\n    <play-count>1</play-count>\n";
        let new = format!("{}{values}{}", &old[..at], &old[at..]);
        fs::write(self.rhythmdb(), new).unwrap();
    }

    /// What may differ from run to run becomes the same.
    pub(crate) fn redact(&self, text: &str) -> String {
        let device = fs::read_to_string("/etc/hostname").unwrap_or_default();
        let device = if device.trim().is_empty() { "this computer" } else { device.trim() };
        let text = text.replace(&*self.0.path().to_string_lossy(), "/home/you");
        let text = text.replace(&format!("@{device} "), "@desk ");
        text.lines().map(|line| redact_line(line) + "\n").collect()
    }
}

/// The path in a URI in an XML text.
fn decoded(uri: &str) -> PathBuf {
    let uri = uri.replace("&apos;", "'").replace("&amp;", "&");
    let mut parts = uri.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    PathBuf::from(OsString::from_vec(bytes))
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, (Vec<u8>, SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let changed = path.metadata().unwrap().modified().unwrap();
            files.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
}

/// One line with ids, plans, days and drawn numbers replaced, and columns two spaces apart.
fn redact_line(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let words: Vec<&str> = line.trim_start().split(' ').collect();
    let mut out = String::new();
    for (index, word) in words.iter().enumerate() {
        if word.is_empty() {
            if !out.ends_with("  ") {
                out.push(' ');
            }
            continue;
        }
        let next = words.get(index + 1).copied().unwrap_or_default();
        out.push_str(&redact_word(word, next));
        out.push(' ');
    }
    " ".repeat(indent) + out.trim_end()
}

fn redact_word(word: &str, next: &str) -> String {
    let bare = word.trim_matches([':', '.', ',', '`']);
    let (start, end) = word.split_once(bare).unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = bare.split('-').collect();
    let bytes = bare.as_bytes();
    let is_id = bytes.len() == 8 && bytes.iter().all(u8::is_ascii_hexdigit);
    let is_day = parts.len() == 3 && parts[0].len() == 4 && parts.iter().all(|part| digits(part));
    let is_drawn = digits(bare) && ["changes,", "parts,"].contains(&next);
    let redacted = match bytes {
        _ if is_id => "ID",
        _ if is_day => "DAY",
        _ if next == "UTC" => "TIME",
        _ if is_drawn => "SOME",
        [b'a'..=b'z', b'2'..=b'9', b'a'..=b'z'] => "PLAN",
        _ => bare,
    };
    format!("{start}{redacted}{end}")
}

/// How a command ended and what it printed.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}
