//! Other devices: where they are, tickets that were given out, and what was refused by whose fault.

use segue_model::{DeviceId, DocumentId};

use crate::sql::Columns;
use crate::{Reader, StoreError, Tx};

/// Another device, as this one knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRow {
    /// Its key.
    pub device: DeviceId,
    /// Where it was last known to be, as the transport writes it.
    pub addresses: Vec<String>,
    /// When it was last connected, in Unix seconds.
    pub seen_at: Option<i64>,
}

/// A ticket that this device gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// The hash of its secret.
    pub secret: [u8; 32],
    /// What it lets into.
    pub document: DocumentId,
    /// With which role.
    pub role: String,
    /// When it was made, in Unix seconds.
    pub made: i64,
    /// When it ends, in Unix seconds.
    pub expires: i64,
    /// Whether a person said yes beforehand, to whoever comes with it.
    pub approved: bool,
    /// `open`, `bound`, `used` or `cancelled`.
    pub state: String,
    /// The device that it is bound to, or let in.
    pub device: Option<DeviceId>,
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CulpritRow {
    /// Whose fault it was.
    pub device: DeviceId,
    /// What they did.
    pub why: String,
    /// When it was first seen, in Unix seconds.
    pub first_at: i64,
    /// When it was last seen.
    pub last_at: i64,
    /// How often.
    pub times: u64,
}

/// So many different things are remembered of one culprit.
const REASONS_MAX: u64 = 32;
/// So many culprits are remembered.
const CULPRITS_MAX: u64 = 1024;

const INVITATIONS: &str = "SELECT secret, document.id, role, made, expires, approved, state, device
    FROM invitation JOIN document ON document.no = document_no";

fn read_peer(row: &rusqlite::Row<'_>) -> Result<PeerRow, StoreError> {
    Ok(PeerRow {
        device: DeviceId(row.array(0)?),
        addresses: row.text(1)?.lines().map(str::to_owned).collect(),
        seen_at: row.optional_int(2)?,
    })
}

fn read_invitation(row: &rusqlite::Row<'_>) -> Result<InvitationRow, StoreError> {
    let device = row.optional_bytes(7)?.and_then(DeviceId::from_slice);
    Ok(InvitationRow {
        secret: row.array(0)?,
        document: DocumentId(row.array(1)?),
        role: row.text(2)?,
        made: row.int(3)?,
        expires: row.int(4)?,
        approved: row.flag(5)?,
        state: row.text(6)?,
        device,
    })
}

impl Reader {
    /// Devices whose place was told, sorted.
    pub fn peers(&self) -> Result<Vec<PeerRow>, StoreError> {
        let sql = "SELECT device, addresses, seen_at FROM peer ORDER BY device";
        self.all(sql, (), read_peer)
    }

    /// One of them.
    pub fn peer(&self, device: &DeviceId) -> Result<Option<PeerRow>, StoreError> {
        let sql = "SELECT device, addresses, seen_at FROM peer WHERE device = ?1";
        self.first(sql, [&device.0], read_peer)
    }

    /// The tickets that were given out, the latest first.
    pub fn invitations(&self) -> Result<Vec<InvitationRow>, StoreError> {
        self.all(&format!("{INVITATIONS} ORDER BY made DESC, secret"), (), read_invitation)
    }

    /// The ticket with this hash of its secret.
    pub fn invitation(&self, secret: &[u8; 32]) -> Result<Option<InvitationRow>, StoreError> {
        self.first(&format!("{INVITATIONS} WHERE secret = ?1"), [secret], read_invitation)
    }

    /// What was refused, the latest first.
    pub fn culprits(&self) -> Result<Vec<CulpritRow>, StoreError> {
        let sql = "SELECT device, why, first_at, last_at, times FROM culprit
            ORDER BY last_at DESC, device, why";
        self.all(sql, (), |row| {
            Ok(CulpritRow {
                device: DeviceId(row.array(0)?),
                why: row.text(1)?,
                first_at: row.int(2)?,
                last_at: row.int(3)?,
                times: row.count(4)?,
            })
        })
    }
}

impl Tx<'_> {
    /// Adds a device, or replaces what is known of it.
    pub fn put_peer(&self, row: &PeerRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO peer (device, addresses, seen_at)
            VALUES (?1, ?2, ?3) ON CONFLICT (device) DO UPDATE SET
            addresses = excluded.addresses, seen_at = excluded.seen_at";
        let lines = row.addresses.join("\n");
        self.execute(sql, (&row.device.0, lines, row.seen_at)).map(drop)
    }

    /// Adds a ticket, or says how far it got.
    pub fn put_invitation(&self, row: &InvitationRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO invitation
            (secret, document_no, role, made, expires, approved, state, device)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (secret) DO UPDATE SET
            approved = excluded.approved, state = excluded.state, device = excluded.device";
        let no = self.document_no(&row.document)?;
        let device = row.device.as_ref().map(DeviceId::as_bytes);
        let InvitationRow { secret, role, made, expires, approved, state, .. } = row;
        self.execute(sql, (secret, no, role, made, expires, approved, state, device)).map(drop)
    }

    /// Notes that something was refused at `at`, in Unix seconds. Of one device, and of all, only so
    /// much is remembered: whoever makes up keys fills nothing.
    pub fn note_culprit(&self, device: &DeviceId, why: &str, at: i64) -> Result<(), StoreError> {
        let sql =
            "UPDATE culprit SET last_at = ?3, times = times + 1 WHERE device = ?1 AND why = ?2";
        if self.execute(sql, (&device.0, why, at))? > 0 {
            return Ok(());
        }
        let count = |sql, device: &[u8]| self.first(sql, [device], |row| row.count(0));
        let own = "SELECT count(*) FROM culprit WHERE device = ?1";
        let all = "SELECT count(DISTINCT device) FROM culprit WHERE device <> ?1";
        if count(own, &device.0)?.unwrap_or(0) >= REASONS_MAX
            || count(all, &device.0)?.unwrap_or(0) >= CULPRITS_MAX
        {
            return Ok(());
        }
        let sql = "INSERT INTO culprit (device, why, first_at, last_at, times)
            VALUES (?1, ?2, ?3, ?3, 1)";
        self.execute(sql, (&device.0, why, at)).map(drop)
    }
}
