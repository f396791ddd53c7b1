//! Hears of changes in the folders that hold the libraries' files.
//!
//! Folders are watched, not files, because apps save by writing a new file and renaming it. What is
//! not heard (a folder on a network, one that was not there yet) is seen by the next look anyway; so
//! nothing here can fail in a way that matters. It has a thread of its own: even to ask for a folder
//! of a network that is down may take minutes.
//!
//! Invariant: reading a file is no change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use segue_model::LinkId;

use super::event::Event;
use super::schedule::POLL_MS;
use super::worker::Events;

/// Libraries and where they are.
type Libraries = Vec<(LinkId, PathBuf)>;
/// Folders and the libraries whose files they hold.
type Folders = BTreeMap<PathBuf, Vec<LinkId>>;

/// Watches folders.
pub(super) struct Watch(mpsc::Sender<Libraries>);

impl Watch {
    /// Begins; events go to the loop.
    pub(super) fn begin(events: Events) -> Self {
        let (told, libraries) = mpsc::channel();
        std::thread::spawn(move || watch(&mut Ears::new(events), &libraries));
        Self(told)
    }

    /// Watches these and no others.
    pub(super) fn only(&self, libraries: Libraries) {
        // Without the thread there are still looks.
        let _ = self.0.send(libraries);
    }
}

