//! Another writer changes the library in the middle of a write: neither edit is lost.
//!
//! A translator asks its host, several times during a write, whether the app runs. At each of these
//! questions in turn the host of this trial lets another process change the library, through the
//! same translator, and then says that nothing runs. It is another process because an app is one:
//! the locks of files and databases tell processes apart, and a translator may well let only one
//! thread of its own process in, so that a second writer inside of the question would wait for
//! ever.
//!
//! What happens between the last question and the write itself is not tried.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use segue_translator::model::{Catalog, ChangeSet, FieldEdit};
use segue_translator::{Error, ErrorKind, Host, Probe, Written};

use super::guard::pairs;
use crate::edits;
use crate::laid::Laid;
use crate::rerun;
use crate::rival::{BUSY, ELSEWHERE, Target, edit_of, entries, made_in};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "race::f19_another_item_changed_meanwhile_is_kept", check: another },
    Law { name: "race::f19_the_same_item_changed_meanwhile_is_kept", check: same },
    Law { name: "race::f19_collections_changed_meanwhile_are_kept", check: collections },
];

/// More questions than that are a loop.
const QUESTIONS_MAX: usize = 64;
/// Who waits longer for a lock waits for ever.
const SECONDS_MAX: &str = "30";

fn another(case: &Case<'_>) -> Verdict {
    at_every_question(case, Target::Another)
}

fn same(case: &Case<'_>) -> Verdict {
    at_every_question(case, Target::Same)
}

fn collections(case: &Case<'_>) -> Verdict {
    if edits::writable_collection(case.capabilities()?).is_none() {
        return skip("declares: no collection may be written");
    }
    at_every_question(case, Target::Collections)
}

/// A host that lets another process in when it is asked for the time of this number.
struct LetsIn {
    at: usize,
    asked: AtomicUsize,
    rival: Vec<OsString>,
    ended: OnceLock<std::io::Result<Output>>,
}

impl Host for LetsIn {
    fn running(&self, _: &Probe<'_>) -> Option<String> {
        if self.asked.fetch_add(1, Ordering::Relaxed) + 1 == self.at {
            self.ended.get_or_init(|| rerun::command(&self.rival).output());
        }
        None
    }
}

/// What the two writers do.
struct Race<'a> {
    case: &'a Case<'a>,
    laid: Laid,
    old: Catalog,
    ours: ChangeSet,
    /// Of the edits that are ours, the one that the rival's is about too, or would be.
    raced: FieldEdit,
    /// What the rival does if nothing was written yet.
    theirs: FieldEdit,
    target: Target,
    report: PathBuf,
}

fn at_every_question(case: &Case<'_>, target: Target) -> Verdict {
    let Some(program) = &case.subject.rerun else {
        return skip("here: no other process can write");
    };
    if case.subject.live.is_some() {
        return skip("declares: a live library, whose app sets without comparing");
    }
    if case.subject.shared.is_some() {
        case.is_left_alone()?;
    }
    let race = race(case, target)?;
    let name = target.name().into();
    let more = [(rerun::RIVAL, name), (rerun::SHOWN, race.report.clone().into())];
    let mut rival: Vec<OsString> = ["timeout", "-s", "KILL", SECONDS_MAX].map(Into::into).into();
    rival.extend(rerun::arguments(case.subject, program, &race.laid.path(), &more));
    let mut wrote = 0;
    for at in 1..=QUESTIONS_MAX {
        race.laid.again()?;
        let _ = std::fs::remove_file(&race.report);
        let (asked, ended) = (AtomicUsize::new(0), OnceLock::new());
        let host = Arc::new(LetsIn { at, asked, rival: rival.clone(), ended });
        let library = race.laid.open_with(Arc::<LetsIn>::clone(&host))?;
        let revision = library.revision().or_fail("cannot tell the revision")?;
        let written = library.write(&revision, &race.ours);
        let Some(ended) = host.ended.get() else {
            ensure!(wrote > 0, "no other writer could ever be let in");
            return Ok(());
        };
        let at = format!("another writer at question {at}");
        let ended = ended.as_ref().or_fail("cannot run the other writer")?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "{at}: it ended with {}: {said}", ended.status);
        wrote += usize::from(race.judge(&written, &at)?);
    }
    fail(format!("a write asks more than {QUESTIONS_MAX} times"))
}

/// Lays a library and chooses the edits: ours are about the second legible item.
fn race<'a>(case: &'a Case<'_>, target: Target) -> Verdict<Race<'a>> {
    let laid = case.lay()?;
    let capabilities = case.capabilities()?;
    let (_, mut fields) = pairs(case, &laid)?;
    let (old, reading) = laid.read()?;
    let Some(theirs) = edit_of(target, (&old, &reading), capabilities) else {
        return skip("found: no field may be written that has more than two values");
    };
    let raced = fields.iter_mut().find(|edit| edit.field == theirs.field);
    let (Some(raced), Some(support)) = (raced, capabilities.field(theirs.field)) else {
        return fail(format!("`{}` has one value for one and none for another", theirs.field.name));
    };
    // Else nobody could tell whose value it is.
    let avoid = [raced.old.clone(), theirs.new.as_ref().and_then(|new| support.hold(new))];
    let mut rng = fastrand::Rng::with_seed(case.subject.seed);
    let new = edits::value_but(&mut rng, support, &avoid);
    let Some(new) = new else { return fail(format!("`{}` has no third value", theirs.field.name)) };
    raced.new = Some(new);
    let raced = raced.clone();
    let collections = made_in(target, "Made here", &old, capabilities);
    let ours = ChangeSet { fields, collections, ..ChangeSet::default() };
    let report = laid.beside("rival")?.join("report");
    Ok(Race { case, laid, old, ours, raced, theirs, target, report })
}

