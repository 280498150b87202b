//! The free buffers of a pool, and the bound on their number.

use std::collections::HashMap;

use super::buffer_pool::Lines;

/// Free buffers by size. Amounts are in cache lines.
#[derive(Default)]
pub(super) struct Shelves {
    by_size: HashMap<usize, Shelf>,
    /// The amount in free buffers.
    free: usize,
    /// The amount in use.
    used: usize,
    /// The largest amount that was in use at once.
    peak: usize,
    /// Counts requests.
    clock: u64,
}

/// The free buffers of one size.
#[derive(Default)]
struct Shelf {
    buffers: Vec<Lines>,
    /// The request that asked for this size last.
    last_request: u64,
}

impl Shelves {
    /// Records a request for a buffer and returns a free one of that size, if there is any.
    pub(super) fn take(&mut self, size: usize) -> Option<Lines> {
        self.clock += 1;
        self.used += size;
        self.peak = self.peak.max(self.used);
        let shelf = self.by_size.entry(size).or_default();
        shelf.last_request = self.clock;
        let buffer = shelf.buffers.pop()?;
        self.free -= size;
        Some(buffer)
    }

    /// Keeps a buffer that is no longer in use; returns the buffers to free.
    pub(super) fn put_back(&mut self, buffer: Lines) -> Vec<Lines> {
        let size = buffer.len();
        self.used -= size;
        self.free += size;
        self.by_size.entry(size).or_default().buffers.push(buffer);
        let mut excess = Vec::new();
        while self.used + self.free > 2 * self.peak {
            excess.extend(self.evict());
        }
        excess
    }

    /// Removes the free buffers of the size that was requested longest ago.
    fn evict(&mut self) -> Vec<Lines> {
        let filled = self.by_size.iter().filter(|(_, s)| !s.buffers.is_empty());
        let (&size, _) = filled
            .min_by_key(|(_, shelf)| shelf.last_request)
            .expect("free memory beyond the bound lies on some shelf");
        let shelf = self.by_size.remove(&size).expect("the size was just found");
        self.free -= size * shelf.buffers.len();
        shelf.buffers
    }

    #[cfg(test)]
    pub(super) fn free_and_peak(&self) -> (usize, usize) {
        (self.free, self.peak)
    }
}
