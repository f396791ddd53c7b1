//! Feeds mutants and worst cases, and prints what became of them.
//!
//! ```text
//! segue-hostile --mutants 100000 --seconds 90 --from 1
//! segue-hostile --worst
//! ```
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use segue_hostile::{cost, mutants};

const HELP: &str = "usage: segue-hostile [--mutants N] [--seconds S] [--from SEED] | --worst \
                    | --seeds TARGET FOLDER";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--worst"] => worst(),
        ["--seeds", target, folder] => seeds(target, folder),
        ["--feed", target, file] => cost::feed(target, file),
        _ if ["--mutants", "--seconds"].iter().any(|name| number(&words, name).is_some()) => {
            mutate(&words)
        }
        _ => {
            eprintln!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn number(words: &[&str], name: &str) -> Option<u64> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1)?.parse().ok()
}

/// So many, or as many as there is time for.
fn mutate(words: &[&str]) -> ExitCode {
    let count = number(words, "--mutants");
    // What panics is reported, and what automerge panics about is its own affair.
    std::panic::set_hook(Box::new(|_| {}));
    let begin = Instant::now();
    let end = number(words, "--seconds").map(|seconds| begin + Duration::from_secs(seconds));
    let seed = number(words, "--from").unwrap_or(1);
    let goes_on = || end.is_none_or(|end| Instant::now() < end);
    let report = mutants::run(count.unwrap_or(u64::MAX), seed, &goes_on);
    println!("{report}, seed {seed}, {} s", begin.elapsed().as_secs());
    for failure in &report.failures {
        let name = format!("{}-{seed}-{}.bin", failure.target, failure.number);
        match std::fs::write(&name, &failure.bytes) {
            Ok(()) => println!("kept {name}"),
            Err(error) => println!("{name}: {error}"),
        }
    }
    let is_short = count.is_some_and(|count| report.mutants() < count);
    if is_short {
        println!("the time was over before all mutants were fed");
    }
    ExitCode::from(u8::from(!report.failures.is_empty() || is_short))
}

/// Writes what a fuzzer begins with.
fn seeds(name: &str, folder: &str) -> ExitCode {
    let Some(target) = segue_hostile::target(name) else {
        eprintln!("there is no target `{name}`");
        return ExitCode::from(2);
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        (0..).zip((target.seeds)()).try_for_each(|(number, seed): (u32, _)| {
            std::fs::write(format!("{folder}/seed-{number}"), seed)
        })
    });
    if let Err(error) = written {
        eprintln!("{folder}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn worst() -> ExitCode {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let costs = cost::all(&program);
    for cost in &costs {
        println!("{cost}");
    }
    let is_dear = |cost: &cost::Cost| !cost.is_within(true);
    ExitCode::from(u8::from(costs.iter().any(is_dear)))
}
