//! The schema says what the document's examples and real programs say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::{Arc, Mutex};

use jsonschema::Validator;
use segue_stdio::{Outside, Way};
use segue_translator::model::mail::{FOLDERS, MAIL};
use segue_translator::model::music::{MUSIC, PLAYLIST, RATING};
use segue_translator::model::{ChangeSet, CollectionEdit, FieldEdit, Rule, Schema, Shape, Value};
use segue_translator::{Collector, Idle, Translator as _};
use serde_json::{Value as Json, json};

use crate::{Program, READ, around, repository, watched};

/// Validates the lines of a conversation in their order.
struct Conversation {
    schema: Json,
    methods: BTreeMap<u64, String>,
}

impl Conversation {
    fn new() -> Self {
        let path = repository().join("docs/protocol/messages.schema.json");
        let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        Self { schema, methods: BTreeMap::new() }
    }

    fn validator(&self, name: &str) -> Validator {
        let mut schema = self.schema.clone();
        schema.as_object_mut().unwrap().remove("anyOf");
        schema["$ref"] = json!(format!("#/$defs/{name}"));
        jsonschema::draft202012::new(&schema).unwrap()
    }

    fn hear(&mut self, way: Way, line: &str) -> Result<(), String> {
        let message: Json = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let id = message["id"].as_u64().unwrap_or_default();
        let name = if way == Way::Asked {
            self.methods.insert(id, message["method"].as_str().unwrap_or_default().to_owned());
            "request".to_owned()
        } else {
            format!("{}_answer", self.methods.get(&id).ok_or("an answer without a question")?)
        };
        let validator = self.validator(&name);
        validator.validate(&message).map_err(|error| format!("{name}: {error}: {line}"))
    }
}

fn document() -> String {
    fs::read_to_string(repository().join("docs/translator-protocol.md")).unwrap()
}

#[test]
fn every_example_of_the_document_is_valid() {
    let mut conversation = Conversation::new();
    let mut count = 0;
    for line in document().lines() {
        let Some((arrow, message)) = line.split_once(' ') else { continue };
        let way = match arrow {
            "→" => Way::Asked,
            "←" => Way::Answered,
            _ => continue,
        };
        conversation.hear(way, message).unwrap();
        count += 1;
    }
    assert!(count >= 12, "{count} examples");
}

#[test]
fn what_the_schema_refuses_is_wrong() {
    let mut conversation = Conversation::new();
    for line in [
        r#"{"id":1,"method":"hello","params":{"protocol":2,"segue":"1"}}"#,
        r#"{"id":1,"method":"shout","params":{}}"#,
        r#"{"id":1,"method":"write","params":{"library":"","files":{},"stage":"","edits":[]}}"#,
    ] {
        assert!(conversation.hear(Way::Asked, line).is_err(), "{line}");
    }
    let read = r#"{"id":1,"method":"read","params":{"library":"/","files":{}}}"#;
    conversation.hear(Way::Asked, read).unwrap();
    for line in [
        r#"{"id":1}"#,
        r#"{"id":1,"result":{},"part":{}}"#,
        r#"{"id":1,"result":{"surprise":1}}"#,
        r#"{"id":1,"part":{"roots":["/"]}}"#,
        r#"{"id":1,"result":{"items":[{"id":""}]}}"#,
        r#"{"id":1,"error":{"kind":"angry","message":""}}"#,
    ] {
        assert!(conversation.hear(Way::Answered, line).is_err(), "{line}");
    }
}

/// Every kind of the schema and no other may be sent, means the same here, and has a row.
#[test]
fn every_kind_of_error_reaches_the_person() {
    let conversation = Conversation::new();
    let kinds = conversation.schema["$defs"]["error"]["properties"]["kind"]["enum"].clone();
    for kind in kinds.as_array().unwrap() {
        let kind = kind.as_str().unwrap();
        let answer = format!(
            r#"echo "{{\"id\":$n,\"error\":{{\"kind\":\"{kind}\",\"message\":\"why\"}}}}""#
        );
        let error = Program::new("", &answer, "true").read().unwrap_err();
        assert_eq!(format!("{:?}", error.kind).to_lowercase(), kind.replace('_', ""), "{error}");
        assert_eq!(error.detail, "why");
        assert!(document().contains(&format!("\n| `{kind}` | ")), "{kind} has no row");
    }
}

/// The table between the marks of the document.
fn table(schema: &Schema) -> String {
    let mut table =
        "| field | JSON | competing values | describes the content |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for field in schema.fields {
        let json = match field.shape {
            Shape::Int(low, high) => format!("integer, {low} to {high}"),
            Shape::Real => "number".to_owned(),
            Shape::Flag => "`true` or `false`".to_owned(),
            Shape::Text => "string, not empty".to_owned(),
            Shape::List if field.rule == Rule::Set => "array of strings, a sorted set".to_owned(),
            Shape::List => "array of strings, not empty".to_owned(),
        };
        let rule = match field.rule {
            Rule::Register => "the latest",
            Rule::Max => "the largest",
            Rule::Counter => "differences add up",
            Rule::Set => "element by element",
        };
        let describes = if field.descriptive { "yes" } else { "" };
        writeln!(table, "| `{}` | {json} | {rule} | {describes} |", field.name).unwrap();
    }
    table
}

/// The document is the snapshot: a new field rewrites it, fails once, and is reviewed.
#[test]
fn every_field_is_documented() {
    for schema in [&MUSIC, &MAIL] {
        let text = document();
        let mark = |end: &str| {
            format!("<!-- generated from framework/model/src/{}.rs: {end} -->\n", schema.name)
        };
        let (before, rest) = text.split_once(&mark("begin")).unwrap();
        let (found, after) = rest.split_once(&mark("end")).unwrap();
        if found != table(schema) {
            let text = [before, &mark("begin"), &table(schema), &mark("end"), after].concat();
            fs::write(repository().join("docs/translator-protocol.md"), text).unwrap();
            panic!("docs/translator-protocol.md did not list the fields; review what it has now");
        }
    }
}

