//! What a program says of its app, checked, as the kit needs it.
//!
//! What lives as long as this process is made once for each program that is started, so no more is
//! kept than programs are installed.

use segue_translator::file_app::{App, Below, Folder, Signs};
use segue_translator::model::mail::MAIL;
use segue_translator::model::music::MUSIC;
use segue_translator::model::{Rule, Schema, Shape};
use segue_translator::{Access, Capabilities, CollectionSupport, FieldSupport, Hold, Names};

use crate::search::is_app;
use crate::wire;

/// Every schema of which a program can have a library.
static SCHEMAS: [&Schema; 2] = [&MAIL, &MUSIC];

const FILES_MAX: usize = 16;
const NAMES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 400;

/// Makes an app of what was said.
///
/// # Errors
/// What cannot be so, in words.
pub(crate) fn app(hello: wire::Hello) -> Result<&'static App, String> {
    if hello.protocol != wire::PROTOCOL {
        return Err(format!("it speaks protocol {}, not {}", hello.protocol, wire::PROTOCOL));
    }
    if !is_app(&hello.app) {
        return Err("`app` is not 1 to 32 of a-z, 0-9 and -, a letter first".into());
    }
    let schema = SCHEMAS.iter().find(|schema| schema.name == hello.schema);
    let schema: &'static Schema = schema.ok_or("`schema` is none that there is")?;
    let name = hello.name.unwrap_or_default();
    let lists = [&hello.cannot_hold, &hello.running.processes, &hello.running.bus_names];
    for text in lists.into_iter().flatten().chain([&name]) {
        if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
            return Err("a text is too long or has control characters".into());
        }
    }
    if lists.iter().any(|list| list.len() > NAMES_MAX) || hello.folders.len() > NAMES_MAX {
        return Err(format!("a list is longer than {NAMES_MAX}"));
    }
    if hello.folders.is_empty() {
        return Err("`folders` names none".into());
    }
    let folders = hello.folders.into_iter().map(folder).collect::<Result<_, String>>()?;
    let fields = hello.fields.into_iter().map(|(name, field)| self::field(schema, &name, field));
    let fields = fields.collect::<Result<Vec<_>, String>>()?;
    key(schema, &fields)?;
    let kinds = hello.collections.into_iter().map(|(name, kind)| collection(schema, &name, kind));
    let kinds = kinds.collect::<Result<_, String>>()?;
    Ok(Box::leak(Box::new(App {
        capabilities: Capabilities {
            app: hello.app.leak(),
            schema,
            fields: Vec::leak(fields),
            collections: Vec::leak(kinds),
            hides: false,
            piecewise: false,
            cannot_hold: texts(hello.cannot_hold),
        },
        folders: Vec::leak(folders),
        files: texts(files(hello.files)?),
        signs: Signs {
            processes: texts(hello.running.processes),
            bus_names: texts(hello.running.bus_names),
            holds_open: hello.running.holds_open,
        },
    })))
}

fn texts(texts: Vec<String>) -> &'static [&'static str] {
    Vec::leak(texts.into_iter().map(|text| &*text.leak()).collect())
}

