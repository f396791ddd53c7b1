//! Rows of measured, floor, ratio and aim, as text.

use std::fmt::Write;
use std::time::Duration;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) songs: u32,
    pub(crate) what: &'static str,
    pub(crate) measured: Amount,
    /// What of it the processor worked.
    pub(crate) processor: Option<Duration>,
    /// The least it could be.
    pub(crate) floor: Option<Amount>,
    /// What we want it to be at most.
    pub(crate) aim: Option<Amount>,
}

/// An amount with its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    Time(Duration),
    Bytes(u64),
    /// Growth per growth of the library: 1 is linear.
    Exponent(f64),
}

impl Amount {
    fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(bytes) => bytes as f64,
            Self::Exponent(exponent) => exponent,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Time(time) if time.as_secs() >= 10 => format!("{:.1} s", time.as_secs_f64()),
            Self::Time(time) => format!("{:.1} ms", time.as_secs_f64() * 1e3),
            Self::Bytes(bytes) if bytes < 1 << 20 => format!("{bytes} B"),
            Self::Bytes(bytes) => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
            Self::Exponent(exponent) => format!("{exponent:.2}"),
        }
    }
}

impl Row {
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
    let mut out = String::from(
        "| songs | step | measured | processor | floor | ratio | aim | |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    let text = |amount: Option<Amount>| amount.map_or_else(String::new, Amount::text);
    for row in rows {
        let ratio = row.floor.map(|floor| row.measured.number() / floor.number());
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.1}"));
        let (measured, floor, aim) = (row.measured.text(), text(row.floor), text(row.aim));
        let processor = text(row.processor.map(Amount::Time));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {} | {} | {measured} | {processor} | {floor} | {ratio} | {aim} | {} |",
            row.songs,
            row.what,
            row.verdict()
        );
    }
    out
}