type Lines = Arc<Mutex<Vec<(Way, String)>>>;

fn is_valid(lines: &Lines) -> usize {
    let mut conversation = Conversation::new();
    let lines = lines.lock().unwrap();
    for (way, line) in lines.iter() {
        conversation.hear(*way, line).unwrap();
    }
    lines.len()
}

fn recorder() -> (Lines, segue_stdio::Watch) {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    (lines, Arc::new(move |way, line: &str| kept.lock().unwrap().push((way, line.to_owned()))))
}

#[test]
fn the_example_in_python_says_only_valid_messages() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not installed");
        return;
    }
    let (lines, watch) = recorder();
    let mut around = around();
    watched(&mut around, watch);
    let root = repository();
    let program = root.join("examples/hello-translator-python/segue-translator-hello");
    let hello = Outside::start(&program, around).unwrap().translator();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hello.json");
    fs::copy(root.join("examples/hello-translator/fixtures/1/hello.json"), &file).unwrap();
    let library = hello.open(folder.path(), Arc::new(Idle)).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    let fields = catalog.items.iter().map(|item| FieldEdit {
        item: item.id.clone(),
        field: &RATING,
        old: item.fields.value(&RATING).cloned(),
        new: Some(Value::Int(41)),
    });
    let changes = ChangeSet { fields: fields.collect(), ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    assert_eq!(written.refused.len(), 2, "what cannot be read is not overwritten");
    fs::write(&file, "{").unwrap();
    assert!(Collector::collect(&*library).is_err());
    assert!(is_valid(&lines) > 20);
}

/// Messages and their keys, as the document has them.
fn vectors() -> Vec<(String, String)> {
    let text = document();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `\"")?.strip_suffix("` |"));
    let vectors = rows.filter_map(|row| row.split_once("\"` | `"));
    let message = |said: &str| serde_json::from_str(&format!("\"{said}\"")).unwrap();
    vectors.map(|(said, key)| (message(said), key.to_owned())).collect()
}

#[test]
fn the_example_for_mail_says_only_valid_messages_and_makes_the_keys_of_the_document() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: python3 is not installed");
        return;
    }
    let vectors = vectors();
    assert!(vectors.len() >= 12, "{} keys", vectors.len());
    let folders = vectors.iter().enumerate();
    let folders = folders.map(|(at, (text, _))| (format!("{at:02}"), json!([{ "text": text }])));
    let folders: serde_json::Map<String, Json> = folders.collect();
    let folder = tempfile::tempdir().unwrap();
    let content = json!({"format": 1, "folders": folders}).to_string();
    fs::write(folder.path().join("post.json"), content).unwrap();
    let (lines, watch) = recorder();
    let mut around = around();
    watched(&mut around, watch);
    let program = repository().join("examples/post-translator-python/segue-translator-post");
    let post = Outside::start(&program, around).unwrap().translator();
    let library = post.open(folder.path(), Arc::new(Idle)).unwrap();
    let (catalog, reading) = Collector::collect(&*library).unwrap();
    for (at, (text, key)) in vectors.iter().enumerate() {
        let item = catalog.item(&key.as_str().into());
        let item = item.unwrap_or_else(|| panic!("no {key} for {text:?}"));
        let lies = item.fields.value(&FOLDERS).and_then(Value::as_list).unwrap();
        assert!(lies.contains(&format!("{at:02}").into()), "{text:?} is not {key}");
    }
    let fields = catalog.items.iter().map(|item| FieldEdit {
        item: item.id.clone(),
        field: &FOLDERS,
        old: item.fields.value(&FOLDERS).cloned(),
        new: Some(Value::list(["New"])),
    });
    let changes = ChangeSet { fields: fields.collect(), ..ChangeSet::default() };
    let written = library.write(&reading.revision, &changes).unwrap();
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert!(is_valid(&lines) > 10);
}

#[test]
fn every_kind_of_edit_is_sent_as_a_valid_message() {
    let refuse = r#"no='{"refused":"no"}'; answer "{\"results\":[$no,$no,$no,$no,$no]}""#;
    let mut program = Program::new("", READ, refuse);
    let (lines, watch) = recorder();
    watched(&mut program.around, watch);
    let library =
        crate::LIBRARY.replace(r#"{"id":"/b"}"#, r#"{"id":"/b"},{"id":{"bytes":"/w=="}}"#);
    program.put(library.as_bytes());
    let stranger = segue_translator::model::NativeId::new(vec![0xff]);
    let (old, new) = (Vec::new(), vec![stranger.clone()]);
    let mut changes = crate::proposals::rate(100);
    changes.fields.push(FieldEdit {
        item: stranger,
        field: &RATING,
        old: None,
        new: Some(Value::Int(20)),
    });
    changes.collections = vec![
        CollectionEdit::Rename { id: "1".into(), old: "One".into(), new: "Eins".into() },
        CollectionEdit::Reorder { id: "2".into(), old: old.clone(), new: new.clone() },
        CollectionEdit::Create {
            kind: &PLAYLIST,
            name: "N".into(),
            parent: Some("1".into()),
            entries: new.clone(),
        },
    ];
    let written = program.write(&changes).unwrap();
    assert_eq!(written.refused.len(), 5);
    changes.fields.clear();
    changes.collections = vec![CollectionEdit::Remove { id: "2".into(), old }];
    assert!(program.write(&changes).is_err(), "five results for one edit");
    assert!(is_valid(&lines) >= 12);
}
