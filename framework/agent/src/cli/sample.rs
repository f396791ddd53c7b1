//! Answers made by hand, for tests of what is printed.

use serde_json::json;

use crate::command::{
    AdmitReport, AgentRow, Check, ConflictRow, ConflictValue, Conformance, ConformanceReport,
    DoctorReport, ExclusionReport, ExclusionRow, ExportText, Found, FoundItem, HeldBatch,
    InvitationView, InviteReport, JoinReport, LibraryPlan, LibraryRow, LibraryState, LicenceHeard,
    Limited, LimitedItem, LinkRow, LogRow, LookReport, LossRow, Losses, Lost, MatchReport,
    MetricsText, PassReport, PeerRow, PeersReport, PlanReport, QuestionRow, RefusedView, Request,
    Response, RevokeReport, RoleName, ServiceLogRow, ServiceReport, ServiceRow, ShownEdit,
    StatusReport, StrikeReport, StrikeRow, Trace, TraceValue, TrialResult, TrialRow, UnlinkReport,
    WaitingRow,
};

const ITEM: &str = "5f0c2a91aaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "8be1d07caaaaaaaaaaaaaaaaaaaaaaaa";
/// 2026-11-21 18:31 UTC.
const NOW: i64 = 1_795_285_860;
/// 2019-03-02.
const THEN: i64 = 1_551_484_800;

pub(super) fn look() -> LookReport {
    let row = |library: &str, items, collections, rated| LibraryRow {
        library: library.into(),
        schema: "music".into(),
        path: format!("/home/you/{library}"),
        items,
        collections,
        rated,
        running: None,
        linked: false,
        changed_at: Some(NOW - 86_400),
        error: None,
    };
    let running = Some("running now".to_owned());
    let strawberry = LibraryRow { running, ..row("strawberry", 11_962, 4, 18) };
    let libraries = vec![row("rhythmbox", 12_408, 37, 4_112), strawberry];
    LookReport { libraries, notes: Vec::new() }
}

pub(super) fn held() -> HeldBatch {
    let reason = "1,204 of 4,112 ratings are gone since the last pass".into();
    HeldBatch { library: "rhythmbox".into(), reason, items: 1_204, lasting: false }
}

pub(super) fn conflict(title: &str) -> ConflictRow {
    let value = |value: i64, library: &str, at| ConflictValue {
        value: json!(value),
        library: library.into(),
        device: "desk".into(),
        at: Some(at),
    };
    ConflictRow {
        item: ITEM.into(),
        title: title.into(),
        field: "rating".into(),
        shown: json!(100),
        values: vec![value(100, "rhythmbox", THEN), value(60, "strawberry", NOW - 259_200)],
    }
}

pub(super) fn plan() -> PlanReport {
    let counts = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
    };
    let strawberry = LibraryPlan {
        schema: "music".into(),
        library: "strawberry".into(),
        running: true,
        sets: 7_404,
        collections: 33,
        items: 11_962,
        only_here: 5,
        fields: counts(&[("play_count", 3_310), ("playlists", 33), ("rating", 4_094)]),
        growth: vec![("play_count".into(), 9_871)],
        new_collections: 33,
        new_entries: 1_902,
        lacking_entries: 7,
        cannot_hold: vec!["smart playlists of Rhythmbox".into()],
        ..LibraryPlan::default()
    };
    let rhythmbox = LibraryPlan {
        schema: "music".into(),
        library: "rhythmbox".into(),
        sets: 114,
        collections: 2,
        items: 12_408,
        only_here: 451,
        fields: counts(&[("play_count", 96), ("playlists", 2), ("rating", 18)]),
        growth: vec![("play_count".into(), 212)],
        new_collections: 1,
        new_entries: 1,
        lifts: 41,
        cannot_hold: vec!["a song twice in one playlist".into(), "folders".into()],
        ..LibraryPlan::default()
    };
    PlanReport {
        plan: "k7q".into(),
        libraries: vec![strawberry, rhythmbox],
        items: 12_413,
        matched: 11_957,
        rungs: counts(&[("file", 11_871), ("recording", 12), ("path", 0), ("tags", 74)]),
        doubtful: 6,
        conflicts: 3,
        conflict_examples: vec![conflict("Blue in Green — Miles Davis")],
        held: Vec::new(),
    }
}

