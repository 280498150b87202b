//! Asking for numbers before they are needed, where the processor does not see that they will be: factors that
//! are read one by one, a few of each of many rows.

#![allow(unsafe_code, reason = "a hint to the processor has no safe form")]

/// Numbers in a line of the cache.
const LINE: usize = 16;

/// Has the numbers brought near, if the processor takes hints.
#[inline(always)]
pub(crate) fn ask_for(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads nothing, and what it is about is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}
