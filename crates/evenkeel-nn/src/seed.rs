//! Random numbers: one seed fixes everything, and each use has a stream of its own.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;

/// The generator behind every random choice.
pub type Rng = ChaCha8Rng;

/// What random numbers are drawn for. Streams are independent, so drawing more for one use
/// changes no other.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Initial weights.
    Weights = 1,
    /// The order of training rows.
    Batches = 2,
    /// Crops and flips of training images.
    Augmentation = 3,
    /// Data that are made up.
    Data = 4,
    /// Gradients that are drawn.
    Walk = 5,
    /// Resampling of results.
    Bootstrap = 6,
    /// The rows that are evaluated.
    Evaluation = 7,
}

/// The generator for one purpose under a seed.
pub fn rng(seed: u64, purpose: Purpose) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64);
    rng
}
