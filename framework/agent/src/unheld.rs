//! What libraries cannot hold: what a write said of it, remembered until it is otherwise.
//!
//! An edit that the library could not take is neither written nor contested. It is tried again when what stood in
//! the way is gone, when the document says another value, or when a person asks; not in each pass. The base says what
//! the library really has, so that the absence is no removal by its user.
//!
//! Whether an edit found something else, and is tried in the next pass, or could not be made although everything was
//! as expected, what was read after the write decides: no translator need say it.
//!
//! Invariant: what is remembered of a field is what the last write of it said.

use std::collections::{BTreeSet, HashMap, HashSet};

use segue_model::{
    Collection, CollectionEdit, CopyEdit, FieldEdit, Item, LinkId, ListingEdit, NativeId, Value,
};
use segue_store::{Reader, StoreError, Tx};
use segue_translator::{Library, Revision, Unable, Written};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::command::LossRow;
use crate::pass::{Member, MemberDraft};
use crate::reading::Difference;
use crate::report::json;
use crate::shown::{LIST, title};

/// So many are remembered of one library. More are told of when they are written, and tried in each pass.
const ROWS_MAX: usize = 10_000;

/// So many obstacles are asked about in one pass: to answer, a library may look at many of its files.
const ASKED_MAX: usize = 64;

/// A value that a library could not be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The item or collection, as the library calls it.
    item: String,
    shard: u8,
    field: String,
    /// The elements of a set that it lacks, or that some of its copies lack; none if nothing of the edit was made.
    lacks: Vec<Box<str>>,
    /// What it was asked to hold.
    asked: Json,
    title: String,
    why: String,
    /// What stands in the way, if the library says so. Else it is whatever it is at this revision.
    obstacle: Option<String>,
    revision: String,
    operation: i64,
    #[serde(skip)]
    is_gone: bool,
}

/// What one library could not be given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unheld(Vec<Row>);

/// What is to be done about an item of which something could not be given.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Fields of which nothing is to be remembered any more.
    pub(crate) over: Vec<(NativeId, String)>,
    /// What its copies are to have.
    pub(crate) copies: Vec<CopyEdit>,
    /// Whether it still lacks anything.
    pub(crate) is_any: bool,
}

/// What became of the edits of a write that were not made.
#[derive(Debug, Default)]
pub(crate) struct Unmade {
    rows: Vec<Row>,
    /// How many the library cannot hold, wholly or in part.
    pub(crate) refused: u64,
    /// How many found something else than they expected.
    pub(crate) meanwhile: u64,
    /// Which edits of fields these are together.
    fields: HashSet<(NativeId, &'static str)>,
}

fn key(link: LinkId) -> String {
    format!("unheld {link}")
}

pub(crate) fn name(id: &NativeId) -> String {
    id.as_bytes().escape_ascii().to_string()
}

fn elements(value: Option<&Value>) -> BTreeSet<&str> {
    value.and_then(Value::as_list).unwrap_or_default().iter().map(|one| &**one).collect()
}

impl Row {
    fn is_of(&self, item: &str, field: &str) -> bool {
        self.item == item && self.field == field
    }

    /// Whether an edit asks for what could not be given.
    fn is_asked_by(&self, edit: &FieldEdit) -> bool {
        if self.lacks.is_empty() {
            return self.asked == json(edit.new.as_ref());
        }
        let new = elements(edit.new.as_ref());
        self.lacks.iter().any(|one| new.contains(&**one))
    }

    /// Whether an edit asks for nothing else.
    fn is_all_of(&self, edit: &FieldEdit) -> bool {
        let (old, new) = (elements(edit.old.as_ref()), elements(edit.new.as_ref()));
        let lacks = |one: &&&str| self.lacks.iter().any(|lack| **lack == ***one);
        self.lacks.is_empty() || new.iter().filter(|one| !lacks(one)).eq(old.iter())
    }

    /// Whether the item has it all the same, because others of its copies do.
    fn is_held_by(&self, item: &Item) -> Option<&'static segue_model::Field> {
        let (field, value) = item.fields.iter().find(|(field, _)| field.name == self.field)?;
        let held = elements(Some(value));
        let all = self.lacks.iter().all(|one| held.contains(&**one));
        (all && !self.lacks.is_empty()).then_some(field)
    }

    fn told(&self) -> LossRow {
        let all = || self.lacks.iter().map(|one| Json::from(&**one)).collect();
        LossRow {
            item: self.title.clone(),
            field: Some(self.field.clone()),
            value: if self.lacks.is_empty() { self.asked.clone() } else { all() },
            why: self.why.clone(),
            operation: Some(self.operation),
        }
    }
}

