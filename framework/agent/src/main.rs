//! The command `segue`.

use std::process::ExitCode;

use segue_agent::{Agent, cli, registry};

fn main() -> ExitCode {
    let mut apps: Vec<&str> =
        registry::translators().iter().map(|translator| translator.capabilities().app).collect();
    apps.push("segue");
    cli::main(&apps, &mut |home, request, progress| Agent::open(home)?.run(request, progress))
}
