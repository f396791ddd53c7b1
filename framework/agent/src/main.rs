//! The command `segue`.

use std::process::ExitCode;

use segue_agent::{Failure, cli};

fn main() -> ExitCode {
    cli::main(&["rhythmbox", "strawberry"], &mut |_home, request, _progress| {
        Err(Failure::refused(format!("{request:?} cannot be answered"), ""))
    })
}
