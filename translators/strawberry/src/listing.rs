//! Songs that Strawberry lists no longer, and lists again.
//!
//! A hidden song has `unavailable` set, as Strawberry itself sets it when a file is gone: it shows the
//! song nowhere and keeps its row with rating and counts. It also stays so at the next start (seen with
//! 1.0.14), until Strawberry scans the file anew because that changed. No row is ever made.

use rusqlite::params;
use segue_translator::Access;
use segue_translator::model::{FieldEdit, Item, ListingEdit};

use crate::column::capabilities;
use crate::write::{Edits, Stop};

impl Edits<'_> {
    /// Hides a song or shows one again; returns whether that changed anything.
    pub(crate) fn list(&self, edit: &ListingEdit) -> Result<bool, Stop> {
        let Some(row) = self.index.row(edit.item()) else {
            return Err("the library has no such song".into());
        };
        let hide = matches!(edit, ListingEdit::Hide { .. });
        let question = "SELECT coalesce(unavailable, 0) <> 0 FROM songs WHERE rowid = ?1";
        let is_hidden: bool = self.connection.query_row(question, [row], |found| found.get(0))?;
        match (hide, is_hidden) {
            (true, true) => return Err("Strawberry does not show it now".into()),
            (false, false) => return Err("Strawberry shows it already".into()),
            _ => {}
        }
        let change = "UPDATE songs SET unavailable = ?2 WHERE rowid = ?1";
        self.update(change, params![row, i64::from(hide)])?;
        if let ListingEdit::Show { item } = edit {
            self.fill(row, item)?;
        }
        Ok(true)
    }

    /// Gives a song that is shown again the values of an item.
    fn fill(&self, row: i64, item: &Item) -> Result<(), Stop> {
        let supports = capabilities(self.schema.version).fields;
        for support in supports.iter().filter(|support| support.access == Access::Write) {
            let new = item.fields.value(support.field).cloned();
            let edit = FieldEdit { item: item.id.clone(), field: support.field, old: None, new };
            let old = self.held(row, self.column(&edit)?)?.value();
            match self.set_field(&FieldEdit { old, ..edit }) {
                // What the app cannot hold stays as it is; what is read back tells.
                Ok(_) | Err(Stop::Refused(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }
}
