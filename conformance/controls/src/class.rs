//! The table: failure classes, their guards, and how each guard is switched off.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One failure class: a way in which tools like this one lose what people entered.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// `F01`, from the file's name.
    #[serde(skip)]
    pub id: String,
    /// What goes wrong for people.
    pub fails: String,
    /// What is in its way, in one sentence.
    pub guard: String,
    /// Why there is nothing to switch off here; then there are no controls.
    pub not_applicable: Option<String>,
    /// How the guard is switched off, and who sees it.
    #[serde(default, rename = "control")]
    pub controls: Vec<Control>,
}

/// A guard, or a part of it, that is switched off, and the tests that must fail then.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// What is so when it is off.
    pub off: String,
    /// The package whose tests see it.
    pub package: String,
    /// Its test target; `lib` for tests inside of the sources.
    pub target: String,
    /// The tests, each with its modules. Every one of them must fail.
    pub tests: Vec<String>,
    /// Built on its own, because its source does not compile with a switch.
    #[serde(default)]
    pub alone: bool,
    /// What is replaced. Several where two layers guard the same.
    #[serde(rename = "switch")]
    pub switches: Vec<Switch>,
}

/// A text of a source file, and what stands there when the guard is off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The path below the root.
    pub file: String,
    /// What occurs exactly once in it.
    pub text: String,
    /// What stands there instead.
    pub replacement: String,
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// All classes below `root`, in order.
///
/// # Errors
/// Says which file is no table of a class, and why.
pub fn all(root: &Path) -> Result<Vec<Class>, String> {
    let folder = root.join("conformance/controls/classes");
    let fail = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let entries = fs::read_dir(&folder).map_err(|error| fail(&folder, &error))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|error| fail(&folder, &error))?.path());
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).map_err(|error| fail(&path, &error))?;
        let class: Class = toml::from_str(&text).map_err(|error| fail(&path, &error))?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy().to_uppercase();
        Ok(Class { id, ..class })
    };
    paths.into_iter().map(read).collect()
}

impl Class {
    /// Its controls, each with a name: `F04-2`.
    pub fn named(&self) -> impl Iterator<Item = (String, &Control)> {
        (1..).zip(&self.controls).map(|(n, control)| (format!("{}-{n}", self.id), control))
    }
}

impl Switch {
    /// The source with the guard off.
    ///
    /// # Errors
    /// If the text does not occur exactly once.
    pub fn applied(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.text).count() {
            1 => Ok(source.replacen(&self.text, &self.replacement, 1)),
            times => Err(format!("{}: occurs {times} times: `{}`", self.file, self.text)),
        }
    }
}
