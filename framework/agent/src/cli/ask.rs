//! From what was typed to what is asked.
//!
//! It checks what can be known without opening anything, chiefly which words are apps; whether a
//! plan or an item exists is the engine's to say.
//!
//! Invariant: a word that could mean two things is refused, never guessed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::ArgMatches;
use clap_complete::Shell;

use super::args::{Action, Command, PlanArgs};
use super::exclude_args::{ExcludeArgs, ScopeArgs};
use super::peer_args::{InviteArgs, NetworkArg, RoleArg};
use crate::Reach;
use crate::command::{Conformance, ExcludeAction, LibrarySpec, Request, RoleName, ServiceAction};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Answer a request.
    Run(Request),
    /// Make a plan, then list some of its edits.
    PlanAndShow(Request, String),
    /// Stay, as the agent.
    Up(Option<Reach>),
    /// Make a ticket, and perhaps wait for who comes with it.
    Invite(Request),
    /// Put a device out, after asking unless that was said.
    Revoke {
        /// The device.
        peer: String,
        /// What it said of limits ends, too.
        limits: bool,
        /// Whether that was said.
        sure: Sure,
    },
    /// Print a unit for systemd.
    Unit(Option<Reach>),
    /// Print completions.
    Completions(Shell),
    /// Print or write manual pages.
    Man(Option<PathBuf>),
}

/// Whether a person has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// They said so.
    Said,
    /// They are asked, where a terminal is.
    Ask,
}

/// A command line that makes no sense, though each word is well formed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misuse {
    /// What is wrong.
    pub(super) sentence: String,
    /// What to say instead.
    pub(super) hint: String,
}

/// What `command` asks for. `matches` are those of the whole line: order matters for roots.
pub(super) fn ask(
    command: Option<Command>,
    matches: &ArgMatches,
    apps: &[&str],
) -> Result<Ask, Misuse> {
    let request = match command {
        None => Request::Look,
        Some(Command::Plan(plan)) => return ask_plan(plan, matches, apps),
        Some(Command::Apply { plan }) => Request::Apply { plan },
        Some(Command::Sync { libraries, dry_run, yes }) => {
            Request::Sync { libraries: libraries_of(&libraries, apps)?, dry_run, yes }
        }
        Some(Command::Match { item: Some(item), other: Some(other), apart }) => {
            Request::Match { item, other, apart }
        }
        Some(Command::Match { .. }) => Request::Matches,
        Some(Command::Status) => Request::Status,
        Some(Command::Log) => Request::Log,
        Some(Command::Export { document }) => Request::Export { document },
        Some(Command::Find { text }) => Request::Find { text },
        Some(Command::Why { item, field }) => Request::Why { item, field },
        Some(Command::Conflicts) => Request::Conflicts,
        Some(Command::Licences { action: None }) => Request::Licences,
        Some(Command::Licences { action: Some(action) }) => action.request(),
        Some(Command::Exclude(exclude)) => ask_exclude(exclude, apps)?,
        Some(Command::Resolve { item, field, value, keep }) => {
            Request::Resolve { item, field, value, keep }
        }
        Some(Command::Undo { operation }) => Request::Undo { operation },
        Some(Command::Redo) => Request::Redo,
        Some(Command::Unlink { library }) => {
            // What translated it may be gone, and then nothing but this can be done about it.
            let app = split(&library).map_or_else(|| library.to_string_lossy().into(), |it| it.0);
            Request::Unlink { library: library_of(&library, &[apps, &[&app]].concat())? }
        }
        Some(Command::Up { print_unit: false, network }) => {
            return Ok(Ask::Up(network.map(Reach::from)));
        }
        Some(Command::Up { print_unit: true, network }) => {
            return Ok(Ask::Unit(network.map(Reach::from)));
        }
        Some(Command::Invite(invite)) => return Ok(ask_invite(invite)),
        Some(Command::Join { ticket, yes, network }) => {
            let reach = network.map(Reach::from);
            Request::Join { ticket: ticket.concat(), moves: yes, reach }
        }
        Some(Command::Peers { admit: Some(peer), .. }) => Request::Admit { peer, yes: true },
        Some(Command::Peers { refuse: Some(peer), .. }) => Request::Admit { peer, yes: false },
        Some(Command::Peers { .. }) => Request::Peers,
        Some(Command::Revoke { peer, limits, yes }) => {
            let sure = if yes { Sure::Said } else { Sure::Ask };
            return Ok(Ask::Revoke { peer, limits, sure });
        }
        Some(Command::Service { library, action }) => {
            ask_service(library.as_deref(), action, apps)?
        }
        Some(Command::Metrics) => Request::Metrics,
        Some(Command::Doctor) => Request::Doctor,
        Some(Command::Conformance { executable, fixture, seed, only }) => {
            Request::Conformance(Conformance { executable, fixture, seed, only })
        }
        Some(Command::Completions { shell }) => return Ok(Ask::Completions(shell)),
        Some(Command::Man { folder }) => return Ok(Ask::Man(folder)),
    };
    Ok(Ask::Run(request))
}

