//! The command `segue`.

use std::process::ExitCode;

fn main() -> ExitCode {
    segue_agent::command_line()
}
