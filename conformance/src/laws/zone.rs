//! Times are instants: the zone of this computer is no part of them.

use super::write::some_change;
use crate::edits;
use crate::rerun::{self, SHOWN};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[Law { name: "values::f25_zones_shift_nothing", check: zones }];

/// Zones as rules, which need no zone files: far east and west, odd minutes, summer on both
/// sides of the equator.
const ZONES: &[&str] = &[
    "UTC0",
    "LINT-14",
    "BIT12",
    "NPT-5:45",
    "NST3:30NDT,M3.2.0,M11.1.0",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "LHST-10:30LHDT-11,M10.1.0,M4.1.0",
];

/// The same read and the same write in each zone, in a process of its own.
fn zones(case: &Case<'_>) -> Verdict {
    let Some(program) = &case.subject.rerun else {
        return skip("here: the write cannot be run in a process of its own");
    };
    let laid = case.lay()?;
    some_change(case, &laid)?;
    let shown = laid.beside("zone")?.join("shown");
    let mut first = None;
    for zone in ZONES {
        laid.again()?;
        let more = [("TZ", (*zone).into()), (SHOWN, shown.clone().into())];
        let child = rerun::arguments(case.subject, program, &laid.path(), &more);
        let run = rerun::command(&child).output().or_fail("cannot run it again")?;
        ensure!(run.status.success(), "{zone}: {}", String::from_utf8_lossy(&run.stderr));
        let shown = std::fs::read_to_string(&shown).or_fail("nothing was shown")?;
        let (written, _) = laid.read()?;
        let Some((one, before, after)) = &first else {
            first = Some((zone, shown, written));
            continue;
        };
        ensure!(shown == *before, "read in the zone {zone} it is another library than in {one}");
        if let Some(difference) = edits::difference(after, &written) {
            return fail(format!("written in the zone {zone} and not {one}: {difference}"));
        }
    }
    Ok(())
}