impl From<NetworkArg> for Reach {
    fn from(said: NetworkArg) -> Self {
        match said {
            NetworkArg::Loopback => Self::Loopback,
            NetworkArg::Lan => Self::Lan,
            NetworkArg::Internet => Self::Internet,
        }
    }
}

fn ask_invite(invite: InviteArgs) -> Ask {
    if invite.cancel {
        return Ask::Run(Request::CancelInvitations);
    }
    let role = match invite.role {
        RoleArg::Read => RoleName::Read,
        RoleArg::Write => RoleName::Write,
        RoleArg::Admin => RoleName::Admin,
    };
    let (document, seconds, yes) = (invite.document, invite.expires, invite.yes);
    let reach = invite.network.map(Reach::from);
    Ask::Invite(Request::Invite { document, role, seconds, yes, reach })
}

fn ask_exclude(exclude: ExcludeArgs, apps: &[&str]) -> Result<Request, Misuse> {
    let action = match (exclude.what, exclude.remove) {
        (Some(what), _) => {
            let (what, ScopeArgs { library, from, until }) = what.parts();
            let library = library.map(|word| library_of(&word, apps)).transpose()?;
            ExcludeAction::Add { what, library, from, until }
        }
        (None, Some(rule)) => ExcludeAction::Remove { rule },
        (None, None) => return Ok(Request::Exclusions),
    };
    Ok(Request::Exclude { action })
}

fn ask_service(
    library: Option<&OsStr>,
    action: Option<Action>,
    apps: &[&str],
) -> Result<Request, Misuse> {
    let library = match (library, action) {
        (Some(word), None) if word == "log" && !apps.contains(&"log") => {
            return Ok(Request::ServiceLog { library: None });
        }
        (Some(word), _) => Some(library_of(word, apps)?),
        (None, _) => None,
    };
    let turn = |action| match library.clone() {
        Some(library) => Ok(Request::Service { library, action }),
        None => Err(misuse("no library was named", "say segue service LIBRARY ACTION")),
    };
    match action {
        None => Ok(Request::Services { library }),
        Some(Action::Log) => Ok(Request::ServiceLog { library }),
        Some(Action::Play) => turn(ServiceAction::Play),
        Some(Action::Pause) => turn(ServiceAction::Pause),
    }
}

fn ask_plan(plan: PlanArgs, matches: &ArgMatches, apps: &[&str]) -> Result<Ask, Misuse> {
    if let Some(id) = plan_id(&plan, apps) {
        let what = plan.show.unwrap_or_else(|| "all".to_owned());
        return Ok(Ask::Run(Request::ShowPlan { plan: id, what }));
    }
    let mut libraries = libraries_of(&plan.libraries, apps)?;
    let indices = |name: &str| -> Vec<usize> {
        let plan = matches.subcommand_matches("plan");
        plan.and_then(|plan| plan.indices_of(name)).into_iter().flatten().collect()
    };
    let places = indices("libraries");
    for (root, at) in plan.root.iter().zip(indices("root")) {
        let before = places.iter().filter(|place| **place < at).count();
        give_root(root, before, &mut libraries)?;
    }
    let request = Request::Plan { libraries, write_tags: plan.write_tags };
    Ok(match plan.show {
        Some(what) => Ask::PlanAndShow(request, what),
        None => Ask::Run(request),
    })
}

