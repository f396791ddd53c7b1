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
    if let Some(unknown) = only.iter().find(|id| classes.iter().all(|class| class.id != **id)) {
        return Err(format!("there is no class {unknown}"));
    }
    let chosen: Vec<&Class> =
        classes.iter().filter(|class| only.is_empty() || only.contains(&class.id)).collect();
    let built = build_folder(&root).map_err(|error| error.to_string())?;
    let folder = built.join("controls");
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(fail)?;
    let lock = File::create(folder.join("lock")).map_err(fail)?;
    lock.try_lock().map_err(|_| "another `cargo controls` runs in this build folder".to_owned())?;
    let bed = Bed::lay(&root, &built, &folder.join("tree")).map_err(fail)?;
    let cargo = Cargo::new(bed.tree(), &folder.join("build"), &built).map_err(fail)?;
    let controls = in_order(&chosen);
    with_guards(&cargo, &controls)?;
    let mut broken = 0;
    for (class, control) in &controls {
        let (began, class) = (Instant::now(), &class.id);
        let verdict = bed.without(control, || cargo.test(control))?;
        let (names, took) = (control.tests.join(", "), began.elapsed().as_secs_f64());
        let off = &control.off;
        match verdict {
            Verdict::Failed => say(&format!("{took:6.1} s  {class}  {off}: seen by {names}")),
            Verdict::Passed => say(&format!("{took:6.1} s  {class}  {off}: NOT SEEN by {names}")),
            Verdict::Unclear(ref why) => {
                say(&format!("{took:6.1} s  {class}  {off}: NO CONTROL of {names}: {why}"));
            }
        }
        broken += usize::from(verdict != Verdict::Failed);
    }
    let (all, took) = (controls.len(), start.elapsed().as_secs());
    match broken {
        0 => say(&format!("{all} controls, {took} s: each is seen")),
        _ => return Err(format!("{broken} of {all} controls are not seen; {took} s")),
    }
    Ok(())
}

fn build_folder(root: &Path) -> std::io::Result<PathBuf> {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    std::path::absolute(named.unwrap_or_else(|| root.join("target")))
}

/// Sorted by what has to be built again: controls of one crate, and then of one test, stand together.
fn in_order<'a>(classes: &[&'a Class]) -> Vec<(&'a Class, &'a Control)> {
    let all = classes.iter().flat_map(|class| class.controls.iter().map(|c| (*class, c)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, control)| {
        let source = control.switches.first().and_then(|switch| switch.file.split_once("/src/"));
        (source.map(|(folder, _)| folder), &control.package, &control.target)
    });
    all
}

/// The same tests with every guard on, where they must pass: a test that fails anyway sees nothing.
fn with_guards(cargo: &Cargo, controls: &[(&Class, &Control)]) -> Result<(), String> {
    let mut targets: BTreeMap<(&str, &str), BTreeSet<&String>> = BTreeMap::new();
    for (_, control) in controls {
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
