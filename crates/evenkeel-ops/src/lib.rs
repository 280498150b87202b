//! Fused operations of deep normalized networks for [Burn](burn), with gradients.
//!
//! [`Kernels`] computes linear layers, convolutions, batch normalization with residual and ReLU,
//! layer normalization, attention, GELU and cross-entropy on Burn's CPU backend `flex` in 32 bits,
//! on any number of cores. Maps are `[batch, height, width, channels]`. On other backends and in
//! other types it falls back to Burn's own operations ([`mod@reference`]).
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

mod arguments;
mod attention;
mod batch_norm;
mod buffer;
mod conv;
mod cross_entropy;
mod gelu;
mod layer_norm;
mod linear;
mod linear_batch_norm;
mod norm_cache;
mod norms;
mod record;
pub mod reference;
mod sgd_update;
mod subsample;

pub use arguments::{AttentionConfig, Norm, Normalized};
pub use evenkeel_kernels::layers::attention::AttentionMask;
pub use evenkeel_kernels::norms::{Granularity, Norms};
use evenkeel_kernels::simd::instruction_set;
use evenkeel_kernels::threads::ThreadPool;
pub use norm_cache::NormCache;
pub use norms::{inner_products, inner_products_along};

/// Threads and buffers for operations. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Kernels {
    pool: ThreadPool,
    /// Receives the norms that are taken while gradients are computed.
    norms: Option<NormCache>,
}

impl Kernels {
    /// Operations on `threads` threads. Results do not depend on their number.
    ///
    /// # Errors
    /// When the system cannot start a thread, or the environment variable `EVENKEEL_VECTORS` names
    /// an unknown instruction set.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        instruction_set::check()
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        Ok(Self {
            pool: ThreadPool::new(threads).map_err(std::io::Error::other)?,
            norms: None,
        })
    }

    /// Takes norms with gradients: an operation that supports it sums the norms of its weight and
    /// gradient while both are in the processor's cache, and puts them into `norms`.
    pub fn taking_norms(self, norms: NormCache) -> Self {
        Self {
            norms: Some(norms),
            ..self
        }
    }

    /// The cache that receives norms, if there is one.
    pub fn norms(&self) -> Option<&NormCache> {
        self.norms.as_ref()
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Runs `work` on one of the threads, where starting an operation is cheapest.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.run(work)
    }
}
