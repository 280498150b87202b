//! Multi-head attention.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::layers::attention::{Attention, Gradients, Inputs};

use crate::arguments::AttentionConfig;
use crate::buffer::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

impl Kernels {
    /// `softmax(Q Kᵀ/√d) V` in each head of each sequence, with `Q`, `K` and `V` of `[tokens,
    /// features]`.
    ///
    /// # Panics
    /// When the inputs differ in shape, or sequences or heads do not divide it.
    pub fn attention(&self, inputs: [Tensor<2>; 3], config: AttentionConfig) -> Tensor<2> {
        let [tokens, features] = inputs[0].dims();
        let whole = tokens.is_multiple_of(config.context) && features.is_multiple_of(config.heads);
        assert!(
            whole,
            "{config:?} does not divide {tokens} tokens of {features} features"
        );
        assert!(
            inputs
                .iter()
                .all(|input| input.dims() == [tokens, features])
        );
        let of = Attention {
            sequences: tokens / config.context.max(1),
            context: config.context,
            heads: config.heads,
            features: features / config.heads.max(1),
            mask: config.mask,
        };
        match all(inputs.each_ref().map(Operand::of)) {
            Some(operands) => record(operands, |inputs| self.attend(of, inputs)),
            None => reference::attention(inputs, config),
        }
    }

    fn attend(&self, of: Attention, inputs: [FlexTensor; 3]) -> (FlexTensor, Attended) {
        let shape = inputs[0].layout().shape().clone();
        let mut y = self.pool.buffers().take(shape.num_elements());
        let mut weights = self.pool.buffers().take(of.weights());
        of.forward(&self.pool, slices(&inputs), &mut weights, &mut y);
        let saved = Attended {
            kernels: self.clone(),
            of,
            inputs,
            weights: tensor(weights, [of.weights()]),
        };
        (tensor(y, shape), saved)
    }
}

fn slices([query, key, value]: &[FlexTensor; 3]) -> Inputs<'_> {
    Inputs {
        query: slice(query),
        key: slice(key),
        value: slice(value),
    }
}

#[derive(Debug, Clone)]
struct Attended {
    kernels: Kernels,
    of: Attention,
    inputs: [FlexTensor; 3],
    /// The attention weights.
    weights: FlexTensor,
}

impl Saved<3> for Attended {
    fn gradients(self, dy: FlexTensor, _requested: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let pool = &self.kernels.pool;
        let shape = self.inputs[0].layout().shape().clone();
        let [mut query, mut key, mut value] =
            [(); 3].map(|()| pool.buffers().take(shape.num_elements()));
        let gradients = Gradients {
            query: &mut query,
            key: &mut key,
            value: &mut value,
        };
        let (inputs, weights) = (slices(&self.inputs), slice(&self.weights));
        self.of
            .backward(pool, inputs, weights, slice(&dy), gradients);
        [query, key, value].map(|numbers| Some(tensor(numbers, shape.clone())))
    }
}
