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

    /// Whether the averages are closed forms rather than quadrature.
    pub fn is_closed_form(&self) -> bool {
        matches!(self.form, Form::Lines { .. })
    }

    /// `E[(φ − E φ)φ′z]/Var φ` for a standard normal `z`: by how much batch normalization of a
    /// large batch multiplies small differences between the norms of samples (T21).
    pub fn disparity(&self) -> f64 {
        match self.form {
            // zφ′ = φ, so that numerator and denominator are the same.
            Form::Lines { .. } => 1.0,
            Form::Smooth { value, slope } => {
                let mean = quadrature::normal(value);
                let variance = quadrature::normal(|z| (value(z) - mean).powi(2));
                quadrature::normal(|z| (value(z) - mean) * slope(z) * z) / variance
            }
        }
    }
}

/// Closed forms for `φ(z) = sz + (1 − s)·relu(z)` and samples of correlation `ρ`, of which only
/// that they are distributed alike in all directions is used:
/// `E relu·relu = (√(1 − ρ²) + ρ(π/2 + arcsin ρ))/2π` (Cho & Saul 2009) and
/// `P(z₁ > 0, z₂ > 0) = 1/4 + arcsin ρ/2π`.
fn lines(below: f64, correlation: f64) -> Moments {
    let angle = correlation.asin();
    let rectified =
        ((1.0 - correlation * correlation).sqrt() + correlation * (0.5 * PI + angle)) / (2.0 * PI);
    let both_above = 0.25 + angle / (2.0 * PI);
    let kink = 1.0 - below;
    let square = 0.5 * (1.0 + below * below);
    let value = Average {
        square,
        product: below * correlation + kink * kink * rectified,
    };
    Moments {
        value,
        slope: Average {
            square,
            product: below + kink * kink * both_above,
        },
        tangent: value,
    }
}
