//! Rows of what was measured, beside the aim and beside what else runs here, as text.

use std::fmt::Write;
use std::time::Duration;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: Amount,
    /// What we want it to be at most.
    pub(crate) aim: Option<Amount>,
    /// The same by something else, or the least it could be.
    pub(crate) beside: Option<(&'static str, Amount)>,
}

/// An amount with its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    Time(Duration),
    Bytes(u64),
}

impl Amount {
    fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(bytes) => bytes as f64,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Time(time) if time.as_secs() >= 10 => format!("{:.1} s", time.as_secs_f64()),
            Self::Time(time) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
            Self::Bytes(bytes) if bytes < 10_000 => format!("{bytes} B"),
            Self::Bytes(bytes) if bytes < 1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
            Self::Bytes(bytes) => format!("{:.2} MB", bytes as f64 / 1e6),
        }
    }
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, measured: Amount) -> Self {
        Self { what: what.into(), measured, aim: None, beside: None }
    }

    pub(crate) fn aim(self, aim: Amount) -> Self {
        Self { aim: Some(aim), ..self }
    }

    pub(crate) fn beside(self, who: &'static str, amount: Amount) -> Self {
        Self { beside: Some((who, amount)), ..self }
    }

    fn verdict(&self) -> String {
        match self.aim {
            None => String::new(),
            Some(aim) if self.measured.number() <= aim.number() => "met".into(),
            Some(aim) => {
                format!("missed: {:.2} x the aim", self.measured.number() / aim.number())
            }
        }
    }
}

/// The rows as a Markdown table.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut out =
        String::from("| what | measured | aim | | beside |\n| --- | ---: | ---: | --- | --- |\n");
    for row in rows {
        let aim = row.aim.map_or_else(String::new, Amount::text);
        let beside = row.beside.map(|(who, amount)| format!("{who}: {}", amount.text()));
        let (measured, beside) = (row.measured.text(), beside.unwrap_or_default());
        // Writing to a string cannot fail.
        let _ =
            writeln!(out, "| {} | {measured} | {aim} | {} | {beside} |", row.what, row.verdict());
    }
    out
}

/// The value below which so many percent of them lie.
pub(crate) fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or_default()
}
