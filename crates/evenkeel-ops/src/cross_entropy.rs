//! Mean cross-entropy of class scores.

use burn::tensor::{Int, Tensor};
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::cross_entropy;

use crate::buffer::tensor;
use crate::record::{Operand, Saved, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `−⟨ln softmax(s)[label]⟩` over the rows of `scores`, `[rows, classes]`.
    ///
    /// # Panics
    /// When there are not as many labels as rows, or a label is not below the number of classes.
    pub fn cross_entropy(&self, scores: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        assert_eq!(
            scores.dims()[0],
            labels.dims()[0],
            "rows and labels differ in number"
        );
        let Some(operand) = Operand::of(&scores) else {
            return reference::cross_entropy(scores, labels);
        };
        let labels = labels.into_data();
        let labels = labels.iter::<i64>().map(|label| {
            usize::try_from(label).unwrap_or_else(|_| panic!("label {label} is negative"))
        });
        let labels: Vec<usize> = labels.collect();
        record([operand], |[scores]| {
            let buffers = self.pool.buffers();
            let mut gradient = buffers.take(slice(&scores).len());
            let scores_32 = slice(&scores);
            let loss = cross_entropy::forward(&self.pool, scores_32, &labels, &mut gradient);
            let mut numbers = buffers.take(1);
            numbers[0] = loss;
            let saved = LossGradient {
                kernels: self.clone(),
                gradient: tensor(gradient, scores.layout().shape().clone()),
            };
            (tensor(numbers, [1]), saved)
        })
    }
}

#[derive(Debug, Clone)]
struct LossGradient {
    kernels: Kernels,
    /// The gradient of the scores when that of the loss is one.
    gradient: FlexTensor,
}

impl Saved<1> for LossGradient {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let factor = slice(&dy)[0];
        if factor == 1.0 {
            return [Some(self.gradient)];
        }
        let mut numbers = self
            .kernels
            .pool
            .buffers()
            .take(slice(&self.gradient).len());
        for (number, slope) in numbers.iter_mut().zip(slice(&self.gradient)) {
            *number = factor * slope;
        }
        [Some(tensor(
            numbers,
            self.gradient.layout().shape().clone(),
        ))]
    }
}
