//! One layer after the other.

use super::Wiring;

pub(super) const ROW: Wiring = Wiring {
    prefix: "",
    summary: "x' = phi(norm(Wx))",
    shortcut: false,
    ln_growth: |growth, _, _| growth.ln(),
};
