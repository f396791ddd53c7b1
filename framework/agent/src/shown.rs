//! The edits of a plan, one by one, with the names that a person knows.

use std::collections::{HashMap, HashSet};

use segue_model::{Collection, CollectionEdit, Item, ListingEdit, NativeId, Value};
use segue_store::{Reader, StoreError};
use serde_json::Value as Json;

use crate::command::ShownEdit;
use crate::outlook;
use crate::pass::{Draft, Member, MemberDraft, Sight};
use crate::report::{self, json};

/// Asks for what the apps cannot hold.
pub(crate) const LOSSES: &str = "losses";

/// What an edit of a collection is said to be of.
pub(crate) const LIST: &str = "playlist";

/// Asks for what licences withhold, and what they allow for less than a week.
pub(crate) const WITHHELD: &str = "withheld";

/// The edits of a plan, sorted by library, name and field. `what` is `ratings`, `plays`,
/// `playlists`, `all` or a field; or [`LOSSES`] or [`WITHHELD`].
pub(crate) fn edits(
    store: &Reader,
    draft: &Draft,
    members: &[Member],
    what: &str,
) -> Result<Vec<ShownEdit>, StoreError> {
    let field = match what {
        "ratings" => "rating",
        "plays" => "play_count",
        other => other,
    };
    let mut out = Vec::new();
    if what == LOSSES {
        return losses(store, members);
    }
    if what == WITHHELD {
        return withheld(store, draft, members);
    }
    for (member, draft) in members.iter().zip(&draft.members) {
        let titles = Titles::of(store, member, draft)?;
        let wanted = |name: &str| field == "all" || field == name;
        let mut own = Vec::new();
        for edit in draft.edits.fields.iter().filter(|edit| wanted(edit.field.name)) {
            own.push(ShownEdit {
                library: member.label.clone(),
                what: titles.item(&edit.item)?,
                field: edit.field.name.to_owned(),
                old: json(edit.old.as_ref()),
                new: json(edit.new.as_ref()),
                why: None,
            });
        }
        if wanted("playlists") {
            for edit in &draft.edits.collections {
                own.push(titles.list(edit)?);
            }
        }
        own.sort_by(|a, b| (&a.what, &a.field).cmp(&(&b.what, &b.field)));
        out.extend(own);
    }
    Ok(out)
}

/// What the apps cannot hold, what of that was found, and what of them cannot be carried.
fn losses(store: &Reader, members: &[Member]) -> Result<Vec<ShownEdit>, StoreError> {
    let mut out = Vec::new();
    for member in members {
        let of = |what: String, field: &str, new: Json, why: Option<String>| ShownEdit {
            library: member.label.clone(),
            what,
            field: field.to_owned(),
            old: Json::Null,
            new,
            why,
        };
        let declared = member.capabilities.cannot_hold.iter();
        out.extend(declared.map(|what| of((*what).into(), LOSSES, Json::Null, None)));
        let lost = crate::losses::of_member(store, member, None)?;
        for one in lost.refused.first {
            let field = one.field.unwrap_or_default();
            out.push(of(one.item, &field, one.value, Some(one.why)));
        }
        for one in lost.losses.first {
            out.push(of(one.item, LOSSES, Json::Null, Some(one.why)));
        }
        out.extend(lost.unseen.map(|what| of(what, LOSSES, Json::Null, None)));
    }
    Ok(out)
}

fn withheld(
    store: &Reader,
    draft: &Draft,
    members: &[Member],
) -> Result<Vec<ShownEdit>, StoreError> {
    let mut out = Vec::new();
    for (member, plan) in members.iter().zip(&draft.members) {
        let (withheld, ending) = outlook::of(store, member, plan, &draft.limited)?;
        out.extend(withheld.into_iter().chain(ending).map(|one| ShownEdit {
            library: member.label.clone(),
            what: one.title,
            field: WITHHELD.to_owned(),
            old: Json::Null,
            new: Json::from(one.words),
            why: None,
        }));
    }
    Ok(out)
}

