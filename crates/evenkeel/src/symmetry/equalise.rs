//! Making ELRs as equal as symmetries allow (T36).

use super::Symmetry;
use super::jacobi::{decompose, dot};
use crate::optimizer::Measure;
use crate::quantity::{Elr, RescaleFactor};
use crate::spread::Spread;

/// Singular values below this part of the largest are zero: directions that change no difference.
const ZERO: f64 = 1e-9;

/// What rescaling along the symmetries does to a network.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Equalised {
    /// What to multiply each weight by.
    pub factors: Vec<RescaleFactor>,
    /// The ELRs afterwards.
    pub elrs: Vec<Elr>,
    /// The spread before, over the parameters that count.
    pub before: Spread,
    /// The spread afterwards, over the same.
    pub after: Spread,
}

impl Equalised {
    /// The gauge part of the spread: the share of the variance of `ln E` that can be removed without
    /// changing the function. 1 if all ELRs can be made equal, 0 if nothing can be done or need be.
    pub fn gauge_share(&self) -> f64 {
        match self.before.std > 0.0 {
            true => (1.0 - (self.after.std / self.before.std).powi(2)).clamp(0.0, 1.0),
            false => 0.0,
        }
    }
}

/// The factors along `symmetries` that make the variance of `ln E` smallest, over the parameters that
/// `count`; of all such factors the ones closest to 1 (T36).
///
/// With a symmetry for every parameter by itself these are the factors of T22. Parameters that do not
/// count, such as gains of norms, are scaled with the others and may have any ELR. `symmetries`,
/// `elrs` and `counts` must be about the same parameters.
pub fn equalise(
    measure: Measure,
    symmetries: &[Symmetry],
    elrs: &[Elr],
    counts: &[bool],
) -> Equalised {
    let logs: Vec<f64> = elrs.iter().map(|elr| elr.ln()).collect();
    let spanning = orthonormal(symmetries);
    let differences = spanning
        .iter()
        .map(|vector| centred(vector, counts))
        .collect();
    let found = decompose(differences);
    let wanted = centred(&logs, counts);
    let largest = found.values.first().copied().unwrap_or(0.0);
    let mut ln_factors = vec![0.0; elrs.len()];
    for ((value, right), left) in found.values.iter().zip(&found.right).zip(&found.left) {
        if *value <= ZERO * largest {
            continue;
        }
        let along = dot(left, &wanted) / (value * value) / measure.power();
        for (vector, weight) in spanning.iter().zip(right) {
            ln_factors
                .iter_mut()
                .zip(vector)
                .for_each(|(f, x)| *f += along * weight * x);
        }
    }
    let after: Vec<f64> = logs
        .iter()
        .zip(&ln_factors)
        .map(|(x, f)| x - measure.power() * f)
        .collect();
    let counted = |values: &[f64]| -> Vec<f64> {
        let pairs = values.iter().zip(counts);
        pairs
            .filter(|(_, counts)| **counts)
            .map(|(x, _)| *x)
            .collect()
    };
    Equalised {
        factors: ln_factors.into_iter().map(RescaleFactor::from_ln).collect(),
        before: Spread::of_logs(&counted(&logs)),
        after: Spread::of_logs(&counted(&after)),
        elrs: after.into_iter().map(Elr::from_ln).collect(),
    }
}

/// An orthonormal basis of what symmetries span.
fn orthonormal(symmetries: &[Symmetry]) -> Vec<Vec<f64>> {
    let columns = symmetries.iter().map(|s| s.exponents().to_vec()).collect();
    let found = decompose(columns);
    let largest = found.values.first().copied().unwrap_or(0.0);
    let kept = found
        .left
        .iter()
        .zip(&found.values)
        .filter(|(_, value)| **value > ZERO * largest);
    kept.map(|(left, value)| left.iter().map(|x| x / value).collect())
        .collect()
}

/// The values less their mean over the parameters that count; zero for the others.
fn centred(values: &[f64], counts: &[bool]) -> Vec<f64> {
    let counted = || values.iter().zip(counts).filter(|(_, counts)| **counts);
    let mean = counted().map(|(x, _)| x).sum::<f64>() / counted().count().max(1) as f64;
    let centre = |(x, counts): (&f64, &bool)| if *counts { x - mean } else { 0.0 };
    values.iter().zip(counts).map(centre).collect()
}
