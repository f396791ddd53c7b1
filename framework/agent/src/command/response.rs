//! What is answered. The names of keys are a contract (see `docs/command-line.md`): they only grow.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::{
    AdmitReport, AgentRow, DoctorReport, ExclusionReport, ExclusionRow, InviteReport, JoinReport,
    LicenceReport, LicenceRow, Limited, Lost, MetricsText, OfficeReport, PeerRow, PeersReport,
    RevokeReport, SeatReport, ServiceLogRow, ServiceReport, StrikeReport,
};

/// Named numbers as a JSON object, in their order.
fn as_object<S: serde::Serializer, N: Serialize>(
    pairs: &[(String, N)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, number)| (name, number)))
}

/// The reverse of [`as_object`]; the order stays.
fn of_object<'de, D, N>(deserializer: D) -> Result<Vec<(String, N)>, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de>,
{
    struct Pairs<N>(PhantomData<N>);

    impl<'de, N: Deserialize<'de>> Visitor<'de> for Pairs<N> {
        type Value = Vec<(String, N)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("named numbers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(Pairs(PhantomData))
}

/// The answer to one command.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// To `Look`.
    Look(LookReport),
    /// To `Plan`, and to `Sync` with `dry_run`.
    Plan(PlanReport),
    /// To `ShowPlan`.
    Shown(Vec<ShownEdit>),
    /// To `Apply`, `Sync`, `Undo`, `Redo`, `Resolve`.
    Pass(PassReport),
    /// To `Matches`.
    Questions(Vec<QuestionRow>),
    /// To `Match`.
    Match(MatchReport),
    /// To `Status`.
    Status(StatusReport),
    /// To `Log`.
    Log(Vec<LogRow>),
    /// To `Export`.
    Export(ExportText),
    /// To `Find`.
    Found(Vec<FoundItem>),
    /// To `Why`.
    Trace(Trace),
    /// To `Conflicts`.
    Conflicts(Vec<ConflictRow>),
    /// To `Exclusions`.
    Exclusions(Vec<ExclusionRow>),
    /// To `Exclude`.
    Exclusion(ExclusionReport),
    /// To `Licences`.
    Licences(Vec<LicenceRow>),
    /// To `Licence`.
    Licence(LicenceReport),
    /// To `Seat`.
    Seat(SeatReport),
    /// To `Office`.
    Office(Vec<OfficeReport>),
    /// To `Strike`.
    Strike(StrikeReport),
    /// To `Unlink`.
    Unlink(UnlinkReport),
    /// To `Doctor`.
    Doctor(DoctorReport),
    /// To `Conformance`.
    Conformance(ConformanceReport),
    /// To `Services` and `Service`.
    Services(ServiceReport),
    /// To `ServiceLog`.
    ServiceLog(Vec<ServiceLogRow>),
    /// To `Metrics`.
    Metrics(MetricsText),
    /// To `Invite` and `CancelInvitations`.
    Invite(InviteReport),
    /// To `Join`.
    Join(JoinReport),
    /// To `Admit`.
    Admit(AdmitReport),
    /// To `Peers`.
    Peers(PeersReport),
    /// To `Revoke`.
    Revoke(RevokeReport),
}

/// What is on this computer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookReport {
    /// Libraries found, linked or not.
    pub libraries: Vec<LibraryRow>,
    /// What is to be known of translators that are programs of their own: not used, not confined.
    pub notes: Vec<String>,
}

/// One library on this computer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LibraryRow {
    /// The app, or `APP=PATH` where there are several.
    pub library: String,
    /// The schema: `music`.
    pub schema: String,
    /// Where it is.
    pub path: String,
    /// How many items it holds.
    pub items: u64,
    /// How many collections that people edit it holds.
    pub collections: u64,
    /// How many items are rated (music).
    pub rated: u64,
    /// What has it open now, in words.
    pub running: Option<String>,
    /// Whether it is linked.
    pub linked: bool,
    /// Unix seconds of its last change.
    pub changed_at: Option<i64>,
    /// Why it could not be read, if so.
    pub error: Option<String>,
}

/// What linking or syncing would write.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanReport {
    /// The plan's id, for `apply`; empty for a dry run.
    pub plan: String,
    /// Each library.
    pub libraries: Vec<LibraryPlan>,
    /// How many items there are in all.
    pub items: u64,
    /// How many items of different libraries are one.
    pub matched: u64,
    /// How they were recognised: rung (`file`, `recording`, `identifier`, `path`, `tags`) and number.
    #[serde(serialize_with = "as_object", deserialize_with = "of_object")]
    pub rungs: Vec<(String, u64)>,
    /// How many pairs are doubtful.
    pub doubtful: u64,
    /// How many fields have unequal values that nobody has settled.
    pub conflicts: u64,
    /// The first few of these.
    pub conflict_examples: Vec<ConflictRow>,
    /// Batches that a guard holds.
    pub held: Vec<HeldBatch>,
}

