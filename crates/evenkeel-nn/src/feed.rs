//! What a run is trained on, batch by batch: rows in their order, augmented. Everything follows
//! from the data, the seed and the number of batches drawn before.

pub mod batches;
mod prefetch;

use std::sync::Arc;

use crate::augment::Augmentation;
use crate::dataset::{Batch, Dataset};
use batches::Batches;

pub use prefetch::Prefetch;

/// An endless stream of training batches.
#[derive(Debug)]
pub struct Feed {
    data: Arc<Dataset>,
    batches: Batches,
    augmentation: Augmentation,
    seed: u64,
}

impl Feed {
    /// Batches of `size` rows that follow the first `drawn`.
    pub fn restore(
        data: Arc<Dataset>,
        augmentation: Augmentation,
        size: usize,
        seed: u64,
        drawn: u64,
    ) -> Self {
        Self {
            batches: Batches::restore(data.train.len(), size, seed, drawn),
            data,
            augmentation,
            seed,
        }
    }

    /// Number of batches drawn.
    pub fn drawn(&self) -> u64 {
        self.batches.drawn()
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Batch {
        let first = self.batches.drawn() * self.batches.size() as u64;
        let transforms = self.augmentation.transforms(self.seed, first);
        self.data.train.gather(self.batches.next_rows(), transforms)
    }
}
