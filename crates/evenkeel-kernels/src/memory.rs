//! Memory for results and for work in progress, kept for the next step when it is dropped.
//!
//! A training step asks for the same sizes as the one before. Asking the system for them each time costs a
//! page fault for every 4 KiB, and clearing them a pass over memory.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytemuck::{Pod, Zeroable};

/// Numbers in a cache line.
pub const LINE: usize = 16;

/// One cache line, so that vectors never lie across two.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Line([f32; LINE]);

type Lines = Vec<Line>;

/// Memory not in use, by its size in lines. Clones share it.
#[derive(Clone, Default)]
pub struct Memory {
    free: Arc<Mutex<HashMap<usize, Vec<Lines>>>>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Memory {
    /// Room for `count` numbers, which may be anything.
    pub fn numbers(&self, count: usize) -> Numbers {
        let lines = count.div_ceil(LINE);
        let kept = self.lock().get_mut(&lines).and_then(Vec::pop);
        Numbers {
            lines: kept.unwrap_or_else(|| vec![Line::zeroed(); lines]),
            count,
            home: self.clone(),
        }
    }

    /// Room for `count` zeros.
    pub fn zeros(&self, count: usize) -> Numbers {
        let mut numbers = self.numbers(count);
        numbers.fill(0.0);
        numbers
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Vec<Lines>>> {
        // Nothing can be half done in there.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for some numbers. It goes back to where it came from when it is dropped.
#[derive(Debug)]
pub struct Numbers {
    lines: Lines,
    count: usize,
    home: Memory,
}

impl Numbers {
    /// All of the memory, whole lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// All of the memory, whole lines.
    pub fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }
}

impl Deref for Numbers {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.count]
    }
}

impl DerefMut for Numbers {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.count]
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.home.lock().entry(lines.len()).or_default().push(lines);
    }
}
