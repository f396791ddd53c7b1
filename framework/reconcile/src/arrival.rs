//! Recognises what moved: an item that vanished and one that arrived in the same library.
//!
//! Attributes hang on the item, not on the path. A pair needs evidence that is exact on both sides
//! and unique on both sides; otherwise nothing is paired.

use std::collections::HashMap;

use segue_model::{Field, Item, Schema};

use crate::identify::text_key;
use crate::ladder::{Ladder, Moves};

/// Pairs (index of vanished, index of arrived) of a library of this kind.
pub fn pair(schema: &Schema, vanished: &[&Item], arrived: &[&Item]) -> Vec<(usize, usize)> {
    let moves = &Ladder::of(schema).moves;
    let mut pairs = Vec::new();
    let mut taken = (vec![false; vanished.len()], vec![false; arrived.len()]);
    for evidence in [described, file_name, path_but_for_case] {
        let evidence = |item: &Item| evidence(moves, item);
        let left = unique(vanished, &taken.0, evidence);
        let right = unique(arrived, &taken.1, evidence);
        let mut found: Vec<_> = left
            .iter()
            .filter_map(|(key, from)| Some((((*from)?), ((*right.get(key)?)?))))
            .collect();
        found.sort_unstable();
        found.retain(|(from, to)| !is_other(moves, vanished[*from], arrived[*to]));
        for (from, to) in found {
            (taken.0[from], taken.1[to]) = (true, true);
            pairs.push((from, to));
        }
    }
    pairs
}

/// Keys with the one item that has them; `None` where several have.
fn unique(
    items: &[&Item],
    taken: &[bool],
    evidence: impl Fn(&Item) -> Option<String>,
) -> HashMap<String, Option<usize>> {
    let mut keys = HashMap::new();
    for (index, item) in items.iter().enumerate().filter(|(index, _)| !taken[*index]) {
        if let Some(key) = evidence(item) {
            keys.entry(key).and_modify(|owner| *owner = None).or_insert(Some(index));
        }
    }
    keys
}

