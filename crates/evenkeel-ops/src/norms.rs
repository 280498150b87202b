//! Squared norms and inner products of tensors.

use burn::tensor::Tensor;
use evenkeel_kernels::norms::{self, Norms};

use crate::record::{Operand, slice};

/// `[⟨a, a⟩, ⟨b, b⟩, ⟨a, b⟩]` in one pass; `None` unless both tensors are on the CPU backend and of
/// 32 bits.
///
/// # Panics
/// When the tensors differ in shape.
pub fn inner_products<const D: usize>(a: &Tensor<D>, b: &Tensor<D>) -> Option<[f64; 3]> {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (Operand::of(a)?, Operand::of(b)?);
    Some(norms::inner_products(
        slice(a.numbers()),
        slice(b.numbers()),
    ))
}

/// [`inner_products`] of each slice along `axis`.
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
    let (a, b) = (slice(a.numbers()), slice(b.numbers()));
    let inner = dims[axis + 1..].iter().product();
    Some(norms::inner_products_of_slices(a, b, dims[axis], inner))
}
