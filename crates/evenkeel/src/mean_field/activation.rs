//! Activations, and their averages over a batch.
//!
//! An activation is one file under `activation/` and one row in [`ALL`]. Those made of two straight
//! lines have closed forms at every batch size; smooth ones are integrated.

mod erf;
mod gelu;
mod identity;
mod leaky_relu;
mod relu;
mod silu;
mod tanh;

use std::f64::consts::PI;

use super::batch::Batch;
use super::moments::{Average, Moments};
use super::quadrature;

/// A row of [`ALL`].
#[derive(Debug)]
pub struct Activation {
    /// The name on the command line.
    pub name: &'static str,
    /// The formula.
    pub summary: &'static str,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// `z` above zero, `below`·`z` below it. Averages have closed forms.
    Lines { below: f64 },
    /// A smooth φ and φ′. Averages are integrated numerically.
    Smooth {
        value: fn(f64) -> f64,
        slope: fn(f64) -> f64,
    },
}

/// Every activation.
pub const ALL: &[Activation] = &[
    identity::ROW,
    relu::ROW,
    leaky_relu::ROW,
    gelu::ROW,
    silu::ROW,
    tanh::ROW,
    erf::ROW,
];

impl Activation {
    /// The averages that mean field asks for (T21).
    pub fn moments(&self, batch: Batch) -> Moments {
        match self.form {
            Form::Lines { below } => lines(below, batch.correlation()),
            Form::Smooth { value, slope } => quadrature::moments(batch, value, slope),
        }
    }
}

/// Closed forms for `φ(z) = sz + (1 − s)·relu(z)` and samples of correlation `ρ`. On a sphere
/// averages of degree 2 are those of normal variables, whatever the radius, and those of degree 4
/// are smaller by `n/(n + 2)` in `n = −1/ρ` dimensions. With `P = P(z₁ > 0, z₂ > 0)` and
/// `r = √(1 − ρ²)/2π`, for normal variables `E relu·relu = r + ρP` (Cho & Saul 2009) and
/// `E z₁²·relu·relu = 2(r + ρP) + ρP + ρ²r`.
fn lines(below: f64, correlation: f64) -> Moments {
    let both_above = 0.25 + correlation.asin() / (2.0 * PI);
    let root = (1.0 - correlation * correlation).sqrt() / (2.0 * PI);
    let rectified = root + correlation * both_above;
    let quartic = 2.0 * rectified + correlation * (both_above + correlation * root);
    let shrink = 1.0 / (1.0 - 2.0 * correlation);
    let kink = (1.0 - below).powi(2);
    let square = 0.5 * (1.0 + below * below);
    let value = Average {
        square,
        product: below * correlation + kink * rectified,
    };
    Moments {
        value,
        slope: Average {
            square,
            product: below + kink * both_above,
        },
        tangent: value,
        weighted: Average {
            square: 3.0 * shrink * square,
            product: shrink * (3.0 * below * correlation + kink * quartic),
        },
    }
}
