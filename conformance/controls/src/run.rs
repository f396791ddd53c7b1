//! Runs named tests of the copy, and says how they ended.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Control;
use crate::seed::seed;

/// The target that is no libtest: it takes one name, and runs it for each fixture.
const LAWS: &str = "conformance";

/// Lines of the compiler or of a test that are shown where something is wrong.
const SHOWN_LINES: usize = 40;

/// How a run of named tests ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every one of them passed.
    Passed,
    /// Every one of them failed.
    Failed,
    /// Neither: some did, or it did not compile, or it did not come to an end.
    Unclear(String),
}

/// Cargo, building the copy in a folder of its own.
#[derive(Debug)]
pub struct Cargo {
    program: OsString,
    tree: PathBuf,
    build: PathBuf,
}

impl Cargo {
    /// For the copy in `tree`, built in `build`, which begins with what was built in `from`.
    ///
    /// # Errors
    /// The file system's.
    pub fn new(tree: &Path, build: &Path, from: &Path) -> io::Result<Self> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        seed(from, build)?;
        Ok(Self { program, tree: tree.to_owned(), build: build.to_owned() })
    }

    /// How many names a target takes at once.
    pub fn names_at_once(target: &str) -> usize {
        if target == LAWS { 1 } else { usize::MAX }
    }

    /// Runs the tests that a control names.
    pub fn test(&self, control: &Control) -> Verdict {
        self.test_named(&control.package, &control.target, &control.tests)
    }

    /// Runs tests of one target by their names.
    pub fn test_named(&self, package: &str, target: &str, names: &[String]) -> Verdict {
        let mut command = Command::new(&self.program);
        command.args(["test", "--locked", "-p", package]);
        match target {
            "lib" => command.arg("--lib"),
            other => command.args(["--test", other]),
        };
        command.args(["--", "--exact"]).args(names);
        command.current_dir(&self.tree);
        command.env("CARGO_TARGET_DIR", &self.build);
        // Little is built again each time, and nobody looks at it with a debugger.
        command.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        // Whoever blesses the page does not bless what a test without its guard says.
        command.env_remove("SEGUE_BLESS");
        match command.output() {
            Ok(output) => judge(&output, names.len(), target == LAWS),
            Err(error) => Verdict::Unclear(format!("cargo does not start: {error}")),
        }
    }
}

/// Counts passed and failed tests in the closing line of a test program.
fn judge(output: &Output, names: usize, laws: bool) -> Verdict {
    let text = String::from_utf8_lossy(&output.stdout);
    let closing = text.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    let count = |what: &str| -> usize {
        let words: Vec<&str> = closing.unwrap_or_default().split([' ', ';']).collect();
        let place = words.iter().position(|word| *word == what).and_then(|at| at.checked_sub(1));
        place.and_then(|at| words[at].parse().ok()).unwrap_or(0)
    };
    let (passed, failed) = (count("passed"), count("failed"));
    // A law is tried on every fixture, and need not fail on each.
    let all_failed = failed >= names && (laws || passed == 0);
    if output.status.success() && failed == 0 && passed >= names {
        Verdict::Passed
    } else if closing.is_some() && all_failed {
        Verdict::Failed
    } else if closing.is_some() {
        Verdict::Unclear(format!("{passed} of {names} passed, {failed} failed\n{}", end_of(&text)))
    } else {
        let why = end_of(&String::from_utf8_lossy(&output.stderr));
        Verdict::Unclear(format!("it does not compile, or does not end\n{why}"))
    }
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn verdict(code: i32, stdout: &str, names: usize, laws: bool) -> Verdict {
        let status = ExitStatus::from_raw(code << 8);
        let output = Output { status, stdout: stdout.into(), stderr: b"error".into() };
        judge(&output, names, laws)
    }

    fn closing(word: &str, passed: usize, failed: usize) -> String {
        format!("\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured\n")
    }

    #[test]
    fn only_a_test_that_ran_and_failed_has_failed() {
        assert_eq!(verdict(101, &closing("FAILED", 0, 2), 2, false), Verdict::Failed);
        assert_eq!(verdict(0, &closing("ok", 2, 0), 2, false), Verdict::Passed);
        assert_eq!(verdict(101, &closing("FAILED", 2, 1), 1, true), Verdict::Failed);
        for (code, text, names) in [
            (101, String::new(), 1),
            (101, closing("FAILED", 1, 1), 2),
            (0, closing("ok", 0, 0), 1),
            (0, closing("ok", 1, 0), 2),
            (101, closing("FAILED", 0, 1), 2),
        ] {
            let verdict = verdict(code, &text, names, false);
            assert!(matches!(verdict, Verdict::Unclear(_)), "{text}: {verdict:?}");
        }
    }
}
