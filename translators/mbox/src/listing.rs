//! All messages of a store at one instant, each with the mailboxes in which it lies.
//!
//! A mailbox that did not change since it was read is not read again.
//!
//! Invariant: a listing counts if no mailbox changed while it was made.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, BufRead};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use segue_mail::message::HEADER_BYTES_MAX;
use segue_mail::{Key, message};
use segue_translator::model::NativeId;
use segue_translator::{Error, ErrorKind, Loss, Revision};

use crate::format;
use crate::header::{self, Marks};
use crate::journal::Journal;
use crate::left;
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
    /// What is no whole message, by where it stands.
    broken: Vec<(u64, String)>,
    unread: Vec<Unread>,
    /// The header of the first message.
    first: Range<u64>,
    /// Whether a server keeps it: then that header says so. `None` if there is none.
    is_served: Option<bool>,
}

impl Content {
    /// How many pieces of messages there are.
    pub(crate) fn torn(&self) -> usize {
        self.broken.len()
    }
}

/// A message that is whole, and larger than is read. It stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) start: u64,
    /// Where the lines stand with which its header begins.
    pub(crate) header: Range<u64>,
    /// What it is called, as far as that can be told.
    key: Option<Key>,
    /// Why it is not read, in words that say which it is.
    what: String,
}

/// A message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) key: Key,
    /// As it calls itself: what is torn has another key and the same name.
    pub(crate) ident: u64,
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
    /// The messages of each mailbox that are larger than is read.
    pub(crate) unread: Vec<Vec<Unread>>,
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
            for Unread { start, key, what, .. } in &content.unread {
                let place = format!("{}:{start}", mailbox.id());
                let id = NativeId::from(&*key.map_or(place, Key::id));
                let what = format!("{what}, so its marks and folders are neither read nor written");
                losses.push(Loss { id, what });
            }
        }
        // Those of one mailbox stay in their order.
        copies.sort_by_key(|copy| copy.message.key);
        let first = contents.iter().map(|content| content.first.clone()).collect();
        let is_served = contents.iter().map(|content| content.is_served).collect();
        let unread = contents.iter().map(|content| content.unread.clone()).collect();
        Ok(Self { mailboxes, stamps, first, is_served, damaged, unread, copies, losses })
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

    /// What lies in one mailbox.
    pub(crate) fn in_mailbox(&self, mailbox: usize) -> impl Iterator<Item = &Message> {
        let there = self.copies.iter().filter(move |copy| copy.mailbox == mailbox);
        there.map(|copy| &copy.message)
    }

    /// Why the first message of a mailbox cannot name keywords, if it cannot.
    pub(crate) fn is_sealed(&self, mailbox: usize) -> Option<&str> {
        let first = &self.first[mailbox];
        let unread = self.unread[mailbox].iter().find(|unread| unread.header.start == first.start);
        unread.map(|unread| &*unread.what)
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
        if let Some(what) = frame.broken {
            content.broken.push((frame.header, what));
            return Ok(());
        }
        let is_large = frame.end - frame.header > MESSAGE_BYTES_MAX;
        let key = || key(view.reader(frame.header..frame.end), frame.is_quoted);
        if is_large || frame.is_too_long {
            let (subject, start) = (message::subject(&header), frame.start);
            let what = if is_large {
                format!("{subject} has more than {MESSAGE_BYTES_MAX} bytes")
            } else {
                format!("{subject} has a header of more than {HEADER_BYTES_MAX} bytes")
            };
            let key = if is_large { None } else { Some(key()?) };
            content.unread.push(Unread { start, header: place, key, what });
            return Ok(());
        }
        let (key, state) = (key()?, header::state(&header));
        let (marks, is_deleted) = (state.marks, state.is_deleted);
        content.messages.push(Message {
            key,
            ident: message::ident(&header).unwrap_or_else(|| key.ident()),
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
    match view.expected().map(|expected| left::too_many(expected, &content)) {
        None | Some(0) => Ok(content),
        Some(count) => Err(Error::new(ErrorKind::Corrupt, "read", path, doubt(count, path))),
    }
}

/// What a person is told where it is not known what an interrupted write left.
fn doubt(count: usize, path: &Path) -> String {
    let journal = Journal::path(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    let messages = if count == 1 {
        "1 message in it is there once too often, or is a piece of one".to_owned()
    } else {
        format!("{count} messages in it are there once too often, or are pieces of some")
    };
    format!(
        "Segue was stopped while it wrote this mailbox, and before it could finish that a mail program wrote it too: \
         {messages}; nothing was changed. Remove what is too much in a mail program, and `segue sync` goes on; or, if \
         all is as it should be, remove `{}`",
        journal.display()
    )
}

/// The key of a message as it was before this mailbox had it.
pub(crate) fn key(mut reader: impl BufRead, is_quoted: bool) -> io::Result<Key> {
    if is_quoted { message::key(&mut Quoted::new(reader)) } else { message::key(&mut reader) }
}
