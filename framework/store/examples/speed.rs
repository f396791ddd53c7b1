//! Measures the base: `cargo run --release -p segue-store --example speed [ITEMS]`.

use std::error::Error;
use std::time::Instant;

use segue_model::{
    BaseItem, ChangeHash, DeviceId, DocumentId, Heads, Item, ItemId, LinkId, Listing, Location,
    Value, music,
};
use segue_store::{DocumentRow, LinkRow, LogEntry, Store, StoreError, pack};

type Failure = Box<dyn Error>;

const DOCUMENT: DocumentId = DocumentId([1; 32]);
const LINK: LinkId = LinkId([2; 8]);

/// Spreads items over all shards, as random ids do.
fn item_id(n: u64) -> ItemId {
    let high = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&high.to_be_bytes());
    id[8..].copy_from_slice(&n.to_be_bytes());
    ItemId(id)
}

fn item(n: u64) -> Item {
    let path = format!("/home/me/Music/Artist {}/Album {}/{n:07}.flac", n / 120, n / 12);
    let mut item = Item::new(format!("file://{path}"));
    item.location = Some(Location::from(path));
    item.fields.set(&music::TITLE, Value::Text(format!("Title of track {n}").into()));
    item.fields.set(&music::ALBUM, Value::Text(format!("Album {}", n / 12).into()));
    item.fields.set(&music::ARTIST, Value::list([format!("Artist {}", n / 120)]));
    item.fields.set(&music::GENRE, Value::list(["Rock"]));
    item.fields.set(&music::RATING, Value::Int((n % 6 * 20).cast_signed()));
    item.fields.set(&music::PLAY_COUNT, Value::Int((n % 40).cast_signed()));
    item.fields.set(&music::DURATION, Value::Int((n % 400_000 + 60_000).cast_signed()));
    item.fields.set(&music::TRACK, Value::Int((n % 12 + 1).cast_signed()));
    item.fields.set(&music::YEAR, Value::Int((n % 60 + 1960).cast_signed()));
    item.fields.set(&music::ADDED_AT, Value::Int(1_700_000_000 + n.cast_signed()));
    item
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    eprintln!("{what}: {} ms", start.elapsed().as_millis());
    result
}

fn main() -> Result<(), Failure> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let folder = tempfile::tempdir_in(".")?;
    let mut store = Store::open(&folder.path().join("store.sqlite"))?;
    begin(&mut store)?;
    let mut items: Vec<BaseItem> = (0..count)
        .map(|n| BaseItem {
            item: item_id(n),
            held: item(n),
            shown: None,
            listing: Listing::Listed,
        })
        .collect();
    items.sort_by(|a, b| a.held.id.cmp(&b.held.id));
    for what in ["write the base in one transaction", "write it again"] {
        timed(what, || {
            let tx = store.transaction()?;
            items.iter().try_for_each(|item| tx.put_base_item(LINK, item))?;
            tx.commit()
        })?;
    }
    let packed: Vec<_> = timed("pack", || items.iter().map(|item| pack(&item.held)).collect());
    read(&store, &items, &packed)?;
    timed("100 transactions of one change and one base item", || {
        (0..100).try_for_each(|n| edit(&mut store, n, &items[usize::from(n)]))
    })?;
    let length: usize = packed.iter().map(Vec::len).sum();
    let path = store.path().to_owned();
    drop(store);
    let size = std::fs::metadata(path)?.len();
    eprintln!("packed: {} B an item; the file: {} B an item", length as u64 / count, size / count);
    Ok(())
}

fn begin(store: &mut Store) -> Result<(), StoreError> {
    let tx = store.transaction()?;
    tx.put_document(&DocumentRow {
        id: DOCUMENT,
        schema: "music".into(),
        root_statement: Vec::new(),
        created_at: 0,
    })?;
    tx.put_link(&LinkRow {
        id: LINK,
        document: DOCUMENT,
        app: "memory".into(),
        path: "/library".into(),
        root: None,
        writes_tags: false,
        active: true,
        revision: None,
        read_only: None,
        linked_at: 0,
        confirmed_at: 0,
    })?;
    tx.commit()
}

fn read(store: &Store, items: &[BaseItem], packed: &[Vec<u8>]) -> Result<(), Failure> {
    for what in ["walk and compare bytes", "walk and compare bytes, again"] {
        timed(what, || {
            let mut cursor = store.base_cursor(LINK)?;
            for (item, packed) in items.iter().zip(packed) {
                let raw = cursor.next()?.ok_or("a row is missing")?;
                assert!(raw.native == item.held.id.as_bytes() && raw.packed == *packed);
            }
            Ok::<_, Failure>(())
        })?;
    }
    timed("decode all, by shard", || {
        let mut found = 0;
        for shard in 0..=255 {
            found += store.base_of_shard(LINK, shard, &music::MUSIC)?.len();
        }
        assert_eq!(found, items.len());
        Ok(())
    })
}

fn edit(store: &mut Store, n: u8, item: &BaseItem) -> Result<(), StoreError> {
    let hash = ChangeHash([n; 32]);
    let tx = store.transaction()?;
    tx.append(&LogEntry {
        document: DOCUMENT,
        shard: 0,
        hash,
        author: DeviceId([3; 32]),
        signature: [4; 64],
        operation: None,
        raw: vec![5; 150],
    })?;
    tx.put_base_item(LINK, item)?;
    tx.put_link_heads(LINK, 0, &Heads::new(vec![hash]))?;
    tx.commit()
}
