//! SiLU, also called Swish: `z/(1 + e^−z)`.

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "silu",
    summary: "z/(1 + exp(-z))",
    form: Form::Smooth {
        value: |z| z * gate(z),
        slope: |z| gate(z) * (1.0 + z * gate(-z)),
    },
};

fn gate(z: f64) -> f64 {
    (1.0 + (-z).exp()).recip()
}
