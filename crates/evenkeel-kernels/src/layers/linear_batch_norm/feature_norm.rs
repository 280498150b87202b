//! Batch normalization and ReLU of activations that are stored feature by feature.

use pulp::{Simd, WithSimd};

use crate::simd::instruction_set::dispatch;

/// Statistics and parameters of one feature.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature {
    /// Mean `μ`.
    pub(crate) mean: f32,
    /// Inverse deviation `1/√(v + ε)`.
    pub(crate) scale: f32,
    /// Gain `γ`.
    pub(crate) gamma: f32,
    /// Shift `β`.
    pub(crate) beta: f32,
    /// Whether a ReLU follows.
    pub(crate) relu: bool,
}

/// Writes mean and variance of each feature, in two passes.
pub(crate) fn moments(z: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    assert_eq!(mean.len(), variance.len());
    if let Some(rows) = z.len().checked_div(mean.len()) {
        dispatch(Moments {
            rows,
            z,
            mean,
            variance,
        });
    }
}

/// Writes `y = relu(γ (z − μ)/√(v + ε) + β)` of each feature.
pub(crate) fn forward(features: &[Feature], z: &[f32], y: &mut [f32]) {
    assert_eq!(z.len(), y.len());
    if let Some(rows) = z.len().checked_div(features.len()) {
        dispatch(Forward {
            rows,
            features,
            z,
            y,
        });
    }
}

/// Writes the gradient of `z` to `dz`, and those of `β` and `γ` to `sums`.
pub(crate) fn backward(
    features: &[Feature],
    [dy, z]: [&[f32]; 2],
    dz: &mut [f32],
    sums: [&mut [f32]; 2],
) {
    assert!(dy.len() == z.len() && z.len() == dz.len());
    if let Some(rows) = z.len().checked_div(features.len()) {
        dispatch(Backward {
            rows,
            features,
            dy,
            z,
            dz,
            sums,
        });
    }
}

/// Independent accumulators, which hide the latency of additions.
const SUMS: usize = 4;

struct Moments<'a> {
    rows: usize,
    z: &'a [f32],
    mean: &'a mut [f32],
    variance: &'a mut [f32],
}

impl WithSimd for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let features = self.mean.iter_mut().zip(self.variance);
        for ((mean, variance), z) in features.zip(self.z.chunks_exact(self.rows.max(1))) {
            (*mean, *variance) = moments_of_one(simd, z);
        }
    }
}

/// Mean and variance of one feature.
#[inline(always)]
fn moments_of_one<S: Simd>(simd: S, z: &[f32]) -> (f32, f32) {
    let inverse_rows = 1.0 / z.len().max(1) as f32;
    let (z, rest) = S::as_simd_f32s(z);
    let (fours, few) = z.as_chunks::<SUMS>();
    let zero = simd.splat_f32s(0.0);
    let mut sums = [zero; SUMS];
    for four in fours {
        for i in 0..SUMS {
            sums[i] = simd.add_f32s(sums[i], four[i]);
        }
    }
    for z in few {
        sums[0] = simd.add_f32s(sums[0], *z);
    }
    let mean = (total(simd, sums) + rest.iter().sum::<f32>()) * inverse_rows;

    let centre = simd.splat_f32s(mean);
    let mut squares = [zero; SUMS];
    for four in fours {
        for i in 0..SUMS {
            squares[i] = add_square(simd, squares[i], four[i], centre);
        }
    }
    for z in few {
        squares[0] = add_square(simd, squares[0], *z, centre);
    }
    let last: f32 = rest.iter().map(|z| (z - mean) * (z - mean)).sum();
    (mean, (total(simd, squares) + last) * inverse_rows)
}

/// `sum + (z − centre)²`.
#[inline(always)]
fn add_square<S: Simd>(simd: S, sum: S::f32s, z: S::f32s, centre: S::f32s) -> S::f32s {
    let deviation = simd.sub_f32s(z, centre);
    simd.mul_add_e_f32s(deviation, deviation, sum)
}

