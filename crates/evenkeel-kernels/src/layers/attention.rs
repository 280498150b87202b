//! Multi-head attention, `softmax(Q Kᵀ/√d) V`, and its gradients.
//!
//! Inputs have one row for each token, sequence by sequence; each head owns `d` adjacent columns.
//! The attention weights of one head stay in the cache. Under a causal mask, blocks of masked
//! scores are skipped.

use pulp::{Simd, WithSimd};

use crate::gemm::correlation::Correlation;
use crate::gemm::panels::Panels;
use crate::gemm::product::{Product, panel_width};
use crate::gemm::strided_rows::{Segment, StridedRows};
use crate::layers::softmax::{exponentials, largest, scale_by};
use crate::simd::columns::{map_columns, sum_columns};
use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Tokens in a block under a causal mask: a multiple of the tile heights of the matrix products.
const BLOCK: usize = 48;

/// Rows of scores are padded to a multiple of this, so that matrix products need no partial tiles.
const TILE: usize = 12;

/// The tokens of its sequence that a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttentionMask {
    /// All of them.
    Full,
    /// Itself and those before it.
    Causal,
}

/// The shape of an attention layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// The number of sequences.
    pub sequences: usize,
    /// Tokens in a sequence.
    pub context: usize,
    /// The number of heads.
    pub heads: usize,
    /// Features of one head, `d`.
    pub features: usize,
    /// The tokens that each token attends to.
    pub mask: AttentionMask,
}

/// The inputs, each `[sequences · context, heads · features]`.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// `Q`.
    pub query: &'a [f32],
    /// `K`.
    pub key: &'a [f32],
    /// `V`.
    pub value: &'a [f32],
}

/// Where to write the gradients of the inputs.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Of `Q`.
    pub query: &'a mut [f32],
    /// Of `K`.
    pub key: &'a mut [f32],
    /// Of `V`.
    pub value: &'a mut [f32],
}

impl Attention {
    /// The size of the attention weights: a padded row for each token, head and sequence.
    pub fn weights(&self) -> usize {
        self.sequences * self.heads * self.scores()
    }

    /// The number of columns of the inputs.
    fn width(&self) -> usize {
        self.heads * self.features
    }

    /// Numbers in the inputs of one sequence.
    fn sequence(&self) -> usize {
        self.context * self.width()
    }

    /// Numbers in a row of scores, with padding.
    fn padded(&self) -> usize {
        self.context.next_multiple_of(TILE)
    }

    /// Numbers in the scores of one head, with padding.
    fn scores(&self) -> usize {
        self.context * self.padded()
    }

    fn check(&self, inputs: &Inputs, weights: usize) {
        let count = self.sequences * self.sequence();
        let lengths = [inputs.query, inputs.key, inputs.value].map(<[f32]>::len);
        assert_eq!(lengths, [count; 3]);
        assert_eq!(weights, self.weights());
    }

