//! What the files of a library say, and no statement: it holds here for as long as they say it.
//!
//! A licence that cannot be read is claimed by nobody, and what a reader claims counts nowhere. A library that
//! did not change is not read again, so what it said last is kept with its link.
//!
//! Invariant: a pass that does not read a library withholds what the last one did that read it.

use data_encoding::HEXLOWER;
use segue_limits::{Body, Claim, UNREADABLE, sidecar};
use segue_model::{CarriedLimit, ItemId, LinkId, NativeId, Proof, Terms};
use segue_store::{Reader, StoreError, Tx};

use super::is_unreadable;

fn setting(link: LinkId) -> String {
    format!("unsaid limits {link}")
}

/// Keeps what a library's items carry and no statement says.
pub(crate) fn keep(
    tx: &Tx<'_>,
    link: LinkId,
    carried: &[(NativeId, CarriedLimit)],
    may_write: bool,
) -> Result<(), StoreError> {
    // Licences beside files are looked at again by themselves.
    let of_library = carried.iter().filter(|(_, limit)| limit.carrier != sidecar::CARRIER);
    let unsaid = of_library.filter(|(_, limit)| !may_write || is_unreadable(limit));
    let lines: Vec<String> = unsaid.map(|(native, limit)| line(native, limit)).collect();
    if lines.is_empty() {
        return tx.remove_setting(&setting(link));
    }
    tx.put_setting(&setting(link), &lines.join("\n"))
}

/// What a library's items carried when it was read last, and no statement says.
pub(crate) fn known(
    store: &Reader,
    link: LinkId,
) -> Result<Vec<(NativeId, CarriedLimit)>, StoreError> {
    let text = store.setting(&setting(link))?.unwrap_or_default();
    Ok(text.lines().filter_map(of_line).collect())
}

/// An item, and what it carries as a claim; nothing where that cannot be read.
fn line(native: &NativeId, limit: &CarriedLimit) -> String {
    let claim = Claim::carried(ItemId([0; 16]), limit);
    let body = claim.and_then(|claim| Body::Claim(claim.into()).encode().ok()).unwrap_or_default();
    format!("{} {}", HEXLOWER.encode(native.as_bytes()), HEXLOWER.encode(&body))
}

fn of_line(line: &str) -> Option<(NativeId, CarriedLimit)> {
    let (native, body) = line.split_once(' ')?;
    let native = NativeId::new(HEXLOWER.decode(native.as_bytes()).ok()?);
    let body = HEXLOWER.decode(body.as_bytes()).ok().filter(|body| !body.is_empty());
    let terms = match body.and_then(|body| Body::decode(&body).ok()) {
        Some(Body::Claim(claim)) => claim.terms,
        // What is not understood denies.
        _ => Terms { unknown: [UNREADABLE.into()].into(), ..Terms::default() },
    };
    let limit = CarriedLimit {
        carrier: "unsaid",
        issuer: "".into(),
        licence: "".into(),
        serial: 0,
        issued_at: None,
        terms,
        proof: Proof::Unverified("it is not said to anybody".into()),
        note: None,
        evidence: None,
    };
    Some((native, limit))
}
