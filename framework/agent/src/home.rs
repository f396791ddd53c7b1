//! The agent's folder: the store, the keys, the backups.
//!
//! Keys are 0600 files and never leave this folder. A copied folder is another incarnation: its
//! changes have another actor, so that it can never be mistaken for this one.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use segue_access::{DeviceKey, PersonKey, actor_of};
use segue_store::{Store, StoreError, Tx};
use segue_translator::file::Replacement;
use sha2::{Digest, Sha256};

use crate::doubt;
use crate::failure::Failure;
use crate::world::World;

/// The folder and what is open of it.
pub(crate) struct Home {
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
    pub(crate) device: DeviceKey,
    pub(crate) person: PersonKey,
    /// Which life of the device this is.
    pub(crate) incarnation: [u8; 4],
    /// Who our changes are by: device and incarnation.
    pub(crate) actor: [u8; 16],
}

/// What tells a store from those that it was copied from.
pub(crate) struct Incarnation {
    pub(crate) number: [u8; 4],
    mark: String,
    /// Who changes are by from then on.
    pub(crate) actor: [u8; 16],
}

impl Incarnation {
    /// Makes it the store's.
    pub(crate) fn put(&self, tx: &Tx<'_>) -> Result<(), StoreError> {
        put_incarnation(tx, self.number, &self.mark)
    }
}

impl Home {
    /// Opens the folder, and makes it and its keys if they do not exist.
    pub(crate) fn open(folder: &Path, world: &World) -> Result<Self, Failure> {
        let path = folder.join("segue.db");
        // Several first commands at once must not each make a store and keys; keys come last.
        let first = !folder.join("device.key").exists() || !folder.join("person.key").exists();
        let _lock = first.then(|| crate::agent::lock(folder)).transpose()?;
        let mut store = Store::open(&path)?;
        let device = DeviceKey::from_seed(key(folder, "device.key", world)?);
        let person = PersonKey::from_seed(key(folder, "person.key", world)?);
        let incarnation = incarnation(&mut store, &path, world)?;
        let actor = actor_of(&device.id(), incarnation);
        Ok(Self { folder: folder.to_owned(), store, device, person, incarnation, actor })
    }

    /// Another incarnation of this store, for when the present one was, or may be, somebody else's too.
    pub(crate) fn next_incarnation(&self, world: &World) -> Result<Incarnation, Failure> {
        let number: [u8; 4] = world.random_bytes();
        let actor = actor_of(&self.device.id(), number);
        Ok(Incarnation { number, mark: mark(self.store.path())?, actor })
    }

    /// What the transport proves this device with.
    pub(crate) fn device_seed(&self, world: &World) -> Result<[u8; 32], Failure> {
        key(&self.folder, "device.key", world)
    }

    /// Where the backups of an operation's library are.
    pub(crate) fn backup_folder(&self, name: &str) -> PathBuf {
        self.folder.join("backups").join(name)
    }

    /// Where what a library's translator found out is kept: by what a person calls the library, because it may
    /// not be linked yet. Whoever removes the folder removes nothing that cannot be found out again.
    pub(crate) fn cache_folder(&self, app: &str, library: &Path) -> PathBuf {
        let name = [app.as_bytes(), b"\0", library.as_os_str().as_bytes()].concat();
        let digits = Sha256::digest(name).into_iter().take(8).map(|byte| format!("{byte:02x}"));
        self.folder.join("cache").join(digits.collect::<String>())
    }

    /// Removes what was kept for a library's translator; what is left of it harms nobody.
    pub(crate) fn remove_cache(&self, app: &str, library: &Path) {
        let _ = fs::remove_dir_all(self.cache_folder(app, library));
    }
}

/// A new incarnation whenever the store's file is not the one that we made: a copy, a restore.
fn incarnation(store: &mut Store, path: &Path, world: &World) -> Result<[u8; 4], Failure> {
    let mark = mark(path)?;
    let known = store.setting("incarnation")?.and_then(|text| text.parse().ok());
    if let (Some(incarnation), true) =
        (known, store.setting("incarnation mark")?.as_ref() == Some(&mark))
    {
        return Ok(u32::to_be_bytes(incarnation));
    }
    fresh_incarnation(store, &mark, world)
}

/// What a copy of the file does not share.
fn mark(path: &Path) -> Result<String, Failure> {
    let meta = fs::metadata(path).map_err(|error| io("read", path, &error))?;
    Ok(format!("{}:{}", meta.dev(), meta.ino()))
}

/// What a copy knows of libraries may be of another time.
fn fresh_incarnation(store: &mut Store, mark: &str, world: &World) -> Result<[u8; 4], Failure> {
    let fresh: [u8; 4] = world.random_bytes();
    let links = store.links()?;
    let tx = store.transaction()?;
    put_incarnation(&tx, fresh, mark)?;
    doubt::begin(&tx, &links)?;
    tx.commit()?;
    Ok(fresh)
}

fn put_incarnation(tx: &Tx<'_>, number: [u8; 4], mark: &str) -> Result<(), StoreError> {
    tx.put_setting("incarnation", &u32::from_be_bytes(number).to_string())?;
    tx.put_setting("incarnation mark", mark)
}

/// A secret key's seed, drawn once.
fn key(folder: &Path, name: &str, world: &World) -> Result<[u8; 32], Failure> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            let sentence = format!("{} is no key", path.display());
            Failure::refused(sentence, "restore it from a backup; without it nobody is you")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let seed: [u8; 32] = world.random_bytes();
            let mut new = Replacement::create_private(&path)?;
            new.write_all(&seed).map_err(|error| io("write", &path, &error))?;
            new.commit(|| Ok(()))?;
            Ok(seed)
        }
        Err(error) => Err(io("read", &path, &error)),
    }
}

fn io(operation: &'static str, path: &Path, error: &std::io::Error) -> Failure {
    segue_translator::Error::io(operation, path, error).into()
}

#[cfg(test)]
mod tests {
    use segue_access::is_actor_of;

    use super::*;

    #[test]
    fn f15_a_copied_or_restored_home_writes_as_another_actor_of_the_same_device() {
        let world = crate::world::ambient(crate::world::Outside::Left);
        let folder = tempfile::tempdir().unwrap();
        let (first, copy) = (folder.path().join("first"), folder.path().join("copy"));
        for folder in [&first, &copy] {
            fs::create_dir(folder).unwrap();
        }
        let home = Home::open(&first, &world).unwrap();
        let (device, actor) = (home.device.id(), home.actor);
        assert!(is_actor_of(&device, &actor));
        drop(home);
        assert_eq!(Home::open(&first, &world).unwrap().actor, actor, "opened again it is the same");

        for entry in fs::read_dir(&first).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        let copied = Home::open(&copy, &world).unwrap();
        assert_eq!(copied.device.id(), device);
        assert!(is_actor_of(&device, &copied.actor));
        assert_ne!(copied.actor, actor);
        drop(copied);

        // Last month's backup, put back where the store was.
        fs::rename(copy.join("segue.db"), first.join("segue.db")).unwrap();
        assert_ne!(Home::open(&first, &world).unwrap().actor, actor);
    }
}
