//! This device on the network: it listens, dials, and lets in whom it may.
//!
//! It knows nothing of what frames say and keeps no list of peers: the admission says who may come in,
//! the caller says whom to dial and where.
//!
//! Invariant: a connection that the caller sees was admitted, is one of at most `connections_max`, and
//! everything that waits for a peer ends in bounded time.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use iroh::endpoint::{
    ConnectError, ConnectingError, Endpoint, Incoming, QuicTransportConfig, VarInt,
    WeakConnectionHandle,
};
use iroh::{EndpointAddr, PublicKey, SecretKey, Watcher};
use segue_sync::{DeviceId, Side};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;

use crate::address::{ADDRESSES_MAX, Address};
use crate::connection::{Connection, Pass};
use crate::error::{BindError, Code, DialError, Ended, Reason};
use crate::gate::{Channel, Gate, Verdict};
use crate::network::Network;
use crate::settings::Settings;

/// Says for a device, which has proven its key, whether its call is taken.
pub type Admission = dyn Fn(&DeviceId, Channel) -> Verdict + Send + Sync;

/// Connections that were let in and that nobody has taken yet.
const WAITING_MAX: usize = 16;

/// How long binding waits for the first address of this device.
const ADDRESS_MS_MAX: u64 = 2_000;

/// This device on the network.
pub struct Node {
    endpoint: Endpoint,
    network: Network,
    door: Arc<Door>,
    admitted: tokio::sync::Mutex<mpsc::Receiver<Connection>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id())
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// What every connection passes.
struct Door {
    gate: Arc<Mutex<Gate>>,
    /// The open connections by number, to close one that is replaced.
    open: Mutex<Vec<(u64, WeakConnectionHandle)>>,
    settings: Arc<Settings>,
    admission: Box<Admission>,
    began: Instant,
}

impl Node {
    /// Binds the sockets and begins to listen. The seed is that of the device's key.
    pub async fn bind(
        seed: [u8; 32],
        network: Network,
        settings: Settings,
        admission: Box<Admission>,
    ) -> Result<Self, BindError> {
        let endpoint = match endpoint(&seed, &network, &settings, settings.port).await {
            // Somebody else may have the port now.
            Err(BindError::Socket(_)) if settings.port != 0 => {
                endpoint(&seed, &network, &settings, 0).await?
            }
            bound => bound?,
        };
        let me = DeviceId(*endpoint.id().as_bytes());
        let door = Arc::new(Door {
            gate: Arc::new(Mutex::new(Gate::new(me, &settings))),
            open: Mutex::new(Vec::new()),
            settings: Arc::new(settings),
            admission,
            began: Instant::now(),
        });
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(listen(endpoint.clone(), Arc::clone(&door), sender));
        let node = Self { endpoint, network, door, admitted: tokio::sync::Mutex::new(receiver) };
        node.first_address().await;
        Ok(node)
    }

    /// Interfaces are looked through in the background; without any there is no address, which is no error.
    async fn first_address(&self) {
        let mut watcher = self.endpoint.watch_addr();
        let found =
            async { while self.addresses().is_empty() && watcher.updated().await.is_ok() {} };
        let _ = timeout(Duration::from_millis(ADDRESS_MS_MAX), found).await;
    }

    /// The key of this device.
    pub fn id(&self) -> DeviceId {
        DeviceId(*self.endpoint.id().as_bytes())
    }

    /// The UDP port that it listens on, to be kept and asked for again in [`Settings::port`].
    pub fn port(&self) -> Option<u16> {
        self.endpoint.bound_sockets().first().map(SocketAddr::port)
    }

    /// Where this device can be reached at the moment, for a ticket. Changes with the network.
    pub fn addresses(&self) -> Vec<Address> {
        let known = self.endpoint.addr().addrs;
        let mut addresses: Vec<Address> = known.iter().filter_map(Address::from_foreign).collect();
        let bound = self.endpoint.bound_sockets();
        addresses.extend(bound.into_iter().map(Address::direct));
        addresses
            .retain(|address| address.is_definite() && address.reach() <= self.network.reach());
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        addresses
    }

