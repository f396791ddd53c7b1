//! Items of kinds that have a key: what such an item is called follows from its key alone.
//!
//! It is not asked here whether the document has the item, and nothing is compared.
//!
//! Invariant: the same key is the same item, on every device and in every operation.

use segue_document::{COLLECTION_SHARD, shard_of};
use segue_model::{Item, ItemId, Schema, Value};
use sha2::{Digest, Sha256};

/// The id of an item whose kind has a key, if it says its own.
pub fn item_of(schema: &Schema, item: &Item) -> Option<ItemId> {
    let key = item.fields.value(schema.key?).and_then(Value::as_text)?;
    let mut hasher = Sha256::new();
    hasher.update(b"segue key v1\0");
    hasher.update(schema.name);
    hasher.update(b"\0");
    hasher.update(key);
    let mut id = [0; 16];
    id.copy_from_slice(&hasher.finalize()[..16]);
    if shard_of(&id) == COLLECTION_SHARD {
        id[0] = 1 + id[15] % 255;
    }
    Some(ItemId(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::{mail, music};

    fn message(native: &str, key: Option<&str>) -> Item {
        let mut item = Item::new(native);
        item.fields.set(&mail::KEY, key.map(Value::from));
        item
    }

    #[test]
    fn one_key_is_one_item_for_ever_whatever_a_library_calls_it() {
        let of = |native, key| item_of(&mail::MAIL, &message(native, key));
        let id = of("INBOX/1", Some("k1"));
        assert_eq!(
            id.map(|id| id.to_string()).as_deref(),
            Some("f2b9074843b4c5f6c9245ce04f4d6cd8")
        );
        assert_eq!(id, of("Archive/7", Some("k1")));
        assert_ne!(id, of("INBOX/1", Some("k2")));
        assert_eq!(of("INBOX/1", None), None);
        assert_eq!(item_of(&music::MUSIC, &Item::new("1")), None);
    }

    #[test]
    fn no_item_lies_among_the_collections() {
        let ids = (0..2_000).map(|key| message("1", Some(&key.to_string())));
        let ids = ids.filter_map(|item| item_of(&mail::MAIL, &item));
        assert!(ids.into_iter().all(|id| shard_of(&id.0) != COLLECTION_SHARD));
    }
}
