//! Random access histories, and what must hold of each.
//!
//! - **Agreement**: every order of delivery makes the same members, the same admitted changes; and
//!   leaving out what is not relevant makes no difference.
//! - **No honest edit is lost**. An edit is honest if it was made as Segue makes it: by a device that was a
//!   live writer by what it knew, upon all that counted for it. If its author may write in the
//!   end, it is admitted, with all that it was made upon. If its author was revoked, it is admitted
//!   where every revoker was honest and had it. Else, where the author lost every right because
//!   an admin above did, it waits in the log: when the owner lets the author in again it is there.
//!   The one exception is an edit upon a device's second change of one number: it is quarantined, which
//!   its author sees, and what the author writes in its place is admitted.
//! - **Nothing late**: a change that was made after all revokes of its author is admitted nowhere, unless
//!   somebody built on it to whose knowledge the author could write, or who is hostile and may write.
//! - **The owner is never out**: whatever happened, the owner puts every hostile device out and lets every
//!   honest one in, and nothing that the hostile say afterwards changes anything.

mod model;

use std::collections::BTreeSet;
use std::ops::AddAssign;

use model::{Event, History, KEYS, OWNER, View, What};

use crate::{Cut, Members, Role, SignedStatement, Standing, Statement, StatementHash};

const HISTORIES: u64 = 50_000;
const ORDERS: usize = 50;
const ALL_ORDERS_UP_TO: usize = 6;

/// How often a history held what it is to try; an oracle that never applies proves nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    orders: u64,
    honest_kept: u64,
    honest_cut_kept: u64,
    waited: u64,
    quarantined: u64,
    late_refused: u64,
    late_built_on: u64,
    both_out: u64,
    granted_again: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.honest_kept += other.honest_kept;
        self.honest_cut_kept += other.honest_cut_kept;
        self.waited += other.waited;
        self.quarantined += other.quarantined;
        self.late_refused += other.late_refused;
        self.late_built_on += other.late_built_on;
        self.both_out += other.both_out;
        self.granted_again += other.granted_again;
    }
}

fn every_history(check: impl Fn(&mut History, &mut Seen) + Sync) -> Seen {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let check = &check;
                scope.spawn(move || {
                    let mut seen = Seen::default();
                    for seed in (part..HISTORIES).step_by(threads as usize) {
                        let mut history = History::draw(seed);
                        let judge = std::panic::AssertUnwindSafe(|| check(&mut history, &mut seen));
                        if let Err(panic) = std::panic::catch_unwind(judge) {
                            eprintln!("history {seed}");
                            std::panic::resume_unwind(panic);
                        }
                    }
                    seen
                })
            })
            .collect();
        let mut seen = Seen::default();
        for part in parts {
            seen += part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        seen
    })
}

#[test]
fn f40_every_order_of_delivery_agrees() {
    let seen = every_history(|history, seen| {
        let count = history.events.len();
        let expected = history.view(history.all());
        let mut order: Vec<usize> = (0..count).collect();
        let mut agree = |order: &[usize]| {
            seen.orders += 1;
            assert_eq!(history.judge(order.iter().copied()), expected, "{order:?}");
        };
        if count <= ALL_ORDERS_UP_TO {
            permute(&mut order, 0, &mut agree);
        } else {
            let mut rng = fastrand::Rng::with_seed(count as u64);
            for _ in 0..ORDERS {
                rng.shuffle(&mut order);
                agree(&order);
            }
        }
    });
    assert!(seen.orders > HISTORIES * 50, "{seen:?}");
}

fn permute(order: &mut [usize], from: usize, agree: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return agree(order);
    }
    for at in from..order.len() {
        order.swap(from, at);
        permute(order, from + 1, agree);
        order.swap(from, at);
    }
}

