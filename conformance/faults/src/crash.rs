//! What a power cut may leave of recorded operations.
//!
//! What is synced stays. Of the rest any part may be lost, in any order, across files and within one; bytes that were
//! written may read as zeros where the file grew. A name is made durable by a sync of its folder alone. These are the
//! weakest rules that a disk and its file system are allowed; one that keeps the order of names (a journal of metadata
//! does) has fewer such states.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::disk::{Disk, Op};
use crate::record::Record;

/// What is lost of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// All of it.
    Whole,
    /// The bytes, not the length.
    Zeros,
    /// All but these sectors, counted from the first.
    But(Range<usize>),
}

/// A power cut after so many operations, and what of these is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) cut: usize,
    pub(crate) lost: BTreeMap<usize, Loss>,
}

/// Which way a crash was thought of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// All up to some operation.
    Cut,
    /// The last write in part.
    Torn,
    /// Nothing that was not synced.
    Lost,
    /// One operation or a drawn set of them.
    Reordered,
}

impl Way {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Torn => "torn",
            Self::Lost => "lost",
            Self::Reordered => "reordered",
        }
    }
}

impl Crash {
    fn at(cut: usize) -> Self {
        Self { cut, lost: BTreeMap::new() }
    }

    /// What is on the disk then.
    pub(crate) fn disk(&self, record: &Record) -> Disk {
        let mut disk = record.begin.clone();
        for (index, op) in record.ops[..self.cut].iter().enumerate() {
            disk.apply(op, self.lost.get(&index));
        }
        disk
    }

    /// Whether names are as they were at some instant: what a file system leaves that keeps their order.
    pub(crate) fn keeps_order(&self, record: &Record) -> bool {
        let first = self.lost.keys().copied().find(|index| record.ops[*index].is_of_names());
        let Some(first) = first else { return true };
        let mut later = (first..self.cut).filter(|index| record.ops[*index].is_of_names());
        later.all(|index| self.lost.contains_key(&index))
            && !record.ops[first..self.cut].iter().any(|op| matches!(op, Op::Sync { .. }))
    }

    /// The same with as little lost as keeps it wrong.
    pub(crate) fn shrunk(mut self, mut is_wrong: impl FnMut(&Self) -> bool) -> Self {
        for index in self.lost.keys().copied().collect::<Vec<_>>() {
            let mut less = self.clone();
            less.lost.remove(&index);
            if is_wrong(&less) {
                self = less;
            }
        }
        self
    }
}

/// Those that come first, because each is likelier than a drawn one: every cut; every last write in part; nothing of what
/// was not synced, or of this all names or all bytes; each operation alone lost for as long as it may be.
pub(crate) fn usual(record: &Record) -> Vec<(Way, Crash)> {
    let mut all = Vec::new();
    let ends = (0..=record.ops.len()).filter(|cut| {
        // After a sync the disk is as before it, and fewer crashes are possible.
        *cut == 0 || !matches!(record.ops[cut - 1], Op::Sync { .. })
    });
    for cut in ends {
        all.push((Way::Cut, Crash::at(cut)));
        let open = record.open_at(cut);
        let of_names = |index: &usize| record.ops[*index].is_of_names();
        let lost = |which: &dyn Fn(&usize) -> bool, loss: &Loss| Crash {
            cut,
            lost: open.iter().filter(|index| which(index)).map(|i| (*i, loss.clone())).collect(),
        };
        all.push((Way::Lost, lost(&|_| true, &Loss::Whole)));
        all.push((Way::Lost, lost(&of_names, &Loss::Whole)));
        all.push((Way::Lost, lost(&|index| !of_names(index), &Loss::Whole)));
        all.push((Way::Lost, lost(&|index| !of_names(index), &Loss::Zeros)));
        if let Some(last) = cut.checked_sub(1) {
            let sectors = record.ops[last].sectors();
            // Of a long write some; the first and last among them.
            let step = sectors.div_ceil(16).max(1);
            for end in (1..sectors).step_by(step) {
                for kept in [0..end, end..sectors] {
                    let lost = BTreeMap::from([(last, Loss::But(kept))]);
                    all.push((Way::Torn, Crash { cut, lost }));
                }
            }
        }
    }
    for index in 0..record.ops.len() {
        if let Some(last) =
            record.last_open(index).filter(|_| !matches!(record.ops[index], Op::Sync { .. }))
        {
            // Everything else may be there when its sync was about to be called, or half of that.
            for cut in [last, usize::midpoint(index + 1, last)] {
                let lost = BTreeMap::from([(index, Loss::Whole)]);
                all.push((Way::Reordered, Crash { cut, lost }));
            }
        }
    }
    all
}

/// One that is drawn.
pub(crate) fn drawn(record: &Record, rng: &mut fastrand::Rng) -> Crash {
    let cut = rng.usize(0..=record.ops.len());
    let share = [0.1, 0.3, 0.5, 0.8][rng.usize(0..4)];
    let mut crash = Crash::at(cut);
    for index in record.open_at(cut) {
        if rng.f64() >= share {
            continue;
        }
        let sectors = record.ops[index].sectors();
        let loss = match rng.u8(0..4) {
            0 if sectors > 1 => {
                let at = rng.usize(1..sectors);
                Loss::But(if rng.bool() { 0..at } else { at..sectors })
            }
            1 if sectors > 0 => Loss::Zeros,
            _ => Loss::Whole,
        };
        crash.lost.insert(index, loss);
    }
    crash
}

/// A crash as lines that fit a later recording of the same scene too: operations by what they do, and which one of those
/// that do the same.
pub(crate) fn told(crash: &Crash, record: &Record) -> String {
    let names = record.names();
    let mut lines = vec![match crash.cut.checked_sub(1) {
        None => "cut at the beginning".to_owned(),
        Some(_) if crash.cut == names.len() => "cut at the end".to_owned(),
        Some(last) => format!("cut after {}", names[last]),
    }];
    for (index, loss) in &crash.lost {
        let how = match loss {
            Loss::Whole => "lost".to_owned(),
            Loss::Zeros => "zeros".to_owned(),
            Loss::But(kept) => format!("but-{}-{}", kept.start, kept.end),
        };
        lines.push(format!("{how} {}", names[*index]));
    }
    lines.join("\n") + "\n"
}

/// What [`told`] told, in this recording; `None` if it has no such operations or they may not be lost.
pub(crate) fn found(text: &str, record: &Record) -> Option<Crash> {
    let names = record.names();
    let places: HashMap<&str, usize> =
        names.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let mut lines = text.lines();
    let mut crash = Crash::at(match lines.next()? {
        "cut at the beginning" => 0,
        "cut at the end" => names.len(),
        line => places.get(line.strip_prefix("cut after ")?)? + 1,
    });
    let open = record.open_at(crash.cut);
    for line in lines {
        let (how, name) = line.split_once(' ')?;
        let index = *places.get(name)?;
        let loss = match how {
            "lost" => Loss::Whole,
            "zeros" => Loss::Zeros,
            how => {
                let (start, end) = how.strip_prefix("but-")?.split_once('-')?;
                Loss::But(start.parse().ok()?..end.parse().ok()?)
            }
        };
        if !open.contains(&index) {
            return None;
        }
        crash.lost.insert(index, loss);
    }
    Some(crash)
}