/// A path that stays below where it begins.
fn folder(folder: wire::Folder) -> Result<Folder, String> {
    let path = folder.path;
    if path.len() > TEXT_BYTES_MAX || path.split('/').any(|part| !is_name(part)) {
        return Err(format!("the folder `{path}` is no path below another folder"));
    }
    let below = match folder.below {
        wire::Below::Home => Below::Home,
        wire::Below::Data => Below::Data,
        wire::Below::Config => Below::Config,
    };
    Ok(Folder { below, path: path.leak() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

fn files(files: Vec<String>) -> Result<Vec<String>, String> {
    let fits = |name: &String| is_name(name) && name.len() <= 100;
    if files.is_empty() || files.len() > FILES_MAX || !files.iter().all(fits) {
        return Err(format!("`files` are not 1 to {FILES_MAX} names of files in one folder"));
    }
    let mut sorted = files.clone();
    sorted.sort();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("`files` has a name twice".into());
    }
    Ok(files)
}

fn access(access: wire::Access) -> Access {
    match access {
        wire::Access::Read => Access::Read,
        wire::Access::Write => Access::Write,
    }
}

/// Where a schema has a key, it is all that says which item it is.
fn key(schema: &Schema, fields: &[FieldSupport]) -> Result<(), String> {
    let Some(key) = schema.key else { return Ok(()) };
    let is_it = |one: &FieldSupport| one.field == key && one.access == Access::Read && !one.lossy;
    let is_there = fields.iter().any(is_it);
    if is_there { Ok(()) } else { Err(format!("`{}` is to be read, and not lossy", key.name)) }
}

fn field(schema: &Schema, name: &str, field: wire::Field) -> Result<FieldSupport, String> {
    let known = schema.field(name);
    let known = known.ok_or_else(|| format!("`{name}` is no field of `{}`", schema.name))?;
    let wrong = || format!("`{name}` cannot be held so");
    let held = match (field.hold, known.shape) {
        (None, _) => Hold::Exact,
        (Some(wire::Hold::Levels { count: count @ 1..=1_000, zero }), Shape::Int(0, 100)) => {
            Hold::Levels { count, zero }
        }
        (Some(wire::Hold::Steps { step: step @ 1.., most: most @ 1.., zero }), Shape::Int(..)) => {
            Hold::Steps { step, most, zero }
        }
        (Some(wire::Hold::First {}), Shape::List) if known.rule != Rule::Set => Hold::First,
        (Some(wire::Hold::Only(all)), Shape::List) if known.rule == Rule::Set => {
            if all.is_empty() || all.len() > NAMES_MAX || all.iter().any(|text| is_long(text)) {
                return Err(wrong());
            }
            Hold::Only(texts(all))
        }
        (Some(wire::Hold::Elements(said)), Shape::List) if known.rule == Rule::Set => {
            Hold::Elements(names(name, said)?)
        }
        _ => return Err(wrong()),
    };
    let access = access(field.access);
    Ok(FieldSupport { field: known, access, held, lossy: field.lossy, fixed: false })
}

fn collection(
    schema: &Schema,
    name: &str,
    said: wire::CollectionKind,
) -> Result<CollectionSupport, String> {
    let kind = schema.kind(name);
    let kind = kind.ok_or_else(|| format!("`{name}` is no collection of `{}`", schema.name))?;
    Ok(CollectionSupport {
        kind,
        access: access(said.access),
        repeats: said.repeats,
        names: said.names.map_or(Ok(Names::Any), |wire::Names::Unique(said)| names(name, said))?,
    })
}

fn names(of: &str, said: wire::UniqueNames) -> Result<Names, String> {
    let wire::UniqueNames { without, except, bytes_max } = said;
    if except.len() > NAMES_MAX
        || except.iter().chain([&without]).any(|text| is_long(text))
        || bytes_max == 0
    {
        return Err(format!("the names of `{of}` cannot be so"));
    }
    Ok(Names::Unique { without: without.leak(), except: texts(except), bytes_max })
}

fn is_long(text: &str) -> bool {
    text.len() > TEXT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_translator::model::Value;
    use serde_json::{Value as Json, json};

    fn fine() -> Json {
        json!({
            "protocol": 1, "app": "hello", "schema": "music", "files": ["hello.json"],
            "folders": [{"below": "data", "path": "hello"}], "running": {},
            "fields": {
                "rating": {"access": "write", "hold": {"levels": {"count": 5, "zero": false}}},
                "artist": {"access": "read", "hold": {"first": {}}, "lossy": true},
                "play_count": {"access": "write", "hold": {"steps": {"step": 1, "most": 9, "zero": false}}},
                "duration": {"access": "read", "hold": {"steps": {"step": 1000, "most": 9000}}},
            },
        })
    }

    fn said(hello: Json) -> Result<&'static App, String> {
        app(serde_json::from_value(hello).map_err(|error| error.to_string())?)
    }

    #[test]
    fn what_is_declared_is_known() {
        let app = said(fine()).unwrap();
        let support = |name| app.capabilities.field(MUSIC.field(name).unwrap()).unwrap();
        assert!(matches!(support("rating").held, Hold::Levels { count: 5, zero: false }));
        assert_eq!(support("rating").access, Access::Write);
        assert!(support("artist").lossy && matches!(support("artist").held, Hold::First));
        assert!(matches!(
            support("duration").held,
            Hold::Steps { step: 1000, most: 9000, zero: true }
        ));
        assert!(matches!(support("play_count").held, Hold::Steps { zero: false, .. }));
    }

    #[test]
    fn names_are_any_unless_they_are_declared() {
        let names = |names: Json| {
            let mut hello = fine();
            hello["collections"] = json!({"playlist": {"access": "write", "names": names}});
            said(hello).unwrap().capabilities.collections[0]
        };
        let any = names(Json::Null);
        assert!(!any.is_unique() && any.holds_name("") && any.holds_name("AC/DC"));
        let files = names(json!({"unique": {"without": "/\u{0}", "except": [".", ".."]}}));
        assert!(files.is_unique() && files.holds_name("...") && files.holds_name("é\n"));
        for name in ["", ".", "..", "AC/DC", "a\0", &"é".repeat(128)] {
            assert!(!files.holds_name(name), "{name:?}");
        }
        assert!(names(json!({"unique": {}})).holds_name("/") && files.holds_name(&"é".repeat(127)));
    }

    fn mail(fields: Json) -> Result<&'static App, String> {
        let mut hello = fine();
        hello["schema"] = json!("mail");
        hello["fields"] = fields;
        said(hello)
    }

    #[test]
    fn sets_hold_some_elements_and_a_key_is_read() {
        let fields = json!({
            "key": {"access": "read"},
            "flags": {"access": "write", "hold": {"only": ["seen", "flagged"]}},
            "folders": {"access": "write"},
            "keywords": {"access": "write", "hold": {"elements": {"without": " ", "bytes_max": 5}}},
        });
        let app = mail(fields.clone()).unwrap();
        let hold = |name, texts: &[&str]| {
            let support = app.capabilities.field(MAIL.field(name).unwrap()).unwrap();
            support.hold(&Value::list(texts.iter().copied()))
        };
        assert_eq!(hold("flags", &["answered", "seen"]), Some(Value::list(["seen"])));
        assert_eq!(hold("keywords", &["a b", "short", "longer"]), Some(Value::list(["short"])));
        assert_eq!(hold("folders", &["a b"]), Some(Value::list(["a b"])));
        let long = "x".repeat(500);
        for (name, field) in [
            ("key", Json::Null),
            ("key", json!({"access": "write"})),
            ("key", json!({"access": "read", "lossy": true})),
            ("flags", json!({"access": "write", "hold": {"only": []}})),
            ("flags", json!({"access": "write", "hold": {"only": [long]}})),
            ("flags", json!({"access": "write", "hold": {"first": {}}})),
            ("keywords", json!({"access": "write", "hold": {"elements": {"bytes_max": 0}}})),
            ("subject", json!({"access": "read", "hold": {"only": ["a"]}})),
        ] {
            let mut fields = fields.clone();
            fields.as_object_mut().unwrap().remove(name);
            if !field.is_null() {
                fields[name] = field.clone();
            }
            assert!(mail(fields).is_err(), "{name}: {field}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let hold = |name: &str, hold: Json| json!({ name: {"access": "write", "hold": hold} });
        let playlist = |names: Json| json!({"playlist": {"access": "write", "names": names}});
        let long = "x".repeat(500);
        for (key, value) in [
            ("protocol", json!(2)),
            ("app", json!("../up")),
            ("app", json!("-x")),
            ("schema", json!("films")),
            ("schema", json!("mail")),
            ("files", json!([])),
            ("files", json!(["a", "a"])),
            ("files", json!(["../a"])),
            ("files", json!(["/etc/passwd"])),
            ("folders", json!([])),
            ("folders", json!([{"below": "data", "path": "../.."}])),
            ("folders", json!([{"below": "data", "path": "/etc"}])),
            ("folders", json!([{"below": "root", "path": "a"}])),
            ("fields", json!({"stars": {"access": "write"}})),
            ("fields", hold("rating", json!({"levels": {"count": 0, "zero": true}}))),
            ("fields", hold("title", json!({"levels": {"count": 5, "zero": true}}))),
            ("fields", hold("play_count", json!({"steps": {"step": 0, "most": 9}}))),
            ("fields", hold("title", json!({"first": {}}))),
            ("fields", hold("artist", json!({"only": ["a"]}))),
            ("fields", hold("artist", json!({"elements": {}}))),
            ("collections", json!({"shelf": {"access": "read"}})),
            ("collections", playlist(json!("unique"))),
            ("collections", playlist(json!({"unique": {"bytes_max": 0}}))),
            ("collections", playlist(json!({"unique": {"without": long}}))),
            ("collections", playlist(json!({"unique": {"except": [long]}}))),
            ("collections", playlist(json!({"unique": {"within": "abc"}}))),
            ("cannot_hold", json!([long])),
            ("running", json!({"processes": ["\u{1b}[2J"]})),
            ("surprise", json!(1)),
        ] {
            let mut hello = fine();
            hello[key] = value.clone();
            assert!(said(hello).is_err(), "{key}: {value}");
        }
    }
}
