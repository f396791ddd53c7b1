//! The ambient world as arguments: time, randomness, folders, running apps, translators.
//!
//! Everything below takes these from here, so that a test can run whole histories from a seed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use segue_translator::{Host, Place, Translator};

use crate::registry::{self, Programs};

/// Fills with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// What the agent knows of the world around it.
#[derive(Clone)]
pub struct World {
    /// Unix seconds.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Fills with random bytes.
    pub random: Random,
    /// What runs.
    pub host: Arc<dyn Host>,
    /// Where apps keep their libraries.
    pub place: Place,
    /// The translators.
    pub translators: Vec<Arc<dyn Translator>>,
    /// What is to be said of those that are programs of their own.
    pub programs: Programs,
    /// The name of this device, for people.
    pub device: String,
}

impl World {
    /// As many random bytes as fit.
    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    /// The translator of an app.
    pub(crate) fn translator(&self, app: &str) -> Option<&Arc<dyn Translator>> {
        self.translators.iter().find(|translator| translator.capabilities().app == app)
    }
}

/// Whether the programs on the `PATH` are asked what they translate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// They are started, and those that are translators are known.
    Started,
    /// They are not, and no app of theirs is known.
    Left,
}

/// The agent's folder: this one, else `$SEGUE_HOME`, else one in the platform's data folder.
pub fn usual_folder(folder: Option<PathBuf>) -> PathBuf {
    let said = || std::env::var_os("SEGUE_HOME").filter(|said| !said.is_empty());
    folder
        .or_else(|| said().map(PathBuf::from))
        .unwrap_or_else(|| usual_place(variables()).data_home().join("segue"))
}

fn variables() -> BTreeMap<String, OsString> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect()
}

fn usual_place(vars: BTreeMap<String, OsString>) -> Place {
    Place::new(vars.get("HOME").map(PathBuf::from).unwrap_or_default(), vars)
}

/// What people call this device: what the person said, else its host name.
fn device_name(said: Option<OsString>) -> String {
    let said = said.and_then(|said| said.into_string().ok()).unwrap_or_default();
    let host = || std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = if said.trim().is_empty() { host() } else { said };
    let name = name.trim();
    if name.is_empty() { "this computer".into() } else { name.into() }
}

/// The world of this process: its clock, its environment, this computer.
pub fn ambient(outside: Outside) -> World {
    let vars = variables();
    let text = |name: &str| vars.get(name).cloned();
    let bus = crate::host::bus_address(
        text("DBUS_SESSION_BUS_ADDRESS").as_deref(),
        text("XDG_RUNTIME_DIR").as_deref(),
    );
    let device = device_name(text("SEGUE_DEVICE"));
    let mut translators = registry::translators();
    let mut taken: Vec<&str> = translators.iter().map(|one| one.capabilities().app).collect();
    taken.push("segue");
    let (started, programs) = match outside {
        Outside::Started => registry::programs(&vars, &taken),
        Outside::Left => Default::default(),
    };
    translators.extend(started);
    let mut world = World {
        now: Arc::new(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs() as i64)
        }),
        random: Arc::new(|bytes| {
            getrandom::fill(bytes).expect("the operating system gives random bytes");
        }),
        host: Arc::new(crate::host::ThisComputer::new(crate::host::PROC, bus, std::process::id())),
        place: usual_place(vars),
        translators,
        programs,
        device,
    };
    let documents = crate::Segue::new(world.clone());
    world.translators.push(Arc::new(documents));
    world
}