    /// Writes the output to `y` and the attention weights, which the backward pass needs, to
    /// `weights`.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn forward(&self, pool: &ThreadPool, inputs: Inputs, weights: &mut [f32], y: &mut [f32]) {
        self.check(&inputs, weights.len());
        assert_eq!(y.len(), inputs.query.len());
        let (length, scores) = (self.sequence().max(1), (self.heads * self.scores()).max(1));
        let inputs = by_sequence(&inputs, length);
        let outputs = y.chunks_mut(length).zip(weights.chunks_mut(scores));
        pool.for_each(inputs.zip(outputs), |(inputs, (y, weights))| {
            for (index, weights) in weights.chunks_mut(self.scores()).enumerate() {
                let head = Head::new(self, pool, index);
                head.inner_products(inputs.query, inputs.key, weights);
                dispatch(Softmax {
                    head: &head,
                    weights,
                });
                head.weighted_sums(weights, inputs.value, y);
            }
        });
    }

    /// Writes the gradients of the inputs, given the gradient `dy` of the output and the attention
    /// weights of the forward pass.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn backward(
        &self,
        pool: &ThreadPool,
        inputs: Inputs,
        weights: &[f32],
        dy: &[f32],
        gradients: Gradients,
    ) {
        self.check(&inputs, weights.len());
        let Gradients { query, key, value } = gradients;
        let lengths = [query.len(), key.len(), value.len(), dy.len()];
        assert_eq!(lengths, [inputs.query.len(); 4]);
        let (length, scores) = (self.sequence().max(1), (self.heads * self.scores()).max(1));
        let inputs =
            by_sequence(&inputs, length).zip(weights.chunks(scores).zip(dy.chunks(length)));
        let outputs = query.chunks_mut(length).zip(key.chunks_mut(length));
        let outputs = outputs.zip(value.chunks_mut(length));
        pool.for_each(inputs.zip(outputs), |(inputs, ((query, key), value))| {
            let (inputs, (weights, dy)) = inputs;
            let mut errors = pool.buffers().take(self.scores());
            for (index, weights) in weights.chunks(self.scores()).enumerate() {
                let head = Head::new(self, pool, index);
                head.transposed_sums(weights, dy, value);
                head.inner_products(dy, inputs.value, &mut errors);
                let errors = &mut errors;
                dispatch(SoftmaxGradient {
                    head: &head,
                    weights,
                    errors,
                });
                head.weighted_sums(errors, inputs.key, query);
                head.transposed_sums(errors, inputs.query, key);
            }
        });
    }
}

/// The inputs of each sequence.
fn by_sequence<'a>(inputs: &Inputs<'a>, length: usize) -> impl Iterator<Item = Inputs<'a>> {
    let [query, key, value] = [inputs.query, inputs.key, inputs.value].map(|x| x.chunks(length));
    let pairs = query.zip(key).zip(value);
    pairs.map(|((query, key), value)| Inputs { query, key, value })
}

/// One head of one sequence.
struct Head<'a> {
    of: &'a Attention,
    pool: ThreadPool,
    /// The first column of the head.
    column: usize,
}

impl<'a> Head<'a> {
    fn new(of: &'a Attention, pool: &ThreadPool, index: usize) -> Self {
        Self {
            of,
            pool: pool.within_task(),
            column: index * of.features,
        }
    }

    /// The number of tokens that `token` attends to.
    fn visible(&self, token: usize) -> usize {
        match self.of.mask {
            AttentionMask::Causal => token + 1,
            AttentionMask::Full => self.of.context,
        }
    }

    /// Splits `count` tokens into blocks: the first token and the end of each.
    fn blocks(&self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let size = match self.of.mask {
            AttentionMask::Causal => BLOCK,
            AttentionMask::Full => count,
        };
        let starts = (0..count).step_by(size.max(1));
        starts.map(move |first| (first, (first + size).min(count)))
    }

    /// The first token that attends to `token`.
    fn first_observer(&self, token: usize) -> usize {
        match self.of.mask {
            AttentionMask::Causal => token,
            AttentionMask::Full => 0,
        }
    }

    /// The rows of this head in an input, from token `first` on.
    fn rows(&self, first: usize) -> StridedRows {
        let width = self.of.width();
        StridedRows::evenly_spaced(first * width + self.column, width)
    }

    /// The rows of scores, from token `first` on.
    fn scores(&self, first: usize) -> StridedRows {
        let width = self.of.padded();
        StridedRows::evenly_spaced(first * width, width)
    }

