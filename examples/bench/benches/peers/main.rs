//! Times two agents that keep two devices in step, beside other ways to do the same in the same run.
//!
//! `cargo bench -p segue-bench --bench peers` does all; words after `--` name parts. The agents are processes
//! of the released program, each with a home of its own, and talk QUIC over the loopback interface. It prints one
//! table with what was aimed at; it judges nothing by failing, because a busy machine is no defect.
//!
//! Invariant: what did not arrive is an error, never a fast way.

mod device;
mod join;
mod rating;
mod syncthing;
mod table;
mod twins;

use std::error::Error;
use std::io::Write;
use std::path::Path;

use table::Row;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

type Part = fn(&Path) -> Outcome<Vec<Row>>;

const PARTS: [(&str, Part); 6] = [
    ("rating", |program| rating::times(program, None, 120)),
    ("rating-10k", |program| rating::times(program, Some(10_000), 100)),
    ("plays", join::plays),
    ("join", |program| join::rows(program, 100_000)),
    ("idle", join::idle),
    ("syncthing", |_| syncthing::rows(10_000)),
];

fn main() -> Outcome<()> {
    let named: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let program = device::program()?;
    let mut rows = Vec::new();
    for (name, part) in PARTS {
        if !named.is_empty() && named.iter().all(|word| word != name) {
            continue;
        }
        writeln!(std::io::stderr(), "{name} ...")?;
        match part(&program) {
            Ok(more) => rows.extend(more),
            Err(why) => writeln!(std::io::stderr(), "{name} was not measured: {why}")?,
        }
    }
    Ok(write!(std::io::stdout(), "{}", table::text(&rows))?)
}
