//! ReLU: `max(z, 0)`.

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "relu",
    summary: "max(z, 0)",
    form: Form::Lines { below: 0.0 },
};
