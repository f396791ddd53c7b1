//! A store with one document and one link, and rows to put into it.

use segue_model::{
    BaseCollection, BaseItem, ChangeHash, Collection, CollectionId, DeviceId, DocumentId, EntryId,
    Heads, Item, ItemId, LinkId, Listing, Location, OperationId, Value, music,
};
use segue_store::{
    ConflictRow, DocumentRow, LinkRow, LogEntry, OperationLink, OperationRow, StatementRow, Store,
    Tx, ViewRow,
};
use tempfile::TempDir;

pub(crate) const DOCUMENT: DocumentId = DocumentId([0xd0; 32]);
pub(crate) const LINK: LinkId = LinkId([0x11; 8]);
pub(crate) const OTHER_LINK: LinkId = LinkId([0x12; 8]);
pub(crate) const OPERATION: OperationId = OperationId([0x0e; 8]);

pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

/// A new store with a document and two links.
pub(crate) fn opened() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("store.sqlite")).unwrap();
    write(&mut store, |tx| {
        tx.put_document(&document()).unwrap();
        tx.put_link(&link(LINK)).unwrap();
        tx.put_link(&link(OTHER_LINK)).unwrap();
    });
    Opened { store, folder }
}

pub(crate) fn write<R>(store: &mut Store, act: impl FnOnce(&Tx<'_>) -> R) -> R {
    let tx = store.transaction().unwrap();
    let result = act(&tx);
    tx.commit().unwrap();
    result
}

pub(crate) fn document() -> DocumentRow {
    let schema = "music".into();
    DocumentRow { id: DOCUMENT, schema, root_statement: vec![1, 2, 3], created_at: 1_790_000_000 }
}

pub(crate) fn statement(n: u8) -> StatementRow {
    StatementRow { hash: [n; 32], bytes: vec![n, 0, 1], signature: [n; 64], signer: [7; 32] }
}

pub(crate) fn hash(n: u8) -> ChangeHash {
    ChangeHash([n; 32])
}

pub(crate) fn heads(numbers: &[u8]) -> Heads {
    Heads::new(numbers.iter().map(|n| hash(*n)).collect())
}

pub(crate) fn entry(shard: u8, n: u8, operation: Option<OperationId>) -> LogEntry {
    LogEntry {
        document: DOCUMENT,
        shard,
        hash: hash(n),
        author: DeviceId([0xde; 32]),
        signature: [n; 64],
        operation,
        raw: vec![n; usize::from(n)],
    }
}

pub(crate) fn link(id: LinkId) -> LinkRow {
    LinkRow {
        id,
        document: DOCUMENT,
        app: "rhythmbox".into(),
        path: "/home/me/.local/share/rhythmbox".into(),
        root: Some(Location::from("/music")),
        writes_tags: false,
        active: true,
        revision: Some("r1".into()),
        read_only: None,
        linked_at: 1_790_000_001,
        confirmed_at: 1_790_000_002,
    }
}

pub(crate) fn base_item(native: &str, item: u8) -> BaseItem {
    let mut held = Item::new(native);
    held.location = Some(Location::new(*b"/music/\xff.mp3"));
    held.fields.set(&music::TITLE, Value::text(native));
    held.fields.set(&music::RATING, Value::Int(80));
    BaseItem { item: ItemId([item; 16]), held, shown: None, listing: Listing::Listed }
}

pub(crate) fn base_collection(native: &str, entries: &[&str]) -> BaseCollection {
    let held = Collection {
        id: native.into(),
        kind: &music::PLAYLIST,
        name: format!("the list {native}").into(),
        parent: None,
        entries: entries.iter().copied().map(Into::into).collect(),
        rule: None,
    };
    let entries = (0..entries.len()).map(|n| EntryId([n as u8; 8])).collect();
    let shown = Some(heads(&[4]));
    BaseCollection { collection: CollectionId([0xc0; 16]), held, entries, shown }
}

pub(crate) fn operation(n: i64) -> OperationRow {
    OperationRow {
        n,
        id: OperationId([n as u8; 8]),
        kind: "sync".into(),
        at: 1_790_000_100,
        summary: "wrote 2 to rhythmbox".into(),
        plan: Some("k7q".into()),
        undoes: None,
        undone_by: None,
        state: "done".into(),
    }
}

pub(crate) fn operation_link(operation: i64) -> OperationLink {
    let before = Some("r1".into());
    let after = Some("r2".into());
    let backup = Some("1-rhythmbox".into());
    OperationLink { operation, link: LINK, before, after, backup, written: 2 }
}

pub(crate) fn view(id: u8, title: &str, artist: &str) -> ViewRow {
    let body = format!(r#"{{"title":"{title}","artist":["{artist}"],"rating":80}}"#);
    ViewRow { id: [id; 16], kind: 1, sort_text: title.into(), body }
}

pub(crate) fn conflict(id: u8, field: &str) -> ConflictRow {
    ConflictRow { id: [id; 16], field: field.into(), body: "[60,80]".into() }
}
