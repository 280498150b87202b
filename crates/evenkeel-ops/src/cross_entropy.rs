//! The mean cross-entropy of class scores.

use burn::tensor::{Int, Tensor};
use burn_flex::FlexTensor;
use evenkeel_kernels::cross_entropy;

use crate::memory::tensor;
use crate::record::{Operand, Saved, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `−⟨ln softmax(s)[label]⟩` over the rows of `scores`, `[rows, classes]`.
    ///
    /// # Panics
    /// When rows and labels are not as many, or a label is none of the classes.
    pub fn cross_entropy(&self, scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        assert_eq!(scores.dims()[0], labels.dims()[0], "rows against labels");
        let Some(operand) = Operand::of(&scores) else {
            return reference::cross_entropy(scores, labels);
        };
        let labels = labels.into_data();
        // No class has the number that stands for what is none.
        let labels = labels
            .iter::<i64>()
            .map(|label| label.try_into().unwrap_or(usize::MAX));
        let labels: Vec<usize> = labels.collect();
        record([operand], |[scores]| {
            let memory = self.workers.memory();
            let mut gradient = memory.numbers(slice(&scores).len());
            let scores_32 = slice(&scores);
            let loss = cross_entropy::forward(&self.workers, scores_32, &labels, &mut gradient);
            let mut numbers = memory.numbers(1);
            numbers[0] = loss;
            let saved = Slope {
                kernels: self.clone(),
                gradient: tensor(gradient, scores.layout().shape().clone()),
            };
            (tensor(numbers, [1]), saved)
        })
    }
}

#[derive(Debug, Clone)]
struct Slope {
    kernels: Kernels,
    /// Of the scores, where that of the loss is one.
    gradient: FlexTensor,
}

impl Saved<1> for Slope {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let factor = slice(&dy)[0];
        if factor == 1.0 {
            return [Some(self.gradient)];
        }
        let mut numbers = self
            .kernels
            .workers
            .memory()
            .numbers(slice(&self.gradient).len());
        for (number, slope) in numbers.iter_mut().zip(slice(&self.gradient)) {
            *number = factor * slope;
        }
        [Some(tensor(
            numbers,
            self.gradient.layout().shape().clone(),
        ))]
    }
}
