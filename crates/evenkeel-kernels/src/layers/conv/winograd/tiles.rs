//! Square tiles of maps; pixels outside the map read as zero and are not written.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over constants are unrolled, and pixels stay in registers"
)]
#![allow(
    unsafe_code,
    reason = "bounds checks would take as long as the transforms"
)]

use std::ops::Range;

use pulp::Simd;

/// How maps are split into tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    /// Height and width of a map.
    pub(super) size: [usize; 2],
    /// Channels of a pixel.
    pub(super) channels: usize,
    /// Rows and columns of tiles in a map.
    pub(super) tiles: [usize; 2],
    /// Distance between tiles in pixels.
    pub(super) step: usize,
    /// Pixels by which the first tile starts before the map.
    pub(super) before: [usize; 2],
}

/// A tile of one map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile {
    /// Start of the map.
    map: usize,
    /// Row and column of the tile's first pixel; negative if it lies before the map.
    first: [isize; 2],
}

impl Tiling {
    /// The tiles with these indices, map by map and row by row.
    ///
    /// # Panics
    /// When maps of `floats` numbers have fewer tiles.
    pub(super) fn tiles(self, numbers: Range<usize>, floats: usize) -> impl Iterator<Item = Tile> {
        let [rows, columns] = self.tiles;
        let map = self.size[0] * self.size[1] * self.channels;
        assert!(
            numbers.end.div_ceil(rows * columns) * map <= floats,
            "the maps have fewer tiles"
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

    /// The start of a row of a tile, and which of its `N` pixels lie in the map; `None` if the row
    /// lies outside.
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

/// A vector of channels; `WHOLE` unless it is the last, shorter one.
#[derive(Clone, Copy)]
pub(super) struct Lane<const WHOLE: bool> {
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<const WHOLE: bool> Lane<WHOLE> {
    /// Loads these channels for a row of `N` pixels of a tile; zeros for pixels outside the map.
    ///
    /// # Safety
    /// The tile must come from [`Tiling::tiles`] for these numbers, and pixels must have these
    /// channels.
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
                // SAFETY: the caller's promise; `Tiling::row` excludes pixels outside the map.
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

    /// Stores these channels for a row of `N` pixels of a tile, except for pixels outside the map.
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

    /// Loads these channels from `at` on.
    ///
    /// # Safety
    /// `at + self.count` must not exceed the length.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd>(self, simd: S, numbers: &[f32], at: usize) -> S::f32s {
        debug_assert!(at + self.count <= numbers.len());
        match WHOLE {
            // SAFETY: the caller's promise; a whole vector has as many channels as lanes.
            true => unsafe { numbers.as_ptr().add(at).cast::<S::f32s>().read_unaligned() },
            false => simd.partial_load_f32s(&numbers[at..][..self.count]),
        }
    }

    /// Stores these channels from `at` on.
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

/// Runs `$do` for each whole vector of channels and for the rest.
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
