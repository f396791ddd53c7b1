//! Arguments of the commands about other devices.

use clap::ValueEnum;

/// How far to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NetworkArg {
    /// This computer
    Loopback,
    /// The local network
    Lan,
    /// Everywhere
    Internet,
}

/// What a device may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleArg {
    /// See everything
    Read,
    /// Edit, too
    Write,
    /// Invite and revoke others, too
    Admin,
}

/// Arguments of `segue invite`.
#[derive(Debug, clap::Args)]
pub(super) struct InviteArgs {
    /// What the device may do: read, write, or admin (invite and revoke others, too)
    #[arg(long, value_enum, default_value_t = RoleArg::Write, hide_possible_values = true)]
    pub(super) role: RoleArg,
    /// For how long the ticket is good, such as 10m, 2h or 24h
    #[arg(long, value_name = "T", default_value = "1h", value_parser = seconds)]
    pub(super) expires: i64,
    /// Let in whoever comes with the ticket, without asking
    #[arg(long)]
    pub(super) yes: bool,
    /// What to share, if there are several: an id or the beginning of it, or music
    #[arg(long, value_name = "DOCUMENT")]
    pub(super) document: Option<String>,
    /// Take back all tickets that nobody has used
    #[arg(long, conflicts_with_all = ["role", "expires", "yes", "document", "network"])]
    pub(super) cancel: bool,
    /// How far to reach: loopback, lan or internet
    #[arg(long, value_name = "NETWORK", value_enum, hide_possible_values = true)]
    pub(super) network: Option<NetworkArg>,
}

/// A time such as `90`, `90s`, `10m`, `2h` or `1d`, in seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("say a number with s, m, h or d".into()),
    };
    let number: i64 = number.parse().map_err(|_| "say a number with s, m, h or d".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is too long".to_owned())
}
