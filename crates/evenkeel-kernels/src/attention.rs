//! Attention: `softmax(Q Kᵀ/√d) V` in each head of each sequence, and its gradients.
//!
//! Tokens are rows, one sequence after the other; heads share the columns out in their order. A head's scores
//! stay in the cache. Where a token sees only itself and those before it, the rest is left out block by block.

use pulp::{Simd, WithSimd};

use crate::correlation::Correlation;
use crate::lanes::{each, sum};
use crate::lattice::{Lattice, Segment};
use crate::panels::Panels;
use crate::product::{Product, widest};
use crate::softmax::{exponentials, largest, times};
use crate::vectors::dispatch;
use crate::workers::Workers;

/// Tokens at a time where not all are seen: a multiple of what the kernels take at a time.
const BLOCK: usize = 48;

/// Scores of a row end at a multiple of this, so that the kernels need not look for the end.
const TILE: usize = 12;

/// Sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    /// Number of sequences.
    pub sequences: usize,
    /// Tokens of a sequence.
    pub context: usize,
    /// Number of heads.
    pub heads: usize,
    /// Features of a head: `d`.
    pub features: usize,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
}

/// Inputs of an attention, each of `[sequences · context, heads · features]`.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// `Q`.
    pub query: &'a [f32],
    /// `K`.
    pub key: &'a [f32],
    /// `V`.
    pub value: &'a [f32],
}

/// Gradients of the inputs.
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
    /// Numbers of `seen`: what each token sees of each, with some zeros behind each row.
    pub fn seen(&self) -> usize {
        self.sequences * self.heads * self.scores()
    }

    /// Columns of the inputs.
    fn width(&self) -> usize {
        self.heads * self.features
    }

    /// Numbers of a sequence.
    fn sequence(&self) -> usize {
        self.context * self.width()
    }

    /// Numbers in a row of scores.
    fn padded(&self) -> usize {
        self.context.next_multiple_of(TILE)
    }

    /// Scores of a head.
    fn scores(&self) -> usize {
        self.context * self.padded()
    }

    fn check(&self, parts: &Parts, seen: usize) {
        let count = self.sequences * self.sequence();
        let lengths = [parts.query, parts.key, parts.value].map(<[f32]>::len);
        assert_eq!(lengths, [count; 3]);
        assert_eq!(seen, self.seen());
    }

    /// `y`, and in `seen` the softmax of the scores.
    ///
    /// # Panics
    /// When the slices are not of these sizes.
    pub fn forward(&self, workers: &Workers, parts: Parts, seen: &mut [f32], y: &mut [f32]) {
        self.check(&parts, seen.len());
        assert_eq!(y.len(), parts.query.len());
        let (length, scores) = (self.sequence().max(1), (self.heads * self.scores()).max(1));
        let inputs = each_of(&parts, length);
        let outputs = y.chunks_mut(length).zip(seen.chunks_mut(scores));
        workers.each(inputs.zip(outputs), |(parts, (y, seen))| {
            for (index, seen) in seen.chunks_mut(self.scores()).enumerate() {
                let head = Head::new(self, workers, index);
                head.products(parts.query, parts.key, seen);
                dispatch(Softmax { head: &head, seen });
                head.mix(seen, parts.value, y);
            }
        });
    }

    /// The gradients, where `dy` is that of `y` and `seen` what forward made of it.
    ///
    /// # Panics
    /// When the slices are not of these sizes.
    pub fn backward(
        &self,
        workers: &Workers,
        parts: Parts,
        seen: &[f32],
        dy: &[f32],
        gradients: Gradients,
    ) {
        self.check(&parts, seen.len());
        let Gradients { query, key, value } = gradients;
        let lengths = [query.len(), key.len(), value.len(), dy.len()];
        assert_eq!(lengths, [parts.query.len(); 4]);
        let (length, scores) = (self.sequence().max(1), (self.heads * self.scores()).max(1));
        let inputs = each_of(&parts, length).zip(seen.chunks(scores).zip(dy.chunks(length)));
        let outputs = query.chunks_mut(length).zip(key.chunks_mut(length));
        let outputs = outputs.zip(value.chunks_mut(length));
        workers.each(inputs.zip(outputs), |(inputs, ((query, key), value))| {
            let (parts, (seen, dy)) = inputs;
            let mut errors = workers.memory().numbers(self.scores());
            for (index, seen) in seen.chunks(self.scores()).enumerate() {
                let head = Head::new(self, workers, index);
                head.gather(seen, dy, value);
                head.products(dy, parts.value, &mut errors);
                let errors = &mut errors;
                dispatch(Slope {
                    head: &head,
                    seen,
                    errors,
                });
                head.mix(errors, parts.key, query);
                head.gather(errors, parts.query, key);
            }
        });
    }
}

/// The inputs of each sequence.
fn each_of<'a>(parts: &Parts<'a>, length: usize) -> impl Iterator<Item = Parts<'a>> {
    let [query, key, value] = [parts.query, parts.key, parts.value].map(|x| x.chunks(length));
    let pairs = query.zip(key).zip(value);
    pairs.map(|((query, key), value)| Parts { query, key, value })
}