pub(super) fn shown(title: &str) -> Vec<ShownEdit> {
    let edit = |what: &str, field: &str, old, new| ShownEdit {
        library: "strawberry".into(),
        what: what.into(),
        field: field.into(),
        old,
        new,
        why: None,
    };
    vec![
        edit(title, "rating", json!(null), json!(70)),
        edit("津軽じょんがら節 — 高橋竹山", "play_count", json!(3), json!(1_212)),
        edit("Road", "playlist", json!(null), json!(["So What", title])),
    ]
}

/// What a library of mail cannot hold, and what of it cannot be read.
pub(super) fn lost(title: &str) -> Lost {
    let row = |field: Option<&str>, value, why: &str| LossRow {
        item: title.into(),
        field: field.map(Into::into),
        value,
        why: why.into(),
        operation: Some(1),
    };
    let full = "the folder `Archive` has its 26 keywords already, and `urgent` is none of them";
    let unreadable = "a message that cannot be read: permission denied";
    Lost {
        refused: Losses { count: 1, first: vec![row(Some("keywords"), json!(["urgent"]), full)] },
        losses: Losses { count: 1_204, first: vec![row(None, json!(null), unreadable)] },
        unseen: Some("nothing is taken to have left INBOX, or to have lost seen".into()),
    }
}

/// A pass in which the libraries came as far as this.
pub(super) fn pass(states: &[LibraryState]) -> PassReport {
    let row = |(index, state): (usize, &LibraryState)| Found {
        written: if *state == LibraryState::Written { 115 } else { 0 },
        reason: match state {
            LibraryState::Waiting => Some("the app is running".into()),
            LibraryState::Failed => Some("cannot write /home/you/mpd: disk full".into()),
            LibraryState::Held => Some("it lost most of its ratings".into()),
            _ => None,
        },
        backup: match state {
            LibraryState::Written => vec![("rhythmdb.xml".into(), 8_200_000)],
            _ => Vec::new(),
        },
        fields: match state {
            LibraryState::Written => {
                vec![("rating".into(), 18), ("play_count".into(), 96), ("playlists".into(), 1)]
            }
            _ => Vec::new(),
        },
        ..Found::new(["rhythmbox", "strawberry", "mpd"][index], *state)
    };
    PassReport {
        operation: Some(1),
        libraries: states.iter().enumerate().map(row).collect(),
        conflicts: 0,
        held: Vec::new(),
        kept: Vec::new(),
        away: Vec::new(),
        ending: Limited::default(),
    }
}

fn questions(title: &str) -> Vec<QuestionRow> {
    vec![QuestionRow {
        item: ITEM.into(),
        item_title: title.into(),
        item_location: Some("a/01.mp3".into()),
        other: OTHER.into(),
        other_title: "So What (live) — Miles Davis".into(),
        other_location: None,
        reason: "same artist and title, lengths differ by 3 s".into(),
    }]
}

pub(super) fn status() -> StatusReport {
    let link = |library: &str, state: &str, reason: Option<&str>, items| LinkRow {
        library: library.into(),
        path: format!("/home/you/.local/share/{library}"),
        document: "9a".repeat(32),
        state: state.into(),
        reason: reason.map(str::to_owned),
        lost: Lost::default(),
        items,
        linked_at: NOW,
    };
    StatusReport {
        links: vec![
            link("rhythmbox", "in step", None, 12_408),
            link("strawberry", "waiting", Some("the app is running"), 11_962),
        ],
        peers: Vec::new(),
        agent: None,
        conflicts: 3,
        doubtful: 1,
        withheld: 0,
        excluded: 0,
        ending: 0,
    }
}

