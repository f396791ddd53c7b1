//! This process as the command `segue`.
//!
//! It is also what it starts itself as: the launcher of a translator that is a program of its own,
//! and the writer that a crash trial kills. Neither is a command for people.

use std::process::ExitCode;

use crate::command::{Request, Response};
use crate::world::usual_folder;
use crate::{Progress, cli, conform, registry, up};

/// Does what this process's arguments say, on its standard streams.
pub fn command_line() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(word) if word == registry::LAUNCH => return registry::launch(arguments),
        Some(word) if word == conform::WRITE => return conform::write_again(arguments),
        _ => {}
    }
    let apps = registry::apps();
    let apps: Vec<&str> = apps.iter().map(String::as_str).collect();
    let mut run = |home, request, progress: &dyn Progress| match request {
        Request::Conformance(request) => {
            conform::conformance(&request, progress).map(Response::Conformance)
        }
        request => up::run(home, request, progress),
    };
    let mut host = |home, request, reception: &mut dyn up::Reception| {
        up::invite(&usual_folder(home), request, reception)
    };
    cli::main(&apps, &mut run, &mut |options, tell| up::up(options, tell), &mut host)
}
