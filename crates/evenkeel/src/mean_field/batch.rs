//! How many samples a batch normalization sees.

use super::MeanFieldError;

/// The number of samples that are normalized together, or the limit of many.
///
/// In a convolutional network each position of each image is a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch(Option<u32>);

impl Batch {
    /// The limit of large batches.
    pub const LARGE: Self = Self(None);

    /// A batch of so many samples.
    ///
    /// # Errors
    /// [`MeanFieldError::Batch`] below 4. With `n = B − 1` degrees of freedom the mean of `1/χ²`,
    /// by which a gradient's square grows, is `1/(n − 2)`: at 3 samples there is none.
    pub fn of(samples: u32) -> Result<Self, MeanFieldError> {
        if samples < 4 {
            let given = samples.to_string();
            return Err(MeanFieldError::Batch { given });
        }
        Ok(Self(Some(samples)))
    }

    /// The number of samples `B`; `None` in the limit.
    pub fn samples(self) -> Option<f64> {
        self.0.map(f64::from)
    }

    /// The correlation `−1/(B − 1)` between two samples of a centred batch in which all are alike.
    pub fn correlation(self) -> f64 {
        self.samples().map_or(0.0, |samples| -1.0 / (samples - 1.0))
    }
}
