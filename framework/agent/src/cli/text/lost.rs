//! What a library cannot hold, and what of it cannot be carried.

use super::Table;
use super::words::{clean, count, field_name, number, title, value};
use crate::command::{LossRow, Losses, Lost};

/// Lists all of it.
pub(super) const ALL: &str = "segue plan --show losses";

/// Lists the first few of each, and says what becomes of them. `all` is the command that lists the others.
pub(super) fn lines(library: &str, lost: &Lost, all: &str) -> String {
    let library = clean(library);
    let mut parts = Vec::new();
    if lost.refused.count > 0 {
        let values = count(lost.refused.count, "value", "values");
        parts.push(format!("\n  {library} cannot hold {values} that others have:\n"));
        parts.push(first(&lost.refused, all));
        parts.push(
            "    Segue keeps this, and tries it again when that is no longer so.\n".to_owned(),
        );
    }
    if lost.losses.count > 0 {
        let things = count(lost.losses.count, "thing", "things");
        parts.push(format!("\n  {library} has {things} that Segue cannot read or pass on:\n"));
        parts.push(first(&lost.losses, all));
        let mended = "Segue leaves this as it is. When somebody has mended it: segue sync";
        parts.push(format!("    {mended}\n"));
    }
    if let Some(unseen) = &lost.unseen {
        parts.push(format!("    Until all can be read, {}.\n", clean(unseen)));
    }
    parts.concat()
}

fn first(losses: &Losses, all: &str) -> String {
    let mut table = Table::default();
    for one in &losses.first {
        table.row([title(&one.item), what(one), clean(&one.why)]);
    }
    let more = losses.count.saturating_sub(losses.first.len() as u64);
    let more = match more {
        0 => String::new(),
        more => format!("    and {} more: {all}\n", number(more)),
    };
    table.lines(4) + &more
}

fn what(one: &LossRow) -> String {
    let Some(field) = &one.field else { return String::new() };
    let name = field_name(field, 1);
    if one.value.is_null() { name } else { format!("{name} {}", value(field, &one.value)) }
}

/// The same in few words, for a table: "1 value that it cannot hold".
pub(super) fn brief(lost: &Lost) -> Option<String> {
    match (lost.refused.count, lost.losses.count) {
        (0, 0) => None,
        (values, 0) => Some(format!("{} that it cannot hold", count(values, "value", "values"))),
        (0, things) => Some(format!("{} that cannot be read", count(things, "thing", "things"))),
        (values, things) => Some(count(values + things, "thing", "things")),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::super::tests::{SYNC, pass, shown};
    use crate::cli::sample;
    use crate::command::{DoctorReport, LibraryLost, LibraryState, Request, Response, ShownEdit};

    #[test]
    fn what_cannot_be_held_or_read_is_told_by_a_pass_and_by_the_state() {
        let lost = sample::lost("Lunch? — Ada");
        let mut report = sample::pass(&[LibraryState::Written, LibraryState::Unchanged]);
        report.libraries[0].lost = lost.clone();
        (report.libraries[0].backup, report.libraries[0].fields) = (Vec::new(), Vec::new());
        assert_snapshot!(pass(&SYNC, report.clone()), @r"
          rhythmbox    written, read back   115 edits
          strawberry   nothing to write

          rhythmbox cannot hold 1 value that others have:
            Lunch? — Ada   keyword urgent   the folder `Archive` has its 26 keywords already, and `urgent` is none of them
            Segue keeps this, and tries it again when that is no longer so.

          rhythmbox has 1,204 things that Segue cannot read or pass on:
            Lunch? — Ada   a message that cannot be read: permission denied
            and 1,203 more: segue plan --show losses
            Segue leaves this as it is. When somebody has mended it: segue sync
            Until all can be read, nothing is taken to have left INBOX, or to have lost seen.
        --
        Done as op 1.
        Undo it, in every app:   segue undo
        ");
        report.operation = None;
        report.libraries[0].state = LibraryState::Unchanged;
        let text = pass(&SYNC, report);
        assert!(text.contains("In step but for what is named above"), "{text}");
        let mut status = sample::status();
        status.links[0].lost = lost.clone();
        assert_snapshot!(shown(&Request::Status, &Response::Status(status)), @r"
          rhythmbox    in step but for 1,205 things   12,408 items   /home/you/.local/share/rhythmbox
          strawberry   waiting                        11,962 items   /home/you/.local/share/strawberry
                       the app is running

          rhythmbox cannot hold 1 value that others have:
            Lunch? — Ada   keyword urgent   the folder `Archive` has its 26 keywords already, and `urgent` is none of them
            Segue keeps this, and tries it again when that is no longer so.

          rhythmbox has 1,204 things that Segue cannot read or pass on:
            Lunch? — Ada   a message that cannot be read: permission denied
            and 1,203 more: segue plan --show losses
            Segue leaves this as it is. When somebody has mended it: segue sync
            Until all can be read, nothing is taken to have left INBOX, or to have lost seen.
        --
        3 values differ between apps: segue conflicts
        1 match is doubtful: segue match
        The agent is not running.
        Pass on what changed:   segue sync
        ");
    }

    #[test]
    fn a_check_and_a_plan_tell_it_too() {
        let lost = sample::lost("Lunch? — Ada");
        let lost = vec![LibraryLost { library: "maildir".into(), lost }];
        let doctor = DoctorReport { checks: Vec::new(), lost, sound: true };
        assert_snapshot!(shown(&Request::Doctor, &Response::Doctor(doctor)), @r"

          maildir cannot hold 1 value that others have:
            Lunch? — Ada   keyword urgent   the folder `Archive` has its 26 keywords already, and `urgent` is none of them
            Segue keeps this, and tries it again when that is no longer so.

          maildir has 1,204 things that Segue cannot read or pass on:
            Lunch? — Ada   a message that cannot be read: permission denied
            and 1,203 more: segue plan --show losses
            Segue leaves this as it is. When somebody has mended it: segue sync
            Until all can be read, nothing is taken to have left INBOX, or to have lost seen.
        --
        All is sound, but for what is named above.
        ");
        let of = |what: &str, field: &str, new, why: Option<&str>| ShownEdit {
            library: "maildir".into(),
            what: what.into(),
            field: field.into(),
            old: json!(null),
            new,
            why: why.map(Into::into),
        };
        let edits = vec![
            of("more than 26 keywords in a folder", "losses", json!(null), None),
            of("Lunch? — Ada", "keywords", json!(["urgent"]), Some("the folder `Archive` is full")),
            of("cur/5.h:2,S", "losses", json!(null), Some("a message that cannot be read")),
        ];
        let request = Request::ShowPlan { plan: "k7q".into(), what: "losses".into() };
        assert_snapshot!(shown(&request, &Response::Shown(edits)), @r"
          maildir   more than 26 keywords in a folder
          maildir   Lunch? — Ada                        keyword urgent   the folder `Archive` is full
          maildir   cur/5.h:2,S                                          a message that cannot be read
        --
        Segue keeps all of this. Nothing was changed.
        Write the plan:   segue apply k7q
        ");
    }
}
