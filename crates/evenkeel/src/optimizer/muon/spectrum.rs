//! What Newton–Schulz makes of the singular values of a random matrix (T39).
//!
//! The squares of the singular values of a wide `m × n` matrix of noise, over `n`, follow the law of
//! Marchenko and Pastur with `c = m/n`: `e = 1 + c + 2√c cos θ` with the density `(2/π) sin²θ/e` in `θ`.
//! Muon divides by the Frobenius norm first, so that they enter as `√(e/m)`.

use std::f64::consts::{FRAC_2_PI, PI};

use super::Shape;

/// The coefficients of the quintic iteration, and how often it is applied (Jordan et al. 2024).
const COEFFICIENTS: [f64; 3] = [3.4445, -4.775, 2.0315];
const ITERATIONS: usize = 5;

/// Nodes of the quadrature: midpoints, exact to 1e-5 for matrices with two rows or more.
const NODES: usize = 2048;

/// Two averages over the singular values of an orthogonalised matrix of noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spectrum {
    /// The root mean square of the singular values, 0.75 to 0.97: they do not reach 1.
    pub rms: f64,
    /// The share of the squared length of the update that is linear in the input.
    pub linear: f64,
}

impl Spectrum {
    pub(super) fn of(shape: Shape) -> Self {
        let ratio = shape.aspect().recip();
        let (mut squares, mut products) = (0.0, 0.0);
        for node in 0..NODES {
            let angle = PI * (node as f64 + 0.5) / NODES as f64;
            let eigenvalue = 1.0 + ratio + 2.0 * ratio.sqrt() * angle.cos();
            let mass = FRAC_2_PI * angle.sin().powi(2) / eigenvalue * PI / NODES as f64;
            let output = newton_schulz((eigenvalue / shape.smaller()).sqrt());
            squares += mass * output * output;
            products += mass * output * eigenvalue.sqrt();
        }
        Self {
            rms: squares.sqrt(),
            linear: products * products / squares,
        }
    }
}

/// A singular value after the iteration.
fn newton_schulz(value: f64) -> f64 {
    let [a, b, c] = COEFFICIENTS;
    let step = |x: f64, _| x * (a + x * x * (b + c * x * x));
    (0..ITERATIONS).fold(value, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_those_of_matrices() {
        // PyTorch, float64: medians over tens of matrices of Gaussian noise (docs/theory.md, T39).
        for (rows, columns, rms, linear) in [
            (64, 64, 0.876, 0.661),
            (128, 128, 0.887, 0.672),
            (512, 512, 0.939, 0.744),
            (64, 128, 0.872, 0.843),
            (256, 64, 0.855, 0.922),
            (64, 512, 0.788, 0.982),
        ] {
            let found = Spectrum::of(Shape::new(rows, columns).unwrap());
            assert!(
                (found.rms - rms).abs() < 0.002,
                "{rows} {columns} {found:?}"
            );
            assert!(
                (found.linear - linear).abs() < 0.006,
                "{rows} {columns} {found:?}"
            );
        }
    }
}