pub(super) fn invite() -> InviteReport {
    InviteReport {
        ticket: "segue1qd7n4zk".into(),
        document: ITEM.repeat(2),
        schema: "music".into(),
        role: RoleName::Write,
        expires: NOW + 600,
        cancelled: 0,
    }
}

pub(super) fn join() -> JoinReport {
    JoinReport {
        document: ITEM.repeat(2),
        schema: "music".into(),
        peer: OTHER.repeat(2),
        name: Some("desk".into()),
        role: "write".into(),
        items: 12_413,
        in_step: true,
        other_links: vec!["rhythmbox".into()],
        moved: Vec::new(),
    }
}

pub(super) fn admitted(name: &str) -> AdmitReport {
    let (peer, name, role) = (OTHER.repeat(2), name.into(), "write".into());
    AdmitReport { peer, name, admitted: true, role }
}

pub(super) fn revoked(name: &str) -> RevokeReport {
    RevokeReport {
        peer: OTHER.repeat(2),
        name: Some(name.into()),
        documents: 1,
        limits_kept: 2,
        limits_struck: 1,
    }
}

/// Seven items that end, of which two are named.
pub(super) fn ending(title: &str) -> Limited {
    let one = LimitedItem::ending(segue_model::ItemId([0x5f; 16]), title.into(), NOW);
    Limited { count: 7, first: vec![one.clone(), one] }
}

/// One that is withheld.
fn withheld(title: &str) -> Limited {
    let words = "expired on 2026-05-01 at 00:00 UTC".into();
    let one = LimitedItem { item: ITEM.into(), title: title.into(), until: Some(THEN), words };
    Limited { count: 1, first: vec![one] }
}

/// A choice between two limits.
pub(super) fn strike(title: &str) -> StrikeReport {
    let row = |id: &str, until| StrikeRow {
        id: id.repeat(8),
        licence: LicenceHeard {
            carrier: "member".into(),
            issuer: title.into(),
            licence: title.into(),
            serial: 1,
            valid_from: None,
            valid_until: until,
            amounts: std::collections::BTreeMap::new(),
            denied: vec!["share".into()],
            devices: None,
            unknown: Vec::new(),
            verified: false,
            unverified: Some("a member says so".into()),
            device: Some(title.into()),
            note: None,
        },
    };
    StrikeReport {
        item: ITEM.into(),
        title: title.into(),
        struck: Vec::new(),
        choices: vec![row("3f9a01c2", Some(NOW)), row("77b0e4d1", None)],
    }
}

pub(super) fn peers() -> PeersReport {
    let peer = |name: &str, id: &str, role: &str| PeerRow {
        id: id.repeat(2),
        name: Some(name.into()),
        role: role.into(),
        until: None,
        online: false,
        in_step: false,
        seen_at: Some(NOW - 86_400),
        documents: vec![ITEM.repeat(2)],
        reason: None,
    };
    let laptop = PeerRow { online: true, in_step: true, ..peer("laptop", ITEM, "admin") };
    let reason = Some("it did not answer in time".to_owned());
    let phone = PeerRow { until: Some(NOW + 86_400), reason, ..peer("phone", OTHER, "read") };
    PeersReport {
        me: ITEM.repeat(2),
        network: Some("lan".into()),
        peers: vec![laptop, phone],
        waiting: vec![WaitingRow {
            id: OTHER.repeat(2),
            name: "tablet".into(),
            words: "amber pilot seven moss".into(),
        }],
        invitations: vec![InvitationView {
            document: ITEM.repeat(2),
            role: "write".into(),
            expires: NOW + 600,
            device: None,
        }],
        refused: vec![RefusedView {
            id: OTHER.repeat(2),
            why: "a change by a device that may not write this document".into(),
            times: 3,
            last_at: NOW,
        }],
    }
}

pub(super) fn agent() -> AgentRow {
    let (version, peer) = ("0.1.0".into(), "7d1f".into());
    AgentRow { pid: 4711, version, peer, since: NOW, network: "lan".into() }
}

