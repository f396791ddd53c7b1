//! Passes with policies that no command has yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_document::Record;
use segue_memory::{Kind, Memory, Store};
use segue_model::{Collection, Item, LinkId, OperationId, Value, music};
use segue_reconcile::guard::Budgets;
use segue_reconcile::policy::{Policy, Unrestricted};
use segue_translator::{Idle, Place};

use super::{Draft, Frame, Member};
use crate::command::{LibrarySpec, Request, Response};
use crate::{Agent, Quiet, World};

/// Withholds every item of this title from every library.
struct Withhold(&'static str);

impl Policy for Withhold {
    fn restricts(&self) -> bool {
        true
    }
    fn may_hold(&self, _: LinkId, item: &Record) -> bool {
        let title = segue_document::resolve::value(item, &music::TITLE);
        title.as_ref().and_then(Value::as_text) != Some(self.0)
    }
}

fn agent(folder: &Path) -> Agent {
    let count = AtomicU64::new(7);
    let world = World {
        now: Arc::new(|| 1_700_000_000),
        random: Arc::new(move |bytes| {
            let next = count.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            bytes
                .iter_mut()
                .zip(next.to_be_bytes().iter().cycle())
                .for_each(|(to, from)| *to = *from);
        }),
        host: Arc::new(Idle),
        place: Place::default(),
        translators: vec![Arc::new(Memory(Kind::Exact)), Arc::new(Memory(Kind::Stars))],
        programs: crate::registry::Programs::default(),
        device: "test".into(),
    };
    Agent::open_in(folder, world).unwrap()
}

fn library(kind: Kind, folder: &Path, rating: i64, list: &[&str]) -> LibrarySpec {
    Store::create(kind, folder).unwrap();
    fill(kind, folder, rating, list);
    LibrarySpec { app: kind.capabilities().app.into(), path: Some(folder.into()), root: None }
}

fn fill(kind: Kind, folder: &Path, rating: i64, list: &[&str]) {
    Store::edit(kind, folder, |catalog| {
        catalog.items = ["a", "b"].map(|name| song(name, rating)).into();
        let entries = list.iter().map(|name| format!("/m/{name}").into()).collect();
        catalog.collections = vec![Collection {
            id: "list".into(),
            kind: &music::PLAYLIST,
            name: "List".into(),
            parent: None,
            entries,
            rule: None,
        }];
    })
    .unwrap();
}

fn song(name: &str, rating: i64) -> Item {
    let path = format!("/m/{name}");
    let mut item = Item::new(path.as_str());
    item.location = Some(path.as_str().into());
    item.fields.set(&music::TITLE, Value::text(name));
    item.fields.set(&music::RATING, Value::Int(rating));
    item.fields.set(&music::DURATION, Value::Int(60_000));
    item
}

fn draft(agent: &Agent, policy: &dyn Policy) -> Draft {
    let store = &agent.home.store;
    let opened = store.links().unwrap().into_iter().map(|row| {
        let library = crate::libraries::open(agent, &row.app, &row.path).unwrap();
        (row.clone(), row.app, library)
    });
    let members = Member::open_all(opened.collect(), store, &Quiet);
    let mut members: Vec<Member> = members.into_iter().map(Result::unwrap).collect();
    let frame = Frame {
        store,
        document: store.documents().unwrap()[0].id,
        device: agent.home.device.id(),
        actor: agent.home.actor,
        operation: OperationId([9; 8]),
        time: 0,
        budgets: Budgets::default(),
        policy,
        confirmed: false,
        may_write: true,
        present: &|_| true,
        progress: &Quiet,
    };
    super::draft(&frame, &mut members).unwrap()
}

#[test]
fn f07_what_a_policy_withholds_is_not_written_and_comes_back() {
    let temp = tempfile::tempdir().unwrap();
    let mut agent = agent(&temp.path().join("segue"));
    let (one, two) = (temp.path().join("one"), temp.path().join("two"));
    let libraries = vec![
        library(Kind::Exact, &one, 80, &["a", "b"]),
        library(Kind::Stars, &two, 80, &["a", "b"]),
    ];
    let plan = match agent.run(Request::Plan { libraries, write_tags: false }, &Quiet).unwrap() {
        Response::Plan(report) => report.plan,
        other => panic!("{other:?}"),
    };
    agent.run(Request::Apply { plan }, &Quiet).unwrap();
    fill(Kind::Exact, &one, 40, &["b", "a"]);

    let written = |draft: &Draft| -> Vec<String> {
        let edits = draft.members.iter().flat_map(|member| &member.edits.fields);
        let mut all: Vec<String> =
            edits.map(|edit| format!("{} {}", edit.item, edit.field.name)).collect();
        // Shards, and so the order of edits, follow from ids that hash the library's path.
        all.sort();
        all
    };
    assert_eq!(written(&draft(&agent, &Unrestricted)), ["/m/a rating", "/m/b rating"]);
    let restricted = draft(&agent, &Withhold("b"));
    assert_eq!(written(&restricted), ["/m/a rating"]);
    // Withheld from both lists, and no place of it is lost in the document.
    let lists: Vec<usize> =
        restricted.members.iter().map(|member| member.edits.collections.len()).collect();
    assert_eq!(lists, [1, 1]);
    assert!(restricted.members.iter().all(|member| member.lacking == 1));
    assert_eq!(written(&draft(&agent, &Unrestricted)), ["/m/a rating", "/m/b rating"]);
}
