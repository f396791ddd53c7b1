//! Edits of stored playlists as commands, few of them: what stays in order is not moved.
//!
//! A playlist is known by its name, so a renamed one has another id afterwards; within a set of
//! edits the old one is meant. A line that is no song of the database (a stream, a lost file) is not
//! shown to anybody; it stays behind the song that it followed.
//!
//! Invariant: an edit is made only where the playlist still holds what the edit expects.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use segue_translator::Error;
use segue_translator::model::{CollectionEdit, NativeId};

use crate::client::Client;
use crate::kind::is_a_name;
use crate::read;
use crate::write::Step;

/// The playlists and songs that edits are about, as they are after those before.
pub(crate) struct Shelf {
    names: BTreeSet<String>,
    songs: BTreeSet<String>,
    /// By the name that each had at first: the name now, and its lines.
    lists: BTreeMap<String, (String, Vec<String>)>,
}

impl Shelf {
    /// Asks for what these edits are about.
    pub(crate) fn load(client: &mut Client, edits: &[CollectionEdit]) -> Result<Self, Error> {
        let names = read::list_names(client)?;
        let mut songs = BTreeSet::new();
        read::each_song(client, |song| {
            songs.insert(song.uri.to_owned());
        })?;
        let mut lists = BTreeMap::new();
        for edit in edits {
            let (CollectionEdit::Rename { id, .. }
            | CollectionEdit::Reorder { id, .. }
            | CollectionEdit::Remove { id, .. }) = edit
            else {
                continue;
            };
            let name = id.to_string();
            if names.contains(&name) && !lists.contains_key(&name) {
                lists.insert(name.clone(), (name.clone(), read::list_lines(client, &name)?));
            }
        }
        Ok(Self { names, songs, lists })
    }

    /// What one edit comes to, if anything.
    pub(crate) fn edit(&mut self, edit: &CollectionEdit) -> Result<Option<Step>, String> {
        match edit {
            CollectionEdit::Create { name, parent, entries, kind } => {
                if parent.is_some() || kind.name != "playlist" {
                    return Err("MPD has only playlists, and no folders of them".into());
                }
                self.create(name, entries).map(Some)
            }
            CollectionEdit::Rename { id, old, new } => self.rename(id, old, new),
            CollectionEdit::Reorder { id, old, new } => self.reorder(id, old, new),
            CollectionEdit::Remove { id, old } => self.remove(id, old).map(Some),
        }
    }

    fn create(&mut self, name: &str, entries: &[NativeId]) -> Result<Step, String> {
        self.refuse_name(name)?;
        let entries = self.known(entries)?;
        let id = NativeId::from(name.to_owned());
        let mut step = Step::new(id.clone());
        for entry in &entries {
            step.add("playlistadd", &[name, entry])?;
        }
        if entries.is_empty() {
            // There is no command for an empty one; but one may be emptied.
            let song = self.songs.first().ok_or("MPD has no song to make a playlist with")?;
            step.add("playlistadd", &[name, song])?;
            step.add("playlistclear", &[name])?;
        }
        step.created = Some(id);
        self.names.insert(name.to_owned());
        Ok(step)
    }

    fn rename(&mut self, id: &NativeId, old: &str, new: &str) -> Result<Option<Step>, String> {
        let now = self.list(id)?.0.clone();
        if now != old {
            return Err("the playlist has another name now".into());
        }
        if new == old {
            return Ok(None);
        }
        self.refuse_name(new)?;
        let mut step = Step::new(id.clone());
        step.add("rename", &[&now, new])?;
        self.names.remove(&now);
        self.names.insert(new.to_owned());
        new.clone_into(&mut self.list(id)?.0);
        Ok(Some(step))
    }

    fn reorder(
        &mut self,
        id: &NativeId,
        old: &[NativeId],
        new: &[NativeId],
    ) -> Result<Option<Step>, String> {
        let (name, lines) = self.list_with(id, old)?;
        let known = self.known(new)?;
        let wanted = arrange(&lines, |line| self.songs.contains(line), &known);
        if wanted == lines {
            return Ok(None);
        }
        let mut step = Step::new(id.clone());
        for change in changes(&lines, &wanted) {
            match change {
                Change::Add(line) => step.add("playlistadd", &[&name, line])?,
                Change::Delete(at) => step.add("playlistdelete", &[&name, &at.to_string()])?,
                Change::Move(from, to) => {
                    step.add("playlistmove", &[&name, &from.to_string(), &to.to_string()])?;
                }
            }
        }
        self.list(id)?.1 = wanted;
        Ok(Some(step))
    }

    fn remove(&mut self, id: &NativeId, old: &[NativeId]) -> Result<Step, String> {
        let (name, _) = self.list_with(id, old)?;
        let mut step = Step::new(id.clone());
        step.add("rm", &[&name])?;
        self.names.remove(&name);
        self.lists.remove(&id.to_string());
        Ok(step)
    }

    fn refuse_name(&self, name: &str) -> Result<(), String> {
        match name {
            name if !is_a_name(name) => Err(format!("MPD cannot name a playlist {name:?}")),
            name if self.names.contains(name) => Err("MPD has a playlist of that name".into()),
            _ => Ok(()),
        }
    }

    fn list(&mut self, id: &NativeId) -> Result<&mut (String, Vec<String>), String> {
        self.lists.get_mut(&id.to_string()).ok_or_else(|| "MPD has no such playlist".into())
    }

