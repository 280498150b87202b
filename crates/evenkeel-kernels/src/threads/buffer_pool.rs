//! Buffers of `f32` that return to their pool when they are dropped.
//!
//! A training step needs the same sizes as the step before. Allocating them again would cost a page
//! fault for every 4 KiB, and clearing them a pass over memory.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::{Pod, Zeroable};

use super::shelves::Shelves;

/// Numbers in a cache line.
pub const CACHE_LINE: usize = 16;

/// One cache line. Buffers are made of whole lines, so no vector load crosses a line boundary.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Line([f32; CACHE_LINE]);

pub(super) type Lines = Vec<Line>;

/// A pool of buffers, by size. Clones share it.
///
/// Buffers in use and free buffers together never exceed twice the largest amount that was in use
/// at once. Beyond that, buffers of the size that was requested longest ago are freed.
#[derive(Clone, Default)]
pub struct BufferPool {
    shelves: Arc<Mutex<Shelves>>,
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("BufferPool")
    }
}

impl BufferPool {
    /// A buffer of `count` numbers with arbitrary contents.
    pub fn take(&self, count: usize) -> PooledBuffer {
        let lines = count.div_ceil(CACHE_LINE);
        let kept = self.lock().take(lines);
        PooledBuffer {
            lines: kept.unwrap_or_else(|| vec![Line::zeroed(); lines]),
            count,
            pool: self.clone(),
        }
    }

    /// A buffer of `count` zeros.
    pub fn take_zeroed(&self, count: usize) -> PooledBuffer {
        let mut buffer = self.take(count);
        buffer.fill(0.0);
        buffer
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        // Every update of the shelves is complete when the lock is released, even by a panic.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slice of `f32` aligned to cache lines; its memory returns to the pool on drop.
#[derive(Debug)]
pub struct PooledBuffer {
    lines: Lines,
    count: usize,
    pool: BufferPool,
}

impl PooledBuffer {
    /// The memory as whole cache lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The memory as whole cache lines, mutable.
    pub fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }
}

impl Deref for PooledBuffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.count]
    }
}

impl DerefMut for PooledBuffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.count]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // The excess is freed after the lock is released.
        let _excess = self.pool.lock().put_back(lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The buffers of a step: two at once, then a third one.
    fn step(pool: &BufferPool, sizes: [usize; 3]) -> [*const f32; 3] {
        let [a, b] = [sizes[0], sizes[1]].map(|count| pool.take(count));
        let places = [a.as_ptr(), b.as_ptr()];
        drop((a, b));
        [places[0], places[1], pool.take(sizes[2]).as_ptr()]
    }

    #[test]
    fn a_step_that_repeats_allocates_nothing() {
        let pool = BufferPool::default();
        let first = step(&pool, [1000, 2000, 3000]);
        for _ in 0..3 {
            assert_eq!(step(&pool, [1000, 2000, 3000]), first);
        }
    }

    #[test]
    fn free_memory_is_bounded_by_what_was_in_use() {
        let pool = BufferPool::default();
        for count in 1..200 {
            step(&pool, [160 * count, 16, 320 * count]);
            let (free, peak) = pool.lock().free_and_peak();
            assert!(free <= 2 * peak, "{free} lines after a peak of {peak}");
        }
    }
}
