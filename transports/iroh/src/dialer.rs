//! Whom to dial and when, and which connection only looks alive.
//!
//! Pure: time comes in, and chance is a seed. It opens nothing itself; whoever drives it dials what is
//! [`due`](Dialer::due), reports what became of it, and closes what is [`silent`](Dialer::silent).
//!
//! Invariant: a peer that cannot be reached is tried for ever, ever more rarely, and never in step with others.

use std::collections::BTreeMap;

use segue_sync::DeviceId;

/// How often is tried, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The wait after the first failure; it doubles with each.
    pub first_ms: u64,
    /// The longest wait.
    pub longest_ms: u64,
    /// A connection that lasted so long was a success; a shorter one counts as a failure.
    pub settled_ms: u64,
    /// A connection on which no packet came for so long is dead, whatever it says.
    pub silence_ms_max: u64,
    /// The same after the network changed or the device woke up: until then nothing is known.
    pub proof_ms_max: u64,
    /// Dials at once.
    pub dials_max: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_ms: 1_000,
            longest_ms: 300_000,
            settled_ms: 30_000,
            silence_ms_max: 20_000,
            proof_ms_max: 8_000,
            dials_max: 4,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until_ms: u64 },
    Dialing,
    Up { since_ms: u64, silent_ms: u64, packets: u64 },
}

#[derive(Debug)]
struct Peer {
    state: State,
    /// In a row.
    failures: u32,
}

/// Decides when each wanted peer is dialled.
#[derive(Debug)]
pub struct Dialer {
    seed: u64,
    pace: Pace,
    peers: BTreeMap<DeviceId, Peer>,
}

impl Dialer {
    /// A dialer that wants nobody yet.
    pub fn new(seed: u64, pace: Pace) -> Self {
        Self { seed, pace, peers: BTreeMap::new() }
    }

    /// A peer is wanted from now on, or there is a new address of it: it is due at once unless it is up.
    pub fn want(&mut self, peer: DeviceId, now_ms: u64) {
        let new = Peer { state: State::Waiting { until_ms: now_ms }, failures: 0 };
        let known = self.peers.entry(peer).or_insert(new);
        if let State::Waiting { until_ms } = &mut known.state {
            *until_ms = now_ms;
        }
    }

    /// A peer is not wanted any more.
    pub fn forget(&mut self, peer: &DeviceId) {
        self.peers.remove(peer);
    }

    /// Whom to dial now; each counts as being dialled until its end is reported.
    pub fn due(&mut self, now_ms: u64) -> Vec<DeviceId> {
        let dialing = self.peers.values().filter(|peer| peer.state == State::Dialing).count();
        let free = self.pace.dials_max.saturating_sub(dialing);
        let is_due =
            |peer: &Peer| matches!(peer.state, State::Waiting { until_ms } if until_ms <= now_ms);
        let mut due: Vec<_> = self.peers.iter_mut().filter(|(_, peer)| is_due(peer)).collect();
        // Who failed least comes first, so that the unreachable keep nobody waiting.
        due.sort_by_key(|(_, peer)| peer.failures);
        let due = due.into_iter().take(free).map(|(id, peer)| {
            peer.state = State::Dialing;
            *id
        });
        due.collect()
    }

    /// When to ask [`due`](Self::due) again, if nothing else happens before.
    pub fn next_ms(&self) -> Option<u64> {
        let waits = self.peers.values().filter_map(|peer| match peer.state {
            State::Waiting { until_ms } => Some(until_ms),
            State::Dialing | State::Up { .. } => None,
        });
        waits.min()
    }

