//! `segue licences grant`, `renew`, `revoke`: licences beside files, signed by this person.
//!
//! They only write the licence; a sync lifts it, here or wherever the file is.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use segue_limits::sidecar::{self, SUFFIX, Sidecar};
use segue_limits::{LimitError, sidecar::parse};
use segue_model::{Proof, Terms};
use segue_translator::file::{self, Replacement};

use crate::agent::Agent;
use crate::command::{LicenceAction, LicenceReport};
use crate::failure::Failure;

const BYTES_MAX: u64 = 64 << 10;

/// Writes what a person asked for.
pub(crate) fn issue(agent: &Agent, action: &LicenceAction) -> Result<LicenceReport, Failure> {
    let file = action.file();
    if !file.is_file() {
        let sentence = format!("{} is no file", file.display());
        return Err(Failure::refused(sentence, "name the file that the licence is for"));
    }
    let path = beside(file);
    let (now, key) = ((agent.world.now)(), &agent.home.person);
    let refused = |error: LimitError| {
        let hint = match error {
            LimitError::Issuer => "only its issuer can: use the folder (--home) that granted it",
            _ => "see docs/limits.md for what a licence can say",
        };
        Failure::refused(format!("{}: {error}", path.display()), hint)
    };
    let bytes = match action {
        LicenceAction::Grant { terms, issuer, licence, .. } => {
            if path.exists() {
                let sentence = format!("{} has a licence already", file.display());
                let hint = "renew it: segue licences renew FILE --until DATE";
                return Err(Failure::refused(sentence, hint));
            }
            let terms = terms.to_terms().map_err(|why| Failure::refused(why, "see --help"))?;
            if terms.is_free() {
                let sentence = "a licence without a limit limits nothing";
                return Err(Failure::refused(sentence, "say an end: --until 2027-01-01T00:00:00Z"));
            }
            let id = u64::from_be_bytes(agent.world.random_bytes());
            let fresh = || format!("{id:016x}");
            let sidecar = Sidecar {
                issuer: issuer.clone().unwrap_or_else(|| agent.world.device.clone()).into(),
                licence: licence.clone().unwrap_or_else(fresh).into(),
                serial: 1,
                issued_at: now,
                terms,
                subject: file.file_name().map(|name| name.to_string_lossy().into()),
            };
            sidecar::write(&sidecar, key).map_err(refused)?
        }
        LicenceAction::Renew { until, .. } => {
            let old = read(&path)?;
            let (last, _) = parse(&old).map_err(refused)?;
            let terms = Terms { valid_until: *until, ..last.terms };
            sidecar::renew(&old, key, terms, now).map_err(refused)?
        }
        LicenceAction::Revoke { .. } => {
            sidecar::revoke(&read(&path)?, key, now).map_err(refused)?
        }
    };
    let (written, proof) = parse(&bytes).map_err(refused)?;
    write(&path, &bytes)?;
    Ok(LicenceReport {
        file: file.to_owned(),
        licence: written.licence.to_string(),
        serial: written.serial,
        valid_from: written.terms.valid_from,
        valid_until: written.terms.valid_until,
        verified: matches!(proof, Proof::Signed { .. }),
        path,
    })
}

fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    if !path.exists() {
        let sentence = format!("{} is not there", path.display());
        return Err(Failure::refused(
            sentence,
            "grant one: segue licences grant FILE --until DATE",
        ));
    }
    Ok(file::read_bounded(path, BYTES_MAX)?)
}

/// A player that sees that a folder changed scans it anew, and lists what was hidden there. The licence is none
/// of its business, so the folder keeps its time.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().and_then(|folder| File::open(folder).ok());
    let time = folder.as_ref().and_then(|folder| folder.metadata().ok()?.modified().ok());
    let fail = |error: std::io::Error| segue_translator::Error::io("write", path, &error);
    let mut new = Replacement::create(path)?;
    new.write_all(bytes).map_err(fail)?;
    new.commit(|| Ok(()))?;
    if let (Some(folder), Some(time)) = (folder, time) {
        // Where that cannot be, it is scanned once more.
        let _ = folder.set_modified(time);
    }
    Ok(())
}
