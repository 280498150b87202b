//! The one-dimensional transforms, for tiles of two and of four outputs.
//!
//! `M` outputs depend on `T = M + 2` pixels. A polynomial of degree `T − 1` is determined by its
//! values at `T − 1` points and its leading coefficient; in this form a product of polynomials is
//! an element-wise product.

use pulp::Simd;

/// Transforms for tiles of `M` outputs.
pub(super) trait Points<const M: usize, const T: usize> {
    /// `Bᵀ d` of input pixels.
    fn patch<S: Simd>(simd: S, d: [S::f32s; T]) -> [S::f32s; T];
    /// `A e` of output errors.
    fn error<S: Simd>(simd: S, e: [S::f32s; M]) -> [S::f32s; T];
    /// `Aᵀ m` of products: the outputs.
    fn output<S: Simd>(simd: S, m: [S::f32s; T]) -> [S::f32s; M];
    /// `G g` of a kernel.
    fn kernel<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; T];
    /// `Gᵀ s`: the gradient of a kernel.
    fn gradient<S: Simd>(simd: S, s: [S::f32s; T]) -> [S::f32s; 3];
}

/// `a + factor · b`.
#[inline(always)]
fn plus<S: Simd>(simd: S, a: S::f32s, factor: f32, b: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), b, a)
}

#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, a: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), a)
}

/// Two outputs, from the points 0, 1, −1.
pub(super) struct Two;

impl Points<2, 4> for Two {
    #[inline(always)]
    fn patch<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [
            simd.sub_f32s(a, c),
            simd.add_f32s(b, c),
            simd.sub_f32s(c, b),
            simd.sub_f32s(b, d),
        ]
    }

    #[inline(always)]
    fn error<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
        [
            a,
            simd.add_f32s(a, b),
            simd.sub_f32s(a, b),
            simd.neg_f32s(b),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        [simd.add_f32s(a, sum), simd.sub_f32s(difference, d)]
    }

    #[inline(always)]
    fn kernel<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 4] {
        let (ends, middle) = (times(simd, 0.5, simd.add_f32s(a, c)), times(simd, 0.5, b));
        [
            a,
            simd.add_f32s(ends, middle),
            simd.sub_f32s(ends, middle),
            c,
        ]
    }

    #[inline(always)]
    fn gradient<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 3] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        [
            plus(simd, a, 0.5, sum),
            times(simd, 0.5, difference),
            plus(simd, d, 0.5, sum),
        ]
    }
}

/// Four outputs, from the points 0, ±3/4, ±3/2. Rounding errors are half of those with the usual
/// points 0, ±1, ±2.
pub(super) struct Four;

impl Four {
    const A: f32 = 0.75;
    const B: f32 = 1.5;
    const A2: f32 = Self::A * Self::A;
    const B2: f32 = Self::B * Self::B;
    /// Factors of the kernel's values at 0, ±A and ±B: the inverse product of the point's distances
    /// from all others.
    const AT_0: f32 = 1.0 / (Self::A2 * Self::B2);
    const AT_A: f32 = 1.0 / (2.0 * Self::A2 * (Self::A2 - Self::B2));
    const AT_B: f32 = 1.0 / (2.0 * Self::B2 * (Self::B2 - Self::A2));
}