pub(super) fn services() -> ServiceReport {
    let service = |library: &str, state: &str, reason: Option<&str>| ServiceRow {
        library: library.into(),
        path: format!("/home/you/.local/share/{library}"),
        document: "9a".repeat(32),
        state: state.into(),
        reason: reason.map(str::to_owned),
    };
    let services = vec![
        service("rhythmbox", "in step", None),
        service("strawberry", "waiting", Some("the app is running")),
    ];
    ServiceReport { agent: Some(agent()), services }
}

pub(super) fn told(what: &str) -> ServiceLogRow {
    ServiceLogRow { at: NOW, library: Some("rhythmbox".into()), what: what.into() }
}

fn log(summary: &str) -> Vec<LogRow> {
    let row = |operation, kind: &str, summary: &str| LogRow {
        operation,
        kind: kind.into(),
        at: NOW + operation * 60,
        summary: summary.into(),
        plan: None,
        undoes: None,
        undone_by: None,
        state: "done".into(),
    };
    vec![
        LogRow { undoes: Some(9), ..row(10, "undo", "took back op 9") },
        LogRow { undone_by: Some(10), ..row(9, "resolve", "settled 1 value") },
        LogRow { state: "partly".into(), ..row(8, "sync", summary) },
        LogRow { plan: Some("k7q".into()), ..row(1, "apply", "linked rhythmbox, strawberry") },
    ]
}

fn found(title: &str) -> Vec<FoundItem> {
    let track = FoundItem {
        id: ITEM.into(),
        schema: "music".into(),
        kind: "item".into(),
        title: title.into(),
        fields: json!({ "rating": 100 }),
        location: Some("kind/of/blue/03.mp3".into()),
    };
    let playlist = FoundItem {
        id: OTHER.into(),
        schema: "music".into(),
        kind: "playlist".into(),
        title: "Blue".into(),
        fields: json!({}),
        location: None,
    };
    vec![track, playlist]
}

fn trace(title: &str) -> Trace {
    let value = |value: i64, shown, library: &str, at| TraceValue {
        field: "rating".into(),
        value: json!(value),
        shown,
        libraries: vec![library.into()],
        operation: Some(1),
        at: Some(at),
    };
    let plays = TraceValue {
        field: "play_count".into(),
        value: json!(17),
        shown: true,
        libraries: vec!["rhythmbox".into(), "strawberry".into()],
        operation: None,
        at: None,
    };
    let ratings = [value(100, true, "rhythmbox", THEN), value(60, false, "strawberry", NOW)];
    let fields = std::iter::once(plays).chain(ratings).collect();
    Trace { item: ITEM.into(), title: title.into(), withheld: None, excluded: Vec::new(), fields }
}

pub(super) fn exclusion(title: &str) -> ExclusionRow {
    ExclusionRow {
        rule: 1,
        target: "item".into(),
        what: title.into(),
        kind: None,
        library: Some(format!("rhythmbox={title}")),
        from: Some(THEN),
        until: Some(NOW),
        state: "over".into(),
        shared: 3,
    }
}

fn excluded(title: &str, removed: bool) -> ExclusionReport {
    ExclusionReport { row: exclusion(title), removed }
}

pub(super) fn doctor() -> DoctorReport {
    let check = |name: &str, passed, detail: &str| Check {
        name: name.into(),
        passed,
        detail: detail.into(),
    };
    let caches = check("caches", false, "item 5f0c2a91 differs from the log");
    DoctorReport {
        checks: vec![check("log", true, "12,413 changes, all signed"), caches],
        lost: Vec::new(),
        sound: false,
    }
}

fn on_trial() -> Request {
    Request::Conformance(Conformance {
        executable: "./segue-translator-hello".into(),
        fixture: Some("tests/library".into()),
        seed: 7,
        only: None,
    })
}

