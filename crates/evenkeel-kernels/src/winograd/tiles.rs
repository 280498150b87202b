//! Squares of pixels of maps, some of which may lie outside.

#![allow(
    unsafe_code,
    reason = "bounds checks would take as long as the transforms"
)]

use std::ops::Range;

use pulp::Simd;

/// How maps are cut into squares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    /// Size of the maps.
    pub(super) size: [usize; 2],
    /// Numbers of a pixel.
    pub(super) channels: usize,
    /// Squares of a map.
    pub(super) tiles: [usize; 2],
    /// Pixels from one square to the next.
    pub(super) step: usize,
    /// Pixels by which the first square begins before the map.
    pub(super) before: [usize; 2],
}

/// A square of pixels of a map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile {
    /// Where the map begins.
    map: usize,
    /// Row and column of its first pixel, which may be before the map's.
    first: [isize; 2],
}

impl Tiling {
    /// Squares with these numbers, map by map and row by row.
    ///
    /// # Panics
    /// When so many floats are too few maps for that.
    pub(super) fn tiles(self, numbers: Range<usize>, floats: usize) -> impl Iterator<Item = Tile> {
        let [rows, columns] = self.tiles;
        let map = self.size[0] * self.size[1] * self.channels;
        assert!(
            numbers.end.div_ceil(rows * columns) * map <= floats,
            "squares against maps"
        );
        numbers.map(move |number| {
            let (row, column) = (number / columns % rows, number % columns);
            let first =
                |axis: usize, at: usize| (at * self.step) as isize - self.before[axis] as isize;
            Tile {
                map: number / (rows * columns) * map,
                first: [first(0, row), first(1, column)],
            }
        })
    }

    /// Where a row of a square begins and which of its `N` pixels are there; none of a row that is not.
    #[inline(always)]
    fn row<const N: usize>(&self, tile: Tile, row: usize) -> Option<(isize, Range<usize>)> {
        let at = tile.first[0] + row as isize;
        if at < 0 || at >= self.size[0] as isize {
            return None;
        }
        let [_, first] = tile.first;
        let there =
            (-first).max(0) as usize..N.min((self.size[1] as isize - first).max(0) as usize);
        let start = at * self.size[1] as isize + first;
        Some((tile.map as isize + start * self.channels as isize, there))
    }
}

/// A vector of channels, or what is left of one.
#[derive(Clone, Copy)]
pub(super) struct Lane<const WHOLE: bool> {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<const WHOLE: bool> Lane<WHOLE> {
    /// Those of a row of `N` pixels of a square, zeros for pixels that are not there.
    ///
    /// # Safety
    /// The square must be one of [`Tiling::tiles`] of these numbers, and its pixels must have these channels.
    #[inline(always)]
    pub(super) unsafe fn load_row<S: Simd, const N: usize>(
        self,
        simd: S,
        tiling: &Tiling,
        tile: Tile,
        row: usize,
        numbers: &[f32],
    ) -> [S::f32s; N] {
        let mut pixels = [simd.splat_f32s(0.0); N];
        let Some((start, there)) = tiling.row::<N>(tile, row) else {
            return pixels;
        };
        let at =
            |column: usize| (start + (column * tiling.channels + self.first) as isize) as usize;
        if there.len() == N {
            for column in 0..N {
                // SAFETY: the caller's promise, and `Tiling::row` leaves out what lies outside of the map.
                pixels[column] = unsafe { self.load(simd, numbers, at(column)) };
            }
        } else {
            for column in 0..N {
                if there.contains(&column) {
                    // SAFETY: the same.
                    pixels[column] = unsafe { self.load(simd, numbers, at(column)) };
                }
            }
        }
        pixels
    }

    /// Writes those of a row of `N` pixels of a square, where they are there.
    ///
    /// # Safety
    /// As for [`Lane::load_row`].
    #[inline(always)]
    pub(super) unsafe fn store_row<S: Simd, const N: usize>(
        self,
        simd: S,
        tiling: &Tiling,
        tile: Tile,
        row: usize,
        numbers: &mut [f32],
        pixels: [S::f32s; N],
    ) {
        let Some((start, there)) = tiling.row::<N>(tile, row) else {
            return;
        };
        let at =
            |column: usize| (start + (column * tiling.channels + self.first) as isize) as usize;
        for column in 0..N {
            if there.contains(&column) {
                // SAFETY: as for loading.
                unsafe { self.store(simd, numbers, at(column), pixels[column]) };
            }
        }
    }

    /// Those from `at` on.
    ///
    /// # Safety
    /// So many channels must be there from `at` on.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd>(self, simd: S, numbers: &[f32], at: usize) -> S::f32s {
        debug_assert!(at + self.count <= numbers.len());
        match WHOLE {
            // SAFETY: the caller's promise; whole vectors have as many channels as lanes.
            true => unsafe { numbers.as_ptr().add(at).cast::<S::f32s>().read_unaligned() },
            false => simd.partial_load_f32s(&numbers[at..][..self.count]),
        }
    }

    /// Writes those from `at` on.
    ///
    /// # Safety
    /// As for [`Lane::load`].
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd>(
        self,
        simd: S,
        numbers: &mut [f32],
        at: usize,
        value: S::f32s,
    ) {
        debug_assert!(at + self.count <= numbers.len());
        match WHOLE {
            // SAFETY: as for loading.
            true => unsafe {
                let place = numbers.as_mut_ptr().add(at).cast::<S::f32s>();
                place.write_unaligned(value);
            },
            false => simd.partial_store_f32s(&mut numbers[at..][..self.count], value),
        }
    }
}

/// The same done to whole vectors of channels and to what is left of them.
macro_rules! each_lane {
    ($S:ty, $channels:expr, $lane:ident => $do:expr) => {
        let whole = $channels / <$S>::F32_LANES;
        for first in 0..whole {
            let $lane = Lane::<true> {
                first: first * <$S>::F32_LANES,
                count: <$S>::F32_LANES,
            };
            $do;
        }
        if whole * <$S>::F32_LANES < $channels {
            let first = whole * <$S>::F32_LANES;
            let $lane = Lane::<false> {
                first,
                count: $channels - first,
            };
            $do;
        }
    };
}
pub(super) use each_lane;
