//! Several commands at once: each waits for its turn or says so, and nothing is lost or doubled.

use std::process::{Child, Stdio};
use std::sync::Arc;

use segue_model::{CarriedLimit, Collection, Item, NativeId, Value};
use segue_strawberry::Strawberry;
use segue_translator::{Container, Error, Idle, Sink, Translator, Want};

use crate::desk::{Desk, Ran};

fn at_once(desk: &Desk, commands: &[&[&str]]) -> Vec<Ran> {
    let begin = |words: &&[&str]| {
        let mut command = desk.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = commands.iter().map(begin).collect();
    children.into_iter().map(|child| Ran::of(&child.wait_with_output().unwrap())).collect()
}

#[derive(Default)]
struct Items(Vec<Item>);

impl Sink for Items {
    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.0.push(item);
        Ok(())
    }

    fn limit(&mut self, _: &NativeId, _: CarriedLimit) -> Result<(), Error> {
        Ok(())
    }

    fn collection(&mut self, _: Collection) -> Result<(), Error> {
        Ok(())
    }
}

/// What Strawberry holds of Lantern Row.
fn lantern_row(desk: &Desk, field: &str) -> Option<Value> {
    let folder = desk.rhythmdb().parent().unwrap().with_file_name("strawberry").join("strawberry");
    let library = Strawberry.open(&folder, Arc::new(Idle)).unwrap();
    let mut items = Items::default();
    library.read(&mut items).unwrap();
    let is_it = |item: &&Item| item.id.to_string().ends_with("04%20Lantern%20Row.flac");
    let item = items.0.iter().find(is_it).unwrap();
    let found = item.fields.iter().find(|(known, _)| known.name == field);
    found.map(|(_, value)| value.clone())
}

#[test]
fn several_first_commands_make_one_agent() {
    for _ in 0..3 {
        let desk = Desk::new();
        let plan: &[&str] = &["plan", "rhythmbox", "strawberry"];
        for ran in at_once(&desk, &[plan; 5]) {
            assert_eq!(ran.code, 0, "{}", ran.err);
        }
        desk.link();
        assert_eq!(desk.run(&["doctor"]).code, 0);
    }
}

#[test]
fn a_plan_is_applied_once() {
    let desk = Desk::new();
    let plan = desk.json(&["plan", "rhythmbox", "strawberry"]);
    let apply: &[&str] = &["apply", plan["plan"].as_str().unwrap()];
    let mut codes: Vec<i32> = at_once(&desk, &[apply; 3]).iter().map(|ran| ran.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1]);
    let log = desk.json(&["log"]);
    assert_eq!(log.as_array().unwrap().len(), 1, "{log}");
}

#[test]
fn an_edit_arrives_once() {
    let desk = Desk::new();
    desk.link();
    desk.rate_and_play_in_rhythmbox();
    let sync: &[&str] = &["sync"];
    for ran in at_once(&desk, &[sync; 4]) {
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    }
    assert_eq!(lantern_row(&desk, "rating"), Some(Value::Int(80)));
    assert_eq!(lantern_row(&desk, "play_count"), Some(Value::Int(1)));
    assert_eq!(desk.run(&["doctor"]).code, 0);
}
