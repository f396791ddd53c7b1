//! What notmuch and its mail say at one instant: each message with its tags and files.
//!
//! Tags and files are asked of notmuch, tag by tag, because it prints both together only while it holds
//! the lock of writers. Which message a file is, and where it lies, the files say. An answer counts if
//! neither the database nor a folder changed meanwhile.
//!
//! Invariant: what notmuch knows is told once: of two messages that it takes for one, one, and the
//! other is a loss.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use segue_mail::marks::FLAGS;
use segue_mail::{Key, message};
use segue_maildir::{File, Files, Tree};
use segue_translator::model::{Collection, NativeId, Value, mail};
use segue_translator::{Error, ErrorKind, Loss, Revision};

use crate::database::{ALL, Database, Stamp};
use crate::format::{self, Edit, Meaning};

/// So often a reading is begun anew, because somebody changed something meanwhile.
const ATTEMPTS: usize = 8;
const MESSAGES_MAX: usize = 5_000_000;
/// Each is one more question.
const TAGS_MAX: usize = 5_000;
/// Each is two more questions.
const COPIES_MAX: usize = 200;

/// A message as notmuch knows it: all files with one Message-ID.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) id: Box<[u8]>,
    /// Their places among the tags, in order.
    tags: Vec<u32>,
    /// Where notmuch found them, below the mail.
    files: Vec<Box<Path>>,
}

impl Message {
    /// Its files by the paths under which notmuch knows them: each there, or where it went, if notmuch does not know
    /// what lies there.
    fn located<'a>(
        &'a self,
        files: &'a Files,
        known: &'a HashSet<usize>,
    ) -> impl Iterator<Item = (&'a Path, usize)> {
        self.files.iter().flat_map(move |path| {
            let found =
                files.find(path).map_or_else(|| self.moved(files, known, path), |one| vec![one]);
            found.into_iter().map(move |file| (&**path, file))
        })
    }

    fn moved(&self, files: &Files, known: &HashSet<usize>, path: &Path) -> Vec<usize> {
        let is_new = |file: &usize| !known.contains(file);
        let namesakes = files.find_elsewhere(path).iter().copied().filter(is_new);
        // A name that is another by a number alone says less of what it is a name of.
        let renamed = files.find_renamed(path).filter(is_new);
        let renamed = renamed.filter(|file| self.is_called_in(files.file(*file)));
        let moved: Vec<usize> = namesakes.chain(renamed).collect();
        let key = |file: usize| files.file(file).key();
        let is_one = moved.iter().all(|file| key(*file) == key(moved[0]));
        if is_one { moved } else { Vec::new() }
    }

    /// Whether a file has the Message-ID that is this message's id.
    fn is_called_in(&self, file: File<'_>) -> bool {
        let header = file.header().map(|header| message::read_header(&header));
        let is_it = |id: &Value| id.as_text().is_some_and(|id| id.as_bytes() == &*self.id);
        header.is_ok_and(|fields| fields.value(&mail::MESSAGE_ID).is_some_and(is_it))
    }
}

/// What was read last.
pub(crate) type Last = Option<Arc<Index>>;

/// What the database says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) stamp: Stamp,
    tags: Vec<Box<[u8]>>,
    /// Tags that cannot be told.
    lost: Vec<Box<[u8]>>,
    pub(crate) messages: Vec<Message>,
}

/// What a message is marked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) flags: BTreeSet<Box<str>>,
    pub(crate) keywords: BTreeSet<Box<str>>,
}

impl Marks {
    pub(crate) fn value(texts: &BTreeSet<Box<str>>) -> Option<Value> {
        (!texts.is_empty()).then(|| Value::list(texts.iter().cloned()))
    }
}

impl Index {
    /// Asks for all of it, or for what changed since `last`, which it then becomes.
    pub(crate) fn read(database: &Database, last: &mut Last) -> Result<Arc<Self>, Error> {
        for _ in 0..ATTEMPTS {
            let stamp = database.stamp()?;
            let asked = match last.take() {
                Some(last) if last.stamp == stamp => Ok(last),
                old => Self::ask_anew(database, &stamp, old).map(Arc::new),
            };
            if database.stamp()? == stamp {
                return asked.map(|index| Arc::clone(last.insert(index)));
            }
        }
        Err(stale(&database.root))
    }