/// The sum of all lanes of four accumulators.
#[inline(always)]
fn total<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; SUMS]) -> f32 {
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// The numbers of a [`Feature`], broadcast to vectors.
#[derive(Clone, Copy)]
struct Broadcast<S: Simd> {
    simd: S,
    mean: S::f32s,
    /// `γ/√(v + ε)`.
    factor: S::f32s,
    shift: S::f32s,
    zero: S::f32s,
    relu: bool,
}

impl<S: Simd> Broadcast<S> {
    #[inline(always)]
    fn of(simd: S, feature: Feature) -> Self {
        Self {
            simd,
            mean: simd.splat_f32s(feature.mean),
            factor: simd.splat_f32s(feature.gamma * feature.scale),
            shift: simd.splat_f32s(feature.beta),
            zero: simd.splat_f32s(0.0),
            relu: feature.relu,
        }
    }

    /// `y`; NaN stays NaN.
    #[inline(always)]
    fn forward(self, z: S::f32s) -> S::f32s {
        let Self { simd, zero, .. } = self;
        let y = simd.mul_add_e_f32s(simd.sub_f32s(z, self.mean), self.factor, self.shift);
        match self.relu {
            true => simd.select_f32s(simd.less_than_f32s(y, zero), zero, y),
            false => y,
        }
    }

    /// The deviation of `z` from the mean, and the gradient before the ReLU.
    #[inline(always)]
    fn masked(self, z: S::f32s, dy: S::f32s) -> [S::f32s; 2] {
        let Self { simd, zero, .. } = self;
        let deviation = simd.sub_f32s(z, self.mean);
        if !self.relu {
            return [deviation, dy];
        }
        let y = simd.mul_add_e_f32s(deviation, self.factor, self.shift);
        let g = simd.select_f32s(simd.greater_than_f32s(y, zero), dy, zero);
        [deviation, g]
    }

    /// Adds to `Σ g` and `Σ g (z − μ)`.
    #[inline(always)]
    fn add(self, [flat, slope]: &mut [S::f32s; 2], z: S::f32s, dy: S::f32s) {
        let [deviation, g] = self.masked(z, dy);
        *flat = self.simd.add_f32s(*flat, g);
        *slope = self.simd.mul_add_e_f32s(g, deviation, *slope);
    }

    /// `dz`, given `Σ g/n` and `Σ (g x̂)/(n √(v + ε))`.
    #[inline(always)]
    fn backward(self, [flat, slope]: [S::f32s; 2], z: S::f32s, dy: S::f32s) -> S::f32s {
        let simd = self.simd;
        let [deviation, g] = self.masked(z, dy);
        let centred = simd.sub_f32s(simd.sub_f32s(g, flat), simd.mul_f32s(deviation, slope));
        simd.mul_f32s(centred, self.factor)
    }
}

struct Forward<'a> {
    rows: usize,
    features: &'a [Feature],
    z: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.rows.max(1);
        let examples = self.z.chunks_exact(rows).zip(self.y.chunks_exact_mut(rows));
        for (feature, (z, y)) in self.features.iter().zip(examples) {
            let of = Broadcast::of(simd, *feature);
            let (z, z_rest) = S::as_simd_f32s(z);
            let (y, y_rest) = S::as_mut_simd_f32s(y);
            for (y, z) in y.iter_mut().zip(z) {
                *y = of.forward(*z);
            }
            let last = of.forward(simd.partial_load_f32s(z_rest));
            simd.partial_store_f32s(y_rest, last);
        }
    }
}

struct Backward<'a> {
    rows: usize,
    features: &'a [Feature],
    dy: &'a [f32],
    z: &'a [f32],
    dz: &'a mut [f32],
    sums: [&'a mut [f32]; 2],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.rows.max(1);
        let [beta, gamma] = self.sums;
        let examples = (self.dy.chunks_exact(rows)).zip(self.z.chunks_exact(rows));
        let examples = examples.zip(self.dz.chunks_exact_mut(rows));
        let features = self.features.iter().zip(beta.iter_mut().zip(gamma));
        for ((feature, (beta, gamma)), ((dy, z), dz)) in features.zip(examples) {
            (*beta, *gamma) = backward_of_one(simd, *feature, dy, z, dz);
        }
    }
}

/// Writes `dz = γ/√(v + ε) (g − Σg/n − x̂ Σ(g x̂)/n)` with `x̂ = (z − μ)/√(v + ε)` and `g` the
/// gradient before the ReLU. Returns the gradients of `β` and `γ`, which are the sums.
#[inline(always)]
fn backward_of_one<S: Simd>(
    simd: S,
    feature: Feature,
    dy: &[f32],
    z: &[f32],
    dz: &mut [f32],
) -> (f32, f32) {
    let of = Broadcast::of(simd, feature);
    let inverse_rows = 1.0 / z.len().max(1) as f32;
    let (z, z_rest) = S::as_simd_f32s(z);
    let (dy, dy_rest) = S::as_simd_f32s(dy);
    let (dz, dz_rest) = S::as_mut_simd_f32s(dz);
    let last = (
        simd.partial_load_f32s(z_rest),
        simd.partial_load_f32s(dy_rest),
    );

    let mut sums = [[of.zero; 2]; SUMS];
    let (z_fours, z_few) = z.as_chunks::<SUMS>();
    let (dy_fours, dy_few) = dy.as_chunks::<SUMS>();
    for (z, dy) in z_fours.iter().zip(dy_fours) {
        for i in 0..SUMS {
            of.add(&mut sums[i], z[i], dy[i]);
        }
    }
    for (z, dy) in z_few.iter().zip(dy_few) {
        of.add(&mut sums[0], *z, *dy);
    }
    // Padding lanes have `dy = 0`, so `g = 0`.
    of.add(&mut sums[1], last.0, last.1);
    let [a, b, c, d] = sums;
    let flat = total(simd, [a[0], b[0], c[0], d[0]]);
    let gamma = total(simd, [a[1], b[1], c[1], d[1]]) * feature.scale;

    let means = [
        simd.splat_f32s(flat * inverse_rows),
        simd.splat_f32s(gamma * inverse_rows * feature.scale),
    ];
    for (dz, (z, dy)) in dz.iter_mut().zip(z.iter().zip(dy)) {
        *dz = of.backward(means, *z, *dy);
    }
    simd.partial_store_f32s(dz_rest, of.backward(means, last.0, last.1));
    (flat, gamma)
}