/// What one library would get.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LibraryPlan {
    /// The library.
    pub library: String,
    /// The schema: `music`.
    #[serde(default)]
    pub schema: String,
    /// Whether the app is running, so that writing waits.
    pub running: bool,
    /// Why it would not be written, if so: running, read-only, unreadable.
    pub waits: Option<String>,
    /// How many fields would be written.
    pub sets: u64,
    /// How many items would be added.
    pub adds: u64,
    /// How many items would be removed.
    pub removes: u64,
    /// How many collections would be made, changed or removed.
    pub collections: u64,
    /// How many items it holds.
    pub items: u64,
    /// How many of them no other library has.
    pub only_here: u64,
    /// How many edits of each field would be written.
    #[serde(serialize_with = "as_object", deserialize_with = "of_object")]
    pub fields: Vec<(String, u64)>,
    /// What each counter would grow by, in all.
    #[serde(serialize_with = "as_object", deserialize_with = "of_object")]
    pub growth: Vec<(String, i64)>,
    /// New collections that would be made.
    pub new_collections: u64,
    /// Their entries.
    pub new_entries: u64,
    /// Entries of collections that the library cannot show because it lacks the items.
    pub lacking_entries: u64,
    /// How many edits the app's user made that the others have not seen.
    pub lifts: u64,
    /// Where the content of a library that is new seems to lie.
    pub root: Option<String>,
    /// How many of its files are where others have theirs below that.
    pub root_files: Option<u64>,
    /// What of it stays on this device.
    #[serde(default)]
    pub excluded: LeftOutRow,
    /// What this app cannot hold, in words.
    pub cannot_hold: Vec<String>,
    /// Whether it can leave out what is withheld; else that stays listed.
    #[serde(default)]
    pub hides: bool,
    /// What its licences withhold from it then.
    #[serde(default)]
    pub withheld: Limited,
    /// What they allow for less than a week.
    #[serde(default)]
    pub ending: Limited,
    /// What was found not to be held or carried.
    #[serde(flatten)]
    pub lost: Lost,
}

/// How much of what was read of a library is left out because it stays on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOutRow {
    /// Items.
    pub items: u64,
    /// Values of items that are seen for the first time.
    pub values: u64,
    /// Collections.
    pub collections: u64,
}

/// A batch that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldBatch {
    /// The library.
    pub library: String,
    /// What happened, in words.
    pub reason: String,
    /// How many items it concerns.
    pub items: u64,
    /// Whether it is no question for a person: what this device may not write stays in the app.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
}

/// One edit of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownEdit {
    /// The library that would get it.
    pub library: String,
    /// What it concerns: title and artist, or a playlist's name.
    pub what: String,
    /// The field, or `playlist`.
    pub field: String,
    /// What the library holds.
    pub old: Json,
    /// What it would hold.
    pub new: Json,
    /// Why it cannot be, of what is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How far a library came in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LibraryState {
    /// Written, read back.
    Written,
    /// There was nothing to write.
    Unchanged,
    /// The app is running; its part is written in a later pass.
    Waiting,
    /// A guard needs a person.
    Held,
    /// It failed; `reason` says why.
    Failed,
    /// A person wants it left alone; it gets its part when it is played again.
    Paused,
}

/// What a pass did to one library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The library.
    pub library: String,
    /// How far it came.
    pub state: LibraryState,
    /// How many edits were written.
    pub written: u64,
    /// How many edits of the app's user were taken over.
    pub lifted: u64,
    /// How many edits found something else than they expected; the next pass tries them again.
    #[serde(default)]
    pub meanwhile: u64,
    /// What it cannot hold, and what of it cannot be carried.
    #[serde(flatten)]
    pub lost: Lost,
    /// Why it waits, is held or failed.
    pub reason: Option<String>,
    /// Files that were backed up before the write, by name and size in bytes.
    #[serde(serialize_with = "as_object", deserialize_with = "of_object")]
    pub backup: Vec<(String, u64)>,
    /// What was written, by field or `playlists`.
    #[serde(serialize_with = "as_object", deserialize_with = "of_object")]
    pub fields: Vec<(String, u64)>,
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassReport {
    /// The operation's number; `None` if there was nothing to do.
    pub operation: Option<i64>,
    /// Each library.
    pub libraries: Vec<Found>,
    /// How many conflicts are open.
    pub conflicts: u64,
    /// Batches that a guard holds.
    pub held: Vec<HeldBatch>,
    /// What an undo had to leave, because it was changed since.
    pub kept: Vec<String>,
    /// Devices that could not be reached; they get their part when they are connected again.
    #[serde(default)]
    pub away: Vec<String>,
    /// What licences allow for less than a week; told by a sync.
    #[serde(default)]
    pub ending: Limited,
}

/// A doubtful match.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuestionRow {
    /// One item.
    pub item: String,
    /// Its title and artist.
    pub item_title: String,
    /// Where it is.
    pub item_location: Option<String>,
    /// The other.
    pub other: String,
    /// Its title and artist.
    pub other_title: String,
    /// Where it is.
    pub other_location: Option<String>,
    /// Why it is doubtful.
    pub reason: String,
}

