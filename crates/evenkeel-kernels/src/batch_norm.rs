//! Batch normalization, an optional summand and an optional ReLU: `y = ⌈γ (z − μ)/√(v + ε) + β + r⌉₊`
//! of rows `[rows, features]`, with mean `μ` and biased variance `v` of each feature over all rows.
//!
//! Rows are worked on in chunks that fit the cache of one core, and what the chunks say is put together
//! in their order.

use pulp::{Simd, WithSimd};

use crate::lanes::{blocks, each_row};
use crate::vectors::dispatch;
use crate::workers::Workers;

/// Numbers in a chunk of rows, about.
const CHUNK: usize = 16_384;

/// Numbers in a chunk of whole rows.
fn chunk(features: usize) -> usize {
    (CHUNK / features.max(1)).max(1) * features.max(1)
}

/// Mean and variance of each feature over some rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// Number of rows.
    pub rows: usize,
    /// Mean of each feature.
    pub mean: Vec<f32>,
    /// Biased variance of each feature.
    pub variance: Vec<f32>,
}

impl Moments {
    /// Of all rows.
    pub fn over(workers: &Workers, rows: &[f32], features: usize) -> Self {
        let chunks: Vec<&[f32]> = rows.chunks(chunk(features)).collect();
        Self::together(&workers.map(chunks.len(), |index| Self::of(chunks[index], features)))
    }

    /// Of some rows, in two passes: the variance is that around their own mean.
    pub(crate) fn of(rows: &[f32], features: usize) -> Self {
        let mut moments = Self {
            rows: rows.len() / features.max(1),
            mean: vec![0.0; features],
            variance: vec![0.0; features],
        };
        if moments.rows > 0 {
            dispatch(Measure {
                rows,
                moments: &mut moments,
            });
        }
        moments
    }

    /// Of all rows together (Chan, Golub & LeVeque 1983), in 64 bits and the order of the parts.
    fn together(parts: &[Self]) -> Self {
        let features = parts.first().map_or(0, |part| part.mean.len());
        let rows: usize = parts.iter().map(|part| part.rows).sum();
        let share = |part: &Self| part.rows as f64 / rows.max(1) as f64;
        let weighted = |number: &dyn Fn(&Self) -> f64| -> f64 {
            parts.iter().map(|part| share(part) * number(part)).sum()
        };
        let mean: Vec<f64> = (0..features)
            .map(|i| weighted(&|part| f64::from(part.mean[i])))
            .collect();
        let variance = (0..features).map(|i| {
            weighted(&|part| {
                let apart = f64::from(part.mean[i]) - mean[i];
                f64::from(part.variance[i]) + apart * apart
            }) as f32
        });
        Self {
            rows,
            variance: variance.collect(),
            mean: mean.iter().map(|mean| *mean as f32).collect(),
        }
    }

    /// `1/√(v + ε)`.
    pub fn scales(&self, epsilon: f32) -> Vec<f32> {
        let scale = |variance: &f32| scale(*variance, epsilon);
        self.variance.iter().map(scale).collect()
    }
}

/// `1/√(v + ε)`.
pub(crate) fn scale(variance: f32, epsilon: f32) -> f32 {
    1.0 / (variance + epsilon).sqrt()
}

struct Measure<'a> {
    rows: &'a [f32],
    moments: &'a mut Moments,
}

impl WithSimd for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let features = self.moments.mean.len();
        let share = simd.splat_f32s(1.0 / self.moments.rows as f32);
        blocks!(simd, S, features, block => {
            let length = self.rows.len();
            let mut sums = [simd.splat_f32s(0.0); 4];
            each_row!(length, features, row, [sums as sum] => {
                *sum = simd.add_f32s(*sum, block.load(simd, self.rows, row));
            });
            let mean = simd.mul_f32s(total(simd, sums), share);
            let mut squares = [simd.splat_f32s(0.0); 4];
            each_row!(length, features, row, [squares as square] => {
                let apart = simd.sub_f32s(block.load(simd, self.rows, row), mean);
                *square = simd.mul_add_e_f32s(apart, apart, *square);
            });
            let variance = simd.mul_f32s(total(simd, squares), share);
            block.store(simd, &mut self.moments.mean, 0, mean);
            block.store(simd, &mut self.moments.variance, 0, variance);
        });
    }
}

/// The sum of four sums that did not wait for each other.
#[inline(always)]
fn total<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> S::f32s {
    simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d))
}

