//! Which effective learning rate an optimiser goes by.

use serde::{Deserialize, Serialize};

/// Which effective learning rate an optimiser goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// `‖∇W‖/‖W‖`, which scaling `W` by `a` divides by `a²` (T2).
    Gradient,
    /// `‖ΔW‖/(λ‖W‖)`, for updates that do not depend on the gradient's length (T19): scaling `W`
    /// by `a` divides it by `a`.
    Update,
}

impl Measure {
    /// The `p` of `E → E/a^p` under `W → aW`.
    pub fn power(self) -> f64 {
        match self {
            Self::Gradient => 2.0,
            Self::Update => 1.0,
        }
    }
}
