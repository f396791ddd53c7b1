use segue_model::DeviceId;
use segue_store::{InvitationRow, PeerRow, UsageRow};

use segue_model::{BaseItem, music::MUSIC};

use crate::rows::{DOCUMENT, LINK, base_item, entry, hash, heads, link, opened, statement, write};

const DEVICE: DeviceId = DeviceId([4; 32]);

#[test]
fn what_no_longer_counts_moves_aside_and_back_and_is_counted_once() {
    let mut opened = opened();
    let entries = [entry(3, 1, None), entry(3, 2, None)];
    write(&mut opened.store, |tx| {
        for entry in &entries {
            assert!(tx.append(entry).unwrap());
        }
        tx.set_aside(&DOCUMENT, 3, &hash(2)).unwrap();
    });
    let store = &opened.store;
    assert_eq!(store.log(&DOCUMENT, 3).unwrap(), entries[..1]);
    assert_eq!(store.aside(&DOCUMENT, 3).unwrap(), entries[1..]);
    assert_eq!(store.aside_hashes(&DOCUMENT, 3).unwrap(), [hash(2)]);
    assert_eq!(
        store.shards_with_aside(&DOCUMENT).unwrap().into_iter().collect::<Vec<_>>(),
        [(3, 1)]
    );
    assert_eq!(store.aside_bytes(&DOCUMENT).unwrap(), entries[1].raw.len() as u64);
    let bytes = entries.iter().map(|entry| entry.raw.len() as u64).sum();
    let used = UsageRow { changes: 2, bytes, statements: 0 };
    assert_eq!(store.usage(&DOCUMENT, &entries[0].author).unwrap(), used);
    write(&mut opened.store, |tx| {
        assert!(!tx.put_aside(&entries[1]).unwrap());
        tx.remove_aside(&DOCUMENT, 3, &hash(2)).unwrap();
        assert!(tx.append(&entries[1]).unwrap());
    });
    assert_eq!(opened.store.log(&DOCUMENT, 3).unwrap(), entries);
    assert_eq!(opened.store.usage(&DOCUMENT, &entries[0].author).unwrap(), used);
}

#[test]
fn statements_count_for_their_signer() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        assert!(tx.add_statement(&DOCUMENT, &statement(1)).unwrap());
        assert!(!tx.add_statement(&DOCUMENT, &statement(1)).unwrap());
    });
    let said = statement(1);
    let used = opened.store.usage(&DOCUMENT, &DeviceId(said.signer)).unwrap();
    let expected = UsageRow { changes: 0, bytes: said.bytes.len() as u64, statements: 1 };
    assert_eq!(used, expected);
    assert_eq!(opened.store.statement_count(&DOCUMENT).unwrap(), 1);
}

#[test]
fn peers_and_invitations_come_back() {
    let mut opened = opened();
    let addresses = vec!["127.0.0.1:4433".to_owned(), "[::1]:4433".to_owned()];
    let peer = PeerRow { device: DEVICE, addresses, seen_at: None };
    let seen = PeerRow { seen_at: Some(7), ..peer.clone() };
    let ticket = InvitationRow {
        secret: [5; 32],
        document: DOCUMENT,
        role: "write".into(),
        made: 10,
        expires: 20,
        approved: false,
        state: "open".into(),
        device: None,
    };
    let bound = InvitationRow { state: "bound".into(), device: Some(DEVICE), ..ticket.clone() };
    write(&mut opened.store, |tx| {
        tx.put_peer(&peer).unwrap();
        assert_eq!(tx.peer(&DEVICE).unwrap(), Some(peer));
        tx.put_peer(&seen).unwrap();
        tx.put_invitation(&ticket).unwrap();
        assert_eq!(tx.invitations().unwrap(), [ticket]);
        tx.put_invitation(&bound).unwrap();
    });
    assert_eq!(opened.store.peers().unwrap(), [seen]);
    assert_eq!(opened.store.invitation(&[5; 32]).unwrap(), Some(bound));
    assert_eq!(opened.store.invitation(&[6; 32]).unwrap(), None);
}

#[test]
fn of_a_culprit_only_so_much_is_remembered() {
    let mut opened = opened();
    write(&mut opened.store, |tx| {
        for at in 0..100 {
            tx.note_culprit(&DEVICE, &format!("reason {}", at % 50), at).unwrap();
        }
    });
    let culprits = opened.store.culprits().unwrap();
    assert_eq!(culprits.len(), 32);
    assert!(culprits.iter().all(|row| row.times == 2 && row.first_at + 50 == row.last_at));
}

#[test]
fn what_was_shown_is_said_anew_where_it_is_asked_for() {
    let mut opened = opened();
    let row = |native: &str, shard, shown: u8| {
        let base = base_item(native, shard);
        BaseItem { shown: Some(heads(&[shown])), ..base }
    };
    write(&mut opened.store, |tx| {
        tx.put_link(&link(LINK)).unwrap();
        for (native, shard, shown) in [("a", 1, 5), ("b", 1, 6), ("c", 2, 5)] {
            tx.put_base_item(LINK, &row(native, shard, shown)).unwrap();
        }
        tx.map_shown(LINK, 1, &mut |old| (*old == heads(&[5])).then(|| heads(&[7, 8]))).unwrap();
    });
    let shown = |shard| -> Vec<_> {
        let rows = opened.store.base_of_shard(LINK, shard, &MUSIC).unwrap();
        rows.into_iter().map(|row| row.shown.unwrap()).collect()
    };
    assert_eq!(shown(1), [heads(&[7, 8]), heads(&[6])]);
    assert_eq!(shown(2), [heads(&[5])]);
}