    fn list_with(
        &mut self,
        id: &NativeId,
        old: &[NativeId],
    ) -> Result<(String, Vec<String>), String> {
        let (name, lines) = self.list(id)?.clone();
        let songs = lines.iter().filter(|line| self.songs.contains(*line));
        if songs.map(|line| NativeId::from(line.clone())).eq(old.iter().cloned()) {
            return Ok((name, lines));
        }
        Err("the playlist has other entries now".into())
    }

    fn known(&self, entries: &[NativeId]) -> Result<Vec<String>, String> {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        match entries.iter().find(|entry| !self.songs.contains(*entry)) {
            Some(entry) => Err(format!("MPD has no song {entry}")),
            None => Ok(entries),
        }
    }
}

/// The lines of a playlist that shows `songs`: each other line follows the song that it followed, or
/// the one before that.
fn arrange(lines: &[String], is_song: impl Fn(&str) -> bool, songs: &[String]) -> Vec<String> {
    let mut free: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (position, line) in lines.iter().enumerate().filter(|(_, line)| is_song(line)) {
        free.entry(line).or_default().push_back(position);
    }
    let chosen: Vec<Option<usize>> =
        songs.iter().map(|song| free.get_mut(song.as_str())?.pop_front()).collect();
    let kept: BTreeSet<usize> = chosen.iter().copied().flatten().collect();
    let mut followers: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
    let mut anchor = None;
    for (position, line) in lines.iter().enumerate() {
        if kept.contains(&position) {
            anchor = Some(position);
        } else if !is_song(line) {
            followers.entry(anchor).or_default().push(line.clone());
        }
    }
    let mut wanted = followers.remove(&None).unwrap_or_default();
    for (song, position) in songs.iter().zip(chosen) {
        wanted.push(song.clone());
        wanted.extend(position.and_then(|at| followers.remove(&Some(at))).into_iter().flatten());
    }
    wanted
}

/// A command on a playlist.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    Delete(usize),
    Add(&'a str),
    Move(usize, usize),
}

/// How `lines` become `wanted`: what is not wanted goes, what is missing comes to the end, and what
/// is not in the longest run that is in order is moved.
fn changes<'a>(lines: &[String], wanted: &'a [String]) -> Vec<Change<'a>> {
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (place, line) in wanted.iter().enumerate() {
        places.entry(line).or_default().push_back(place);
    }
    // Every line is called by the place where it shall be.
    let (mut now, mut surplus) = (Vec::new(), Vec::new());
    for (position, line) in lines.iter().enumerate() {
        match places.get_mut(line.as_str()).and_then(VecDeque::pop_front) {
            Some(place) => now.push(place),
            None => surplus.push(position),
        }
    }
    let mut changes: Vec<_> = surplus.into_iter().rev().map(Change::Delete).collect();
    let mut missing: Vec<usize> = places.into_values().flatten().collect();
    missing.sort_unstable();
    changes.extend(missing.iter().map(|place| Change::Add(&wanted[*place])));
    now.extend(missing);
    let stays = longest_rise(&now);
    for place in (0..wanted.len()).filter(|place| !stays.contains(place)) {
        let at = |now: &[usize], place| now.iter().position(|other| *other == place);
        let Some(from) = at(&now, place) else { continue };
        now.remove(from);
        let before = place.checked_sub(1).and_then(|before| at(&now, before));
        let to = before.map_or(0, |before| before + 1);
        now.insert(to, place);
        if from != to {
            changes.push(Change::Move(from, to));
        }
    }
    changes
}

/// The members of a longest rising subsequence of different numbers.
fn longest_rise(numbers: &[usize]) -> BTreeSet<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![None; numbers.len()];
    for (position, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before[position] = length.checked_sub(1).map(|shorter| ends[shorter]);
        ends.truncate(ends.len().max(length));
        if length == ends.len() {
            ends.push(position);
        } else {
            ends[length] = position;
        }
    }
    let last = ends.last().copied();
    std::iter::successors(last, |position| before[*position])
        .map(|position| numbers[position])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(letters: &str) -> Vec<String> {
        letters.chars().map(String::from).collect()
    }

    fn made(from: &str, to: &str) -> usize {
        let (mut now, wanted) = (lines(from), lines(to));
        let changes = changes(&now, &wanted);
        for change in &changes {
            match change {
                Change::Delete(at) => drop(now.remove(*at)),
                Change::Add(line) => now.push((*line).to_owned()),
                Change::Move(from, to) => {
                    let line = now.remove(*from);
                    now.insert(*to, line);
                }
            }
        }
        assert_eq!(now, wanted, "{from} to {to}: {changes:?}");
        changes.len()
    }

    #[test]
    fn a_move_is_one_command() {
        assert_eq!(made("abcdef", "bcdefa"), 1);
        assert_eq!(made("abcdef", "fabcde"), 1);
        assert_eq!(made("abcdef", "abdcef"), 1);
        assert_eq!(made("abc", "abc"), 0);
    }

    #[test]
    fn f21_any_list_becomes_any_other() {
        let lists = ["", "a", "aa", "aba", "abcabc", "cbacba", "xaybzc", "ccc", "fedcba", "abcdef"];
        for from in lists {
            for to in lists {
                made(from, to);
            }
        }
        assert_eq!(made("fedcba", "abcdef"), 5);
    }

    #[test]
    fn lines_that_are_no_songs_follow_their_song() {
        let check =
            |old: &str, new: &str| arrange(&lines(old), |line| line != "-", &lines(new)).concat();
        assert_eq!(check("a-b", "ba"), "ba-");
        assert_eq!(check("-a-b-", "b"), "--b-");
        assert_eq!(check("a-", ""), "-");
        assert_eq!(check("ab--c", "ca"), "ca--");
        assert_eq!(check("aab", "abaa"), "abaa");
    }
}
