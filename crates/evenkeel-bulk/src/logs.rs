//! What is worth knowing of very many `ln E`.

use evenkeel::spread::Spread;

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
    /// Of `ln E = −ln y`, in one pass. Sums are taken of the distance from the first, so that the
    /// variance does not suffer from a mean far from zero.
    pub(crate) fn of_inverses(inverses: &[f64]) -> Self {
        let mut logs = inverses.iter().map(|y| -y.ln());
        let Some(first) = logs.next() else {
            return Self::default();
        };
        let start = (0.0, 0.0, first, first);
        let (sum, squares, min, max) = logs.fold(start, |(sum, squares, min, max), x| {
            let away = x - first;
            (sum + away, squares + away * away, x.min(min), x.max(max))
        });
        let count = inverses.len() as f64;
        let mean: f64 = sum / count;
        Self {
            min,
            max,
            mean: first + mean,
            std: (squares / count - mean * mean).max(0.0).sqrt(),
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
