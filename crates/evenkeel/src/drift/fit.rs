//! The model's numbers from what a run has logged.

use std::cmp::Ordering;

use thiserror::Error;

use super::Drift;

/// What was measured, and how well it describes the run.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Fit {
    /// The model's numbers.
    pub drift: Drift,
    /// Steps that it was fitted to.
    pub steps: usize,
    /// The angle turned over them, in radians, mean over layers.
    pub path: f64,
    /// The share of the variance over steps of the mean gain that the model explains; at most 1.
    pub explained: f64,
    /// How changes of gains from one step to the next correlate between neighbouring layers. The
    /// model says 0; base gradients themselves would give a number near 1.
    pub neighbours: f64,
    /// The same for changes since the start.
    pub neighbours_since_start: f64,
}

/// A history that says nothing about drift.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// Too few layers or steps.
    #[error("drift needs at least {needed} {what}, but there are {given}; log more of them")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A row with another number of layers than the first one, or a base gradient that has no
    /// logarithm.
    #[error(
        "step {step}: base gradients must be positive and finite, one for each of {layers} layers"
    )]
    Unusable {
        /// The row, from 0.
        step: usize,
        /// Layers of the first row.
        layers: usize,
    },
    /// Weights that never turn.
    #[error(
        "no weight turned in {steps} steps, so nothing can be said of drift; use a learning rate above 0"
    )]
    Still {
        /// Steps looked at.
        steps: usize,
    },
}

/// Least number of layers: the scatter over gains needs a few of them.
const LAYERS: usize = 3;
/// Least number of steps.
const STEPS: usize = 3;
/// Reaches tried: from 1/20 radian to five, evenly in the logarithm.
const REACHES: usize = 200;
const SHORTEST: f64 = 0.05;
const LONGEST: f64 = 5.0;

