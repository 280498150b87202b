//! Three steps for one division, as the parent module derives, and where that is allowed.

use super::rates::Rates;

/// The largest `y`, and the inverse of the smallest, whose sixteenth power is a normal number.
pub(super) const TRIPLE: f64 = 1e18;

/// The same for the square, which is as far as single steps get.
pub(super) const SINGLE: f64 = 1e150;

/// Steps from which on the roots at the end of triples cost less than the divisions that they save.
const WORTHWHILE: usize = 12;

/// Whether `y` stays within `1/limit` and `limit` over steps of `Σλ² ≤ dose`.
#[inline(always)]
pub(super) fn in_range(y: f64, dose: f64, limit: f64) -> bool {
    // `y` never falls, so the steps add at most dose/y. Times y, to save the division.
    (y >= limit.recip()) & (dose <= y * (limit - y))
}

/// All steps of all lanes, in range of [`TRIPLE`].
#[inline(always)]
pub(super) fn advance<const N: usize>(group: &mut [f64; N], rates: &impl Rates) {
    if rates.steps() < WORTHWHILE {
        return advance_singly(group, rates, 0);
    }
    let mut q = group.map(|y| y * y);
    for squares in rates.triples() {
        for (lane, q) in q.iter_mut().enumerate() {
            *q = three_steps(*q, squares(lane));
        }
    }
    *group = q.map(f64::sqrt);
    advance_singly(group, rates, rates.steps() / 3 * 3);
}

/// All steps but the first `done` of all lanes, in range of [`SINGLE`].
#[inline(always)]
pub(super) fn advance_singly<const N: usize>(
    group: &mut [f64; N],
    rates: &impl Rates,
    done: usize,
) {
    // A copy, because the compiler keeps a local array in registers and a borrowed one in memory.
    let mut local = *group;
    for square in rates.singles(done) {
        for (lane, y) in local.iter_mut().enumerate() {
            *y += square(lane) / *y;
        }
    }
    *group = local;
}

/// Three steps of `q′ = (q + λ²)²/q`, with the `λ²` in order.
#[inline(always)]
fn three_steps(q: f64, squares: [f64; 3]) -> f64 {
    let m1 = q + squares[0];
    let n1 = m1 * m1;
    let m2 = n1 + squares[1] * q;
    let (n2, d2) = (m2 * m2, n1 * q);
    let m3 = n2 + squares[2] * d2;
    m3 * m3 / (n2 * d2)
}

#[cfg(test)]
mod tests {
    use super::super::rates::Scheduled;
    use super::*;

    fn scheduled(squares: &[f64]) -> Scheduled<'_> {
        Scheduled {
            lrs: &[],
            squares,
            largest: squares.iter().copied().fold(0.0, f64::max),
        }
    }

    #[test]
    fn three_steps_are_three_steps() {
        // 1 → 1 + 1 = 2 → 2 + 4/2 = 4 → 4 + 8/4 = 6.
        assert_eq!(three_steps(1.0, [1.0, 4.0, 8.0]), 36.0);
        assert_eq!(three_steps(9.0, [0.0; 3]), 9.0);
    }

    #[test]
    fn the_corners_of_the_range_neither_overflow_nor_vanish() {
        for low in [TRIPLE.recip(), 1.0, TRIPLE / 2.0] {
            // The largest dose that is still in range.
            let dose = low * (TRIPLE / 2.0);
            assert!(in_range(low, dose, TRIPLE) && !in_range(low, 2.5 * dose, TRIPLE));
            for squares in [[dose, 0.0, 0.0], [0.0, 0.0, dose], [dose / 3.0; 3]] {
                let single = squares.iter().fold(low, |y, square| y + square / y);
                let triple = three_steps(low * low, squares).sqrt();
                assert!((triple / single - 1.0).abs() < 1e-15, "{low} {squares:?}");
            }
        }
    }

    #[test]
    fn nothing_unusual_is_in_range() {
        for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e-160, 1e160] {
            assert!(!in_range(bad, 1.0, SINGLE), "{bad}");
        }
        assert!(!in_range(1.0, f64::INFINITY, SINGLE));
    }

    #[test]
    fn any_number_of_steps_is_done() {
        for steps in 0..3 * WORTHWHILE {
            let squares: Vec<f64> = (0..steps).map(|step| 1.0 + step as f64).collect();
            let mut triple = [0.5, 1.0, 8.0];
            let mut single = triple;
            advance(&mut triple, &scheduled(&squares));
            advance_singly(&mut single, &scheduled(&squares), 0);
            for (triple, single) in triple.iter().zip(single) {
                assert!((triple / single - 1.0).abs() < 1e-14, "{steps}");
            }
        }
    }
}
