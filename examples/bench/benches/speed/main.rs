//! Times the engine on big generated libraries, each step beside its floor in the same run.
//!
//! `cargo bench -p segue-bench` tries 10,000 and 100,000 songs; numbers after `--`, or in
//! `SEGUE_BENCH_SONGS`, are tried instead. It prints one table with what was aimed at; it judges
//! nothing by failing, because a busy machine is no defect.
//!
//! Invariant: a step that did not do its work is an error, never a fast step.

mod floor;
mod rating;
mod step;
mod table;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use step::Took;
use table::{Amount, Row};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// The libraries' seed.
const SEED: u64 = 1;
const PASS_AIM: Duration = Duration::from_secs(4);
const IDLE_AIM: Duration = Duration::from_millis(40);
const PEAK_AIM: u64 = 200 << 20;
const EXPONENT_AIM: f64 = 1.1;

const SIZES: [(&str, &str); 3] = [
    ("size of the store", "checkpoint"),
    ("size of the document's log", "log"),
    ("size of the document's cache", "saved"),
];

fn main() -> Outcome<()> {
    let given: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [step, name, home] = given.as_slice()
        && step == "step"
    {
        let said = step::main(name, Path::new(home))?;
        return Ok(writeln!(std::io::stdout(), "{said}")?);
    }
    let mut rows = Vec::new();
    let mut firsts: Vec<(u32, Duration)> = Vec::new();
    for songs in sizes(&given)? {
        writeln!(std::io::stderr(), "{songs} songs ...")?;
        firsts.push((songs, try_size(songs, &mut rows)?));
    }
    for pair in firsts.windows(2) {
        let songs = f64::from(pair[1].0) / f64::from(pair[0].0);
        let exponent = (pair[1].1.as_secs_f64() / pair[0].1.as_secs_f64()).ln() / songs.ln();
        rows.push(Row {
            songs: pair[1].0,
            what: "growth of plan and apply",
            measured: Amount::Exponent(exponent),
            processor: None,
            floor: None,
            aim: Some(Amount::Exponent(EXPONENT_AIM)),
        });
    }
    Ok(write!(std::io::stdout(), "{}", table::text(&rows))?)
}

fn sizes(given: &[String]) -> Outcome<Vec<u32>> {
    let mut words = given.to_vec();
    if words.is_empty() {
        let named = std::env::var("SEGUE_BENCH_SONGS").unwrap_or_else(|_| "10000 100000".into());
        words.extend(named.split_whitespace().map(str::to_owned));
    }
    Ok(words.iter().map(|word| word.parse()).collect::<Result<_, _>>()?)
}

/// Runs every step once; returns how long the first plan and its execution took.
fn try_size(songs: u32, rows: &mut Vec<Row>) -> Outcome<Duration> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    segue_library_generator::generate(songs, SEED, home)?;
    let mut add = |what, measured, processor, floor, aim| {
        rows.push(Row { songs, what, measured, processor, floor, aim });
    };
    // The first reading warms the disk's cache for all.
    step::run("parse rhythmbox", home)?;
    let parse = step::run("parse rhythmbox", home)?.time;
    let step = step::run("step strawberry", home)?.time;
    let floor = Some(Amount::Time(parse + step));
    let peak = |took: Took| (Amount::Bytes(took.peak_bytes), Some(Amount::Bytes(PEAK_AIM)));

    let plan = step::run("plan", home)?;
    let apply = step::run("apply", home)?;
    worked("apply", &apply)?;
    let first = plan.time + apply.time;
    add("first plan", Amount::Time(plan.time), Some(plan.processor), floor, None);
    add("first apply", Amount::Time(apply.time), Some(apply.processor), floor, None);
    let aim = Amount::Time(PASS_AIM.mul_f64(f64::from(songs) / 1e5));
    let processor = Some(plan.processor + apply.processor);
    add("plan and apply", Amount::Time(first), processor, floor, Some(aim));
    for (what, took) in [("peak of plan", plan), ("peak of apply", apply)] {
        let (measured, aim) = peak(took);
        add(what, measured, None, None, aim);
    }
    for (what, name) in SIZES {
        add(what, Amount::Bytes(step::run(name, home)?.count), None, None, None);
    }

    let sync = step::run("sync", home)?;
    add("sync after that", Amount::Time(sync.time), Some(sync.processor), floor, None);
    let sync = step::run("sync", home)?;
    let aim = Some(Amount::Time(IDLE_AIM));
    add("sync, nothing changed", Amount::Time(sync.time), Some(sync.processor), None, aim);

    for (what, change, read, write) in [
        ("a rating to strawberry", "change rhythmbox", parse, "rewrite strawberry"),
        ("a rating to rhythmbox", "change strawberry", step, "rewrite rhythmbox"),
    ] {
        let floor = read + step::run(write, home)?.time;
        // The rewriting made it look changed.
        step::run("sync", home)?;
        step::run(change, home)?;
        let sync = step::run("sync", home)?;
        worked(what, &sync)?;
        let (floor, aim) = (Some(Amount::Time(floor)), Some(Amount::Time(floor * 2)));
        add(what, Amount::Time(sync.time), Some(sync.processor), floor, aim);
        let (measured, aim) = peak(sync);
        add("peak of that", measured, None, None, aim);
        let size = Amount::Bytes(step::run("last change", home)?.count);
        add("size of its change", size, None, None, None);
    }
    Ok(first)
}

fn worked(what: &str, took: &Took) -> Outcome<()> {
    if took.count == 0 { Err(format!("{what}: nothing was written").into()) } else { Ok(()) }
}
