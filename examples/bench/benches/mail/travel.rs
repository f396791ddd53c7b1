//! A flag's way: given in a store of one device, seen in the name of the same message's file on another.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::device::Device;
use crate::store::{Store, base, mark};
use crate::table::Row;
use crate::timed::Timed;

const QUIET: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(5);
/// The first shows what is done for the first time.
const FLAGS: [&str; 4] = ["F", "FR", "FRS", "FS"];

/// Two devices with the same mail, in step; marks are given on the first.
pub(crate) fn rows(program: &Path, files: u32) -> Outcome<Vec<Row>> {
    let stores = [Store::new(files)?, Store::new(files)?];
    let (mut first, mut second) = (Device::new(program)?, Device::new(program)?);
    let link = |device: &Device, store: &Store| {
        device.link(&format!("maildir={}", store.path().display()))
    };
    link(&first, &stores[0])?;
    first.up()?;
    second.up()?;
    first.lets_in(&second)?;
    second.until("is in step with")?;
    link(&second, &stores[1])?;
    second.rest(QUIET)?;
    first.rest(QUIET)?;
    let (mut last, mut bytes) = (Duration::ZERO, 0);
    for marks in FLAGS {
        let before = first.metrics()?.frames();
        let name = base(&mark(&stores[0].path(), marks)?)?;
        // As others are told to sync, too; by itself the agent looks at folders of mail every 5 seconds.
        let start = Instant::now();
        first.say(&["sync"])?;
        until_marked(&stores[1].path().join("cur").join(format!("{name}:2,{marks}")))?;
        last = start.elapsed();
        bytes = first.rest(QUIET)?.frames() - before;
        second.rest(QUIET)?;
    }
    let took = Timed { time: last, processor: None, peak_bytes: None };
    Ok(vec![
        Row::new(files, "segue: one flag, device to device", took),
        Row::bytes(files, "segue: its bytes, both ways", bytes),
    ])
}

fn until_marked(path: &Path) -> Outcome<()> {
    let start = Instant::now();
    while fs::symlink_metadata(path).is_err() {
        if start.elapsed() > PATIENCE {
            return Err(format!("{} never came", path.display()).into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
