//! What a record's competing values mean: one pure function per merge rule.
//!
//! A register's candidates are its live values and the values of origins that none of these names;
//! equal values collapse. More than one candidate is a conflict: a deterministic winner is shown
//! and all are kept. No clock takes part, and neither does the order in which links joined.
//!
//! Invariant: a number that is only how a coarse app shows a more exact candidate is no candidate.
//! It stays in its origin, and counts again where the more exact one is taken back.

use segue_model::{Field, LinkId, OperationId, Rule, Shape, Value};

use crate::record::{Record, Register, Weight};

/// One value that a field may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The value; `None` was cleared on purpose.
    pub value: Option<Value>,
    /// The links whose apps hold it; empty when a person set it in Segue.
    pub links: Vec<LinkId>,
    /// The operation that wrote it.
    pub operation: OperationId,
    /// Whether it is what was meant and nothing else: it was set, or an app holds it that tells it
    /// from every other value.
    pub is_exact: bool,
}

/// All values that a register has now, the winner last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates(pub Vec<Candidate>);

impl Candidates {
    /// The value that is shown.
    pub fn winner(&self) -> Option<&Value> {
        self.0.last()?.value.as_ref()
    }

    /// Whether there are unequal values that nobody has settled.
    pub fn is_conflict(&self) -> bool {
        self.0.len() > 1
    }

    /// Whether `value` is one of them.
    pub fn contains(&self, value: Option<&Value>) -> bool {
        self.0.iter().any(|candidate| candidate.value.as_ref() == value)
    }

    fn add(&mut self, new: Candidate) {
        match self.0.iter().position(|candidate| candidate.value == new.value) {
            Some(index) => {
                // Keep the order: the later of equal values decides who wins.
                let mut candidate = self.0.remove(index);
                candidate.links.extend(new.links);
                candidate.is_exact |= new.is_exact;
                self.0.push(candidate);
            }
            None => self.0.push(new),
        }
    }
}

/// What one origin says of a register.
struct Opinion<'a> {
    value: &'a Value,
    weight: Weight,
    link: LinkId,
    operation: OperationId,
}

/// The candidates of the register `name`, the winner last.
pub fn register(record: &Record, name: &str) -> Candidates {
    let registers = record.registers.get(name).map_or(&[][..], Vec::as_slice);
    let mut origins: Vec<_> = record
        .origins
        .iter()
        .filter(|(link, _)| !registers.iter().any(|register| register.named.contains(link)))
        .filter_map(|(link, origin)| {
            let (value, weight) = origin.fields.get(name)?;
            Some(Opinion { value, weight: *weight, link: *link, operation: origin.operation })
        })
        .collect();
    // Ids of links are random, so the value decides among origins; a set value beats them all.
    origins.sort_by_key(|origin| (rank(origin.value), origin.value, origin.link));
    if !registers.is_empty() || origins.iter().any(|origin| origin.weight != Weight::Weak) {
        origins.retain(|origin| origin.weight != Weight::Weak);
    } else if let Some(best) = origins.last().map(|origin| origin.value) {
        // Only weak opinions: the richest is the best there is, and no conflict.
        origins.retain(|origin| origin.value == best);
    }
    drop_views(&mut origins, registers);
    let mut candidates = Candidates::default();
    for Opinion { value, weight, link, operation } in origins {
        let is_exact = weight != Weight::Weak && weight.width() == 0;
        let (value, links) = (Some(value.clone()), vec![link]);
        candidates.add(Candidate { value, links, operation, is_exact });
    }
    for Register { value, link, operation, .. } in registers {
        let (value, links) = (value.clone(), link.iter().copied().collect());
        candidates.add(Candidate { value, links, operation: *operation, is_exact: true });
    }
    candidates
}

/// Takes out numbers that are only how an app shows a more exact one: 80, where whole stars are all
/// there is and another app has 70. Of two that are equally coarse neither shows the other.
fn drop_views(origins: &mut Vec<Opinion<'_>>, registers: &[Register]) {
    if origins.iter().all(|origin| origin.weight.width() == 0) {
        return;
    }
    let number = |value: &Value| value.as_int();
    let set = registers.iter().filter_map(|register| register.value.as_ref().and_then(number));
    let mut more_exact: Vec<(i64, u64)> = set.map(|number| (number, 0)).collect();
    let mut views = Vec::new();
    let mut by_width: Vec<&Opinion<'_>> = origins.iter().collect();
    by_width.sort_by_key(|origin| origin.weight.width());
    for Opinion { value, weight, link, .. } in by_width {
        let Some(value) = number(value) else { continue };
        let is_shown = |(other, width): &(i64, u64)| {
            *width < weight.width() && *other != value && weight.covers(value, *other)
        };
        if more_exact.iter().any(is_shown) {
            // What it stands for makes nothing else a view: only a candidate does.
            views.push(*link);
        } else {
            more_exact.push((value, weight.width()));
        }
    }
    origins.retain(|origin| !views.contains(&origin.link));
}

