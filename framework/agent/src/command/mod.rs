//! Commands as values: what can be asked ([`Request`]) and what is answered ([`Response`]).
//!
//! The command line turns arguments into requests and responses into text or JSON, and the agent's
//! socket carries both. Nothing here prints, and no request needs a terminal.

mod exclude;
mod licences;
mod lost;
mod peers;
mod request;
mod response;
mod service;

pub use exclude::{ExcludeAction, Excluded, ExclusionReport, ExclusionRow};
pub use licences::{
    LIMITED_MAX, LicenceAction, LicenceHeard, LicenceReport, LicenceRow, LicenceTerms, Limited,
    LimitedItem, OfficeReport, SeatAction, SeatHolder, SeatReport, SeatState, StrikeReport,
    StrikeRow,
};
pub use lost::{Check, DoctorReport, LOSSES_MAX, LibraryLost, LossRow, Losses, Lost};
pub use peers::{
    AdmitReport, InvitationView, InviteReport, JoinReport, PeerRow, PeersReport, RefusedView,
    RevokeReport, RoleName, WaitingRow,
};
pub use request::{Conformance, LibrarySpec, Request, SpecError};
pub use response::{
    ConflictRow, ConflictValue, ConformanceReport, ExportText, Found, FoundItem, HeldBatch,
    LeftOutRow, LibraryPlan, LibraryRow, LibraryState, LinkRow, LogRow, LookReport, MatchReport,
    PassReport, PlanReport, QuestionRow, Response, ShownEdit, StatusReport, Trace, TraceValue,
    TrialResult, TrialRow, UnlinkReport,
};
pub use service::{AgentRow, MetricsText, ServiceAction, ServiceLogRow, ServiceReport, ServiceRow};
