//! One symmetry: an exponent for each parameter.

use std::fmt::Write;

use crate::optimizer::Measure;
use crate::quantity::{Elr, RescaleFactor};

/// Exponents `s_l` under which `W_l → e^(t s_l) W_l` leaves the loss as it is, for every `t`.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    exponents: Vec<f64>,
}

impl Symmetry {
    /// The symmetry with these exponents.
    pub fn new(exponents: Vec<f64>) -> Self {
        Self { exponents }
    }

    /// The exponent of each parameter; zero for those that take no part.
    pub fn exponents(&self) -> &[f64] {
        &self.exponents
    }

    /// The factors `e^(t s_l)` of the weights. Optimiser state follows as under T22: first moments by
    /// their inverse, second moments by its square.
    pub fn factors(&self, t: f64) -> Vec<RescaleFactor> {
        let factor = |s: &f64| RescaleFactor::from_ln(t * s);
        self.exponents.iter().map(factor).collect()
    }

    /// The ELRs after moving by `t` (T35): `E_l e^(−2ts_l)` if they are those of the gradient, and
    /// `E_l e^(−ts_l)` for updates of a fixed length.
    pub fn moved(&self, measure: Measure, elrs: &[Elr], t: f64) -> Vec<Elr> {
        let moved = |(elr, s): (&Elr, &f64)| Elr::from_ln(elr.ln() - measure.power() * t * s);
        elrs.iter().zip(&self.exponents).map(moved).collect()
    }

    /// The parameters that take part, such as `v_proj ↑ o_proj ↓`; exponents other than 1 are written
    /// out.
    pub fn describe(&self, names: &[impl AsRef<str>]) -> String {
        let mut text = String::new();
        for (name, s) in names.iter().zip(&self.exponents) {
            if *s == 0.0 {
                continue;
            }
            let (space, arrow) = (
                if text.is_empty() { "" } else { " " },
                if *s > 0.0 { "↑" } else { "↓" },
            );
            // Writing to a string cannot fail.
            let _ = write!(text, "{space}{} {arrow}", name.as_ref());
            if s.abs() != 1.0 {
                let rounded = (s.abs() * 1000.0).round() / 1000.0;
                let _ = write!(text, "{rounded}");
            }
        }
        text
    }
}
