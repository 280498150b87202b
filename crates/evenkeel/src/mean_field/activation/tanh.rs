//! Hyperbolic tangent.

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "tanh",
    summary: "tanh z",
    form: Form::Smooth {
        value: f64::tanh,
        slope: |z| z.cosh().powi(-2),
    },
};
