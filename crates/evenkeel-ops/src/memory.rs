//! Memory that is kept from step to step, as Burn's tensors.

use std::mem::MaybeUninit;

use burn_flex::{FlexTensor, Layout};
use burn_std::{
    AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes, DType, Shape,
};
use evenkeel_kernels::memory::{Line, Numbers};

/// A tensor of some numbers.
///
/// # Panics
/// When `shape` has another number of elements.
pub(crate) fn tensor(numbers: Numbers, shape: impl Into<Shape>) -> FlexTensor {
    let (shape, count) = (shape.into(), numbers.len());
    assert_eq!(shape.num_elements(), count);
    #[allow(
        unsafe_code,
        reason = "Burn's tensors take foreign memory in no other way"
    )]
    // SAFETY: all of the memory has been initialised, and it has room for `count` floats.
    let bytes =
        unsafe { Bytes::from_controller(Box::new(Kept(numbers)), count * size_of::<f32>()) };
    FlexTensor::new(bytes, Layout::contiguous(shape), DType::F32)
}

/// Numbers in the hands of Burn.
struct Kept(Numbers);

impl AllocationController for Kept {
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
        // SAFETY: the same memory for as long as `self` is borrowed; the caller promises to write
        // initialised bytes only.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let bytes: &[u8] = bytemuck::cast_slice(self.0.lines());
        // SAFETY: initialised bytes are a special case of those that may not be.
        #[allow(unsafe_code, reason = "there is no safe way to say so")]
        Ok(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_kernels::memory::Memory;

    #[test]
    fn memory_comes_back_and_tensors_share_none() {
        let memory = Memory::default();
        let place = |tensor: &FlexTensor| tensor.storage::<f32>().as_ptr();
        let mut numbers = memory.numbers(33);
        numbers.fill(1.5);
        let first = tensor(numbers, [3, 11]);
        let copy = first.clone().into_data();
        let second = tensor(memory.numbers(33), [33]);
        assert_ne!(place(&first), place(&second));
        assert_eq!(place(&first) as usize % 64, 0);
        let was = place(&first);
        drop(first);
        let mut third = memory.numbers(40);
        assert_eq!(third.as_ptr(), was);
        third.fill(2.0);
        assert_eq!(copy.iter::<f32>().collect::<Vec<_>>(), [1.5; 33]);
    }

    #[test]
    fn a_tensor_changed_in_place_is_changed_alone() {
        let mut numbers = Memory::default().numbers(4);
        numbers.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        let ours = tensor(numbers, [2, 2]);
        let mut other = ours.clone();
        other.storage_mut::<f32>()[0] = 9.0;
        assert_eq!(ours.storage::<f32>()[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(other.storage::<f32>()[..4], [9.0, 2.0, 3.0, 4.0]);
    }
}
