//! Nodes on loopback for the tests.

use std::future::Future;
use std::time::Duration;

use segue_iroh::{
    Admission, Channel, ChannelLimits, Connection, DialError, Network, Node, Settings, Verdict,
};
use segue_sync::DeviceId;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything in these tests ends; what does not, fails here.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it takes for ever")
}

/// Who may call.
pub(crate) fn admits(
    verdict: impl Fn(&DeviceId, Channel) -> Verdict + Send + Sync + 'static,
) -> Box<Admission> {
    Box::new(verdict)
}

/// A node with a key of this byte, which takes everybody's calls.
pub(crate) async fn node(byte: u8) -> Node {
    node_with(byte, Settings::default(), admits(|_, _| Verdict::Member)).await
}

/// A node with a key of this byte.
pub(crate) async fn node_with(byte: u8, settings: Settings, admission: Box<Admission>) -> Node {
    Node::bind([byte; 32], Network::Loopback, settings, admission).await.unwrap()
}

/// Limits that a test can wait for.
pub(crate) fn impatient() -> Settings {
    Settings {
        sync: ChannelLimits { frame_bytes_max: 100_000, lanes_max: 2 },
        stall_ms_max: 200,
        ..Settings::default()
    }
}

/// Calls a node where it listens.
pub(crate) async fn dial(from: &Node, to: &Node) -> Result<Connection, DialError> {
    within(from.dial(to.id(), Channel::Sync, &to.addresses())).await
}

/// A connection and both its ends.
pub(crate) async fn pair(from: &Node, to: &Node) -> (Connection, Connection) {
    let here = dial(from, to).await.unwrap();
    let there = within(to.accept()).await.unwrap();
    assert_eq!((here.peer(), there.peer()), (to.id(), from.id()));
    (here, there)
}
