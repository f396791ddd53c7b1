//! What is parked comes to the same as what is at hand.

use std::path::Path;

use segue_memory::{Kind, Store};
use segue_model::{Collection, Item, OperationId, Value, mail};
use segue_reconcile::policy::Unrestricted;

use super::super::tests::{agent, draft_over, open, pass};
use crate::command::{LibrarySpec, Request, Response};
use crate::pass::{Draft, Member};
use crate::{Agent, Quiet};

/// More than a page of each shard has.
const MESSAGES: u32 = 900;
const LONG: usize = 6_000;

fn message(number: u32, flag: &str) -> Item {
    let mut item = Item::new(format!("{number:06}").as_str());
    item.fields.set(&mail::KEY, Value::text(format!("key {number}")));
    item.fields.set(&mail::SUBJECT, Value::text(format!("{number} {}", "x".repeat(LONG))));
    item.fields.set(&mail::FOLDERS, Value::list(["INBOX"]));
    item.fields.set(&mail::FLAGS, Value::list([flag]));
    item
}

/// Two libraries that were linked while they were empty.
fn linked(temp: &Path) -> Agent {
    let mut agent = agent(&temp.join("segue"));
    let folders = ["one", "two"].map(|name| temp.join(name));
    let mut libraries = Vec::new();
    for folder in &folders {
        Store::create(Kind::Mail, folder).unwrap();
        let app = Kind::Mail.capabilities().app.to_owned();
        libraries.push(LibrarySpec { app, path: Some(folder.clone()), root: None });
    }
    let plan = match agent.run(Request::Plan { libraries, write_tags: false }, &Quiet).unwrap() {
        Response::Plan(report) => report.plan,
        other => panic!("{other:?}"),
    };
    agent.run(Request::Apply { plan }, &Quiet).unwrap();
    agent
}

/// Gives a library its messages: most of them the other has, too, some of these with another flag, and some nobody else
/// has.
fn fill(temp: &Path, name: &str) {
    let from = if name == "one" { 0 } else { 100 };
    Store::edit(Kind::Mail, &temp.join(name), |catalog| {
        let flag = |number| if number % 7 == 0 && from > 0 { "flagged" } else { "seen" };
        catalog.items =
            (from..from + MESSAGES).map(|number| message(number, flag(number))).collect();
        catalog.collections = vec![Collection {
            id: "INBOX".into(),
            kind: &mail::FOLDER,
            name: "INBOX".into(),
            parent: None,
            entries: Vec::new(),
            rule: None,
        }];
    })
    .unwrap();
}

/// Everything that a draft says.
fn said(draft: &Draft) -> String {
    let members = draft.members.iter().map(|member| {
        let rows = member.work.values().flatten().map(|work| format!("{work:?}"));
        let parked = member.parked.iter().flat_map(|parked| {
            let rows = parked.shards().flat_map(|shard| {
                let shown = parked.shown(shard).cloned();
                let items = parked.items(shard).unwrap().into_iter();
                items.map(move |(item, now)| {
                    let sight = super::Sight::New(now);
                    format!("{:?}", super::super::Work { item, sight, shown: shown.clone() })
                })
            });
            rows.collect::<Vec<_>>()
        });
        let mut rows: Vec<String> = rows.chain(parked).collect();
        rows.sort();
        let counts = (member.alone(), member.lifts, member.stays, member.is_partial);
        let shards = (&member.lifted, &member.projected, &member.pending, &member.overridden);
        format!("{rows:?} {counts:?} {shards:?} {:?}", member.edits)
    });
    let members: Vec<String> = members.collect();
    format!("{members:?} {:?} {:?} {:?}", draft.changed.heads(), draft.matched, draft.items)
}

/// A draft with everything parked that can be, and one with nothing parked.
fn both(agent: &Agent) -> [Draft; 2] {
    let draft =
        |members: &mut [Member]| draft_over(agent, members, Unrestricted, OperationId([9; 8]));
    let (mut parked, mut at_hand) = (open(agent), open(agent));
    for difference in at_hand.iter_mut().filter_map(|member| member.difference.as_mut()) {
        let Some(parked) = difference.parked.take() else { continue };
        parked
            .each(|row, _| {
                difference.arrived.push(parked.item(row)?);
                Ok(())
            })
            .unwrap();
        assert_eq!(difference.arrived.len(), MESSAGES as usize);
    }
    assert!(parked.iter().flat_map(|member| &member.difference).all(|d| d.arrived.is_empty()));
    [draft(&mut parked), draft(&mut at_hand)]
}

#[test]
fn what_is_parked_comes_to_the_same_as_what_is_at_hand() {
    let temp = tempfile::tempdir().unwrap();
    let mut agent = linked(temp.path());
    fill(temp.path(), "one");
    fill(temp.path(), "two");
    let [parked, at_hand] = both(&agent);
    assert!(!parked.members[0].edits.is_empty() && parked.members[0].alone() == 100);
    assert!(parked.members.iter().all(|member| member.work.is_empty()));
    assert_eq!(said(&parked), said(&at_hand));
    let links: Vec<_> = agent.home.store.links().unwrap().iter().map(|row| row.id).collect();
    drop((parked, at_hand));

    let flagged = (100..MESSAGES).filter(|number| number % 7 == 0).count() as u64;
    assert_eq!(pass(&mut agent, Unrestricted), [flagged, flagged]);
    for link in &links {
        assert_eq!(agent.home.store.base_len(*link).unwrap(), u64::from(MESSAGES));
    }
    assert_eq!(pass(&mut agent, Unrestricted), [0, 0], "all of it is in the base");

    // The document knows all of it, and the bases are lost.
    let tx = agent.home.store.transaction().unwrap();
    for link in &links {
        tx.clear_base(*link).unwrap();
    }
    tx.commit().unwrap();
    let [parked, at_hand] = both(&agent);
    assert_eq!(parked.matched.iter().map(|(_, count)| count).sum::<u64>(), 2 * u64::from(MESSAGES));
    assert_eq!(parked.items, Some(u64::from(MESSAGES) + 100));
    assert_eq!(said(&parked), said(&at_hand));
}

#[test]
fn what_is_parked_was_shown_what_its_shard_was() {
    let temp = tempfile::tempdir().unwrap();
    let mut agent = linked(temp.path());
    // The second library is brought in step with the first's messages, of which it has none.
    fill(temp.path(), "one");
    pass(&mut agent, Unrestricted);
    fill(temp.path(), "two");
    let [parked, at_hand] = both(&agent);
    let two = parked.members.iter().filter_map(|member| member.parked.as_ref());
    let shown =
        two.flat_map(|parked| parked.shards().filter(|shard| parked.shown(*shard).is_some()));
    assert!(shown.count() > 0);
    assert_eq!(said(&parked), said(&at_hand));
    pass(&mut agent, Unrestricted);
    assert_eq!(pass(&mut agent, Unrestricted), [0, 0]);
}
