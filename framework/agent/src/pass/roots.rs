//! Where a new library's content lies: the folder below which most of its files are where other devices have
//! theirs.
//!
//! A library that says nothing of a folder may hold one artist of many, and the folder that its files share is then
//! deeper than the one that others mean. So each file is looked for by ever shorter ends of its path, and the folder
//! that stands before most of them is proposed. What a person said is never replaced.

use std::collections::{BTreeMap, HashSet};

use segue_document::Record;
use segue_model::Location;

use super::Member;

/// Paths below any root, as links know them.
#[derive(Debug, Default)]
pub(super) struct Places(HashSet<Box<[u8]>>);

/// A folder, and how many files are found below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) root: Location,
    pub(crate) files: u64,
    pub(crate) of: u64,
}

impl Places {
    /// Learns where links have an item.
    pub(super) fn learn(&mut self, record: &Record) {
        let known = record.origins.keys().filter_map(|link| record.location(*link));
        let relative = known.filter(|path| !path.as_bytes().starts_with(b"/"));
        self.0.extend(relative.map(|path| path.as_bytes().into()));
    }

    /// The best folder for files at these places; `None` if none of them is known below any.
    pub(super) fn propose<'l>(
        &self,
        files: impl Iterator<Item = &'l Location>,
    ) -> Option<Proposal> {
        let (mut found, mut of) = (BTreeMap::<&[u8], u64>::new(), 0);
        for file in files {
            of += 1;
            let path = file.as_bytes();
            let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            for (at, _) in ends.filter(|(at, _)| self.0.contains(&path[at + 1..])) {
                *found.entry(&path[..at]).or_default() += 1;
            }
        }
        // Of equals the longest: it says most.
        let best = found.into_iter().max_by_key(|(root, files)| (*files, root.len()))?;
        let (root, files) = best;
        Some(Proposal { root: Location::new(root), files, of })
    }
}

/// Whether a root may be proposed for a member: it is new, and nobody said one.
pub(super) fn is_open(member: &Member) -> bool {
    member.pairing && !member.root_was_said
}

/// Gives a member the root that is proposed for its files, unless the one it has is as good.
pub(super) fn settle(member: &mut Member, places: &Places) {
    let Some(difference) = &member.difference else { return };
    let files = || difference.arrived.iter().filter_map(|item| item.location.as_ref());
    member.proposal = places.propose(files());
    let Some(best) = &member.proposal else { return };
    let own = member.row.root.as_ref();
    let found = own.map_or(0, |root| {
        let below = files().filter_map(|file| file.below(root));
        below.filter(|path| places.0.contains(path.as_bytes())).count() as u64
    });
    if best.files > found {
        member.row.root = Some(best.root.clone());
    } else if let Some(root) = own {
        member.proposal = Some(Proposal { root: root.clone(), files: found, of: best.of });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(known: &[&str]) -> Places {
        Places(known.iter().map(|path| path.as_bytes().into()).collect())
    }

    fn proposed(known: &[&str], files: &[&str]) -> Option<(String, u64, u64)> {
        let files: Vec<Location> = files.iter().map(|file| Location::from(*file)).collect();
        let Proposal { root, files, of } = places(known).propose(files.iter())?;
        Some((root.to_string(), files, of))
    }

    #[test]
    fn a_library_of_one_artist_belongs_below_the_folder_of_all() {
        let known = ["Ann/First/1.mp3", "Ann/First/2.mp3", "Bob/Live/1.mp3"];
        let files = ["/usb/Music/Ann/First/1.mp3", "/usb/Music/Ann/First/2.mp3"];
        assert_eq!(proposed(&known, &files), Some(("/usb/Music".into(), 2, 2)));
    }

    #[test]
    fn the_folder_of_most_files_is_proposed_and_of_equals_the_longest() {
        let known = ["1.mp3", "a/1.mp3", "a/2.mp3", "3.mp3"];
        let files = ["/m/a/1.mp3", "/m/a/2.mp3", "/other/3.mp3"];
        assert_eq!(proposed(&known, &files), Some(("/m".into(), 2, 3)));
        assert_eq!(proposed(&known, &["/m/a/1.mp3"]), Some(("/m/a".into(), 1, 1)));
        assert_eq!(proposed(&known, &["/m/b/9.mp3"]), None);
        assert_eq!(proposed(&[], &files), None);
    }
}
