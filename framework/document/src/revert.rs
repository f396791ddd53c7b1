//! Takes back what one operation did to a record, where its value is still current.
//!
//! Undoing is new edits on top of history; the rest is left as it is and listed.

use std::collections::BTreeSet;

use segue_model::{LinkId, OperationId};

use crate::DOCUMENT_RECORD;
use crate::record::Record;
use crate::resolve;
use crate::write::Write;

/// The writes that take back the way from `before` to `after`, and the fields that were changed
/// since and stay.
///
/// `own` is the operation that takes back: what it touched already is still current.
pub fn revert(
    before: &Record,
    after: &Record,
    now: &Record,
    own: OperationId,
) -> (Vec<Write>, Vec<String>) {
    let mut out = Reverted::default();
    out.registers(before, after, now);
    out.maxima(before, after, now);
    out.links(before, after, now);
    out.counters(before, after, now);
    out.sets(before, after, now);
    out.entries(before, after, now);
    // Older versions said of the document's own record that it lives.
    if now.id != DOCUMENT_RECORD {
        out.presence(before, after, now, own);
    }
    (out.writes, out.kept)
}

#[derive(Default)]
struct Reverted {
    writes: Vec<Write>,
    kept: Vec<String>,
}

impl Reverted {
    fn registers(&mut self, before: &Record, after: &Record, now: &Record) {
        let names: BTreeSet<&String> =
            before.registers.keys().chain(after.registers.keys()).collect();
        for name in names {
            if before.registers.get(name) == after.registers.get(name) {
                continue;
            }
            let (old, new) = (resolve::register(before, name), resolve::register(after, name));
            let is = resolve::register(now, name);
            if is.winner() == new.winner() {
                let value = old.winner().cloned();
                self.writes.push(Write::Register { name: name.clone(), value, link: None });
            } else if is.winner() != old.winner() {
                self.kept.push(name.clone());
            }
        }
    }

    fn maxima(&mut self, before: &Record, after: &Record, now: &Record) {
        let names: BTreeSet<&String> = before.maxima.keys().chain(after.maxima.keys()).collect();
        for name in names {
            let (old, new) = (before.maxima.get(name), after.maxima.get(name));
            if old == new {
                continue;
            }
            if now.maxima.get(name) == new {
                self.writes.push(Write::Replace(name.clone(), old.copied()));
            } else {
                self.kept.push(name.clone());
            }
        }
    }

    /// First sights that the operation wrote are forgotten; ones that it forgot come back.
    fn links(&mut self, before: &Record, after: &Record, now: &Record) {
        let links: BTreeSet<LinkId> = before
            .origins
            .keys()
            .chain(after.origins.keys())
            .chain(before.members.keys())
            .chain(after.members.keys())
            .copied()
            .collect();
        for link in links {
            match (before.origins.get(&link), after.origins.get(&link)) {
                // A collection keeps its name: an edit that nobody had seen may bring it back.
                (None, Some(_)) if after.kind.is_some() => {
                    self.writes.push(Write::Member(link, None));
                    continue;
                }
                (None, Some(_)) => {
                    self.writes.push(Write::Forget(link));
                    continue;
                }
                (Some(old), new) if new != Some(old) && now.origins.get(&link) == new => {
                    self.writes.push(Write::Origin(link, old.clone()));
                }
                _ => {}
            }
            let (old, new) = (before.members.get(&link), after.members.get(&link));
            if old != new && now.members.get(&link) == new {
                let was = before.has_member(link).then(|| before.location(link).cloned());
                let place = was.map(|at| at.unwrap_or_else(|| segue_model::Location::from("")));
                self.writes.push(Write::Member(link, place));
            }
        }
    }

    /// What was added is subtracted, so that later additions stay.
    fn counters(&mut self, before: &Record, after: &Record, now: &Record) {
        let part = |record: &Record, name: &String, link: &LinkId| {
            record.counters.get(name).and_then(|links| links.get(link)).copied()
        };
        let names: BTreeSet<&String> =
            before.counters.keys().chain(after.counters.keys()).collect();
        for name in names {
            let links = [before, after].into_iter().filter_map(|record| record.counters.get(name));
            let links: BTreeSet<&LinkId> = links.flat_map(|links| links.keys()).collect();
            for link in links {
                let (old, new) = (part(before, name, link), part(after, name, link));
                let first_sight = old.is_none() && !before.origins.contains_key(link);
                if old == new || first_sight {
                    continue;
                }
                let ((b0, a0), (b1, a1)) = (old.unwrap_or((0, 0)), new.unwrap_or((0, 0)));
                let (baseline, added) = part(now, name, link).unwrap_or((0, 0));
                self.writes.push(Write::Counter {
                    name: name.clone(),
                    link: *link,
                    baseline: baseline.saturating_sub(b1).saturating_add(b0).max(0),
                    added: added.saturating_sub(a1).saturating_add(a0).max(0),
                });
            }
        }
    }

    fn sets(&mut self, before: &Record, after: &Record, _: &Record) {
        let names: BTreeSet<&String> = before.sets.keys().chain(after.sets.keys()).collect();
        for name in names {
            let empty = BTreeSet::new();
            let old = before.sets.get(name).unwrap_or(&empty);
            let new = after.sets.get(name).unwrap_or(&empty);
            for element in old.symmetric_difference(new) {
                let present = old.contains(element);
                let (name, element) = (name.clone(), element.clone());
                self.writes.push(Write::Element { name, element, present });
            }
        }
    }

    fn entries(&mut self, before: &Record, after: &Record, now: &Record) {
        let ids: BTreeSet<_> = before.entries.keys().chain(after.entries.keys()).collect();
        for id in ids {
            let (old, new) = (before.entries.get(id), after.entries.get(id));
            if old == new {
                continue;
            }
            if now.entries.get(id) == new {
                self.writes.push(Write::Entry(*id, old.cloned()));
            } else if now.entries.get(id) != old {
                self.kept.push("an entry that was moved since".into());
            }
        }
    }

    fn presence(&mut self, before: &Record, after: &Record, now: &Record, own: OperationId) {
        let current = now.live == after.live || now.live == Some(own);
        match (before.live, after.live) {
            (None, Some(_)) if current => self.writes.push(Write::Delete),
            (None, Some(_)) if now.live.is_some() => {
                self.kept.push("something was done with it since, so it stays".into());
            }
            (Some(_), None) if now.live.is_none() => self.writes.push(Write::Revive),
            _ => {}
        }
    }
}
