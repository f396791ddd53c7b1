//! Programs that do not keep to the protocol, take too much or look around; and the messages of those
//! that do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ends;
mod limits;
mod mail;
mod names;
mod proposals;
mod protocol;
mod reads;
mod surroundings;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_stdio::{Launcher, Limits, Outside, Surroundings, Watch};
use segue_translator::file_app::FileApp;
use segue_translator::model::{Catalog, ChangeSet};
use segue_translator::{Collector, Error, Idle, Library, Reading, Translator, Written};

/// A library that is what a read of it answers.
const LIBRARY: &str = r#"{"items":[{"id":"/a","fields":{"rating":60}},{"id":"/b"}],"collections":[{"id":"1","kind":"playlist","name":"One","entries":["/a","/b"]},{"id":"2","kind":"playlist","name":"Two"}]}"#;

/// What the program says of itself.
const HELLO: &str = r#"{"protocol":1,"app":"x","schema":"music","folders":[{"below":"data","path":"x"}],"files":["x.json"],"running":{},"fields":{"rating":{"access":"write","hold":{"levels":{"count":5,"zero":false}}},"artist":{"access":"read"},"title":{"access":"read"}},"collections":{"playlist":{"access":"write"},"folder":{"access":"read"}}}"#;

/// A program that answers a read with what the file says; what it does before it says hello, and
/// on a write, is the test's.
pub(crate) struct Program {
    folder: tempfile::TempDir,
    pub(crate) around: Surroundings,
}

impl Program {
    pub(crate) fn new(first: &str, on_read: &str, on_write: &str) -> Self {
        Self::saying_hello(HELLO, first, on_read, on_write)
    }

    pub(crate) fn saying_hello(hello: &str, first: &str, on_read: &str, on_write: &str) -> Self {
        let script = format!(
            r#"#!/bin/sh
n=0
part() {{ printf '%s' "$line" | sed "s|.*\"$1\":\"\([^\"]*\)\".*|\1|"; }}
answer() {{ printf '{{"id":%s,"result":%s}}\n' "$n" "$1"; }}
{first}
while read -r line; do
    n=$((n + 1))
    case "$line" in
    *'"method":"hello"'*) answer '{hello}' ;;
    *'"method":"read"'*) file=$(part x.json); {on_read} ;;
    *'"method":"write"'*) stage=$(part stage); {on_write} ;;
    esac
done
"#
        );
        Self::of_script(&script)
    }

    pub(crate) fn of_script(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program/segue-translator-x");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let library = folder.path().join("home/.local/share/x");
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("x.json"), LIBRARY).unwrap();
        Self { folder, around: around() }
    }

    /// One that keeps to everything and refuses every edit.
    pub(crate) fn honest() -> Self {
        Self::new("", READ, "true")
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("program/segue-translator-x")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.home().join(".local/share/x")
    }

    pub(crate) fn put(&self, content: &[u8]) {
        fs::write(self.library().join("x.json"), content).unwrap();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(self.library().join("x.json")).unwrap()
    }

    pub(crate) fn start(&self) -> Result<FileApp<Outside>, Error> {
        Outside::start(&self.path(), self.around.clone()).map(Outside::translator)
    }

    pub(crate) fn open(&self) -> Box<dyn Library> {
        self.start().unwrap().open(&self.library(), Arc::new(Idle)).unwrap()
    }

    pub(crate) fn read(&self) -> Result<(Catalog, Reading), Error> {
        Collector::collect(&*self.open())
    }

    pub(crate) fn write(&self, changes: &ChangeSet) -> Result<Written, Error> {
        let library = self.open();
        library.write(&library.revision().unwrap(), changes)
    }
}

/// How the program reads.
pub(crate) const READ: &str = r#"answer "$(cat "$file")""#;

pub(crate) fn around() -> Surroundings {
    let variables: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let launcher =
        Launcher { program: env!("CARGO_BIN_EXE_segue-launch").into(), arguments: Vec::new() };
    Surroundings { launcher, variables, limits: Limits::default(), watch: None }
}

pub(crate) fn watched(around: &mut Surroundings, watch: Watch) {
    around.watch = Some(watch);
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