    fn ask_anew(database: &Database, stamp: &Stamp, old: Last) -> Result<Self, Error> {
        if let Some((query, old)) = old.and_then(|old| Some((stamp.since(&old.stamp)?, old))) {
            let changed = Self::ask(database, stamp, &query)?;
            if let Some(index) = Arc::unwrap_or_clone(old).with(changed) {
                return Ok(index);
            }
        }
        Self::ask(database, stamp, ALL)
    }

    /// Asks for the messages that a query finds.
    fn ask(database: &Database, stamp: &Stamp, query: &str) -> Result<Self, Error> {
        let root = &database.root;
        let too_many = |what: String| Error::new(ErrorKind::TooLarge, "read", root, what);
        let mut index = Self { stamp: stamp.clone(), ..Self::default() };
        let mut numbers: HashMap<Box<[u8]>, usize> = HashMap::new();
        database.messages(query, 1, &mut |id| {
            if index.messages.len() >= MESSAGES_MAX {
                return Err(too_many(format!("more than {MESSAGES_MAX} messages")));
            }
            numbers.insert(id.into(), index.messages.len());
            index.messages.push(Message { id: id.into(), ..Message::default() });
            Ok(())
        })?;
        let number = |id: &[u8]| numbers.get(id).copied().ok_or_else(|| stale(root));
        let mut having: Vec<usize> = (0..index.messages.len()).collect();
        for copy in 1.. {
            if copy > 1 {
                having.clear();
                database.messages(query, copy, &mut |id| {
                    having.push(number(id)?);
                    Ok(())
                })?;
            }
            if having.is_empty() {
                break;
            }
            if copy > COPIES_MAX {
                return Err(too_many(format!("a message has more than {COPIES_MAX} files")));
            }
            index.take_files(database, query, copy, &having)?;
        }
        let tags = |query: &str| {
            let mut tags: Vec<Box<[u8]>> = Vec::new();
            database.tags(query, &mut |tag| {
                tags.push(tag.into());
                match tags.len() {
                    ..=TAGS_MAX => Ok(()),
                    _ => Err(too_many(format!("more than {TAGS_MAX} tags"))),
                }
            })?;
            Ok::<_, Error>(tags)
        };
        // Only a list of all tells those that no query finds.
        index.lost = tags(ALL)?;
        index.lost.retain(|tag| format::meaning(tag) == Meaning::Lost);
        index.tags = tags(query)?;
        for (place, tag) in index.tags.iter().enumerate() {
            database.tagged(query, tag, &mut |id| {
                index.messages[number(id)?].tags.push(place as u32);
                Ok(())
            })?;
        }
        Ok(index)
    }

    /// Takes one file for each of these messages.
    fn take_files(
        &mut self,
        database: &Database,
        query: &str,
        copy: usize,
        having: &[usize],
    ) -> Result<(), Error> {
        let mut left = having.iter();
        database.files(query, copy, &mut |file| {
            let message = left.next().ok_or_else(|| stale(&database.root))?;
            let path = Path::new(OsStr::from_bytes(file));
            let below = path.strip_prefix(&database.root).unwrap_or(path);
            self.messages[*message].files.push(below.into());
            Ok(())
        })?;
        left.next().map_or(Ok(()), |_| Err(stale(&database.root)))
    }

    /// The same with what changed; `None` if more changed than is said, because a message was removed.
    fn with(mut self, changed: Self) -> Option<Self> {
        let places: Vec<u32> = changed.tags.iter().map(|tag| self.place(tag)).collect();
        let here = |place: &u32| places[*place as usize];
        let mut new: HashMap<Box<[u8]>, Message> =
            changed.messages.into_iter().map(|message| (message.id.clone(), message)).collect();
        for message in new.values_mut() {
            message.tags = message.tags.iter().map(here).collect();
        }
        for message in &mut self.messages {
            if let Some(changed) = new.remove(&message.id) {
                *message = changed;
            }
        }
        self.messages.extend(new.into_values());
        (self.messages.len() == changed.stamp.messages).then_some(Self {
            stamp: changed.stamp,
            lost: changed.lost,
            ..self
        })
    }

    /// Where a tag stands, from now on.
    fn place(&mut self, tag: &[u8]) -> u32 {
        let place = self.tags.iter().position(|known| **known == *tag);
        let place = place.unwrap_or_else(|| {
            self.tags.push(tag.into());
            self.tags.len() - 1
        });
        place as u32
    }

    /// The tags of a message.
    pub(crate) fn tags(&self, message: usize) -> impl Iterator<Item = &[u8]> {
        self.messages[message].tags.iter().map(|place| &*self.tags[*place as usize])
    }

