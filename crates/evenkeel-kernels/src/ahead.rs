//! Asking for numbers before they are needed, where the processor does not see that they will be: factors that
//! are read one by one, a few of each of many rows. A few at a time: processors drop what they cannot do at once.

#![allow(unsafe_code, reason = "a hint to the processor has no safe form")]

use crate::memory::LINE;

/// Has the numbers brought near.
#[inline(always)]
pub(crate) fn ask_for(numbers: &[f32]) {
    (numbers.chunks(LINE)).for_each(|line| ask_at(line.as_ptr()));
}

/// Has the line brought near in which that place is, if there is one and the processor takes hints.
#[inline(always)]
pub(crate) fn ask_at(place: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads nothing, and does nothing where there is nothing to read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = place;
}
