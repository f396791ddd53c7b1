//! `cargo controls [--only F04 …]`: switches every guard off, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use segue_controls::{Bed, Cargo, Class, Control, Verdict, all, root};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only: Vec<String> = match arguments.split_first() {
        None => Vec::new(),
        Some((option, classes)) if option == "--only" && !classes.is_empty() => {
            classes.iter().map(|class| class.to_uppercase()).collect()
        }
        Some(_) => {
            say("usage: cargo controls [--only F04 …]");
            return ExitCode::from(2);
        }
    };
    match run(&only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&why);
            ExitCode::FAILURE
        }
    }
}

/// Says a line at once, also into a pipe. Nobody is left to tell if stdout is gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tries the controls of the classes named in `only`, or all.
fn run(only: &[String]) -> Result<(), String> {
    let (root, start) = (root(), Instant::now());
    let classes = all(&root)?;
    let chosen = chosen(&classes, only)?;
    let built = build_folder(&root).map_err(|error| error.to_string())?;
    let folder = built.join("controls");
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(fail)?;
    let lock = File::create(folder.join("lock")).map_err(fail)?;
    lock.try_lock().map_err(|_| "another `cargo controls` runs in this build folder".to_owned())?;
    let every: Vec<_> = classes.iter().flat_map(Class::named).collect();
    let bed = Bed::lay(&root, &built, &folder.join("tree"), &every).map_err(fail)?;
    let controls = in_order(&chosen, &bed);
    let cargo = Cargo::new(bed.tree(), &folder.join("build"), &built).map_err(fail)?;
    with_guards(&cargo, &controls)?;
    let mut unseen = 0;
    for trial in &controls {
        unseen += usize::from(!is_seen(&bed, &cargo, trial)?);
    }
    let (all, took) = (controls.len(), start.elapsed().as_secs());
    if unseen > 0 {
        return Err(format!("{unseen} of {all} controls are not seen; {took} s"));
    }
    say(&format!("{all} controls, {took} s: each is seen"));
    Ok(())
}

fn chosen<'a>(classes: &'a [Class], only: &[String]) -> Result<Vec<&'a Class>, String> {
    if let Some(unknown) = only.iter().find(|id| classes.iter().all(|class| class.id != **id)) {
        return Err(format!("there is no class {unknown}"));
    }
    Ok(classes.iter().filter(|class| only.is_empty() || only.contains(&class.id)).collect())
}

/// A control with its name.
struct Trial<'a> {
    name: String,
    control: &'a Control,
}

/// Tries one control, says how it went, and whether its tests see that the guard is off.
fn is_seen(bed: &Bed, cargo: &Cargo, trial: &Trial<'_>) -> Result<bool, String> {
    let (began, Trial { name, control }) = (Instant::now(), trial);
    let verdict = bed.without((name, control), || cargo.test(control))?;
    let (word, why) = match &verdict {
        Verdict::Failed => ("seen by", String::new()),
        Verdict::Passed => ("NOT SEEN by", String::new()),
        Verdict::Unclear(why) => ("NO CONTROL of", format!(": {why}")),
    };
    let (took, names) = (began.elapsed().as_secs_f64(), control.tests.join(", "));
    say(&format!("{took:6.1} s  {name}  {}: {word} {names}{why}", control.off));
    Ok(verdict == Verdict::Failed)
}

fn build_folder(root: &Path) -> std::io::Result<PathBuf> {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    std::path::absolute(named.unwrap_or_else(|| root.join("target")))
}

/// First what needs nothing built again; then by crate and test, so that little is.
fn in_order<'a>(classes: &[&'a Class], bed: &Bed) -> Vec<Trial<'a>> {
    let all = classes.iter().flat_map(|class| class.named());
    let mut all: Vec<_> = all.map(|(name, control)| Trial { name, control }).collect();
    all.sort_by_key(|Trial { name, control }| {
        let source = control.switches.first().and_then(|switch| switch.file.split_once("/src/"));
        let folder = source.map(|(folder, _)| folder);
        (bed.is_alone(name), folder, &control.package, &control.target)
    });
    all
}

/// The same tests with every guard on, where they must pass: a test that fails anyway sees nothing.
fn with_guards(cargo: &Cargo, controls: &[Trial<'_>]) -> Result<(), String> {
    let mut targets: BTreeMap<(&str, &str), BTreeSet<&String>> = BTreeMap::new();
    for Trial { control, .. } in controls {
        let names = targets.entry((&control.package, &control.target)).or_default();
        names.extend(&control.tests);
    }
    for ((package, target), names) in targets {
        let began = Instant::now();
        let names: Vec<String> = names.into_iter().cloned().collect();
        for names in names.chunks(Cargo::names_at_once(target)) {
            match cargo.test_named(package, target, names) {
                Verdict::Passed => {}
                other => return Err(format!("{package} {target}: with its guard: {other:?}")),
            }
        }
        let took = began.elapsed().as_secs_f64();
        say(&format!("{took:6.1} s  {package} {target}: {} pass with their guards", names.len()));
    }
    Ok(())
}
