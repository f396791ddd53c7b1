//! A store that the real notmuch indexed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use segue_notmuch::{Limits, Notmuch};
use segue_translator::model::{Catalog, ChangeSet, Field, FieldEdit, Item, Value, mail};
use segue_translator::{Collector, Error, Idle, Library, Reading, Translator as _, Written};

/// A home folder with a configuration, and mail in `Mail`.
pub(crate) struct Store(pub(crate) tempfile::TempDir);

impl Store {
    /// A store with these files, each a message of its own unless its path has a `#`: what follows that
    /// is its Message-ID up to `@x`, and after another `#` its text. `None` where there is no notmuch, which is said.
    pub(crate) fn with(files: &[&str]) -> Option<Self> {
        Self::configured("[maildir]\nsynchronize_flags=true\n", files)
    }

    /// The same with this in its configuration.
    pub(crate) fn configured(more: &str, files: &[&str]) -> Option<Self> {
        let ran = Command::new("notmuch").arg("--version").stdout(Stdio::null()).status();
        if ran.is_err() {
            let _ = writeln!(std::io::stderr(), "here: notmuch is not installed");
            return None;
        }
        let store = Self(tempfile::tempdir().unwrap());
        let text = format!(
            "[database]\npath=Mail\n[user]\nname=x\nprimary_email=x@example.com\n[new]\n\
             tags=unread;inbox;\n[search]\nexclude_tags=deleted;\n{more}"
        );
        fs::write(store.home().join(".notmuch-config"), text).unwrap();
        fs::create_dir(store.home().join("Mail")).unwrap();
        for file in files {
            store.put(file);
        }
        store.index();
        Some(store)
    }

    pub(crate) fn home(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home().join("Mail").join(below)
    }

    /// Lays a file, described as in [`Store::with`].
    pub(crate) fn put(&self, file: &str) {
        let mut parts = file.split('#');
        let path = parts.next().unwrap();
        let id = parts.next().unwrap_or(path);
        let id = if id.is_empty() { String::new() } else { format!("Message-ID: <{id}@x>\n") };
        let text = parts.next().unwrap_or("Hello");
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::create_dir_all(path.parent().unwrap().with_file_name("cur")).unwrap();
        fs::write(path, format!("From: a@b\n{id}Subject: s\n\n{text}\n")).unwrap();
    }

    pub(crate) fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.path(to).parent().unwrap()).unwrap();
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("notmuch");
        for other in ["NOTMUCH_DATABASE", "NOTMUCH_PROFILE", "MAILDIR"] {
            command.env_remove(other);
        }
        command.env("HOME", self.home());
        command.env("NOTMUCH_CONFIG", self.home().join(".notmuch-config"));
        command
    }

    /// What the real notmuch answers.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let ran = self.command().args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&ran.stdout).trim_end().to_owned()
    }

    /// Lets notmuch see what changed on the disk, whenever that was.
    pub(crate) fn index(&self) {
        self.ask(&["new", "--no-hooks", "--quiet", "--full-scan"]);
    }

    /// The tags of one message, sorted.
    pub(crate) fn tags(&self, id: &str) -> Vec<String> {
        let query = format!("id:{id}@x");
        let all = self.ask(&["search", "--output=tags", "--exclude=false", "--", &query]);
        all.lines().map(str::to_owned).collect()
    }

    /// Gives a message exactly these tags, as another program does.
    pub(crate) fn tag(&self, id: &str, tags: &[&str]) {
        let query = format!("id:{id}@x");
        let tags: Vec<String> = tags.iter().map(|tag| format!("+{tag}")).collect();
        let mut arguments = vec!["tag", "--remove-all"];
        arguments.extend(tags.iter().map(String::as_str));
        arguments.extend(["--", &query]);
        self.ask(&arguments);
    }

    /// The files of messages, by their paths below the mail.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.path(""), &mut names);
        let names = names
            .into_iter()
            .map(|path| path.strip_prefix(self.path("")).unwrap().to_str().unwrap().to_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with(".notmuch")).collect();
        names.sort();
        names
    }

    pub(crate) fn library(&self) -> Box<dyn Library> {
        self.library_with(Limits::default()).unwrap()
    }

    pub(crate) fn library_with(&self, limits: Limits) -> Result<Box<dyn Library>, Error> {
        let path = self.home().join(".notmuch-config");
        Notmuch::with_limits(limits).open(&path, Arc::new(Idle))
    }

    pub(crate) fn read(&self) -> (Catalog, Reading) {
        Collector::collect(&*self.library()).unwrap()
    }

    /// Gives the message of this Message-ID another set.
    pub(crate) fn set(&self, id: &str, field: &'static Field, new: &[&str]) -> Written {
        let library = self.library();
        let (catalog, reading) = Collector::collect(&*library).unwrap();
        let changes = change(vec![edit(named(&catalog, id), field, new)]);
        library.write(&reading.revision, &changes).unwrap()
    }
}

fn collect(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, all) } else { all.push(path) }
    }
}

pub(crate) fn named<'c>(catalog: &'c Catalog, id: &str) -> &'c Item {
    let id = format!("{id}@x");
    let is_it = |item: &&Item| item.fields.value(&mail::MESSAGE_ID) == Some(&Value::text(&*id));
    catalog.items.iter().find(is_it).unwrap()
}

pub(crate) fn texts<'i>(item: &'i Item, field: &Field) -> Vec<&'i str> {
    let list = item.fields.value(field).and_then(Value::as_list).unwrap_or_default();
    list.iter().map(|text| &**text).collect()
}

pub(crate) fn edit(item: &Item, field: &'static Field, new: &[&str]) -> FieldEdit {
    let old = item.fields.value(field).cloned();
    let new = (!new.is_empty()).then(|| Value::list(new.iter().copied()));
    FieldEdit { item: item.id.clone(), field, old, new }
}

pub(crate) fn change(fields: Vec<FieldEdit>) -> ChangeSet {
    ChangeSet { fields, ..ChangeSet::default() }
}
