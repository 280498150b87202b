//! Software prefetching, for access patterns that the hardware prefetcher does not detect: a few
//! factors of each of many rows. Prefetch a few lines at a time, since processors drop hints that
//! they cannot serve at once.

#![allow(unsafe_code, reason = "the prefetch intrinsic has no safe form")]

use crate::threads::CACHE_LINE;

/// Prefetches every cache line of `numbers`.
#[inline(always)]
pub(crate) fn prefetch(numbers: &[f32]) {
    (numbers.chunks(CACHE_LINE)).for_each(|line| prefetch_at(line.as_ptr()));
}

/// Prefetches the cache line at `place`; does nothing on processors without the instruction.
#[inline(always)]
pub(crate) fn prefetch_at(place: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the hint accesses no memory architecturally, so any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(any(not(target_arch = "x86_64"), miri))]
    let _ = place;
}
