//! The command line as a whole: streams, exit codes, JSON keys, hostile titles.

use std::cell::RefCell;
use std::io::Write;

use serde_json::Value as Json;

use super::*;
use crate::command::{LibraryState, RoleName};

type Answer = Result<Response, Failure>;

struct Said {
    exit: Exit,
    out: String,
    err: String,
    asked: Vec<(Option<PathBuf>, Request)>,
}

/// Runs a command line against an engine that gives these answers in turn.
fn said_in(world: World, line: &str, answers: Vec<Answer>) -> Said {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (asked, answers) = (RefCell::new(Vec::new()), RefCell::new(answers.into_iter()));
    let mut run = |home: Option<PathBuf>, request: Request, _: &dyn Progress| {
        asked.borrow_mut().push((home, request));
        answers.borrow_mut().next().expect("no further request")
    };
    let output = Output { out: &mut out, err: &mut err, form: Form::default() };
    let apps = &["rhythmbox", "strawberry"];
    let stay: &mut Stay<'_> = &mut |options, tell| {
        asked.borrow_mut().push((options.folder, Request::Status));
        tell(Told::Serving(&sample::agent()));
        tell(Told::Said("rhythm\u{1b}box gave 1 edit to the others."));
        Ok(())
    };
    let host: &mut Host<'_> = &mut |home, request, desk| {
        asked.borrow_mut().push((home, request));
        desk.ticket(&sample::invite());
        desk.said("laptop joined.");
        Ok(())
    };
    let exit = Session { world, apps, output, run: &mut run, stay, host }.main(&words);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { exit, out: text(out), err: text(err), asked: asked.into_inner() }
}

fn said(line: &str, answer: Response) -> Said {
    said_in(World::default(), line, vec![Ok(answer)])
}

fn json(said: &Said) -> Json {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.out))
}

#[test]
fn data_and_talk_go_their_own_ways() {
    let said = said("segue plan rhythmbox strawberry", Response::Plan(sample::plan()));
    assert!(said.out.ends_with("Plan k7q. Nothing was changed.\n"), "{}", said.out);
    assert_eq!(said.err, "Write it and keep them linked:   segue apply k7q\n");
    assert_eq!(said.exit, Exit::Done);
}

#[test]
fn the_last_line_of_every_kind_of_answer_may_name_a_command_that_parses() {
    for (name, request, response) in sample::all("Blue in Green") {
        let Some(next) = text::page(&request, &response).next else { continue };
        let words = next.command.replace('\'', "");
        let parsed = Args::command().try_get_matches_from(words.split_whitespace());
        assert!(parsed.is_ok(), "{name}: {}", next.command);
    }
}

#[test]
fn json_is_one_value_and_nothing_else_is_said() {
    for (name, _, response) in sample::all("x") {
        let said = said("segue log --json", response);
        json(&said);
        assert_eq!(said.err, "", "{name}");
        assert_eq!(said.out.lines().count(), 1, "{name}");
    }
}

#[test]
fn the_agent_says_who_it_is_at_once_and_then_what_happens() {
    let heard = r"rhythm\u{1b}box gave 1 edit to the others.";
    let text = said_in(World::default(), "segue up", Vec::new());
    assert_eq!(text.out, "The agent runs as peer 7d1f, process 4711.\n");
    assert_eq!((text.err, text.exit), (format!("{heard}\n"), Exit::Done));
    let value = said_in(World::default(), "segue up --json", Vec::new());
    assert_eq!(json(&value)["peer"], "7d1f");
    let unit = said_in(World::default(), "segue up --print-unit --home /srv/s", Vec::new());
    assert!(unit.out.contains("up --home \"/srv/s\"\n"), "{}", unit.out);
}

#[test]
fn a_ticket_is_data_and_who_comes_with_it_is_talk() {
    let text = said_in(World::default(), "segue invite", Vec::new());
    assert_eq!(text.out, "segue join segue1qd7n4zk\n");
    let talk = "On the other computer (the ticket works once, until 2026-11-21 18:41 UTC):\n\
                laptop joined.\n";
    assert_eq!((&*text.err, text.exit), (talk, Exit::Done));
    let value = said_in(World::default(), "segue invite --json --role read", Vec::new());
    assert_eq!(json(&value)["ticket"], "segue1qd7n4zk");
    let role = |said: &Said| match &said.asked[0].1 {
        Request::Invite { role, seconds, yes, .. } => (*role, *seconds, *yes),
        other => panic!("{other:?}"),
    };
    assert_eq!(role(&text), (RoleName::Write, 3_600, false));
    assert_eq!(role(&value), (RoleName::Read, 3_600, false));
    let day = said_in(World::default(), "segue invite --expires 1d --yes", Vec::new());
    assert_eq!(role(&day), (RoleName::Write, 86_400, true));
    let wrong = said_in(World::default(), "segue invite --expires soon", Vec::new());
    assert_eq!(wrong.exit, Exit::Usage);
}

