//! What an app can hold, declared: the engine withholds the rest and never takes it for deleted.

use segue_model::{CollectionKind, Field, NativeId, Schema, Value};

/// Whether Segue may write something into the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Lifted, never written.
    Read,
    /// Lifted and written.
    Write,
}

/// How an app holds one field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSupport {
    /// The field.
    pub field: &'static Field,
    /// Whether Segue may write it.
    pub access: Access,
    /// The value as the app would hold it, `None` where it would hold nothing: stars for a rating
    /// of 73, whole seconds for milliseconds. Pure and idempotent: `hold(hold(v)) == hold(v)`.
    pub hold: fn(&Value) -> Option<Value>,
    /// Whether what is read may be less than the user's value without a trace of it: only the
    /// first of several artists, values joined with a space. Such a value is an opinion that never
    /// replaces a richer one.
    pub lossy: bool,
}

impl FieldSupport {
    /// A field that the app holds exactly and lets others write.
    pub const fn exact(field: &'static Field) -> Self {
        Self { field, access: Access::Write, hold: |value| Some(value.clone()), lossy: false }
    }

    /// The same, read-only.
    pub const fn read_only(self) -> Self {
        Self { access: Access::Read, ..self }
    }

    /// The same, held as `hold` says.
    pub const fn held_as(self, hold: fn(&Value) -> Option<Value>) -> Self {
        Self { hold, ..self }
    }

    /// The same, possibly less than the user's value.
    pub const fn lossy(self) -> Self {
        Self { lossy: true, ..self }
    }
}

/// How an app holds one kind of collection.
#[derive(Debug, Clone, Copy)]
pub struct CollectionSupport {
    /// The kind.
    pub kind: &'static CollectionKind,
    /// Whether Segue may write it.
    pub access: Access,
    /// Whether an item may stand in it twice.
    pub repeats: bool,
}

impl CollectionSupport {
    /// The entries as the app would hold them: without repeats where it cannot hold any.
    pub fn hold(&self, entries: &[NativeId]) -> Vec<NativeId> {
        if self.repeats {
            return entries.to_vec();
        }
        let mut seen = std::collections::HashSet::new();
        entries.iter().filter(|entry| seen.insert(*entry)).cloned().collect()
    }
}

/// What an app can hold.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// The app's name on the command line, such as `rhythmbox`.
    pub app: &'static str,
    /// The schema of its libraries.
    pub schema: &'static Schema,
    /// The fields it holds; others are not lifted and withheld.
    pub fields: &'static [FieldSupport],
    /// The kinds of collections it holds.
    pub collections: &'static [CollectionSupport],
    /// What it cannot hold, in words for a person: "a song twice in one playlist".
    pub cannot_hold: &'static [&'static str],
}

impl Capabilities {
    /// How the app holds `field`, if it does.
    pub fn field(&self, field: &Field) -> Option<&'static FieldSupport> {
        self.fields.iter().find(|support| support.field == field)
    }

    /// How the app holds collections of this kind, if it does.
    pub fn collection(&self, kind: &CollectionKind) -> Option<&'static CollectionSupport> {
        self.collections.iter().find(|support| support.kind == kind)
    }
}
