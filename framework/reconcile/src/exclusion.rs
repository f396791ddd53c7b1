//! What stays on this device: fields, items and collections that no pass may lift.
//!
//! A person's rules are values that the planner is handed, with the moment. What they cover is neither
//! lifted nor lowered: a library reads as if it still held there what it held when it and the document
//! last agreed, so that what its user did since is neither an edit nor a removal. It is all found
//! again when the rule ends. Nothing is taken out of a document: what others have already stays with them.
//!
//! Invariant: an item that went through [`Exclusion::mask`] has no value that a rule covers, except one that
//! its base has.

use std::collections::BTreeSet;

use segue_model::{Collection, Item, ItemId, Location};

/// What a rule covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A field of every item, by its name; or what an app holds beyond the schema: `ext/<app>/<name>`, or
    /// `ext/<app>` for all of that.
    Field(Box<str>),
    /// One item of the document, and whatever reads as one with it.
    Item(ItemId),
    /// Every item whose content is this file, or lies below this folder.
    Place(Location),
    /// Collections of this name, this kind, or both.
    Collection {
        /// The name, as the library has it.
        name: Option<Box<str>>,
        /// The kind, from the schema.
        kind: Option<Box<str>>,
    },
}

/// When a rule holds: from its first second on, until before its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Term {
    /// The first second, in Unix time; without, since ever.
    pub from: Option<i64>,
    /// The second in which it no longer holds; without, for ever.
    pub until: Option<i64>,
}

/// What time it is, for rules: a clock that is wrong must not let anything out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// No later than the true moment, as far as is known: by this a rule ends.
    pub earliest: i64,
    /// No earlier than it: by this a rule begins.
    pub latest: i64,
}

impl Term {
    /// Whether a rule holds.
    pub fn holds(&self, now: Now) -> bool {
        self.from.is_none_or(|from| from <= now.latest)
            && self.until.is_none_or(|until| now.earliest < until)
    }
}

/// Everything that stays in one library at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion(BTreeSet<Target>);

impl FromIterator<Target> for Exclusion {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Self {
        Self(targets.into_iter().collect())
    }
}

impl Exclusion {
    /// Whether nothing stays.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stays, sorted.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.0.iter()
    }

    /// The same with what `reads_as_one` says of an item in place of that item.
    #[must_use]
    pub fn widened(self, reads_as_one: &dyn Fn(ItemId) -> Vec<ItemId>) -> Self {
        let widen = |target| match target {
            Target::Item(item) => reads_as_one(item).into_iter().map(Target::Item).collect(),
            other => vec![other],
        };
        self.0.into_iter().flat_map(widen).collect()
    }

    /// Whether a field stays, whatever the item.
    pub fn field(&self, name: &str) -> bool {
        self.0.iter().any(|target| matches!(target, Target::Field(field) if covers(field, name)))
    }

    /// Whether any item stays as a whole.
    pub fn any_item(&self) -> bool {
        self.0.iter().any(|target| matches!(target, Target::Item(_) | Target::Place(_)))
    }

    /// Whether any collection stays.
    pub fn any_collection(&self) -> bool {
        self.0.iter().any(|target| matches!(target, Target::Collection { .. }))
    }

    /// Whether an item stays as a whole, by what it is bound to (if it is) and where its content lies.
    pub fn item(&self, item: Option<ItemId>, location: Option<&Location>) -> bool {
        self.0.iter().any(|target| match target {
            Target::Item(one) => item == Some(*one),
            Target::Place(place) => {
                location.is_some_and(|path| path == place || path.below(place).is_some())
            }
            Target::Field(_) | Target::Collection { .. } => false,
        })
    }

    /// Whether a collection stays.
    pub fn collection(&self, list: &Collection) -> bool {
        self.collection_named(&list.name, list.kind.name)
    }

    /// Whether a collection of this name and kind stays.
    pub fn collection_named(&self, name: &str, kind: &str) -> bool {
        self.0.iter().any(|target| match target {
            Target::Collection { name: its_name, kind: its_kind } => {
                its_name.as_deref().is_none_or(|its| its == name)
                    && its_kind.as_deref().is_none_or(|its| its == kind)
            }
            _ => false,
        })
    }

    /// The item as it is lifted: of every field that stays, it has what the base has, or nothing.
    pub fn mask(&self, base: Option<&Item>, app: &str, now: &mut Item) {
        if !self.0.iter().any(|target| matches!(target, Target::Field(_))) {
            return;
        }
        let known = base.map(|base| &base.fields);
        let both = known.into_iter().chain([&now.fields]).flat_map(segue_model::Fields::iter);
        let names: Vec<_> =
            both.map(|(field, _)| field).filter(|field| self.field(field.name)).collect();
        for field in names {
            now.fields.set(field, known.and_then(|known| known.value(field)).cloned());
        }
        self.mask_ext(base, app, now);
    }

    fn mask_ext(&self, base: Option<&Item>, app: &str, now: &mut Item) {
        let stays = |name: &str| self.field(&format!("ext/{app}/{name}"));
        let known = base.and_then(|base| base.ext.as_deref()).into_iter().flatten();
        let known: Vec<_> = known.filter(|(name, _)| stays(name)).collect();
        let has = now.ext.iter().flat_map(|ext| ext.keys()).any(|name| stays(name));
        if known.is_empty() && !has {
            return;
        }
        let mut ext = now.ext.take().unwrap_or_default();
        ext.retain(|name, _| !stays(name));
        ext.extend(known.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        now.ext = (!ext.is_empty()).then_some(ext);
    }
}