    /// There is a connection with the peer, whoever dialled.
    pub fn up(&mut self, peer: &DeviceId, now_ms: u64) {
        let silent_ms = now_ms + self.pace.silence_ms_max;
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.state = State::Up { since_ms: now_ms, silent_ms, packets: 0 };
        }
    }

    /// The dial failed, or the connection is gone. Without a connection that lasted, the wait doubles.
    pub fn down(&mut self, peer: &DeviceId, now_ms: u64) {
        let (seed, pace) = (self.seed, self.pace);
        let Some(known) = self.peers.get_mut(peer) else { return };
        let lasted = match known.state {
            State::Up { since_ms, .. } => now_ms.saturating_sub(since_ms),
            State::Waiting { .. } => return,
            State::Dialing => 0,
        };
        known.failures =
            if lasted >= pace.settled_ms { 0 } else { known.failures.saturating_add(1) };
        let wait_ms = pace.wait_ms(known.failures, chance(seed, peer, known.failures));
        known.state = State::Waiting { until_ms: now_ms + wait_ms };
    }

    /// How many packets came on the peer's connection so far.
    pub fn heard(&mut self, peer: &DeviceId, count: u64, now_ms: u64) {
        let Some(peer) = self.peers.get_mut(peer) else { return };
        if let State::Up { silent_ms, packets, .. } = &mut peer.state
            && *packets != count
        {
            (*silent_ms, *packets) = (now_ms + self.pace.silence_ms_max, count);
        }
    }

    /// Peers whose connections only look alive: close them and report them [`down`](Self::down).
    pub fn silent(&self, now_ms: u64) -> Vec<DeviceId> {
        let is_silent =
            |peer: &Peer| matches!(peer.state, State::Up { silent_ms, .. } if silent_ms <= now_ms);
        self.peers.iter().filter(|(_, peer)| is_silent(peer)).map(|(id, _)| *id).collect()
    }

    /// The network changed or the device woke up: what failed before says nothing now, nor does what stood.
    pub fn network_changed(&mut self, now_ms: u64) {
        let silent_ms = now_ms + self.pace.proof_ms_max;
        for peer in self.peers.values_mut() {
            peer.failures = 0;
            match &mut peer.state {
                State::Waiting { until_ms } => *until_ms = now_ms,
                State::Dialing => {}
                State::Up { silent_ms: at_ms, .. } => *at_ms = silent_ms.min(*at_ms),
            }
        }
    }
}

impl Pace {
    /// The wait doubles with each failure up to the longest; chance takes up to half of it away.
    fn wait_ms(&self, failures: u32, chance: u64) -> u64 {
        let doublings = failures.saturating_sub(1).min(32);
        let whole = self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms).max(1);
        whole - chance % (whole / 2 + 1)
    }
}