impl Unheld {
    /// What is remembered of a link.
    pub(crate) fn of(reader: &Reader, link: LinkId) -> Result<Self, StoreError> {
        let text = reader.setting(&key(link))?;
        let rows = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Self(rows.unwrap_or_default()))
    }

    /// Finds out what no longer stands in the way. When that cannot be told, it does; as it does while nothing
    /// changed in the library, and for an item that cannot be read.
    pub(crate) fn ask(&mut self, library: &dyn Library, now: &Revision, lost: &HashSet<String>) {
        let is_due = |row: &Row| row.revision != now.0 && !lost.contains(&row.item);
        let due = self.0.iter().filter(|row| is_due(row));
        let all: BTreeSet<String> = due.filter_map(|row| row.obstacle.clone()).collect();
        // Of very many each has its turn.
        let start =
            now.0.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31) + usize::from(byte));
        let start = start.checked_rem(all.len()).unwrap_or(0);
        let turn = all.iter().cycle().skip(start).take(all.len().min(ASKED_MAX));
        let asked = turn.map(|one| (one.clone(), matches!(library.stands(one), Ok(false))));
        let asked: HashMap<String, bool> = asked.collect();
        for row in self.0.iter_mut().filter(|row| row.revision != now.0) {
            let is_gone = match &row.obstacle {
                _ if lost.contains(&row.item) => Some(false),
                None => Some(true),
                Some(obstacle) => asked.get(obstacle).copied(),
            };
            row.is_gone = is_gone == Some(true);
            if is_gone == Some(false) {
                now.0.clone_into(&mut row.revision);
            }
        }
    }

    /// Whether anything of a shard is to be tried again.
    pub(crate) fn tries(&self, shard: u8, confirmed: bool) -> bool {
        self.0.iter().any(|row| row.shard == shard && (confirmed || row.is_gone))
    }

    /// Takes those edits of an item back that are known to be in vain, and asks once more for what its copies may
    /// have by now.
    pub(crate) fn judge(&self, item: &Item, made: &mut Vec<FieldEdit>, confirmed: bool) -> Verdict {
        let mut verdict = Verdict::default();
        if self.0.is_empty() {
            return verdict;
        }
        let mut in_vain = BTreeSet::new();
        let id = name(&item.id);
        let rows: Vec<&Row> = self.0.iter().filter(|row| row.item == id).collect();
        for row in &rows {
            let mut same = rows.iter().filter(|other| other.field == row.field);
            let tries = confirmed || same.any(|other| other.is_gone);
            let place = made.iter().position(|edit| edit.field.name == row.field);
            match (place, row.is_held_by(item)) {
                (Some(place), _) if row.is_asked_by(&made[place]) => {
                    if !tries && row.is_all_of(&made[place]) {
                        made.remove(place);
                        in_vain.insert(&*row.field);
                    }
                    verdict.is_any = true;
                }
                (None, Some(field)) => {
                    verdict.is_any = true;
                    if tries {
                        let (item, elements) = (item.id.clone(), row.lacks.clone());
                        verdict.copies.push(CopyEdit { item, field, elements });
                    }
                }
                (None, None) if in_vain.contains(&*row.field) => {}
                _ => verdict.over.push((item.id.clone(), row.field.clone())),
            }
        }
        verdict
    }

    /// Everything that could not be given, in the order of titles.
    pub(crate) fn told(&self) -> Vec<LossRow> {
        let mut told: Vec<LossRow> = self.0.iter().map(Row::told).collect();
        told.sort_by(|a, b| (&a.item, &a.field, &a.why).cmp(&(&b.item, &b.field, &b.why)));
        told
    }

    fn put(&self, tx: &Tx<'_>, link: LinkId) -> Result<(), StoreError> {
        if self.0.is_empty() {
            return tx.remove_setting(&key(link));
        }
        let text = serde_json::to_string(&self.0).unwrap_or_default();
        tx.put_setting(&key(link), &text)
    }
}

/// Forgets what nobody asks for any more, when a draft is kept.
pub(crate) fn forget(tx: &Tx<'_>, member: &Member, plan: &MemberDraft) -> Result<(), StoreError> {
    let link = member.row.id;
    if member.unheld.0.is_empty() {
        return Ok(());
    }
    let mut unheld = member.unheld.clone();
    let over: HashSet<(String, &str)> =
        plan.no_longer_asked.iter().map(|(item, field)| (name(item), &**field)).collect();
    let lists = plan.edits.collections.is_empty();
    let is_over = |row: &Row| over.contains(&(row.item.clone(), &*row.field));
    unheld.0.retain(|row| if row.field == LIST { !lists } else { !is_over(row) });
    unheld.0.iter_mut().for_each(|row| row.is_gone = false);
    if unheld == Unheld::of(tx, link)? { Ok(()) } else { unheld.put(tx, link) }
}

