//! The shortest part of a failing history that still fails.

use crate::step::{Setup, Step};
use crate::world::run;

/// Leaves out steps, long runs first, as long as something is still violated.
pub fn shrunk(setup: &Setup, steps: &[Step]) -> Vec<Step> {
    let mut steps = steps.to_vec();
    let mut length = steps.len().max(1) / 2;
    while length > 0 {
        let mut start = 0;
        while start < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(start..(start + length).min(steps.len()));
            if run(setup, &fewer).is_err() {
                steps = fewer;
            } else {
                start += length;
            }
        }
        length /= 2;
    }
    steps
}