    /// Makes these changes here too.
    pub(crate) fn apply(&mut self, message: usize, edits: &[Edit]) {
        for edit in edits {
            match edit {
                Edit::Add(tag) => {
                    let place = self.place(tag);
                    self.messages[message].tags.push(place);
                }
                Edit::Remove(tag) => {
                    let tags = &self.tags;
                    self.messages[message].tags.retain(|place| tags[*place as usize] != *tag);
                }
            }
        }
    }
}

fn stale(root: &Path) -> Error {
    let detail = "notmuch and mail programs change it faster than it can be read";
    Error::new(ErrorKind::Stale, "read", root, detail)
}

/// Where messages lie.
pub(crate) type Places = BTreeMap<Key, BTreeSet<Box<str>>>;

/// The database and the mail at one instant.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) index: Arc<Index>,
    pub(crate) files: Files,
    pub(crate) revision: Revision,
    /// Messages of notmuch by the key under which they are told, in order.
    messages: Vec<(Key, usize)>,
    /// Files that notmuch knows by their keys, in order.
    copies: Vec<(Key, usize)>,
    /// Files that notmuch knows where they are.
    known: HashSet<usize>,
    pub(crate) losses: Vec<Loss>,
}

impl State {
    /// The revision, without reading.
    pub(crate) fn now(database: &Database, tree: &Tree) -> Result<Revision, Error> {
        Ok(revision(&database.stamp()?, &tree.revision()?))
    }

    /// Reads all of it.
    pub(crate) fn read(database: &Database, tree: &Tree, last: &mut Last) -> Result<Self, Error> {
        for _ in 0..ATTEMPTS {
            let files = tree.list()?;
            let index = Index::read(database, last)?;
            let listed = revision(&index.stamp, files.listed());
            if Self::now(database, tree)? == listed {
                return Ok(Self::of(index, files, listed));
            }
        }
        Err(stale(&database.root))
    }

    fn of(index: Arc<Index>, files: Files, revision: Revision) -> Self {
        let (mut messages, mut copies) = (Vec::new(), Vec::new());
        let mut losses: Vec<Loss> = index.lost.iter().map(|tag| lost(tag)).collect();
        let paths = || index.messages.iter().flat_map(|message| &message.files);
        let known: HashSet<usize> = paths().filter_map(|path| files.find(path)).collect();
        for (number, message) in index.messages.iter().enumerate() {
            let found = message.located(&files, &known).map(|(_, file)| file);
            let found: Vec<(Key, usize)> =
                found.map(|file| (files.file(file).key(), file)).collect();
            match found.iter().min() {
                Some((key, _)) => messages.push((*key, number)),
                None => losses.push(gone(message, &files)),
            }
            copies.extend(found);
        }
        messages.sort_unstable();
        copies.sort_unstable();
        copies.dedup();
        let mut state = Self { index, files, revision, messages, copies, known, losses };
        let hidden = state.copies.chunk_by(|a, b| a.0 == b.0).filter_map(|copies| copies.first());
        let hidden = hidden.filter(|(key, _)| state.messages_of(*key).is_empty());
        let hidden: Vec<Loss> = hidden.map(|(key, _)| twin(*key)).collect();
        state.losses.extend(hidden);
        state
    }

