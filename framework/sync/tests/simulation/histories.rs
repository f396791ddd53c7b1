//! Random histories end in agreement.
