//! Killed or failed at any system call of a write, a library is the old one or the new one. Where a write
//! is declared to be made piece by piece, this is so of each value.
//!
//! The write runs in a process of its own under `strace`, which counts its calls and then, run by
//! run, kills it at one of them or makes one fail. A write torn inside one call is not tried.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::Output;

use segue_translator::Collector;
use segue_translator::model::{Catalog, ChangeSet, Field, Fields, Item, Rule, Value};

use crate::edits;
use crate::laid::Laid;
use crate::rerun::{self, BEGIN, END, REPORTED};
use crate::trial::{Case, Law, OrFail as _, Verdict, ensure, fail, skip};

pub(crate) const LAWS: &[Law] = &[
    Law { name: "crash::f29_killed_it_is_old_or_new", check: |case| at_every(case, &KILL) },
    Law { name: "crash::f29_disk_full_it_is_old_or_new", check: |case| at_every(case, &FULL) },
    Law { name: "crash::f29_disk_failing_it_is_old_or_new", check: |case| at_every(case, &FAIL) },
];

/// The most runs of one trial; with more calls than that, evenly chosen ones and the last.
const RUNS_MAX: usize = 48;

/// Calls that bring bytes or names to a disk, or to an app. A question mark: not every machine has it.
const CALLS: &[&str] = &[
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "?pwritev2",
    "?rename",
    "renameat",
    "?renameat2",
    "fsync",
    "fdatasync",
    "?sync_file_range",
    "ftruncate",
    "fallocate",
    "?unlink",
    "unlinkat",
    "?link",
    "linkat",
    "copy_file_range",
    "sendto",
    "sendmsg",
    "?sendfile",
    "?mkdir",
    "mkdirat",
];

/// What happens at a call, and which calls it can happen at.
struct Blow {
    injection: &'static str,
    except: &'static [&'static str],
}

const KILL: Blow = Blow { injection: "signal=KILL", except: &[] };
const FULL: Blow =
    Blow { injection: "error=ENOSPC", except: &["fsync", "fdatasync", "unlink", "unlinkat"] };
const FAIL: Blow = Blow { injection: "error=EIO", except: &["unlink", "unlinkat"] };

/// One call of the write: its name and how many of that name the process made until then.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Call {
    name: String,
    number: usize,
}

fn strace(options: &[&str], child: &[OsString]) -> std::io::Result<Output> {
    let mut arguments: Vec<OsString> = ["strace", "-f", "-qq"].map(Into::into).to_vec();
    arguments.extend(options.iter().map(Into::into));
    arguments.push("--".into());
    arguments.extend_from_slice(child);
    rerun::command(&arguments).output()
}

/// Whether processes can be traced here at all.
fn can_trace() -> Result<(), String> {
    let probe = strace(&["-o", "/dev/null", "-e", "inject=getppid:error=EIO"], &["true".into()]);
    match probe {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().next().unwrap_or("strace failed").to_owned())
        }
        Err(error) => Err(format!("strace: {error}")),
    }
}