impl Unmade {
    /// Judges a write by what was read after it.
    pub(crate) fn of(
        reader: &Reader,
        member: &Member,
        plan: &MemberDraft,
        written: &Written,
        difference: &Difference,
        operation: i64,
    ) -> Result<Self, StoreError> {
        let mut unmade = Self::default();
        if written.refused.is_empty() && written.unable.is_empty() {
            return Ok(unmade);
        }
        let after = After::of(reader, member, written, difference);
        let copies: Vec<FieldEdit> = plan.edits.copies.iter().map(as_edit).collect();
        for edit in plan.edits.fields.iter().chain(&copies) {
            let before = unmade.refused + unmade.meanwhile;
            unmade.field(&after, edit, operation)?;
            if unmade.refused + unmade.meanwhile > before {
                unmade.fields.insert((edit.item.clone(), edit.field.name));
            }
        }
        for edit in &plan.edits.collections {
            unmade.list(&after, edit, operation);
        }
        let listing = plan.edits.listing.iter().map(ListingEdit::item);
        unmade.meanwhile += listing.filter(|item| after.refused.contains_key(item)).count() as u64;
        Ok(unmade)
    }

    fn field(
        &mut self,
        after: &After<'_>,
        edit: &FieldEdit,
        operation: i64,
    ) -> Result<(), StoreError> {
        let unable = || after.unable.iter().filter(|one| is_about(one, edit));
        let row = |title: String| Row {
            item: name(&edit.item),
            shard: 0,
            field: edit.field.name.to_owned(),
            lacks: Vec::new(),
            asked: json(edit.new.as_ref()),
            title,
            why: String::new(),
            obstacle: None,
            revision: after.revision.clone(),
            operation,
            is_gone: false,
        };
        let why = after.refused.get(&edit.item);
        if unable().next().is_none() && why.is_none() {
            return Ok(());
        }
        let (now, shard) = after.item(&edit.item)?;
        let title = now.as_ref().map_or_else(|| edit.item.to_string(), title);
        let row = Row { shard, ..row(title) };
        if unable().next().is_some() {
            self.refused += 1;
            self.rows.extend(unable().map(|one| Row {
                lacks: one.lacks.clone(),
                why: one.reason.clone(),
                obstacle: Some(one.obstacle.clone()).filter(|obstacle| !obstacle.is_empty()),
                ..row.clone()
            }));
            return Ok(());
        }
        let mut held = now.as_ref().and_then(|now| now.fields.value(edit.field)).cloned();
        after.difference.without_kept(&edit.item, edit.field, &mut held);
        let support = after.member.capabilities.field(edit.field);
        let asked = support.and_then(|support| support.hold(edit.new.as_ref()?));
        match why {
            // It was another edit of the item that was refused.
            Some(_) if now.is_some() && held == asked => {}
            Some(why) if now.is_some() && held == edit.old && after.is_alone => {
                self.refused += 1;
                self.rows.push(Row { why: (*why).to_owned(), ..row });
            }
            _ => self.meanwhile += 1,
        }
        Ok(())
    }

    fn list(&mut self, after: &After<'_>, edit: &CollectionEdit, operation: i64) {
        let (id, shown) = match edit {
            CollectionEdit::Create { name, .. } => (NativeId::from(&**name), name.to_string()),
            CollectionEdit::Rename { id, old, .. } => (id.clone(), old.to_string()),
            CollectionEdit::Reorder { id, .. } | CollectionEdit::Remove { id, .. } => (
                id.clone(),
                after.list(id).map_or_else(|| id.to_string(), |now| now.name.to_string()),
            ),
        };
        let Some(why) = after.refused.get(&id) else { return };
        let now = after.list(&id);
        let is_as_before = match edit {
            CollectionEdit::Create { .. } => now.is_none(),
            CollectionEdit::Rename { old, .. } => now.is_some_and(|now| now.name == *old),
            CollectionEdit::Reorder { old, .. } | CollectionEdit::Remove { old, .. } => {
                now.is_some_and(|now| now.entries == *old)
            }
        };
        if !is_as_before || !after.is_alone {
            self.meanwhile += 1;
            return;
        }
        self.refused += 1;
        self.rows.push(Row {
            item: name(&id),
            shard: segue_document::COLLECTION_SHARD,
            field: LIST.to_owned(),
            lacks: Vec::new(),
            asked: Json::Null,
            title: shown,
            why: (*why).to_owned(),
            obstacle: None,
            revision: after.revision.clone(),
            operation,
            is_gone: false,
        });
    }

    /// Whether an edit was refused for good, which is no fight with another program.
    pub(crate) fn is_for_good(&self, edit: &FieldEdit) -> bool {
        !self.rows.is_empty()
            && self.rows.iter().any(|row| row.is_of(&name(&edit.item), edit.field.name))
    }

