//! What edits must lead to, and whether proposed files hold exactly that.
//!
//! Pure. It judges values, not bytes: what a format does not model is for the law `unmodelled`.

use std::collections::HashMap;

use segue_model::{
    Catalog, ChangeSet, Collection, CollectionEdit, CollectionKind, Field, FieldEdit, NativeId,
    Value,
};

use crate::{Access, Capabilities, CollectionSupport, Refusal, Written};

/// Edits that a library at hand can take, and what it must hold afterwards.
#[derive(Debug)]
pub(crate) struct Proposal<'a> {
    capabilities: &'a Capabilities,
    old: Catalog,
    expected: Catalog,
    /// What the format is asked to do: each edit makes a difference, and brings what is held.
    pub(crate) asked: ChangeSet,
    /// Names of collections that are to be made.
    made: Vec<(&'static CollectionKind, Box<str>)>,
    /// What it need not be asked: the library holds something else than was expected.
    pub(crate) refused: Vec<Refusal>,
}

impl<'a> Proposal<'a> {
    pub(crate) fn new(capabilities: &'a Capabilities, old: Catalog, changes: &ChangeSet) -> Self {
        let (expected, asked, refused) = (old.clone(), ChangeSet::default(), Vec::new());
        let made = Vec::new();
        let mut proposal = Self { capabilities, old, expected, asked, made, refused };
        proposal.refused.extend(Refusal::of_listing(changes));
        for edit in &changes.fields {
            if let Err(reason) = proposal.field(edit) {
                let id = edit.item.clone();
                proposal.refused.push(Refusal { id, reason: reason.to_owned() });
            }
        }
        for edit in &changes.collections {
            if let Err(reason) = proposal.collection(edit) {
                let id = concerned(edit);
                proposal.refused.push(Refusal { id, reason: reason.to_owned() });
            }
        }
        proposal
    }

