//! Every answer as a person sees it: data, then after a line what is said beside it.

use insta::assert_snapshot;

use super::*;
use crate::cli::sample;
use crate::command::{
    LibraryState, LookReport, OfficeReport, PassReport, PeersReport, SeatAction, SeatReport,
    SeatState, ServiceAction, ServiceReport, StatusReport,
};

pub(super) fn shown(request: &Request, response: &Response) -> String {
    let Page { data, talk, next } = page(request, response);
    let next = next.map(|next| format!("{}   {}", next.why, next.command));
    let talk: Vec<String> = talk.into_iter().chain(next).collect();
    format!("{data}--\n{}", talk.join("\n"))
}

fn sample_of(kind: &str) -> String {
    let (_, request, response) = sample::all("Blue in Green — Miles Davis")
        .into_iter()
        .find(|(name, ..)| *name == kind)
        .unwrap();
    shown(&request, &response)
}

pub(super) fn pass(request: &Request, report: PassReport) -> String {
    shown(request, &Response::Pass(report))
}

pub(super) const SYNC: Request =
    Request::Sync { libraries: Vec::new(), dry_run: false, yes: false };

#[test]
fn look() {
    assert_snapshot!(shown(&Request::Look, &Response::Look(sample::look())), @r"
      MUSIC   rhythmbox    12,408 tracks   37 playlists   4,112 rated   changed 2026-11-20
              strawberry   11,962 tracks    4 playlists      18 rated   running now
    --
    Nothing was changed.
    Libraries of the same kind can be linked:   segue plan rhythmbox strawberry
    ");
    assert_snapshot!(sample_of("look"), @r"
      MUSIC   rhythmbox    cannot be read: Blue in Green — Miles Davis
              strawberry   11,962 tracks   4 playlists   18 rated   running now
    --
    Nothing was changed.
    See what Segue would keep of it:   segue plan strawberry
    ");
    let nothing = LookReport { libraries: Vec::new(), notes: vec!["/bin/x is not used".into()] };
    assert_snapshot!(shown(&Request::Look, &Response::Look(nothing)), @r"
    --
    Note: /bin/x is not used.
    No library was found on this computer. Nothing was changed.
    Say where one is:   segue plan rhythmbox=/path/to/folder
    ");
    let mut linked = sample::look();
    linked.libraries.iter_mut().for_each(|row| row.linked = true);
    assert_snapshot!(shown(&Request::Look, &Response::Look(linked)), @r"
      MUSIC   rhythmbox    12,408 tracks   37 playlists   4,112 rated   changed 2026-11-20   linked
              strawberry   11,962 tracks    4 playlists      18 rated   running now          linked
    --
    Nothing was changed.
    What is linked and what waits:   segue status
    ");
}

#[test]
fn plan() {
    let request = Request::Plan { libraries: Vec::new(), write_tags: false };
    assert_snapshot!(shown(&request, &Response::Plan(sample::plan())), @r"
      12,413 tracks in all
        11,871   same file
            12   same recording and release (MusicBrainz)
            74   same artist, album and title, nearly the same length
             5   only in strawberry (left alone)
           451   only in rhythmbox (left alone)
             6   not sure: segue match

                           strawberry would get     rhythmbox would get
        ratings            4,094                    18
        play counts        +9,871 on 3,310 tracks   +212 on 96 tracks
        playlists          33 new, 1,902 entries    1 new, 1 entry; 1 changed
        entries it lacks   7                        0
        deleted            0                        0
        gives the others   0 edits                  41 edits

      3 values differ between apps. Nothing is overwritten:
        Blue in Green — Miles Davis   rating   rhythmbox @desk ★★★★★ 2019-03-02   strawberry @desk ★★★☆☆ 2026-11-18
        (2 more)

      strawberry cannot hold: smart playlists of Rhythmbox. Segue keeps it.
      strawberry is running: its part is written by `segue sync` after you quit it.
      rhythmbox cannot hold: a song twice in one playlist; folders. Segue keeps it.

    Plan k7q. Nothing was changed.
    --
    Write it and keep them linked:   segue apply k7q
    ");
}

#[test]
fn plan_that_is_held_and_dry() {
    let mut plan = sample::plan();
    plan.plan = String::new();
    plan.conflicts = 0;
    plan.libraries.truncate(1);
    plan.held.push(sample::held());
    assert_snapshot!(shown(&SYNC, &Response::Plan(plan)), @r"
      12,413 tracks in all
        11,871   same file
            12   same recording and release (MusicBrainz)
            74   same artist, album and title, nearly the same length
             6   not sure: segue match

                           strawberry would get
        ratings            4,094
        play counts        +9,871 on 3,310 tracks
        playlists          33 new, 1,902 entries
        entries it lacks   7
        deleted            0

      strawberry cannot hold: smart playlists of Rhythmbox. Segue keeps it.
      strawberry is running: its part is written by `segue sync` after you quit it.
      held for rhythmbox: 1,204 of 4,112 ratings are gone since the last pass (1,204 items)
    --
    Nothing was changed.
    If this is no accident:   segue sync --yes
    ");
}

#[test]
fn edits() {
    assert_snapshot!(sample_of("shown"), @r"
      strawberry   Blue in Green — Miles Davis   rating       not set → ★★★½☆
      strawberry   津軽じょんがら節 — 高橋竹山   play count   3 → 1,212
      strawberry   Road                          playlist     not set → So What, Blue in Green — Miles Davis
    --
    3 edits. Nothing was changed.
    Write the plan:   segue apply k7q
    ");
}

#[test]
fn applied() {
    let request = Request::Apply { plan: "k7q".into() };
    let report = sample::pass(&[LibraryState::Written, LibraryState::Waiting]);
    assert_snapshot!(pass(&request, report), @r"
      backup       rhythmdb.xml 8.20 MB
      rhythmbox    written, read back, equal   18 ratings, 96 play counts, 1 playlist
      strawberry   waits                       the app is running
    --
    Linked: what you change in one is passed on by `segue sync`.
    Done as op 1.
    After you quit the app:   segue sync
    ");
}

#[test]
fn files_of_one_name_are_told_together() {
    let mut report = sample::pass(&[LibraryState::Written]);
    let file = |name: &str, size| (name.to_owned(), size);
    report.libraries[0].backup =
        vec![file("names", 2_990), file("words", 52), file("words", 31), file("words", 7)];
    let text = pass(&SYNC, report);
    assert!(text.contains("backup      names 2.99 kB, 3 words 90 B\n"), "{text}");
}

#[test]
fn synced() {
    let mut report = sample::pass(&[LibraryState::Unchanged, LibraryState::Written]);
    report.libraries[0].lifted = 115;
    report.conflicts = 1;
    assert_snapshot!(pass(&SYNC, report), @r"
      backup       rhythmdb.xml 8.20 MB
      rhythmbox    gave its edits to the others   115 edits
      strawberry   written, read back, equal      18 ratings, 96 play counts, 1 playlist
    --
    Done as op 1.
    1 value differs between apps: segue conflicts
    Undo it, in every app:   segue undo
    ");
    let mut still = sample::pass(&[LibraryState::Unchanged, LibraryState::Unchanged]);
    still.operation = None;
    assert_snapshot!(pass(&SYNC, still), @r"
      rhythmbox    nothing to write
      strawberry   nothing to write
    --
    In step: there was nothing to do.
    ");
}

#[test]
fn held_and_failed() {
    use LibraryState::{Failed, Held, Written};
    let mut report = sample::pass(&[Held, Written, Failed]);
    report.held.push(sample::held());
    report.conflicts = 1_204;
    assert_snapshot!(pass(&SYNC, report), @r"
      backup       rhythmdb.xml 8.20 MB
      rhythmbox    held                        it lost most of its ratings
      strawberry   written, read back, equal   18 ratings, 96 play counts, 1 playlist
      mpd          FAILED                      cannot write /home/you/mpd: disk full
      held for rhythmbox: 1,204 of 4,112 ratings are gone since the last pass (1,204 items)
    --
    Done as op 1.
    1,204 values differ between apps: segue conflicts
    If what is held is no accident:   segue sync --yes
    ");
    let mut failed = sample::pass(&[Failed]);
    failed.operation = None;
    assert_snapshot!(pass(&SYNC, failed), @r"
      rhythmbox   FAILED   cannot write /home/you/mpd: disk full
    --
    Nothing was written.
    Find out more:   segue doctor
    ");
}

#[test]
fn undone() {
    let mut report = sample::pass(&[LibraryState::Written]);
    report.operation = Some(10);
    report.kept.push("rating of Blue in Green — Miles Davis: changed since".into());
    assert_snapshot!(pass(&Request::Undo { operation: Some(8) }, report), @r"
      backup      rhythmdb.xml 8.20 MB
      rhythmbox   written, read back, equal   18 ratings, 96 play counts, 1 playlist
      left as it is: rating of Blue in Green — Miles Davis: changed since
    --
    Done as op 10.
    Take that back:   segue redo
    ");
}

#[test]
fn matches() {
    assert_snapshot!(sample_of("questions"), @r"
      5f0c2a91   Blue in Green — Miles Davis    a/01.mp3
      8be1d07c   So What (live) — Miles Davis
                 same artist and title, lengths differ by 3 s
    --
    1 match is doubtful.
    If the first two are not the same:   segue match 5f0c2a91 8be1d07c --apart
    If they are the same:   segue match 5f0c2a91 8be1d07c
    ");
    assert_snapshot!(sample_of("match"), @r"
    They are one item now, 5f0c2a91 (op 3).
    --
    Pass it on to the apps:   segue sync
    ");
}

#[test]
fn status() {
    assert_snapshot!(sample_of("status"), @r"
      rhythmbox    in step   12,408 items   /home/you/.local/share/rhythmbox
      strawberry   waiting   11,962 items   /home/you/.local/share/strawberry
                   the app is running
    --
    3 values differ between apps: segue conflicts
    1 match is doubtful: segue match
    The agent is not running.
    Pass on what changed:   segue sync
    ");
    let with_agent = StatusReport { agent: Some(sample::agent()), ..sample::status() };
    assert_snapshot!(shown(&Request::Status, &Response::Status(with_agent)), @r"
      rhythmbox    in step   12,408 items   /home/you/.local/share/rhythmbox
      strawberry   waiting   11,962 items   /home/you/.local/share/strawberry
                   the app is running
    --
    3 values differ between apps: segue conflicts
    1 match is doubtful: segue match
    The agent runs, process 4711.
    What was done:   segue log
    ");
    let nothing = StatusReport { links: Vec::new(), ..sample::status() };
    assert_snapshot!(shown(&Request::Status, &Response::Status(nothing)), @r"
    --
    Nothing is linked yet.
    Look at this computer:   segue
    ");
}

#[test]
fn services() {
    let all = Request::Services { library: None };
    assert_snapshot!(shown(&all, &Response::Services(sample::services())), @r"
      rhythmbox    in step   /home/you/.local/share/rhythmbox
      strawberry   waiting   /home/you/.local/share/strawberry
                   the app is running
    --
    What was done:   segue service log
    ");
    let mut one = sample::services();
    one.services.truncate(1);
    one.services[0].state = "paused".into();
    let library = "rhythmbox".parse().unwrap();
    let pause = Request::Service { library, action: ServiceAction::Pause };
    assert_snapshot!(shown(&pause, &Response::Services(one)), @r"
      rhythmbox   paused   /home/you/.local/share/rhythmbox
    --
    Go on with it:   segue service rhythmbox play
    ");
    let without = ServiceReport { agent: None, ..sample::services() };
    let said = shown(&all, &Response::Services(without));
    assert!(said.ends_with("The agent is not running.\nStart it:   segue up"), "{said}");
    assert_snapshot!(sample_of("service log"), @r"
      2026-11-21 18:31 UTC   rhythmbox   Blue in Green — Miles Davis
    --
    How it is now:   segue status
    ");
}

#[test]
fn log() {
    assert_snapshot!(sample_of("log"), @r"
      op 10   2026-11-21 18:41 UTC   took back op 9
      op 9    2026-11-21 18:40 UTC   settled 1 value                taken back by op 10
      op 8    2026-11-21 18:39 UTC   Blue in Green — Miles Davis    partly
      op 1    2026-11-21 18:32 UTC   linked rhythmbox, strawberry   plan k7q
    --
    Undo the last:   segue undo
    ");
}

#[test]
fn items() {
    assert_snapshot!(sample_of("found"), @r"
      5f0c2a91   track      Blue in Green — Miles Davis   ★★★★★   kind/of/blue/03.mp3
      8be1d07c   playlist   Blue
    --
    2 things were found.
    Where the values of the first came from:   segue why 5f0c2a91
    ");
    assert_snapshot!(sample_of("trace"), @r"
      Blue in Green — Miles Davis   5f0c2a91
        play count   17      shown   rhythmbox, strawberry
        rating       ★★★★★   shown   rhythmbox               2019-03-02   op 1
                     ★★★☆☆           strawberry              2026-11-21   op 1
    --
    Settle it:   segue resolve 5f0c2a91 rating --keep rhythmbox
    ");
}

#[test]
fn conflicts() {
    assert_snapshot!(sample_of("conflicts"), @r"
      Blue in Green — Miles Davis   5f0c2a91   rating
        ★★★★★   rhythmbox @desk    2019-03-02
        ★★★☆☆   strawberry @desk   2026-11-18
    --
    1 value differs between apps; each app keeps its own.
    Settle the first:   segue resolve 5f0c2a91 rating --keep rhythmbox
    ");
    assert_snapshot!(shown(&Request::Conflicts, &Response::Conflicts(Vec::new())), @r"
    --
    Apps differ in nothing.
    ");
}

#[test]
fn unlink_and_doctor() {
    assert_snapshot!(sample_of("unlink"), @r"
    Blue in Green — Miles Davis is no longer linked (op 12). Nothing was written to it.
    --
    Link it again:   segue plan 'Blue in Green — Miles Davis'
    ");
    assert_snapshot!(sample_of("doctor"), @r"
      ok       log      12,413 changes, all signed
      FAILED   caches   item 5f0c2a91 differs from the log
    --
    Not all is well. Nothing was changed.
    ");
}

#[test]
fn conformance() {
    assert_snapshot!(sample_of("conformance"), @r"
      ok        read::changes_no_byte
      FAILED    write::random_edits_read_back   Blue in Green — Miles Davis
      skipped   values::sets_read_back          declares: no sets
    --
    hello: 1 passed, 1 failed, 1 skipped.
    Reproduce the first failure:   segue conformance ./segue-translator-hello --fixture tests/library --seed 7 --only write::random_edits_read_back
    ");
}

#[test]
fn what_licences_withhold_and_soon_will() {
    let plan = sample_of("plan");
    let from = plan.find("rhythmbox would not list").or(plan.find("strawberry would not list"));
    let part: String = plan[from.unwrap()..].lines().take(6).collect::<Vec<_>>().join("\n");
    assert_snapshot!(part, @r"
    rhythmbox would not list 1 track that may not be used now:
        Blue in Green — Miles Davis   expired on 2026-05-01 at 00:00 UTC

      rhythmbox has 7 tracks that may be used for less than a week:
        Blue in Green — Miles Davis   until 2026-11-21 18:31 UTC
        Blue in Green — Miles Davis   until 2026-11-21 18:31 UTC
    ");
    assert!(
        plan.contains("hides nothing, and goes on listing 1 track that may not be used now:"),
        "{plan}"
    );
    assert_snapshot!(sample_of("pass").lines().find(|line| line.contains("7 days")).unwrap(), @"7 items end within 7 days: Blue in Green — Miles Davis (until 2026-11-21 18:31 UTC), Blue in Green — Miles Davis (until 2026-11-21 18:31 UTC), and 5 more: segue licences.");
    let show = Request::ShowPlan { plan: "k7q".into(), what: "withheld".into() };
    let one = crate::command::ShownEdit {
        library: "mpd".into(),
        what: "So What — Miles Davis".into(),
        field: "withheld".into(),
        old: serde_json::Value::Null,
        new: "until 2026-11-21 18:31 UTC".into(),
        why: None,
    };
    assert_snapshot!(shown(&show, &Response::Shown(vec![one])), @r"
      mpd   So What — Miles Davis   until 2026-11-21 18:31 UTC
    --
    Segue keeps all of this. Nothing was changed.
    Write the plan:   segue apply k7q
    ");
}

#[test]
fn limits_that_can_be_struck() {
    assert_snapshot!(sample_of("strike"), @r"
      3f9a01c2   Blue in Green — Miles Davis   until 2026-11-21 18:31 UTC, no share
      77b0e4d1   Blue in Green — Miles Davis   no share
    --
    2 limits of Blue in Green — Miles Davis can be struck; none was.
    Strike the first:   segue licences strike 5f0c2a91 3f9a01c2
    ");
}

#[test]
fn other_devices() {
    assert_snapshot!(sample_of("peers"), @r"
      laptop   admin                             in step   5f0c2a91
      phone    read until 2026-11-22 18:31 UTC   away      8be1d07c   seen 2026-11-20 18:31 UTC
               it did not answer in time
    --
    tablet wants to join. Both screens must say: amber pilot seven moss. Let it in: segue peers --admit 8be1d07c
    1 ticket is still good; take them back: segue invite --cancel
    Refused from 8be1d07c: a change by a device that may not write this document, 3 times.
    Put a device out:   segue revoke 5f0c2a91
    ");
    assert_snapshot!(sample_of("join"), @r"
    --
    Joined music of Blue in Green — Miles Davis: 12,413 items. Nothing was written to any app.
    rhythmbox stays linked to a document of your own.
    Move it to the joined one:   segue unlink rhythmbox
    ");
    assert_snapshot!(sample_of("cancelled"), @r"
    --
    0 tickets were taken back.
    Make another:   segue invite
    ");
    assert_snapshot!(sample_of("admitted"), @r"
    --
    Blue in Green — Miles Davis is in (write).
    How it is:   segue peers
    ");
    assert_snapshot!(sample_of("revoked"), @r"
    --
    Blue in Green — Miles Davis is out of 1 document.
    1 limit that it said of its own account ended.
    2 limits that it said hold on. See them: segue licences. The owner ends one: segue licences strike ITEM
    Who is left:   segue peers
    ");
    let none = PeersReport::default();
    assert_snapshot!(shown(&Request::Peers, &Response::Peers(none)), @r"
    --
    No other device shares anything with this one.
    Let another computer in:   segue invite
    ");
}

#[test]
fn seats() {
    let report = |state, until, words: Option<&str>| {
        let (item, title) = ("5f0c2a91".repeat(4), "Blue in Green — Miles Davis".to_owned());
        let words = words.map(str::to_owned);
        Response::Seat(SeatReport { item, title, state, until, words })
    };
    let ask = Request::Seat { item: "5f0c2a91".into(), action: SeatAction::Take };
    let taken = report(SeatState::Taken, Some(1_800_000_000), None);
    assert_snapshot!(shown(&ask, &taken), @r"
    Blue in Green — Miles Davis is yours on this computer until 2027-01-15 08:00 UTC.
    --
    Give it back:   segue licences give 5f0c2a91
    ");
    let asked = report(SeatState::Asked, None, Some("laptop has it until 2026-12-08 09:00 UTC"));
    assert_snapshot!(shown(&ask, &asked), @r"
    Blue in Green — Miles Davis is asked for: laptop has it until 2026-12-08 09:00 UTC.
    --
    The answer comes when this computer and the one that gives out seats meet.
    See whether it came:   segue licences
    ");
    assert_snapshot!(shown(&ask, &report(SeatState::Given, None, None)), @r"
    Blue in Green — Miles Davis is given away; no app here lists it that can hide it.
    --
    See who has it:   segue licences
    ");
    let office = |here| OfficeReport {
        document: "0".repeat(64),
        schema: "music".into(),
        here,
        owner: true,
        words: if here { "this folder gives out its seats" } else { "a copy gives out none" }
            .into(),
    };
    let request = Request::Office { take_over: false };
    let both = Response::Office(vec![office(true), office(false)]);
    assert_snapshot!(shown(&request, &both), @r"
      music   this folder gives out its seats
      music   a copy gives out none
    --
    If the folder that gives them out is gone for good:   segue licences office --take-over
    ");
    assert_snapshot!(shown(&request, &Response::Office(Vec::new())), @r"
    --
    There is no document here yet.
    ");
}
