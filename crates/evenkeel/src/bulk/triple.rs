//! Three steps for one division, as the parent module derives, and where that is allowed.

/// The largest `y`, and the inverse of the smallest, whose eighth power is still a normal number:
/// 2¹²⁰ (the eighth power is 2⁹⁶⁰).
const LIMIT: f64 = (1_u128 << 120) as f64;

/// Whether every `y` of the group stays within `1/LIMIT` and `LIMIT` over steps of `Σλ² = dose`.
///
/// `y` never falls, so each step adds at most `λ²/y_min`.
pub(super) fn in_range(group: &[f64], dose: f64) -> bool {
    let (low, high) = extremes(group);
    low >= LIMIT.recip() && high + dose / low <= LIMIT
}

/// One step for each of `squares`, which are `λ²`.
pub(super) fn advance<const N: usize>(group: &mut [f64; N], squares: &[f64]) {
    // A copy, because the compiler keeps a local array in registers and a borrowed one in memory.
    let mut local = *group;
    let (triples, rest) = squares.as_chunks::<3>();
    for squares in triples {
        for y in &mut local {
            *y = three_steps(*y, *squares);
        }
    }
    for square in rest {
        for y in &mut local {
            *y += square / *y;
        }
    }
    *group = local;
}

/// Three steps of `y′ = y + λ²/y`, with the `λ²` in order.
#[inline(always)]
fn three_steps(y: f64, squares: [f64; 3]) -> f64 {
    let y_squared = y * y;
    let n1 = y_squared + squares[0];
    let n2 = n1 * n1 + squares[1] * y_squared;
    let d2 = n1 * y;
    let n3 = n2 * n2 + squares[2] * (d2 * d2);
    n3 / (n2 * d2)
}

/// The smallest and the largest of `values`; ∞ and −∞ without any.
///
/// Several running extremes at once, because one alone waits for itself; comparisons rather than
/// `f64::min`, because they are one instruction where NaN needs no care.
pub(super) fn extremes(values: &[f64]) -> (f64, f64) {
    const WIDTH: usize = 16;
    let lower = |a: f64, b: f64| if a < b { a } else { b };
    let higher = |a: f64, b: f64| if a > b { a } else { b };
    let (mut low, mut high) = ([f64::INFINITY; WIDTH], [f64::NEG_INFINITY; WIDTH]);
    let (chunks, rest) = values.as_chunks::<WIDTH>();
    for chunk in chunks {
        for lane in 0..WIDTH {
            low[lane] = lower(chunk[lane], low[lane]);
            high[lane] = higher(chunk[lane], high[lane]);
        }
    }
    let lows = low.into_iter().chain(rest.iter().copied());
    let highs = high.into_iter().chain(rest.iter().copied());
    (
        lows.fold(f64::INFINITY, lower),
        highs.fold(f64::NEG_INFINITY, higher),
    )
}

#[cfg(test)]
mod tests {
    use super::super::LANES;
    use super::*;

    #[test]
    fn three_steps_are_three_steps() {
        // 1 → 1 + 1 = 2 → 2 + 4/2 = 4 → 4 + 8/4 = 6.
        assert_eq!(three_steps(1.0, [1.0, 4.0, 8.0]), 6.0);
        assert_eq!(three_steps(3.0, [0.0; 3]), 3.0);
    }

    #[test]
    fn the_corners_of_the_range_neither_overflow_nor_vanish() {
        for low in [LIMIT.recip(), 1.0, LIMIT / 2.0] {
            let mut group = [low; LANES];
            group[0] = LIMIT / 2.0;
            // The largest dose that is still in range, in one step and in three.
            let dose = low * (LIMIT / 2.0);
            assert!(in_range(&group, dose) && !in_range(&group, 2.5 * dose));
            for squares in [[dose, 0.0, 0.0], [0.0, 0.0, dose], [dose / 3.0; 3]] {
                let mut after = group;
                advance(&mut after, &squares);
                for (y, before) in after.iter().zip(group) {
                    let single = squares.iter().fold(before, |y, square| y + square / y);
                    assert!((y / single - 1.0).abs() < 1e-15, "{before} {squares:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_unusual_is_in_range() {
        for bad in [f64::INFINITY, 0.0, -1.0, 1e-40, 1e40] {
            let mut group = [1.0; LANES];
            group[LANES - 1] = bad;
            assert!(!in_range(&group, 1.0), "{bad}");
        }
        assert!(!in_range(&[1.0; LANES], f64::INFINITY));
    }

    #[test]
    fn extremes_of_any_number_of_values() {
        for count in 0..70 {
            let values: Vec<f64> = (0..count).map(|i| f64::from((i * 37) % 71)).collect();
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(extremes(&values), (low, high));
        }
    }
}