    fn field(&mut self, edit: &FieldEdit) -> Result<(), &'static str> {
        let support = self.capabilities.field(edit.field);
        let support = support.filter(|support| support.access == Access::Write);
        let support = support.ok_or("the app does not let this field be written")?;
        let index = self.expected.items.binary_search_by(|item| item.id.cmp(&edit.item));
        let item = &mut self.expected.items[index.map_err(|_| "there is no such item")?];
        if item.fields.value(edit.field) != edit.old.as_ref() {
            return Err("the app holds another value than was expected");
        }
        if edit.new.as_ref().is_some_and(|new| !edit.field.shape.admits(new)) {
            return Err("the field cannot have this value");
        }
        let new = edit.new.as_ref().and_then(|new| support.hold(new));
        if new != edit.old {
            item.fields.set(edit.field, new.clone());
            self.asked.fields.push(FieldEdit { new, ..edit.clone() });
        }
        Ok(())
    }

    fn support(
        &self,
        kind: &'static CollectionKind,
    ) -> Result<&'static CollectionSupport, &'static str> {
        let support = self.capabilities.collection(kind);
        let support = support.filter(|support| support.access == Access::Write);
        support.ok_or("the app does not let such a collection be written")
    }

    /// Whether a collection can have this name now.
    fn name(&self, support: &CollectionSupport, name: &str) -> Result<(), &'static str> {
        if !support.holds_name(name) {
            return Err("the app cannot give this name");
        }
        let all = self.expected.collections.iter().map(|one| (one.kind, &one.name));
        let mut all = all.chain(self.made.iter().map(|(kind, name)| (*kind, name)));
        if support.is_unique() && all.any(|(kind, held)| kind == support.kind && **held == *name) {
            return Err("another has this name, and the app gives each once");
        }
        Ok(())
    }

    /// Whether a list can have these entries: each is an item of the library.
    fn entries(&self, entries: &[NativeId]) -> Result<(), &'static str> {
        let is_item =
            |id: &NativeId| self.old.items.binary_search_by(|item| item.id.cmp(id)).is_ok();
        let all = entries.iter().all(is_item);
        if all { Ok(()) } else { Err("an entry is no item of the library") }
    }

    fn collection(&mut self, edit: &CollectionEdit) -> Result<(), &'static str> {
        let all = &self.expected.collections;
        let find = |id: &NativeId| all.iter().position(|one| one.id == *id);
        let mut asked = edit.clone();
        match &mut asked {
            CollectionEdit::Create { kind, name, entries, .. } => {
                let support = self.support(kind)?;
                self.name(support, name)?;
                self.entries(entries)?;
                *entries = support.hold(entries);
                self.made.push((kind, name.clone()));
            }
            CollectionEdit::Rename { id, old, new } => {
                let one = find(id).ok_or("there is no such collection")?;
                let support = self.support(all[one].kind)?;
                if all[one].name != *old {
                    return Err("the app holds another name than was expected");
                }
                if old == new {
                    return Ok(());
                }
                self.name(support, new)?;
                self.expected.collections[one].name.clone_from(new);
            }
            CollectionEdit::Reorder { id, old, new } => {
                let one = find(id).ok_or("there is no such collection")?;
                *new = self.support(all[one].kind)?.hold(new);
                if all[one].entries != *old {
                    return Err("the app holds other entries than were expected");
                }
                if old == new {
                    return Ok(());
                }
                self.entries(new)?;
                self.expected.collections[one].entries.clone_from(new);
            }
            CollectionEdit::Remove { id, old } => {
                let one = find(id).ok_or("there is no such collection")?;
                self.support(all[one].kind)?;
                if all[one].entries != *old {
                    return Err("the app holds other entries than were expected");
                }
                self.expected.collections.remove(one);
            }
        }
        self.asked.collections.push(asked);
        Ok(())
    }

    /// Whether this is the library as it was.
    pub(crate) fn is_old(&self, new: &Catalog) -> bool {
        self.old == *new
    }

    /// Whether `new`, which the format made, is what the edits lead to. An edit that the format
    /// refused must have changed nothing.
    ///
    /// # Errors
    /// What is otherwise, in words.
    pub(crate) fn check(mut self, new: &Catalog, written: &Written) -> Result<(), String> {
        for refusal in &written.refused {
            self.as_it_was(&refusal.id, new);
        }
        self.follow_names(new);
        // A new collection is what the app made of it; the read-back tells the engine.
        for id in &written.created {
            let made = new.collection(id).filter(|made| self.is_free(made));
            let made = made.ok_or_else(|| format!("`{id}` was to be made and is not there"))?;
            self.expected.collections.push(made.clone());
        }
        self.follow_places(new);
        self.expected.collections.sort_by(|a, b| a.id.cmp(&b.id));
        difference(&self.expected, new).map_or(Ok(()), Err)
    }

    /// Whether no collection but a new one can have this id. Where each name is given once, the id of one
    /// that was renamed or removed may be given again, with its name.
    fn is_free(&self, made: &Collection) -> bool {
        let support = self.capabilities.collection(made.kind);
        let before = if support.is_some_and(CollectionSupport::is_unique) {
            &self.expected.collections
        } else {
            &self.old.collections
        };
        before.iter().all(|one| one.id != made.id)
    }

    /// Where each name is given once, who was renamed may have another id: its name says who it is.
    fn follow_names(&mut self, new: &Catalog) {
        let mut ids: HashMap<NativeId, NativeId> = HashMap::new();
        for edit in &self.asked.collections {
            let CollectionEdit::Rename { id, .. } = edit else { continue };
            let mut all = self.expected.collections.iter();
            let Some(one) = all.find(|one| one.id == *id) else { continue };
            let is_unique =
                self.capabilities.collection(one.kind).is_some_and(CollectionSupport::is_unique);
            let is_it = |other: &&Collection| other.kind == one.kind && other.name == one.name;
            if let Some(found) = new.collections.iter().find(is_it).filter(|_| is_unique) {
                ids.insert(id.clone(), found.id.clone());
            }
        }
        for one in &mut self.expected.collections {
            for id in std::iter::once(&mut one.id).chain(&mut one.parent) {
                if let Some(now) = ids.get(id) {
                    id.clone_from(now);
                }
            }
        }
    }

    /// A place comes with the first item that was to be put there, and may go with the last that was to be
    /// taken out.
    fn follow_places(&mut self, new: &Catalog) {
        let asked = &self.asked.fields;
        let is_new =
            |one: &Collection| asked.iter().any(|edit| is_in(one, edit.field, edit.new.as_ref()));
        let is_old =
            |one: &Collection| asked.iter().any(|edit| is_in(one, edit.field, edit.old.as_ref()));
        let is_filled = |one: &Collection| {
            let mut fields = new.items.iter().flat_map(|item| item.fields.iter());
            fields.any(|(field, value)| is_in(one, field, Some(value)))
        };
        let mut made: Vec<Collection> = Vec::new();
        for one in new.collections.iter().filter(|one| is_new(one) && is_filled(one)) {
            let mut all = self.expected.collections.iter().chain(&made);
            let is_named = all.any(|other| other.kind == one.kind && other.name == one.name);
            if !is_named {
                made.push(one.clone());
            }
        }
        let stays =
            |one: &Collection| new.collection(&one.id).is_some() || !is_old(one) || is_filled(one);
        self.expected.collections.retain(stays);
        self.expected.collections.extend(made);
    }

    /// Of an item or collection with a refused edit, every value may still be the old one.
    fn as_it_was(&mut self, id: &NativeId, new: &Catalog) {
        let asked = self.asked.fields.iter().filter(|edit| edit.item == *id);
        for edit in asked {
            let found: Option<&Value> = new.item(id).and_then(|item| item.fields.value(edit.field));
            let index = self.expected.items.binary_search_by(|item| item.id.cmp(id));
            if let (Ok(index), true) = (index, found == edit.old.as_ref()) {
                self.expected.items[index].fields.set(edit.field, edit.old.clone());
            }
        }
        if let (Some(old), Some(found)) = (self.old.collection(id), new.collection(id)) {
            self.expected.collections.retain(|one| one.id != *id);
            // Its name and its entries are two edits, of which one may have been made.
            let is_known = found.name == old.name || found.entries == old.entries;
            self.expected.collections.push(if is_known { found.clone() } else { old.clone() });
        }
    }
}

