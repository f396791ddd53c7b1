//! Why a device may not use a licence, in words for people.

use segue_model::DeviceId;

use super::clock::Doubt;

/// Why a device has no seat, or its office gives none. Times are Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// All seats are free.
    Nobody,
    /// The device had one, until then.
    Ended(i64),
    /// The device gave its own away, and it has not arrived where it went from there.
    GivenAway,
    /// Other devices have seats, each until then.
    Elsewhere(Vec<(DeviceId, i64)>),
    /// The device has one until then, but not this copy of its folder.
    Copied(i64),
    /// Statements about a seat contradict each other, or are not all here.
    Void {
        /// Until then nobody has it.
        until: i64,
        /// The key that signed two statements where there can be one, if that is why.
        by: Option<[u8; 32]>,
    },
    /// The clock of this device cannot be trusted.
    Clock(Doubt),
    /// This folder is not the one that issues seats.
    NoOffice,
    /// This folder issues seats from then on.
    OfficeWaits(i64),
}

impl Denied {
    /// The reason as a sentence without a period; `name` says what people call a device, `date`
    /// how they write a time.
    pub fn words(
        &self,
        name: impl Fn(&DeviceId) -> String,
        date: impl Fn(i64) -> String,
    ) -> String {
        match self {
            Self::Nobody => "nobody has it; ask for a seat".into(),
            Self::Ended(end) => format!("this computer had it until {}", date(*end)),
            Self::GivenAway => "this computer gave it away".into(),
            Self::Elsewhere(holders) => {
                let each = |(device, end): &_| format!("{} has it until {}", name(device), date(*end));
                holders.iter().map(each).collect::<Vec<_>>().join(", ")
            }
            Self::Copied(end) => format!(
                "this folder was copied or restored, and the seat belongs to what it was copied from \
                 until {}",
                date(*end)
            ),
            Self::Void { until, by: Some(by) } => format!(
                "{} gave the seat to two; nobody may use it until {}",
                name(&DeviceId(*by)),
                date(*until)
            ),
            Self::Void { until, by: None } => format!(
                "it has not arrived who gave the seat back; nobody may use it before, or until {}",
                date(*until)
            ),
            Self::Clock(doubt) => {
                format!("this computer's clock cannot be trusted: {}", doubt.words(name))
            }
            Self::NoOffice => {
                "seats are given out by the folder in which the document was begun, and by no copy of it"
                    .into()
            }
            Self::OfficeWaits(from) => {
                format!("what it gave out before it was restored may be in use until {}", date(*from))
            }
        }
    }

    /// Of several reasons the one with the highest rank tells a person most.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Nobody => 0,
            Self::Ended(_) => 1,
            Self::GivenAway => 2,
            Self::Elsewhere(_) => 3,
            Self::Copied(_) => 4,
            Self::Void { .. } => 5,
            Self::Clock(_) | Self::NoOffice | Self::OfficeWaits(_) => 6,
        }
    }
}

impl Doubt {
    fn words(&self, name: impl Fn(&DeviceId) -> String) -> String {
        match self {
            Self::SetBack(by) => format!("it was set back by {}", span(*by)),
            Self::Office(by) => format!("it is {} behind the one that gives out seats", span(*by)),
            Self::Peer(peer, by) if *by > 0 => format!("{} is {} ahead", name(peer), span(*by)),
            Self::Peer(peer, by) => format!("{} is {} behind", name(peer), span(*by)),
        }
    }
}

/// A span of time in the unit that fits.
fn span(milliseconds: i64) -> String {
    let minutes = milliseconds.unsigned_abs() / 60_000;
    let (count, unit) = match minutes {
        0..=119 => (minutes, "minute"),
        120..=2879 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sentences() {
        const LAPTOP: DeviceId = DeviceId([1; 32]);
        let words =
            |denied: Denied| denied.words(|_| "laptop".into(), |time| format!("day {time}"));
        let hour = 60 * 60 * 1000;
        for (denied, expected) in [
            (Denied::Nobody, "nobody has it; ask for a seat"),
            (Denied::Ended(3), "this computer had it until day 3"),
            (Denied::Elsewhere(vec![(LAPTOP, 12)]), "laptop has it until day 12"),
            (
                Denied::Void { until: 4, by: Some([1; 32]) },
                "laptop gave the seat to two; nobody may use it until day 4",
            ),
            (
                Denied::Clock(Doubt::SetBack(3 * hour)),
                "this computer's clock cannot be trusted: it was set back by 3 hours",
            ),
            (
                Denied::Clock(Doubt::Peer(LAPTOP, -72 * hour)),
                "this computer's clock cannot be trusted: laptop is 3 days behind",
            ),
            (
                Denied::Clock(Doubt::Office(hour)),
                "this computer's clock cannot be trusted: it is 60 minutes behind the one that gives \
                 out seats",
            ),
        ] {
            assert_eq!(words(denied), expected);
        }
    }
}
