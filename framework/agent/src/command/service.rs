//! What is answered of the agent that runs, and of its services.

use serde::{Deserialize, Serialize};

/// What a person does with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceAction {
    /// Looks after the library.
    Play,
    /// Leaves it alone.
    Pause,
}

/// The services, one for each link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// The agent, if it runs.
    pub agent: Option<AgentRow>,
    /// The services.
    pub services: Vec<ServiceRow>,
}

/// The agent that runs in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// The device that it is to other peers.
    pub peer: String,
    /// Since when it runs, in Unix seconds.
    pub since: i64,
    /// How far it reaches: `loopback`, `lan` or `internet`.
    #[serde(default)]
    pub network: String,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The library.
    pub library: String,
    /// Where it is.
    pub path: String,
    /// The document.
    pub document: String,
    /// `in step`, `changed`, `waiting`, `held`, `failed`, `paused`; `not running` without an agent.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
}

/// One thing that the agent said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLogRow {
    /// When, in Unix seconds.
    pub at: i64,
    /// The library that it concerns, if one.
    pub library: Option<String>,
    /// What.
    pub what: String,
}

/// The agent's numbers as OpenMetrics text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsText(pub String);
