//! Memory that results are written to, kept for the next step when they are dropped.
//!
//! A training step makes tensors of the same sizes as the one before. Asking the system for them each
//! time costs a page fault for every 4 KiB, and clearing them a pass over memory.

use std::collections::HashMap;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

use burn_flex::{FlexTensor, Layout};
use burn_std::{
    AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes, DType, Shape,
};
use bytemuck::{Pod, Zeroable};

/// One cache line, so that vectors never lie across two.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

type Lines = Vec<Line>;

/// Memory not in use, by its size in lines.
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
        let lines = count.div_ceil(16);
        let kept = self.lock().get_mut(&lines).and_then(Vec::pop);
        Numbers {
            lines: kept.unwrap_or_else(|| vec![Line::zeroed(); lines]),
            count,
            home: self.clone(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Vec<Lines>>> {
        // Nothing can be half done in there.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for some numbers. It goes back to where it came from when it is dropped.
pub struct Numbers {
    lines: Lines,
    count: usize,
    home: Memory,
}

impl Numbers {
    /// The numbers.
    pub fn as_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.count]
    }

    /// A tensor of them.
    ///
    /// # Panics
    /// When `shape` has another number of elements.
    pub fn into_tensor(self, shape: impl Into<Shape>) -> FlexTensor {
        let (shape, count) = (shape.into(), self.count);
        assert_eq!(shape.num_elements(), count);
        #[allow(
            unsafe_code,
            reason = "Burn's tensors take foreign memory in no other way"
        )]
        // SAFETY: all of the memory has been initialised, and it has room for `count` floats.
        let bytes = unsafe { Bytes::from_controller(Box::new(self), count * size_of::<f32>()) };
        FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        self.home.lock().entry(lines.len()).or_default().push(lines);
    }
}

impl AllocationController for Numbers {
    fn alloc_align(&self) -> usize {
        align_of::<Line>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Native
    }

    #[allow(unsafe_code, reason = "the trait asks for it")]
    unsafe fn memory_mut(
        &mut self,
        _policy: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.lines);
        let (start, length) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: the same memory for as long as `self` is borrowed; the caller promises to write
        // initialised bytes only.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.lines);
        // SAFETY: initialised bytes are a special case of those that may not be.
        #[allow(unsafe_code, reason = "there is no safe way to say so")]
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn_flex::FlexTensor;

    #[test]
    fn memory_comes_back_and_tensors_share_none() {
        let memory = Memory::default();
        let place = |tensor: &FlexTensor| tensor.storage::<f32>().as_ptr();
        let mut numbers = memory.numbers(33);
        numbers.as_mut().fill(1.5);
        let first = numbers.into_tensor([3, 11]);
        let copy = first.clone().into_data();
        let second = memory.numbers(33).into_tensor([33]);
        assert_ne!(place(&first), place(&second));
        assert_eq!(place(&first) as usize % 64, 0);
        let was = place(&first);
        drop(first);
        let mut third = memory.numbers(40);
        assert_eq!(third.as_mut().as_ptr(), was);
        third.as_mut().fill(2.0);
        assert_eq!(copy.iter::<f32>().collect::<Vec<_>>(), [1.5; 33]);
    }

    #[test]
    fn a_tensor_changed_in_place_is_changed_alone() {
        let mut numbers = Memory::default().numbers(4);
        numbers.as_mut().copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        let tensor = numbers.into_tensor([2, 2]);
        let mut other = tensor.clone();
        other.storage_mut::<f32>()[0] = 9.0;
        assert_eq!(tensor.storage::<f32>()[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(other.storage::<f32>()[..4], [9.0, 2.0, 3.0, 4.0]);
    }
}
