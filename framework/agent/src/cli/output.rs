//! The two streams: data on the one, talk on the other.
//!
//! Invariant: no control character that came from outside reaches either stream, except in an
//! export, whose bytes are its meaning. A reader that went away ends the command quietly.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde_json::{Value as Json, json};

use super::exit::Exit;
use super::qr::qr;
use super::text::words::{clean, is_hostile, minute};
use super::text::{self, Page};
use crate::Failure;
use crate::command::{AgentRow, InviteReport, Request, Response};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();
const COMMAND: Style = Style::new().bold();

/// How to print.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Form {
    pub(super) json: bool,
    pub(super) colour: bool,
}

/// Where to print.
pub(super) struct Output<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) err: &'a mut dyn Write,
    pub(super) form: Form,
}

impl Output<'_> {
    /// Prints an answer; `exit` is what it means for the shell.
    pub(super) fn response(&mut self, request: &Request, response: &Response, exit: Exit) -> Exit {
        match response {
            Response::Export(text) if self.form.json => self.line(&text.0, exit),
            _ if self.form.json => match serde_json::to_value(response) {
                Ok(json) => self.line(&one_line(&json), exit),
                Err(error) => self.unmade(&error.to_string()),
            },
            _ => self.page(text::page(request, response), exit),
        }
    }

    /// Prints a plan and some of its edits; as JSON the edits are one more key of the plan.
    pub(super) fn shown(
        &mut self,
        show: &Request,
        plan: &Response,
        shown: &Response,
        exit: Exit,
    ) -> Exit {
        if !self.form.json {
            return self.response(show, shown, exit);
        }
        match (serde_json::to_value(plan), serde_json::to_value(shown)) {
            (Ok(mut json), Ok(shown)) => {
                json["shown"] = shown;
                self.line(&one_line(&json), exit)
            }
            (Err(error), _) | (_, Err(error)) => self.unmade(&error.to_string()),
        }
    }

    /// Says at once that the agent answers.
    pub(super) fn serving(&mut self, agent: &AgentRow) {
        let AgentRow { pid, peer, network, .. } = agent;
        if self.form.json {
            let json = json!({ "peer": peer, "pid": pid, "network": network });
            self.line(&one_line(&json), Exit::Done);
        } else {
            self.line(&format!("The agent runs as peer {peer}, process {pid}."), Exit::Done);
        }
    }

    /// Shows a ticket at once; with `code` also so that a camera can read it.
    pub(super) fn ticket(&mut self, report: &InviteReport, code: bool) -> Exit {
        if self.form.json {
            return match serde_json::to_value(report) {
                Ok(json) => self.line(&one_line(&json), Exit::Done),
                Err(error) => self.unmade(&error.to_string()),
            };
        }
        let until = minute(report.expires);
        self.said(&format!("On the other computer (the ticket works once, until {until}):"));
        let exit = self.line(&format!("segue join {}", report.ticket), Exit::Done);
        if code && let Some(code) = qr(&report.ticket) {
            // Nobody is left to tell if standard error is gone.
            let _ = self.err.write_all(code.as_bytes());
        }
        exit
    }

    /// Puts a question; the answer follows on the same line.
    pub(super) fn question(&mut self, question: &str) {
        // Nobody is left to answer if standard error is gone.
        let _ = write!(self.err, "{} [y/N] ", clean(question));
        let _ = self.err.flush();
    }

    /// Says what happens.
    pub(super) fn said(&mut self, sentence: &str) {
        self.talk(Style::new(), "", &clean(sentence));
    }

    /// Prints why a command failed.
    pub(super) fn failure(&mut self, failure: &Failure) -> Exit {
        self.error(&failure.to_string(), failure.hint());
        Exit::Failed
    }

    /// Prints one sentence and what to do.
    pub(super) fn error(&mut self, sentence: &str, hint: Option<&str>) {
        if self.form.json {
            self.json_error(sentence, hint);
        }
        self.talk(ERROR, "Error:", &clean(sentence));
        if let Some(hint) = hint {
            self.talk(HINT, "Hint:", &clean(hint));
        }
    }

    /// Prints what clap found wrong; `styled` is the same text, perhaps with colours.
    pub(super) fn usage(&mut self, plain: &str, styled: &str) {
        if self.form.json {
            let first = plain.lines().next().unwrap_or_default();
            let sentence = first.strip_prefix("error: ").unwrap_or(first);
            self.json_error(sentence, Some("see `segue help`"));
        }
        let styled = styled.replacen("error:", "Error:", 1);
        // Nobody is left to tell if standard error is gone.
        let _ = self.err.write_all(styled.as_bytes());
    }

    /// Prints bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Exit {
        let written = self.out.write_all(bytes).and_then(|()| self.out.flush());
        self.ended(written, Exit::Done)
    }

    /// Prints something that was made, or why it could not be.
    pub(super) fn made(&mut self, made: io::Result<Vec<u8>>) -> Exit {
        match made {
            Ok(bytes) => self.bytes(&bytes),
            Err(error) => self.unmade(&error.to_string()),
        }
    }

    fn unmade(&mut self, sentence: &str) -> Exit {
        self.error(sentence, None);
        Exit::Failed
    }

    fn page(&mut self, page: Page, exit: Exit) -> Exit {
        let written = self.out.write_all(page.data.as_bytes()).and_then(|()| self.out.flush());
        for sentence in &page.talk {
            self.talk(Style::new(), "", &clean(sentence));
        }
        if let Some(next) = page.next {
            let command = clean(&next.command);
            let command = self.painted(COMMAND, &command);
            self.talk(Style::new(), &next.why, &format!("  {command}"));
        }
        self.ended(written, exit)
    }

    fn line(&mut self, text: &str, exit: Exit) -> Exit {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let written = self.out.write_all(text.as_bytes());
        let written = written.and_then(|()| self.out.write_all(end.as_bytes()));
        let written = written.and_then(|()| self.out.flush());
        self.ended(written, exit)
    }

    fn json_error(&mut self, sentence: &str, hint: Option<&str>) {
        let json = json!({ "error": sentence, "hint": hint });
        self.line(&one_line(&json), Exit::Failed);
    }

    /// A reader that had enough is no failure; a full disk is.
    fn ended(&mut self, written: io::Result<()>, exit: Exit) -> Exit {
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.broken(&format!("the answer could not be printed: {error}"))
            }
            _ => exit,
        }
    }

    fn broken(&mut self, sentence: &str) -> Exit {
        self.talk(ERROR, "Error:", &clean(sentence));
        Exit::Failed
    }

    fn talk(&mut self, style: Style, label: &str, sentence: &str) {
        let label = self.painted(style, label);
        let space = if label.is_empty() { "" } else { " " };
        // Nobody is left to tell if standard error is gone.
        let _ = writeln!(self.err, "{label}{space}{sentence}");
    }

    fn painted(&self, style: Style, text: &str) -> String {
        if self.form.colour && !text.is_empty() {
            return format!("{style}{text}{style:#}");
        }
        text.to_owned()
    }
}

/// JSON in one line in which no character can move a cursor. Outside texts JSON has none of them.
fn one_line(json: &Json) -> String {
    let mut out = String::new();
    for character in json.to_string().chars() {
        if is_hostile(character) {
            out.extend(format!("\\u{:04x}", u32::from(character)).chars());
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_spells_out_what_a_terminal_might_obey_and_means_the_same() {
        let json = json!({ "title": "a\u{9b}2J\u{7f}\u{202e}\n\u{1b}é" });
        let line = one_line(&json);
        assert!(!line.chars().any(is_hostile), "{line}");
        assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), json);
    }
}