/// The plan that is to be looked at again: a single word of an id's form that is no app.
fn plan_id(plan: &PlanArgs, apps: &[&str]) -> Option<String> {
    let [word] = plan.libraries.as_slice() else { return None };
    let word = word.to_str()?;
    let id = word.len() == 3 && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (id && !apps.contains(&word) && plan.root.is_empty() && !plan.write_tags)
        .then(|| word.to_owned())
}

/// Gives a root to the app that it names, or else to the `before` libraries that precede it and
/// have none yet; before all of them, to the only one.
fn give_root(root: &OsStr, before: usize, libraries: &mut [LibrarySpec]) -> Result<(), Misuse> {
    let (named, folder) = named_root(root, libraries);
    if folder.as_os_str().is_empty() {
        return Err(misuse("--root names no folder", "say --root DIR or --root APP=DIR"));
    }
    let rest: Vec<&mut LibrarySpec> = match (&named, before, libraries.len()) {
        (Some(app), ..) => libraries.iter_mut().filter(|it| it.app == *app).collect(),
        (None, 0, 1) => libraries.iter_mut().collect(),
        (None, ..) => libraries[..before].iter_mut().filter(|it| it.root.is_none()).collect(),
    };
    let twice = named.is_some() && (rest.len() > 1 || rest.iter().any(|it| it.root.is_some()));
    if rest.is_empty() || twice {
        let sentence =
            format!("it is not clear which library's content lies in `{}`", folder.display());
        return Err(misuse(sentence, "put --root DIR after its LIBRARY, or say --root APP=DIR"));
    }
    for library in rest {
        library.root = Some(folder.clone());
    }
    Ok(())
}

fn named_root(root: &OsStr, libraries: &[LibrarySpec]) -> (Option<String>, PathBuf) {
    let named = split(root).filter(|(app, _)| libraries.iter().any(|it| it.app == *app));
    match named {
        Some((app, folder)) => (Some(app), folder),
        None => (None, PathBuf::from(root)),
    }
}

fn libraries_of(words: &[OsString], apps: &[&str]) -> Result<Vec<LibrarySpec>, Misuse> {
    words.iter().map(|word| library_of(word, apps)).collect()
}

fn library_of(word: &OsStr, apps: &[&str]) -> Result<LibrarySpec, Misuse> {
    let known = || format!("apps that Segue knows: {}", apps.join(", "));
    let (name, path) = match split(word) {
        Some((app, path)) => (app, Some(path)),
        None => (word.to_string_lossy().into_owned(), None),
    };
    let mut library: LibrarySpec =
        name.parse().map_err(|error| misuse(format!("{error}"), known()))?;
    if !apps.contains(&library.app.as_str()) {
        return Err(misuse(format!("`{name}` is no app that Segue knows"), known()));
    }
    if path.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        return Err(misuse(format!("`{name}=` names no path"), "say APP=PATH"));
    }
    library.path = path;
    Ok(library)
}

/// `APP=PATH` in two; a path need not be UTF-8.
fn split(word: &OsStr) -> Option<(String, PathBuf)> {
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let app = String::from_utf8_lossy(&bytes[..at]).into_owned();
    Some((app, OsString::from_vec(bytes[at + 1..].to_vec()).into()))
}