/// What the items and playlists of one library are called.
pub(crate) struct Titles<'a> {
    store: &'a Reader,
    member: &'a Member,
    /// Items that were read just now; the others are in the base.
    read: HashMap<&'a NativeId, &'a Item>,
    /// Of those that are parked, the titles of what is edited.
    parked: HashMap<&'a NativeId, String>,
    lists: HashMap<&'a NativeId, &'a Collection>,
}

impl<'a> Titles<'a> {
    pub(crate) fn of(
        store: &'a Reader,
        member: &'a Member,
        draft: &'a MemberDraft,
    ) -> Result<Self, StoreError> {
        let read = draft.work.values().flatten().filter_map(|work| match &work.sight {
            Sight::New(item)
            | Sight::Changed(_, item)
            | Sight::Again(_, item)
            | Sight::Beside(_, item) => Some(item),
            Sight::Dropped(_) | Sight::Gone(_) => None,
        });
        let based = member.base_collections.iter().map(|base| &base.held);
        let lists = based.chain(draft.lists.iter().map(|list| &list.held));
        Ok(Self {
            store,
            member,
            read: read.map(|item| (&item.id, item)).collect(),
            parked: parked(draft)?,
            lists: lists.map(|list| (&list.id, list)).collect(),
        })
    }

    pub(crate) fn item(&self, id: &NativeId) -> Result<String, StoreError> {
        if let Some(item) = self.read.get(id) {
            return Ok(title(item));
        }
        if let Some(title) = self.parked.get(id) {
            return Ok(title.clone());
        }
        let schema = self.member.capabilities.schema;
        let base = self.store.base_item(self.member.row.id, id, schema)?;
        Ok(base.map_or_else(|| id.to_string(), |base| title(&base.held)))
    }

    fn list(&self, edit: &CollectionEdit) -> Result<ShownEdit, StoreError> {
        let name = |id: &NativeId| {
            self.lists.get(id).map_or_else(|| id.to_string(), |list| list.name.to_string())
        };
        let (what, old, new) = match edit {
            CollectionEdit::Create { name, entries, .. } => {
                (name.to_string(), Json::Null, self.items(entries)?)
            }
            CollectionEdit::Rename { old, new, .. } => {
                (old.to_string(), Json::from(&**old), Json::from(&**new))
            }
            CollectionEdit::Reorder { id, old, new } => {
                (name(id), self.items(old)?, self.items(new)?)
            }
            CollectionEdit::Remove { id, old } => (name(id), self.items(old)?, Json::Null),
        };
        let library = self.member.label.clone();
        Ok(ShownEdit { library, what, field: LIST.into(), old, new, why: None })
    }

    fn items(&self, ids: &[NativeId]) -> Result<Json, StoreError> {
        ids.iter().map(|id| self.item(id).map(Json::from)).collect()
    }
}

/// The titles of parked items that are edited.
fn parked(draft: &MemberDraft) -> Result<HashMap<&NativeId, String>, StoreError> {
    let listed = draft.edits.listing.iter().map(ListingEdit::item);
    let edited: HashSet<&NativeId> =
        draft.edits.fields.iter().map(|edit| &edit.item).chain(listed).collect();
    let mut titles = HashMap::new();
    let Some(parked) = draft.parked.as_ref().filter(|_| !edited.is_empty()) else {
        return Ok(titles);
    };
    parked.each(|row, _| {
        if let Some(id) = edited.get(&NativeId::new(row.native)) {
            titles.insert(*id, title(&parked.item(row)?));
        }
        Ok(())
    })?;
    Ok(titles)
}

/// Title and artist or authors, else the file's name, else the library's own id.
pub(crate) fn title(item: &Item) -> String {
    let text = |name: &str| {
        let (_, value) = item.fields.iter().find(|(field, _)| field.name == name)?;
        match value {
            Value::Text(text) => Some(text.to_string()),
            Value::List(texts) => Some(texts.join(", ")),
            _ => None,
        }
    };
    match (report::headline(text), &item.location) {
        (Some(title), _) => title,
        (None, Some(location)) => {
            let path = location.to_string();
            path.rsplit('/').next().unwrap_or(&path).to_owned()
        }
        (None, None) => item.id.to_string(),
    }
}