/// Whether a value of this field says that an item lies in this place.
fn is_in(place: &Collection, field: &Field, value: Option<&Value>) -> bool {
    let names = value.and_then(Value::as_list).unwrap_or_default();
    place.kind.named_in == Some(field) && names.contains(&place.name)
}

fn concerned(edit: &CollectionEdit) -> NativeId {
    match edit {
        CollectionEdit::Create { name, .. } => NativeId::from(&**name),
        CollectionEdit::Rename { id, .. }
        | CollectionEdit::Reorder { id, .. }
        | CollectionEdit::Remove { id, .. } => id.clone(),
    }
}

fn difference(expected: &Catalog, found: &Catalog) -> Option<String> {
    let (old, new) = (expected.items.len(), found.items.len());
    if old != new {
        return Some(format!("{old} items would be {new}"));
    }
    let mut items = expected.items.iter().zip(&found.items);
    if let Some((one, other)) = items.find(|(one, other)| one != other) {
        if one.id != other.id {
            return Some(format!("`{}` would be `{}`", one.id, other.id));
        }
        let mut fields = one.fields.iter().chain(other.fields.iter()).map(|(field, _)| field);
        let field = fields.find(|field| one.fields.value(field) != other.fields.value(field));
        let name = field.map_or("its place", |field| field.name);
        return Some(format!("`{name}` of `{}` would not be what it should", one.id));
    }
    let (old, new) = (expected.collections.len(), found.collections.len());
    if old != new {
        return Some(format!("{old} collections would be {new}"));
    }
    let mut collections = expected.collections.iter().zip(&found.collections);
    let (one, _) = collections.find(|(one, other)| one != other)?;
    Some(format!("the collection `{}` would not be what it should", one.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Names;
    use segue_model::mail::{FOLDER, FOLDERS, MAIL};
    use segue_model::music::{MUSIC, PLAYLIST};

    /// Lists that go by their names, or by ids of their own.
    fn app(names: Names) -> &'static Capabilities {
        let list =
            CollectionSupport { kind: &PLAYLIST, access: Access::Write, repeats: true, names };
        let collections: &'static [CollectionSupport] = Box::leak(Box::new([list]));
        Box::leak(Box::new(Capabilities { collections, ..Capabilities::of("lists", &MUSIC, &[]) }))
    }

    const ONCE: Names = Names::Unique { without: "", except: &[], bytes_max: 255 };

    fn lists(lists: &[(&str, &str)]) -> Catalog {
        let list = |(id, name): &(&str, &str)| Collection {
            id: NativeId::from(*id),
            kind: &PLAYLIST,
            name: (*name).into(),
            parent: None,
            entries: Vec::new(),
            rule: None,
        };
        Catalog {
            items: Vec::new(),
            collections: lists.iter().map(list).collect(),
            ..Catalog::default()
        }
    }

    fn outcome(
        names: Names,
        (id, edit): (&str, CollectionEdit),
        new: &Catalog,
    ) -> Result<(), String> {
        let create = CollectionEdit::Create {
            kind: &PLAYLIST,
            name: "mine".into(),
            parent: None,
            entries: Vec::new(),
        };
        let changes = ChangeSet { collections: vec![edit, create], ..ChangeSet::default() };
        let proposal = Proposal::new(app(names), lists(&[(id, "mine")]), &changes);
        assert!(proposal.refused.is_empty());
        proposal.check(new, &Written { created: vec![id.into()], ..Written::default() })
    }

    fn rename(id: &str) -> (&str, CollectionEdit) {
        let (old, new) = ("mine".into(), "old".into());
        (id, CollectionEdit::Rename { id: id.into(), old, new })
    }

    fn remove(id: &str) -> (&str, CollectionEdit) {
        (id, CollectionEdit::Remove { id: id.into(), old: Vec::new() })
    }

    #[test]
    fn the_name_of_a_list_that_was_renamed_or_removed_can_be_given_again() {
        let both = lists(&[("mine", "mine"), ("old", "old")]);
        assert_eq!(outcome(ONCE, rename("mine"), &both), Ok(()));
        assert_eq!(outcome(ONCE, remove("mine"), &lists(&[("mine", "mine")])), Ok(()));
        // The renamed one is still there under its id, and nothing was made.
        assert!(outcome(ONCE, rename("mine"), &lists(&[("mine", "old")])).is_err());
        assert!(outcome(ONCE, rename("mine"), &lists(&[("mine", "mine")])).is_err());
    }

    #[test]
    fn a_format_is_not_asked_for_entries_that_are_no_items() {
        let mut old = lists(&[("7", "mine")]);
        old.items = vec![segue_model::Item::new("/a")];
        let entries: Vec<NativeId> = vec!["/a".into(), "no such item".into()];
        let reorder = |new: &[NativeId]| CollectionEdit::Reorder {
            id: "7".into(),
            old: Vec::new(),
            new: new.to_vec(),
        };
        let create = CollectionEdit::Create {
            kind: &PLAYLIST,
            name: "new".into(),
            parent: None,
            entries: entries.clone(),
        };
        let collections = vec![reorder(&entries), create, reorder(&entries[..1])];
        let changes = ChangeSet { collections, ..ChangeSet::default() };
        let proposal = Proposal::new(app(Names::Any), old, &changes);
        let refused: Vec<String> =
            proposal.refused.iter().map(|refusal| refusal.id.to_string()).collect();
        assert_eq!(refused, ["7", "new"]);
        assert_eq!(proposal.asked.collections, [reorder(&entries[..1])]);
    }

    /// Messages that lie in these folders, and the folders by id and name.
    fn mail(lies: &[&[&str]], folders: &[(&str, &str)]) -> Catalog {
        let mut catalog = lists(folders);
        catalog.collections.iter_mut().for_each(|one| one.kind = &FOLDER);
        for (number, lies) in lies.iter().enumerate() {
            let mut item = segue_model::Item::new(format!("m{number}").as_str());
            item.fields.set(&FOLDERS, Value::list(lies.iter().copied()));
            catalog.items.push(item);
        }
        catalog
    }

    /// What becomes of a write that moves the first message.
    fn moved(
        (old, new): (&Catalog, &Catalog),
        (from, to): (&str, &str),
        refused: &[&str],
    ) -> Result<(), String> {
        static FIELDS: [crate::FieldSupport; 1] = [crate::FieldSupport::exact(&FOLDERS)];
        let capabilities = Capabilities::of("mail", &MAIL, &FIELDS);
        let (from, to) = (Some(Value::list([from])), Some(Value::list([to])));
        let edit = FieldEdit { item: "m0".into(), field: &FOLDERS, old: from, new: to };
        let changes = ChangeSet { fields: vec![edit], ..ChangeSet::default() };
        let refuse = |id: &&str| Refusal { id: (*id).into(), reason: "no".to_owned() };
        let written =
            Written { refused: refused.iter().map(refuse).collect(), ..Written::default() };
        Proposal::new(&capabilities, old.clone(), &changes).check(new, &written)
    }

    #[test]
    fn a_place_comes_with_what_is_put_there_and_may_go_with_it() {
        let (a, b, c) = (("a", "A"), ("b", "B"), ("c", "C"));
        // The app does not list X.
        let old = mail(&[&["A"], &["B"], &["X"]], &[a, b]);
        let check = |lies: &str, folders: &[(&str, &str)], refused: &[&str]| {
            let new = mail(&[&[lies], &["B"], &["X"]], folders);
            moved((&old, &new), ("A", "C"), refused)
        };
        assert_eq!(check("C", &[a, b, c], &[]), Ok(()));
        assert_eq!(check("C", &[b, c], &[]), Ok(()), "nothing is left in A");
        assert_eq!(check("C", &[a, b], &[]), Ok(()), "the app does not list it");
        for (folders, why) in [
            (&[a, c][..], "B is gone, from which nothing was taken"),
            (&[a, b, c, ("d", "D")], "D was not asked for"),
            (&[a, b, c, ("x", "X")], "X was not asked for, though a message lies there"),
            (&[a, b, c, ("d", "C")], "there are two of C"),
            (&[("a", "C"), b], "A has another name"),
        ] {
            assert!(check("C", folders, &[]).is_err(), "{why}");
        }
        assert!(check("A", &[a, b, c], &["m0"]).is_err(), "made, and nothing was put there");
        assert_eq!(check("A", &[a, b], &["m0"]), Ok(()));
    }

    #[test]
    fn a_place_does_not_go_while_something_is_left() {
        let (a, b, empty) = (("a", "A"), ("b", "B"), ("e", "E"));
        let old = mail(&[&["A"], &["A"]], &[a, b, empty]);
        let check = |folders: &[(&str, &str)]| {
            moved((&old, &mail(&[&["B"], &["A"]], folders)), ("A", "B"), &[])
        };
        assert_eq!(check(&[a, b, empty]), Ok(()));
        assert!(check(&[b, empty]).is_err());
        assert!(check(&[a, b]).is_err(), "nothing was taken from the empty one");
        // Where a place of the name is there already, none is made.
        assert!(check(&[a, b, ("c", "B"), empty]).is_err());
    }

    #[test]
    fn an_id_of_its_own_is_not_given_again() {
        assert!(outcome(Names::Any, remove("7"), &lists(&[("7", "mine")])).is_err());
    }
}
