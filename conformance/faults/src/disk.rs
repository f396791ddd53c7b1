//! A disk as numbered nodes, and what a program does to them, one operation at a time.
//!
//! A name is an entry of a folder and no part of a file, as on a disk: that a file is durable says nothing of
//! its name. Modes, owners and times are left out.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::crash::Loss;

/// Which node.
pub(crate) type Id = usize;

/// Below this many bytes a disk writes all or nothing.
pub(crate) const SECTOR: usize = 512;

/// The node of the home.
pub(crate) const ROOT: Id = 0;

/// What a name stands for.
#[derive(Debug, Clone)]
enum Node {
    File(Arc<Vec<u8>>),
    Folder(BTreeMap<OsString, Id>),
}

/// One change, or that what was changed is made durable.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Bytes of a file.
    Write { file: Id, at: usize, bytes: Arc<[u8]> },
    /// The length of a file.
    Resize { file: Id, length: usize },
    /// A name for a node, new or not.
    Name { folder: Id, name: OsString, node: Id },
    /// A name goes.
    Remove { folder: Id, name: OsString, node: Id },
    /// A node gets another name, in one step.
    Move { from: (Id, OsString), to: (Id, OsString), node: Id },
    /// All that was done to a node is durable.
    Sync { node: Id },
}

impl Op {
    /// Whether it changes names.
    pub(crate) fn is_of_names(&self) -> bool {
        matches!(self, Self::Name { .. } | Self::Remove { .. } | Self::Move { .. })
    }

    /// Whether a sync of this node makes it durable.
    pub(crate) fn is_synced_with(&self, synced: Id) -> bool {
        match self {
            Self::Write { file, .. } | Self::Resize { file, .. } => *file == synced,
            Self::Name { folder, .. } | Self::Remove { folder, .. } => *folder == synced,
            Self::Move { from, to, .. } => from.0 == synced || to.0 == synced,
            Self::Sync { .. } => false,
        }
    }

    /// How many sectors it writes.
    pub(crate) fn sectors(&self) -> usize {
        match self {
            Self::Write { at, bytes, .. } if !bytes.is_empty() => {
                (at + bytes.len()).div_ceil(SECTOR) - at / SECTOR
            }
            _ => 0,
        }
    }
}

/// Everything below a folder, by path.
pub(crate) type Tree = BTreeMap<PathBuf, Entry>;

/// What is at a path.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// A folder.
    Folder,
    /// A file: which one, and what is in it.
    File(Id, Arc<Vec<u8>>),
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder, Self::Folder) => true,
            (Self::File(_, one), Self::File(_, other)) => one == other,
            _ => false,
        }
    }
}

/// Nodes, the first of which is the home.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Vec<Node>);

impl Disk {
    /// What is below a folder now, without what nobody keeps.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut disk = Self(Vec::new());
        disk.read_folder(folder)?;
        Ok(disk)
    }

    fn read_folder(&mut self, folder: &Path) -> io::Result<Id> {
        let id = self.fresh(Node::Folder(BTreeMap::new()));
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            let node = if kind.is_dir() {
                self.read_folder(&entry.path())?
            } else if kind.is_file() && !is_forgotten(&name) {
                self.fresh(Node::File(Arc::new(fs::read(entry.path())?)))
            } else {
                // A socket is gone with who listens there.
                continue;
            };
            if let Node::Folder(names) = &mut self.0[id] {
                names.insert(name, node);
            }
        }
        Ok(id)
    }

    fn fresh(&mut self, node: Node) -> Id {
        self.0.push(node);
        self.0.len() - 1
    }

    /// A new file that has no name yet.
    pub(crate) fn new_file(&mut self) -> Id {
        self.fresh(Node::File(Arc::default()))
    }

    /// A new folder that has no name yet.
    pub(crate) fn new_folder(&mut self) -> Id {
        self.fresh(Node::Folder(BTreeMap::new()))
    }

    /// The node at a path below the home.
    pub(crate) fn find(&self, path: &Path) -> Option<Id> {
        let mut at = ROOT;
        for part in path.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(name) => at = self.entry(at, name)?,
                _ => return None,
            }
        }
        Some(at)
    }

    /// What a name stands for in a folder.
    pub(crate) fn entry(&self, folder: Id, name: &OsStr) -> Option<Id> {
        match &self.0[folder] {
            Node::Folder(names) => names.get(name).copied(),
            Node::File(_) => None,
        }
    }

    /// What is in a file.
    pub(crate) fn bytes(&self, file: Id) -> &[u8] {
        match &self.0[file] {
            Node::File(bytes) => bytes,
            Node::Folder(_) => &[],
        }
    }

    /// Does an operation, or what is left of it.
    pub(crate) fn apply(&mut self, op: &Op, loss: Option<&Loss>) {
        match (op, loss) {
            (Op::Sync { .. }, _) | (_, Some(Loss::Whole)) => {}
            (Op::Write { file, at, bytes }, loss) => self.write(*file, *at, bytes, loss),
            (Op::Resize { file, length }, _) => {
                if let Node::File(content) = &mut self.0[*file] {
                    Arc::make_mut(content).resize(*length, 0);
                }
            }
            (Op::Name { folder, name, node }, _) => {
                if let Node::Folder(names) = &mut self.0[*folder] {
                    names.insert(name.clone(), *node);
                }
            }
            (Op::Remove { folder, name, node }, _) => self.remove(*folder, name, *node),
            (Op::Move { from, to, node }, _) => {
                self.remove(from.0, &from.1, *node);
                if let Node::Folder(names) = &mut self.0[to.0] {
                    names.insert(to.1.clone(), *node);
                }
            }
        }
    }

    fn remove(&mut self, folder: Id, name: &OsStr, node: Id) {
        if let Node::Folder(names) = &mut self.0[folder]
            && names.get(name) == Some(&node)
        {
            names.remove(name);
        }
    }

    fn write(&mut self, file: Id, at: usize, bytes: &[u8], loss: Option<&Loss>) {
        let Node::File(content) = &mut self.0[file] else { return };
        let content = Arc::make_mut(content);
        let kept = match loss {
            Some(Loss::Zeros) => 0..0,
            Some(Loss::But(sectors)) => {
                let place = |sector: usize| ((at / SECTOR + sector) * SECTOR).saturating_sub(at);
                place(sectors.start).min(bytes.len())..place(sectors.end).min(bytes.len())
            }
            _ => 0..bytes.len(),
        };
        let end = if loss == Some(&Loss::Zeros) { at + bytes.len() } else { at + kept.end };
        if content.len() < end && (!kept.is_empty() || loss == Some(&Loss::Zeros)) {
            content.resize(end, 0);
        }
        if !kept.is_empty() {
            content[at + kept.start..at + kept.end].copy_from_slice(&bytes[kept]);
        }
    }

    /// Everything that has a name.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        self.collect(ROOT, Path::new(""), &mut tree);
        tree
    }

    fn collect(&self, folder: Id, at: &Path, tree: &mut Tree) {
        let Node::Folder(names) = &self.0[folder] else { return };
        for (name, node) in names {
            let path = at.join(name);
            match &self.0[*node] {
                Node::File(bytes) => _ = tree.insert(path, Entry::File(*node, Arc::clone(bytes))),
                Node::Folder(_) => {
                    tree.insert(path.clone(), Entry::Folder);
                    self.collect(*node, &path, tree);
                }
            }
        }
    }
}

