//! Operations of deep normalized networks, faster than by the parts that Burn has for them.
//!
//! [`Kernels`] computes linear layers, convolutions, batch normalization (with a sum and a ReLU
//! behind it), layer normalization, attention, GELU and cross-entropy on Burn's CPU backend `flex` in 32 bits, on as many cores as it is given, with gradients.
//! Maps are `[batch, height, width, channels]`: the numbers of a pixel lie side by side. On every other
//! backend and in other types it does the same by Burn's own operations ([`mod@reference`]).
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use evenkeel_ops::Kernels;
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::<2>::random([32, 8], Distribution::Default, &device);
//! let w = Tensor::<2>::random([8, 16], Distribution::Default, &device).require_grad();
//! let y = Kernels::new(2)?.linear(x, w.clone(), None);
//! assert!(w.grad(&y.sum().backward()).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attention;
mod batch_norm;
mod conv;
mod cross_entropy;
mod descent;
mod gelu;
mod layer_norm;
mod ledger;
mod linear;
mod linear_norm;
mod memory;
mod norms;
mod record;
pub mod reference;
mod subsample;

pub use attention::Sight;
pub use batch_norm::{Norm, Normalized};
pub use evenkeel_kernels::norms::{Grain, Norms};
use evenkeel_kernels::vectors;
use evenkeel_kernels::workers::Workers;
pub use norms::{products, products_along};

/// Cores and memory for operations. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Kernels {
    workers: Workers,
    /// Of what norms are taken as gradients are computed.
    norms: Option<Grain>,
}

impl Kernels {
    /// On `threads` threads. Results do not depend on their number.
    ///
    /// # Errors
    /// When the system cannot start a thread, or the environment variable `EVENKEEL_VECTORS` names vector
    /// instructions that nobody knows.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        vectors::check()
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        Ok(Self {
            workers: Workers::new(threads).map_err(std::io::Error::other)?,
            norms: None,
        })
    }

    /// The same, for who measures weights and gradients at every step: [`products`] of a weight and its
    /// gradient, or [`products_along`] its columns, are summed while the gradient is in the cache, where an
    /// operation can, and asked for later cost nothing.
    pub fn taking_norms(self, grain: Grain) -> Self {
        Self {
            norms: Some(grain),
            ..self
        }
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Runs `work` on one of the threads, from where operations start the soonest.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.workers.run(work)
    }
}
