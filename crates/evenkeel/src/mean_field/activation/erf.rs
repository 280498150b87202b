//! Error function. For normal `z` the averages are closed forms (Williams 1997), which the tests
//! hold the quadrature against.

use std::f64::consts::FRAC_2_SQRT_PI;

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "erf",
    summary: "erf z",
    form: Form::Smooth {
        value: libm::erf,
        slope: |z| FRAC_2_SQRT_PI * (-z * z).exp(),
    },
};