fn misuse(sentence: impl Into<String>, hint: impl Into<String>) -> Misuse {
    Misuse { sentence: sentence.into(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches};

    use super::super::args::Args;
    use super::*;

    const APPS: &[&str] = &["mpd", "rhythmbox", "strawberry"];

    fn typed(words: &[&str]) -> Result<Ask, Misuse> {
        let words = words.iter().map(OsString::from);
        let matches = Args::command()
            .try_get_matches_from(std::iter::once(OsString::from("segue")).chain(words));
        let matches = matches.unwrap();
        ask(Args::from_arg_matches(&matches).unwrap().command, &matches, APPS)
    }

    fn roots(words: &[&str]) -> Vec<Option<PathBuf>> {
        match typed(words).unwrap() {
            Ask::Run(Request::Plan { libraries, .. }) => {
                libraries.into_iter().map(|library| library.root).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn no_command_looks() {
        assert_eq!(typed(&[]), Ok(Ask::Run(Request::Look)));
    }

    #[test]
    fn one_word_that_is_no_app_is_a_plan() {
        let shown = |plan: &str, what: &str| {
            Ok(Ask::Run(Request::ShowPlan { plan: plan.into(), what: what.into() }))
        };
        assert_eq!(typed(&["plan", "k7q", "--show", "ratings"]), shown("k7q", "ratings"));
        assert_eq!(typed(&["plan", "k7q"]), shown("k7q", "all"));
        assert!(matches!(typed(&["plan", "mpd"]), Ok(Ask::Run(Request::Plan { .. }))));
        assert!(matches!(typed(&["plan", "mpd", "--show", "all"]), Ok(Ask::PlanAndShow(..))));
        assert!(typed(&["plan", "k7q", "rhythmbox"]).is_err());
        assert!(typed(&["plan", "winamp"]).is_err());
        assert!(typed(&["unlink", "winamp"]).is_ok(), "its translator may be gone");
        assert!(typed(&["unlink", "a b"]).is_err());
    }

    #[test]
    fn a_service_is_shown_turned_or_told_of() {
        let asked = |words: &[&str]| match typed(words) {
            Ok(Ask::Run(request)) => request,
            other => panic!("{other:?}"),
        };
        let library = || LibrarySpec { app: "mpd".into(), path: None, root: None };
        assert_eq!(asked(&["service"]), Request::Services { library: None });
        let pause = Request::Service { library: library(), action: ServiceAction::Pause };
        assert_eq!(asked(&["service", "mpd", "pause"]), pause);
        let log = Request::ServiceLog { library: Some(library()) };
        assert_eq!(asked(&["service", "mpd", "log"]), log);
        assert_eq!(asked(&["service", "log"]), Request::ServiceLog { library: None });
        assert!(typed(&["service", "pause"]).is_err());
        assert_eq!(typed(&["up"]), Ok(Ask::Up(None)));
        assert_eq!(typed(&["up", "--print-unit"]), Ok(Ask::Unit(None)));
    }

    #[test]
    fn a_root_belongs_to_the_libraries_before_it_or_to_the_app_it_names() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(roots(&["plan", "mpd", "--root", "/a"]), [path("/a")]);
        assert_eq!(roots(&["plan", "--root", "/a", "mpd"]), [path("/a")]);
        let each = ["plan", "mpd", "--root", "/a", "rhythmbox", "--root", "/b"];
        assert_eq!(roots(&each), [path("/a"), path("/b")]);
        let both = ["plan", "mpd", "rhythmbox", "--root", "/a=b"];
        assert_eq!(roots(&both), [path("/a=b"), path("/a=b")]);
        let named = ["plan", "--root", "rhythmbox=/b", "mpd", "rhythmbox"];
        assert_eq!(roots(&named), [None, path("/b")]);
    }

    #[test]
    fn a_root_that_could_belong_to_several_is_refused() {
        for words in [
            &["plan", "--root", "/a", "mpd", "rhythmbox"][..],
            &["plan", "mpd", "--root", "/a", "--root", "/b"],
            &["plan", "mpd=/x", "mpd=/y", "--root", "mpd=/a"],
            &["plan", "mpd", "--root", "mpd="],
            &["plan", "--root", "/a"],
        ] {
            assert!(typed(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_path_need_not_be_utf8() {
        let word = OsString::from_vec(b"mpd=/m\xff".to_vec());
        let path = library_of(&word, APPS).unwrap().path.unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"/m\xff");
        assert!(library_of(OsStr::new("mpd="), APPS).is_err());
    }
}
