//! What travels through the agent's socket: JSON values, one a line.
//!
//! The agent begins with [`Tell::Welcome`]; the client sends one [`Ask`] and reads until the last
//! [`Tell`]. Both are of one version, or the client says so and asks nothing: these types are no
//! contract. What is: one line of JSON, at most so long, and the welcome's fields.
//!
//! Invariant: no line is kept that is longer than its bound.

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::command::{
    AdmitReport, AgentRow, ExclusionReport, InviteReport, JoinReport, LibrarySpec, LicenceReport,
    MatchReport, MetricsText, OfficeReport, PassReport, PeersReport, PlanReport, Request, Response,
    RevokeReport, SeatReport, ServiceLogRow, ServiceReport, ServiceRow, StrikeReport, UnlinkReport,
    WaitingRow,
};

/// Grows with each change of what travels; the version of the program counts too.
pub(super) const PROTOCOL: u32 = 5;
/// A question is never longer.
pub(super) const ASK_BYTES_MAX: usize = 64 << 10;
/// An answer is never longer.
pub(super) const TELL_BYTES_MAX: usize = 16 << 20;

/// What a client wants.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Have this command done.
    Do(Request),
    /// Know how the services are.
    Services,
    /// Know what was said.
    Log(Option<LibrarySpec>),
    /// Know the numbers.
    Metrics,
    /// Know who is connected, and who waits to be let in.
    Peers,
}

/// What the agent says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Tell {
    /// Who it is.
    Welcome {
        /// The version of what travels.
        protocol: u32,
        /// The agent.
        agent: AgentRow,
    },
    /// What it does now, and how much there is of it.
    Step(String, Option<u64>),
    /// So much of it is done.
    Advance(u64),
    /// Something that a person has to read meanwhile.
    Said(String),
    /// The answer.
    Done(Box<Answer>),
    /// There is none: why, and what to do.
    Failed(String, Option<String>),
}

/// An answer, by name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Pass(PassReport),
    Plan(PlanReport),
    Match(MatchReport),
    Unlink(UnlinkReport),
    Service(ServiceReport),
    Services(Vec<ServiceRow>),
    Log(Vec<ServiceLogRow>),
    Metrics(MetricsText),
    Invite(InviteReport),
    Join(JoinReport),
    Admit(AdmitReport),
    Revoke(RevokeReport),
    Licence(LicenceReport),
    Seat(SeatReport),
    Office(Vec<OfficeReport>),
    Strike(StrikeReport),
    Exclusion(ExclusionReport),
    Peers(LiveReport),
}

/// Who is connected, as only the agent knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct LiveReport {
    /// How far this device reaches.
    pub(crate) network: String,
    /// Devices by id.
    pub(crate) peers: Vec<LivePeer>,
    /// Bytes of changes and statements that came since the agent started.
    pub(crate) received: u64,
    /// Who waits to be let in.
    pub(crate) waiting: Vec<WaitingRow>,
}

/// One device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LivePeer {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) online: bool,
    pub(crate) in_step: bool,
    /// It was in step at some time since the agent started.
    pub(crate) met: bool,
    pub(crate) reason: Option<String>,
}

impl Tell {
    /// What became of a command that may write.
    pub(super) fn of(result: Result<Response, Failure>) -> Self {
        let answer = match result {
            Ok(Response::Pass(report)) => Answer::Pass(report),
            Ok(Response::Plan(report)) => Answer::Plan(report),
            Ok(Response::Match(report)) => Answer::Match(report),
            Ok(Response::Unlink(report)) => Answer::Unlink(report),
            Ok(Response::Services(report)) => Answer::Service(report),
            Ok(Response::Invite(report)) => Answer::Invite(report),
            Ok(Response::Join(report)) => Answer::Join(report),
            Ok(Response::Admit(report)) => Answer::Admit(report),
            Ok(Response::Revoke(report)) => Answer::Revoke(report),
            Ok(Response::Licence(report)) => Answer::Licence(report),
            Ok(Response::Seat(report)) => Answer::Seat(report),
            Ok(Response::Office(reports)) => Answer::Office(reports),
            Ok(Response::Strike(report)) => Answer::Strike(report),
            Ok(Response::Exclusion(report)) => Answer::Exclusion(report),
            // To what writes nothing; the command line answers that itself.
            Ok(
                Response::Look(_)
                | Response::Shown(_)
                | Response::Questions(_)
                | Response::Status(_)
                | Response::Log(_)
                | Response::Export(_)
                | Response::Found(_)
                | Response::Trace(_)
                | Response::Conflicts(_)
                | Response::Exclusions(_)
                | Response::Licences(_)
                | Response::Doctor(_)
                | Response::Conformance(_)
                | Response::ServiceLog(_)
                | Response::Metrics(_)
                | Response::Peers(_),
            ) => return Self::Failed("the agent does not answer this".into(), None),
            Err(failure) => {
                return Self::Failed(failure.to_string(), failure.hint().map(str::to_owned));
            }
        };
        Self::Done(Box::new(answer))
    }