/// SQLite's index of a write-ahead log is memory that happens to have a name: who opens the database first makes it
/// anew, whatever it holds.
pub(crate) fn is_forgotten(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b"-shm")
}

/// A number that tells trees apart.
pub(crate) fn fingerprint(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (path, entry) in tree {
        path.hash(&mut hasher);
        match entry {
            Entry::Folder => 0_u8.hash(&mut hasher),
            Entry::File(_, bytes) => bytes.hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// Where two trees differ first.
pub(crate) fn difference(is: &Tree, should: &Tree) -> Option<String> {
    let paths = is.keys().chain(should.keys());
    let mut differ = paths.filter(|path| is.get(*path) != should.get(*path));
    differ.next().map(|path| {
        let length = |tree: &Tree| match tree.get(path) {
            None => "nothing".to_owned(),
            Some(Entry::Folder) => "a folder".to_owned(),
            Some(Entry::File(_, bytes)) => format!("{} bytes", bytes.len()),
        };
        format!("{}: is {}, should be {}", path.display(), length(is), length(should))
    })
}

/// Makes a folder hold exactly this. A file that is there keeps its node, so that it counts as the same one; the file
/// `kept` keeps it even while it has no name, beside the folder.
pub(crate) fn lay(tree: &Tree, folder: &Path, kept: &Path) -> io::Result<()> {
    let parked = folder.with_extension("kept");
    clear(tree, folder, Path::new(""), (kept, &parked))?;
    let mut written: BTreeMap<Id, PathBuf> = BTreeMap::new();
    for (path, entry) in tree {
        let at = folder.join(path);
        let Entry::File(node, bytes) = entry else {
            if !at.is_dir() {
                fs::create_dir(&at)?;
            }
            continue;
        };
        if let Some(same) = written.get(node) {
            let _ = fs::remove_file(&at);
            fs::hard_link(same, &at)?;
            continue;
        }
        if path == kept && !at.exists() && parked.exists() {
            fs::rename(&parked, &at)?;
        }
        if fs::read(&at).ok().as_deref() != Some(bytes.as_slice()) {
            fs::write(&at, bytes.as_slice())?;
        }
        written.insert(*node, at);
    }
    Ok(())
}

/// Removes what a tree does not have, and second names, which could be of another file there.
fn clear(tree: &Tree, folder: &Path, at: &Path, kept: (&Path, &Path)) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    for entry in fs::read_dir(folder.join(at))? {
        let path = at.join(entry?.file_name());
        let full = folder.join(&path);
        let meta = fs::symlink_metadata(&full)?;
        if meta.is_dir() {
            clear(tree, folder, &path, kept)?;
            if !matches!(tree.get(&path), Some(Entry::Folder)) {
                fs::remove_dir(&full)?;
            }
        } else if !matches!(tree.get(&path), Some(Entry::File(..))) || meta.nlink() > 1 {
            if path == kept.0 {
                fs::rename(&full, kept.1)?;
            } else {
                fs::remove_file(&full)?;
            }
        }
    }
    Ok(())
}
