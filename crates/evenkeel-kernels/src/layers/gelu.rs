//! GELU, `y = x Φ(x)` with the normal distribution function Φ, and its derivative `Φ(x) + x φ(x)`.
//!
//! Both are computed in one pass, because they need the same exponential.

use pulp::{Simd, WithSimd};

use crate::simd::columns::map_columns;
use crate::simd::exponential::{exp, polynomial};
use crate::simd::instruction_set::dispatch;
use crate::threads::ThreadPool;

/// Numbers in a task.
const TASK: usize = 16_384;

/// 1/√(2π).
const PEAK: f32 = 0.398_942_3;

/// Taylor coefficients of `(Φ(x) − ½)/x` in `x²` for `|x| ≤ 1`: `PEAK (−½)^k/(k! (2k + 1))` from k
/// = 7 down to 0.
const CENTRE: [f32; 8] = [
    PEAK / -9_676_800.0,
    PEAK / 599_040.0,
    PEAK / -42_240.0,
    PEAK / 3_456.0,
    PEAK / -336.0,
    PEAK / 40.0,
    PEAK / -6.0,
    PEAK,
];

/// `TAIL` is a polynomial in `t = 1/(1 + SLOPE |x|)`.
const SLOPE: f32 = 0.35;

/// Coefficients of `e^(x²/2) Φ(−|x|)/t` in `t` for `|x| ≥ 1`, interpolated at eight Chebyshev nodes
/// of the interval of `t` for 1 ≤ |x| ≤ 13.3. The relative error is below 4e-8.
const TAIL: [f32; 8] = [
    0.039_215_314,
    -0.095_946_3,
    0.024_465_78,
    0.045_401_36,
    0.084_031_42,
    0.123_878_77,
    0.139_443_41,
    0.139_639_6,
];

/// Writes `y` and the derivative `slope` that the backward pass needs.
///
/// # Panics
/// When the slices differ in length.
pub fn forward(pool: &ThreadPool, x: &[f32], y: &mut [f32], slope: &mut [f32]) {
    assert!(x.len() == y.len() && y.len() == slope.len());
    let chunks = y.chunks_mut(TASK).zip(slope.chunks_mut(TASK));
    pool.for_each(x.chunks(TASK).zip(chunks), |(x, (y, slope))| {
        dispatch(Forward { x, y, slope });
    });
}

/// Writes `dx = dy · slope`.
///
/// # Panics
/// When the slices differ in length.
pub fn backward(pool: &ThreadPool, dy: &[f32], slope: &[f32], dx: &mut [f32]) {
    assert!(dy.len() == slope.len() && slope.len() == dx.len());
    pool.for_each_chunk(dx, TASK, |index, dx| {
        let part = index * TASK..index * TASK + dx.len();
        dispatch(Backward {
            dy: &dy[part.clone()],
            slope: &slope[part],
            dx,
        });
    });
}

struct Forward<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    slope: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, y, slope } = self;
        map_columns!(simd, S, [x] => [y, slope] {
            let (below, density) = normal(simd, x);
            [simd.mul_f32s(x, below), simd.mul_add_e_f32s(x, density, below)]
        });
    }
}

struct Backward<'a> {
    dy: &'a [f32],
    slope: &'a [f32],
    dx: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { dy, slope, dx } = self;
        map_columns!(simd, S, [dy, slope] => [dx] [simd.mul_f32s(dy, slope)]);
    }
}

/// `Φ(x)`, to within 1.3e-7, and `φ(x)`.
#[inline(always)]
fn normal<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let splat = |number| simd.splat_f32s(number);
    let (half, one) = (splat(0.5), splat(1.0));
    let (size, square) = (simd.abs_f32s(x), simd.mul_f32s(x, x));
    let bell = exp(simd, simd.mul_f32s(square, splat(-0.5)));
    let centre = polynomial(simd, square, &CENTRE);
    let centre = simd.mul_add_e_f32s(centre, x, half);
    let t = simd.div_f32s(one, simd.mul_add_e_f32s(size, splat(SLOPE), one));
    let tail = simd.mul_f32s(polynomial(simd, t, &TAIL), t);
    let tail = simd.mul_f32s(tail, bell);
    let negative = simd.less_than_f32s(x, splat(0.0));
    let outside = simd.select_f32s(negative, tail, simd.sub_f32s(one, tail));
    let inside = simd.less_than_f32s(size, one);
    let below = simd.select_f32s(inside, centre, outside);
    (below, simd.mul_f32s(bell, splat(PEAK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Φ by its series or its continued fraction (Abramowitz & Stegun 26.2.10 and 26.2.14).
    fn distribution(x: f64) -> f64 {
        let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if x.abs() > 3.0 {
            let fraction = (1..200)
                .rev()
                .fold(x.abs(), |f, k| x.abs() + f64::from(k) / f);
            let tail = density / fraction;
            return if x < 0.0 { tail } else { 1.0 - tail };
        }
        let (mut term, mut sum) = (x, x);
        for k in 1..100 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 + density * sum
    }

    #[test]
    fn it_matches_the_exact_distribution() {
        let x: Vec<f32> = (-20_000..=20_000).map(|i| i as f32 / 1500.0).collect();
        let (mut y, mut slope) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        forward(&ThreadPool::single(), &x, &mut y, &mut slope);
        for (x, (y, slope)) in x.iter().zip(y.iter().zip(&slope)) {
            let exact = f64::from(*x);
            let below = distribution(exact);
            let density = (-exact * exact / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let error = f64::from(*y) - exact * below;
            assert!(error.abs() <= 1.3e-7 * exact.abs(), "{x}: {y}");
            let error = f64::from(*slope) - (below + exact * density);
            assert!(error.abs() <= 2e-7, "{x}: {slope}");
        }
    }

    #[test]
    fn it_saturates_in_the_tails_and_keeps_nan() {
        let x = [-1e30, -50.0, 0.0, 50.0, 1e30, f32::NAN];
        let (mut y, mut slope) = ([9.0; 6], [9.0; 6]);
        forward(&ThreadPool::single(), &x, &mut y, &mut slope);
        assert!(y[0].abs() < 1e-7 && y[1].abs() < 1e-7, "{y:?}");
        assert_eq!(y[2..5], x[2..5]);
        assert_eq!(slope[2..5], [0.5, 1.0, 1.0]);
        assert!(y[5].is_nan() && slope[5].is_nan());
    }
}