#[test]
fn a_device_is_put_out_only_by_somebody_who_was_asked_or_said_yes() {
    let asked = said_in(World::default(), "segue revoke laptop", Vec::new());
    assert_eq!((asked.exit, asked.asked.len()), (Exit::Failed, 0));
    assert!(asked.err.contains("segue revoke PEER --yes"), "{}", asked.err);
    let yes = said("segue revoke laptop --yes", Response::Revoke(sample::revoked("laptop")));
    let limits =
        said("segue revoke laptop --limits --yes", Response::Revoke(sample::revoked("laptop")));
    assert_eq!(limits.asked[0].1, Request::Revoke { peer: "laptop".into(), limits: true });
    assert_eq!(yes.asked[0].1, Request::Revoke { peer: "laptop".into(), limits: false });
}

#[test]
fn a_ticket_may_be_broken_into_lines() {
    let said = said("segue join segue1ab CDEF --yes", Response::Join(sample::join()));
    let Request::Join { ticket, moves, .. } = &said.asked[0].1 else { panic!() };
    assert_eq!((ticket.as_str(), *moves), ("segue1abCDEF", true));
}

#[test]
fn an_export_is_printed_as_it_is() {
    let text = "{\"schema\":\"music\",\"items\":[],\"collections\":[]}";
    let next = "Look inside:   segue find TEXT\n";
    for (line, err) in [("segue export", next), ("segue export --json", "")] {
        let response = Response::Export(crate::command::ExportText(text.to_owned()));
        let said = said(line, response);
        assert_eq!((said.out, &*said.err), (format!("{text}\n"), err));
    }
}

/// The table of keys that scripts rely on. It only grows.
#[test]
fn the_keys_of_json_are_a_contract() {
    let pass = || Response::Pass(sample::pass(&[LibraryState::Written, LibraryState::Waiting]));
    let mut plan = sample::plan();
    plan.held.push(sample::held());
    let library = "library running sets adds removes collections";
    let state = "library state written reason";
    let table = [
        (
            "plan",
            Response::Plan(plan.clone()),
            "",
            "plan libraries matched doubtful conflicts held",
        ),
        ("plan", Response::Plan(plan.clone()), "/libraries/0", library),
        ("plan", Response::Plan(plan), "/held/0", "library reason items"),
        ("plan", Response::Plan(sample::plan()), "/libraries/0", "hides withheld ending"),
        ("plan", Response::Plan(sample::plan()), "/libraries/0/withheld", "count first"),
        ("sync", pass(), "/ending", "count first"),
        ("apply k7q", pass(), "", "operation libraries conflicts"),
        ("sync", pass(), "/libraries/1", state),
        ("undo", pass(), "/libraries/0", state),
        ("status", Response::Status(sample::status()), "", "links peers agent"),
        ("join segue1x", Response::Join(sample::join()), "", "document peer items"),
        ("peers", Response::Peers(sample::peers()), "", "me peers waiting invitations refused"),
        ("peers", Response::Peers(sample::peers()), "/peers/0", "id name role online in_step"),
        ("peers", Response::Peers(sample::peers()), "/waiting/0", "id name words"),
        (
            "revoke x --yes",
            Response::Revoke(sample::revoked("x")),
            "",
            "peer name documents limits_kept",
        ),
        (
            "licences strike x",
            Response::Strike(sample::strike("x")),
            "",
            "item title struck choices",
        ),
        ("licences strike x", Response::Strike(sample::strike("x")), "/choices/0", "id licence"),
        ("service", Response::Services(sample::services()), "", "agent services"),
        (
            "service",
            Response::Services(sample::services()),
            "/services/0",
            "library path document state reason",
        ),
        ("service log", Response::ServiceLog(vec![sample::told("x")]), "/0", "at library what"),
        ("status", Response::Status(sample::status()), "/links/0", "library path document state"),
        (
            "conflicts",
            Response::Conflicts(vec![sample::conflict("x")]),
            "/0",
            "item field shown values",
        ),
        (
            "conflicts",
            Response::Conflicts(vec![sample::conflict("x")]),
            "/0/values/0",
            "value library device",
        ),
    ];
    for (command, response, pointer, keys) in table {
        let json = json(&said(&format!("segue {command} --json"), response));
        let place = json.pointer(pointer).unwrap();
        for key in keys.split(' ') {
            assert!(place.get(key).is_some(), "{command}{pointer}: no {key}");
        }
    }
}

