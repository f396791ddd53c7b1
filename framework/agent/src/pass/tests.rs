//! Passes with policies that no command has yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use segue_document::Record;
use segue_memory::{Kind, Memory, Store};
use segue_model::{
    Availability, Collection, Item, ItemId, LinkId, ListingEdit, OperationId, Value, music,
};
use segue_reconcile::guard::Budgets;
use segue_reconcile::policy::{Policy, Unrestricted};
use segue_translator::{Idle, Place, Translator};

use super::{Draft, Frame, Member, SameAs};
use crate::command::{LibrarySpec, Request, Response};
use crate::exclusion::Rules;
use crate::limits::{Carried, Ruling};
use crate::operate::Operation;
use crate::{Agent, Quiet, World};

/// Withholds every item of this title from every library.
#[derive(Clone, Copy)]
struct Withhold(&'static str);

impl Policy for Withhold {
    fn mark(&self) -> &str {
        self.0
    }
    fn concerns(&self, _: u8) -> bool {
        true
    }
    fn may_withhold(&self, _: ItemId) -> bool {
        true
    }
    fn may_hold(&self, _: LinkId, _: ItemId, record: &Record) -> bool {
        let title = segue_document::resolve::value(record, &music::TITLE);
        title.as_ref().and_then(Value::as_text) != Some(self.0)
    }
}

pub(super) fn agent(folder: &Path) -> Agent {
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
        translators: [Kind::Exact, Kind::Stars, Kind::Mail]
            .map(|kind| Arc::new(Memory(kind)) as Arc<dyn Translator>)
            .into(),
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

pub(super) fn open(agent: &Agent) -> Vec<Member> {
    let store = &agent.home.store;
    let opened = store.links().unwrap().into_iter().map(|row| {
        let library = crate::libraries::open(agent, &row.app, &row.path).unwrap();
        (row.clone(), row.app, library)
    });
    let members = Member::open_all(opened.collect(), store, &Rules::none(), &Quiet);
    members.into_iter().map(Result::unwrap).collect()
}

pub(super) fn draft_over(
    agent: &Agent,
    members: &mut [Member],
    policy: impl Policy + Copy + 'static,
    operation: OperationId,
) -> Draft {
    let store = &agent.home.store;
    let rule = |_: &[Carried], _: &SameAs| {
        Ok(Ruling { policy: Box::new(policy), statements: Vec::new(), limited: None })
    };
    let frame = Frame {
        store,
        document: store.documents().unwrap()[0].id,
        device: agent.home.device.id(),
        actor: agent.home.actor,
        operation,
        time: 0,
        budgets: Budgets::default(),
        rule: &rule,
        confirmed: false,
        may_write: true,
        present: &|_| true,
        progress: &Quiet,
    };
    super::draft(&frame, members).unwrap()
}

fn draft(agent: &Agent, policy: impl Policy + Copy + 'static) -> Draft {
    draft_over(agent, &mut open(agent), policy, OperationId([9; 8]))
}

/// A whole pass, as `segue sync` makes it. Returns how many edits were written to each library.
pub(super) fn pass(agent: &mut Agent, policy: impl Policy + Copy + 'static) -> Vec<u64> {
    crate::recover::recover(agent).unwrap();
    let mut members = open(agent);
    let id = OperationId(agent.world.random_bytes());
    let draft = draft_over(agent, &mut members, policy, id);
    let operation = Operation {
        number: None,
        id,
        kind: "sync".into(),
        summary: String::new(),
        plan: None,
        undoes: None,
        time: 0,
        confirmed: false,
    };
    let done =
        crate::operate::execute(&mut agent.home, &operation, &draft, &mut members, &Quiet).unwrap();
    if let Some(number) = done.number {
        crate::operate::finish(&mut agent.home, &operation, number, &done.libraries).unwrap();
    }
    done.libraries.iter().map(|found| found.written).collect()
}

/// Two linked libraries with the songs a and b, rated 80, and a list of both.
fn linked(temp: &Path) -> (Agent, std::path::PathBuf, std::path::PathBuf) {
    let mut agent = agent(&temp.join("segue"));
    let (one, two) = (temp.join("one"), temp.join("two"));
    let libraries = vec![
        library(Kind::Exact, &one, 80, &["a", "b"]),
        library(Kind::Stars, &two, 80, &["a", "b"]),
    ];
    let plan = match agent.run(Request::Plan { libraries, write_tags: false }, &Quiet).unwrap() {
        Response::Plan(report) => report.plan,
        other => panic!("{other:?}"),
    };
    agent.run(Request::Apply { plan }, &Quiet).unwrap();
    (agent, one, two)
}

#[test]
fn f07_what_a_policy_withholds_is_not_written_and_comes_back() {
    let temp = tempfile::tempdir().unwrap();
    let (agent, one, _) = linked(temp.path());
    fill(Kind::Exact, &one, 40, &["b", "a"]);

    let written = |draft: &Draft| -> Vec<String> {
        let edits = draft.members.iter().flat_map(|member| &member.edits.fields);
        let mut all: Vec<String> =
            edits.map(|edit| format!("{} {}", edit.item, edit.field.name)).collect();
        // Shards, and so the order of edits, follow from ids that hash the library's path.
        all.sort();
        all
    };
    let hidden = |draft: &Draft| -> Vec<ListingEdit> {
        draft.members.iter().flat_map(|member| member.edits.listing.clone()).collect()
    };
    assert_eq!(written(&draft(&agent, Unrestricted)), ["/m/a rating", "/m/b rating"]);
    let restricted = draft(&agent, Withhold("b"));
    assert_eq!(written(&restricted), ["/m/a rating"]);
    let hide = ListingEdit::Hide { item: "/m/b".into() };
    assert_eq!(hidden(&restricted), [hide.clone(), hide]);
    // Withheld from both lists, and no place of it is lost in the document.
    let lists: Vec<usize> =
        restricted.members.iter().map(|member| member.edits.collections.len()).collect();
    assert_eq!(lists, [1, 1]);
    assert!(restricted.members.iter().all(|member| member.lacking == 1));
    assert_eq!(written(&draft(&agent, Unrestricted)), ["/m/a rating", "/m/b rating"]);
    assert_eq!(hidden(&draft(&agent, Unrestricted)), []);
}

/// What an app shows: items with their ratings, and the list.
fn shows(kind: Kind, folder: &Path) -> (Vec<String>, Vec<String>) {
    let catalog = Store::open(kind, folder).unwrap().catalog();
    let present = catalog.items.iter().filter(|item| item.availability == Availability::Present);
    let items = present.map(|item| {
        let rating = item.fields.value(&music::RATING).and_then(Value::as_int);
        format!("{} {}", item.id, rating.map_or_else(|| "-".into(), |rating| rating.to_string()))
    });
    let entries = catalog.collections.iter().flat_map(|list| &list.entries);
    (items.collect(), entries.map(ToString::to_string).collect())
}

#[test]
fn f41_what_is_withheld_is_hidden_everywhere_and_comes_back_as_it_was() {
    let temp = tempfile::tempdir().unwrap();
    let (mut agent, one, two) = linked(temp.path());
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let whole = (texts(&["/m/a 80", "/m/b 80"]), texts(&["/m/a", "/m/b"]));
    let rest = (texts(&["/m/a 80"]), texts(&["/m/a"]));
    let both = || [shows(Kind::Exact, &one), shows(Kind::Stars, &two)];
    assert_eq!(both(), [whole.clone(), whole.clone()]);
    assert_eq!(pass(&mut agent, Withhold("b")), [2, 2]);
    assert_eq!(both(), [rest.clone(), rest.clone()]);
    // An app may tidy up what it takes for missing.
    Store::edit(Kind::Exact, &one, |catalog| {
        catalog.items.retain(|item| item.availability == Availability::Present);
    })
    .unwrap();
    // It is no removal, and no work.
    for _ in 0..2 {
        assert_eq!(pass(&mut agent, Withhold("b")), [0, 0]);
        assert_eq!(both(), [rest.clone(), rest.clone()]);
    }
    // Meanwhile the rest goes on.
    Store::edit(Kind::Exact, &one, |catalog| {
        catalog.items[0].fields.set(&music::RATING, Value::Int(20));
    })
    .unwrap();
    assert_eq!(pass(&mut agent, Withhold("b")), [0, 1]);
    assert_eq!(pass(&mut agent, Unrestricted), [2, 2]);
    let whole = (texts(&["/m/a 20", "/m/b 80"]), texts(&["/m/a", "/m/b"]));
    assert_eq!(both(), [whole.clone(), whole.clone()]);
    assert_eq!(pass(&mut agent, Unrestricted), [0, 0]);
}

#[test]
fn f41_what_an_app_lists_again_is_hidden_again_three_times_and_no_value_is_lost() {
    let temp = tempfile::tempdir().unwrap();
    let (mut agent, one, two) = linked(temp.path());
    pass(&mut agent, Withhold("b"));
    let scan = || {
        Store::edit(Kind::Exact, &one, |catalog| {
            let mut found = song("b", 0);
            found.fields.set(&music::RATING, None);
            catalog.items.retain(|item| item.id != found.id);
            catalog.items.push(found);
        })
        .unwrap();
    };
    for _ in 0..3 {
        scan();
        assert_eq!(pass(&mut agent, Withhold("b")), [1, 0]);
        assert_eq!(shows(Kind::Exact, &one).0, ["/m/a 80"]);
    }
    scan();
    assert_eq!(pass(&mut agent, Withhold("b")), [0, 0]);
    assert_eq!(shows(Kind::Exact, &one).0, ["/m/a 80", "/m/b -"]);
    assert_eq!(shows(Kind::Stars, &two).0, ["/m/a 80"]);
    pass(&mut agent, Unrestricted);
    for (kind, folder) in [(Kind::Exact, &one), (Kind::Stars, &two)] {
        assert_eq!(shows(kind, folder).0, ["/m/a 80", "/m/b 80"]);
        assert_eq!(shows(kind, folder).1, ["/m/a", "/m/b"]);
    }
}
