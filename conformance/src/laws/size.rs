//! A large library costs time and memory in proportion.

use segue_translator::model::{CarriedLimit, Collection, Item, NativeId};
use segue_translator::{Container, Error, Sink, Want};

use crate::laid::Laid;
use crate::rerun::{self, MEASURED, SECONDS_MAX};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] =
    &[Law { name: "size::reads_100_000_items_within_20_s_and_1_gib", check: large }];

const ITEMS: usize = 100_000;
const KIBIBYTES_MAX: u64 = 1 << 20;

/// Counts, and keeps the last item.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) items: usize,
    pub(crate) last: Option<Item>,
}

impl Sink for Count {
    fn container(&mut self, _: Container) -> Want {
        Want::Items
    }

    fn item(&mut self, item: Item) -> Result<(), Error> {
        self.items += 1;
        self.last = Some(item);
        Ok(())
    }

    fn limit(&mut self, _: &NativeId, _: CarriedLimit) -> Result<(), Error> {
        Ok(())
    }

    fn collection(&mut self, _: Collection) -> Result<(), Error> {
        Ok(())
    }
}

/// Read, one value written, and read again, in a process of its own that is measured.
fn large(case: &Case<'_>) -> Verdict {
    let Some(enlarge) = &case.subject.large else {
        return skip("no `large` is given");
    };
    let Some(program) = &case.subject.rerun else {
        return skip("here: the write cannot be run in a process of its own");
    };
    // An app that is reached while it runs is started on the large library.
    let laid = Laid::asleep(case.subject, case.fixture)?;
    enlarge(&laid.path(), ITEMS).or_fail("cannot make a large library")?;
    laid.wake()?;
    let report = laid.beside("size")?.join("report");
    let more = [(MEASURED, report.clone().into())];
    let child = rerun::arguments(case.subject, program, &laid.path(), &more);
    let run = rerun::command(&child).output().or_fail("cannot run it again")?;
    // A process that uses up its time is ended by a signal.
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(run.status.code().is_some(), "ended, or over {SECONDS_MAX} s of processor: {said}");
    ensure!(run.status.success(), "{said}");
    let report = std::fs::read_to_string(report).or_fail("nothing was measured")?;
    let mut numbers = report.split(' ').map_while(|number| number.parse::<u64>().ok());
    let (Some(items), Some(peak)) = (numbers.next(), numbers.next()) else {
        return fail(format!("measured {report:?}"));
    };
    ensure!(items >= ITEMS as u64, "{ITEMS} items were made, {items} read");
    ensure!(peak <= KIBIBYTES_MAX, "{peak} KiB of memory; at most {KIBIBYTES_MAX}");
    laid.sound()
}
