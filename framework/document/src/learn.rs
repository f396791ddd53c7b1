//! What stored keys say of a record, one key at a time.
//!
//! Reading a shard learns every key of it; a commit puts the keys that it writes, so that the
//! records at hand need not be decoded anew. Invariant: a record that was put to is the record that
//! reading finds after the same writes.

use automerge::ScalarValue;
use segue_model::{OperationId, Rule};

use crate::encode;
use crate::key::Key;
use crate::record::{Origin, Record};

impl Record {
    /// Whether no key of it exists.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self { id: self.id, ..Self::default() }
    }

    /// Adds one key's value, beside concurrent ones; what does not decode is no opinion.
    pub(crate) fn learn(&mut self, key: &Key, value: Option<&ScalarValue>) {
        let text = || match value {
            Some(ScalarValue::Str(text)) => Some(text.as_str()),
            _ => None,
        };
        match (key, value) {
            (Key::Live, Some(ScalarValue::Bytes(bytes))) => {
                self.live = self.live.max(OperationId::from_slice(bytes));
            }
            (Key::Kind, _) => self.kind = text().map(str::to_owned),
            (Key::Origin(link), _) => {
                if let Some(origin) = text().and_then(encode::text_origin) {
                    self.origins.insert(*link, origin);
                }
            }
            (Key::Member(link), Some(ScalarValue::Null)) => {
                self.members.insert(*link, None);
            }
            (Key::Member(link), _) => {
                if let Some(location) = text().and_then(encode::text_location) {
                    self.members.insert(*link, Some(location));
                }
            }
            (Key::Field(_, name), Some(ScalarValue::Int(number))) => {
                let is = self.maxima.entry(name.clone()).or_insert(*number);
                *is = (*is).max(*number);
            }
            (Key::Field(_, name), _) => {
                if let Some(register) = text().and_then(encode::text_register) {
                    self.registers.entry(name.clone()).or_default().push(register);
                }
            }
            (Key::Counter(name, link), _) => {
                if let Some(parts) = text().and_then(encode::text_counter) {
                    // Only its own link counts here: of two concurrent states the larger knows more.
                    let links = self.counters.entry(name.clone()).or_default();
                    let is = links.entry(*link).or_insert(parts);
                    *is = (is.0.max(parts.0), is.1.max(parts.1));
                }
            }
            (Key::Element(name, element), Some(ScalarValue::Boolean(true))) => {
                self.sets.entry(name.clone()).or_default().insert(element.clone());
            }
            (Key::Entry(entry), _) => {
                if let Some(place) = text().and_then(encode::text_entry) {
                    self.entries.insert(*entry, place);
                }
            }
            _ => {}
        }
    }

    /// Replaces one key's value, or (`None`) removes the key.
    pub(crate) fn put(&mut self, key: &Key, value: Option<&ScalarValue>) {
        self.drop_key(key);
        if value.is_some() {
            self.learn(key, value);
        }
    }

    /// Replaces a first sight.
    pub(crate) fn put_origin(&mut self, key: &Key, origin: Origin) {
        if let Key::Origin(link) = key {
            self.origins.insert(*link, origin);
        }
    }

    fn drop_key(&mut self, key: &Key) {
        match key {
            Key::Live => self.live = None,
            Key::Kind => self.kind = None,
            Key::Origin(link) => _ = self.origins.remove(link),
            Key::Member(link) => _ = self.members.remove(link),
            Key::Field(Rule::Max, name) => _ = self.maxima.remove(name),
            Key::Field(_, name) => _ = self.registers.remove(name),
            Key::Counter(name, link) => {
                if let Some(links) = self.counters.get_mut(name) {
                    links.remove(link);
                    if links.is_empty() {
                        self.counters.remove(name);
                    }
                }
            }
            Key::Element(name, element) => {
                if let Some(elements) = self.sets.get_mut(name) {
                    elements.remove(element);
                    if elements.is_empty() {
                        self.sets.remove(name);
                    }
                }
            }
            Key::Entry(entry) => _ = self.entries.remove(entry),
        }
    }
}