/// How much a value says, so that the richer of two weak ones wins.
fn rank(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(texts) => texts.iter().map(|text| text.len() + 1).sum(),
        // The finer of two coarse numbers: 1,358 ms rather than 1,000.
        Value::Int(number) if number % 1_000 != 0 => 1,
        Value::Int(_) | Value::Real(_) | Value::Flag(_) => 0,
    }
}

/// The total of a counter: the largest baseline and everything added.
pub fn counter(record: &Record, name: &str) -> i64 {
    record.counters.get(name).map_or(0, |links| {
        let baseline = links.values().map(|(baseline, _)| *baseline).max().unwrap_or(0);
        baseline.saturating_add(added(record, name))
    })
}

/// What all links added to a counter since their first sight.
pub fn added(record: &Record, name: &str) -> i64 {
    record.counters.get(name).map_or(0, |links| {
        links.values().fold(0, |sum: i64, (_, added)| sum.saturating_add(*added))
    })
}

/// The value of `field` that is shown; absent if there is none or if it is out of the field's range.
pub fn value(record: &Record, field: &Field) -> Option<Value> {
    let value = match field.rule {
        Rule::Register => register(record, field.name).winner().cloned(),
        Rule::Max => record.maxima.get(field.name).map(|number| Value::Int(*number)),
        Rule::Counter => match counter(record, field.name) {
            0 => None,
            total => Some(Value::Int(in_range(total, field.shape))),
        },
        Rule::Set => {
            let elements = record.sets.get(field.name)?;
            // An element that no field can have, from a peer that writes what it likes, voids no other.
            let told = elements.iter().filter(|element| !element.is_empty());
            Some(Value::list(told.map(String::as_str)))
        }
    };
    value.filter(|value| field.shape.admits(value))
}

