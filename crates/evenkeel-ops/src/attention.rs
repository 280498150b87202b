//! Attention.

use burn::tensor::Tensor;
use burn_flex::FlexTensor;
use evenkeel_kernels::attention::{Attention, Gradients, Parts};

use crate::memory::tensor;
use crate::record::{Operand, Saved, all, record, slice};
use crate::{Kernels, reference};

/// How rows of tokens belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Tokens of a sequence; sequences lie one after the other.
    pub context: usize,
    /// Heads, which share the features out in their order.
    pub heads: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
}

impl Kernels {
    /// `softmax(Q Kᵀ/√d) V` in each head of each sequence, with `Q`, `K` and `V` of `[tokens, features]`.
    ///
    /// # Panics
    /// When the three differ in shape, or sequences or heads do not divide it.
    pub fn attention(&self, parts: [Tensor<2>; 3], sight: Sight) -> Tensor<2> {
        let [tokens, features] = parts[0].dims();
        let whole = tokens.is_multiple_of(sight.context) && features.is_multiple_of(sight.heads);
        assert!(whole, "{sight:?} of {tokens} tokens, {features} features");
        assert!(parts.iter().all(|part| part.dims() == [tokens, features]));
        let of = Attention {
            sequences: tokens / sight.context.max(1),
            context: sight.context,
            heads: sight.heads,
            features: features / sight.heads.max(1),
            causal: sight.causal,
        };
        match all(parts.each_ref().map(Operand::of)) {
            Some(operands) => record(operands, |parts| self.attend(of, parts)),
            None => reference::attention(parts, sight),
        }
    }

    fn attend(&self, of: Attention, parts: [FlexTensor; 3]) -> (FlexTensor, Seen) {
        let shape = parts[0].layout().shape().clone();
        let mut y = self.workers.memory().numbers(shape.num_elements());
        let mut seen = self.workers.memory().numbers(of.seen());
        of.forward(&self.workers, slices(&parts), &mut seen, &mut y);
        let saved = Seen {
            kernels: self.clone(),
            of,
            parts,
            seen: tensor(seen, [of.seen()]),
        };
        (tensor(y, shape), saved)
    }
}

fn slices([query, key, value]: &[FlexTensor; 3]) -> Parts<'_> {
    Parts {
        query: slice(query),
        key: slice(key),
        value: slice(value),
    }
}

#[derive(Debug, Clone)]
struct Seen {
    kernels: Kernels,
    of: Attention,
    parts: [FlexTensor; 3],
    seen: FlexTensor,
}

impl Saved<3> for Seen {
    fn gradients(self, dy: FlexTensor, _wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let workers = &self.kernels.workers;
        let shape = self.parts[0].layout().shape().clone();
        let [mut query, mut key, mut value] =
            [(); 3].map(|()| workers.memory().numbers(shape.num_elements()));
        let gradients = Gradients {
            query: &mut query,
            key: &mut key,
            value: &mut value,
        };
        let (parts, seen) = (slices(&self.parts), slice(&self.seen));
        self.of
            .backward(workers, parts, seen, slice(&dy), gradients);
        [query, key, value].map(|numbers| Some(tensor(numbers, shape.clone())))
    }
}