#[test]
fn the_values_of_json_are_what_they_say() {
    use LibraryState::{Failed, Held, Paused, Unchanged, Waiting, Written};
    let plan = json(&said("segue plan --json", Response::Plan(sample::plan())));
    assert_eq!(plan["plan"], "k7q");
    assert!(plan["matched"].is_u64() && plan["doubtful"].is_u64() && plan["conflicts"].is_u64());
    assert!(plan["libraries"][0]["running"].is_boolean());
    for (state, name) in [
        (Written, "written"),
        (Unchanged, "unchanged"),
        (Waiting, "waiting"),
        (Held, "held"),
        (Failed, "failed"),
        (Paused, "paused"),
    ] {
        let pass = json(&said("segue sync --json", Response::Pass(sample::pass(&[state]))));
        assert_eq!(pass["libraries"][0]["state"], name);
        assert_eq!(pass["operation"], 1);
    }
}

#[test]
fn a_new_plan_can_be_shown_at_once() {
    let answers = || {
        vec![
            Ok(Response::Plan(sample::plan())),
            Ok(Response::Shown(sample::shown("Blue in Green"))),
        ]
    };
    let line = "segue plan rhythmbox strawberry --show ratings";
    let text = said_in(World::default(), line, answers());
    let show = Request::ShowPlan { plan: "k7q".into(), what: "ratings".into() };
    assert_eq!(text.asked[1].1, show);
    assert!(text.out.contains("not set → ★★★½☆"), "{}", text.out);
    let both = json(&said_in(World::default(), &format!("{line} --json"), answers()));
    assert_eq!(both["plan"], "k7q");
    assert_eq!(both["shown"][0]["field"], "rating");
}

#[test]
fn the_folder_is_what_was_said_or_what_the_environment_says() {
    let home = |line: &str| {
        let world = World { home: Some("/environment".into()), ..World::default() };
        let said = said_in(world, line, vec![Ok(Response::Log(Vec::new()))]);
        said.asked[0].0.clone().unwrap()
    };
    assert_eq!(home("segue log"), PathBuf::from("/environment"));
    assert_eq!(home("segue log --home /said"), PathBuf::from("/said"));
}

#[test]
fn a_failure_is_one_sentence_and_a_hint() {
    let failed = |line: &str| {
        let failure = Failure::refused("there is no plan `k7\u{1b}q`", "make one: segue plan");
        said_in(World::default(), line, vec![Err(failure)])
    };
    let text = failed("segue apply k7q");
    let lines = "Error: there is no plan `k7\\u{1b}q`\nHint: make one: segue plan\n";
    assert_eq!((text.out.as_str(), text.err.as_str(), text.exit), ("", lines, Exit::Failed));
    let value = failed("segue apply k7q --json");
    assert_eq!((value.err.as_str(), value.exit), (lines, Exit::Failed));
    assert_eq!(json(&value)["error"], "there is no plan `k7\u{1b}q`");
    assert_eq!(json(&value)["hint"], "make one: segue plan");
}

#[test]
fn a_line_that_is_not_understood_exits_2_and_asks_nothing() {
    for line in [
        "segue frobnicate",
        "segue plan winamp",
        "segue apply",
        "segue match one",
        "segue resolve x rating",
        "segue undo first",
        "segue resolve x rating 5 --keep mpd",
    ] {
        let text = said_in(World::default(), line, Vec::new());
        assert_eq!((text.exit, text.out.as_str()), (Exit::Usage, ""), "{line}");
        assert!(text.err.starts_with("Error: "), "{line}: {}", text.err);
        let value = said_in(World::default(), &format!("{line} --json"), Vec::new());
        assert_eq!(value.exit, Exit::Usage);
        assert!(json(&value)["error"].is_string() && json(&value)["hint"].is_string());
    }
}