fn watch(ears: &mut Ears, told: &mpsc::Receiver<Libraries>) {
    let mut libraries = Libraries::new();
    loop {
        match told.recv_timeout(Duration::from_millis(POLL_MS)) {
            Ok(others) => {
                libraries = others;
                ears.turn_to(&libraries);
                // What changed before was not heard.
                ears.tell(libraries.iter().map(|(link, _)| *link).collect());
            }
            // A folder may be there only now, or be another one.
            Err(RecvTimeoutError::Timeout) => ears.turn_to(&libraries),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What hears.
struct Ears {
    /// `None` where the system watches nothing, or no more.
    watcher: Option<RecommendedWatcher>,
    folders: Arc<Mutex<Folders>>,
    events: Events,
}

impl Ears {
    fn new(events: Events) -> Self {
        let folders = Arc::new(Mutex::new(Folders::new()));
        let (known, to) = (Arc::clone(&folders), events.clone());
        let watcher = notify::recommended_watcher(move |heard: notify::Result<notify::Event>| {
            if let Ok(heard) = heard {
                tell(&to, concerned(&lock(&known), &heard));
            }
        });
        Self { watcher: watcher.ok(), folders, events }
    }

    fn tell(&self, links: Vec<LinkId>) {
        tell(&self.events, links);
    }

    /// Watches the folders of these as they are now. To watch one that is watched already changes
    /// nothing, and a folder that took the place of another one is watched from then on.
    fn turn_to(&mut self, libraries: &[(LinkId, PathBuf)]) {
        let mut folders = Folders::new();
        for (link, path) in libraries {
            folders.entry(folder_of(path)).or_default().push(*link);
        }
        // The lock is free again before the watcher is asked: that waits for the thread which hears.
        let before = std::mem::replace(&mut *lock(&self.folders), folders.clone());
        let Some(watcher) = &mut self.watcher else { return };
        for gone in before.keys().filter(|folder| !folders.contains_key(*folder)) {
            // It may have ended with the folder.
            let _ = watcher.unwatch(gone);
        }
        for folder in folders.keys() {
            let _ = watcher.watch(folder, RecursiveMode::NonRecursive);
        }
    }
}

fn lock(folders: &Mutex<Folders>) -> MutexGuard<'_, Folders> {
    folders.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(events: &Events, links: Vec<LinkId>) {
    if !links.is_empty() {
        // A full queue: the next look sees it.
        let _ = events.try_send(Event::Touched(links));
    }
}

/// The folder that holds a library's files; of a library that is not there, the one it would be in.
fn folder_of(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|_| !path.is_dir());
    parent.unwrap_or(path).to_owned()
}

/// The libraries whose files changed.
fn concerned(folders: &Folders, heard: &notify::Event) -> Vec<LinkId> {
    if heard.need_rescan() {
        return folders.values().flatten().copied().collect();
    }
    if !is_change(heard.kind) {
        return Vec::new();
    }
    let of = |path: &PathBuf| {
        let inside = path.parent().and_then(|folder| folders.get(folder));
        inside.or_else(|| folders.get(path)).cloned().unwrap_or_default()
    };
    let mut links: Vec<LinkId> = heard.paths.iter().flat_map(of).collect();
    links.sort_unstable();
    links.dedup();
    links
}

fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    const LINK: LinkId = LinkId([7; 8]);

    fn ears() -> (Ears, Receiver<Event>) {
        let (events, heard) = channel(64);
        (Ears::new(events), heard)
    }

    fn hears(heard: &mut Receiver<Event>) {
        let event = heard.blocking_recv();
        assert!(matches!(event, Some(Event::Touched(links)) if links == [LINK]));
        while heard.try_recv().is_ok() {}
    }

    fn save(folder: &Path) {
        fs::write(folder.join("library.tmp"), "new").unwrap();
        fs::rename(folder.join("library.tmp"), folder.join("library")).unwrap();
    }

    #[test]
    fn a_save_in_a_watched_folder_is_heard_and_a_read_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        save(folder.path());
        let (mut ears, mut heard) = ears();
        let theirs = (LinkId([8; 8]), other.path().to_owned());
        ears.turn_to(&[(LINK, folder.path().to_owned()), theirs.clone()]);
        fs::read(folder.path().join("library")).unwrap();
        save(folder.path());
        // The read came first, and was not told.
        hears(&mut heard);
        ears.turn_to(&[theirs]);
        while heard.try_recv().is_ok() {}
        save(folder.path());
        save(other.path());
        let event = heard.blocking_recv();
        assert!(matches!(event, Some(Event::Touched(links)) if links == [LinkId([8; 8])]));
    }

    #[test]
    fn a_read_alone_is_no_change_and_what_was_lost_concerns_all() {
        let folders = Folders::from([(PathBuf::from("/a"), vec![LINK])]);
        let heard = |kind| notify::Event::new(kind).add_path("/a/library".into());
        let read = EventKind::Access(AccessKind::Close(AccessMode::Read));
        assert_eq!(concerned(&folders, &heard(read)), []);
        assert_eq!(concerned(&folders, &heard(EventKind::Any)), [LINK]);
        let lost = notify::Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(concerned(&folders, &lost), [LINK]);
    }

    #[test]
    fn a_folder_that_comes_goes_and_is_replaced_is_watched_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("app");
        let (mut ears, mut heard) = ears();
        let own = [(LINK, folder.clone())];
        ears.turn_to(&own);
        for _ in 0..3 {
            fs::create_dir(&folder).unwrap();
            hears(&mut heard);
            ears.turn_to(&own);
            while heard.try_recv().is_ok() {}
            save(&folder);
            hears(&mut heard);
            fs::remove_dir_all(&folder).unwrap();
            hears(&mut heard);
            ears.turn_to(&own);
            while heard.try_recv().is_ok() {}
        }
    }

    #[test]
    fn changes_while_folders_are_turned_to_hold_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let (mut ears, _heard) = ears();
        let (done, is_done) = mpsc::channel::<()>();
        let writer = std::thread::spawn(move || {
            while is_done.try_recv() == Err(mpsc::TryRecvError::Empty) {
                save(&path);
            }
        });
        let (turned, all) = mpsc::channel();
        let own = [(LINK, folder.path().to_owned())];
        std::thread::spawn(move || {
            for _ in 0..2_000 {
                ears.turn_to(&own);
            }
            turned.send(())
        });
        let in_time = all.recv_timeout(Duration::from_mins(1));
        drop(done);
        writer.join().unwrap();
        assert_eq!(in_time, Ok(()), "it waits for itself");
    }
}
