//! Layer normalization, `y = γ (x − μ)/√(v + ε) + β` with the mean `μ` and biased variance `v` of
//! each row; without `β`, RMS normalization, which divides by the root mean square.

use pulp::{Simd, WithSimd};

use crate::layers::column_sums::add_partial_sums;
use crate::simd::columns::{map_columns, sum_columns};
use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Approximate number of numbers in a task.
const TASK: usize = 16_384;

/// The parameters of a layer normalization.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm<'a> {
    /// Gain `γ` of each column.
    pub gamma: &'a [f32],
    /// Shift `β` of each column; `None` for RMS normalization.
    pub beta: Option<&'a [f32]>,
    /// `ε` under the root.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    /// Numbers in a task of whole rows.
    fn task(&self) -> usize {
        let columns = self.gamma.len().max(1);
        (TASK / columns).max(1) * columns
    }

    /// Writes `y`, and `μ` and `1/√(v + ε)` of each row to `moments`.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn forward(&self, pool: &ThreadPool, x: &[f32], y: &mut [f32], moments: &mut [f32]) {
        let (length, columns) = (self.task(), self.gamma.len().max(1));
        assert!(x.len() == y.len() && x.len() / columns * 2 == moments.len());
        let outputs = y.chunks_mut(length);
        let outputs = outputs.zip(moments.chunks_mut(length / columns * 2));
        pool.for_each(x.chunks(length).zip(outputs), |(x, (y, moments))| {
            dispatch(Forward {
                norm: self,
                x,
                y,
                moments,
            });
        });
    }

    /// Writes the gradient of `x` to `dx`, and those of `γ` and then `β` to `parameters`.
    ///
    /// # Panics
    /// When a slice has the wrong size.
    pub fn backward(
        &self,
        pool: &ThreadPool,
        [x, dy, moments]: [&[f32]; 3],
        dx: &mut [f32],
        parameters: &mut [f32],
    ) {
        let (length, columns) = (self.task(), self.gamma.len().max(1));
        assert!(x.len() == dy.len() && x.len() == dx.len());
        assert!(x.len() / columns * 2 == moments.len() && parameters.len() == 2 * self.gamma.len());
        let sums = pool.map_chunks(dx, length, |index, dx| {
            let part = index * length..index * length + dx.len();
            let mut sums = pool.buffers().take_zeroed(parameters.len());
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
        add_partial_sums(&sums, parameters);
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
        let (width, inverse_width) = (gamma.len(), 1.0 / gamma.len() as f32);
        let rows = self.x.chunks_exact(width);
        let rows = rows.zip(self.y.chunks_exact_mut(width));
        for ((x, y), moments) in rows.zip(self.moments.chunks_exact_mut(2)) {
            let mean = match beta {
                Some(_) => sum_columns!(simd, S, [x] => x) * inverse_width,
                None => 0.0,
            };
            let means = simd.splat_f32s(mean);
            let variance = inverse_width
                * sum_columns!(simd, S, [x] => {
                    let deviation = simd.sub_f32s(x, means);
                    simd.mul_f32s(deviation, deviation)
                });
            let scale = 1.0 / (variance + epsilon).sqrt();
            let scales = simd.splat_f32s(scale);
            match beta {
                Some(beta) => map_columns!(simd, S, [x, gamma, beta] => [y] {
                    let unit = simd.mul_f32s(simd.sub_f32s(x, means), scales);
                    [simd.mul_add_e_f32s(unit, gamma, beta)]
                }),
                None => map_columns!(simd, S, [x, gamma] => [y] {
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

    /// `dx = (g − ⟨g⟩ − x̂ ⟨g x̂⟩)/√(v + ε)` with `g = γ dy` and `x̂ = (x − μ)/√(v + ε)`; means are
    /// over the row.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let gamma = self.norm.gamma;
        let (width, inverse_width) = (gamma.len(), 1.0 / gamma.len() as f32);
        let (of_gamma, of_beta) = self.sums.split_at_mut(width);
        let rows = self.x.chunks_exact(width).zip(self.dy.chunks_exact(width));
        let rows = rows.zip(self.dx.chunks_exact_mut(width));
        for (((x, dy), dx), moments) in rows.zip(self.moments.chunks_exact(2)) {
            let (shift, scale) = (simd.splat_f32s(moments[0]), simd.splat_f32s(moments[1]));
            let flat = match self.norm.beta {
                Some(_) => {
                    sum_columns!(simd, S, [dy, gamma] => simd.mul_f32s(dy, gamma)) * inverse_width
                }
                None => 0.0,
            };
            let slope = inverse_width
                * sum_columns!(simd, S, [x, dy, gamma] => {
                    let unit = simd.mul_f32s(simd.sub_f32s(x, shift), scale);
                    simd.mul_f32s(simd.mul_f32s(dy, gamma), unit)
                });
            let (slope, flat) = (simd.splat_f32s(slope), simd.splat_f32s(flat));
            map_columns!(simd, S, [x, dy, gamma] => [dx, of_gamma, of_beta] {
                let unit = simd.mul_f32s(simd.sub_f32s(x, shift), scale);
                let centred = simd.sub_f32s(simd.mul_f32s(dy, gamma), flat);
                let centred = simd.sub_f32s(centred, simd.mul_f32s(unit, slope));
                let of_gamma = simd.mul_add_e_f32s(dy, unit, of_gamma);
                [simd.mul_f32s(centred, scale), of_gamma, simd.add_f32s(of_beta, dy)]
            });
        }
    }
}