impl Points<4, 6> for Four {
    #[inline(always)]
    fn patch<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        let both = Self::A2 + Self::B2;
        let even = plus(simd, e, -both, c);
        let odd = plus(simd, f, -both, d);
        let (even_a, odd_a) = (plus(simd, e, -Self::B2, c), plus(simd, d, -Self::B2, b));
        let (even_b, odd_b) = (plus(simd, e, -Self::A2, c), plus(simd, d, -Self::A2, b));
        [
            plus(simd, even, Self::A2 * Self::B2, a),
            plus(simd, even_a, Self::A, odd_a),
            plus(simd, even_a, -Self::A, odd_a),
            plus(simd, even_b, Self::B, odd_b),
            plus(simd, even_b, -Self::B, odd_b),
            plus(simd, odd, Self::A2 * Self::B2, b),
        ]
    }

    #[inline(always)]
    fn error<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 6] {
        let (even_a, odd_a) = (plus(simd, a, Self::A2, c), plus(simd, b, Self::A2, d));
        let (even_b, odd_b) = (plus(simd, a, Self::B2, c), plus(simd, b, Self::B2, d));
        [
            a,
            plus(simd, even_a, Self::A, odd_a),
            plus(simd, even_a, -Self::A, odd_a),
            plus(simd, even_b, Self::B, odd_b),
            plus(simd, even_b, -Self::B, odd_b),
            d,
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (sum_a, apart_a) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (sum_b, apart_b) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        let cubes = plus(simd, f, Self::A2 * Self::A, apart_a);
        [
            simd.add_f32s(simd.add_f32s(a, sum_a), sum_b),
            plus(simd, times(simd, Self::A, apart_a), Self::B, apart_b),
            plus(simd, times(simd, Self::A2, sum_a), Self::B2, sum_b),
            plus(simd, cubes, Self::B2 * Self::B, apart_b),
        ]
    }

    #[inline(always)]
    fn kernel<S: Simd>(simd: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 6] {
        let even_a = times(simd, Self::AT_A, plus(simd, a, Self::A2, c));
        let even_b = times(simd, Self::AT_B, plus(simd, a, Self::B2, c));
        [
            times(simd, Self::AT_0, a),
            plus(simd, even_a, Self::AT_A * Self::A, b),
            plus(simd, even_a, -Self::AT_A * Self::A, b),
            plus(simd, even_b, Self::AT_B * Self::B, b),
            plus(simd, even_b, -Self::AT_B * Self::B, b),
            c,
        ]
    }

    #[inline(always)]
    fn gradient<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 3] {
        let (sum_a, apart_a) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (sum_b, apart_b) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        let first = plus(simd, times(simd, Self::AT_0, a), Self::AT_A, sum_a);
        let middle = times(simd, Self::AT_A * Self::A, apart_a);
        let last = plus(simd, f, Self::AT_A * Self::A2, sum_a);
        [
            plus(simd, first, Self::AT_B, sum_b),
            plus(simd, middle, Self::AT_B * Self::B, apart_b),
            plus(simd, last, Self::AT_B * Self::B2, sum_b),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::Scalar;

    /// `Aᵀ (G g ⊙ Bᵀ d)` is the correlation of `d` with `g`, and the other transforms are the
    /// transposes.
    fn check<P: Points<M, T>, const M: usize, const T: usize>() {
        let simd = Scalar;
        let unit = |at: usize, i: usize| if at == i { 1.0 } else { 0.0 };
        for (pixel, tap) in (0..T).flat_map(|pixel| (0..3).map(move |tap| (pixel, tap))) {
            let patch = P::patch(simd, std::array::from_fn(|i| unit(pixel, i)));
            let kernel = P::kernel(simd, std::array::from_fn(|i| unit(tap, i)));
            let products: [f32; T] = std::array::from_fn(|i| patch[i] * kernel[i]);
            for (output, y) in P::output(simd, products).into_iter().enumerate() {
                let expected = unit(output + tap, pixel);
                assert!((y - expected).abs() < 1e-5, "{pixel} {tap} {output}: {y}");
                let error = P::error(simd, std::array::from_fn(|i| unit(output, i)));
                let sums: [f32; T] = std::array::from_fn(|i| patch[i] * error[i]);
                let back = P::gradient(simd, sums)[tap];
                assert!(
                    (back - expected).abs() < 1e-5,
                    "{pixel} {tap} {output}: {back}"
                );
            }
        }
    }

    #[test]
    fn products_of_transforms_are_correlations() {
        check::<Two, 2, 4>();
        check::<Four, 4, 6>();
    }
}
