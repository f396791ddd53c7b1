//! Recognises what moved: an item that vanished and one that arrived in the same library.
//!
//! Attributes hang on the item, not on the path. A pair needs evidence that is exact on both sides
//! and unique on both sides; otherwise nothing is paired.

use std::collections::HashMap;

use segue_model::{Item, Value, music};

use crate::identify::text_key;

/// Pairs (index of vanished, index of arrived).
pub fn pair(vanished: &[&Item], arrived: &[&Item]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut taken = (vec![false; vanished.len()], vec![false; arrived.len()]);
    for evidence in [tags, file_name] {
        let left = unique(vanished, &taken.0, evidence);
        let right = unique(arrived, &taken.1, evidence);
        let mut found: Vec<_> = left
            .iter()
            .filter_map(|(key, from)| Some((((*from)?), ((*right.get(key)?)?))))
            .collect();
        found.sort_unstable();
        found.retain(|(from, to)| !other_song(vanished[*from], arrived[*to]));
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
    evidence: fn(&Item) -> Option<String>,
) -> HashMap<String, Option<usize>> {
    let mut keys = HashMap::new();
    for (index, item) in items.iter().enumerate().filter(|(index, _)| !taken[*index]) {
        if let Some(key) = evidence(item) {
            keys.entry(key).and_modify(|owner| *owner = None).or_insert(Some(index));
        }
    }
    keys
}

/// All that describes the content, and its length as the same app states it.
fn tags(item: &Item) -> Option<String> {
    let value = |field| item.fields.value(field);
    value(&music::DURATION)?;
    value(&music::TITLE)?;
    if value(&music::ARTIST).is_none() && value(&music::ALBUM).is_none() {
        return None;
    }
    let fields = [
        &music::TITLE,
        &music::ARTIST,
        &music::ALBUM,
        &music::ALBUM_ARTIST,
        &music::DISC,
        &music::TRACK,
        &music::DURATION,
    ];
    Some(fields.iter().map(|field| text_key(value(field))).collect::<Vec<_>>().join("\u{1f}"))
}

/// Whether the tags say that a file of the same name is another song: `01.mp3` of another album. A
/// title alone, or all but the title, may have been corrected on the way.
fn other_song(from: &Item, to: &Item) -> bool {
    let differs = |field| match (from.fields.value(field), to.fields.value(field)) {
        (Some(old), Some(new)) => text_key(Some(old)) != text_key(Some(new)),
        _ => false,
    };
    differs(&music::MB_RECORDING)
        || (differs(&music::TITLE) && (differs(&music::ARTIST) || differs(&music::ALBUM)))
}

/// The file's own name and its length.
fn file_name(item: &Item) -> Option<String> {
    let path = item.location.as_ref()?.as_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let duration = item.fields.value(&music::DURATION).and_then(Value::as_int)?;
    Some(format!("{duration}\u{1f}{}", name.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
