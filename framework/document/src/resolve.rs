//! What a record's competing values mean: one pure function per merge rule.
//!
//! A register's candidates are its live values and the values of origins that none of these names;
//! equal values collapse. More than one candidate is a conflict: a deterministic winner is shown
//! and all are kept. No clock takes part.

use segue_model::{Field, LinkId, OperationId, Rule, Shape, Value};

use crate::record::{Record, Weight};

/// One value that a field may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The value; `None` was cleared on purpose.
    pub value: Option<Value>,
    /// The links whose apps hold it; empty when a person set it in Segue.
    pub links: Vec<LinkId>,
    /// The operation that wrote it.
    pub operation: OperationId,
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

    fn add(&mut self, value: Option<Value>, link: Option<LinkId>, operation: OperationId) {
        match self.0.iter().position(|candidate| candidate.value == value) {
            Some(index) => {
                // Keep the order: the later of equal values decides who wins.
                let mut candidate = self.0.remove(index);
                candidate.links.extend(link);
                self.0.push(candidate);
            }
            None => self.0.push(Candidate { value, links: link.into_iter().collect(), operation }),
        }
    }
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
            Some((*weight, value, *link, origin.operation))
        })
        .collect();
    // Ids of links are random, so the value decides among origins; a set value beats them all.
    origins.sort_by(|a, b| (a.0, rank(a.1), a.1, a.2).cmp(&(b.0, rank(b.1), b.1, b.2)));
    let full = !registers.is_empty() || origins.iter().any(|origin| origin.0 == Weight::Full);
    let mut candidates = Candidates::default();
    let skip = match (full, origins.last()) {
        (true, _) => origins.iter().take_while(|origin| origin.0 == Weight::Weak).count(),
        // Only weak opinions: the richest is the best there is, and no conflict.
        (false, Some(best)) => origins.iter().take_while(|origin| origin.1 != best.1).count(),
        (false, None) => 0,
    };
    for (_, value, link, operation) in origins.into_iter().skip(skip) {
        candidates.add(Some(value.clone()), Some(link), operation);
    }
    for register in registers {
        candidates.add(register.value.clone(), register.link, register.operation);
    }
    candidates
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
            Some(Value::list(elements.iter().map(String::as_str)))
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
