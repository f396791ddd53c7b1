//! Nothing of a program outlives it, however it tries.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use segue_translator::{Collector, Library};

use crate::Program;

/// How long we wait for what must happen soon.
const SOON: Duration = Duration::from_secs(20);

/// Says `$number` as a loss.
const SAY: &str = r#"answer "{\"losses\":[{\"id\":\"/a\",\"what\":\"$number\"}]}""#;

/// Starts what lives on, and knows its number. The last two have another session and no parent but
/// the keeper; the very last stays with nothing that it could be found by.
const WAYS: [&str; 4] = [
    "sleep 1000 </dev/null >/dev/null 2>&1 & number=$!",
    "sh -c 'trap \"\" HUP INT TERM; sleep 1000' </dev/null >/dev/null 2>&1 & number=$!",
    "number=$(setsid sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!')",
    "number=$(setsid sh -c 'setsid env -i sleep 1000 </dev/null >/dev/null 2>&1 & echo $!')",
];

fn is_alive(number: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['R', 'S', 'D']))
}

fn is_gone_soon(number: &str, way: &str) {
    let begin = Instant::now();
    while is_alive(number) {
        assert!(begin.elapsed() < SOON, "it is still there: {way}");
        std::thread::yield_now();
    }
}

/// An open library, and what its program said.
fn said(program: &Program) -> (Box<dyn Library>, String) {
    let library = program.open();
    let (_, reading) = Collector::collect(&*library).unwrap();
    (library, reading.losses[0].what.clone())
}

#[test]
fn nothing_lives_on_after_a_program_that_ends() {
    for way in WAYS {
        let (library, number) = said(&Program::new(way, SAY, "true"));
        assert!(is_alive(&number), "{way}");
        drop(library);
        assert!(!is_alive(&number), "it is still there: {way}");
    }
}

#[test]
fn nothing_lives_on_after_a_program_that_is_ended() {
    for way in WAYS {
        // It tells its number, and at the next read it does not answer.
        let hang = format!(r"if [ $n = 2 ]; then {SAY}; else sleep 1000; fi");
        let mut program = Program::new(way, &hang, "true");
        program.around.limits.answer = Duration::from_secs(2);
        let (library, number) = said(&program);
        assert!(is_alive(&number), "{way}");
        assert!(Collector::collect(&*library).is_err());
        assert!(!is_alive(&number), "it is still there: {way}");
    }
}

#[test]
fn what_a_program_left_behind_when_it_ended_by_itself_is_ended() {
    for way in WAYS {
        let (library, number) = said(&Program::new(way, &format!("{SAY}; exit 0"), "true"));
        is_gone_soon(&number, way);
        drop(library);
    }
}

/// The kernel gives no more than this: what the program itself started is not found any more.
#[test]
fn a_program_ends_with_its_keeper() {
    let (library, numbers) = said(&Program::new("number=\"$$ $PPID\"", SAY, "true"));
    let (own, keeper) = numbers.split_once(' ').unwrap();
    assert!(is_alive(own) && is_alive(keeper));
    kill_process(Pid::from_raw(keeper.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    is_gone_soon(own, "the keeper is gone");
    drop(library);
}