/// Fits T24 to a run: a row `c_l` of base gradients for each step, and the path `P` turned before
/// it.
///
/// The noise is the median over steps of the variance over layers of `h_k(t + 1) − h_k(t)`, halved.
/// Shift and reach are least squares on the mean change of gains; the scatter is what is left of the
/// variance over layers of `h_k(t) − h_k(0)` when the noise is taken off.
///
/// # Errors
/// [`FitError`] when there is too little to fit, or a base gradient is zero or not finite.
pub fn fit(base_gradients: &[Vec<f64>], path: &[f64]) -> Result<Fit, FitError> {
    let rows = base_gradients.len().min(path.len());
    let gains = gains(&base_gradients[..rows])?;
    let steps = rows - 1;
    // Not `<= 0`: a path that is no number says as little.
    if path[steps].partial_cmp(&0.0) != Some(Ordering::Greater) {
        return Err(FitError::Still { steps });
    }
    let since_start = || (1..=steps).map(|step| (&gains[step], &gains[0]));
    let one_step = || (0..steps).map(|step| (&gains[step + 1], &gains[step]));
    let changes: Vec<(f64, f64)> = since_start().map(mean_and_variance).collect();
    let path = &path[1..=steps];

    let noise_variance = 0.5 * median(one_step().map(|pair| mean_and_variance(pair).1));
    let (reach, shift, missed) = best_relaxation(&changes, path);
    let relaxed = Drift {
        shift,
        reach,
        ..Drift::NONE
    };
    Ok(Fit {
        drift: Drift {
            scatter: scatter(&relaxed, &changes, path, noise_variance),
            noise: noise_variance.sqrt(),
            ..relaxed
        },
        steps,
        path: path[steps - 1],
        explained: 1.0 - share(missed, &changes),
        neighbours: neighbours(one_step()),
        neighbours_since_start: neighbours(since_start()),
    })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What is left of the variances over layers without the noise, per squared progress.
fn scatter(relaxed: &Drift, changes: &[(f64, f64)], path: &[f64], noise_variance: f64) -> f64 {
    let excess: f64 = changes
        .iter()
        .map(|change| change.1 - 2.0 * noise_variance)
        .sum();
    let progress: f64 = path
        .iter()
        .map(|&path| relaxed.progress(path).powi(2))
        .sum();
    (excess / progress).max(0.0).sqrt()
}

/// The share of the variance over steps of the mean changes; none of none.
fn share(missed: f64, changes: &[(f64, f64)]) -> f64 {
    let mean = changes.iter().map(|change| change.0).sum::<f64>() / changes.len() as f64;
    let total: f64 = changes.iter().map(|change| (change.0 - mean).powi(2)).sum();
    if total > 0.0 { missed / total } else { 0.0 }
}

/// The reach and shift that fit best, and the sum of squares that they miss.
fn best_relaxation(changes: &[(f64, f64)], path: &[f64]) -> (f64, f64, f64) {
    let reach = |index: usize| {
        let share = index as f64 / (REACHES - 1) as f64;
        SHORTEST * (LONGEST / SHORTEST).powf(share)
    };
    let fits = (0..REACHES).map(|index| relaxation(changes, path, reach(index)));
    fits.min_by(|a, b| a.2.total_cmp(&b.2))
        .unwrap_or((1.0, 0.0, 0.0))
}

/// The shift that fits best at this reach: `(reach, shift, sum of squares missed)`.
fn relaxation(changes: &[(f64, f64)], path: &[f64], reach: f64) -> (f64, f64, f64) {
    let drift = Drift {
        reach,
        ..Drift::NONE
    };
    let pairs = || {
        let progress = path.iter().map(|&path| drift.progress(path));
        progress.zip(changes.iter().map(|change| change.0))
    };
    let weight: f64 = pairs().map(|(s, _)| s * s).sum();
    let shift = pairs().map(|(s, mean)| s * mean).sum::<f64>() / weight.max(f64::MIN_POSITIVE);
    let missed = pairs().map(|(s, mean)| (mean - shift * s).powi(2)).sum();
    (reach, shift, missed)
}

/// The gains `h_k = ln c_k − ln c_{k+1}` of each row.
fn gains(base_gradients: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, FitError> {
    let too_few = |what, given, needed| {
        Err(FitError::TooFew {
            what,
            given,
            needed,
        })
    };
    let layers = base_gradients.first().map_or(0, Vec::len);
    if layers < LAYERS {
        return too_few("layers", layers, LAYERS);
    }
    if base_gradients.len() < STEPS {
        return too_few("steps", base_gradients.len(), STEPS);
    }
    let of_row = |(step, row): (usize, &Vec<f64>)| {
        let usable = row.len() == layers && row.iter().all(|c| *c > 0.0 && c.is_finite());
        match usable {
            true => Ok(row.windows(2).map(|c| c[0].ln() - c[1].ln()).collect()),
            false => Err(FitError::Unusable { step, layers }),
        }
    };
    base_gradients.iter().enumerate().map(of_row).collect()
}

/// Mean and variance over layers of the change from `before` to `now`.
fn mean_and_variance((now, before): (&Vec<f64>, &Vec<f64>)) -> (f64, f64) {
    let changes = || now.iter().zip(before).map(|(now, before)| now - before);
    let count = now.len() as f64;
    let mean = changes().sum::<f64>() / count;
    (
        mean,
        changes().map(|x| (x - mean).powi(2)).sum::<f64>() / count,
    )
}

/// The correlation between neighbouring layers of the changes of gains, each about its mean over
/// layers; 0 when nothing changes.
fn neighbours<'a>(pairs: impl Iterator<Item = (&'a Vec<f64>, &'a Vec<f64>)>) -> f64 {
    let (mut product, mut square) = (0.0, 0.0);
    for (now, before) in pairs {
        let (mean, variance) = mean_and_variance((now, before));
        let changes: Vec<f64> = now
            .iter()
            .zip(before)
            .map(|(now, before)| now - before - mean)
            .collect();
        let count = changes.len() as f64;
        product += changes
            .windows(2)
            .map(|pair| pair[0] * pair[1])
            .sum::<f64>()
            / (count - 1.0);
        square += variance;
    }
    if square > 0.0 { product / square } else { 0.0 }
}
