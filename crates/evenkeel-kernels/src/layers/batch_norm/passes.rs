//! One pass over a task's rows: forward, sums of gradients, gradient of the input.

use pulp::{Simd, WithSimd};

use super::{Normalize, ParameterGradients, sum_accumulators};
use crate::simd::columns::{for_each_block, for_each_row};

/// Writes `y`.
pub(super) struct Forward<'a> {
    pub(super) norm: &'a Normalize<'a>,
    pub(super) z: &'a [f32],
    pub(super) residual: Option<&'a [f32]>,
    pub(super) y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Normalize {
            mean,
            scale,
            gamma,
            beta,
            relu,
        } = *self.norm;
        let features = mean.len();
        let zero = simd.splat_f32s(0.0);
        for_each_block!(simd, S, features, block => {
            let mean = block.load(simd, mean, 0);
            let factor = simd.mul_f32s(block.load(simd, gamma, 0), block.load(simd, scale, 0));
            let beta = block.load(simd, beta, 0);
            for_each_row!(self.z.len(), features, row, [] => {
                let deviation = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let mut y = simd.mul_add_e_f32s(deviation, factor, beta);
                if let Some(residual) = self.residual {
                    y = simd.add_f32s(y, block.load(simd, residual, row));
                }
                if relu {
                    y = relu_of(simd, y, zero);
                }
                block.store(simd, self.y, row, y);
            });
        });
    }
}

/// ReLU; NaN stays NaN.
#[inline(always)]
fn relu_of<S: Simd>(simd: S, x: S::f32s, zero: S::f32s) -> S::f32s {
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// The gradient before the ReLU: `dy` where `y` is positive.
#[inline(always)]
fn masked<S: Simd>(simd: S, relu: bool, dy: S::f32s, y: S::f32s, zero: S::f32s) -> S::f32s {
    match relu {
        true => simd.select_f32s(simd.greater_than_f32s(y, zero), dy, zero),
        false => dy,
    }
}

/// Sums the gradients of `β` and `γ`.
pub(super) struct Reduce<'a> {
    pub(super) norm: &'a Normalize<'a>,
    pub(super) dy: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) y: Option<&'a [f32]>,
    /// Receives the masked `dy`: the gradient of the residual.
    pub(super) dr: Option<&'a mut [f32]>,
    pub(super) sums: &'a mut ParameterGradients,
}

impl WithSimd for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let features = self.norm.mean.len();
        let zero = simd.splat_f32s(0.0);
        for_each_block!(simd, S, features, block => {
            let of = |numbers: &[f32]| block.load(simd, numbers, 0);
            let (mean, shift) = (of(self.norm.mean), of(self.norm.beta));
            let factor = simd.mul_f32s(of(self.norm.gamma), of(self.norm.scale));
            let mut betas = [zero; 4];
            let mut gammas = [zero; 4];
            for_each_row!(self.z.len(), features, row, [betas as beta, gammas as gamma] => {
                let deviation = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let y = match self.y {
                    Some(y) => block.load(simd, y, row),
                    None => simd.mul_add_e_f32s(deviation, factor, shift),
                };
                let dy = block.load(simd, self.dy, row);
                let g = masked(simd, self.norm.relu, dy, y, zero);
                if let Some(dr) = &mut self.dr {
                    block.store(simd, dr, row, g);
                }
                *beta = simd.add_f32s(*beta, g);
                *gamma = simd.mul_add_e_f32s(g, deviation, *gamma);
            });
            let scale = block.load(simd, self.norm.scale, 0);
            block.store(simd, &mut self.sums.beta, 0, sum_accumulators(simd, betas));
            let gamma = simd.mul_f32s(sum_accumulators(simd, gammas), scale);
            block.store(simd, &mut self.sums.gamma, 0, gamma);
        });
    }
}

/// Writes the gradient of `z`.
pub(super) struct Backward<'a> {
    pub(super) norm: &'a Normalize<'a>,
    pub(super) sums: &'a ParameterGradients,
    /// `1/n` for `n` rows.
    pub(super) inverse_rows: f32,
    pub(super) dy: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) y: Option<&'a [f32]>,
    pub(super) dz: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// `dz = γ/√(v + ε) (g − Σg/n − x̂ Σ(g x̂)/n)` with `x̂ = (z − μ)/√(v + ε)`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let features = self.norm.mean.len();
        let (zero, inverse_rows) = (simd.splat_f32s(0.0), simd.splat_f32s(self.inverse_rows));
        for_each_block!(simd, S, features, block => {
            let of = |numbers: &[f32]| block.load(simd, numbers, 0);
            let (mean, scale) = (of(self.norm.mean), of(self.norm.scale));
            let factor = simd.mul_f32s(of(self.norm.gamma), scale);
            let shift = of(self.norm.beta);
            let flat = simd.mul_f32s(of(&self.sums.beta), inverse_rows);
            let slope = simd.mul_f32s(simd.mul_f32s(of(&self.sums.gamma), inverse_rows), scale);
            for_each_row!(self.z.len(), features, row, [] => {
                let deviation = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let y = match self.y {
                    Some(y) => block.load(simd, y, row),
                    None => simd.mul_add_e_f32s(deviation, factor, shift),
                };
                let dy = block.load(simd, self.dy, row);
                let g = masked(simd, self.norm.relu, dy, y, zero);
                let centred = simd.sub_f32s(simd.sub_f32s(g, flat), simd.mul_f32s(deviation, slope));
                block.store(simd, self.dz, row, simd.mul_f32s(centred, factor));
            });
        });
    }
}
