//! What lies on this device's own disk, after the disk or somebody else changed it.

/// An item of a base.
pub(crate) mod item {
    use segue_model::{Item, Value, music};
    use segue_store::{pack, unpack};

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        match unpack(b"7", bytes, &music::MUSIC) {
            Ok(item) => {
                assert!(pack(&item) == bytes, "one item has two forms");
                Outcome::Read
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error without words");
                Outcome::Refused
            }
        }
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let mut item = Item::new("7");
        item.fields.set(&music::RATING, Value::Int(80));
        item.fields.set(&music::TITLE, Value::text("Été"));
        item.fields.set(&music::ARTIST, Value::list(["a", "b"]));
        let bare = pack(&item);
        item.location = Some("/music/a.ogg".into());
        item.ext = Some(Box::new([("mood".into(), "calm".into())].into()));
        vec![bare, pack(&item)]
    }
}

/// What was to be written, in the journal.
pub(crate) mod changes {
    use segue_model::{ChangeSet, CollectionEdit, FieldEdit, NativeId, Value, music};
    use segue_store::{pack_changes, unpack_changes};

    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        match unpack_changes(bytes, &music::MUSIC) {
            Ok(changes) => {
                let again = unpack_changes(&pack_changes(&changes), &music::MUSIC);
                assert_eq!(again.ok(), Some(changes), "other edits come back");
                Outcome::Read
            }
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error without words");
                Outcome::Refused
            }
        }
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let edit = FieldEdit {
            item: NativeId::new(*b"7"),
            field: &music::RATING,
            old: None,
            new: Some(Value::Int(80)),
        };
        let remove = CollectionEdit::Remove { id: NativeId::new(*b"list"), old: Vec::new() };
        let changes =
            ChangeSet { fields: vec![edit], collections: vec![remove], ..ChangeSet::default() };
        vec![pack_changes(&changes), pack_changes(&ChangeSet::default())]
    }
}

/// The whole file.
pub(crate) mod file {
    use segue_store::{Store, StoreError};

    use crate::library::fixture;
    use crate::target::Outcome;
    use crate::targets::Repair;

    pub(crate) const REPAIR: Repair = None;

    pub(crate) fn run(bytes: &[u8]) -> Outcome {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("store.sqlite");
        std::fs::write(&path, bytes).expect("a file can be written");
        match read(&path) {
            Ok(()) => Outcome::Read,
            Err(error) => {
                assert!(!error.to_string().is_empty(), "an error without words");
                Outcome::Refused
            }
        }
    }

    fn read(path: &std::path::Path) -> Result<(), StoreError> {
        let store = Store::open(path)?;
        store.check()?;
        for document in store.documents()? {
            store.statements(&document.id)?;
            store.authors(&document.id)?;
            store.heads(&document.id)?;
            for shard in store.shards_with_log(&document.id)?.into_keys() {
                store.log(&document.id, shard)?;
                store.aside(&document.id, shard)?;
            }
        }
        for link in store.links()? {
            store.link_heads(link.id)?;
        }
        store.intents()?;
        store.operations()?;
        store.peers()?;
        store.invitations()?;
        store.culprits().map(drop)
    }

    pub(crate) fn seeds() -> Vec<Vec<u8>> {
        let format = |n: u8| fixture(&format!("framework/store/fixtures/format-{n}/store.sqlite"));
        [1, 2, 3].map(format).to_vec()
    }
}
