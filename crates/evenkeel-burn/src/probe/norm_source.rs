//! Norms that the CPU kernels take, which are faster than sums of Burn's operations.

use burn::tensor::Tensor;

/// `[⟨w, w⟩, ⟨g, g⟩, ⟨w, g⟩]` of a weight or unit and its gradient.
pub(super) type InnerProducts = [f64; 3];

/// Where a probe finds norms before it sums them with Burn's operations.
///
/// With the feature `cpu-kernels`, `evenkeel-ops` sums 32-bit tensors on the CPU, or looks them up in
/// an `evenkeel_ops::NormCache`. Without the feature, this is empty.
#[derive(Debug, Clone, Default)]
pub struct NormSource {
    #[cfg(feature = "cpu-kernels")]
    cache: Option<evenkeel_ops::NormCache>,
}

#[cfg(feature = "cpu-kernels")]
impl From<Option<evenkeel_ops::NormCache>> for NormSource {
    fn from(cache: Option<evenkeel_ops::NormCache>) -> Self {
        Self { cache }
    }
}

#[cfg(feature = "cpu-kernels")]
impl From<evenkeel_ops::NormCache> for NormSource {
    fn from(cache: evenkeel_ops::NormCache) -> Self {
        Some(cache).into()
    }
}

impl NormSource {
    /// Calls `use_them` with the inner products of a weight and its gradient, or of their slices
    /// along an axis, if there are any; returns what it returns, and false otherwise.
    #[cfg(feature = "cpu-kernels")]
    pub(super) fn with_products<const D: usize>(
        &self,
        weight: &Tensor<D>,
        gradient: &Tensor<D>,
        axis: Option<usize>,
        use_them: impl FnOnce(&[InnerProducts]) -> bool,
    ) -> bool {
        let cache = self.cache.as_ref();
        match axis {
            None => cache
                .and_then(|cache| cache.take(weight, gradient))
                .or_else(|| evenkeel_ops::inner_products(weight, gradient))
                .is_some_and(|products| use_them(&[products])),
            Some(axis) => cache
                .and_then(|cache| cache.take_along(weight, gradient, axis))
                .or_else(|| evenkeel_ops::inner_products_along(weight, gradient, axis))
                .is_some_and(|products| use_them(&products)),
        }
    }

    #[cfg(not(feature = "cpu-kernels"))]
    pub(super) fn with_products<const D: usize>(
        &self,
        _weight: &Tensor<D>,
        _gradient: &Tensor<D>,
        _axis: Option<usize>,
        _use_them: impl FnOnce(&[InnerProducts]) -> bool,
    ) -> bool {
        false
    }
}
