//! What is asked and answered of other devices.

use serde::{Deserialize, Serialize};

/// What a device may do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// It sees everything.
    Read,
    /// Its edits count, too.
    Write,
    /// It may invite and revoke others.
    Admin,
}

/// A ticket that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteReport {
    /// The ticket: what the other device is given.
    pub ticket: String,
    /// What it lets into.
    pub document: String,
    /// What kind of library that is.
    pub schema: String,
    /// With which role.
    pub role: RoleName,
    /// Until when it is good, in Unix seconds.
    pub expires: i64,
    /// How many open tickets were taken back, where that was asked for.
    pub cancelled: u64,
}

/// A document that was joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinReport {
    /// The document.
    pub document: String,
    /// What kind of library it is.
    pub schema: String,
    /// The inviter.
    pub peer: String,
    /// What it is called.
    pub name: Option<String>,
    /// With which role this device is in.
    pub role: String,
    /// How many items the document holds here now.
    pub items: u64,
    /// Whether it has all that the inviter has.
    pub in_step: bool,
    /// Libraries here that belong to another document of this kind: they could be moved.
    pub other_links: Vec<String>,
    /// Those that were moved: `segue plan` shows what each would get and give.
    pub moved: Vec<String>,
}

/// Everything about other devices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PeersReport {
    /// This device.
    pub me: String,
    /// How far this device may reach, while its agent runs.
    pub network: Option<String>,
    /// The devices that share something with this one.
    pub peers: Vec<PeerRow>,
    /// Who showed a ticket and waits for a yes.
    pub waiting: Vec<WaitingRow>,
    /// Tickets that are still good.
    pub invitations: Vec<InvitationView>,
    /// What was refused, by whose fault.
    pub refused: Vec<RefusedView>,
}

/// One other device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRow {
    /// Its id, as `segue revoke` takes it.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// What it may do: the highest of its roles.
    pub role: String,
    /// When that ends, in Unix seconds.
    pub until: Option<i64>,
    /// Whether it is connected.
    pub online: bool,
    /// Whether both hold the same of all that they share.
    pub in_step: bool,
    /// When it was last connected, in Unix seconds.
    pub seen_at: Option<i64>,
    /// What it shares.
    pub documents: Vec<String>,
    /// Why it cannot be reached, if that is known.
    pub reason: Option<String>,
}

/// A device that waits to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingRow {
    /// Its id.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// The four words that must stand on both screens.
    pub words: String,
}

/// A ticket that is still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationView {
    /// What it lets into.
    pub document: String,
    /// With which role.
    pub role: String,
    /// Until when, in Unix seconds.
    pub expires: i64,
    /// The device that showed it.
    pub device: Option<String>,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Whose fault it was.
    pub id: String,
    /// What they did.
    pub why: String,
    /// How often.
    pub times: u64,
    /// When last, in Unix seconds.
    pub last_at: i64,
}

/// A device was let in, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmitReport {
    /// Its id.
    pub peer: String,
    /// What it calls itself.
    pub name: String,
    /// Whether it is in.
    pub admitted: bool,
    /// With which role.
    pub role: String,
}

/// A device was put out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeReport {
    /// Its id.
    pub peer: String,
    /// What it was called.
    pub name: Option<String>,
    /// Of how many documents.
    pub documents: u64,
    /// How many limits that it said go on holding.
    pub limits_kept: u64,
    /// How many ended with it.
    pub limits_struck: u64,
}
