//! Squared norms and inner products of tensors.

use burn::tensor::Tensor;
use evenkeel_kernels::norms::{self, Norms};

use crate::norm_cache;
use crate::record::{Operand, slice};

/// `[Σ a², Σ b², Σ a b]` at once, where both are on the CPU and in 32 bits; none otherwise. Of a weight and
/// its gradient they may be known already ([`Kernels::taking_norms`](crate::Kernels::taking_norms)).
///
/// # Panics
/// When the tensors differ in shape.
pub fn inner_products<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> Option<[f64; 3]> {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (Operand::of(a)?, Operand::of(b)?);
    let (a, b) = (a.numbers(), b.numbers());
    Some(match norm_cache::take(a, b) {
        Some(known) => known.iter().copied().fold([0.0; 3], plus),
        None => norms::inner_products(slice(a), slice(b)),
    })
}

fn plus(sums: [f64; 3], more: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|kind| sums[kind] + more[kind])
}

/// [`inner_products`] of each slice along an axis, where both tensors are on the CPU and in 32 bits; none otherwise.
///
/// # Panics
/// When the tensors differ in shape or have no such axis.
pub fn inner_products_along<const D: usize>(
    a: &Tensor<D>,
    b: &Tensor<D>,
    axis: usize,
) -> Option<Norms> {
    let dims = a.dims();
    assert_eq!(dims, b.dims());
    let (a, b) = (Operand::of(a)?, Operand::of(b)?);
    let (a, b) = (a.numbers(), b.numbers());
    let known = match axis + 1 == D {
        true => norm_cache::take(a, b).filter(|known| known.len() == dims[axis]),
        false => None,
    };
    let inner = dims[axis + 1..].iter().product();
    Some(
        known.unwrap_or_else(|| {
            norms::inner_products_of_slices(slice(a), slice(b), dims[axis], inner)
        }),
    )
}