/// A normalization with all that it needs of each feature.
#[derive(Debug, Clone, Copy)]
pub struct Normalize<'a> {
    /// `μ`.
    pub mean: &'a [f32],
    /// `1/√(v + ε)`.
    pub scale: &'a [f32],
    /// `γ`.
    pub gamma: &'a [f32],
    /// `β`.
    pub beta: &'a [f32],
    /// Whether what is negative becomes zero.
    pub relu: bool,
}

impl Normalize<'_> {
    /// `y` of the rows `z`, with `r` added where there is one.
    ///
    /// # Panics
    /// When the rows are not as many.
    pub fn forward(&self, workers: &Workers, z: &[f32], residual: Option<&[f32]>, y: &mut [f32]) {
        assert_eq!(z.len(), y.len());
        assert!(residual.is_none_or(|residual| residual.len() == z.len()));
        let length = chunk(self.mean.len());
        workers.chunks(y, length, |index, y| {
            let part = index * length..index * length + y.len();
            dispatch(Forward {
                norm: self,
                z: &z[part.clone()],
                residual: residual.map(|residual| &residual[part]),
                y,
            });
        });
    }

    /// The gradients of `γ` and `β`, and of `z` in `dz`, where `dy` is that of `y`. Where there was no
    /// summand, what ReLU let through is known without `y`; where there was one, its gradient is that, in `dr`.
    ///
    /// # Panics
    /// When the rows are not as many.
    pub fn backward(
        &self,
        workers: &Workers,
        dy: &[f32],
        z: &[f32],
        y: Option<&[f32]>,
        dz: &mut [f32],
        dr: Option<&mut [f32]>,
    ) -> Sums {
        assert!(dy.len() == z.len() && z.len() == dz.len());
        assert!(y.is_none_or(|y| y.len() == z.len()));
        assert!(dr.as_ref().is_none_or(|dr| dr.len() == z.len()));
        let length = chunk(self.mean.len());
        let reduced = |index: usize, dr: Option<&mut [f32]>| {
            let part = index * length..((index + 1) * length).min(z.len());
            let mut sums = Sums {
                beta: vec![0.0; self.mean.len()],
                gamma: vec![0.0; self.mean.len()],
            };
            dispatch(Reduce {
                norm: self,
                dy: &dy[part.clone()],
                z: &z[part.clone()],
                y: y.map(|y| &y[part]),
                dr,
                sums: &mut sums,
            });
            sums
        };
        match dr {
            None => {
                let sums = workers.map(z.len().div_ceil(length), |index| reduced(index, None));
                let sums = Sums::together(&sums);
                self.spread(workers, &sums, [dy, z], y, dz);
                sums
            }
            Some(dr) => {
                let sums = workers.chunks_with(dr, length, |index, dr| reduced(index, Some(dr)));
                let sums = Sums::together(&sums);
                // All of it has come through.
                let norm = Normalize {
                    relu: false,
                    ..*self
                };
                norm.spread(workers, &sums, [dr, z], None, dz);
                sums
            }
        }
    }

    /// The gradient of `z`, given what it adds up to.
    fn spread(
        &self,
        workers: &Workers,
        sums: &Sums,
        [dy, z]: [&[f32]; 2],
        y: Option<&[f32]>,
        dz: &mut [f32],
    ) {
        let length = chunk(self.mean.len());
        let share = self.mean.len() as f32 / z.len().max(1) as f32;
        workers.chunks(dz, length, |index, dz| {
            let part = index * length..index * length + dz.len();
            dispatch(Backward {
                norm: self,
                sums,
                share,
                dy: &dy[part.clone()],
                z: &z[part.clone()],
                y: y.map(|y| &y[part]),
                dz,
            });
        });
    }
}

/// Gradients of `β` and `γ`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// `Σ g`.
    pub beta: Vec<f32>,
    /// `Σ g (z − μ)/√(v + ε)`.
    pub gamma: Vec<f32>,
}

impl Sums {
    /// Over all rows, in 64 bits and the order of the parts.
    fn together(parts: &[Self]) -> Self {
        let features = parts.first().map_or(0, |part| part.beta.len());
        let sum =
            |of: &dyn Fn(&Self) -> f32| parts.iter().map(|part| f64::from(of(part))).sum::<f64>();
        Self {
            beta: (0..features)
                .map(|i| sum(&|part| part.beta[i]) as f32)
                .collect(),
            gamma: (0..features)
                .map(|i| sum(&|part| part.gamma[i]) as f32)
                .collect(),
        }
    }
}