/// A head of one sequence.
struct Head<'a> {
    of: &'a Attention,
    workers: Workers,
    /// Its first column.
    column: usize,
}

impl<'a> Head<'a> {
    fn new(of: &'a Attention, workers: &Workers, index: usize) -> Self {
        Self {
            of,
            workers: workers.alone(),
            column: index * of.features,
        }
    }

    /// How many tokens the one with number `token` sees.
    fn sight(&self, token: usize) -> usize {
        match self.of.causal {
            true => token + 1,
            false => self.of.context,
        }
    }

    /// Blocks of `count` tokens: the first and the end of each.
    fn blocks(&self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let size = match self.of.causal {
            true => BLOCK,
            false => count,
        };
        let starts = (0..count).step_by(size.max(1));
        starts.map(move |first| (first, (first + size).min(count)))
    }

    /// The first token that sees the one with number `token`.
    fn first_to_see(&self, token: usize) -> usize {
        if self.of.causal { token } else { 0 }
    }

    /// Rows of numbers from a token on, side by side with other heads'.
    fn rows(&self, first: usize) -> Lattice {
        let width = self.of.width();
        Lattice::line(first * width + self.column, width)
    }

    /// Rows of scores from a token on.
    fn scores(&self, first: usize) -> Lattice {
        let width = self.of.padded();
        Lattice::line(first * width, width)
    }

    /// The inner products of the rows of `a` with those rows of `b` that they see.
    fn products(&self, a: &[f32], b: &[f32], products: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let depth: Vec<usize> = (0..features).collect();
        for (first, end) in self.blocks(context) {
            let to = self.first_to_see(first);
            let (b, stride) = (&b[self.rows(first).origin..], self.of.width());
            let matrix = Panels::new(&self.workers, b, &depth, end - first, stride, widest());
            let scores = self.scores(to);
            Product {
                input: a,
                from: self.rows(to),
                segments: &[segment(0, features)],
                matrix: &matrix,
                bias: None,
                rows: context - to,
                output: products,
                to: Lattice {
                    origin: scores.origin + first,
                    ..scores
                },
            }
            .compute();
        }
    }

    /// The sums of those rows of `b` that each token sees, by what it sees of them.
    fn mix(&self, seen: &[f32], b: &[f32], output: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let rows: Vec<usize> = (0..context).map(|row| self.rows(row).origin).collect();
        let matrix = Panels::new(&self.workers, b, &rows, features, 1, widest());
        for (first, end) in self.blocks(context) {
            Product {
                input: seen,
                from: self.scores(first),
                segments: &[segment(0, self.sight(end - 1))],
                matrix: &matrix,
                bias: None,
                rows: end - first,
                output,
                to: self.rows(first),
            }
            .compute();
        }
    }

    /// The sums of the rows of `a` by what they see of each.
    fn gather(&self, seen: &[f32], a: &[f32], output: &mut [f32]) {
        let Attention {
            context, features, ..
        } = *self.of;
        let mut sums = self.workers.memory().numbers(self.of.padded() * features);
        sums.fill(0.0);
        for (first, end) in self.blocks(self.of.padded()) {
            let from = self.first_to_see(first);
            Correlation {
                input: seen,
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

struct Softmax<'a> {
    head: &'a Head<'a>,
    seen: &'a mut [f32],
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let scale = self.head.scale();
        let rows = self.seen.chunks_exact_mut(self.head.of.padded());
        for (token, row) in rows.enumerate() {
            let (row, behind) = row.split_at_mut(self.head.sight(token));
            behind.fill(0.0);
            let top = largest(simd, row);
            let sum = exponentials(simd, row, scale, top);
            times(simd, row, 1.0 / sum);
        }
    }
}

impl Head<'_> {
    /// 1/√d.
    fn scale(&self) -> f32 {
        1.0 / (self.of.features as f32).sqrt()
    }
}

struct Slope<'a> {
    head: &'a Head<'a>,
    seen: &'a [f32],
    /// Gradients of what is seen, which become those of `Q Kᵀ`.
    errors: &'a mut [f32],
}

impl WithSimd for Slope<'_> {
    type Output = ();

    /// `p (e − Σ p e)/√d`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let scale = simd.splat_f32s(self.head.scale());
        let length = self.head.of.padded();
        let rows = self.errors.chunks_exact_mut(length);
        for (token, (errors, seen)) in rows.zip(self.seen.chunks_exact(length)).enumerate() {
            let sight = self.head.sight(token);
            let (errors, behind) = errors.split_at_mut(sight);
            behind.fill(0.0);
            let seen = &seen[..sight];
            let sum = sum!(simd, S, [seen, errors] => simd.mul_f32s(seen, errors));
            let sum = simd.splat_f32s(sum);
            each!(simd, S, [seen] => [errors] {
                [simd.mul_f32s(simd.mul_f32s(seen, scale), simd.sub_f32s(errors, sum))]
            });
        }
    }
}
