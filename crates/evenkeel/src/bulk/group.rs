//! Groups of layers that go through the same steps together.

use super::rates::Rates;
use super::triple::{self, SINGLE, TRIPLE};
use super::wide::wide;
use crate::quantity::Elr;
use crate::recurrence::sgd;

/// Layers that are advanced together, in registers: enough of them to hide the time that one
/// division takes behind the others.
pub const LANES: usize = 32;

/// Advances `inverses` group by group, at the `rates` of the group that begins at an index.
pub(super) fn advance<R: Rates>(inverses: &mut [f64], rates: impl Fn(usize) -> R) {
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

#[inline(always)]
fn advance_group(group: &mut [f64; LANES], rates: &impl Rates) {
    let start = *group;
    triple::advance(group, rates);
    if !all_in_range(&start, rates) {
        again(&start, group, rates);
    }
}

#[inline(always)]
fn all_in_range(group: &[f64; LANES], rates: &impl Rates) -> bool {
    let lanes = group.iter().enumerate();
    lanes.fold(true, |all, (lane, &y)| {
        all & triple::in_range(y, rates.dose(lane), TRIPLE)
    })
}

/// Lanes out of range start again, the others stay: none depends on its neighbours, not even in the
/// last bit.
#[inline(never)]
fn again(start: &[f64; LANES], group: &mut [f64; LANES], rates: &impl Rates) {
    let mut single = *start;
    wide(
        #[inline(always)]
        || triple::advance_singly(&mut single, rates, 0),
    );
    for (lane, &y) in start.iter().enumerate() {
        let dose = rates.dose(lane);
        if triple::in_range(y, dose, TRIPLE) {
            continue;
        }
        group[lane] = if triple::in_range(y, dose, SINGLE) {
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
