//! RMS normalization.

use super::{Normalization, per_sample};

pub(super) const ROW: Normalization = Normalization {
    name: "rms",
    summary: "each sample over its features: E phi'^2 / E phi^2",
    over_batch: false,
    growth: per_sample,
    disparity: |_, _| 0.0,
};
