//! Pooled buffers as Burn tensors.

use std::mem::MaybeUninit;

use burn_flex::{FlexTensor, Layout};
use burn_std::{
    AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes, DType, Shape,
};
use evenkeel_kernels::threads::{Line, PooledBuffer};

/// A tensor that owns a pooled buffer.
///
/// # Panics
/// When `shape` has another number of elements.
pub(crate) fn tensor(buffer: PooledBuffer, shape: impl Into<Shape>) -> FlexTensor {
    let (shape, count) = (shape.into(), buffer.len());
    assert_eq!(shape.num_elements(), count);
    #[allow(
        unsafe_code,
        reason = "Burn's tensors accept foreign memory in no other way"
    )]
    // SAFETY: the memory is initialised and holds at least `count` floats.
    let bytes =
        unsafe { Bytes::from_controller(Box::new(Pooled(buffer)), count * size_of::<f32>()) };
    FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
}

/// A buffer that Burn owns; dropping it returns the memory to the pool.
struct Pooled(PooledBuffer);

impl AllocationController for Pooled {
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
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(self.0.lines_mut());
        let (start, length) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: the slice covers the same memory and borrows `self`; the caller promises to write
        // initialised bytes only.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(self.0.lines());
        // SAFETY: initialised bytes are valid `MaybeUninit` bytes.
        #[allow(unsafe_code, reason = "no safe conversion exists")]
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_kernels::threads::BufferPool;

    #[test]
    fn memory_is_reused_and_never_shared() {
        let buffers = BufferPool::default();
        let place = |tensor: &FlexTensor| tensor.storage::<f32>().as_ptr();
        let mut numbers = buffers.take(33);
        numbers.fill(1.5);
        let first = tensor(numbers, [3, 11]);
        let copy = first.clone().into_data();
        let second = tensor(buffers.take(33), [33]);
        assert_ne!(place(&first), place(&second));
        assert_eq!(place(&first) as usize % 64, 0);
        let was = place(&first);
        drop(first);
        let mut third = buffers.take(40);
        assert_eq!(third.as_ptr(), was);
        third.fill(2.0);
        assert_eq!(copy.iter::<f32>().collect::<Vec<_>>(), [1.5; 33]);
    }

    #[test]
    fn a_clone_that_is_changed_in_place_leaves_the_original() {
        let mut numbers = BufferPool::default().take(4);
        numbers.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        let ours = tensor(numbers, [2, 2]);
        let mut other = ours.clone();
        other.storage_mut::<f32>()[0] = 9.0;
        assert_eq!(ours.storage::<f32>()[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(other.storage::<f32>()[..4], [9.0, 2.0, 3.0, 4.0]);
    }
}
