//! What is worth knowing of very many `ln E`.

use crate::spread::Spread;

/// The distribution of `x = ln E` over layers, in four numbers. All are zero without layers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Logs {
    /// The smallest `x`.
    pub min: f64,
    /// The largest `x`.
    pub max: f64,
    /// The mean of `x`: the logarithm of the geometric mean.
    pub mean: f64,
    /// The population standard deviation of `x`.
    pub std: f64,
}

impl Logs {
    /// In two passes, so that the deviations are taken from the true mean.
    pub(super) fn of(logs: impl Iterator<Item = f64> + Clone) -> Self {
        let start = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
        let (count, sum, min, max) = logs.clone().fold(start, |(count, sum, min, max), x| {
            (count + 1.0, sum + x, x.min(min), x.max(max))
        });
        if count == 0.0 {
            return Self::default();
        }
        let mean: f64 = sum / count;
        let variance = logs.map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        Self {
            min,
            max,
            mean,
            std: variance.sqrt(),
        }
    }

    /// The same as a [`Spread`] (T3).
    pub fn spread(self) -> Spread {
        Spread {
            std: self.std,
            range: self.max - self.min,
        }
    }
}