    /// Calls a device at these addresses and, where the network allows it, at those that are looked up.
    ///
    /// Returns at the latest after `dial_ms_max`. That the other side lets us in shows with the first frame.
    pub async fn dial(
        &self,
        peer: DeviceId,
        channel: Channel,
        addresses: &[Address],
    ) -> Result<Connection, DialError> {
        let place = self.place(peer, addresses)?;
        let patience = Duration::from_millis(self.door.settings.dial_ms_max);
        let connect = timeout(patience, self.endpoint.connect(place, channel.name()));
        let quic = connect.await.map_err(|_| DialError::TimedOut(peer))?;
        let quic = quic.map_err(|error| unreached(peer, &error))?;
        let entered = self.door.enter(quic, channel, Side::Dialer, Verdict::Member);
        entered.map_err(|reason| match reason.code {
            Code::Duplicate => DialError::Duplicate(peer),
            _ => DialError::Busy,
        })
    }

    fn place(&self, peer: DeviceId, addresses: &[Address]) -> Result<EndpointAddr, DialError> {
        if peer == self.id() {
            return Err(DialError::Myself);
        }
        let key = PublicKey::from_bytes(&peer.0).map_err(|_| DialError::NoKey(peer))?;
        let reach = self.network.reach();
        let near = addresses.iter().filter(|address| address.reach() <= reach);
        let near = near.take(ADDRESSES_MAX).map(Address::to_foreign);
        let place = EndpointAddr::from_parts(key, near);
        if place.is_empty() && !self.network.looks_up() {
            return Err(DialError::OutOfReach(peer));
        }
        Ok(place)
    }

    /// The next connection that was let in; nothing once the node is closed.
    pub async fn accept(&self) -> Option<Connection> {
        self.admitted.lock().await.recv().await
    }

    /// Says that the network may have changed: after sleep, or when an interface came or went.
    pub async fn network_change(&self) {
        self.endpoint.network_change().await;
    }

    /// Closes all connections with a reason and gives the sockets back. Returns at the latest after `close_ms_max`.
    pub async fn close(&self, reason: &Reason) {
        for (_, quic) in self.door.lock_open().drain(..) {
            if let Some(quic) = quic.upgrade() {
                quic.close(reason.number(), reason.bytes());
            }
        }
        let patience = Duration::from_millis(self.door.settings.close_ms_max);
        let _ = timeout(patience, self.endpoint.close()).await;
    }
}

async fn endpoint(
    seed: &[u8; 32],
    network: &Network,
    settings: &Settings,
    port: u16,
) -> Result<Endpoint, BindError> {
    let builder = network.builder(port)?.secret_key(SecretKey::from_bytes(seed));
    let builder = builder.alpns(Channel::ALL.map(|channel| channel.name().to_vec()).to_vec());
    let bound = builder.transport_config(quic(settings)).bind().await;
    bound.map_err(|error| BindError::Socket(error.to_string()))
}

/// The limits as QUIC knows them. Only lanes exist: no one-way streams, no datagrams; and none before the
/// connection is admitted, so nothing of a stranger is even received.
fn quic(settings: &Settings) -> QuicTransportConfig {
    let lanes = settings.sync.lanes_max.max(settings.join.lanes_max);
    let keep_alive = Duration::from_millis(settings.keep_alive_ms);
    QuicTransportConfig::builder()
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES))
        .receive_window(VarInt::from_u32(WINDOW_BYTES * lanes))
        .send_window(u64::from(WINDOW_BYTES) * 2)
        .max_idle_timeout(Some(VarInt::from_u32(settings.idle_ms_max).into()))
        .default_path_max_idle_timeout(Duration::from_millis(settings.idle_ms_max.into()))
        .keep_alive_interval(keep_alive)
        .default_path_keep_alive_interval(keep_alive)
        .build()
}

/// Bytes that a peer may send on a lane before we read them.
const WINDOW_BYTES: u32 = 512 << 10;