/// Whether a rule about one name covers another.
fn covers(rule: &str, name: &str) -> bool {
    let is_below = || name.strip_prefix(rule).is_some_and(|rest| rest.starts_with('/'));
    rule == name || (rule.starts_with("ext/") && is_below())
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_model::{Value, music};

    fn exclusion(targets: &[Target]) -> Exclusion {
        targets.iter().cloned().collect()
    }

    fn commented(comment: Option<&str>) -> Item {
        let mut item = Item::new("1");
        item.fields.set(&music::RATING, Value::Int(80));
        item.fields.set(&music::COMMENT, comment.map(Value::from));
        item
    }

    #[test]
    fn f43_a_rule_holds_from_its_first_second_until_before_its_last() {
        let term = Term { from: Some(10), until: Some(20) };
        let at = |second| term.holds(Now { earliest: second, latest: second });
        assert_eq!([9, 10, 19, 20].map(at), [false, true, true, false]);
        assert!(Term::default().holds(Now { earliest: 0, latest: 0 }));
        // Of two clocks the one counts that keeps it here.
        assert!(term.holds(Now { earliest: 9, latest: 10 }));
        assert!(term.holds(Now { earliest: 19, latest: 99 }));
    }

    #[test]
    fn f43_what_stays_reads_as_the_base_has_it() {
        let stays = exclusion(&[Target::Field("comment".into())]);
        let read = |base: Option<Item>, mut now: Item| {
            stays.mask(base.as_ref(), "app", &mut now);
            now
        };
        let (none, old, new) = (commented(None), commented(Some("old")), commented(Some("new")));
        assert_eq!(read(None, new.clone()), none);
        assert_eq!(read(Some(old.clone()), new.clone()), old);
        assert_eq!(read(Some(old.clone()), none.clone()), old, "clearing is an edit, too");
        assert_eq!(read(Some(none.clone()), new), none);
    }

    #[test]
    fn f43_what_an_app_holds_beyond_the_schema_can_stay() {
        let with = |words: &[(&str, &str)]| {
            let mut item = Item::new("1");
            let ext = words.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            item.ext = (!words.is_empty()).then(|| Box::new(ext.collect()));
            item
        };
        let read = |rule: &str, base: Option<Item>, mut now: Item| {
            exclusion(&[Target::Field(rule.into())]).mask(base.as_ref(), "app", &mut now);
            now
        };
        let now = with(&[("mood", "low"), ("tint", "red")]);
        assert_eq!(read("ext/app/mood", None, now.clone()), with(&[("tint", "red")]));
        assert_eq!(read("ext/app", None, now.clone()), with(&[]));
        assert_eq!(read("ext/other", None, now.clone()), now);
        assert_eq!(read("ext/ap", None, now.clone()), now);
        let base = with(&[("mood", "high")]);
        assert_eq!(
            read("ext/app/mood", Some(base), now),
            with(&[("mood", "high"), ("tint", "red")])
        );
    }

    #[test]
    fn f43_a_place_is_a_file_or_all_below_a_folder() {
        let stays = exclusion(&[Target::Place(Location::from("/m/diary"))]);
        let at = |path: &str| stays.item(None, Some(&Location::from(path)));
        assert!(at("/m/diary") && at("/m/diary/a/b.ogg"));
        assert!(!at("/m/diary2/a.ogg") && !at("/m") && !stays.item(None, None));
    }

    #[test]
    fn f43_an_item_stays_with_all_that_reads_as_one_with_it() {
        let (one, other) = (ItemId([1; 16]), ItemId([2; 16]));
        let stays = exclusion(&[Target::Item(one)]);
        assert!(stays.item(Some(one), None) && !stays.item(Some(other), None));
        let widened = stays.widened(&|_| vec![one, other]);
        assert!(widened.item(Some(one), None) && widened.item(Some(other), None));
    }

    #[test]
    fn f43_a_collection_stays_by_name_by_kind_or_by_both() {
        let rule = |name: Option<&str>, kind: Option<&str>| {
            let target =
                Target::Collection { name: name.map(Into::into), kind: kind.map(Into::into) };
            exclusion(&[target])
        };
        assert!(rule(Some("Diary"), None).collection_named("Diary", "folder"));
        assert!(!rule(Some("Diary"), None).collection_named("diary", "folder"));
        assert!(rule(None, Some("folder")).collection_named("Any", "folder"));
        assert!(!rule(Some("Diary"), Some("playlist")).collection_named("Diary", "folder"));
    }
}
