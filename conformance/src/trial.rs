//! A law tried on one fixture.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use segue_translator::Capabilities;

use crate::given;
use crate::laid::Laid;
use crate::laws;
use crate::subject::Subject;

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The law holds.
    Passed,
    /// The law is broken, and how.
    Failed(String),
    /// The law does not apply, and why. A reason that begins with `here:` is about this computer,
    /// any other about the translator.
    Skipped(String),
}

/// One law, one fixture.
#[derive(Clone)]
pub struct Trial {
    /// The law: `read::two_reads_are_equal`.
    pub name: &'static str,
    /// The name of the fixture's folder: the app's version.
    pub fixture: String,
    folder: PathBuf,
    subject: Arc<Subject>,
    check: Check,
}

impl Trial {
    /// Tries the law. A panic is a failure, and so is what does not end within the subject's patience:
    /// its thread is left behind, until the process ends.
    pub fn run(&self) -> Outcome {
        let (ended, outcome) = mpsc::channel();
        let (one, patience) = (self.clone(), self.subject.patience);
        // The receiver is gone if it took too long.
        std::thread::spawn(move || ended.send(one.ended()).ok());
        outcome.recv_timeout(patience).unwrap_or_else(|_| {
            let seed = self.subject.seed;
            Outcome::Failed(format!("hangs: it has not ended after {patience:?} (seed {seed})"))
        })
    }

    fn ended(&self) -> Outcome {
        let case = Case { subject: &self.subject, fixture: &self.folder };
        match catch_unwind(AssertUnwindSafe(|| (self.check)(&case))) {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(Stop::Skipped(reason))) => Outcome::Skipped(reason),
            Ok(Err(Stop::Failed(reason))) => {
                Outcome::Failed(format!("{reason} (seed {})", self.subject.seed))
            }
            Err(panic) => Outcome::Failed(format!("panicked: {}", panic_text(&*panic))),
        }
    }

    /// Which subject it is about.
    pub fn subject(&self) -> &str {
        &self.subject.name
    }
}

/// Every law on every fixture of `subject`, whether it applies or not.
pub fn trials(subject: Subject) -> Vec<Trial> {
    let subject = Arc::new(subject);
    let folders = given::versions(&subject.fixtures);
    if folders.is_empty() {
        // No fixture must never mean no trial.
        return vec![Trial {
            name: "fixtures::are_there",
            fixture: String::new(),
            folder: subject.fixtures.clone(),
            subject,
            check: |case| fail(format!("no fixture in {}", case.fixture.display())),
        }];
    }
    let laws = folders.iter().flat_map(|folder| laws::all().map(move |law| (folder, law)));
    laws.map(|(folder, law)| Trial {
        name: law.name,
        fixture: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        folder: folder.clone(),
        subject: Arc::clone(&subject),
        check: law.check,
    })
    .collect()
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// A law: its name and what tries it.
#[derive(Clone, Copy)]
pub(crate) struct Law {
    pub(crate) name: &'static str,
    pub(crate) check: Check,
}

pub(crate) type Check = fn(&Case<'_>) -> Verdict;

/// Why a check ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    Skipped(String),
}

pub(crate) type Verdict<T = ()> = Result<T, Stop>;

/// What one check works on.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) fixture: &'a Path,
}

impl Case<'_> {
    /// A fresh copy of the fixture.
    pub(crate) fn lay(&self) -> Verdict<Laid> {
        Laid::new(self.subject, self.fixture)
    }

    /// Skips what is about apps that must not run while their library is written.
    pub(crate) fn is_left_alone(&self) -> Verdict {
        if self.subject.live.is_some() {
            return skip("declares: a live library, which is written while its app runs");
        }
        match &self.subject.shared {
            Some(why) => skip(format!("declares: written while its apps run, {why}")),
            None => Ok(()),
        }
    }

    /// What the fixture's version of the app can hold.
    pub(crate) fn capabilities(&self) -> Verdict<&'static Capabilities> {
        Ok(Laid::asleep(self.subject, self.fixture)?.open()?.capabilities())
    }
}

pub(crate) fn fail<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Stop::Failed(reason.into()))
}

pub(crate) fn skip<T>(reason: impl Into<String>) -> Verdict<T> {
    Err(Stop::Skipped(reason.into()))
}

/// Turns any error into a failure that says what was being done.
pub(crate) trait OrFail<T> {
    fn or_fail(self, what: &str) -> Verdict<T>;
}

impl<T, E: std::fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, what: &str) -> Verdict<T> {
        self.or_else(|error| fail(format!("{what}: {error}")))
    }
}

/// Fails with a reason unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            return $crate::trial::fail(format!($($reason)+));
        }
    };
}
pub(crate) use ensure;
