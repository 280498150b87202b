//! Gradient explosion at initialisation, from the architecture alone (T21).
//!
//! In networks that are wide and random, gradients grow from layer to layer by a factor that
//! depends on the normalization, the activation, the wiring and, under batch normalization, the
//! batch. An [`Architecture`] puts one of each together: [`normalization::ALL`],
//! [`activation::ALL`] and [`wiring::ALL`] are the tables, one file a member. [`Synthetic`] gives
//! it a depth, and with that the ELRs that a forecast starts from.
//!
//! ```
//! use evenkeel::mean_field::{Architecture, Batch};
//!
//! let wide = Architecture::named("bn-relu")?;
//! assert!((wide.growth().sqrt() - 1.2112).abs() < 1e-4);
//! let linear = Architecture::named("bn-identity")?.with_batch(Batch::of(16)?)?;
//! assert!((linear.growth() - 14.0 / 13.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod activation;
mod batch;
mod error;
mod measured;
mod moments;
pub mod normalization;
mod quadrature;
mod synthetic;
pub mod wiring;

use std::f64::consts::PI;
use std::fmt;

use activation::Activation;
use normalization::Normalization;
use wiring::Wiring;

pub use batch::Batch;
pub use error::MeanFieldError;
pub use measured::{explosion_per_layer, total_explosion};
pub use moments::{Average, Moments};
pub use synthetic::{GRAMMAR, Synthetic};

/// By how much `‖∇W‖` grows per layer towards the input of a deep BN-ReLU network at
/// initialisation, in the limit of wide layers and large batches (T21): `√(π/(π−1)) ≈ 1.2112`.
///
/// Source: Yang et al. 2019, "A Mean Field Theory of Batch Normalization", theorem 8.
pub fn bn_relu_explosion() -> f64 {
    (PI / (PI - 1.0)).sqrt()
}

/// A deep fully connected network of equal layers with independent random weights, in the limit of
/// wide layers: `WIRING NORMALIZATION-ACTIVATION`, such as `bn-relu` or `res-ln-gelu`.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    wiring: &'static Wiring,
    normalization: &'static Normalization,
    activation: &'static Activation,
    batch: Batch,
}

impl Architecture {
    /// Every combination of the three tables, for large batches.
    pub fn all() -> impl Iterator<Item = Self> {
        wiring::ALL.iter().flat_map(|wiring| {
            normalization::ALL.iter().flat_map(move |normalization| {
                activation::ALL.iter().map(move |activation| Self {
                    wiring,
                    normalization,
                    activation,
                    batch: Batch::LARGE,
                })
            })
        })
    }

    /// The architecture of that name, for large batches.
    ///
    /// # Errors
    /// [`MeanFieldError::Unknown`], which lists the tables.
    pub fn named(name: &str) -> Result<Self, MeanFieldError> {
        Self::all()
            .find(|architecture| architecture.to_string() == name)
            .ok_or_else(|| MeanFieldError::unknown(name))
    }

    /// The same network under batches of this size.
    ///
    /// # Errors
    /// [`MeanFieldError::NoBatch`] where the normalization does not look at the batch.
    pub fn with_batch(self, batch: Batch) -> Result<Self, MeanFieldError> {
        if self.normalization.over_batch {
            Ok(Self { batch, ..self })
        } else {
            Err(MeanFieldError::NoBatch {
                normalization: self.normalization.name,
            })
        }
    }

    /// By how much `‖∇‖²` grows through one layer of weight, normalization and activation (T21):
    /// without a shortcut the ratio between neighbouring layers.
    pub fn growth(&self) -> f64 {
        (self.normalization.growth)(self.activation, self.batch)
    }

    /// `ln ‖∇W_l‖` of each of `depth` layers, from the input on, less that of the last one (T21).
    /// Layers of one shape have weights of one norm, so the same holds for `ln E_l`.
    pub fn ln_gradient_norms(&self, depth: usize) -> Vec<f64> {
        let growth = self.growth();
        let mut norms = vec![0.0; depth];
        for layer in (1..depth).rev() {
            norms[layer - 1] =
                norms[layer] + 0.5 * (self.wiring.ln_growth)(growth, self.batch, layer);
        }
        norms
    }

    /// By how much small differences between the norms of samples are multiplied per layer (T21).
    /// Above 1 samples drift apart, and [`growth`](Self::growth) holds only until they have. 0
    /// where samples are normalized one by one; with shortcuts at most 1, since deep in the network
    /// a layer adds next to nothing to what the trunk carries.
    pub fn disparity(&self) -> f64 {
        let most = if self.wiring.shortcut {
            1.0
        } else {
            f64::INFINITY
        };
        (self.normalization.disparity)(self.activation, self.batch).min(most)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wiring, normalization) = (self.wiring.prefix, self.normalization.name);
        write!(f, "{wiring}{normalization}-{}", self.activation.name)
    }
}
