//! What a run is trained on, batch by batch: rows in their order, augmented. Everything follows
//! from the specification and the number of batches drawn before.

mod prefetch;

use std::sync::Arc;

use crate::augment::Augmentation;
use crate::batches::Batches;
use crate::dataset::{Batch, Dataset};
use crate::spec::RunSpec;

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
    /// The batches of a spec from the first on.
    pub fn new(spec: &RunSpec) -> Self {
        Self::restore(spec, 0)
    }

    /// The batches of a spec that follow the first `drawn`.
    pub fn restore(spec: &RunSpec, drawn: u64) -> Self {
        let (rows, size, seed) = (spec.data.train.len(), spec.raw.batch_size, spec.raw.seed);
        Self {
            data: Arc::clone(&spec.data),
            batches: Batches::restore(rows, size, seed, drawn),
            augmentation: spec.augmentation,
            seed,
        }
    }

    /// How many batches were drawn.
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
