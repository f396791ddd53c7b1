//! Listens to apps that say by themselves that something changed, such as MPD.
//!
//! Each has a thread that waits for its app's word and passes it on as a touched library; what an app
//! does not say, the looks see. An app that tells nobody is asked once, when it is linked.
//!
//! Invariant: nothing that an app says, or does not say, holds up anything else; a thread that waits ends
//! with its link, at the latest after [`PATIENCE`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segue_model::LinkId;
use segue_translator::{ErrorKind, Heard, Library};

use super::event::Event;
use super::schedule::POLL_MS;
use super::worker::Events;

/// How long an app is listened to before the thread sees whether it still should.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who is listened to.
pub(super) struct Listening {
    events: Events,
    /// Set while it is wanted.
    links: BTreeMap<LinkId, Arc<AtomicBool>>,
}

impl Listening {
    pub(super) fn new(events: Events) -> Self {
        Self { events, links: BTreeMap::new() }
    }

    /// Listens to these and no others; `open` opens one that was not listened to.
    pub(super) fn only(
        &mut self,
        links: &[LinkId],
        open: impl Fn(LinkId) -> Option<Box<dyn Library>>,
    ) {
        self.links.retain(|link, wanted| {
            let stays = links.contains(link);
            wanted.store(stays, Ordering::Relaxed);
            stays
        });
        for link in links {
            if self.links.contains_key(link) {
                continue;
            }
            // What cannot be opened now is tried again with the next news of links.
            let Some(library) = open(*link) else { continue };
            let wanted = Arc::new(AtomicBool::new(true));
            self.links.insert(*link, Arc::clone(&wanted));
            let (link, events) = (*link, self.events.clone());
            std::thread::spawn(move || listen(link, &*library, &wanted, &events));
        }
    }
}

fn listen(link: LinkId, library: &dyn Library, wanted: &AtomicBool, events: &Events) {
    while wanted.load(Ordering::Relaxed) {
        match library.listen(PATIENCE) {
            Ok(Heard::Mute) => return,
            Ok(Heard::Nothing) => {}
            Ok(Heard::Change) => {
                if wanted.load(Ordering::Relaxed)
                    && events.blocking_send(Event::Touched(vec![link])).is_err()
                {
                    return;
                }
            }
            // It is said once, and the rest is listened to.
            Err(error) if error.kind == ErrorKind::TooLarge => {
                if events.blocking_send(Event::Said(error.to_string())).is_err() {
                    return;
                }
            }
            // The looks say why; until then nobody is there to listen to.
            Err(_) => std::thread::sleep(Duration::from_millis(POLL_MS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use segue_translator::model::ChangeSet;
    use segue_translator::{Capabilities, Error, Reading, Revision, Sink, Written};

    use super::*;

    const LINK: LinkId = LinkId([7; 8]);

    /// An app that says what the test says, and tells the test that it is listened to.
    struct Told {
        says: Mutex<Receiver<Result<Heard, Error>>>,
        listened: Mutex<Sender<()>>,
    }

    impl Library for Told {
        fn capabilities(&self) -> &'static Capabilities {
            static NONE: Capabilities =
                Capabilities::of("told", &segue_translator::model::music::MUSIC, &[]);
            &NONE
        }

        fn running(&self) -> Option<String> {
            None
        }

        fn listen(&self, _: Duration) -> Result<Heard, Error> {
            let _ = self.listened.lock().unwrap().send(());
            self.says.lock().unwrap().recv().unwrap_or(Ok(Heard::Mute))
        }

        fn revision(&self) -> Result<Revision, Error> {
            Err(no())
        }

        fn read(&self, _: &mut dyn Sink) -> Result<Reading, Error> {
            Err(no())
        }

        fn write(&self, _: &Revision, _: &ChangeSet) -> Result<Written, Error> {
            Err(no())
        }

        fn back_up(&self, _: &Path) -> Result<Vec<PathBuf>, Error> {
            Err(no())
        }

        fn restore(&self, _: &Revision, _: &Path) -> Result<Revision, Error> {
            Err(no())
        }
    }

    fn no() -> Error {
        Error::new(ErrorKind::Io, "use", "/told", "it only tells")
    }

    #[test]
    fn what_an_app_says_is_passed_on_until_its_link_ends() {
        let (events, mut heard) = tokio::sync::mpsc::channel(8);
        let (say, says) = channel();
        let (listened, listens) = channel();
        let app = Told { says: Mutex::new(says), listened: Mutex::new(listened) };
        let app = Mutex::new(Some(Box::new(app) as Box<dyn Library>));
        let open = |_| app.lock().unwrap().take();
        let mut listening = Listening::new(events);
        listening.only(&[LINK], open);
        // It is opened once.
        listening.only(&[LINK], open);
        say.send(Ok(Heard::Nothing)).unwrap();
        say.send(Ok(Heard::Change)).unwrap();
        let event = heard.blocking_recv();
        assert!(matches!(event, Some(Event::Touched(links)) if links == [LINK]));
        // It listens again, and hears after its link has ended.
        for _ in 0..3 {
            listens.recv().unwrap();
        }
        listening.only(&[], open);
        say.send(Ok(Heard::Change)).unwrap();
        assert!(listens.recv().is_err(), "it listens no more");
        drop(listening);
        assert!(heard.blocking_recv().is_none(), "and said nothing");
    }

    #[test]
    fn who_tells_nobody_is_asked_once() {
        let (events, mut heard) = tokio::sync::mpsc::channel(8);
        let (say, says) = channel();
        let (listened, listens) = channel();
        let app = Told { says: Mutex::new(says), listened: Mutex::new(listened) };
        let app = Mutex::new(Some(Box::new(app) as Box<dyn Library>));
        let mut listening = Listening::new(events);
        listening.only(&[LINK], |_| app.lock().unwrap().take());
        say.send(Ok(Heard::Mute)).unwrap();
        drop(say);
        assert_eq!(listens.iter().count(), 1);
        drop(listening);
        assert!(heard.blocking_recv().is_none());
    }

    #[test]
    fn what_is_too_much_to_listen_to_is_said_and_the_rest_is_listened_to() {
        let (events, mut heard) = tokio::sync::mpsc::channel(8);
        let (say, says) = channel();
        let (listened, _listens) = channel();
        let app = Told { says: Mutex::new(says), listened: Mutex::new(listened) };
        let app = Mutex::new(Some(Box::new(app) as Box<dyn Library>));
        let mut listening = Listening::new(events);
        listening.only(&[LINK], |_| app.lock().unwrap().take());
        say.send(Err(Error::new(ErrorKind::TooLarge, "listen to", "/told", "too many"))).unwrap();
        say.send(Ok(Heard::Change)).unwrap();
        let said = heard.blocking_recv();
        assert!(matches!(said, Some(Event::Said(text)) if text.contains("too many")));
        assert!(matches!(heard.blocking_recv(), Some(Event::Touched(_))));
    }
}
