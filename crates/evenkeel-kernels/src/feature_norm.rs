//! Batch normalization and ReLU of features whose examples lie side by side.

use pulp::{Simd, WithSimd};

use crate::vectors::dispatch;

/// What is known of a feature in a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature {
    /// `μ`.
    pub(crate) mean: f32,
    /// `1/√(v + ε)`.
    pub(crate) scale: f32,
    /// `γ`.
    pub(crate) gamma: f32,
    /// `β`.
    pub(crate) beta: f32,
    /// Whether what is negative becomes zero.
    pub(crate) relu: bool,
}

/// Mean and variance of each feature, the latter around the mean found.
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

/// `y = ⌈γ (z − μ)/√(v + ε) + β⌉₊` of each feature.
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

/// The gradient of `z` into `dz` for each feature; those of `β` and `γ` into `sums`.
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

/// Sums that do not wait for each other.
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
            (*mean, *variance) = of_one(simd, z);
        }
    }
}

/// Mean and variance of one feature.
#[inline(always)]
fn of_one<S: Simd>(simd: S, z: &[f32]) -> (f32, f32) {
    let share = 1.0 / z.len().max(1) as f32;
    let (z, rest) = S::as_simd_f32s(z);
    let (fours, few) = z.as_chunks::<SUMS>();
    let zero = simd.splat_f32s(0.0);
    let mut sums = [zero; SUMS];
    for four in fours {
        for turn in 0..SUMS {
            sums[turn] = simd.add_f32s(sums[turn], four[turn]);
        }
    }
    for z in few {
        sums[0] = simd.add_f32s(sums[0], *z);
    }
    let mean = (total(simd, sums) + rest.iter().sum::<f32>()) * share;

    let centre = simd.splat_f32s(mean);
    let mut squares = [zero; SUMS];
    for four in fours {
        for turn in 0..SUMS {
            squares[turn] = add_square(simd, squares[turn], four[turn], centre);
        }
    }
    for z in few {
        squares[0] = add_square(simd, squares[0], *z, centre);
    }
    let last: f32 = rest.iter().map(|z| (z - mean) * (z - mean)).sum();
    (mean, (total(simd, squares) + last) * share)
}

/// `sum + (z − centre)²`.
#[inline(always)]
fn add_square<S: Simd>(simd: S, sum: S::f32s, z: S::f32s, centre: S::f32s) -> S::f32s {
    let apart = simd.sub_f32s(z, centre);
    simd.mul_add_e_f32s(apart, apart, sum)
}

/// The sum of all that four sums hold.
#[inline(always)]
fn total<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; SUMS]) -> f32 {
    simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)))
}

/// A feature's numbers in vectors.
#[derive(Clone, Copy)]
struct Spread<S: Simd> {
    simd: S,
    mean: S::f32s,
    /// `γ/√(v + ε)`.
    factor: S::f32s,
    shift: S::f32s,
    zero: S::f32s,
    relu: bool,
}

impl<S: Simd> Spread<S> {
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

    /// `y`; what is not a number stays.
    #[inline(always)]
    fn forward(self, z: S::f32s) -> S::f32s {
        let Self { simd, zero, .. } = self;
        let y = simd.mul_add_e_f32s(simd.sub_f32s(z, self.mean), self.factor, self.shift);
        match self.relu {
            true => simd.select_f32s(simd.less_than_f32s(y, zero), zero, y),
            false => y,
        }
    }

    /// How far `z` is from the mean, and what ReLU lets through of `dy`.
    #[inline(always)]
    fn through(self, z: S::f32s, dy: S::f32s) -> [S::f32s; 2] {
        let Self { simd, zero, .. } = self;
        let apart = simd.sub_f32s(z, self.mean);
        if !self.relu {
            return [apart, dy];
        }
        let y = simd.mul_add_e_f32s(apart, self.factor, self.shift);
        let g = simd.select_f32s(simd.greater_than_f32s(y, zero), dy, zero);
        [apart, g]
    }

    /// Adds to `Σ g` and `Σ g (z − μ)`.
    #[inline(always)]
    fn add(self, [flat, slope]: &mut [S::f32s; 2], z: S::f32s, dy: S::f32s) {
        let [apart, g] = self.through(z, dy);
        *flat = self.simd.add_f32s(*flat, g);
        *slope = self.simd.mul_add_e_f32s(g, apart, *slope);
    }

    /// `dz`, given `Σ g/n` and `Σ (g x̂)/(n √(v + ε))`.
    #[inline(always)]
    fn backward(self, [flat, slope]: [S::f32s; 2], z: S::f32s, dy: S::f32s) -> S::f32s {
        let simd = self.simd;
        let [apart, g] = self.through(z, dy);
        let centred = simd.sub_f32s(simd.sub_f32s(g, flat), simd.mul_f32s(apart, slope));
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
            let of = Spread::of(simd, *feature);
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
            (*beta, *gamma) = back(simd, *feature, dy, z, dz);
        }
    }
}

/// `dz = γ/√(v + ε) (g − Σg/n − x̂ Σ(g x̂)/n)` with `x̂ = (z − μ)/√(v + ε)`, and `g` what ReLU lets through of
/// `dy`. Returns the gradients of `β` and `γ`, which are the sums.
#[inline(always)]
fn back<S: Simd>(simd: S, feature: Feature, dy: &[f32], z: &[f32], dz: &mut [f32]) -> (f32, f32) {
    let of = Spread::of(simd, feature);
    let share = 1.0 / z.len().max(1) as f32;
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
        for turn in 0..SUMS {
            of.add(&mut sums[turn], z[turn], dy[turn]);
        }
    }
    for (z, dy) in z_few.iter().zip(dy_few) {
        of.add(&mut sums[0], *z, *dy);
    }
    // Where there is nothing `dy` is zero, and so is `g`.
    of.add(&mut sums[1], last.0, last.1);
    let [a, b, c, d] = sums;
    let flat = total(simd, [a[0], b[0], c[0], d[0]]);
    let gamma = total(simd, [a[1], b[1], c[1], d[1]]) * feature.scale;

    let shares = [
        simd.splat_f32s(flat * share),
        simd.splat_f32s(gamma * share * feature.scale),
    ];
    for (dz, (z, dy)) in dz.iter_mut().zip(z.iter().zip(dy)) {
        *dz = of.backward(shares, *z, *dy);
    }
    simd.partial_store_f32s(dz_rest, of.backward(shares, last.0, last.1));
    (flat, gamma)
}