/// What the other writer says that it did.
struct Report {
    /// It wrote, and was not kept out by a lock.
    wrote: bool,
    /// It saw the library as it was before both writes.
    came_first: bool,
    /// The value that it then found, as `Debug` shows it.
    value: String,
}

impl Race<'_> {
    /// Whether both writers were served as they were told; and whether the other one wrote.
    fn judge(&self, written: &Result<Written, Error>, at: &str) -> Verdict<bool> {
        let judged = || {
            self.laid.sound()?;
            let (after, _) = self.laid.read()?;
            let report = self.report()?;
            let mut base = self.old.clone();
            if report.wrote {
                self.keep(&mut base, &after, &report.value)?;
            }
            let difference = match written {
                Ok(written) => {
                    let ours = self.made(written, &report)?;
                    self.difference(&base, &ours, written, &after)?
                }
                Err(error) => self.trace_of_refused(&base, error, &after)?,
            };
            difference.map_or(Ok(report.wrote), fail)
        };
        judged().or_else(|stop| fail(format!("{at}: {stop:?}")))
    }

    fn report(&self) -> Verdict<Report> {
        let report =
            std::fs::read_to_string(&self.report).or_fail("the other writer was silent")?;
        let (saw, value) = report.split_once('\n').unwrap_or((&report, ""));
        let came_first = saw == format!("{:?}", self.theirs.old);
        Ok(Report { wrote: saw != BUSY, came_first, value: value.to_owned() })
    }

    /// Which of our edits must stand: all but one that is about the other writer's value. If that
    /// came first, the edit must be refused.
    fn made(&self, written: &Written, report: &Report) -> Verdict<ChangeSet> {
        let overlaps = report.wrote && self.target == Target::Same;
        let must = usize::from(overlaps && report.came_first);
        let refused = written.refused.iter().filter(|one| one.id == self.raced.item).count();
        ensure!(
            refused == must && written.refused.len() == must,
            "{must} edits expect what is no longer there; refused: {:?}",
            written.refused
        );
        let mut ours = self.ours.clone();
        if overlaps {
            ours.fields.retain(|edit| edit.field != self.raced.field);
        }
        Ok(ours)
    }

    fn difference(
        &self,
        base: &Catalog,
        ours: &ChangeSet,
        written: &Written,
        after: &Catalog,
    ) -> Verdict<Option<String>> {
        let expected = edits::expected(base, ours, written, self.case.capabilities()?);
        Ok(edits::difference(&expected, after))
    }

    /// What is there of a write that was refused as a whole.
    fn trace_of_refused(
        &self,
        base: &Catalog,
        error: &Error,
        after: &Catalog,
    ) -> Verdict<Option<String>> {
        let may = [ErrorKind::Stale, ErrorKind::Busy].contains(&error.kind);
        ensure!(may, "expected `Stale`, `Busy` or a write, found {error:?}");
        let Some(why) = edits::difference(base, after) else { return Ok(None) };
        // Of two files the first may be written when the second is found changed.
        if self.case.subject.separate_files.is_some() && !self.ours.collections.is_empty() {
            let first = ChangeSet { collections: Vec::new(), ..self.ours.clone() };
            let half = self.difference(base, &first, &Written::default(), after)?;
            return Ok(half.map(|_| format!("{why}, after {error}")));
        }
        Ok(Some(format!("{why}, after {error}")))
    }

    /// Puts into `base` what the other writer made of it, which must still stand.
    fn keep(&self, base: &mut Catalog, after: &Catalog, wrote: &str) -> Verdict {
        let (item, field) = (&self.theirs.item, self.theirs.field);
        let found = after.item(item).and_then(|item| item.fields.value(field).cloned());
        ensure!(
            format!("{found:?}") == wrote,
            "its value of `{}` is lost: it wrote {wrote}, found {found:?}",
            field.name
        );
        let position = base.items.iter().position(|one| one.id == *item);
        if let Some(one) = position.and_then(|position| base.items.get_mut(position)) {
            one.fields.set(field, found);
        }
        if self.target == Target::Collections {
            let theirs = after.collections.iter().find(|one| &*one.name == ELSEWHERE);
            let Some(theirs) = theirs else { return fail("its collection is lost") };
            let support = self.case.capabilities()?.collection(theirs.kind);
            let held = support.map(|support| support.hold(&entries(&self.old)));
            ensure!(
                held.as_ref() == Some(&theirs.entries),
                "its collection has other entries: {:?}",
                theirs.entries
            );
            base.collections.push(theirs.clone());
            base.collections.sort_by(|a, b| a.id.cmp(&b.id));
        }
        Ok(())
    }
}
