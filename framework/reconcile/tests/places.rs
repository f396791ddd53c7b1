//! Where an item lies: a library that can hold none of its places keeps it where it is.

use segue_document::Record;
use segue_model::{Item, LinkId, Value, mail};
use segue_reconcile::{LinkView, Writing, project};
use segue_translator::{Capabilities, FieldSupport};

static FIELDS: [FieldSupport; 1] = [FieldSupport::exact(&mail::FOLDERS).held_as(|places| {
    let told = places.as_list()?.iter().filter(|place| !place.contains('.')).cloned();
    let told: Vec<Box<str>> = told.collect();
    (!told.is_empty()).then(|| Value::list(told))
})];
static APP: Capabilities = Capabilities::of("app", &mail::MAIL, &FIELDS);

/// The edits of a library in which an item lies in `INBOX`, and in these places in the document.
fn wanted(places: &[&str]) -> Vec<Option<Value>> {
    let link = LinkId([1; 8]);
    let view =
        LinkView { link, capabilities: &APP, root: None, writing: Writing::Use, in_doubt: false };
    let mut record = Record::default();
    let set = places.iter().map(|place| (*place).to_owned()).collect();
    record.sets.insert("folders".to_owned(), set);
    let mut held = Item::new("1");
    held.fields.set(&mail::FOLDERS, Some(Value::list(["INBOX"])));
    let edits = project::item(&view, &record, &held, &|_| false);
    edits.into_iter().map(|edit| edit.new).collect()
}

#[test]
fn f07_what_lies_in_no_place_that_a_library_can_hold_stays_where_it_is() {
    assert_eq!(wanted(&["a.b"]), []);
    assert_eq!(wanted(&["Archive", "a.b"]), [Some(Value::list(["Archive"]))]);
    assert_eq!(wanted(&["INBOX"]), []);
    assert_eq!(wanted(&[]), [None], "it was taken out of all");
    assert_eq!(wanted(&["", "INBOX"]), [], "what nobody can say takes nothing away");
}
