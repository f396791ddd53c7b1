//! Rows of what was measured, beside the aim, as text.

use std::fmt::Write as _;
use std::time::Duration;

use crate::timed::Timed;

/// One line of the table.
pub(crate) struct Row {
    files: u32,
    what: String,
    took: Option<Timed>,
    bytes: Option<u64>,
    time_max: Option<Duration>,
    peak_max: Option<u64>,
}

impl Row {
    pub(crate) fn new(files: u32, what: &str, took: Timed) -> Self {
        let what = what.to_owned();
        Self { files, what, took: Some(took), bytes: None, time_max: None, peak_max: None }
    }

    pub(crate) fn bytes(files: u32, what: &str, bytes: u64) -> Self {
        let what = what.to_owned();
        Self { files, what, took: None, bytes: Some(bytes), time_max: None, peak_max: None }
    }

    /// How long it should take at most.
    pub(crate) fn time(self, most: Duration) -> Self {
        Self { time_max: Some(most), ..self }
    }

    /// How much memory it should have at most.
    pub(crate) fn peak(self, most: u64) -> Self {
        Self { peak_max: Some(most), ..self }
    }

    /// The aim, and whether it was met.
    fn verdict(&self) -> (String, String) {
        let of = |measured: Option<f64>, aim: Option<f64>| Some(measured? / aim?);
        let seconds = self.took.map(|took| took.time.as_secs_f64());
        let peak = self.took.and_then(|took| took.peak_bytes).map(|bytes| bytes as f64);
        let (time_max, peak_max) = (self.time_max, self.peak_max);
        let ratio = of(seconds, time_max.map(|most| most.as_secs_f64()))
            .or_else(|| of(peak, peak_max.map(|most| most as f64)));
        let aim = time_max.map(time).or_else(|| peak_max.map(size)).unwrap_or_default();
        let verdict = match ratio {
            None => String::new(),
            Some(ratio) if ratio <= 1.0 => "met".into(),
            Some(ratio) => format!("missed: {ratio:.2} x the aim"),
        };
        (aim, verdict)
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        10.. => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{:.1} ms", time.as_secs_f64() * 1e3),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        ..100_000 => format!("{bytes} B"),
        _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
    }
}

/// The rows as a Markdown table.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut out = String::from(
        "| files | what | measured | processor | memory | aim | |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let measured = row.took.map(|took| time(took.time)).or(row.bytes.map(size));
        let processor = row.took.and_then(|took| took.processor).map(time).unwrap_or_default();
        let peak = row.took.and_then(|took| took.peak_bytes).map(size).unwrap_or_default();
        let (aim, verdict) = row.verdict();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {} | {processor} | {peak} | {aim} | {verdict} |",
            row.files,
            row.what,
            measured.unwrap_or_default()
        );
    }
    out
}
