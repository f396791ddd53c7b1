//! The edits of a plan, one by one, with the names that a person knows.

use std::collections::HashMap;

use segue_model::{Collection, CollectionEdit, Item, NativeId, Value};
use segue_store::{Reader, StoreError};
use serde_json::Value as Json;

use crate::command::ShownEdit;
use crate::outlook;
use crate::pass::{Draft, Member, MemberDraft, Sight};
use crate::report::{self, json};

/// Asks for what the apps cannot hold.
pub(crate) const LOSSES: &str = "losses";

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
        let loss = |member: &Member, what: &str| ShownEdit {
            library: member.label.clone(),
            what: what.to_owned(),
            field: LOSSES.to_owned(),
            old: Json::Null,
            new: Json::Null,
        };
        let of = |member| move |what: &&str| loss(member, what);
        return Ok(members
            .iter()
            .flat_map(|member| member.capabilities.cannot_hold.iter().map(of(member)))
            .collect());
    }
    if what == WITHHELD {
        return withheld(store, draft, members);
    }
    for (member, draft) in members.iter().zip(&draft.members) {
        let titles = Titles::of(store, member, draft);
        let wanted = |name: &str| field == "all" || field == name;
        let mut own = Vec::new();
        for edit in draft.edits.fields.iter().filter(|edit| wanted(edit.field.name)) {
            own.push(ShownEdit {
                library: member.label.clone(),
                what: titles.item(&edit.item)?,
                field: edit.field.name.to_owned(),
                old: json(edit.old.as_ref()),
                new: json(edit.new.as_ref()),
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
    lists: HashMap<&'a NativeId, &'a Collection>,
}

impl<'a> Titles<'a> {
    pub(crate) fn of(store: &'a Reader, member: &'a Member, draft: &'a MemberDraft) -> Self {
        let read = draft.work.values().flatten().filter_map(|work| match &work.sight {
            Sight::New(item)
            | Sight::Changed(_, item)
            | Sight::Again(_, item)
            | Sight::Beside(_, item) => Some(item),
            Sight::Dropped(_) | Sight::Gone(_) => None,
        });
        let based = member.base_collections.iter().map(|base| &base.held);
        let lists = based.chain(draft.lists.iter().map(|list| &list.held));
        Self {
            store,
            member,
            read: read.map(|item| (&item.id, item)).collect(),
            lists: lists.map(|list| (&list.id, list)).collect(),
        }
    }

    pub(crate) fn item(&self, id: &NativeId) -> Result<String, StoreError> {
        if let Some(item) = self.read.get(id) {
            return Ok(title(item));
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
        Ok(ShownEdit { library, what, field: "playlist".into(), old, new })
    }

    fn items(&self, ids: &[NativeId]) -> Result<Json, StoreError> {
        ids.iter().map(|id| self.item(id).map(Json::from)).collect()
    }
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
