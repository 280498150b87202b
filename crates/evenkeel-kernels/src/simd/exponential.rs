//! The exponential function, a vector at a time.

use std::f32::consts::{LN_2, LOG2_E};

use pulp::Simd;

/// Lower bound of the argument: below it `e^x` is subnormal.
const LEAST: f32 = -87.0;

/// Adding this to a number below 2²² rounds it to an integer `n` and leaves `n + 127` in the lowest
/// bits.
const ROUND: f32 = (3 << 22) as f32 + 127.0;

/// The leading bits of ln 2: the product with an integer below 2¹⁵ is exact.
const HIGH: f32 = 355.0 / 512.0;

/// The remainder of ln 2.
const LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;

/// Taylor coefficients 1/k! from k = 7 down to 1; the truncation error is below 6e-9 for |x| ≤ ½ ln
/// 2.
const SERIES: [f32; 7] = [
    1.0 / 5040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
];

/// `e^x` for `x` up to 88, to 2 units in the last place. Below −87 it returns `e^−87`, about
/// 1.6e-38; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    debug_assert!((HIGH + LOW - LN_2).abs() < 1e-7);
    let splat = |number| simd.splat_f32s(number);
    let least = splat(LEAST);
    let x = simd.select_f32s(simd.less_than_f32s(x, least), least, x);
    // x = n ln 2 + r.
    let rounded = simd.mul_add_e_f32s(x, splat(LOG2_E), splat(ROUND));
    let n = simd.sub_f32s(rounded, splat(ROUND));
    let r = simd.mul_add_e_f32s(n, splat(-HIGH), x);
    let r = simd.mul_add_e_f32s(n, splat(-LOW), r);
    let power = polynomial(simd, r, &SERIES);
    let power = simd.mul_add_e_f32s(power, r, splat(1.0));
    // The exponent of 2ⁿ is n + 127.
    let bits = simd.transmute_u32s_f32s(rounded);
    let bits = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    simd.mul_f32s(power, simd.transmute_f32s_u32s(bits))
}

/// Evaluates a polynomial by Horner's rule; the coefficient of the highest power comes first.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, const N: usize>(
    simd: S,
    x: S::f32s,
    coefficients: &[f32; N],
) -> S::f32s {
    let [first, rest @ ..] = coefficients.as_slice() else {
        return simd.splat_f32s(0.0);
    };
    // A loop, not `fold`: a closure would not be compiled for the dispatched instruction set.
    let mut sum = simd.splat_f32s(*first);
    for next in rest {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*next));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::columns::map_columns;
    use crate::simd::instruction_set::dispatch;
    use pulp::WithSimd;

    struct Each<'a>(&'a [f32], &'a mut [f32]);

    impl WithSimd for Each<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Self(x, power) = self;
            map_columns!(simd, S, [x] => [power] [exp(simd, x)]);
        }
    }

    fn powers(x: &[f32]) -> Vec<f32> {
        let mut powers = vec![0.0; x.len()];
        dispatch(Each(x, &mut powers));
        powers
    }

    #[test]
    fn it_matches_the_exponential_function_on_its_range() {
        let x: Vec<f32> = (-87_000..88_000).map(|i| i as f32 / 1000.0).collect();
        for (x, ours) in x.iter().zip(powers(&x)) {
            let exact = f64::from(*x).exp();
            let error = (f64::from(ours) / exact - 1.0).abs();
            assert!(error < 2.4e-7, "e^{x}: {ours} instead of {exact}");
        }
    }

    #[test]
    fn it_saturates_below_its_range_and_keeps_nan() {
        let given = powers(&[f32::NEG_INFINITY, -1e9, -100.0, f32::NAN, 0.0]);
        assert!(given[..3].iter().all(|power| (0.0..2e-38).contains(power)));
        assert!(given[3].is_nan());
        assert_eq!(given[4], 1.0);
    }
}