    /// Writes the inner products of each row of `a` with the rows of `b` that it attends to.
    fn inner_products(&self, a: &[f32], b: &[f32], products: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let depth: Vec<usize> = (0..features).collect();
        for (first, end) in self.blocks(context) {
            let to = self.first_observer(first);
            let (b, stride) = (&b[self.rows(first).origin..], self.of.width());
            let matrix = Panels::new(&self.pool, b, &depth, end - first, stride, panel_width());
            let scores = self.scores(to);
            Product {
                input: a,
                from: self.rows(to),
                segments: &[segment(0, features)],
                matrix: &matrix,
                bias: None,
                rows: context - to,
                output: products,
                to: StridedRows {
                    origin: scores.origin + first,
                    ..scores
                },
            }
            .compute();
        }
    }

    /// Writes the sums of rows of `b`, weighted by each token's row of `weights`.
    fn weighted_sums(&self, weights: &[f32], b: &[f32], output: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let rows: Vec<usize> = (0..context).map(|row| self.rows(row).origin).collect();
        let matrix = Panels::new(&self.pool, b, &rows, features, 1, panel_width());
        for (first, end) in self.blocks(context) {
            Product {
                input: weights,
                from: self.scores(first),
                segments: &[segment(0, self.visible(end - 1))],
                matrix: &matrix,
                bias: None,
                rows: end - first,
                output,
                to: self.rows(first),
            }
            .compute();
        }
    }

    /// Writes the sums of rows of `a`, weighted by each token's column of `weights`.
    fn transposed_sums(&self, weights: &[f32], a: &[f32], output: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let mut sums = self.pool.buffers().take(self.of.padded() * features);
        sums.fill(0.0);
        for (first, end) in self.blocks(self.of.padded()) {
            let from = self.first_observer(first);
            Correlation {
                input: weights,
                from: self.scores(from),
                segments: &[segment(first, end - first)],
                errors: a,
                at: self.rows(from),
                rows: context - from,
                columns: features,
                sums: &mut sums[first * features..end * features],
            }
            .accumulate();
        }
        for (row, sums) in sums.chunks(features.max(1)).take(context).enumerate() {
            output[self.rows(row).origin..][..features].copy_from_slice(sums);
        }
    }
}

fn segment(offset: usize, length: usize) -> Segment {
    Segment { offset, length }
}

/// Turns scores into attention weights in place, row by row.
struct Softmax<'a> {
    head: &'a Head<'a>,
    weights: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let scale = self.head.scale();
        let rows = self.weights.chunks_exact_mut(self.head.of.padded());
        for (token, row) in rows.enumerate() {
            let (row, masked) = row.split_at_mut(self.head.visible(token));
            masked.fill(0.0);
            let top = largest(simd, row);
            let sum = exponentials(simd, row, scale, top);
            scale_by(simd, row, 1.0 / sum);
        }
    }
}

impl Head<'_> {
    /// 1/√d.
    fn scale(&self) -> f32 {
        1.0 / (self.of.features as f32).sqrt()
    }
}

/// Turns gradients of attention weights into gradients of `Q Kᵀ`.
struct SoftmaxGradient<'a> {
    head: &'a Head<'a>,
    weights: &'a [f32],
    /// Gradients of the weights on input, of `Q Kᵀ` on output.
    errors: &'a mut [f32],
}

impl WithSimd for SoftmaxGradient<'_> {
    type Output = ();

    /// `p (e − Σ p e)/√d` with weights `p` and their gradients `e`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let scale = simd.splat_f32s(self.head.scale());
        let length = self.head.of.padded();
        let rows = self.errors.chunks_exact_mut(length);
        let rows = rows.zip(self.weights.chunks_exact(length));
        for (token, (errors, weights)) in rows.enumerate() {
            let visible = self.head.visible(token);
            let (errors, masked) = errors.split_at_mut(visible);
            masked.fill(0.0);
            let weights = &weights[..visible];
            let sum = sum_columns!(simd, S, [weights, errors] => simd.mul_f32s(weights, errors));
            let sum = simd.splat_f32s(sum);
            map_columns!(simd, S, [weights] => [errors] {
                [simd.mul_f32s(simd.mul_f32s(weights, scale), simd.sub_f32s(errors, sum))]
            });
        }
    }
}
