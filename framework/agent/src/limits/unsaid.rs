//! What the files of a library say, and no statement: it holds here for as long as they say it.
//!
//! A licence that cannot be read is claimed by nobody, and what a reader claims counts nowhere. A library that
//! did not change is not read again, and one that is away cannot be, so what each said last is kept with its link.
//!
//! Invariant: a pass that does not read a library withholds what the last one did that read it.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use segue_limits::{Body, Claim, UNREADABLE, sidecar};
use segue_model::{CarriedLimit, DocumentId, ItemId, LinkId, NativeId, Proof, Terms};
use segue_store::{Reader, StoreError, Tx};

use super::{Carried, is_unreadable};

/// The carrier of what was kept: it is not said again.
const UNSAID: &str = "unsaid";
/// What lies beside a file, not in the library.
const BESIDE: &str = "beside";

fn setting(link: LinkId) -> String {
    format!("unsaid limits {link}")
}

/// Whether this was kept, and not read now.
pub(crate) fn is_kept(limit: &CarriedLimit) -> bool {
    limit.carrier == UNSAID
}

/// Keeps what a library's items carry and no statement says.
pub(crate) fn keep(
    tx: &Tx<'_>,
    link: LinkId,
    carried: &[(NativeId, CarriedLimit)],
    may_write: bool,
) -> Result<(), StoreError> {
    let is_unsaid = |limit: &CarriedLimit| !may_write || is_unreadable(limit) || is_kept(limit);
    let unsaid = carried.iter().filter(|(_, limit)| is_unsaid(limit));
    let lines: Vec<String> = unsaid.map(|(native, limit)| line(native, limit)).collect();
    let (key, new) = (setting(link), lines.join("\n"));
    if tx.setting(&key)?.unwrap_or_default() == new {
        return Ok(());
    }
    if new.is_empty() { tx.remove_setting(&key) } else { tx.put_setting(&key, &new) }
}

/// What a library's items carried themselves when it was read last, and no statement says. Licences beside files
/// are looked at again by themselves.
pub(crate) fn known(
    store: &Reader,
    link: LinkId,
) -> Result<Vec<(NativeId, CarriedLimit)>, StoreError> {
    let text = store.setting(&setting(link))?.unwrap_or_default();
    Ok(text.lines().filter(|line| !line.ends_with(BESIDE)).filter_map(of_line).collect())
}

/// What the items of a library carried, in it and beside its files, when it was looked at last, and no
/// statement says.
pub(crate) fn of_link(store: &Reader, link: LinkId) -> Result<Vec<Carried>, StoreError> {
    let text = store.setting(&setting(link))?.unwrap_or_default();
    let known: Vec<(NativeId, CarriedLimit)> = text.lines().filter_map(of_line).collect();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let mut items: HashMap<NativeId, Option<ItemId>> =
        known.iter().map(|(native, _)| (native.clone(), None)).collect();
    store.bindings(link, |native, item, _| {
        if let Some(of) = items.get_mut(&NativeId::new(native)) {
            *of = Some(item);
        }
    })?;
    let of_item = |(native, limit)| Some((*items.get(&native)?.as_ref()?, limit));
    Ok(known.into_iter().filter_map(of_item).collect())
}

/// The same of all libraries of a document.
pub(crate) fn of_document(
    store: &Reader,
    document: DocumentId,
) -> Result<Vec<Carried>, StoreError> {
    let mut all = Vec::new();
    for row in store.links()?.iter().filter(|row| row.active && row.document == document) {
        all.extend(of_link(store, row.id)?);
    }
    Ok(all)
}

/// An item, and what it carries as a claim; nothing where that cannot be read.
fn line(native: &NativeId, limit: &CarriedLimit) -> String {
    let claim = Claim::carried(ItemId([0; 16]), limit);
    let body = claim.and_then(|claim| Body::Claim(claim.into()).encode().ok()).unwrap_or_default();
    let place = if limit.carrier == sidecar::CARRIER { BESIDE } else { "in" };
    format!("{} {} {place}", HEXLOWER.encode(native.as_bytes()), HEXLOWER.encode(&body))
}

fn of_line(line: &str) -> Option<(NativeId, CarriedLimit)> {
    let mut words = line.split(' ');
    let (native, body) = (words.next()?, words.next()?);
    let native = NativeId::new(HEXLOWER.decode(native.as_bytes()).ok()?);
    let body = HEXLOWER.decode(body.as_bytes()).ok().filter(|body| !body.is_empty());
    let terms = match body.and_then(|body| Body::decode(&body).ok()) {
        Some(Body::Claim(claim)) => claim.terms,
        // What is not understood denies.
        _ => Terms { unknown: [UNREADABLE.into()].into(), ..Terms::default() },
    };
    let limit = CarriedLimit {
        carrier: UNSAID,
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