fn at_every(case: &Case<'_>, blow: &Blow) -> Verdict {
    let Some(program) = &case.subject.rerun else {
        return skip("here: the write cannot be run in a process of its own");
    };
    if let Err(why) = can_trace() {
        return skip(format!("here: {why}"));
    }
    let laid = case.lay()?;
    let (old, _) = laid.read()?;
    super::write::some_change(case, &laid)?;
    let child = rerun::arguments(case.subject, program, &laid.path(), &[]);
    let calls = calls(&laid, &child)?;
    let log = laid.beside("trace")?.join("injected");
    let log = log.to_string_lossy();
    let (new, _) = laid.read()?;
    ensure!(old != new, "the write changed nothing that can be read");
    let calls: Vec<_> =
        calls.into_iter().filter(|call| !blow.except.contains(&call.name.as_str())).collect();
    // The last first: there a library is most often found torn.
    for (index, call) in chosen(&calls).into_iter().rev().enumerate() {
        laid.again()?;
        let injection = format!("inject={}:{}:when={}", call.name, blow.injection, call.number);
        let calls = format!("trace={}", call.name);
        let run = strace(&["-o", &log, "-e", &calls, "-e", &injection], &child);
        let run = run.or_fail("cannot run strace")?;
        let code = run.status.code();
        let at = format!("{} at {} {}", blow.injection, call.name, call.number);
        let killed = blow.injection.starts_with("signal");
        ensure!(
            if killed { code != Some(0) } else { code == Some(0) || code == Some(REPORTED.into()) },
            "{at}: ended with {code:?}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
        let injected = killed || read(Path::new(&*log))?.contains("(INJECTED)");
        ensure!(injected, "{at}: the call was not made again");
        let state = is_old_or_new(case, &laid, (&old, &new), &at)?;
        ensure!(code != Some(0) || state == State::New, "{at}: success was told, nothing written");
        // Whoever writes without asking for it first must get along too.
        if index % 2 == 0 {
            finishes(&laid, &at)?;
        }
        goes_on(case, &laid, &at)?;
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum State {
    Old,
    New,
    /// Items of one and collections of the other, or each value for itself, where that is declared.
    Between,
}

/// Whether each value is old or new, of a set each element, and all else the same in all three.
fn is_of_either(old: &Catalog, new: &Catalog, found: &Catalog) -> bool {
    let rest = |catalog: &Catalog| {
        let mut rest = catalog.clone();
        rest.items.iter_mut().for_each(|item| item.fields = Fields::default());
        // A place may be there before what is put into it.
        rest.collections
            .retain(|one| one.kind.named_in.is_none() || old.collection(&one.id).is_some());
        rest
    };
    let items = found.items.iter().zip(old.items.iter().zip(&new.items));
    let mut values = items.flat_map(|(found, (old, new))| {
        let all = [found, old, new].into_iter().flat_map(|item| item.fields.iter());
        let fields: BTreeSet<&'static Field> = all.map(|(field, _)| field).collect();
        fields.into_iter().map(|field| {
            let value = |item: &'_ Item| item.fields.value(field).cloned();
            (field.rule, value(found), value(old), value(new))
        })
    });
    rest(old) == rest(found)
        && rest(new) == rest(found)
        && values.all(|(rule, found, old, new)| {
            found == old || found == new || rule == Rule::Set && lies_between(found, old, new)
        })
}

/// Whether a set has each element that both others have, and none that neither has.
fn lies_between(found: Option<Value>, old: Option<Value>, new: Option<Value>) -> bool {
    let [found, old, new] = [found, old, new].map(|set| match set {
        Some(Value::List(texts)) => BTreeSet::from_iter(texts),
        _ => BTreeSet::new(),
    });
    old.intersection(&new).all(|text| found.contains(text))
        && found.iter().all(|text| old.contains(text) || new.contains(text))
}

/// Whether items and collections are each old or new.
fn is_of_both(old: &Catalog, new: &Catalog, found: &Catalog) -> bool {
    (found.items == old.items || found.items == new.items)
        && (found.collections == old.collections || found.collections == new.collections)
}

fn is_old_or_new(
    case: &Case<'_>,
    laid: &Laid,
    (old, new): (&Catalog, &Catalog),
    at: &str,
) -> Verdict<State> {
    let separate = case.subject.separate_files.is_some();
    let piecewise = case.capabilities()?.piecewise;
    let read = laid.open().and_then(|library| Collector::collect(&*library).or_fail("read"));
    let Ok((found, _)) = read else {
        return fail(format!("{at}: the library cannot be read: {:?}", read.err()));
    };
    let state = match (edits::difference(old, &found), edits::difference(new, &found)) {
        (None, _) => State::Old,
        (_, None) => State::New,
        (Some(_), Some(_)) if separate && is_of_both(old, new, &found) => State::Between,
        (Some(_), Some(_)) if piecewise && is_of_either(old, new, &found) => State::Between,
        (Some(old), Some(new)) => {
            return fail(format!("{at}: neither old ({old}) nor new ({new})"));
        }
    };
    laid.sound().or_else(|stop| fail(format!("{at}: {stop:?}")))?;
    Ok(state)
}

/// What a crash left behind is finished once, and read as before.
fn finishes(laid: &Laid, at: &str) -> Verdict {
    let (before, _) = laid.read()?;
    let finish = || laid.open()?.finish().or_fail("cannot finish");
    finish().or_else(|stop| fail(format!("{at}, then: {stop:?}")))?;
    let (after, files) = (laid.read()?.0, laid.files()?);
    if let Some(difference) = edits::difference(&before, &after) {
        return fail(format!("{at}: finished, it reads otherwise: {difference}"));
    }
    laid.sound().or_else(|stop| fail(format!("{at}, finished: {stop:?}")))?;
    finish()?;
    ensure!(laid.files()? == files, "{at}: what was finished is finished again");
    Ok(())
}

/// What a crash left behind must not be in the way of the next write.
fn goes_on(case: &Case<'_>, laid: &Laid, at: &str) -> Verdict {
    let (catalog, _) = laid.read()?;
    let capabilities = case.capabilities()?;
    let mut rng = fastrand::Rng::with_seed(case.subject.seed + 1);
    let all: Vec<_> = catalog.items.iter().collect();
    let fields = edits::random_fields(&mut rng, &all, capabilities);
    let changes = ChangeSet { fields, ..ChangeSet::default() };
    laid.write(&changes).map(drop).or_else(|stop| fail(format!("{at}, then: {stop:?}")))
}

/// Runs the write once and lists its calls.
fn calls(laid: &Laid, child: &[OsString]) -> Verdict<Vec<Call>> {
    let trace = laid.beside("trace")?.join("calls");
    let what = format!("trace=?stat,?statx,?newfstatat,{}", CALLS.join(","));
    let path = trace.to_string_lossy().into_owned();
    let run = strace(&["-o", &path, "-e", &what], child).or_fail("cannot run strace")?;
    ensure!(run.status.success(), "the write failed: {run:?}");
    let calls = parse(&read(&trace)?);
    ensure!(!calls.is_empty(), "the write made no call that can be seen");
    Ok(calls)
}

fn read(path: &Path) -> Verdict<String> {
    let bytes = std::fs::read(path).or_fail("cannot read the trace")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The calls between the marks, by the process and thread that made the marks. Numbers count all
/// calls of that thread, as `strace` does.
fn parse(trace: &str) -> Vec<Call> {
    let Some(thread) = trace.lines().find(|line| line.contains(BEGIN)).and_then(thread_of) else {
        return Vec::new();
    };
    let mut counts = std::collections::HashMap::new();
    let (mut calls, mut inside) = (Vec::new(), false);
    for line in trace.lines().filter(|line| thread_of(line) == Some(thread)) {
        inside = (inside || line.contains(BEGIN)) && !line.contains(END);
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, _)) = rest.split_once('(') else { continue };
        if !CALLS.iter().any(|call| call.trim_start_matches('?') == name) {
            continue;
        }
        let number = counts.entry(name).or_insert(0);
        *number += 1;
        if inside {
            calls.push(Call { name: name.to_owned(), number: *number });
        }
    }
    calls
}

fn thread_of(line: &str) -> Option<&str> {
    line.split_whitespace().next()
}

fn chosen(calls: &[Call]) -> Vec<Call> {
    let step = calls.len().div_ceil(RUNS_MAX).max(1);
    let mut chosen: Vec<_> = calls.iter().step_by(step).cloned().collect();
    if let Some(last) = calls.last().filter(|last| chosen.last() != Some(last)) {
        chosen.push(last.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_from_the_start_and_listed_between_the_marks() {
        let trace = format!(
            "7 write(1, \"x\", 1) = 1\n7 statx(AT_FDCWD, \"{BEGIN}\", 0) = -1 ENOENT\n\
             8 write(3, \"other\", 5) = 5\n7 write(3, \"ab\" <unfinished ...>\n\
             7 <... write resumed>) = 2\n7 fsync(3) = 0\n7 statx(AT_FDCWD, \"{END}\", 0) = -1\n\
             7 write(1, \"y\", 1) = 1\n"
        );
        let call = |name: &str, number| Call { name: name.into(), number };
        assert_eq!(parse(&trace), [call("write", 2), call("fsync", 1)]);
    }

    #[test]
    fn many_calls_are_sampled_and_the_last_is_always_tried() {
        let all: Vec<_> = (1..=100).map(|number| Call { name: "w".into(), number }).collect();
        let chosen = chosen(&all);
        assert!(chosen.len() <= RUNS_MAX + 1);
        assert_eq!((chosen.first(), chosen.last()), (all.first(), all.last()));
    }
}