#[test]
fn f40_no_honest_edit_is_lost_and_nothing_late_counts() {
    let seen = every_history(|history, seen| {
        let end = history.view(history.all());
        relevant_is_enough(history, &end);
        for at in 0..history.events.len() {
            if history.events[at].is_honest {
                honest_counts(history, &end, at, seen);
            }
            late_does_not(history, &end, at, seen);
        }
        count_kinds(history, &end, seen);
        the_owner_repairs(history, seen);
    });
    let Seen { honest_kept, honest_cut_kept, waited, quarantined, .. } = seen;
    let Seen { late_refused, late_built_on, both_out, granted_again, .. } = seen;
    assert!(honest_kept > HISTORIES && waited > HISTORIES / 50, "{seen:?}");
    assert!(honest_cut_kept > HISTORIES / 50 && quarantined > HISTORIES / 100, "{seen:?}");
    assert!(late_refused > HISTORIES / 50 && late_built_on > HISTORIES / 200, "{seen:?}");
    assert!(both_out > HISTORIES / 100 && granted_again > HISTORIES / 50, "{seen:?}");
}

#[test]
fn what_is_really_signed_makes_the_same_members_and_what_is_forged_none() {
    for seed in 0..100 {
        let history = History::draw(seed);
        let mut signed: Vec<SignedStatement> = history.signed();
        let forged: Vec<SignedStatement> =
            signed.iter().enumerate().map(|(at, said)| forge(said, at)).collect();
        signed.splice(0..0, forged);
        let expected = history.view(history.all()).members;
        assert_eq!(Members::of(&signed, &history.document), expected, "history {seed}");
    }
}

/// Somebody else's signature, another signer, or another statement under the same signature.
fn forge(said: &SignedStatement, at: usize) -> SignedStatement {
    let mut forged = said.clone();
    match at % 3 {
        0 => forged.signature[at % 64] ^= 1,
        1 => forged.signer = if at.is_multiple_of(2) { OWNER.id().0 } else { KEYS[0].id().0 },
        _ => *forged.bytes.last_mut().expect("statements are not empty") ^= 1,
    }
    forged
}

fn relevant_is_enough(history: &History, end: &View) {
    let relevant: BTreeSet<_> = end.members.relevant().copied().collect();
    let left = (0..history.events.len()).filter(|at| match &history.events[*at].what {
        What::Said(said) => relevant.contains(&said.hash()),
        What::Made(..) => true,
    });
    assert_eq!(history.judge(left), *end);
}

fn honest_counts(history: &History, end: &View, at: usize, seen: &mut Seen) {
    let Event { by, what: What::Made(node, past), .. } = &history.events[at] else { return };
    let must_count = match end.members.standing(&history.devices[*by].id) {
        Standing::Writer => {
            seen.honest_kept += 1;
            true
        }
        Standing::Cut(_) => {
            let kept = all_revokers_had(history, at);
            seen.honest_cut_kept += u64::from(kept);
            kept
        }
        Standing::Stranger => false,
    };
    if must_count && !end.admission.admitted.contains(&node.hash) {
        seen.quarantined += 1;
        assert!(end.admission.quarantined.contains(&node.hash), "lost: {node:?}");
        let goes: Vec<_> = end.admission.equivocations.iter().map(|two| two.goes).collect();
        let built_on = (0..at).filter(|before| past >> before & 1 == 1);
        let is_reason = built_on.filter_map(|before| history.node(before));
        assert!(is_reason.into_iter().any(|node| goes.contains(&node.hash)), "without a reason");
    }
}

/// Whether every revoke of a grant of this edit's author is by somebody honest who had the edit.
fn all_revokers_had(history: &History, edit: usize) -> bool {
    revokes_of(history, history.events[edit].by).into_iter().all(|at| {
        let revoke = &history.events[at];
        let hash = history.node(edit).expect("a change").hash;
        revoke.is_honest && history.view(revoke.knew).admission.admitted.contains(&hash)
    })
}

/// The revokes of any grant of a device.
fn revokes_of(history: &History, device: usize) -> Vec<usize> {
    let granted = |hash: &StatementHash| {
        history.events.iter().any(|event| match &event.what {
            What::Said(said) if said.hash() == *hash => matches!(
                said.statement(),
                Statement::Grant { to, .. } if *to == history.devices[device].id
            ),
            _ => false,
        })
    };
    (0..history.events.len())
        .filter(|at| match &history.events[*at].what {
            What::Said(said) => {
                matches!(said.statement(), Statement::Revoke { grant, .. } if granted(grant))
            }
            What::Made(..) => false,
        })
        .collect()
}

