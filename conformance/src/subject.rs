//! What is tried: a translator, its fixtures, and what only its author knows.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use segue_translator::Translator;

use crate::given;

/// A question about the library at a path; the answer, or why there is none.
pub type Inspect<T> = Arc<dyn Fn(&Path) -> Result<T, String> + Send + Sync>;

/// Makes the library at a path one of so many items.
pub type Enlarge = Arc<dyn Fn(&Path, usize) -> Result<(), String> + Send + Sync>;

/// The app while it runs on a library; it ends when this is dropped.
pub type Running = Box<dyn std::any::Any + Send>;

/// A translator with everything that its trials need.
#[derive(Clone)]
pub struct Subject {
    /// What trials and skips call it; the app's name unless several are tried.
    pub name: String,
    /// The translator.
    pub translator: Arc<dyn Translator>,
    /// The folder with one library for each version of the app.
    pub fixtures: PathBuf,
    /// Where in a home folder a library lies.
    pub home: PathBuf,
    /// Why no library is looked for, if none is: a person names each.
    pub named: Option<String>,
    /// Why the library is written while its apps run, if it is: several programs may write it at once,
    /// and none of them is asked. What they do at the same time their own tests try.
    pub shared: Option<String>,
    /// Why a file that was cut, or is empty, is a library with less in it, if it is: nothing in such a file
    /// says how long it was. What can be told all the same the translator's own tests try.
    pub shrinks: Option<String>,
    /// Whether the app itself would accept a library, in its own way of checking.
    pub sound: Inspect<()>,
    /// A digest of what the translator does not model: what is left of the library when all
    /// modelled values are taken out.
    pub unmodelled: Option<Inspect<String>>,
    /// Harms something in a library that the translator does not model.
    pub spoil: Option<Inspect<()>>,
    /// Makes a library one of a version that the translator cannot know.
    pub unknown_version: Option<Inspect<()>>,
    /// Makes a library of so many items.
    pub large: Option<Enlarge>,
    /// Why items and collections lie in separate files, if they do. No app then replaces both at
    /// once, so after a crash either may be old and the other new; else it is the whole library.
    pub separate_files: Option<String>,
    /// Starts the app on the library at a path, if the library is reached only through the running
    /// app. An error that begins with `here:` skips the trial: the app is not on this computer.
    pub live: Option<Inspect<Running>>,
    /// How long a trial may take. Who needs longer hangs: the slowest that we know takes a minute.
    pub patience: Duration,
    /// What random edits follow from.
    pub seed: u64,
    /// A program and its arguments which call [`child`](crate::child) with this subject; without
    /// it, crashes are not tried.
    pub rerun: Option<Vec<OsString>>,
}

impl Subject {
    /// A subject whose own program calls [`main`](crate::main). The seed is the number in
    /// `SEGUE_CONFORMANCE_SEED`, or 1.
    pub fn new(
        translator: impl Translator + 'static,
        fixtures: impl Into<PathBuf>,
        home: impl Into<PathBuf>,
        sound: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let seed = std::env::var("SEGUE_CONFORMANCE_SEED").ok();
        let subject = Self {
            name: translator.capabilities().app.to_owned(),
            translator: Arc::new(translator),
            home: home.into(),
            named: None,
            shared: None,
            shrinks: None,
            sound: Arc::new(sound),
            fixtures: PathBuf::new(),
            unmodelled: None,
            spoil: None,
            unknown_version: None,
            large: None,
            separate_files: None,
            live: None,
            patience: Duration::from_mins(10),
            seed: seed.and_then(|seed| seed.parse().ok()).unwrap_or(1),
            rerun: std::env::current_exe().ok().map(|program| vec![program.into()]),
        };
        subject.with_fixtures(fixtures)
    }

    /// The same on other fixtures. What lies among them beside the versions is taken over:
    /// `unknown-version`, `large` and `unmodelled.txt`.
    pub fn with_fixtures(self, fixtures: impl Into<PathBuf>) -> Self {
        let fixtures = fixtures.into();
        Self {
            unmodelled: given::unmodelled(&fixtures).or(self.unmodelled),
            unknown_version: given::unknown_version(&fixtures).or(self.unknown_version),
            large: given::large(&fixtures).or(self.large),
            fixtures,
            ..self
        }
    }

    /// The same under another name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same, able to tell what it does not model.
    pub fn with_unmodelled(
        self,
        digest: impl Fn(&Path) -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        Self { unmodelled: Some(Arc::new(digest)), ..self }
    }

    /// The same, able to harm what it does not model, to show that this is seen.
    pub fn with_spoil(
        self,
        harm: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { spoil: Some(Arc::new(harm)), ..self }
    }

    /// The same, able to make a library of an unknown version.
    pub fn with_unknown_version(
        self,
        make: impl Fn(&Path) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { unknown_version: Some(Arc::new(make)), ..self }
    }

    /// The same, able to make a library of many items.
    pub fn with_large(
        self,
        make: impl Fn(&Path, usize) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { large: Some(Arc::new(make)), ..self }
    }

    /// The same, reached only through the running app, and what starts it.
    pub fn with_live(
        self,
        start: impl Fn(&Path) -> Result<Running, String> + Send + Sync + 'static,
    ) -> Self {
        Self { live: Some(Arc::new(start)), ..self }
    }

    /// The same, with libraries that a person names, and why.
    pub fn with_named(self, why: impl Into<String>) -> Self {
        Self { named: Some(why.into()), ..self }
    }

    /// The same, written beside its running apps, and why.
    pub fn with_shared(self, why: impl Into<String>) -> Self {
        Self { shared: Some(why.into()), ..self }
    }

    /// The same, of files that may have been longer, and why.
    pub fn with_shrinks(self, why: impl Into<String>) -> Self {
        Self { shrinks: Some(why.into()), ..self }
    }

    /// The same, with items and collections in separate files, and why.
    pub fn with_separate_files(self, why: impl Into<String>) -> Self {
        Self { separate_files: Some(why.into()), ..self }
    }
}
