//! A network in memory, for tests: frames get lost, overtaken, repeated, cut off and changed, the same
//! way each time for the same seed.
//!
//! [`Network`] is the air between [`Endpoint`]s, each of which is a [`Transport`]. Nothing moves until
//! [`Network::step`] moves one frame, so a test decides how time passes. It knows nothing of what
//! frames say; a hostile peer is an endpoint whose test sends what it likes.
//!
//! Invariant: whatever the weather, a peer's device id is that of the endpoint, and no frame outlives its
//! connection.

mod weather;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use segue_sync::{Arrival, Connection, DeviceId, FRAME_BYTES_MAX, Side, Transport};
pub use weather::Weather;

/// What was sent from one device to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A network.
#[derive(Debug, Clone)]
pub struct Network(Arc<Mutex<Air>>);

/// One device's end of the network.
#[derive(Debug)]
pub struct Endpoint {
    device: DeviceId,
    network: Network,
}

#[derive(Debug)]
struct Air {
    chance: fastrand::Rng,
    weather: Weather,
    inboxes: BTreeMap<DeviceId, VecDeque<Arrival>>,
    lines: BTreeMap<Connection, Line>,
    parted: BTreeSet<DeviceId>,
    next: u64,
    traffic: BTreeMap<(DeviceId, DeviceId), Traffic>,
}

/// One direction of a connection. The other is `back`.
#[derive(Debug)]
struct Line {
    from: DeviceId,
    to: DeviceId,
    back: Connection,
    frames: VecDeque<Vec<u8>>,
    is_ending: bool,
}

impl Network {
    /// A network without anybody, in fair weather.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Air {
            chance: fastrand::Rng::with_seed(seed),
            weather: Weather::default(),
            inboxes: BTreeMap::new(),
            lines: BTreeMap::new(),
            parted: BTreeSet::new(),
            next: 1,
            traffic: BTreeMap::new(),
        })))
    }

    /// The end of the network that proves to be `device`.
    pub fn endpoint(&self, device: DeviceId) -> Endpoint {
        self.air().inboxes.entry(device).or_default();
        Endpoint { device, network: self.clone() }
    }

    /// Changes the weather, also for what is on the way.
    pub fn set_weather(&self, weather: Weather) {
        self.air().weather = weather;
    }

    /// Moves one frame, or loses it. Returns whether anything was on the way.
    pub fn step(&self) -> bool {
        self.air().step()
    }

    /// Cuts the network in two: these devices, and the rest. It replaces an earlier partition.
    pub fn part(&self, devices: impl IntoIterator<Item = DeviceId>) {
        let mut air = self.air();
        air.parted = devices.into_iter().collect();
        let parted = air.parted.clone();
        air.cut(|line| parted.contains(&line.from) != parted.contains(&line.to));
    }

    /// Ends a partition. Who wants to be connected dials again.
    pub fn heal(&self) {
        self.air().parted.clear();
    }

    /// Cuts all connections of a device, as if its plug was pulled; what it had not read is gone.
    pub fn unplug(&self, device: &DeviceId) {
        let mut air = self.air();
        air.cut(|line| line.from == *device || line.to == *device);
        air.inboxes.insert(*device, VecDeque::new());
    }

    /// What `from` has sent to `to`, lost frames included.
    pub fn traffic(&self, from: &DeviceId, to: &DeviceId) -> Traffic {
        self.air().traffic.get(&(*from, *to)).copied().unwrap_or_default()
    }

    /// What all have sent to each other.
    pub fn all_traffic(&self) -> Traffic {
        let air = self.air();
        let sum = |sum: Traffic, one: &Traffic| Traffic {
            frames: sum.frames + one.frames,
            bytes: sum.bytes + one.bytes,
        };
        air.traffic.values().fold(Traffic::default(), sum)
    }

    fn air(&self) -> MutexGuard<'_, Air> {
        // A panic in another thread's test leaves the queues whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Air {
    fn step(&mut self) -> bool {
        let busy = |(_, line): &(&Connection, &Line)| !line.frames.is_empty() || line.is_ending;
        let busy: Vec<Connection> = self.lines.iter().filter(busy).map(|(key, _)| *key).collect();
        let Some(connection) = self.chance.choice(busy) else { return false };
        let Some(line) = self.lines.get_mut(&connection) else { return false };
        let (to, back) = (line.to, line.back);
        let index = self.weather.place(line.frames.len(), &mut self.chance);
        let Some(frame) = line.frames.remove(index) else {
            self.cut(|line| line.back == connection || line.back == back);
            return true;
        };
        if self.weather.loses(&mut self.chance) {
            return true;
        }
        if self.weather.repeats(&mut self.chance) {
            line.frames.push_back(frame.clone());
        }
        let bytes = self.weather.change(frame, &mut self.chance);
        self.put(to, Arrival::Frame { connection: back, bytes });
        true
    }

    fn put(&mut self, device: DeviceId, arrival: Arrival) {
        self.inboxes.entry(device).or_default().push_back(arrival);
    }

    fn cut(&mut self, is_cut: impl Fn(&Line) -> bool) {
        let cut: Vec<Connection> =
            self.lines.iter().filter(|(_, line)| is_cut(line)).map(|(key, _)| *key).collect();
        for connection in cut {
            if let Some(line) = self.lines.remove(&connection) {
                self.put(line.from, Arrival::Closed { connection });
            }
        }
    }

    fn open(&mut self, from: DeviceId, to: DeviceId) {
        let is_parted = self.parted.contains(&from) != self.parted.contains(&to);
        if is_parted || !self.inboxes.contains_key(&to) {
            return;
        }
        let (there, back) = (Connection(self.next), Connection(self.next + 1));
        self.next += 2;
        for (connection, back, from, to, side) in
            [(there, back, from, to, Side::Dialer), (back, there, to, from, Side::Answerer)]
        {
            let line = Line { from, to, back, frames: VecDeque::new(), is_ending: false };
            self.lines.insert(connection, line);
            self.put(from, Arrival::Opened { connection, peer: to, side });
        }
    }
}

impl Transport for Endpoint {
    fn dial(&mut self, peer: &DeviceId) {
        self.network.air().open(self.device, *peer);
    }

    fn send(&mut self, connection: Connection, frame: Vec<u8>) {
        let mut air = self.network.air();
        let Some(line) = air.lines.get_mut(&connection) else { return };
        if line.from != self.device || line.is_ending {
            return;
        }
        let ends = (line.from, line.to);
        let size = frame.len();
        if size <= FRAME_BYTES_MAX {
            line.frames.push_back(frame);
        }
        let traffic = air.traffic.entry(ends).or_default();
        traffic.frames += 1;
        traffic.bytes += size as u64;
    }

    fn close(&mut self, connection: Connection) {
        if let Some(line) = self.network.air().lines.get_mut(&connection) {
            line.is_ending |= line.from == self.device;
        }
    }

    fn next(&mut self) -> Option<Arrival> {
        self.network.air().inboxes.get_mut(&self.device)?.pop_front()
    }
}

#[cfg(test)]
mod tests;
