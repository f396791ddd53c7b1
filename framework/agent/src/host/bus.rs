//! The session bus, asked who owns a name.
//!
//! The connection is opened at the first question and kept. No name is ever activated: asking for
//! an app must not start it. Every question has an end, whatever the bus does.
//!
//! Invariant: a bus that is there and does not answer is [`Answer::Silent`], never "nobody".

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zbus::{Connection, Message, connection};

/// How long all questions about one app may take together.
const PATIENCE: Duration = Duration::from_millis(1_500);
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// What the bus said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is no bus: nobody can be on it.
    NoBus,
    /// There is one, and it does not answer.
    Silent,
    /// The names that have an owner, with its process where the bus tells.
    Owners(Vec<(String, Option<u32>)>),
}

/// A session bus that is connected when first needed.
pub(super) struct Bus {
    address: Option<String>,
    connection: Mutex<Option<Connection>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bus").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Bus {
    pub(super) fn new(address: Option<String>) -> Self {
        Self { address, connection: Mutex::new(None) }
    }

    /// Which of these names are owned.
    pub(super) fn owners(&self, names: &[&str]) -> Answer {
        let Some(address) = self.address.as_deref() else { return Answer::NoBus };
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = kept.take();
        // On a thread of its own, because the caller may be inside an async runtime.
        let asked = thread::scope(|scope| {
            let question = || zbus::block_on(ask_in_time(connection, address, names));
            scope.spawn(question).join()
        });
        let Ok((answer, connection)) = asked else { return Answer::Silent };
        *kept = connection;
        answer
    }
}

/// Asks, and gives the connection back if it is still good.
async fn ask_in_time(
    connection: Option<Connection>,
    address: &str,
    names: &[&str],
) -> (Answer, Option<Connection>) {
    let silent = (Answer::Silent, None);
    tokio::time::timeout(PATIENCE, ask(connection, address, names)).await.unwrap_or(silent)
}

async fn ask(
    kept: Option<Connection>,
    address: &str,
    names: &[&str],
) -> (Answer, Option<Connection>) {
    if let Some(connection) = kept
        && let Ok(owners) = owners(&connection, names).await
    {
        return (Answer::Owners(owners), Some(connection));
    }
    // None yet, or the bus of an earlier login.
    let Ok(connection) = connection::Builder::address(address).build().await else {
        return (Answer::NoBus, None);
    };
    match owners(&connection, names).await {
        Ok(owners) => (Answer::Owners(owners), Some(connection)),
        Err(_) => (Answer::Silent, None),
    }
}

async fn owners(
    connection: &Connection,
    names: &[&str],
) -> zbus::Result<Vec<(String, Option<u32>)>> {
    let mut found = Vec::new();
    for name in names {
        if call(connection, "NameHasOwner", name).await?.body().deserialize::<bool>()? {
            let process = call(connection, "GetConnectionUnixProcessID", name).await;
            let pid = process.ok().and_then(|reply| reply.body().deserialize::<u32>().ok());
            found.push(((*name).to_owned(), pid));
        }
    }
    Ok(found)
}

async fn call(connection: &Connection, method: &str, name: &str) -> zbus::Result<Message> {
    connection.call_method(Some(BUS), BUS_PATH, Some(BUS), method, &name).await
}
