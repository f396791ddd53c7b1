//! Which translator passes which trial, as a table that people read.
//!
//! It is made from the records that the suites keep, so it costs nothing to check; that a record is
//! true is what its suite checks. Every translator of the repository must have one.

use std::fmt::Write as _;
use std::path::PathBuf;

use libtest_mimic::Failed;
use segue_conformance::{Record, mutants, trials};
use segue_memory::Kind;

use crate::broken::Defect;
use crate::{folder, subject};

/// One translator: what it is called, and its record.
struct Column {
    title: String,
    record: Record,
}

/// What a record says of one trial.
enum Cell {
    Passed,
    /// Not even begun: programs that only `segue conformance` tries are not broken.
    Untried,
    /// The reasons, each once, and whether one of several libraries passes.
    Skipped(Vec<String>, bool),
}

/// The table of this repository and the reasons below it.
pub(crate) fn table() -> Result<String, Failed> {
    let sane = subject(Defect::None(Kind::Exact));
    let mut rows: Vec<String> =
        trials(sane.clone()).iter().map(|trial| trial.name.to_owned()).collect();
    rows.extend(mutants(&sane).iter().map(|mutant| format!("{MUTANTS}{}", mutant.name)));
    Ok(shown(&columns()?, &rows))
}

const MUTANTS: &str = "mutants::";

/// The records of the repository, those of translators first.
fn columns() -> Result<Vec<Column>, Failed> {
    let mut columns = Vec::new();
    for (place, must) in [("translators", true), ("examples", false)] {
        let entries = std::fs::read_dir(folder().join("..").join(place))?;
        let mut folders: Vec<PathBuf> =
            entries.map(|entry| Ok(entry?.path())).collect::<Result<_, Failed>>()?;
        folders.sort();
        for one in folders.into_iter().filter(|one| one.is_dir()) {
            let files = ["tests/skips.txt", "skips.txt"].map(|name| one.join(name));
            // What several translators share is none, and discovers nothing.
            let must = must && one.join("src/discover.rs").is_file();
            match files.into_iter().find(|file| file.is_file()) {
                Some(file) => {
                    let name = one.file_name().unwrap_or_default().to_string_lossy();
                    columns.push(column(&name, Record::read(&file)?));
                }
                None if must => return Err(format!("{} has no record", one.display()).into()),
                None => {}
            }
        }
    }
    Ok(columns)
}

/// A record of one library has that library's name, and one of several that of the folder.
fn column(folder: &str, record: Record) -> Column {
    let mut subjects = record.subjects();
    let title = match (subjects.next(), subjects.next()) {
        (Some(subject), None) => subject.replace(' ', "<br>"),
        _ => folder.to_owned(),
    };
    drop(subjects);
    Column { title, record }
}

fn cell(column: &Column, trial: &str) -> Cell {
    let record = &column.record;
    let subjects: Vec<&str> = record.subjects().collect();
    if trial.starts_with(MUTANTS) && !subjects.iter().any(|subject| record.is_broken(subject)) {
        return Cell::Untried;
    }
    let skips = subjects.iter().filter_map(|one| Some((*one, record.reason(one, trial)?)));
    let skips: Vec<(&str, &str)> = skips.collect();
    let is_part = skips.len() < subjects.len();
    let mut reasons: Vec<String> = Vec::new();
    for (_, reason) in &skips {
        let same = skips.iter().filter(|(_, other)| other == reason);
        let names: Vec<&str> = same.map(|(subject, _)| *subject).collect();
        let some = names.len() < subjects.len();
        let reason = if some {
            format!("only {}: {reason}", names.join(", "))
        } else {
            (*reason).to_owned()
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if skips.is_empty() { Cell::Passed } else { Cell::Skipped(reasons, is_part) }
}

fn shown(columns: &[Column], rows: &[String]) -> String {
    let mut notes: Vec<String> = Vec::new();
    let mut body = String::new();
    let mut passed = vec![0; columns.len()];
    for trial in rows {
        // Writing into a string does not fail.
        let _ = write!(body, "| `{trial}` |");
        for (column, passed) in columns.iter().zip(&mut passed) {
            let text = match cell(column, trial) {
                Cell::Passed => "✓".to_owned(),
                Cell::Untried => "–".to_owned(),
                Cell::Skipped(reasons, is_part) => {
                    let numbers = reasons.into_iter().map(|reason| number(&mut notes, reason));
                    let numbers = numbers.collect::<Vec<_>>().join(", ");
                    if is_part { format!("✓ ({numbers})") } else { numbers }
                }
            };
            *passed += usize::from(text.starts_with('✓'));
            let _ = write!(body, " {text} |");
        }
        body.push('\n');
    }
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    let sums: Vec<String> = passed.iter().map(usize::to_string).collect();
    let mut table = format!("| trial | {} |\n", titles.join(" | "));
    let _ = writeln!(table, "| --- |{}", " --- |".repeat(columns.len()));
    let _ = writeln!(table, "| passed, of {} | {} |", rows.len(), sums.join(" | "));
    table += &body;
    table.push('\n');
    for (index, note) in notes.iter().enumerate() {
        let _ = writeln!(table, "{}. {note}", index + 1);
    }
    table
}

/// The number of a reason in the list below the table.
fn number(notes: &mut Vec<String>, reason: String) -> String {
    let known = notes.iter().position(|note| *note == reason);
    let index = known.unwrap_or_else(|| {
        notes.push(reason);
        notes.len() - 1
    });
    (index + 1).to_string()
}

/// On two small records: one that skips nothing, and one of two libraries.
pub(crate) fn shows_skips() -> Result<(), Failed> {
    let [mut whole, mut two] = [Record::default(), Record::default()];
    whole.tries("whole", "2.0");
    for fixture in ["1", "2"] {
        two.tries("two", fixture);
        two.skip(("two", fixture), "a::c", "declares: no c");
    }
    two.skip(("two", "2"), "a::b", "declares: no b");
    let columns = [column("folder", whole), column("both", two)];
    let rows = ["a::b", "a::c", "mutants::law_1_x"].map(str::to_owned);
    let expected = "| trial | whole<br>2.0 | both |\n| --- | --- | --- |\n| passed, of 3 | 2 | 1 |\n\
        | `a::b` | ✓ | ✓ (1) |\n| `a::c` | ✓ | 2 |\n| `mutants::law_1_x` | – | – |\n\n\
        1. only two 2: declares: no b\n2. declares: no c\n";
    let found = shown(&columns, &rows);
    if found == expected { Ok(()) } else { Err(found.into()) }
}
