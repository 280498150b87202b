//! Normalization of each row by itself: `y = γ (x − μ)/√(v + ε) + β` with mean `μ` and biased variance `v` of the
//! row, or, without `β`, by its mean square alone.

use pulp::{Simd, WithSimd};

use crate::lanes::{each, sum};
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
        let (width, share) = (gamma.len(), 1.0 / gamma.len() as f32);
        let rows = self.x.chunks_exact(width);
        let rows = rows.zip(self.y.chunks_exact_mut(width));
        for ((x, y), moments) in rows.zip(self.moments.chunks_exact_mut(2)) {
            let mean = match beta {
                Some(_) => sum!(simd, S, [x] => x) * share,
                None => 0.0,
            };
            let means = simd.splat_f32s(mean);
            let variance = share
                * sum!(simd, S, [x] => {
                    let apart = simd.sub_f32s(x, means);
                    simd.mul_f32s(apart, apart)
                });
            let scale = 1.0 / (variance + epsilon).sqrt();
            let scales = simd.splat_f32s(scale);
            match beta {
                Some(beta) => each!(simd, S, [x, gamma, beta] => [y] {
                    let unit = simd.mul_f32s(simd.sub_f32s(x, means), scales);
                    [simd.mul_add_e_f32s(unit, gamma, beta)]
                }),
                None => each!(simd, S, [x, gamma] => [y] {
                    [simd.mul_f32s(simd.mul_f32s(x, scales), gamma)]
                }),
            }
            moments.copy_from_slice(&[mean, scale]);
        }
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
        let (width, share) = (gamma.len(), 1.0 / gamma.len() as f32);
        let (of_gamma, of_beta) = self.sums.split_at_mut(width);
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        let rows = rows.zip(self.dx.chunks_exact_mut(width));
        for (((x, dy), dx), moments) in rows.zip(self.moments.chunks_exact(2)) {
            let (shift, scale) = (simd.splat_f32s(moments[0]), simd.splat_f32s(moments[1]));
            let flat = match self.norm.beta {
                Some(_) => sum!(simd, S, [dy, gamma] => simd.mul_f32s(dy, gamma)) * share,
                None => 0.0,
            };
            let slope = share
                * sum!(simd, S, [x, dy, gamma] => {
                    let unit = simd.mul_f32s(simd.sub_f32s(x, shift), scale);
                    simd.mul_f32s(simd.mul_f32s(dy, gamma), unit)
                });
            let (slope, flat) = (simd.splat_f32s(slope), simd.splat_f32s(flat));
            each!(simd, S, [x, dy, gamma] => [dx, of_gamma, of_beta] {
                let unit = simd.mul_f32s(simd.sub_f32s(x, shift), scale);
                let apart = simd.sub_f32s(simd.mul_f32s(dy, gamma), flat);
                let apart = simd.sub_f32s(apart, simd.mul_f32s(unit, slope));
                let of_gamma = simd.mul_add_e_f32s(dy, unit, of_gamma);
                [simd.mul_f32s(apart, scale), of_gamma, simd.add_f32s(of_beta, dy)]
            });
        }
    }
}
