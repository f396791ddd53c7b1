//! What can be asked about limits, and the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use segue_model::{Amount, Terms, Use};
use serde::{Deserialize, Serialize};

/// What to do with the licence beside a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LicenceAction {
    /// Writes one.
    Grant {
        /// The file.
        file: PathBuf,
        /// What it allows.
        terms: LicenceTerms,
        /// Who issues it, for people; otherwise this device's name.
        issuer: Option<String>,
        /// The issuer's name for it; otherwise a new one.
        licence: Option<String>,
    },
    /// Writes the next serial, with another end or none.
    Renew {
        /// The file.
        file: PathBuf,
        /// The new end, in Unix seconds.
        until: Option<i64>,
    },
    /// Writes the next serial, which ends now.
    Revoke {
        /// The file.
        file: PathBuf,
    },
}

impl LicenceAction {
    /// The file that it is about.
    pub fn file(&self) -> &Path {
        match self {
            Self::Grant { file, .. } | Self::Renew { file, .. } | Self::Revoke { file } => file,
        }
    }
}

/// What a licence allows, as a person says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceTerms {
    /// The first second, in Unix time.
    pub valid_from: Option<i64>,
    /// The end, in Unix time.
    pub valid_until: Option<i64>,
    /// How much of what, by name.
    pub amounts: BTreeMap<String, u32>,
    /// What is forbidden, by name.
    pub denied: BTreeSet<String>,
}

impl LicenceTerms {
    /// The same as values; in words, which name is none.
    pub(crate) fn to_terms(&self) -> Result<Terms, String> {
        let amount = |(name, most): (&String, &u32)| {
            let amount = Amount::ALL.into_iter().find(|amount| amount.name() == name);
            amount.map(|amount| (amount, *most)).ok_or_else(|| format!("`{name}` is no amount"))
        };
        let denied = |name: &String| {
            let one = Use::ALL.into_iter().find(|one| one.name() == name);
            one.ok_or_else(|| format!("`{name}` is nothing that can be forbidden"))
        };
        Ok(Terms {
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            amounts: self.amounts.iter().map(amount).collect::<Result<_, _>>()?,
            denied: self.denied.iter().map(denied).collect::<Result<_, _>>()?,
            ..Terms::default()
        })
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceReport {
    /// The file that it is for.
    pub file: PathBuf,
    /// The licence itself.
    pub path: PathBuf,
    /// The issuer's name for it.
    pub licence: String,
    /// Its serial.
    pub serial: u64,
    /// The first second, in Unix time.
    pub valid_from: Option<i64>,
    /// The end, in Unix time.
    pub valid_until: Option<i64>,
    /// Whether others can check who issued it.
    pub verified: bool,
}

/// What was struck, or can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrikeReport {
    /// The item.
    pub item: String,
    /// Title and artist.
    pub title: String,
    /// What was struck; nothing, where there is a choice and none was made.
    pub struck: Vec<StrikeRow>,
    /// What could have been.
    pub choices: Vec<StrikeRow>,
}

/// A limit that the owner of the document may strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrikeRow {
    /// Its id, for as long as whoever said it says nothing newer.
    pub id: String,
    /// What it says, and which device said it.
    pub licence: LicenceHeard,
}

/// An item that is limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceRow {
    /// The item.
    pub item: String,
    /// Title and artist.
    pub title: String,
    /// The first second, in Unix time.
    pub valid_from: Option<i64>,
    /// The end, in Unix time.
    pub valid_until: Option<i64>,
    /// `valid`, `unverified`, `expired`, `not yet valid`, `for other devices`, `leased elsewhere`, `played out`
    /// or `unknown limit`.
    pub state: String,
    /// The same for people, with the moment.
    pub words: String,
    /// How many devices may use it at one time.
    pub seats: Option<u32>,
    /// Until when this device has a seat, in Unix time.
    pub seat_until: Option<i64>,
    /// The devices that have seats.
    pub holders: Vec<SeatHolder>,
    /// Who issued the first of its licences that says so.
    pub issuer: String,
    /// All licences that hold.
    pub licences: Vec<LicenceHeard>,
    /// Libraries here that list it no longer because of that.
    pub hidden_in: Vec<String>,
    /// Libraries here that list it although it is withheld, each with the reason.
    pub listed_in: Vec<String>,
}

/// So many limited items are named at once.
pub const LIMITED_MAX: usize = 5;

/// Limited items: how many there are, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limited {
    /// How many.
    pub count: u64,
    /// At most [`LIMITED_MAX`] of them, the first end first.
    pub first: Vec<LimitedItem>,
}

/// One limited item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitedItem {
    /// The item.
    pub item: String,
    /// Title and artist.
    pub title: String,
    /// The end, in Unix time, if it has one.
    pub until: Option<i64>,
    /// Why it is withheld, or until when it may be used, for people.
    pub words: String,
}

impl LimitedItem {
    /// One that may be used until then.
    pub(crate) fn ending(item: segue_model::ItemId, title: String, until: i64) -> Self {
        let moment = jiff::Timestamp::from_second(until).map_or_else(
            |_| until.to_string(),
            |moment| moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        );
        let (item, words) = (item.to_string(), format!("until {moment}"));
        Self { item, title, until: Some(until), words }
    }
}

impl Limited {
    /// Adds those of another document.
    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.sort_by_key(|one| one.until.unwrap_or(i64::MAX));
        self.first.truncate(LIMITED_MAX);
    }
}

/// A licence that holds for an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceHeard {
    /// Where it was found: `sidecar`, `lcp`, `id3`, `mp4`; `unsaid` of what this device says to nobody.
    pub carrier: String,
    /// Who issued it.
    pub issuer: String,
    /// The issuer's name for it.
    pub licence: String,
    /// Its serial.
    pub serial: u64,
    /// The first second, in Unix time.
    pub valid_from: Option<i64>,
    /// The end, in Unix time.
    pub valid_until: Option<i64>,
    /// How much of what.
    pub amounts: BTreeMap<String, u32>,
    /// What is forbidden.
    pub denied: Vec<String>,
    /// The ids of the only devices that may use it, if it is for some only.
    pub devices: Option<Vec<String>>,
    /// Kinds of limits that this version does not know.
    pub unknown: Vec<String>,
    /// Whether its issuer's signature was checked.
    pub verified: bool,
    /// Why not.
    pub unverified: Option<String>,
    /// The device that found it.
    pub device: Option<String>,
    /// What a person may read there.
    pub note: Option<String>,
}

/// What to do with a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeatAction {
    /// Takes one for this device.
    Take,
    /// Gives this device's own away.
    Give {
        /// The device that gets it: its id, the beginning of it, or its name; otherwise it goes back.
        to: Option<String>,
    },
}

/// A device that has a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatHolder {
    /// What people call it.
    pub device: String,
    /// Until then, in Unix time.
    pub until: i64,
}

/// What became of a seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatReport {
    /// The item.
    pub item: String,
    /// Title and artist.
    pub title: String,
    /// Whether this device has it.
    pub state: SeatState,
    /// Until when this device has it, in Unix time.
    pub until: Option<i64>,
    /// Why this device does not have it yet.
    pub words: Option<String>,
}

/// How a seat stands after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatState {
    /// This device has one.
    Taken,
    /// It asked for one.
    Asked,
    /// It gave its own away.
    Given,
}

/// Whether seats of a document are given out here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficeReport {
    /// The document.
    pub document: String,
    /// Its kind.
    pub schema: String,
    /// Whether this folder gives out its seats.
    pub here: bool,
    /// Whether the document is this person's.
    pub owner: bool,
    /// The same for people.
    pub words: String,
}
