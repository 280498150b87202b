//! Identity: `z`.

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "identity",
    summary: "z",
    form: Form::Lines { below: 1.0 },
};
