//! Buffers of `f32` that return to their pool when they are dropped.
//!
//! A training step needs the same sizes as the step before. Allocating them again would cost a page
//! fault for every 4 KiB, and clearing them a pass over memory.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::{Pod, Zeroable};

/// Numbers in a cache line.
pub const CACHE_LINE: usize = 16;

/// One cache line. Buffers are made of whole lines, so no vector load crosses a line boundary.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Line([f32; CACHE_LINE]);

type Lines = Vec<Line>;

/// A pool of buffers, by size. Clones share it.
#[derive(Clone, Default)]
pub struct BufferPool {
    /// Free buffers by their number of lines.
    free: Arc<Mutex<HashMap<usize, Vec<Lines>>>>,
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
        let kept = self.lock().get_mut(&lines).and_then(Vec::pop);
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

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Vec<Lines>>> {
        // Every update of the map is complete when the lock is released, even by a panic.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.pool.lock().entry(lines.len()).or_default().push(lines);
    }
}
