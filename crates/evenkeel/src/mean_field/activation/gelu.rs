//! GELU in its exact form, `zΦ(z)` with the normal distribution function Φ.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "gelu",
    summary: "z times the normal distribution function of z",
    form: Form::Smooth {
        value: |z| z * below(z),
        slope: |z| below(z) + z * (-0.5 * z * z).exp() / (2.0 * PI).sqrt(),
    },
};

/// `Φ(z)`.
fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}