/// A number that differs between devices, peers and tries (`splitmix64`).
fn chance(seed: u64, peer: &DeviceId, failures: u32) -> u64 {
    let start = peer.0.chunks_exact(8).fold(seed ^ u64::from(failures), |mixed, chunk| {
        mix(mixed ^ chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    });
    mix(start)
}

fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DeviceId = DeviceId([1; 32]);
    const B: DeviceId = DeviceId([2; 32]);

    fn dialer(seed: u64) -> Dialer {
        let mut dialer = Dialer::new(seed, Pace::default());
        dialer.want(A, 0);
        dialer
    }

    /// The waits after so many failed dials in a row.
    fn waits(seed: u64, count: usize) -> Vec<u64> {
        let mut dialer = dialer(seed);
        let mut now_ms = 0;
        let wait = || {
            assert_eq!(dialer.due(now_ms), [A]);
            assert!(dialer.due(now_ms + 999_999).is_empty(), "it is being dialled");
            dialer.down(&A, now_ms);
            let until_ms = dialer.next_ms().unwrap();
            assert!(dialer.due(until_ms - 1).is_empty());
            until_ms - std::mem::replace(&mut now_ms, until_ms)
        };
        std::iter::repeat_with(wait).take(count).collect()
    }

    #[test]
    fn an_unreachable_peer_is_tried_ever_more_rarely_and_never_given_up() {
        let waits = waits(7, 60);
        for (at, wait) in waits.iter().enumerate() {
            let whole = (1_000 << at.min(32)).min(300_000);
            assert!((whole / 2..=whole).contains(wait), "{at}: {wait}");
        }
    }

    #[test]
    fn two_devices_do_not_try_in_step() {
        assert_ne!(waits(1, 8), waits(2, 8));
        assert_eq!(waits(1, 8), waits(1, 8));
    }

    #[test]
    fn a_connection_that_is_dropped_at_once_is_a_failure_and_one_that_lasted_is_none() {
        let mut dialer = dialer(1);
        for _ in 0..5 {
            let now_ms = dialer.next_ms().unwrap();
            assert_eq!(dialer.due(now_ms), [A]);
            dialer.up(&A, now_ms);
            assert_eq!(dialer.next_ms(), None);
            dialer.down(&A, now_ms + 10);
        }
        assert_eq!(dialer.peers[&A].failures, 5);
        let now_ms = dialer.next_ms().unwrap();
        dialer.due(now_ms);
        dialer.up(&A, now_ms);
        dialer.down(&A, now_ms + 30_000);
        assert!(dialer.next_ms().unwrap() <= now_ms + 31_000);
    }

    #[test]
    fn a_new_network_or_address_makes_a_waiting_peer_due() {
        let mut dialer = dialer(1);
        for _ in 0..9 {
            let now_ms = dialer.next_ms().unwrap();
            dialer.due(now_ms);
            dialer.down(&A, now_ms);
        }
        let late_ms = dialer.next_ms().unwrap();
        dialer.want(A, late_ms - 100_000);
        assert_eq!(dialer.next_ms(), Some(late_ms - 100_000));
        dialer.due(late_ms);
        dialer.down(&A, late_ms);
        dialer.network_changed(late_ms + 1);
        assert_eq!(dialer.due(late_ms + 1), [A]);
        dialer.network_changed(late_ms + 2);
        assert!(dialer.due(late_ms + 2).is_empty(), "it is being dialled");
        dialer.forget(&A);
        dialer.down(&A, late_ms + 3);
        assert_eq!(dialer.next_ms(), None);
    }

    #[test]
    fn a_connection_without_packets_is_silent() {
        let mut dialer = dialer(1);
        dialer.due(0);
        dialer.up(&A, 0);
        dialer.heard(&A, 5, 10_000);
        dialer.heard(&A, 5, 29_999);
        assert!(dialer.silent(29_999).is_empty());
        assert_eq!(dialer.silent(30_000), [A]);
        dialer.heard(&A, 6, 30_000);
        assert!(dialer.silent(30_000).is_empty());
    }

    #[test]
    fn after_a_change_of_the_network_a_connection_shows_soon_that_it_lives() {
        let mut dialer = dialer(1);
        dialer.due(0);
        dialer.up(&A, 0);
        dialer.heard(&A, 5, 1_000);
        dialer.network_changed(2_000);
        dialer.heard(&A, 5, 9_999);
        assert!(dialer.silent(9_999).is_empty());
        assert_eq!(dialer.silent(10_000), [A]);
        dialer.heard(&A, 6, 10_000);
        assert!(dialer.silent(29_999).is_empty());
        dialer.network_changed(29_999);
        assert_eq!(dialer.silent(30_000), [A], "a change gives no more time than was left");
    }

    #[test]
    fn few_are_dialled_at_once_and_those_that_failed_come_last() {
        let mut dialer = Dialer::new(1, Pace { dials_max: 1, ..Pace::default() });
        dialer.want(A, 0);
        assert_eq!(dialer.due(0), [A]);
        dialer.down(&A, 0);
        dialer.want(B, 0);
        assert_eq!(dialer.due(5_000), [B]);
        assert!(dialer.due(5_000).is_empty());
        dialer.up(&B, 5_000);
        assert_eq!(dialer.due(5_000), [A]);
    }
}