/// A change made after all revokes of its author, who may not write in the end.
fn late_does_not(history: &History, end: &View, at: usize, seen: &mut Seen) {
    let Event { by, what: What::Made(node, _), .. } = &history.events[at] else { return };
    let revokes = revokes_of(history, *by);
    let is_late = !revokes.is_empty() && revokes.iter().all(|revoke| *revoke < at);
    if !is_late || end.members.standing(&history.devices[*by].id) == Standing::Writer {
        return;
    }
    if !end.admission.admitted.contains(&node.hash) {
        seen.late_refused += 1;
        return;
    }
    seen.late_built_on += 1;
    let author = &history.devices[*by].id;
    let may_not_know =
        |event: &Event| history.view(event.knew).members.standing(author) == Standing::Writer;
    let builder = history.events.iter().any(|event| match &event.what {
        What::Made(later, past) => {
            past >> at & 1 == 1
                && event.by != *by
                && (end.admission.admitted.contains(&later.hash)
                    || end.admission.quarantined.contains(&later.hash))
                && (!event.is_honest || may_not_know(event))
        }
        What::Said(_) => false,
    });
    assert!(builder, "late and admitted: {node:?}");
}

fn count_kinds(history: &History, end: &View, seen: &mut Seen) {
    let is_out = |device: usize| {
        end.members.role(&history.devices[device].id).is_none()
            && revokes_of(history, device).iter().any(|at| history.events[*at].is_honest)
    };
    let revokes = |by: usize, of: usize| {
        revokes_of(history, of).iter().any(|at| history.events[*at].by == by)
    };
    for first in 1..history.devices.len() {
        for second in 1..first {
            let mutual = revokes(first, second) && revokes(second, first);
            seen.both_out += u64::from(mutual && is_out(first) && is_out(second));
        }
        let id = &history.devices[first].id;
        let again = !revokes_of(history, first).is_empty() && end.members.may_write(id);
        seen.granted_again += u64::from(again);
    }
}

/// The owner puts out who is hostile and lets in who is not; each honest author writes anew what
/// was quarantined. Then everything honest is there, and the hostile are heard no more.
fn the_owner_repairs(history: &mut History, seen: &mut Seen) {
    everybody_knows(history);
    let before = history.view(history.all());
    for at in 0..history.devices.len() {
        let id = history.devices[at].id;
        if history.devices[at].is_hostile {
            for grant in before.members.unsilenced(&id).collect::<Vec<_>>() {
                let (document, keeps, cut) = (history.document, BTreeSet::new(), Cut::new());
                history.owner_says(Statement::Revoke { document, grant, keeps, cut });
            }
        } else {
            seen.waited += u64::from(before.members.standing(&id) == Standing::Stranger);
            let grant = history.grant(at, Role::Write);
            history.owner_says(grant);
        }
    }
    everybody_knows(history);
    let anew = written_anew(history);
    let repaired = history.view(history.all());
    let hostile: Vec<usize> =
        (0..history.devices.len()).filter(|at| history.devices[*at].is_hostile).collect();
    let said_before = history.events.len();
    for by in hostile.iter().cycle().take(3) {
        history.misbehave(*by);
    }
    let end = history.view(history.all());
    assert_eq!(end.members, repaired.members, "the hostile were heard");
    assert_eq!(end.admission.admitted, repaired.admission.admitted, "from {said_before} on");
    for at in 0..history.events.len() {
        let (Event { by, is_honest: true, .. }, Some(node)) =
            (&history.events[at], history.node(at))
        else {
            continue;
        };
        assert_eq!(end.members.standing(&history.devices[*by].id), Standing::Writer);
        let is_there = end.admission.admitted.contains(&node.hash);
        assert!(is_there || anew.contains(&at), "lost for good: {node:?}");
    }
}

fn everybody_knows(history: &mut History) {
    let all = history.all();
    history.devices.iter_mut().for_each(|device| device.knows = all);
}

/// For each honest change that is quarantined its author makes another; returns those that were
/// replaced so.
fn written_anew(history: &mut History) -> BTreeSet<usize> {
    let quarantined = history.view(history.all()).admission.quarantined;
    let mut replaced = BTreeSet::new();
    for at in 0..history.events.len() {
        let Event { by, is_honest, .. } = history.events[at];
        if is_honest && history.node(at).is_some_and(|node| quarantined.contains(&node.hash)) {
            history.edit(by, true).expect("the owner let the author in");
            everybody_knows(history);
            replaced.insert(at);
        }
    }
    replaced
}
