//! The way of one change: a flag that is given in a store of one device, and seen in the name of the same message's file on
//! another; a tag that is given to notmuch on one, and known to notmuch on another.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::device::Device;
use crate::notmuch;
use crate::store::{Store, base, mark};
use crate::table::Row;
use crate::timed::Timed;

const QUIET: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(5);
/// The first shows what is done for the first time.
const FLAGS: [&str; 4] = ["F", "FR", "FRS", "FS"];
/// And these nobody tells the agent of.
const UNTOLD: [&str; 3] = ["S", "RS", "R"];
const TAGS: [&str; 4] = ["bench-1", "bench-2", "bench-3", "bench-4"];

/// Two devices with the same mail, in step; marks are given on the first.
pub(crate) fn rows(program: &Path, files: u32) -> Outcome<Vec<Row>> {
    let stores = [Store::new(files)?, Store::new(files)?];
    let library = |store: &Store| format!("maildir={}", store.path().display());
    let [first, second] = in_step(program, &[library(&stores[0]), library(&stores[1])])?;
    let (mut told, mut untold, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    for marks in FLAGS.into_iter().chain(UNTOLD) {
        let before = first.metrics()?.frames();
        let name = base(&mark(&stores[0].path(), marks)?)?;
        let start = Instant::now();
        let is_told = FLAGS.contains(&marks);
        if is_told {
            // As others are told to sync, too.
            first.say(&["sync"])?;
        }
        let marked = stores[1].path().join("cur").join(format!("{name}:2,{marks}"));
        until(marks, || Ok(fs::symlink_metadata(&marked).is_ok()))?;
        *(if is_told { &mut told } else { &mut untold }) = start.elapsed();
        bytes = first.rest(QUIET)?.frames() - before;
        second.rest(QUIET)?;
    }
    Ok(vec![
        Row::new(files, "segue: one flag, device to device, told to sync", took(told)),
        Row::new(files, "segue: one flag, device to device, by itself", took(untold)),
        Row::bytes(files, "segue: its bytes, both ways", bytes),
    ])
}

/// Two devices with the same mail in a notmuch database each, in step; tags are given on the first, and nobody tells its
/// agent.
pub(crate) fn tags(program: &Path, files: u32) -> Outcome<Vec<Row>> {
    notmuch::installed()?;
    let stores = [Store::new(files)?, Store::new(files)?];
    let homes = [notmuch::Home::of(&stores[0])?, notmuch::Home::of(&stores[1])?];
    for home in &homes {
        home.run(&["new"])?;
    }
    let library = |home: &notmuch::Home| format!("notmuch={}", home.configuration().display());
    let [first, second] = in_step(program, &[library(&homes[0]), library(&homes[1])])?;
    let (mut last, mut bytes) = (Duration::ZERO, 0);
    for tag in TAGS {
        let before = first.metrics()?.frames();
        homes[0].tag(tag)?;
        let start = Instant::now();
        until(tag, || homes[1].has(tag))?;
        last = start.elapsed();
        bytes = first.rest(QUIET)?.frames() - before;
        second.rest(QUIET)?;
    }
    Ok(vec![
        Row::new(files, "segue: one tag, notmuch to notmuch, by itself", took(last)),
        Row::bytes(files, "segue: its bytes, both ways", bytes),
    ])
}

fn took(time: Duration) -> Timed {
    Timed { time, processor: None, peak_bytes: None }
}

/// Two devices, each with its own library and its agent, and nothing left to do.
fn in_step(program: &Path, libraries: &[String; 2]) -> Outcome<[Device; 2]> {
    let (mut first, mut second) = (Device::new(program)?, Device::new(program)?);
    first.link(&libraries[0])?;
    first.up()?;
    second.up()?;
    first.lets_in(&second)?;
    second.until("is in step with")?;
    second.link(&libraries[1])?;
    second.rest(QUIET)?;
    first.rest(QUIET)?;
    Ok([first, second])
}

fn until(what: &str, is_so: impl Fn() -> Outcome<bool>) -> Outcome<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > PATIENCE {
            return Err(format!("{what} never came").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
