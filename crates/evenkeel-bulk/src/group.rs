//! Groups of layers that go through the same steps together.

use crate::rates::{Rates, in_range};
use crate::wide::wide;
use evenkeel::quantity::Elr;
use evenkeel::recurrence::sgd;

/// Layers that are advanced together, in registers: many, to hide the time that one division takes
/// behind the others, but no more than ten of the sixteen AVX2 registers hold, as six are needed
/// for three `λ²` and what is being computed.
pub const LANES: usize = 40;

/// The largest `y`, and the inverse of the smallest, whose square is a normal number.
pub(crate) const LIMIT: f64 = 1e150;

/// Steps from which on it pays to take several at a time, with a root at the end.
const WORTHWHILE: usize = 12;

/// Advances `inverses` group by group, at the `rates` of the group that begins at an index.
pub(crate) fn advance<R: Rates>(inverses: &mut [f64], rates: impl Fn(usize) -> R) {
    wide(
        #[inline(always)]
        || {
            let (groups, rest) = inverses.as_chunks_mut::<LANES>();
            let done = groups.len() * LANES;
            for (index, group) in groups.iter_mut().enumerate() {
                advance_group(group, &rates(index * LANES));
            }
            if let Some(&first) = rest.first() {
                let mut group = [first; LANES];
                group[..rest.len()].copy_from_slice(rest);
                advance_group(&mut group, &rates(done));
                rest.copy_from_slice(&group[..rest.len()]);
            }
        },
    );
}

/// Lanes that the fast way does not suit start again, the others stay: none depends on its
/// neighbours, not even in the last bit.
#[inline(always)]
pub(crate) fn advance_group(group: &mut [f64; LANES], rates: &impl Rates) {
    let start = *group;
    let few = rates.steps() < WORTHWHILE;
    if few {
        singly(group, rates);
    } else {
        rates.several(group);
    }
    let suits = |lane: usize, y: f64| {
        if few {
            in_range(y, rates.dose(lane), LIMIT)
        } else {
            rates.suits(lane, y)
        }
    };
    let lanes = start.iter().enumerate();
    if !lanes.fold(true, |all, (lane, &y)| all & suits(lane, y)) {
        again(&start, group, rates, suits);
    }
}

/// All steps of all lanes, one at a time.
#[inline(always)]
fn singly(group: &mut [f64; LANES], rates: &impl Rates) {
    // A copy, because the compiler keeps a local array in registers and a borrowed one in memory.
    let mut local = *group;
    for square in rates.squares() {
        for (lane, y) in local.iter_mut().enumerate() {
            *y += square(lane) / *y;
        }
    }
    *group = local;
}

#[inline(never)]
fn again(
    start: &[f64; LANES],
    group: &mut [f64; LANES],
    rates: &impl Rates,
    suits: impl Fn(usize, f64) -> bool,
) {
    let mut single = *start;
    wide(
        #[inline(always)]
        || singly(&mut single, rates),
    );
    for (lane, &y) in start.iter().enumerate() {
        if suits(lane, y) {
            continue;
        }
        group[lane] = if in_range(y, rates.dose(lane), LIMIT) {
            single[lane]
        } else {
            saturating(y, lane, rates)
        };
    }
}

/// One lane over the whole range of `f64`.
fn saturating(y: f64, lane: usize, rates: &impl Rates) -> f64 {
    let start = Elr::saturating(y.recip());
    let end = (0..rates.steps()).fold(start, |elr, step| sgd::elr(elr, rates.lr(step, lane)));
    end.get().recip()
}