#[test]
fn help_and_version_are_data() {
    for line in ["segue --help", "segue help plan", "segue --version", "segue plan -h"] {
        let said = said_in(World::default(), line, Vec::new());
        assert_eq!((said.exit, said.err.as_str()), (Exit::Done, ""), "{line}");
        assert!(said.out.contains("segue"), "{line}");
        assert!(!said.out.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn colour_is_used_where_it_is_wanted() {
    let colours = |line: &str, terminal, no_colour| {
        let world = World { out: terminal, err: terminal, no_colour, ..World::default() };
        let said = said_in(world, line, vec![Ok(Response::Plan(sample::plan()))]);
        assert!(!said.out.contains('\u{1b}'), "data is plain");
        said.err.contains('\u{1b}')
    };
    assert!(colours("segue plan", true, false));
    assert!(!colours("segue plan", true, true));
    assert!(!colours("segue plan", false, false));
    assert!(!colours("segue plan --color never", true, false));
    assert!(colours("segue plan --color=always", false, true));
    assert!(colours("segue frobnicate --color always", false, false));
    assert!(!colours("segue frobnicate --color=never", true, false));
    let help = |out| {
        let world = World { out, err: true, ..World::default() };
        said_in(world, "segue --help", Vec::new()).out.contains('\u{1b}')
    };
    assert!(help(true) && !help(false), "help is coloured where it is seen");
}

#[test]
fn titles_cannot_move_the_cursor_or_break_a_line() {
    let hostile = "a\u{1b}[2J\r\nb\u{9b}31m\u{202e}c\u{7f}\u{2028}d\t";
    for ((name, request, response), (_, _, plain)) in
        sample::all(hostile).into_iter().zip(sample::all("plain"))
    {
        let page = text::page(&request, &response);
        let expected = text::page(&request, &plain);
        assert_eq!(page.data.lines().count(), expected.data.lines().count(), "{name}");
        for line in ["segue log", "segue log --json"] {
            let said = said(line, response.clone());
            let bad = |c: char| text::words::is_hostile(c) && c != '\n';
            assert!(!said.out.contains(bad) && !said.err.contains(bad), "{name}: {line}");
            assert_eq!(said.err.lines().count(), said_lines(line, &plain), "{name}: {line}");
        }
    }
}

fn said_lines(line: &str, response: &Response) -> usize {
    said(line, response.clone()).err.lines().count()
}

/// A reader that has gone away, or a disk that is full.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_went_away_ends_it_quietly_and_a_full_disk_does_not() {
    let printed = |kind, response: &Response| {
        let (mut out, mut err) = (Closed(kind), Vec::new());
        let mut output = Output { out: &mut out, err: &mut err, form: Form::default() };
        let exit = output.response(&Request::Log, response, Exit::Partly);
        (exit, String::from_utf8(err).unwrap())
    };
    let export = Response::Export(crate::command::ExportText("{}".into()));
    let next = "Look inside:   segue find TEXT\n";
    assert_eq!(printed(io::ErrorKind::BrokenPipe, &export), (Exit::Partly, next.to_owned()));
    let (exit, err) = printed(io::ErrorKind::StorageFull, &export);
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("Error: the answer could not be printed"), "{err}");
}

#[test]
fn completions_and_manual_pages_are_printed() {
    for line in ["segue completions bash", "segue man"] {
        let said = said_in(World::default(), line, Vec::new());
        assert_eq!(said.exit, Exit::Done);
        assert!(said.out.len() > 1000, "{line}");
    }
}

#[test]
fn what_stays_is_said_with_its_library_and_its_term() {
    use crate::command::{ExcludeAction, Excluded};
    let asked = |line: &str| {
        let answer = Response::Exclusions(Vec::new());
        said(line, answer).asked.into_iter().map(|(_, request)| request).next()
    };
    assert_eq!(asked("segue exclude"), Some(Request::Exclusions));
    let what = Excluded::Field("comment".into());
    let library = Some("rhythmbox".parse().unwrap());
    let action = ExcludeAction::Add { what, library, from: None, until: Some(1_798_761_600) };
    assert_eq!(
        asked("segue exclude field comment --library rhythmbox --until 2027-01-01"),
        Some(Request::Exclude { action })
    );
    let action = ExcludeAction::Remove { rule: 2 };
    assert_eq!(asked("segue exclude --remove 2"), Some(Request::Exclude { action }));
    assert_eq!(asked("segue exclude playlist"), None);
    assert_eq!(asked("segue exclude field comment --library winamp"), None);
}