    /// As a line.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        if line.len() >= TELL_BYTES_MAX {
            let sentence = "it is done, and the answer is too long to be sent";
            let hint = Some("see: segue log".to_owned());
            let failed = Self::Failed(sentence.to_owned(), hint);
            line = serde_json::to_vec(&failed).unwrap_or_default();
        }
        line.push(b'\n');
        line
    }
}

impl Answer {
    /// As what the command line prints.
    pub(super) fn response(self) -> Response {
        match self {
            Self::Pass(report) => Response::Pass(report),
            Self::Plan(report) => Response::Plan(report),
            Self::Match(report) => Response::Match(report),
            Self::Unlink(report) => Response::Unlink(report),
            Self::Service(report) => Response::Services(report),
            Self::Services(services) => Response::Services(ServiceReport { agent: None, services }),
            Self::Log(rows) => Response::ServiceLog(rows),
            Self::Metrics(text) => Response::Metrics(text),
            Self::Invite(report) => Response::Invite(report),
            Self::Join(report) => Response::Join(report),
            Self::Admit(report) => Response::Admit(report),
            Self::Revoke(report) => Response::Revoke(report),
            Self::Licence(report) => Response::Licence(report),
            Self::Seat(report) => Response::Seat(report),
            Self::Office(reports) => Response::Office(reports),
            Self::Strike(report) => Response::Strike(report),
            Self::Exclusion(report) => Response::Exclusion(report),
            Self::Peers(_) => Response::Peers(PeersReport::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;

    use super::*;
    use crate::command::{Found, LibraryState, Limited, OfficeReport, SeatReport, SeatState};

    #[test]
    fn what_the_agent_wrote_of_licences_arrives() {
        let strike = StrikeReport {
            item: "5f0c2a91".into(),
            title: "So What".into(),
            struck: Vec::new(),
            choices: Vec::new(),
        };
        let licence = LicenceReport {
            file: "/m/a".into(),
            path: "/m/a.segue-licence".into(),
            licence: "loan".into(),
            serial: 1,
            valid_from: None,
            valid_until: Some(7),
            verified: true,
        };
        let seat = SeatReport {
            item: "5f0c2a91".into(),
            title: "So What".into(),
            state: SeatState::Taken,
            until: Some(7),
            words: None,
        };
        let office = OfficeReport {
            document: "d".into(),
            schema: "music".into(),
            here: true,
            owner: true,
            words: "here".into(),
        };
        for response in [
            Response::Strike(strike),
            Response::Licence(licence),
            Response::Seat(seat),
            Response::Office(vec![office]),
        ] {
            let line = Tell::of(Ok(response.clone())).line();
            let Tell::Done(answer) = serde_json::from_slice(&line).unwrap() else { panic!() };
            assert_eq!(answer.response(), response);
        }
    }

    #[test]
    fn a_path_that_is_no_text_and_the_order_of_numbers_arrive() {
        let path = PathBuf::from(OsString::from_vec(b"/m\xff".to_vec()));
        let spec = LibrarySpec { app: "mpd".into(), path: Some(path), root: None };
        let asked = Request::Unlink { library: spec };
        let line = serde_json::to_string(&Ask::Do(asked.clone())).unwrap();
        let Ask::Do(arrived) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert_eq!(arrived, asked);

        let fields =
            ["rating", "play_count", "playlists"].map(|name| (name.to_owned(), 2)).to_vec();
        let found = Found { written: 2, fields, ..Found::new("mpd", LibraryState::Written) };
        let report = PassReport {
            operation: Some(1),
            libraries: vec![found],
            conflicts: 0,
            held: Vec::new(),
            kept: Vec::new(),
            away: Vec::new(),
            ending: Limited::default(),
        };
        let line = Tell::of(Ok(Response::Pass(report.clone()))).line();
        let Tell::Done(answer) = serde_json::from_slice(&line).unwrap() else { panic!() };
        assert_eq!(answer.response(), Response::Pass(report));
    }
}
