//! Times stores of mail, each step beside the least it could take and beside what else keeps mail in step, in the
//! same run.
//!
//! `cargo bench -p segue-bench --bench mail` tries 20,000 files; numbers after `--` are tried instead. Needs GNU time.
//! `mbsync` and `muchsync` run where they are installed, on stores of up to [`OTHERS_MAX`] files. It prints one table
//! with what was aimed at; it judges nothing by failing, because a busy machine is no defect.
//!
//! Invariant: a step that did not do its work is an error, never a fast step.

#[path = "../peers/device.rs"]
#[expect(dead_code, reason = "more is asked of devices that sync music")]
mod device;
mod floor;
mod notmuch;
mod others;
mod store;
mod table;
mod timed;
mod travel;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use device::Device;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;
use store::Store;
use table::Row;
use timed::{Timed, timed};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// More takes others too long.
const OTHERS_MAX: u32 = 100_000;
const IDLE_AIM: Duration = Duration::from_secs(1);
const PEAK_AIM: u64 = 300 << 20;

const SIZES: [(&str, &str); 2] = [
    ("segue: of that the document's log", "SELECT sum(length(raw)) FROM log"),
    ("segue: of that the base", "SELECT sum(length(native) + length(packed)) FROM base_item"),
];

fn main() -> Outcome<()> {
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut sizes: Vec<u32> = words.map(|word| word.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes.push(20_000);
    }
    let program = device::program()?;
    let mut rows = Vec::new();
    for files in sizes {
        say(&format!("{files} files ..."))?;
        let store = Store::new(files)?;
        rows.extend(alone(&program, &store)?);
        if files <= OTHERS_MAX {
            let parts: [&dyn Fn() -> Outcome<Vec<Row>>; 4] = [
                &|| travel::rows(&program, files),
                &|| travel::tags(&program, files),
                &|| others::muchsync(files),
                &|| others::mbsync(files),
            ];
            for part in parts {
                match part() {
                    Ok(more) => rows.extend(more),
                    Err(why) => say(&format!("not measured: {why}"))?,
                }
            }
        }
    }
    Ok(write!(std::io::stdout(), "{}", table::text(&rows))?)
}

fn say(text: &str) -> Outcome<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

/// One device with one store: the first lift, nothing to do, and one flag.
fn alone(program: &Path, store: &Store) -> Outcome<Vec<Row>> {
    let files = store.files;
    let row = |what: &str, took: Timed| Row::new(files, what, took);
    let floor = |what: &str, work: fn(&Path) -> Outcome<u64>| -> Outcome<Row> {
        Ok(row(what, timed::here(|| work(&store.path()))?))
    };
    // The first reading warms the disk's cache for all.
    floor::bytes(&store.path())?;
    let mut rows = vec![
        floor("floor: times of folders", floor::times)?,
        floor("floor: names", floor::names)?,
        floor("floor: names, sizes and times", floor::sizes)?,
        floor("floor: headers", floor::headers)?,
        floor("floor: all bytes", floor::bytes)?,
    ];
    let device = Device::new(program)?;
    let library = format!("maildir={}", store.path().display());
    let segue = |words: &[&str]| timed(&device.command(&[words, &["--json"]].concat()));
    let (took, said) = segue(&["plan", &library])?;
    rows.push(row("segue: first plan", took).peak(PEAK_AIM));
    let said: Json = serde_json::from_str(&said)?;
    let plan = said["plan"].as_str().ok_or("no plan")?;
    rows.push(row("segue: first apply", segue(&["apply", plan])?.0).peak(PEAK_AIM));
    // What the first left for the second to write is written.
    segue(&["sync"])?;
    rows.push(row("segue: nothing changed", segue(&["sync"])?.0).time(IDLE_AIM));
    // Without a word it looks at what is linked, and a look reads all anew and keeps nothing.
    rows.push(row("segue: the read alone, all headers", segue(&[])?.0).peak(PEAK_AIM));
    store.mark("FRS")?;
    let (took, said) = segue(&["sync"])?;
    lifted(&said)?;
    rows.push(row("segue: one flag", took));
    let bytes = std::fs::metadata(device.store())?.len();
    rows.push(Row::bytes(files, "segue: size of the store", bytes));
    for (what, sql) in SIZES {
        rows.push(Row::bytes(files, what, number(&device.store(), sql)?));
    }
    Ok(rows)
}

fn number(store: &Path, sql: &str) -> Outcome<u64> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let number: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(number.try_into()?)
}

/// A pass that found nothing was none.
fn lifted(said: &str) -> Outcome<()> {
    let said: Json = serde_json::from_str(said)?;
    match said["libraries"][0]["lifted"].as_u64() {
        Some(1..) => Ok(()),
        _ => Err(format!("no flag was found: {said}").into()),
    }
}
