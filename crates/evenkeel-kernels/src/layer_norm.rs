//! Normalization of each row by itself: `y = γ (x − μ)/√(v + ε) + β` with mean `μ` and biased variance `v` of the
//! row, or, without `β`, by its mean square alone.

use pulp::{Simd, WithSimd};

use crate::lanes::{Columns, columns};
use crate::memory::Numbers;
use crate::vectors::dispatch;
use crate::workers::Workers;

/// Numbers in a chunk of rows, about.
const CHUNK: usize = 16_384;

/// A normalization with its parameters.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// `γ`, one for each column.
    pub gamma: &'a [f32],
    /// `β`. Without it the mean stays where it is.
    pub beta: Option<&'a [f32]>,
    /// `ε`.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    fn chunk(&self) -> usize {
        let columns = self.gamma.len().max(1);
        (CHUNK / columns).max(1) * columns
    }

    /// `y` of the rows `x`; `μ` and `1/√(v + ε)` of each row in `moments`.
    ///
    /// # Panics
    /// When the rows are not as many, or `moments` has not two numbers for each.
    pub fn forward(&self, workers: &Workers, x: &[f32], y: &mut [f32], moments: &mut [f32]) {
        let (length, columns) = (self.chunk(), self.gamma.len().max(1));
        assert!(x.len() == y.len() && x.len() / columns * 2 == moments.len());
        let outputs = y.chunks_mut(length);
        let outputs = outputs.zip(moments.chunks_mut(length / columns * 2));
        workers.each(x.chunks(length).zip(outputs), |(x, (y, moments))| {
            dispatch(Forward {
                norm: self,
                x,
                y,
                moments,
            });
        });
    }

    /// The gradient of `x` in `dx`, and those of `γ` and `β`, one behind the other, in `parameters`.
    ///
    /// # Panics
    /// When the rows are not as many, or parameters and moments not as many as they should be.
    pub fn backward(
        &self,
        workers: &Workers,
        [x, dy, moments]: [&[f32]; 3],
        dx: &mut [f32],
        parameters: &mut [f32],
    ) {
        let (length, columns) = (self.chunk(), self.gamma.len().max(1));
        assert!(x.len() == dy.len() && x.len() == dx.len());
        assert!(x.len() / columns * 2 == moments.len() && parameters.len() == 2 * self.gamma.len());
        let sums = workers.chunks_with(dx, length, |index, dx| {
            let part = index * length..index * length + dx.len();
            let mut sums = workers.memory().zeros(parameters.len());
            dispatch(Backward {
                norm: self,
                x: &x[part.clone()],
                dy: &dy[part],
                moments: &moments[index * length / columns * 2..],
                dx,
                sums: &mut sums,
            });
            sums
        });
        add_up(&sums, parameters);
    }
}

/// The sums of all parts, in 64 bits and their order.
pub(crate) fn add_up(parts: &[Numbers], sums: &mut [f32]) {
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = parts.iter().map(|part| f64::from(part[i])).sum::<f64>() as f32;
    }
}

/// The mean of a number over so many columns. No function of a closure: that would not be compiled for the
/// vectors at hand.
macro_rules! mean {
    ($simd:expr, $S:ty, $width:expr, $block:ident => $number:expr) => {{
        // Sums that do not wait for each other.
        let mut sums = [$simd.splat_f32s(0.0); 4];
        for (turn, $block) in columns($simd, $width).enumerate() {
            let number: <$S>::f32s = $number;
            match turn % 4 {
                0 => sums[0] = $simd.add_f32s(sums[0], number),
                1 => sums[1] = $simd.add_f32s(sums[1], number),
                2 => sums[2] = $simd.add_f32s(sums[2], number),
                _ => sums[3] = $simd.add_f32s(sums[3], number),
            }
        }
        let [a, b, c, d] = sums;
        let sum = $simd.add_f32s($simd.add_f32s(a, b), $simd.add_f32s(c, d));
        $simd.reduce_sum_f32s(sum) / $width as f32
    }};
}

