//! Carries a draft out, in as many rounds as it takes.
//!
//! What was written to one library may have changed another that holds the same files: that one is read and planned again,
//! within the same operation. How an operation ends is said by whoever began it.

use crate::agent::Agent;
use crate::command::{Limited, PassReport};
use crate::failure::Failure;
use crate::operate::{self, Operation};
use crate::plan::Drafted;
use crate::progress::Progress;
use crate::shared::ROUNDS_MAX;
use crate::{libraries, report, sync};

/// Executes a draft and reports.
pub(crate) fn execute(
    agent: &mut Agent,
    operation: &Operation,
    drafted: &mut Drafted,
    progress: &dyn Progress,
) -> Result<PassReport, Failure> {
    let (mut report, mut again) = round(agent, operation, drafted, progress)?;
    for _ in 1..ROUNDS_MAX {
        if !again {
            break;
        }
        let operation = Operation { number: report.operation, ..operation.clone() };
        let rows = agent.home.store.links()?.into_iter();
        let rows = rows.filter(|row| row.active && row.document == drafted.document).collect();
        let mut next = sync::draft(agent, rows, &operation, libraries::open_finished, progress)?;
        if next.members.is_empty() {
            break;
        }
        let (later, goes_on) = round(agent, &operation, &mut next, progress)?;
        again = goes_on;
        for found in later.libraries {
            match report.libraries.iter_mut().find(|known| known.library == found.library) {
                Some(known) => known.add(found),
                None => report.libraries.push(found),
            }
        }
        (report.conflicts, report.held) = (later.conflicts, later.held);
    }
    Ok(report)
}

/// One round. Says whether another one is due.
fn round(
    agent: &mut Agent,
    operation: &Operation,
    drafted: &mut Drafted,
    progress: &dyn Progress,
) -> Result<(PassReport, bool), Failure> {
    let executed = operate::execute(
        &mut agent.home,
        operation,
        &drafted.draft,
        &mut drafted.members,
        progress,
    )?;
    remember_questions(agent, drafted)?;
    let held = drafted.members.iter().zip(&drafted.draft.members);
    let report = PassReport {
        operation: executed.number,
        libraries: executed.libraries,
        conflicts: crate::conflicts::total(&agent.home.store, &drafted.document)?,
        held: held.flat_map(|(member, draft)| report::held(&member.label, draft)).collect(),
        kept: Vec::new(),
        away: Vec::new(),
        ending: Limited::default(),
    };
    Ok((report, executed.again))
}

fn remember_questions(agent: &mut Agent, drafted: &Drafted) -> Result<(), Failure> {
    if drafted.draft.questions.is_empty() {
        return Ok(());
    }
    let mut all = agent.home.store.questions(&drafted.document)?;
    all.extend(drafted.draft.questions.iter().map(|q| (q.item, q.other, q.reason.to_owned())));
    let tx = agent.home.store.transaction()?;
    tx.set_questions(&drafted.document, &all)?;
    Ok(tx.commit()?)
}
