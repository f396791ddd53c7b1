//! The launcher alone. The command `segue` is its own launcher; this one is for programs that are not.

use std::process::ExitCode;

fn main() -> ExitCode {
    segue_stdio::launch(std::env::args_os().skip(1))
}