fn in_range(number: i64, shape: Shape) -> i64 {
    match shape {
        Shape::Int(low, high) => number.clamp(low, high),
        _ => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Origin, Register};
    use std::collections::BTreeMap;

    const OP: OperationId = OperationId([1; 8]);

    fn link(number: u8) -> LinkId {
        LinkId([number; 8])
    }

    fn record(origins: &[(u8, &str, Weight)]) -> Record {
        let mut record = Record::default();
        for (number, value, weight) in origins {
            let fields = BTreeMap::from([("artist".into(), (Value::list([*value]), *weight))]);
            let origin = Origin { operation: OP, location: None, fields };
            record.origins.insert(link(*number), origin);
        }
        record
    }

    fn shown(record: &Record) -> (String, usize) {
        let all = register(record, "artist");
        let winner = all.winner().and_then(Value::as_list).map_or("-".into(), |w| w.join("+"));
        (winner, all.0.len())
    }

    #[test]
    fn unequal_origins_are_a_conflict_equal_ones_are_not() {
        assert_eq!(shown(&record(&[(1, "a", Weight::Full), (2, "a", Weight::Full)])).1, 1);
        assert_eq!(
            shown(&record(&[(1, "a", Weight::Full), (2, "b", Weight::Full)])),
            ("b".into(), 2)
        );
    }

    #[test]
    fn a_weak_value_never_competes_with_a_full_one() {
        let both = record(&[(1, "a", Weight::Full), (2, "a and b", Weight::Weak)]);
        assert_eq!(shown(&both), ("a".into(), 1));
        let weak = record(&[(1, "a", Weight::Weak), (2, "a b", Weight::Weak)]);
        assert_eq!(shown(&weak), ("a b".into(), 1));
    }

    const STARS: Weight = Weight::Coarse { below: 10, above: 9 };
    const HALF_STARS: Weight = Weight::Coarse { below: 5, above: 4 };

    fn rated(origins: &[(u8, i64, Weight)]) -> Record {
        let mut record = Record::default();
        for (number, rating, weight) in origins {
            let fields = BTreeMap::from([("rating".into(), (Value::Int(*rating), *weight))]);
            let origin = Origin { operation: OP, location: None, fields };
            record.origins.insert(link(*number), origin);
        }
        record
    }

    fn set(value: Option<i64>, named: Vec<LinkId>) -> Register {
        Register { value: value.map(Value::Int), named, link: None, operation: OP }
    }

    fn ratings(record: &Record) -> Vec<Option<i64>> {
        let candidates = register(record, "rating").0.into_iter();
        candidates.map(|candidate| candidate.value.and_then(|value| value.as_int())).collect()
    }

    #[test]
    fn a_coarse_number_that_shows_a_more_exact_one_is_no_candidate() {
        let (exact, half, stars) = (Weight::Full, HALF_STARS, STARS);
        for (origins, expected) in [
            (&[(1, 80, stars), (2, 70, exact)][..], &[Some(70)][..]),
            (&[(1, 80, stars), (2, 69, exact)], &[Some(69), Some(80)]),
            (&[(1, 80, stars), (2, 90, exact)], &[Some(80), Some(90)]),
            (&[(1, 80, stars), (2, 70, half)], &[Some(70)]),
            (&[(1, 80, stars), (2, 70, half), (3, 72, exact)], &[Some(72)]),
            // Half a star shows 66, four stars do not.
            (&[(1, 80, stars), (2, 70, half), (3, 66, exact)], &[Some(66), Some(80)]),
            (&[(1, 80, stars), (2, 80, half), (3, 72, exact)], &[Some(72), Some(80)]),
            // 75 would be shown as either, but neither shows the other.
            (&[(1, 80, stars), (2, 70, stars)], &[Some(70), Some(80)]),
            (&[(1, 80, stars), (2, 80, exact)], &[Some(80)]),
        ] {
            assert_eq!(ratings(&rated(origins)), expected, "{origins:?}");
        }
        let both = register(&rated(&[(1, 80, stars), (2, 80, exact)]), "rating").0;
        assert_eq!((both[0].links.len(), both[0].is_exact), (2, true));
        assert!(!register(&rated(&[(1, 80, stars)]), "rating").0[0].is_exact);
    }

    #[test]
    fn a_coarse_number_shows_what_was_set_but_nothing_that_was_superseded() {
        let mut record = rated(&[(1, 80, STARS), (2, 70, Weight::Full)]);
        for (register, expected) in [
            (set(Some(75), vec![link(2)]), &[Some(75)][..]),
            (set(Some(30), vec![link(2)]), &[Some(80), Some(30)]),
            (set(None, vec![link(2)]), &[Some(80), None]),
            (set(Some(30), vec![link(1), link(2)]), &[Some(30)]),
        ] {
            record.registers.insert("rating".into(), vec![register.clone()]);
            assert_eq!(ratings(&record), expected, "{register:?}");
        }
    }

    #[test]
    fn the_ends_of_a_hostile_range_do_not_overflow() {
        let all = Weight::Coarse { below: u64::MAX, above: u64::MAX };
        let origins = [(1, i64::MIN, all), (2, i64::MAX, all), (3, 0, Weight::Full)];
        assert_eq!(ratings(&rated(&origins)), [Some(0)]);
    }

    #[test]
    fn a_register_supersedes_the_origins_it_names_and_no_others() {
        let mut record = record(&[(1, "a", Weight::Full), (2, "b", Weight::Full)]);
        let mut register = Register {
            value: Some(Value::list(["c"])),
            named: vec![link(1)],
            link: Some(link(1)),
            operation: OP,
        };
        record.registers.insert("artist".into(), vec![register.clone()]);
        assert_eq!(shown(&record), ("c".into(), 2));
        register.named.push(link(2));
        record.registers.insert("artist".into(), vec![register.clone()]);
        assert_eq!(shown(&record), ("c".into(), 1));
        register.value = None;
        record.registers.insert("artist".into(), vec![register]);
        assert_eq!(shown(&record), ("-".into(), 1));
    }

    #[test]
    fn counters_take_the_largest_baseline_and_every_addition() {
        let mut record = Record::default();
        let links = BTreeMap::from([(link(1), (12, 3)), (link(2), (10, 2))]);
        record.counters.insert("play_count".into(), links);
        assert_eq!(counter(&record, "play_count"), 17);
    }
}
