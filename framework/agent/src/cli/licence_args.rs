//! Arguments of the commands about licences.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::command::{LicenceAction, LicenceTerms, Request, SeatAction};

/// What to do with licences.
#[derive(Debug, Subcommand)]
pub(super) enum LicenceCommand {
    /// Write a licence beside a file, signed by you
    ///
    ///   $ segue licences grant loan.mp3 --until 2026-12-24T18:00:00Z
    ///   loan.mp3.segue-licence: until 2026-12-24 18:00 UTC, serial 1.
    ///
    /// The next sync of any library that lists the file takes it up, on every device.
    #[command(verbatim_doc_comment)]
    Grant(GrantArgs),
    /// Write the licence's next serial, with another end
    #[command(verbatim_doc_comment)]
    Renew {
        /// The file
        file: PathBuf,
        /// The new end, such as 2027-01-01T00:00:00Z
        #[arg(long, value_name = "RFC3339", value_parser = moment)]
        until: i64,
    },
    /// Write the licence's next serial, which ends now
    Revoke {
        /// The file
        file: PathBuf,
    },
    /// Take a seat of something that only so many devices may use at one time
    ///
    ///   $ segue licences take "Blue in Green"
    ///   Blue in Green — Miles Davis is yours on this computer until 2026-12-08 09:00 UTC.
    ///
    /// Seats are given out by the folder in which the document began. If that is another device, it is
    /// asked, and answers when the two meet. A seat ends after a week at most: take it again then.
    #[command(verbatim_doc_comment)]
    Take {
        /// The item: its id, the beginning of it, or its title
        item: String,
    },
    /// Give this computer's seat back, or to another device that asked for it
    ///
    ///   $ segue licences give "Blue in Green" --to laptop
    ///
    /// First the libraries here list it no longer, then the seat goes. If an app has to be closed for that,
    /// nothing is given.
    #[command(verbatim_doc_comment)]
    Give {
        /// The item: its id, the beginning of it, or its title
        item: String,
        /// The device: its id, the beginning of it, or its name
        #[arg(long, value_name = "DEVICE")]
        to: Option<String>,
    },
    /// Say whether seats are given out here
    ///
    /// Only the folder in which a document began gives out its seats, and no copy of it.
    #[command(verbatim_doc_comment)]
    Office {
        /// That folder is gone for good: from now on this one does, 30 days later
        #[arg(long)]
        take_over: bool,
    },
    /// End a limit that a member said of its own account, everywhere
    ///
    /// Only the owner of the document can, in the folder in which it began. What an issuer signed only the
    /// issuer renews, and what a device found in a file it would find again.
    ///
    ///   $ segue licences strike "Blue in Green"
    ///     3f9a01c2   phone   until 2026-12-24 18:00 UTC
    ///     77b0e4d1   desk    no share
    ///   2 limits of Blue in Green — Miles Davis can be struck; none was.
    ///   Strike the first:   segue licences strike 5f0c2a91 3f9a01c2
    ///
    /// If there is only one it need not be named. Exits 3 where it has to be said which.
    #[command(verbatim_doc_comment)]
    Strike {
        /// The item
        item: String,
        /// The limit: its id, or the beginning of it
        limit: Option<String>,
    },
}

/// Arguments of `segue licences grant`.
#[derive(Debug, clap::Args)]
pub(super) struct GrantArgs {
    /// The file
    file: PathBuf,
    /// The end, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    until: Option<i64>,
    /// The first second of use
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    from: Option<i64>,
    /// How many devices may use it at one time
    #[arg(long, value_name = "N")]
    seats: Option<u32>,
    /// How often it may be played, over all devices
    #[arg(long, value_name = "N")]
    plays: Option<u32>,
    /// How many copies Segue may make of it
    #[arg(long, value_name = "N")]
    copies: Option<u32>,
    /// Forbid something: transcode, export or share
    #[arg(long, value_name = "USE", value_enum, hide_possible_values = true)]
    forbid: Vec<UseArg>,
    /// Who issues it, for people; otherwise this device's name
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The name of the licence; otherwise a new one
    #[arg(long, value_name = "NAME")]
    licence: Option<String>,
}

/// What can be forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum UseArg {
    /// To make it into another format
    Transcode,
    /// To write it out
    Export,
    /// To give it to others
    Share,
}

impl UseArg {
    const fn name(self) -> &'static str {
        match self {
            Self::Transcode => "transcode",
            Self::Export => "export",
            Self::Share => "share",
        }
    }
}

impl LicenceCommand {
    /// What it asks for. Paths are made absolute: the agent works in another folder.
    pub(super) fn request(self) -> Request {
        let file = |file: PathBuf| std::path::absolute(&file).unwrap_or(file);
        let action = match self {
            Self::Take { item } => return Request::Seat { item, action: SeatAction::Take },
            Self::Give { item, to } => {
                return Request::Seat { item, action: SeatAction::Give { to } };
            }
            Self::Office { take_over } => return Request::Office { take_over },
            Self::Grant(args) => {
                let amounts =
                    [("seats", args.seats), ("plays", args.plays), ("copies", args.copies)];
                let amounts: BTreeMap<String, u32> = amounts
                    .into_iter()
                    .filter_map(|(name, most)| Some((name.to_owned(), most?)))
                    .collect();
                let terms = LicenceTerms {
                    valid_from: args.from,
                    valid_until: args.until,
                    amounts,
                    denied: args.forbid.iter().map(|one| one.name().to_owned()).collect(),
                };
                let (issuer, licence) = (args.issuer, args.licence);
                LicenceAction::Grant { file: file(args.file), terms, issuer, licence }
            }
            Self::Renew { file: path, until } => {
                LicenceAction::Renew { file: file(path), until: Some(until) }
            }
            Self::Revoke { file: path } => LicenceAction::Revoke { file: file(path) },
            Self::Strike { item, limit } => return Request::Strike { item, limit },
        };
        Request::Licence { action }
    }
}

/// A moment in RFC 3339, in Unix seconds.
fn moment(text: &str) -> Result<i64, String> {
    let moment: jiff::Timestamp =
        text.parse().map_err(|_| "not a moment such as 2026-12-24T18:00:00Z".to_owned())?;
    Ok(moment.as_second())
}
