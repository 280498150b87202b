//! The layers that decide a warm-up: the two fastest and the slowest.
//!
//! Up to the critical rate of the two fastest (T8, T12) no pair flips, so that those three stay who
//! they are and their own steps say what a look at all layers would find. Beyond it a look is
//! needed, which is taken in the same pass as the step.

use crate::group::LIMIT;
use crate::rates::in_range;
use crate::wide::wide;
use evenkeel::quantity::Elr;

/// The ELRs that warm-up policies look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// `E_min`.
    pub slowest: Elr,
    /// `E₍₂₎`, the largest but one; `E_max` itself where there is one layer only.
    pub second: Elr,
    /// `E_max`.
    pub fastest: Elr,
}

/// The same as inverses: the two smallest `y` and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranks {
    first: f64,
    second: f64,
    last: f64,
}

/// By how much, relatively, a `λ²` may exceed the critical one and count as that, rounded.
const ROUNDING: f64 = 1e-12;

impl Ranks {
    /// Meaningless without values.
    pub fn of(inverses: &[f64]) -> Self {
        wide(
            #[inline(always)]
            || {
                let mut seen = Seen::NOTHING;
                let (chunks, rest) = inverses.as_chunks::<WIDTH>();
                for chunk in chunks {
                    seen.look(chunk);
                }
                for y in rest {
                    seen.look(&[*y]);
                }
                seen.ranks()
            },
        )
    }

    /// One step of `λ² = square` for all `inverses`, which must be in range, and what it leads to.
    pub fn after_step(inverses: &mut [f64], square: f64) -> Self {
        wide(
            #[inline(always)]
            || {
                let mut seen = Seen::NOTHING;
                let (chunks, rest) = inverses.as_chunks_mut::<WIDTH>();
                for chunk in chunks {
                    *chunk = chunk.map(|y| y + square / y);
                    seen.look(chunk);
                }
                for y in rest {
                    *y += square / *y;
                    seen.look(&[*y]);
                }
                seen.ranks()
            },
        )
    }

    /// What a step of `λ² = square` leads to, if it is known without a look: where it flips no
    /// pair.
    pub fn foreseen(self, square: f64) -> Option<Self> {
        let critical = self.first * self.second * (1.0 + ROUNDING);
        (square <= critical && self.in_range(square)).then(|| {
            let [a, b, last] = [self.first, self.second, self.last].map(|y| y + square / y);
            Self {
                first: a.min(b),
                second: a.max(b),
                last,
            }
        })
    }

    /// Whether a step of all layers is within the range of plain arithmetic.
    pub fn in_range(self, square: f64) -> bool {
        [self.first, self.last]
            .iter()
            .all(|&y| in_range(y, square, LIMIT))
    }

    pub fn extremes(self) -> Extremes {
        let elr = |y: f64| Elr::saturating(y.recip());
        Extremes {
            slowest: elr(self.last),
            second: elr(self.second),
            fastest: elr(self.first),
        }
    }
}

/// Running extremes: several of each, because one alone would wait for itself.
const WIDTH: usize = 16;

struct Seen {
    first: [f64; WIDTH],
    second: [f64; WIDTH],
    last: [f64; WIDTH],
}

impl Seen {
    const NOTHING: Self = Self {
        first: [f64::INFINITY; WIDTH],
        second: [f64::INFINITY; WIDTH],
        last: [f64::NEG_INFINITY; WIDTH],
    };

    #[inline(always)]
    fn look<const N: usize>(&mut self, values: &[f64; N]) {
        for (lane, &y) in values.iter().enumerate() {
            self.second[lane] = lower(self.second[lane], higher(self.first[lane], y));
            self.first[lane] = lower(self.first[lane], y);
            self.last[lane] = higher(self.last[lane], y);
        }
    }

    #[inline(always)]
    fn ranks(&self) -> Ranks {
        let mut all = Seen::NOTHING;
        for y in self.first.into_iter().chain(self.second) {
            all.look(&[y]);
        }
        let (first, second) = (all.first[0], all.second[0]);
        Ranks {
            first,
            second: if second == f64::INFINITY {
                first
            } else {
                second
            },
            last: self.last.into_iter().fold(f64::NEG_INFINITY, higher),
        }
    }
}

/// Comparisons rather than `f64::min`, because they are one instruction where NaN needs no care.
#[inline(always)]
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn higher(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 1/e to e in no order.
    fn values(count: usize) -> Vec<f64> {
        (0..count)
            .map(|i| (i as f64 * 1.7 + 1.0).sin().exp())
            .collect()
    }

    fn by_sorting(values: &[f64]) -> Ranks {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ranks {
            first: sorted[0],
            second: *sorted.get(1).unwrap_or(&sorted[0]),
            last: sorted[sorted.len() - 1],
        }
    }

    #[test]
    fn ranks_of_any_number_of_values() {
        for count in 1..4 * WIDTH {
            let mut values = values(count);
            assert_eq!(Ranks::of(&values), by_sorting(&values), "{count}");
            let last = values.len() - 1;
            values[0] = values[last];
            assert_eq!(Ranks::of(&values), by_sorting(&values), "{count}");
        }
    }

    #[test]
    fn a_look_after_a_step_sees_what_the_step_left() {
        for (count, square) in [(1, 0.3), (WIDTH, 1.0), (5 * WIDTH + 3, 7.0)] {
            let mut values = values(count);
            let expected: Vec<f64> = values.iter().map(|y| y + square / y).collect();
            let ranks = Ranks::after_step(&mut values, square);
            assert_eq!(values, expected);
            assert_eq!(ranks, by_sorting(&expected));
        }
    }

    #[test]
    fn what_is_foreseen_comes_true_and_ends_where_a_pair_flips() {
        let values = values(50);
        let now = Ranks::of(&values);
        let critical = now.first * now.second;
        for share in [0.0, 1e-9, 0.1, 0.9, 1.0] {
            let square = share * critical;
            let after: Vec<f64> = values.iter().map(|y| y + square / y).collect();
            assert_eq!(now.foreseen(square), Some(by_sorting(&after)), "{share}");
        }
        for share in [1.0 + 1e-9, 1e9, f64::INFINITY] {
            assert_eq!(now.foreseen(share * critical), None, "{share}");
        }
    }
}
