//! Training batches: every row once an epoch, in an order fixed by the seed.

use rand::seq::SliceRandom;

use crate::seed::{Purpose, Rng, rng};

/// An endless stream of batches of row numbers. The rows left over at the end of an epoch are
/// dropped, so that every batch has the same size.
#[derive(Debug)]
pub struct Batches {
    order: Vec<usize>,
    position: usize,
    size: usize,
    rng: Rng,
    drawn: u64,
}

impl Batches {
    /// Batches of `size` out of `rows`; `size` is at most `rows` in a valid spec.
    pub fn new(rows: usize, size: usize, seed: u64) -> Self {
        Self {
            order: (0..rows).collect(),
            position: rows,
            size,
            rng: rng(seed, Purpose::Batches),
            drawn: 0,
        }
    }

    /// The same stream after `drawn` batches: their count is all that there is to its state. Takes
    /// as long as shuffling the rows once for each epoch that has begun.
    pub fn restore(rows: usize, size: usize, seed: u64, drawn: u64) -> Self {
        let mut batches = Self::new(rows, size, seed);
        let in_epoch = (rows / size).max(1) as u64;
        for _ in 0..drawn.div_ceil(in_epoch) {
            batches.order.shuffle(&mut batches.rng);
        }
        if let Some(before) = drawn.checked_sub(1) {
            batches.position = (before % in_epoch + 1) as usize * size;
        }
        batches.drawn = drawn;
        batches
    }

    /// Number of batches drawn.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// Rows in a batch.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The rows of the next batch.
    pub fn next_rows(&mut self) -> &[usize] {
        if self.position + self.size > self.order.len() {
            self.order.shuffle(&mut self.rng);
            self.position = 0;
        }
        let rows = &self.order[self.position..self.position + self.size];
        self.position += self.size;
        self.drawn += 1;
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_rows_once_and_a_seed_fixes_the_order() {
        let mut batches = Batches::new(10, 3, 7);
        let mut again = Batches::new(10, 3, 7);
        let mut epoch: Vec<usize> = (0..3).flat_map(|_| batches.next_rows().to_vec()).collect();
        assert_eq!(
            epoch,
            (0..3)
                .flat_map(|_| again.next_rows().to_vec())
                .collect::<Vec<_>>()
        );
        epoch.sort_unstable();
        epoch.dedup();
        assert_eq!(epoch.len(), 9);
        assert_ne!(
            Batches::new(10, 3, 8).next_rows(),
            Batches::new(10, 3, 7).next_rows()
        );
    }
}