fn conformance(title: &str) -> ConformanceReport {
    let row = |name: &str, result, reason: Option<&str>| TrialRow {
        name: name.into(),
        fixture: "1".into(),
        result,
        reason: reason.map(Into::into),
    };
    let mut report = ConformanceReport::new("hello", 7);
    report.add(row("read::changes_no_byte", TrialResult::Passed, None));
    report.add(row("write::random_edits_read_back", TrialResult::Failed, Some(title)));
    report.add(row("values::sets_read_back", TrialResult::Skipped, Some("declares: no sets")));
    report
}

fn reasoned(reason: &str) -> ServiceReport {
    let mut report = services();
    report.services[1].reason = Some(reason.into());
    report
}

/// One answer of each kind, with what was asked; this text is the title of each item.
pub(super) fn all(title: &str) -> Vec<(&'static str, Request, Response)> {
    let show = Request::ShowPlan { plan: "k7q".into(), what: "all".into() };
    let text = || title.to_owned();
    let unlink = Request::Status;
    let mut plan = plan();
    plan.conflict_examples = vec![conflict(title)];
    plan.libraries[0].cannot_hold = vec![text()];
    plan.libraries[0].withheld = withheld(title);
    plan.libraries[1].withheld = withheld(title);
    plan.libraries[1].hides = true;
    plan.libraries[1].ending = ending(title);
    plan.held = vec![HeldBatch { reason: text(), ..held() }];
    let mut pass = pass(&[LibraryState::Written, LibraryState::Failed]);
    pass.libraries[1].reason = Some(text());
    pass.libraries[0].lost = lost(title);
    pass.kept = vec![text()];
    pass.ending = ending(title);
    let mut look = look();
    look.libraries[0].error = Some(text());
    vec![
        ("look", Request::Look, Response::Look(look)),
        ("plan", Request::Plan { libraries: Vec::new(), write_tags: false }, Response::Plan(plan)),
        ("shown", show, Response::Shown(shown(title))),
        ("pass", Request::Redo, Response::Pass(pass)),
        ("questions", Request::Matches, Response::Questions(questions(title))),
        (
            "match",
            Request::Matches,
            Response::Match(MatchReport { operation: Some(3), item: ITEM.into(), same: true }),
        ),
        ("status", Request::Status, Response::Status(status())),
        ("log", Request::Log, Response::Log(log(title))),
        ("export", Request::Export { document: None }, Response::Export(ExportText("{}\n".into()))),
        ("found", Request::Find { text: text() }, Response::Found(found(title))),
        ("trace", Request::Conflicts, Response::Trace(trace(title))),
        ("conflicts", Request::Conflicts, Response::Conflicts(vec![conflict(title)])),
        ("strike", Request::Licences, Response::Strike(strike(title))),
        ("exclusions", Request::Exclusions, Response::Exclusions(vec![exclusion(title)])),
        ("exclusion", Request::Exclusions, Response::Exclusion(excluded(title, false))),
        ("inclusion", Request::Exclusions, Response::Exclusion(excluded(title, true))),
        ("unlink", unlink, Response::Unlink(UnlinkReport { library: text(), operation: 12 })),
        ("doctor", Request::Doctor, Response::Doctor(doctor())),
        ("conformance", on_trial(), Response::Conformance(conformance(title))),
        ("services", Request::Services { library: None }, Response::Services(reasoned(title))),
        (
            "service log",
            Request::ServiceLog { library: None },
            Response::ServiceLog(vec![told(title)]),
        ),
        ("metrics", Request::Metrics, Response::Metrics(MetricsText("# EOF\n".into()))),
        ("join", Request::Peers, Response::Join(JoinReport { name: Some(text()), ..join() })),
        ("peers", Request::Peers, Response::Peers(peers())),
        ("cancelled", Request::CancelInvitations, Response::Invite(invite())),
        ("admitted", Request::Peers, Response::Admit(admitted(title))),
        ("revoked", Request::Peers, Response::Revoke(revoked(title))),
    ]
}
