//! What happens to frames on their way.

/// How often, out of 100 frames, something happens to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// It is lost.
    pub lost: u8,
    /// It is overtaken by one that was sent after it.
    pub overtaken: u8,
    /// It arrives once more, later.
    pub repeated: u8,
    /// Some of its bytes change. No real transport does that; a hostile peer may.
    pub changed: u8,
}

impl Weather {
    pub(crate) fn loses(self, chance: &mut fastrand::Rng) -> bool {
        happens(self.lost, chance)
    }

    pub(crate) fn repeats(self, chance: &mut fastrand::Rng) -> bool {
        happens(self.repeated, chance)
    }

    /// Which of so many waiting frames goes next.
    pub(crate) fn place(self, waiting: usize, chance: &mut fastrand::Rng) -> usize {
        if waiting > 1 && happens(self.overtaken, chance) { chance.usize(..waiting) } else { 0 }
    }

    pub(crate) fn change(self, mut frame: Vec<u8>, chance: &mut fastrand::Rng) -> Vec<u8> {
        if !frame.is_empty() && happens(self.changed, chance) {
            for _ in 0..chance.usize(1..=4) {
                let index = chance.usize(..frame.len());
                frame[index] = chance.u8(..);
            }
        }
        frame
    }
}

fn happens(of_100: u8, chance: &mut fastrand::Rng) -> bool {
    of_100 > 0 && chance.u8(..100) < of_100
}