struct Forward<'a> {
    norm: &'a Normalize<'a>,
    z: &'a [f32],
    residual: Option<&'a [f32]>,
    y: &'a mut [f32],
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
        blocks!(simd, S, features, block => {
            let mean = block.load(simd, mean, 0);
            let factor = simd.mul_f32s(block.load(simd, gamma, 0), block.load(simd, scale, 0));
            let beta = block.load(simd, beta, 0);
            each_row!(self.z.len(), features, row, [] => {
                let apart = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let mut y = simd.mul_add_e_f32s(apart, factor, beta);
                if let Some(residual) = self.residual {
                    y = simd.add_f32s(y, block.load(simd, residual, row));
                }
                if relu {
                    y = clamp(simd, y, zero);
                }
                block.store(simd, self.y, row, y);
            });
        });
    }
}

/// `x`, or zero where it is negative; what is not a number stays.
#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s, zero: S::f32s) -> S::f32s {
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// `dy` where `y` let it through.
#[inline(always)]
fn let_through<S: Simd>(simd: S, relu: bool, dy: S::f32s, y: S::f32s, zero: S::f32s) -> S::f32s {
    match relu {
        true => simd.select_f32s(simd.greater_than_f32s(y, zero), dy, zero),
        false => dy,
    }
}

struct Reduce<'a> {
    norm: &'a Normalize<'a>,
    dy: &'a [f32],
    z: &'a [f32],
    y: Option<&'a [f32]>,
    /// Where what was let through goes to.
    dr: Option<&'a mut [f32]>,
    sums: &'a mut Sums,
}

impl WithSimd for Reduce<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let features = self.norm.mean.len();
        let zero = simd.splat_f32s(0.0);
        blocks!(simd, S, features, block => {
            let of = |numbers: &[f32]| block.load(simd, numbers, 0);
            let (mean, shift) = (of(self.norm.mean), of(self.norm.beta));
            let factor = simd.mul_f32s(of(self.norm.gamma), of(self.norm.scale));
            let mut betas = [zero; 4];
            let mut gammas = [zero; 4];
            each_row!(self.z.len(), features, row, [betas as beta, gammas as gamma] => {
                let apart = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let y = match self.y {
                    Some(y) => block.load(simd, y, row),
                    None => simd.mul_add_e_f32s(apart, factor, shift),
                };
                let dy = block.load(simd, self.dy, row);
                let g = let_through(simd, self.norm.relu, dy, y, zero);
                if let Some(dr) = &mut self.dr {
                    block.store(simd, dr, row, g);
                }
                *beta = simd.add_f32s(*beta, g);
                *gamma = simd.mul_add_e_f32s(g, apart, *gamma);
            });
            let scale = block.load(simd, self.norm.scale, 0);
            block.store(simd, &mut self.sums.beta, 0, total(simd, betas));
            let gamma = simd.mul_f32s(total(simd, gammas), scale);
            block.store(simd, &mut self.sums.gamma, 0, gamma);
        });
    }
}

struct Backward<'a> {
    norm: &'a Normalize<'a>,
    sums: &'a Sums,
    share: f32,
    dy: &'a [f32],
    z: &'a [f32],
    y: Option<&'a [f32]>,
    dz: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    /// `dz = γ/√(v + ε) (g − Σg/n − x̂ Σ(g x̂)/n)` with `x̂ = (z − μ)/√(v + ε)`.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let features = self.norm.mean.len();
        let (zero, share) = (simd.splat_f32s(0.0), simd.splat_f32s(self.share));
        blocks!(simd, S, features, block => {
            let of = |numbers: &[f32]| block.load(simd, numbers, 0);
            let (mean, scale) = (of(self.norm.mean), of(self.norm.scale));
            let factor = simd.mul_f32s(of(self.norm.gamma), scale);
            let shift = of(self.norm.beta);
            let flat = simd.mul_f32s(of(&self.sums.beta), share);
            let slope = simd.mul_f32s(simd.mul_f32s(of(&self.sums.gamma), share), scale);
            each_row!(self.z.len(), features, row, [] => {
                let apart = simd.sub_f32s(block.load(simd, self.z, row), mean);
                let y = match self.y {
                    Some(y) => block.load(simd, y, row),
                    None => simd.mul_add_e_f32s(apart, factor, shift),
                };
                let dy = block.load(simd, self.dy, row);
                let g = let_through(simd, self.norm.relu, dy, y, zero);
                let centred = simd.sub_f32s(simd.sub_f32s(g, flat), simd.mul_f32s(apart, slope));
                block.store(simd, self.dz, row, simd.mul_f32s(centred, factor));
            });
        });
    }
}
