//! The agent's numbers as OpenMetrics text, for those who watch many computers.
//!
//! Invariant: names and labels only grow, and no label is a path, a title or another user's word.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use segue_iroh::Traffic;
use segue_model::DeviceId;

use super::moments::Step;
use super::schedule::Schedule;
use super::service::{Service, State};
use crate::net::live::Live;

/// One family of numbers.
struct Family {
    name: &'static str,
    kind: &'static str,
    unit: Option<&'static str>,
    help: &'static str,
}

/// What the numbers are made of.
pub(super) struct Now<'a> {
    pub(super) schedule: &'a Schedule,
    /// Unix seconds.
    pub(super) started: i64,
    /// The same.
    pub(super) last_pass: Option<i64>,
    pub(super) live: Live,
    pub(super) moments: BTreeMap<Step, Duration>,
    pub(super) traffic: Traffic,
}

/// The numbers now.
pub(super) fn text(now: &Now<'_>) -> String {
    let mut out = String::new();
    let (schedule, live) = (now.schedule, &now.live);
    let (passes, failed) = schedule.passes();
    let family = |name, kind, unit, help| Family { name, kind, unit, help };
    let whole = |outcome: &str, number: u64| (format!("outcome=\"{outcome}\""), number as i64);
    family("segue_passes", "counter", None, "Passes over documents.")
        .write(&mut out, &[whole("done", passes - failed), whole("failed", failed)]);
    let by_library = |number: fn(&Service) -> u64| -> Vec<(String, i64)> {
        schedule.services().map(|one| (library(one), number(one) as i64)).collect()
    };
    family("segue_edits_lifted", "counter", None, "Edits that were taken over from a library.")
        .write(&mut out, &by_library(|service| service.lifted));
    family("segue_edits_written", "counter", None, "Edits that were written to a library.")
        .write(&mut out, &by_library(|service| service.written));
    family("segue_failures", "counter", None, "Times that a library could not be synced.")
        .write(&mut out, &by_library(|service| service.failures));
    family("segue_services", "gauge", None, "Linked libraries, by state.")
        .write(&mut out, &by_state(schedule));
    family("segue_peers", "gauge", None, "Other devices, by state.").write(&mut out, &peers(live));
    family("segue_received_bytes", "counter", Some("bytes"), "Changes and statements that came.")
        .write(&mut out, &[(String::new(), live.received as i64)]);
    let orders = schedule.waiting_orders() as i64;
    family("segue_commands_waiting", "gauge", None, "Commands that wait for their turn.")
        .write(&mut out, &[(String::new(), orders)]);
    let moment = |name, help| family(name, "gauge", Some("seconds"), help);
    moment("segue_start_time_seconds", "When the agent was started.")
        .write(&mut out, &[(String::new(), now.started)]);
    let last: Vec<_> = now.last_pass.map(|at| (String::new(), at)).into_iter().collect();
    moment("segue_last_pass_time_seconds", "When the last pass ended.").write(&mut out, &last);
    let label = |step: &Step| format!("step=\"{}\"", step.word());
    let steps: Vec<_> = now.moments.iter().map(|(s, at)| (label(s), at.as_secs_f64())).collect();
    moment("segue_last_step_time_seconds", "When a step on a value's way was done last.")
        .write(&mut out, &steps);
    family("segue_network_bytes", "counter", Some("bytes"), "Bytes to and from other devices.")
        .write(&mut out, &bytes(&now.traffic));
    out.push_str("# EOF\n");
    out
}

fn bytes(traffic: &Traffic) -> [(String, u64); 4] {
    let label = |layer: &str, way: &str| format!("layer=\"{layer}\",direction=\"{way}\"");
    [
        (label("frames", "sent"), traffic.frames_sent),
        (label("frames", "received"), traffic.frames_received),
        (label("udp", "sent"), traffic.udp_sent),
        (label("udp", "received"), traffic.udp_received),
    ]
}

fn by_state(schedule: &Schedule) -> Vec<(String, i64)> {
    let states = [
        State::InStep,
        State::Changed,
        State::Waiting(String::new()),
        State::Held(String::new()),
        State::Failed(String::new()),
        State::Paused,
    ];
    let number = |state: &State| {
        schedule.services().filter(|service| service.state.word() == state.word()).count() as i64
    };
    states.iter().map(|state| (format!("state=\"{}\"", state.word()), number(state))).collect()
}

fn peers(live: &Live) -> Vec<(String, i64)> {
    let state = |device: &DeviceId| match (live.is_online(device), live.is_in_step(device)) {
        (true, true) => "in step",
        (true, false) => "connected",
        (false, _) => "away",
    };
    let devices = live.devices();
    let number = |word: &str| devices.iter().filter(|device| state(device) == word).count() as i64;
    let states = ["in step", "connected", "away"];
    states.map(|word| (format!("state=\"{word}\""), number(word))).to_vec()
}

/// A library by its app, and where there are several, by its link: paths may name people.
fn library(service: &Service) -> String {
    let app = service.link.label.split('=').next().unwrap_or_default();
    let app: String = app.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("app=\"{app}\",link=\"{}\"", service.link.id)
}

/// What stands in a sample.
trait Number {
    fn text(&self) -> String;
}

impl Number for i64 {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Number for u64 {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Number for f64 {
    /// To the microsecond.
    fn text(&self) -> String {
        format!("{self:.6}")
    }
}

impl Family {
    fn write(&self, out: &mut String, samples: &[(String, impl Number)]) {
        let Self { name, kind, help, .. } = self;
        // Writing to a text cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        if let Some(unit) = self.unit {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(out, "# HELP {name} {help}");
        let end = if *kind == "counter" { "_total" } else { "" };
        for (labels, value) in samples {
            let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
            let _ = writeln!(out, "{name}{end}{labels} {}", value.text());
        }
    }
}