fn unreached(peer: DeviceId, error: &ConnectError) -> DialError {
    let connection_error = match error {
        ConnectError::Connection { source, .. }
        | ConnectError::Connecting {
            source: ConnectingError::ConnectionError { source, .. },
            ..
        } => Some(source),
        _ => None,
    };
    let ended = connection_error.map_or_else(
        || Ended::Broken(error.to_string()),
        |source| Ended::from_foreign(source.clone()),
    );
    match ended {
        Ended::Silent => DialError::TimedOut(peer),
        ended => DialError::Failed { peer, ended },
    }
}

/// Takes calls until the endpoint is closed. Never waits for a caller: each is greeted in its own task.
async fn listen(endpoint: Endpoint, door: Arc<Door>, admitted: mpsc::Sender<Connection>) {
    let places_max = door.settings.handshakes_max;
    let places = Arc::new(Semaphore::new(places_max));
    while let Some(incoming) = endpoint.accept().await {
        let is_crowded = places.available_permits() * 2 <= places_max;
        if is_crowded && !incoming.remote_addr_validated() {
            // The caller comes back with a token, which it only gets at an address that is its own.
            let _ = incoming.retry();
            continue;
        }
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            incoming.ignore();
            continue;
        };
        tokio::spawn(greet(incoming, place, Arc::clone(&door), admitted.clone()));
    }
}

async fn greet(
    incoming: Incoming,
    place: OwnedSemaphorePermit,
    door: Arc<Door>,
    admitted: mpsc::Sender<Connection>,
) {
    let patience = Duration::from_millis(door.settings.handshake_ms_max);
    let Ok(Ok(quic)) = timeout(patience, incoming.into_future()).await else { return };
    drop(place);
    let Some(channel) = Channel::from_name(quic.alpn()) else { return };
    let verdict = (door.admission)(&DeviceId(*quic.remote_id().as_bytes()), channel);
    let weak = quic.weak_handle();
    let Ok(connection) = door.enter(quic, channel, Side::Answerer, verdict) else { return };
    if let Err(error) = admitted.try_send(connection) {
        error.into_inner().close(&Reason::new(Code::Busy, "too many calls at once"));
        return;
    }
    if verdict == Verdict::Stranger {
        let stay = Duration::from_millis(door.settings.stranger_ms_max);
        tokio::spawn(see_out(weak, stay));
    }
}

/// Ends a stranger's connection after its time.
async fn see_out(quic: WeakConnectionHandle, stay: Duration) {
    if timeout(stay, quic.closed()).await.is_err()
        && let Some(quic) = quic.upgrade()
    {
        let reason = Reason::new(Code::Done, "the time to join is over");
        quic.close(reason.number(), reason.bytes());
    }
}

impl Door {
    /// Lets a connection through the gate, and closes it or those that it replaces.
    fn enter(
        &self,
        quic: iroh::endpoint::Connection,
        channel: Channel,
        side: Side,
        verdict: Verdict,
    ) -> Result<Connection, Reason> {
        let peer = DeviceId(*quic.remote_id().as_bytes());
        let now_ms = self.began.elapsed().as_millis() as u64;
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let entered = gate.enter(peer, channel, side, verdict, now_ms);
        drop(gate);
        let entered = entered.inspect_err(|reason| {
            quic.close(reason.number(), reason.bytes());
        })?;
        let mut open = self.lock_open();
        open.retain(|(_, quic)| quic.upgrade().is_some());
        let old = open.iter().filter(|(number, _)| entered.replaces.contains(number));
        for old in old.filter_map(|(_, quic)| quic.upgrade()) {
            let reason = Reason::new(Code::Duplicate, "another connection stays");
            old.close(reason.number(), reason.bytes());
        }
        open.push((entered.number, quic.weak_handle()));
        drop(open);
        let pass = Pass { gate: Arc::clone(&self.gate), number: entered.number };
        Ok(Connection::new(quic, channel, side, Arc::clone(&self.settings), pass))
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, Vec<(u64, WeakConnectionHandle)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
