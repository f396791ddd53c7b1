//! What a program says of a library, checked line by line before anybody may rely on it.
//!
//! Invariant: what reaches the sink is in order, without repetition, of the declared fields and kinds,
//! in range, held as declared, and no more than the limits allow.

use std::collections::{BTreeMap, HashMap, HashSet};

use segue_translator::file_app::App;
use segue_translator::json_file::value_of;
use segue_translator::model::{
    Availability, Collection, Fields, Item, Location, NativeId, Rule, Value,
};
use segue_translator::{Loss, Reading, Sink};
use serde_json::Value as Json;

use crate::Limits;
use crate::outside::Trouble;
use crate::wire::{self, Bytes};

/// A read under way.
pub(crate) struct Checked<'a> {
    app: &'static App,
    limits: &'a Limits,
    sink: &'a mut dyn Sink,
    items: HashSet<NativeId>,
    /// Where the schema has a key: those of the items.
    keys: HashSet<Value>,
    last_item: Option<NativeId>,
    parents: BTreeMap<NativeId, Option<NativeId>>,
    /// Of the kinds whose names are given once.
    names: HashSet<(&'static str, Box<str>)>,
    entries: usize,
    reading: Reading,
}

impl<'a> Checked<'a> {
    pub(crate) fn new(app: &'static App, limits: &'a Limits, sink: &'a mut dyn Sink) -> Self {
        Self {
            app,
            limits,
            sink,
            items: HashSet::new(),
            keys: HashSet::new(),
            last_item: None,
            parents: BTreeMap::new(),
            names: HashSet::new(),
            entries: 0,
            reading: Reading::default(),
        }
    }

    /// Takes a part, or with `is_last` the result.
    pub(crate) fn take(&mut self, read: wire::ReadPart, is_last: bool) -> Result<(), Trouble> {
        for item in read.items {
            let item = self.item(item)?;
            self.sink.item(item).map_err(Trouble::Sink)?;
        }
        for collection in read.collections {
            let collection = self.collection(collection)?;
            self.sink.collection(collection).map_err(Trouble::Sink)?;
        }
        for loss in read.losses {
            bounded("losses", self.reading.losses.len(), self.limits.items)?;
            let id = NativeId::new(loss.id.decode()?);
            self.reading.losses.push(Loss { id, what: shown("a loss", loss.what)? });
        }
        let rest = (read.read_only, read.collections_missing, read.roots);
        if is_last {
            self.reading.read_only = rest.0.map(|why| shown("`read_only`", why)).transpose()?;
            self.reading.collections_missing = rest.1;
            self.reading.roots = rest.2.into_iter().map(location).collect::<Result<_, _>>()?;
            self.unseen(read.unseen)
        } else if rest.0.is_some() || rest.1 || !rest.2.is_empty() || !read.unseen.is_empty() {
            broke("only the result says `read_only`, `collections_missing`, `roots` and `unseen`")
        } else {
            Ok(())
        }
    }

    fn unseen(&mut self, said: BTreeMap<String, Vec<String>>) -> Result<(), Trouble> {
        for (name, elements) in said {
            let field = self.app.capabilities.schema.field(&name);
            let support = field.and_then(|field| self.app.capabilities.field(field));
            let Some(support) = support.filter(|support| support.field.rule == Rule::Set) else {
                return broke(format!("`{name}` of `unseen` is no set that is declared"));
            };
            for element in elements {
                bounded("elements `unseen`", self.reading.unseen.len(), self.limits.items)?;
                let alone = Value::list([element.as_str()]);
                if support.hold(&alone) != Some(alone) {
                    return broke(format!("{element:?} of `{name}` of `unseen` is not held"));
                }
                self.reading.unseen.push((support.field, element.into()));
            }
        }
        Ok(())
    }

    /// What is known when all was said.
    pub(crate) fn finish(self) -> Result<Reading, Trouble> {
        let mut depths: HashMap<&NativeId, usize> = HashMap::new();
        for (id, parent) in &self.parents {
            let (mut above, mut depth) = (parent.as_ref(), 0);
            while let Some(one) = above {
                depth += depths.get(one).copied().unwrap_or(0) + 1;
                if depth > self.limits.depth {
                    return broke(format!("collections lie deeper than {}", self.limits.depth));
                }
                let Some(next) = self.parents.get(one) else {
                    return broke(format!("`{one}` is a parent and no collection"));
                };
                above = if depths.contains_key(one) { None } else { next.as_ref() };
            }
            depths.insert(id, depth);
        }
        Ok(self.reading)
    }

    fn item(&mut self, said: wire::Item) -> Result<Item, Trouble> {
        bounded("items", self.items.len(), self.limits.items)?;
        let mut item = Item::new(id(said.id)?);
        if self.last_item.as_ref().is_some_and(|last| *last >= item.id) {
            return broke(format!("`{}` is not in order", item.id));
        }
        if !self.parents.is_empty() {
            return broke(format!("`{}` comes after a collection", item.id));
        }
        item.location = said.location.map(location).transpose()?;
        if said.missing {
            item.availability = Availability::Missing;
        }
        item.fields = self.fields(&item.id, &said.fields)?;
        self.key(&item)?;
        if !said.ext.is_empty() {
            let pairs = said.ext.into_iter().map(|(name, text)| (name.into(), text.into()));
            item.ext = Some(Box::new(pairs.collect()));
        }
        self.last_item = Some(item.id.clone());
        self.items.insert(item.id.clone());
        Ok(item)
    }

