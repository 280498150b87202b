//! The step of an optimiser down a direction.

use burn::backend::Flex;
use burn::tensor::Tensor;
use evenkeel_kernels::descent::descend;

use crate::record::{Operand, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `keep · w − rate · g`, in the memory of `w` if nobody else holds it.
    ///
    /// # Panics
    /// When the tensors differ in shape.
    pub fn descend<const D: usize>(
        &self,
        w: Tensor<D>,
        g: Tensor<D>,
        keep: f64,
        rate: f64,
    ) -> Tensor<D> {
        assert_eq!(w.dims(), g.dims());
        let (Some(Operand::Plain(numbers)), Some(Operand::Plain(g))) =
            (Operand::of(&w), Operand::of(&g))
        else {
            return reference::descend(w, g, keep, rate);
        };
        // What is left after this is the only holder, where there was no other before.
        drop(w);
        let mut w = numbers;
        let Some((start, end)) = w.layout().contiguous_offsets() else {
            unreachable!("operands are contiguous")
        };
        let numbers = &mut w.storage_mut::<f32>()[start..end];
        descend(&self.workers, numbers, slice(&g), keep as f32, rate as f32);
        Tensor::from_primitive::<Flex>(w)
    }
}
