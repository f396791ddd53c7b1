//! A home folder with apps' libraries, and programs on its path.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::{HELLO, repository};

/// A home with programs on its path.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        Self { folder }
    }

    pub(crate) fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    pub(crate) fn program(&self, app: &str, script: &str) -> PathBuf {
        let path = self.bin().join(format!("segue-translator-{app}"));
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn hello_as(&self, app: &str) {
        let path = self.bin().join(format!("segue-translator-{app}"));
        symlink(repository().join(HELLO), path).unwrap();
    }

    pub(crate) fn library(&self, app: &str, file: &str, content: &str) -> PathBuf {
        let folder = self.folder.path().join(".local/share").join(app);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), content).unwrap();
        folder.join(file)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(words).env_clear().env("HOME", self.folder.path());
        command.env("PATH", format!("{}:{path}", self.bin().display()));
        command
    }

    pub(crate) fn segue(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn json(&self, words: &[&str]) -> Json {
        let output = self.segue(&[words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

/// A Rhythmbox library of one song.
pub(crate) fn rhythmdb(location: &str, rating: &str) -> String {
    format!(
        "<?xml version=\"1.0\" standalone=\"yes\"?>\n<rhythmdb version=\"2.0\">\n  \
         <entry type=\"song\">\n    <title>One</title>\n    <genre>Unknown</genre>\n    \
         <artist>A</artist>\n    <album>B</album>\n    <duration>60</duration>\n    \
         <location>{location}</location>\n{rating}    <media-type>audio/mpeg</media-type>\n  \
         </entry>\n</rhythmdb>\n"
    )
}
