//! The command line: arguments in, one request to the engine, text or JSON out.
//!
//! The only place that prints. It knows terminals, colours and exit codes; it opens no library and
//! no store, and decides nothing that another front end would have to decide too.
//!
//! Invariant: standard output holds what was asked for and nothing else; with `--json` an answer is
//! exactly one JSON value, also that the command failed.

mod args;
mod ask;
mod desk;
mod exclude_args;
mod exit;
mod licence_args;
mod output;
mod peer_args;
mod qr;
mod reference;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
mod text;
mod waiting;

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, ValueEnum};

use crate::command::{Request, Response};
use crate::up::{Options, Passes, Reception, Told, unit};
use crate::{Failure, Progress, Reach};
use args::{Args, Colour};
use ask::{Ask, Misuse, Sure, ask};
use exit::{Exit, exit};
use output::{Form, Output};

/// Answers one request with the agent in this folder, or in the usual one.
pub type Run<'a> =
    dyn FnMut(Option<PathBuf>, Request, &dyn Progress) -> Result<Response, Failure> + 'a;

/// Stays as the agent in this folder, or in the usual one, and tells what happens.
pub type Stay<'a> = dyn FnMut(Options, &mut dyn FnMut(Told<'_>)) -> Result<(), Failure> + 'a;

/// Makes a ticket with the agent in this folder, or in the usual one, and serves until it was used.
pub type Host<'a> =
    dyn FnMut(Option<PathBuf>, Request, &mut dyn Reception) -> Result<(), Failure> + 'a;

/// Runs one command line: that of this process, on its standard output and error. `apps` are the
/// names that a library may begin with.
pub fn main(
    apps: &[&str],
    run: &mut Run<'_>,
    stay: &mut Stay<'_>,
    host: &mut Host<'_>,
) -> ExitCode {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let world = World {
        home: set("SEGUE_HOME").map(PathBuf::from),
        no_colour: set("NO_COLOR").is_some(),
        out: io::stdout().is_terminal(),
        err: io::stderr().is_terminal(),
        input: io::stdin().is_terminal(),
    };
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let words: Vec<OsString> = env::args_os().collect();
    let output = Output { out: &mut out, err: &mut err, form: Form::default() };
    Session { world, apps, output, run, stay, host }.main(&words).into()
}

/// Where a command line prints.
pub struct Streams<'a> {
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// Everything else.
    pub err: &'a mut dyn Write,
}

/// Runs one command line as if no terminal watched and no variable were set; returns its exit
/// code. `words` begin with the program's name.
pub fn run(words: &[OsString], apps: &[&str], streams: Streams<'_>, run: &mut Run<'_>) -> u8 {
    let Streams { out, err } = streams;
    let output = Output { out, err, form: Form::default() };
    let stay: &mut Stay<'_> = &mut |_, _| Err(Failure::refused("no agent can stay here", ""));
    let host: &mut Host<'_> = &mut |_, _, _| Err(Failure::refused("nobody can join here", ""));
    let world = World::default();
    Session { world, apps, output, run, stay, host }.main(words) as u8
}

/// What the environment says.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a stream of its own")]
struct World {
    home: Option<PathBuf>,
    no_colour: bool,
    /// Whether a person sees standard output.
    out: bool,
    /// Whether a person sees standard error.
    err: bool,
    /// Whether a person can answer.
    input: bool,
}

impl World {
    fn colour(&self, when: Colour, terminal: bool) -> bool {
        match when {
            Colour::Auto => terminal && !self.no_colour,
            Colour::Always => true,
            Colour::Never => false,
        }
    }
}

/// Whether JSON and when colour is wanted, as far as a command line says so that may be wrong.
fn wanted(words: &[OsString]) -> (bool, Colour) {
    let mut wanted = (false, Colour::Auto);
    let mut before = None;
    for word in words.iter().skip(1).take_while(|word| *word != "--") {
        let word = word.to_string_lossy();
        wanted.0 |= word == "--json";
        let apart = (before.as_deref() == Some("--color")).then_some(&*word);
        let when = word.strip_prefix("--color=").or(apart);
        if let Some(when) = when.and_then(|when| Colour::from_str(when, false).ok()) {
            wanted.1 = when;
        }
        before = Some(word.into_owned());
    }
    wanted
}

/// One command line and all that it may touch.
struct Session<'a, 'b> {
    world: World,
    apps: &'a [&'a str],
    output: Output<'a>,
    run: &'a mut Run<'b>,
    stay: &'a mut Stay<'b>,
    host: &'a mut Host<'b>,
}

