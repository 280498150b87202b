//! Leaky ReLU with PyTorch's default slope: `z above 0, 0.01 z below`.

use super::{Activation, Form};

pub(super) const ROW: Activation = Activation {
    name: "leaky-relu",
    summary: "z above 0, 0.01 z below",
    form: Form::Lines { below: 0.01 },
};
