//! All messages of a store at one instant, each with the mailboxes in which it lies.
//!
//! A mailbox that did not change since it was read is not read again.
//!
//! Invariant: a listing counts if no mailbox changed while it was made.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_mail::{Key, message};
use segue_translator::model::NativeId;
use segue_translator::{Error, ErrorKind, Loss, Revision};

use crate::format;
use crate::header::{self, Marks};
use crate::journal::Journal;
use crate::quoted::Quoted;
use crate::tree::{self, Mailbox};
use crate::view::View;

/// So often a listing is begun anew, because somebody changed the store meanwhile.
const ATTEMPTS: usize = 8;
const COPIES_MAX: usize = 5_000_000;
const MESSAGE_BYTES_MAX: u64 = 1 << 30;

/// What was read of mailboxes, by their paths.
pub(crate) type Known = HashMap<PathBuf, (String, Arc<Content>)>;

/// What a mailbox has.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) messages: Vec<Message>,
    /// What cannot be read, by where it stands.
    broken: Vec<(u64, String)>,
    /// The header of the first message.
    first: Range<u64>,
    /// Whether a server keeps it: then that header says so. `None` if there is none.
    is_served: Option<bool>,
}

/// A message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) key: Key,
    /// Where it begins, with its line `From `.
    pub(crate) start: u64,
    /// Where its header stands.
    pub(crate) header: Range<u64>,
    /// Where the next begins.
    pub(crate) end: u64,
    /// Whether lines of its body that begin with `From ` have a `>` too many.
    pub(crate) is_quoted: bool,
    pub(crate) marks: Marks,
    /// Whether it is to be removed from this mailbox.
    pub(crate) is_deleted: bool,
}

/// A message, and its mailbox's place among all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) mailbox: usize,
    pub(crate) message: Message,
}

/// A store at one instant.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) mailboxes: Vec<Mailbox>,
    /// The state of each mailbox.
    pub(crate) stamps: Vec<String>,
    /// Where the header of the first message of each mailbox stands.
    pub(crate) first: Vec<Range<u64>>,
    /// Which mailboxes a server keeps, as far as they tell.
    pub(crate) is_served: Vec<Option<bool>>,
    /// Why some mailboxes are not written.
    pub(crate) damaged: HashMap<usize, String>,
    /// Copies of one message stand together.
    pub(crate) copies: Vec<Copy>,
    pub(crate) losses: Vec<Loss>,
}