/// All that describes the content, as the same app states it.
fn described(moves: &Moves, item: &Item) -> Option<String> {
    let value = |field: &'static Field| item.fields.value(field);
    let is_known = |row: &&[&'static Field]| row.iter().any(|field| value(field).is_some());
    moves.needed.iter().all(is_known).then(|| joined(moves.described, item))
}

/// The file's own name and what must be known beside it.
fn file_name(moves: &Moves, item: &Item) -> Option<String> {
    let path = item.location.as_ref()?.as_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    beside(moves, item, &name.escape_ascii().to_string())
}

/// Where it lies, as a volume without cases has it: there the old name still leads to the file.
fn path_but_for_case(moves: &Moves, item: &Item) -> Option<String> {
    let path = item.location.as_ref()?.as_bytes();
    let ascii = |_| path.to_ascii_lowercase().escape_ascii().to_string();
    beside(moves, item, &std::str::from_utf8(path).map_or_else(ascii, str::to_lowercase))
}

/// A name together with what must be known beside it.
fn beside(moves: &Moves, item: &Item, name: &str) -> Option<String> {
    let known = moves.beside_name.iter().all(|field| item.fields.value(field).is_some());
    let is_enough = known && !moves.beside_name.is_empty();
    is_enough.then(|| format!("{}\u{1f}{name}", joined(moves.beside_name, item)))
}

fn joined(fields: &[&'static Field], item: &Item) -> String {
    let texts = fields.iter().map(|field| text_key(item.fields.value(field)));
    texts.collect::<Vec<_>>().join("\u{1f}")
}

/// Whether what describes it says that a file of the same name is another thing: `01.mp3` of another
/// album.
fn is_other(moves: &Moves, from: &Item, to: &Item) -> bool {
    let differs = |field: &&'static Field| match (from.fields.value(field), to.fields.value(field))
    {
        (Some(old), Some(new)) => text_key(Some(old)) != text_key(Some(new)),
        _ => false,
    };
    moves.others.iter().any(|row| row.iter().all(differs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::{Value, books, music};

    fn pair(vanished: &[&Item], arrived: &[&Item]) -> Vec<(usize, usize)> {
        super::pair(&music::MUSIC, vanished, arrived)
    }

    fn song(path: &str, title: &str, duration: i64) -> Item {
        let mut item = Item::new(path);
        item.location = Some(path.into());
        item.fields.set(&music::TITLE, Value::text(title));
        item.fields.set(&music::ARTIST, Value::list(["x"]));
        item.fields.set(&music::DURATION, Value::Int(duration));
        item
    }

    #[test]
    fn f11_a_moved_file_is_found_by_tags_or_by_name_and_never_guessed() {
        let old = [song("/a/1", "one", 1), song("/a/2", "two", 2), song("/a/3", "same", 3)];
        let twin = song("/a/4", "same", 3);
        let new = [song("/b/9", "one", 1), song("/b/2", "retagged", 2), song("/b/7", "same", 3)];
        let new: Vec<_> = new.iter().collect();
        let mut gone: Vec<_> = old.iter().collect();
        assert_eq!(pair(&gone, &new), [(0, 0), (2, 2), (1, 1)]);
        gone.push(&twin);
        assert_eq!(pair(&gone, &new), [(0, 0), (1, 1)], "two candidates are none");
    }

    #[test]
    fn f14_a_name_of_which_only_the_case_changed_is_the_same_file() {
        let old = song("/Music/ÄRGER/One.ogg", "one", 1);
        let new = song("/music/ärger/one.OGG", "retagged", 1);
        assert_eq!(pair(&[&old], &[&new]), [(0, 0)]);
        assert_eq!(pair(&[&old], &[&song("/music/ärger/one.OGG", "another", 2)]), []);
        assert_eq!(pair(&[&old], &[&song("/music/elsewhere/one.ogg", "another", 1)]), []);
        // Where cases count, two songs may differ by nothing else.
        let twins = [song("/a/xy", "same", 1), song("/a/xY", "same", 1)];
        let twins: Vec<_> = twins.iter().collect();
        assert_eq!(pair(&twins, &[&song("/a/Xy", "same", 1)]), []);
    }

    #[test]
    fn f10_another_song_in_a_file_of_the_same_name_inherits_nothing() {
        let on = |path, title, album: &str| {
            let mut item = song(path, title, 180_000);
            item.fields.set(&music::ALBUM, Value::text(album));
            item
        };
        let old = on("/a/01.mp3", "one", "first");
        assert_eq!(pair(&[&old], &[&on("/b/01.mp3", "two", "second")]), []);
        assert_eq!(pair(&[&old], &[&on("/b/01.mp3", "One", "first")]), [(0, 0)]);
        assert_eq!(pair(&[&old], &[&on("/b/01.mp3", "one", "second")]), [(0, 0)]);
        let mut artist = on("/b/01.mp3", "two", "first");
        assert_eq!(pair(&[&old], &[&artist]), [(0, 0)]);
        artist.fields.set(&music::ARTIST, Value::list(["y"]));
        assert_eq!(pair(&[&old], &[&artist]), []);
        let recording = |item: &Item, id: &str| {
            let mut item = item.clone();
            item.fields.set(&music::MB_RECORDING, Value::text(id));
            item
        };
        let (old, new) = (recording(&old, "x"), recording(&on("/b/01.mp3", "one", "second"), "y"));
        assert_eq!(pair(&[&old], &[&new]), []);
    }

    #[test]
    fn a_moved_book_is_found_and_a_translation_in_its_place_is_not() {
        let book = |path: &str, language: &str, isbn: Option<&str>| {
            let mut item = Item::new(path);
            item.location = Some(path.into());
            item.fields.set(&books::TITLE, Value::text("Faust"));
            item.fields.set(&books::AUTHORS, Value::list(["Goethe"]));
            item.fields.set(&books::LANGUAGES, Value::list([language]));
            item.fields.set(&books::IDENTIFIERS, isbn.map(|isbn| Value::list([isbn])));
            item
        };
        let pair = |from: &Item, to: &Item| super::pair(&books::BOOKS, &[from], &[to]);
        let old = book("/a/faust.epub", "de", None);
        assert_eq!(pair(&old, &book("/b/goethe.epub", "de", None)), [(0, 0)]);
        assert_eq!(pair(&old, &book("/b/faust.epub", "de", Some("isbn:1"))), [(0, 0)]);
        assert_eq!(pair(&old, &book("/b/faust.epub", "en", None)), []);
        assert_eq!(pair(&old, &book("/b/other.epub", "de", Some("isbn:1"))), []);
    }
}