impl Session<'_, '_> {
    fn main(mut self, words: &[OsString]) -> Exit {
        let parsed = Args::command().try_get_matches_from(words);
        let parsed = parsed.and_then(|matches| Ok((Args::from_arg_matches(&matches)?, matches)));
        let (args, matches) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return self.not_understood(&error, words),
        };
        self.output.form =
            Form { json: args.json, colour: self.world.colour(args.color, self.world.err) };
        let home = args.home.or(self.world.home.take());
        match ask(args.command, &matches, self.apps) {
            Ok(Ask::Run(request)) => self.answer(home, &request),
            Ok(Ask::PlanAndShow(request, what)) => self.plan_and_show(home, &request, what),
            Ok(Ask::Up(reach)) => {
                self.stay(Options { folder: home, reach, passes: Passes::Always })
            }
            Ok(Ask::Unit(reach)) => self.unit(home.as_deref(), reach),
            Ok(Ask::Invite(request)) => self.invite(home, request),
            Ok(Ask::Revoke { peer, limits, sure }) => self.revoke(home, peer, limits, sure),
            Ok(Ask::Completions(shell)) => self.output.bytes(&reference::completions(shell)),
            Ok(Ask::Man(None)) => self.output.made(reference::man_page()),
            Ok(Ask::Man(Some(folder))) => self.output.made(reference::man_pages(&folder)),
            Err(Misuse { sentence, hint }) => {
                self.output.error(&sentence, Some(&hint));
                Exit::Usage
            }
        }
    }

    /// Help and version are data; what clap refuses is a usage error.
    fn not_understood(mut self, error: &clap::Error, words: &[OsString]) -> Exit {
        let (json, when) = wanted(words);
        let data = !error.use_stderr();
        let colour = self.world.colour(when, if data { self.world.out } else { self.world.err });
        self.output.form = Form { json, colour };
        let (plain, styled) = (error.render().to_string(), error.render().ansi().to_string());
        let text = if colour { &styled } else { &plain };
        if data {
            return self.output.bytes(text.as_bytes());
        }
        self.output.usage(&plain, text);
        Exit::Usage
    }

    fn answer(mut self, home: Option<PathBuf>, request: &Request) -> Exit {
        match self.ask_agent(home, request.clone()) {
            Ok(response) => self.output.response(request, &response, exit(&response)),
            Err(failure) => self.output.failure(&failure),
        }
    }

    fn stay(mut self, options: Options) -> Exit {
        let output = &mut self.output;
        let ended = (self.stay)(options, &mut |told| match told {
            Told::Serving(agent) => output.serving(agent),
            Told::Said(sentence) => output.said(sentence),
        });
        match ended {
            Ok(()) => Exit::Done,
            Err(failure) => self.output.failure(&failure),
        }
    }

    /// A ticket at once, then whoever comes with it.
    fn invite(mut self, home: Option<PathBuf>, request: Request) -> Exit {
        let asks = self.world.input && self.world.err && !self.output.form.json;
        let mut desk = desk::Desk { output: &mut self.output, asks, broken: Exit::Done };
        let ended = (self.host)(home, request, &mut desk);
        let broken = desk.broken;
        match ended {
            Ok(()) => broken,
            // A ticket was printed, which is the answer: what else there is goes to standard error.
            Err(failure) => self.output.failure(&failure),
        }
    }

    fn revoke(mut self, home: Option<PathBuf>, peer: String, limits: bool, sure: Sure) -> Exit {
        let asks = self.world.input && self.world.err && !self.output.form.json;
        if sure == Sure::Ask {
            if !asks {
                let sentence = "nobody can be asked here whether that is meant";
                self.output.error(sentence, Some("say so: segue revoke PEER --yes"));
                return Exit::Failed;
            }
            let question = format!("What {peer} writes from now on counts nowhere. Put it out?");
            if !desk::confirm(&mut self.output, &question) {
                return Exit::Done;
            }
        }
        self.answer(home, &Request::Revoke { peer, limits })
    }

    fn unit(mut self, home: Option<&Path>, reach: Option<Reach>) -> Exit {
        let home = home.and_then(|home| std::path::absolute(home).ok());
        let unit =
            env::current_exe().ok().and_then(|program| unit(&program, home.as_deref(), reach));
        if let Some(unit) = unit {
            return self.output.bytes(unit.as_bytes());
        }
        self.output.error("the path of this program cannot stand in a unit", None);
        Exit::Failed
    }

    /// A new plan and some of its edits: one value, two requests.
    fn plan_and_show(mut self, home: Option<PathBuf>, request: &Request, what: String) -> Exit {
        let plan = match self.ask_agent(home.clone(), request.clone()) {
            Ok(plan) => plan,
            Err(failure) => return self.output.failure(&failure),
        };
        let Response::Plan(report) = &plan else {
            return self.output.response(request, &plan, exit(&plan));
        };
        let show = Request::ShowPlan { plan: report.plan.clone(), what };
        match self.ask_agent(home, show.clone()) {
            Ok(shown) => self.output.shown(&show, &plan, &shown, exit(&plan)),
            Err(failure) => self.output.failure(&failure),
        }
    }

    fn ask_agent(&mut self, home: Option<PathBuf>, request: Request) -> Result<Response, Failure> {
        if !self.world.err || self.output.form.json {
            return (self.run)(home, request, &waiting::Plain);
        }
        let waiting = waiting::Waiting::begin();
        (self.run)(home, request, &waiting)
    }
}
