//! Two devices, each with an agent of its own, in step over QUIC on this computer.
//!
//! The desk has the library of a real Rhythmbox, the laptop that of a real Strawberry. What is shown is what two people
//! would type and see; the claims are checked in the apps' own files. The processes are real: this program starts
//! itself as `segue`.

mod device;
mod story;

use std::process::ExitCode;

/// Started with this it is the command `segue`, with the words that follow.
const SEGUE: &str = "segue";

fn main() -> ExitCode {
    if std::env::var_os(device::AS_SEGUE).is_some() {
        return segue_agent::command_line();
    }
    let mut out = std::io::stdout().lock();
    match story::tell(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The example failed: {error}");
            ExitCode::FAILURE
        }
    }
}
