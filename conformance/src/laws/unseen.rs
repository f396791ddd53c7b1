//! What could not be read is told, and not taken for gone.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use segue_translator::model::{Catalog, ChangeSet, Field, Item, Rule, Value};
use segue_translator::{Collector, Reading};

use crate::edits;
use crate::laid::Laid;
use crate::trial::{Case, Law, OrFail as _, Verdict, fail, skip};

pub(crate) const LAWS: &[Law] =
    &[Law { name: "unseen::f06_what_cannot_be_read_is_not_told_as_gone", check: unreadable }];

/// So many files are made unreadable, one after the other, beside those that a copy made.
const FILES_MAX: usize = 6;

/// Makes one file after the other a pipe: it is there, and nobody can read it.
fn unreadable(case: &Case<'_>) -> Verdict {
    if case.subject.live.is_some() {
        return skip("declares: a live library, whose files are the app's to read");
    }
    let capabilities = case.capabilities()?;
    if capabilities.fields.iter().all(|support| support.field.rule != Rule::Set) {
        return skip("declares: no sets");
    }
    let laid = case.lay()?;
    let files = some_files(case, &laid)?;
    let (whole, _) = laid.read()?;
    for path in files {
        let aside = laid.beside("aside")?.join("file");
        fs::rename(&path, &aside).or_fail("cannot move a file")?;
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .or_fail("cannot make a pipe")?;
        let read = laid.open().map(|library| Collector::collect(&*library));
        // No library at all is an answer too.
        if let Ok(Ok((found, reading))) = read {
            let name = path.strip_prefix(laid.path()).unwrap_or(&path).display().to_string();
            is_told(&whole, &found, &reading).or_else(|why| fail(format!("{name}: {why}")))?;
        }
        fs::remove_file(&path).or_fail("the pipe is gone")?;
        fs::rename(&aside, &path).or_fail("cannot put a file back")?;
    }
    Ok(())
}

/// Files to be made unreadable; where items have places, one of them is copied first.
fn some_files(case: &Case<'_>, laid: &Laid) -> Verdict<Vec<PathBuf>> {
    let before: BTreeSet<PathBuf> = laid.bytes()?.into_keys().collect();
    copy_some(case, laid)?;
    let after: BTreeSet<PathBuf> = laid.bytes()?.into_keys().collect();
    let made = after.difference(&before).cloned();
    let step = (before.len() / FILES_MAX).max(1);
    let others = before.intersection(&after).step_by(step).take(FILES_MAX).cloned();
    Ok(made.chain(others).collect())
}

fn copy_some(case: &Case<'_>, laid: &Laid) -> Verdict {
    let capabilities = case.capabilities()?;
    let mut supports = edits::writable(capabilities);
    let places = supports.find(|support| capabilities.schema.is_places(support.field));
    let Some(support) = places else { return Ok(()) };
    let (catalog, reading) = laid.read()?;
    let all: BTreeSet<&Box<str>> =
        catalog.items.iter().flat_map(|item| set(item, support.field)).collect();
    let mut items = edits::legible(&catalog, &reading);
    let Some(item) = items.find(|item| !set(item, support.field).is_empty()) else {
        return Ok(());
    };
    let lies: BTreeSet<&Box<str>> = set(item, support.field).iter().collect();
    let two = lies.iter().copied().chain(all.difference(&lies).copied().take(1));
    let two: BTreeSet<Box<str>> = two.cloned().collect();
    let fields = vec![edits::edit(item, support.field, Some(Value::list(two)))];
    laid.write(&ChangeSet { fields, ..ChangeSet::default() }).map(drop)
}

fn set<'a>(item: &'a Item, field: &Field) -> &'a [Box<str>] {
    item.fields.value(field).and_then(Value::as_list).unwrap_or_default()
}

/// Whether all that is not found is told: by a loss, or where only elements lack, as unseen.
fn is_told(whole: &Catalog, found: &Catalog, reading: &Reading) -> Result<(), String> {
    for item in &whole.items {
        let is_lost = reading.losses.iter().any(|loss| loss.id == item.id);
        let Some(now) = found.item(&item.id) else {
            if reading.losses.is_empty() {
                return Err(format!("`{}` is gone, and nothing is told", item.id));
            }
            continue;
        };
        let sets = item.fields.iter().filter(|(field, _)| field.rule == Rule::Set && !is_lost);
        for (field, _) in sets {
            let unseen = reading.unseen.iter().filter(|(of, _)| *of == field);
            let unseen: BTreeSet<&Box<str>> = unseen.map(|(_, element)| element).collect();
            let lacks = set(item, field)
                .iter()
                .find(|one| !set(now, field).contains(one) && !unseen.contains(one));
            if let Some(element) = lacks {
                return Err(format!("`{}` of `{}` lacks {element:?}, untold", field.name, item.id));
            }
        }
    }
    Ok(())
}
