//! How much useless work a peer may cause: a budget in bytes that fills with time.
//!
//! Asking costs a fixed price, and so does every byte that brought nothing new. A batch with news is
//! free. An honest session spends at most half of what it is allowed ([`Allowance::ours`]), so that
//! only a peer who does not keep to the rules runs out.

/// What a peer may spend at once.
const CAPACITY: u64 = 4 << 20;

/// What comes back each second.
const REFILL_EACH_SECOND: u64 = 64 << 10;

/// The price of a Hello, which makes us summarise the document.
pub(crate) const HELLO: u64 = 16 << 10;

/// The price of a Want, which makes us search the log and send.
pub(crate) const WANT: u64 = 256 << 10;

/// The price of any other frame, beside its bytes if they were useless.
pub(crate) const FRAME: u64 = 64;

/// A budget.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u64,
    capacity: u64,
    refill: u64,
    at_ms: Option<u64>,
}

impl Allowance {
    /// What the peer may spend.
    pub(crate) const fn theirs() -> Self {
        Self { left: CAPACITY, capacity: CAPACITY, refill: REFILL_EACH_SECOND, at_ms: None }
    }

    /// What we let ourselves spend of what the peer allows us.
    pub(crate) const fn ours() -> Self {
        let (capacity, refill) = (CAPACITY / 2, REFILL_EACH_SECOND / 2);
        Self { left: capacity, capacity, refill, at_ms: None }
    }

    /// Spends, if so much is left.
    pub(crate) fn spend(&mut self, cost: u64, now_ms: u64) -> bool {
        let past_ms = now_ms.saturating_sub(self.at_ms.unwrap_or(now_ms));
        let back = past_ms.saturating_mul(self.refill) / 1000;
        // A part of a byte must not get lost between two frequent calls.
        if back > 0 || self.at_ms.is_none() {
            self.at_ms = Some(now_ms);
        }
        self.left = self.left.saturating_add(back).min(self.capacity);
        let enough = self.left >= cost;
        self.left -= if enough { cost } else { 0 };
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_runs_out_and_comes_back() {
        let mut budget = Allowance::theirs();
        let wants = (0..1000).take_while(|_| budget.spend(WANT, 5)).count();
        assert_eq!(wants as u64, CAPACITY / WANT);
        assert!(!budget.spend(WANT, 3_900));
        assert!(budget.spend(WANT, 4_010));
        assert!(!budget.spend(WANT, 4_010));
        assert!(!budget.spend(WANT, 0), "a clock that goes back gives nothing");
    }

    #[test]
    fn what_we_spend_the_peer_always_allows() {
        let (mut ours, mut theirs) = (Allowance::ours(), Allowance::theirs());
        for step in 0..10_000 {
            let now = step * 100;
            if ours.spend(WANT, now) {
                assert!(theirs.spend(WANT, now));
            }
        }
    }
}