    /// How many edits were made.
    pub(crate) fn made(&self, plan: &MemberDraft) -> u64 {
        (plan.edits.len() as u64).saturating_sub(self.refused + self.meanwhile)
    }

    /// How many of them that were of each field.
    pub(crate) fn counts(&self, member: &Member, plan: &MemberDraft) -> Vec<(String, u64)> {
        let schema = member.capabilities.schema;
        if self.fields.is_empty() {
            return crate::report::counts(schema, &plan.edits);
        }
        let mut edits = plan.edits.clone();
        edits.fields.retain(|edit| !self.fields.contains(&(edit.item.clone(), edit.field.name)));
        crate::report::counts(schema, &edits)
    }

    /// Remembers what could not be given, instead of what was remembered of these edits.
    pub(crate) fn keep(
        &self,
        tx: &Tx<'_>,
        member: &Member,
        plan: &MemberDraft,
        before: &str,
        now: &str,
    ) -> Result<(), StoreError> {
        let link = member.row.id;
        let mut unheld = Unheld::of(tx, link)?;
        if unheld.0.is_empty() && self.rows.is_empty() {
            return Ok(());
        }
        let fields = plan.edits.fields.iter().map(|edit| (name(&edit.item), edit.field.name));
        let copies = plan.edits.copies.iter().map(|edit| (name(&edit.item), edit.field.name));
        let edited: HashSet<(String, &str)> = fields.chain(copies).collect();
        unheld
            .0
            .retain(|row| row.field != LIST && !edited.contains(&(row.item.clone(), &*row.field)));
        for row in unheld.0.iter_mut().filter(|row| row.revision == before) {
            // What we wrote ourselves is no reason to try again.
            now.clone_into(&mut row.revision);
        }
        unheld.0.extend_from_slice(&self.rows);
        unheld.0.truncate(ROWS_MAX);
        unheld.put(tx, link)
    }
}

/// A library after a write.
struct After<'a> {
    reader: &'a Reader,
    member: &'a Member,
    unable: &'a [Unable],
    /// Why items and collections were refused.
    refused: HashMap<&'a NativeId, &'a str>,
    changed: HashMap<&'a NativeId, &'a Item>,
    vanished: HashSet<&'a NativeId>,
    difference: &'a Difference,
    revision: String,
    /// Nobody else wrote since.
    is_alone: bool,
}

impl<'a> After<'a> {
    fn of(
        reader: &'a Reader,
        member: &'a Member,
        written: &'a Written,
        difference: &'a Difference,
    ) -> Self {
        Self {
            reader,
            member,
            unable: &written.unable,
            refused: written.refused.iter().map(|one| (&one.id, &*one.reason)).collect(),
            changed: difference.changed.iter().map(|(_, now)| (&now.id, now)).collect(),
            vanished: difference.vanished.iter().map(|base| &base.held.id).collect(),
            difference,
            revision: difference.reading.revision.0.clone(),
            is_alone: difference.reading.revision == written.revision,
        }
    }

    /// An item as the library has it now, and its shard.
    fn item(&self, id: &NativeId) -> Result<(Option<Item>, u8), StoreError> {
        let schema = self.member.capabilities.schema;
        let base = self.reader.base_item(self.member.row.id, id, schema)?;
        let shard = base.as_ref().map_or(0, |base| segue_document::shard_of(&base.item.0));
        let now = self.changed.get(id).map(|now| (*now).clone());
        let base = base.filter(|_| !self.vanished.contains(id)).map(|base| base.held);
        Ok((now.or(base), shard))
    }

    fn list(&self, id: &NativeId) -> Option<&Collection> {
        self.difference.collections.iter().find(|list| list.id == *id)
    }
}

/// A copy's edit as one of the item, which asks for what the item has.
fn as_edit(edit: &CopyEdit) -> FieldEdit {
    let new = Some(Value::list(edit.elements.iter().cloned()));
    FieldEdit { item: edit.item.clone(), field: edit.field, old: new.clone(), new }
}

fn is_about(unable: &Unable, edit: &FieldEdit) -> bool {
    unable.id == edit.item && unable.field == edit.field
}

/// What of an edit the library said it could take.
pub(crate) fn taken(written: &Written, edit: &FieldEdit) -> Option<Value> {
    let mut new = edit.new.clone();
    for unable in written.unable.iter().filter(|one| is_about(one, edit)) {
        if unable.lacks.is_empty() {
            return edit.old.clone();
        }
        let old = elements(edit.old.as_ref());
        let could =
            |one: &&str| old.contains(one) || unable.lacks.iter().all(|lack| &**lack != *one);
        let left: Vec<&str> = elements(new.as_ref()).into_iter().filter(could).collect();
        let left = (!left.is_empty()).then(|| Value::list(left));
        new = left;
    }
    new
}
