//! The same layers at very many rates.

use crate::constant::Constant;
use crate::{Logs, group};
use evenkeel::quantity::{Elr, LearningRate};

/// Layers times rates that are worked on at a time, in the fastest cache; one rate where there are
/// more layers.
const UNITS: usize = 2048;

/// What `steps` steps at each of the constant rates `lrs` make of the same layers: one [`Logs`] a
/// rate.
///
/// Layers and rates fill the vectors together, so that few layers at many rates are as fast as many
/// layers. Memory is 16 bytes a layer, or some 32 KiB.
pub fn grid(elrs: &[Elr], lrs: &[LearningRate], steps: usize) -> Vec<Logs> {
    if elrs.is_empty() {
        return vec![Logs::default(); lrs.len()];
    }
    let rows = (UNITS / elrs.len()).max(1);
    let mut inverses = Vec::with_capacity(rows * elrs.len());
    let mut rates = Vec::with_capacity(rows * elrs.len());
    let mut logs = Vec::with_capacity(lrs.len());
    for lrs in lrs.chunks(rows) {
        inverses.clear();
        rates.clear();
        for &lr in lrs {
            inverses.extend(elrs.iter().map(|elr| elr.get().recip()));
            rates.extend(std::iter::repeat_n(lr, elrs.len()));
        }
        group::advance(&mut inverses, |begin| {
            Constant::new(lanes(&rates[begin..]), steps)
        });
        logs.extend(inverses.chunks(elrs.len()).map(Logs::of_inverses));
    }
    logs
}

/// The first rates; none is needed where there are none left.
fn lanes<const N: usize>(lrs: &[LearningRate]) -> [LearningRate; N] {
    std::array::from_fn(|lane| lrs[lane.min(lrs.len() - 1)])
}