/// A settled match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatchReport {
    /// The operation's number.
    pub operation: Option<i64>,
    /// The item by which both are known now.
    pub item: String,
    /// Whether they are the same now.
    pub same: bool,
}

/// What is linked.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StatusReport {
    /// The links.
    pub links: Vec<LinkRow>,
    /// The peers.
    pub peers: Vec<PeerRow>,
    /// The agent, if it runs.
    pub agent: Option<AgentRow>,
    /// How many conflicts are open.
    pub conflicts: u64,
    /// How many matches are doubtful.
    pub doubtful: u64,
    /// How many items a limit withholds now.
    pub withheld: u64,
    /// How many rules keep things on this device now.
    pub excluded: u64,
    /// How many more it will within a week.
    pub ending: u64,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LinkRow {
    /// The library.
    pub library: String,
    /// Where it is.
    pub path: String,
    /// The document.
    pub document: String,
    /// `in step`, `changed`, `waiting`, `missing`, `read-only`, `reading`, `paused`, …; while the agent runs
    /// also `held` and `failed`.
    pub state: String,
    /// More about the state.
    pub reason: Option<String>,
    /// What it cannot hold, and what of it cannot be carried.
    #[serde(flatten)]
    pub lost: Lost,
    /// How many items the link knows.
    pub items: u64,
    /// When it was linked, in Unix seconds.
    pub linked_at: i64,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogRow {
    /// Its number.
    pub operation: i64,
    /// `apply`, `sync`, `undo`, `resolve`, …
    pub kind: String,
    /// When, in Unix seconds.
    pub at: i64,
    /// What it did, in words.
    pub summary: String,
    /// The plan that it executed.
    pub plan: Option<String>,
    /// The operation that it took back.
    pub undoes: Option<i64>,
    /// The operation that took it back.
    pub undone_by: Option<i64>,
    /// How far it came: `done`, `partly`, `begun`; `interrupted` if the next sync goes on with it, or others finished it.
    pub state: String,
}

/// Canonical JSON as text: its bytes matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportText(pub String);

/// Something in which a text stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundItem {
    /// Its id.
    pub id: String,
    /// The schema: `music`.
    pub schema: String,
    /// `item` or the kind of collection.
    pub kind: String,
    /// Title and artist, or name.
    pub title: String,
    /// Its fields.
    pub fields: Json,
    /// Where it is, relative to the root.
    pub location: Option<String>,
}

/// Where values came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The item.
    pub item: String,
    /// Title and artist, or name.
    pub title: String,
    /// Why no app lists it, if a limit withholds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// Which rules keep it, or a field of it, on this device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
    /// Each field that was asked for.
    pub fields: Vec<TraceValue>,
}

/// One value of one field and who holds it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceValue {
    /// The field.
    pub field: String,
    /// The value.
    pub value: Json,
    /// Whether it is the one that is shown.
    pub shown: bool,
    /// The libraries that hold it, or `you`.
    pub libraries: Vec<String>,
    /// The operation that brought it, by its number on this device.
    pub operation: Option<i64>,
    /// When, in Unix seconds.
    pub at: Option<i64>,
}

/// A field with unequal values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictRow {
    /// The item.
    pub item: String,
    /// Title and artist, or name.
    pub title: String,
    /// The field.
    pub field: String,
    /// The value that is shown where no app holds another.
    pub shown: Json,
    /// All values.
    pub values: Vec<ConflictValue>,
}

/// One of several values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictValue {
    /// The value.
    pub value: Json,
    /// The library that holds it, or `you`.
    pub library: String,
    /// The device.
    pub device: String,
    /// When it was first seen, in Unix seconds.
    pub at: Option<i64>,
}

/// An ended link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnlinkReport {
    /// The library.
    pub library: String,
    /// The operation's number.
    pub operation: i64,
}

/// How a translator kept the laws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConformanceReport {
    /// The app of the translator.
    pub app: String,
    /// What random edits followed from.
    pub seed: u64,
    /// Each law on each fixture.
    pub trials: Vec<TrialRow>,
    /// How many trials passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many did not apply.
    pub skipped: u64,
}

impl ConformanceReport {
    /// Before the first trial.
    pub(crate) fn new(app: &str, seed: u64) -> Self {
        let (trials, app) = (Vec::new(), app.to_owned());
        Self { app, seed, trials, passed: 0, failed: 0, skipped: 0 }
    }

    /// Adds a trial.
    pub(crate) fn add(&mut self, row: TrialRow) {
        match row.result {
            TrialResult::Passed => self.passed += 1,
            TrialResult::Failed => self.failed += 1,
            TrialResult::Skipped => self.skipped += 1,
        }
        self.trials.push(row);
    }
}

/// One law on one fixture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialRow {
    /// The law, such as `read::two_reads_are_equal`.
    pub name: String,
    /// The name of the fixture's folder.
    pub fixture: String,
    /// How it ended.
    pub result: TrialResult,
    /// Why it failed or does not apply.
    pub reason: Option<String>,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialResult {
    /// The law holds.
    Passed,
    /// The law is broken.
    Failed,
    /// The law does not apply.
    Skipped,
}