    /// The keys of all items, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.messages.chunk_by(|a, b| a.0 == b.0).filter_map(|all| all.first()).map(|(key, _)| *key)
    }

    /// What notmuch calls one message; it may have several, without a Message-ID.
    pub(crate) fn messages_of(&self, key: Key) -> &[(Key, usize)] {
        of(&self.messages, key)
    }

    /// The files of one message.
    pub(crate) fn copies_of(&self, key: Key) -> impl Iterator<Item = File<'_>> {
        of(&self.copies, key).iter().map(|(_, file)| self.files.file(*file))
    }

    /// What a message is marked with.
    pub(crate) fn marks(&self, key: Key) -> Marks {
        let mut marks = Marks::default();
        for (_, message) in self.messages_of(key) {
            let mut lacks = BTreeSet::new();
            for tag in self.index.tags(*message) {
                match format::meaning(tag) {
                    Meaning::Flag(flag) => _ = marks.flags.insert(flag.into()),
                    Meaning::NoFlag(flag) => _ = lacks.insert(flag),
                    Meaning::Keyword(keyword) => _ = marks.keywords.insert(keyword.into()),
                    Meaning::Nothing | Meaning::Lost => {}
                }
            }
            marks.flags.extend(format::flags_by_absence(&lacks).map(Into::into));
        }
        marks
    }

    /// The folders in which a message lies.
    pub(crate) fn places(&self, key: Key) -> BTreeSet<Box<str>> {
        let lying = self.copies_of(key).filter(|copy| !copy.is_deleted());
        lying.map(|copy| copy.folder().into()).collect()
    }

    /// The files of a message of notmuch.
    fn files_of(&self, message: usize) -> impl Iterator<Item = (&Path, File<'_>)> {
        let located = self.index.messages[message].located(&self.files, &self.known);
        located.map(|(path, file)| (path, self.files.file(file)))
    }

    /// Whether a file of this message has another name or place than notmuch knows.
    pub(crate) fn is_behind(&self, message: usize) -> bool {
        self.files_of(message).any(|(path, file)| file.path() != path)
    }

    /// Whether notmuch may know less of a message's files than is there.
    pub(crate) fn is_unclear(&self, key: Key) -> bool {
        let known = of(&self.copies, key);
        self.files.copies(key).any(|file| !known.contains(&(key, file)))
            || self.messages_of(key).iter().any(|(_, message)| self.is_behind(*message))
    }

    /// Whether notmuch knows a file in this folder.
    pub(crate) fn is_indexed(&self, folder: &str) -> bool {
        self.known.iter().any(|file| self.files.file(*file).folder() == folder)
    }

    /// What the names of a message's files say, by its letters.
    pub(crate) fn letters(&self, message: usize) -> BTreeSet<u8> {
        let paths = self.files_of(message).map(|(_, file)| file.path());
        let all: BTreeSet<u8> = paths.flat_map(|path| format::letters(&path)).collect();
        all.into_iter().filter(|letter| FLAGS.iter().any(|flag| flag.letter == *letter)).collect()
    }

    /// The number of the message of this id, if it is told under this key.
    pub(crate) fn named(&self, key: Key, id: &[u8]) -> Option<usize> {
        let mut messages = self.messages_of(key).iter().map(|(_, message)| *message);
        messages.find(|message| *self.index.messages[*message].id == *id)
    }

    /// How many messages have no file any more.
    pub(crate) fn gone(&self) -> usize {
        self.index.messages.len() - self.messages.len()
    }

    /// Whether the other one tells the same, but for messages that lie elsewhere since.
    pub(crate) fn tells_as(&self, other: &Self, moved: &Places) -> bool {
        let told = |key| moved.get(&key).cloned().unwrap_or_else(|| self.places(key));
        let (folders, others) = (self.files.folders(), other.files.folders());
        let is_made = |folder: &Collection| moved.values().any(|all| all.contains(&folder.name));
        self.keys().eq(other.keys())
            && self.keys().all(|key| self.marks(key) == other.marks(key))
            && self.keys().all(|key| told(key) == other.places(key))
            && folders.iter().all(|folder| others.contains(folder))
            && others.iter().all(|folder| folders.contains(folder) || is_made(folder))
            && self.losses == other.losses
    }
}

fn of(all: &[(Key, usize)], key: Key) -> &[(Key, usize)] {
    let start = all.partition_point(|(one, _)| *one < key);
    let end = all.partition_point(|(one, _)| *one <= key);
    &all[start..end]
}

fn revision(stamp: &Stamp, files: &Revision) -> Revision {
    Revision(format!("{stamp} {}", files.0))
}

fn lost(tag: &[u8]) -> Loss {
    let what = "a tag that is no text, or that is told from another only by its case".to_owned();
    Loss { id: NativeId::new(tag), what }
}

fn gone(message: &Message, files: &Files) -> Loss {
    let unreadable = message.files.iter().find_map(|path| {
        let is_it = |loss: &&Loss| {
            let place = loss.id.as_bytes();
            place.strip_prefix(b"./").unwrap_or(place) == path.as_os_str().as_bytes()
        };
        files.losses().iter().find(is_it)
    });
    let what = match unreadable {
        Some(loss) => loss.what.clone(),
        None => "none of its files lies where notmuch found it, in a Maildir folder".to_owned(),
    };
    Loss { id: NativeId::new([b"id:", &*message.id].concat()), what }
}

fn twin(key: Key) -> Loss {
    let what = "a message with the Message-ID of another one: notmuch has one set of tags for both";
    Loss { id: key.id().into(), what: what.to_owned() }
}