    /// Where a schema has a key, no item is without one, and no two have the same.
    fn key(&mut self, item: &Item) -> Result<(), Trouble> {
        let Some(key) = self.app.capabilities.schema.key else { return Ok(()) };
        let Some(value) = item.fields.value(key).cloned() else {
            return broke(format!("`{}` has no `{}`", item.id, key.name));
        };
        if self.keys.insert(value) {
            Ok(())
        } else {
            broke(format!("`{}` has the `{}` of another item", item.id, key.name))
        }
    }

    fn fields(&self, id: &NativeId, said: &BTreeMap<String, Json>) -> Result<Fields, Trouble> {
        let mut fields = Fields::default();
        for (name, json) in said {
            let field = self.app.capabilities.schema.field(name);
            let support = field.and_then(|field| self.app.capabilities.field(field));
            let Some(support) = support else {
                return broke(format!("`{name}` of `{id}` is not declared"));
            };
            let value = value_of(Some(json), support.field);
            let value = value.map_err(|why| Trouble::Broke(format!("of `{id}`: {why}")))?;
            let Some(value) = value else {
                return broke(format!("`{name}` of `{id}` is null; leave it out"));
            };
            let sorted = value.as_list().is_none_or(|texts| texts.is_sorted_by(|a, b| a < b));
            if support.field.rule == Rule::Set && !sorted {
                return broke(format!("`{name}` of `{id}` is no sorted set"));
            }
            if support.hold(&value).as_ref() != Some(&value) {
                return broke(format!("`{name}` of `{id}` is {json}, which is not held so"));
            }
            fields.set(support.field, value);
        }
        fields.shrink();
        Ok(fields)
    }

    fn collection(&mut self, said: wire::Collection) -> Result<Collection, Trouble> {
        bounded("collections", self.parents.len(), self.limits.collections)?;
        let id = id(said.id)?;
        if self.parents.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return broke(format!("`{id}` is not in order"));
        }
        let kind = self.app.capabilities.schema.kind(&said.kind);
        let support = kind.and_then(|kind| self.app.capabilities.collection(kind));
        let Some(support) = support else {
            return broke(format!("the kind `{}` is not declared", said.kind));
        };
        if said.rule.is_some() == support.kind.has_entries && said.rule.is_some()
            || !support.kind.has_entries && !said.entries.is_empty()
        {
            return broke(format!("`{id}` has what a {} has not", said.kind));
        }
        let entries = self.entries(&id, said.entries)?;
        if support.hold(&entries) != entries {
            return broke(format!("`{id}` has repeats, which are not declared"));
        }
        let parent = said.parent.map(self::id).transpose()?;
        self.parents.insert(id.clone(), parent.clone());
        let (name, rule): (Box<str>, _) = (said.name.into(), said.rule.map(Into::into));
        if support.is_unique() && !self.names.insert((support.kind.name, name.clone())) {
            return broke(format!("`{id}` has the name of another, which is not declared"));
        }
        if !support.holds_name(&name) {
            return broke(format!("`{id}` has a name that it cannot have, as declared"));
        }
        Ok(Collection { id, kind: support.kind, name, parent, entries, rule })
    }

    fn entries(&mut self, id: &NativeId, said: Vec<Bytes>) -> Result<Vec<NativeId>, Trouble> {
        bounded("entries", self.entries + said.len(), self.limits.items + 1)?;
        self.entries += said.len();
        let entries = said.into_iter().map(self::id).collect::<Result<Vec<_>, _>>()?;
        match entries.iter().find(|entry| !self.items.contains(*entry)) {
            Some(stranger) => broke(format!("`{id}` has `{stranger}`, which is no item")),
            None => Ok(entries),
        }
    }
}

pub(crate) fn broke<T>(why: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Broke(why.into()))
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), Trouble> {
    if count < most { Ok(()) } else { Err(Trouble::TooMuch(format!("more than {most} {what}"))) }
}

pub(crate) fn id(bytes: Bytes) -> Result<NativeId, Trouble> {
    let bytes = bytes.decode()?;
    if bytes.is_empty() { broke("an id is empty") } else { Ok(NativeId::new(bytes)) }
}

/// An absolute path without steps up: what is below a folder must be below it.
fn location(bytes: Bytes) -> Result<Location, Trouble> {
    let bytes = bytes.decode()?;
    let is_fine = bytes.starts_with(b"/")
        && !bytes.contains(&0)
        && bytes.split(|byte| *byte == b'/').all(|part| part != b"..");
    let location = Location::new(bytes);
    if is_fine { Ok(location) } else { broke(format!("`{location}` is no absolute path")) }
}

/// Words for a person.
fn shown(what: &str, text: String) -> Result<String, Trouble> {
    if text.len() > 1_000 { broke(format!("{what} has more than 1,000 bytes")) } else { Ok(text) }
}