impl Listing {
    /// Lists a store.
    pub(crate) fn make(root: &Path, known: &mut Known) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let tree = tree::walk(root)?;
            let stamps = stamps(&tree.mailboxes)?;
            let contents = tree.mailboxes.iter().zip(&stamps).map(|(mailbox, stamp)| {
                match known.get(&mailbox.path) {
                    Some((seen, content)) if seen == stamp => Ok(Arc::clone(content)),
                    _ => read(&mailbox.path).map(Arc::new),
                }
            });
            let contents: Vec<Arc<Content>> = contents.collect::<Result<_, Error>>()?;
            let again = tree::walk(root)?;
            if again.mailboxes != tree.mailboxes || self::stamps(&again.mailboxes)? != stamps {
                continue;
            }
            let paths = tree.mailboxes.iter().map(|mailbox| mailbox.path.clone());
            let states = stamps.iter().cloned().zip(contents.iter().cloned());
            *known = paths.zip(states).collect();
            return Self::of(tree.mailboxes, stamps, &contents, tree.losses);
        }
        let detail = "mail programs change it faster than it can be read";
        Err(Error::new(ErrorKind::Stale, "read", root, detail))
    }

    fn of(
        mailboxes: Vec<Mailbox>,
        stamps: Vec<String>,
        contents: &[Arc<Content>],
        mut losses: Vec<Loss>,
    ) -> Result<Self, Error> {
        let mut copies = Vec::new();
        let mut damaged = HashMap::new();
        for (index, (mailbox, content)) in mailboxes.iter().zip(contents).enumerate() {
            let messages = content.messages.iter().cloned();
            copies.extend(messages.map(|message| Copy { mailbox: index, message }));
            if copies.len() > COPIES_MAX {
                let detail = format!("more than {COPIES_MAX} messages");
                return Err(Error::new(ErrorKind::TooLarge, "read", &mailbox.path, detail));
            }
            for (at, what) in &content.broken {
                let mut id = mailbox.id().as_bytes().to_vec();
                id.extend_from_slice(format!(":{at}").as_bytes());
                let what = format!("a message that cannot be read: {what}");
                damaged.insert(index, what.clone());
                losses.push(Loss { id: NativeId::new(id), what });
            }
        }
        // Those of one mailbox stay in their order.
        copies.sort_by_key(|copy| copy.message.key);
        let first = contents.iter().map(|content| content.first.clone()).collect();
        let is_served = contents.iter().map(|content| content.is_served).collect();
        Ok(Self { mailboxes, stamps, first, is_served, damaged, copies, losses })
    }

    /// The state of the whole store.
    pub(crate) fn revision(&self) -> Revision {
        tree::revision(&self.mailboxes, &self.stamps)
    }

    /// The mailboxes in which an interrupted write left something.
    pub(crate) fn interrupted(&self) -> impl Iterator<Item = usize> {
        let all = self.mailboxes.iter().enumerate();
        all.filter(|(_, mailbox)| Journal::is_left(&mailbox.path)).map(|(index, _)| index)
    }

    /// The copies of each message.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &[Copy]> {
        self.copies.chunk_by(|a, b| a.message.key == b.message.key)
    }

    /// Where the copies of what is called so stand.
    pub(crate) fn message(&self, id: &NativeId) -> Range<usize> {
        let Some(key) = Key::of(id) else { return 0..0 };
        let start = self.copies.partition_point(|copy| copy.message.key < key);
        start..self.copies.partition_point(|copy| copy.message.key <= key)
    }

    /// The keys of what lies in one mailbox.
    pub(crate) fn keys_in(&self, mailbox: usize) -> impl Iterator<Item = Key> {
        let there = self.copies.iter().filter(move |copy| copy.mailbox == mailbox);
        there.map(|copy| copy.message.key)
    }

    /// The folders in which these lie.
    pub(crate) fn places(&self, copies: &[Copy]) -> BTreeSet<Box<str>> {
        let there = copies.iter().filter(|copy| !copy.message.is_deleted);
        there.map(|copy| self.mailboxes[copy.mailbox].name.as_str().into()).collect()
    }
}

/// What all copies of a message together are marked with.
pub(crate) fn marks(copies: &[Copy]) -> Marks {
    let mut marks = Marks::default();
    for copy in copies {
        marks.flags.extend(&copy.message.marks.flags);
        marks.keywords.extend(copy.message.marks.keywords.iter().cloned());
    }
    marks
}

/// The state of each of these.
pub(crate) fn stamps(mailboxes: &[Mailbox]) -> Result<Vec<String>, Error> {
    mailboxes.iter().map(|mailbox| tree::stamp(&mailbox.path)).collect()
}

/// Reads a mailbox.
fn read(path: &Path) -> Result<Content, Error> {
    content(&View::open(path)?, path)
}

/// What a mailbox has, of which messages that cannot be read are part.
pub(crate) fn content(view: &View, path: &Path) -> Result<Content, Error> {
    let mut content = Content::default();
    let mut is_first = true;
    let scanned = format::scan(view, |frame, header| {
        let place = frame.header..frame.header + header.len() as u64;
        if std::mem::take(&mut is_first) {
            content.first = place.clone();
            content.is_served = Some(header::is_served(&header));
            if header::is_internal(&header) {
                return Ok(());
            }
        }
        if content.messages.len() > COPIES_MAX {
            let what = format!("more than {COPIES_MAX} messages");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        let broken = frame.broken.clone().or_else(|| {
            let is_large = frame.end - frame.header > MESSAGE_BYTES_MAX;
            is_large.then(|| format!("it has more than {MESSAGE_BYTES_MAX} bytes"))
        });
        if let Some(what) = broken {
            content.broken.push((frame.header, what));
            return Ok(());
        }
        let (key, state) =
            (key(view.reader(frame.header..frame.end), frame.is_quoted)?, header::state(&header));
        let (marks, is_deleted) = (state.marks, state.is_deleted);
        content.messages.push(Message {
            key,
            start: frame.start,
            header: place,
            end: frame.end,
            is_quoted: frame.is_quoted,
            marks,
            is_deleted,
        });
        Ok(())
    });
    scanned.map_err(|error| Error::io("read", path, &error))?;
    Ok(content)
}

/// The key of a message as it was before this mailbox had it.
pub(crate) fn key(mut reader: impl BufRead, is_quoted: bool) -> io::Result<Key> {
    if is_quoted { message::key(&mut Quoted::new(reader)) } else { message::key(&mut reader) }
}