struct Forward<'a> {
    norm: &'a LayerNorm<'a>,
    x: &'a [f32],
    y: &'a mut [f32],
    moments: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let LayerNorm {
            gamma,
            beta,
            epsilon,
        } = *self.norm;
        let width = gamma.len();
        let rows = (0..self.x.len()).step_by(width);
        for (row, moments) in rows.zip(self.moments.chunks_exact_mut(2)) {
            let mean = match beta {
                Some(_) => mean!(simd, S, width, block => block.load(simd, self.x, row)),
                None => 0.0,
            };
            let means = simd.splat_f32s(mean);
            let variance = mean!(simd, S, width, block => {
                let apart = simd.sub_f32s(block.load(simd, self.x, row), means);
                block.only(simd, simd.mul_f32s(apart, apart))
            });
            let scale = 1.0 / (variance + epsilon).sqrt();
            let scales = simd.splat_f32s(scale);
            for block in columns(simd, width) {
                let apart = simd.sub_f32s(block.load(simd, self.x, row), means);
                let unit = simd.mul_f32s(apart, scales);
                let gamma = block.load(simd, gamma, 0);
                let y = match beta {
                    Some(beta) => simd.mul_add_e_f32s(unit, gamma, block.load(simd, beta, 0)),
                    None => simd.mul_f32s(unit, gamma),
                };
                block.store(simd, self.y, row, y);
            }
            moments.copy_from_slice(&[mean, scale]);
        }
    }
}

/// A row on the way back.
#[derive(Clone, Copy)]
struct Row<'a, S: Simd> {
    simd: S,
    shift: S::f32s,
    scale: S::f32s,
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
}

impl<S: Simd> Row<'_, S> {
    /// `x̂`.
    #[inline(always)]
    fn unit(self, block: Columns) -> S::f32s {
        let x = block.load(self.simd, self.x, 0);
        let apart = self.simd.sub_f32s(x, self.shift);
        self.simd.mul_f32s(apart, self.scale)
    }

    /// `γ dy`.
    #[inline(always)]
    fn weighted(self, block: Columns) -> S::f32s {
        let [dy, gamma] = [self.dy, self.gamma];
        let simd = self.simd;
        simd.mul_f32s(block.load(simd, dy, 0), block.load(simd, gamma, 0))
    }
}

struct Backward<'a> {
    norm: &'a LayerNorm<'a>,
    x: &'a [f32],
    dy: &'a [f32],
    moments: &'a [f32],
    dx: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// `dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩)/√(v + ε)` with `g = γ dy`, `x̂ = (x − μ)/√(v + ε)`, means over the row.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gamma = self.norm.gamma;
        let width = gamma.len();
        let (of_gamma, of_beta) = self.sums.split_at_mut(width);
        let rows = (0..self.x.len()).step_by(width);
        for (start, moments) in rows.zip(self.moments.chunks_exact(2)) {
            let (shift, scale) = (simd.splat_f32s(moments[0]), simd.splat_f32s(moments[1]));
            let row = Row {
                simd,
                shift,
                scale,
                x: &self.x[start..][..width],
                dy: &self.dy[start..][..width],
                gamma,
            };
            let flat = match self.norm.beta {
                Some(_) => mean!(simd, S, width, block => row.weighted(block)),
                None => 0.0,
            };
            let slope = mean!(simd, S, width, block => {
                simd.mul_f32s(row.weighted(block), row.unit(block))
            });
            let (slope, flat) = (simd.splat_f32s(slope), simd.splat_f32s(flat));
            let dx = &mut self.dx[start..][..width];
            for block in columns(simd, width) {
                let (dy, unit) = (block.load(simd, row.dy, 0), row.unit(block));
                let sum = simd.add_f32s(block.load(simd, of_beta, 0), dy);
                block.store(simd, of_beta, 0, sum);
                let sum = simd.mul_add_e_f32s(dy, unit, block.load(simd, of_gamma, 0));
                block.store(simd, of_gamma, 0, sum);
                let apart = simd.sub_f32s(row.weighted(block), flat);
                let apart = simd.sub_f32s(apart, simd.mul_f32s(unit, slope));
                block.store(simd, dx, 0, simd.mul_f32s(apart, scale));
            }
        }
    }
}
