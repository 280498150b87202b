//! What mean field asks of an activation φ: eight averages over a batch.

/// Averages of a function `f` of a pre-activation over a batch in which all samples are alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// `E f(z₁)²`, of one sample.
    pub square: f64,
    /// `E f(z₁)f(z₂)`, of two samples.
    pub product: f64,
}

/// The averages of φ, of its slope and of both together. In the limit of large batches `z` is
/// standard normal and samples are independent; in a batch of `B` the vector of all `z` is uniform
/// on the sphere of radius `√B` in the space of centred vectors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Of `φ(z)`.
    pub value: Average,
    /// Of `φ′(z)`.
    pub slope: Average,
    /// Of `zφ′(z)`.
    pub tangent: Average,
    /// Of `φ(z)` again, but with `z₁²` in both averages.
    pub weighted: Average,
}

impl Moments {
    /// `E φ(z₁)² − E φ(z₁)φ(z₂)`: the variance of an activation over the batch, up to `1 − 1/B`.
    pub fn variance(&self) -> f64 {
        self.value.square - self.value.product
    }
}
