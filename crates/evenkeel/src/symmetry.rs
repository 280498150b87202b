//! Scaling symmetries: which weights can be rescaled together without changing the loss (T33–T36).
//!
//! If `W_l → e^(t s_l) W_l` leaves the loss of every batch as it is, then `Σ_l s_l ⟨W_l, ∇_b W_l⟩ = 0` on
//! every batch `b`, and the converse holds. So the exponents `s` are the null space of the matrix
//! `M_bl = ⟨W_l, ∇_b W_l⟩`, which is measured while a network trains. A scale-invariant weight is a unit
//! vector (T1); networks without one, such as pre-norm transformers, have symmetries all the same.
//!
//! ```
//! use evenkeel::symmetry::Observations;
//!
//! // Two linear layers in a row: both inner products are the same on every batch.
//! let mut seen = Observations::new(2);
//! for batch in 0..20 {
//!     let inner = (f64::from(batch)).sin() + 2.0;
//!     seen.push(&[inner, inner], &[30.0, 40.0])?;
//! }
//! let found = seen.symmetries()?;
//! assert_eq!(found.vectors.len(), 1);
//! assert_eq!(found.vectors[0].exponents(), [1.0, -1.0]);
//! # Ok::<(), evenkeel::symmetry::SymmetryError>(())
//! ```

mod basis;
mod equalise;
mod jacobi;
mod observations;
mod vector;

use thiserror::Error;

pub use equalise::{Equalised, equalise};
pub use observations::Observations;
pub use vector::Symmetry;

/// The scaling symmetries of a network, with the evidence.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Symmetries {
    /// A basis of the space of exponents, sparse and in whole numbers where that is possible.
    pub vectors: Vec<Symmetry>,
    /// The singular values of `M`, descending; columns in units of `‖W_l‖‖∇W_l‖`, so that a value is
    /// about a cosine. The last [`vectors`](Self::vectors)`.len()` of them belong to symmetries.
    pub values: Vec<f64>,
    /// The factor between the smallest value that breaks a symmetry and the largest that does not;
    /// `None` if nothing was found.
    pub gap: Option<f64>,
    /// The number of batches that were seen.
    pub batches: usize,
}

/// Symmetries that could not be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum SymmetryError {
    /// A row of another length than the number of parameters.
    #[error(
        "a batch has {given} numbers for {expected} parameters; give one inner product and one bound for each"
    )]
    Length {
        /// What was given.
        given: usize,
        /// What is needed.
        expected: usize,
    },
    /// A number that is not finite, or a negative bound.
    #[error(
        "parameter {parameter} has the inner product {inner} with the bound {bound}; both must be finite and \
         the bound at least 0. Leave out batches whose loss is not finite"
    )]
    NotFinite {
        /// The index of the parameter.
        parameter: usize,
        /// Its inner product.
        inner: f64,
        /// Its bound.
        bound: f64,
    },
    /// Fewer batches than can tell symmetries from chance.
    #[error("{seen} batches are too few for {parameters} parameters; look at {needed} or more")]
    TooFewBatches {
        /// How many were seen.
        seen: usize,
        /// How many are needed.
        needed: usize,
        /// The number of parameters that have a gradient.
        parameters: usize,
    },
}

/// The change of `Σ_l s_l‖W_l‖²` in a step of plain SGD: `λ² Σ_l s_l‖∇W_l‖²` (T34). Gradient flow
/// conserves the sum, and the unit vector gives T4.
pub fn step_change(symmetry: &Symmetry, gradient_norms: &[f64], lr: f64) -> f64 {
    let squares = gradient_norms.iter().map(|norm| norm * norm);
    let terms = symmetry.exponents().iter().zip(squares);
    lr * lr * terms.map(|(s, square)| s * square).sum::<f64>()
}

/// `Σ_l s_l‖W_l‖²`, which gradient flow conserves (T34). Decoupled decay multiplies it by
/// `(1 − λγ)²` a step.
pub fn charge(symmetry: &Symmetry, weight_norms: &[f64]) -> f64 {
    step_change(symmetry, weight_norms, 1.0)
}
