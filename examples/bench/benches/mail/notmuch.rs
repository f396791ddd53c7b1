//! notmuch over a generated store: its configuration, its commands, and the tag of one message.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::others;
use crate::store::Store;
use crate::timed::{Timed, timed};

/// A home folder with a configuration that names the mail in it.
pub(crate) struct Home(PathBuf);

/// Why it cannot be run, if it cannot.
pub(crate) fn installed() -> Outcome<()> {
    others::installed("notmuch")
}

impl Home {
    /// The folder that a store lies in.
    pub(crate) fn of(store: &Store) -> Outcome<Self> {
        Self::at(store.path().parent().ok_or("no folder")?)
    }

    pub(crate) fn at(folder: &Path) -> Outcome<Self> {
        let home = Self(folder.to_owned());
        let text = format!(
            "[database]\npath={}/mail\n[user]\nname=x\nprimary_email=me@example.net\n[new]\ntags=unread\n\
             [search]\nexclude_tags=\n[maildir]\nsynchronize_flags=true\n",
            folder.display()
        );
        fs::write(home.configuration(), text)?;
        Ok(home)
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.0.join(".notmuch-config")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut notmuch = others::command("notmuch", &self.0);
        notmuch.args(words);
        notmuch
    }

    pub(crate) fn run(&self, words: &[&str]) -> Outcome<(Timed, String)> {
        timed(&self.command(words))
    }

    /// Gives a tag to the message that comes first by its id.
    pub(crate) fn tag(&self, tag: &str) -> Outcome<()> {
        let (_, all) = self.run(&["search", "--output=messages", "*"])?;
        let first = all.lines().min().ok_or("there is no message")?;
        self.run(&["tag", &format!("+{tag}"), "--", first]).map(drop)
    }

    /// Whether exactly one message has a tag.
    pub(crate) fn has(&self, tag: &str) -> Outcome<bool> {
        let output = self.command(&["count", &format!("tag:{tag}")]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim() == "1")
    }
}
