//! The update of stochastic gradient descent with weight decay.

use burn::backend::Flex;
use burn::tensor::Tensor;
use evenkeel_kernels::sgd_update::sgd_update;

use crate::record::{Operand, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `weight_decay_factor · w − lr · g`; reuses the memory of `w` unless it is shared.
    ///
    /// # Panics
    /// When the tensors differ in shape.
    pub fn sgd_update<const D: usize>(
        &self,
        w: Tensor<D>,
        g: Tensor<D>,
        weight_decay_factor: f64,
        lr: f64,
    ) -> Tensor<D> {
        assert_eq!(w.dims(), g.dims());
        let (Some(Operand::Plain(numbers)), Some(Operand::Plain(g))) =
            (Operand::of(&w), Operand::of(&g))
        else {
            return reference::sgd_update(w, g, weight_decay_factor, lr);
        };
        // Without this handle, `numbers` is the only owner unless the caller kept a clone.
        drop(w);
        let mut w = numbers;
        let Some((start, end)) = w.layout().contiguous_offsets() else {
            unreachable!("`Operand::of` makes operands contiguous")
        };
        let numbers = &mut w.storage_mut::<f32>()[start..end];
        let decay = weight_decay_factor as f32;
        sgd_update(&self.pool, numbers, slice(&g), decay, lr as f32);
        Tensor::from_primitive::<Flex>(w)
    }
}
