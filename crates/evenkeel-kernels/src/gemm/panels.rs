//! Packs a matrix into panels, the layout in which [`Product`](crate::gemm::product::Product) reads
//! it.

use crate::threads::{CACHE_LINE, PooledBuffer, ThreadPool};

/// Columns of the widest panel; the narrowest has one [`CACHE_LINE`].
pub const MAX_WIDTH: usize = 64;

/// A group of adjacent columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    /// The first column.
    pub column: usize,
    /// The number of columns: 16, 32 or 64, padded with zeros after the last column of the matrix.
    pub width: usize,
    /// Index of the first number.
    pub start: usize,
}

/// A `depth × columns` matrix, stored panel by panel, each panel row by row.
#[derive(Debug)]
pub struct Panels {
    /// Number of rows.
    pub depth: usize,
    /// Number of columns.
    pub columns: usize,
    /// The panels, in the order of their columns.
    pub panels: Vec<Panel>,
    /// The numbers of all panels.
    pub numbers: PooledBuffer,
}

/// Splits `columns` into panels of at most `max_width`: the first column and the width of each.
pub fn split(columns: usize, max_width: usize) -> Vec<(usize, usize)> {
    let mut panels = Vec::with_capacity(columns.div_ceil(max_width) + 1);
    let (mut column, mut width) = (0, max_width);
    while column < columns {
        while width > CACHE_LINE && columns - column <= width - CACHE_LINE {
            width /= 2;
        }
        panels.push((column, width));
        column += width;
    }
    panels
}

impl Panels {
    /// Packs the matrix with the entry `source[rows[k] + n · stride]` in row `k` and column `n`.
    ///
    /// # Panics
    /// When `source` is too short.
    pub fn new(
        pool: &ThreadPool,
        source: &[f32],
        rows: &[usize],
        columns: usize,
        stride: usize,
        max_width: usize,
    ) -> Self {
        let depth = rows.len();
        let mut start = 0;
        let panels: Vec<Panel> = split(columns, max_width)
            .into_iter()
            .map(|(column, width)| {
                let panel = Panel {
                    column,
                    width,
                    start,
                };
                start += depth * width;
                panel
            })
            .collect();
        let mut numbers = pool.buffers().take(start);
        // All panels but the last have the same size.
        let length = panels.first().map_or(0, |panel| depth * panel.width);
        pool.for_each_chunk(&mut numbers, length, |first, target| {
            let mut target = target;
            for panel in panels
                .iter()
                .filter(|panel| panel.start / length.max(1) == first)
            {
                let (own, rest) = target.split_at_mut(depth * panel.width);
                target = rest;
                let width = panel.width.min(columns - panel.column);
                let source = &source[panel.column * stride..];
                fill(own, panel.width, source, rows, width, stride);
            }
        });
        Self {
            depth,
            columns,
            panels,
            numbers,
        }
    }

    /// The numbers of one panel, row by row.
    pub fn numbers_of(&self, panel: &Panel) -> &[f32] {
        &self.numbers[panel.start..][..self.depth * panel.width]
    }
}

/// Copies `width` columns into a panel with rows of `padded` numbers.
fn fill(
    target: &mut [f32],
    padded: usize,
    source: &[f32],
    rows: &[usize],
    width: usize,
    stride: usize,
) {
    if stride == 1 {
        for (target, &row) in target.chunks_exact_mut(padded).zip(rows) {
            copy_padded(&source[row..][..width], target);
        }
        return;
    }
    // A few rows at a time, so that their part of the panel stays in the cache while columns are
    // read.
    for (target, rows) in target
        .chunks_mut(padded * CACHE_LINE)
        .zip(rows.chunks(CACHE_LINE))
    {
        let consecutive =
            rows.len() == CACHE_LINE && rows.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let whole = if consecutive {
            width / CACHE_LINE * CACHE_LINE
        } else {
            0
        };
        for column in (0..whole).step_by(CACHE_LINE) {
            let source = &source[rows[0] + column * stride..];
            let lines: [&[f32; CACHE_LINE]; CACHE_LINE] =
                std::array::from_fn(|column| line(source, column * stride));
            for (k, target) in target.chunks_exact_mut(padded).enumerate() {
                let target = &mut target[column..][..CACHE_LINE];
                for (target, line) in target.iter_mut().zip(lines) {
                    *target = line[k];
                }
            }
        }
        for column in whole..width {
            let source = &source[column * stride..];
            for (target, &row) in target[column..].iter_mut().step_by(padded).zip(rows) {
                *target = source[row];
            }
        }
        target
            .chunks_exact_mut(padded)
            .for_each(|row| row[width..].fill(0.0));
    }
}

/// Copies as many numbers as fit into `target` and pads with zeros. The usual lengths are
/// constants, because a call of `memcpy` takes longer than so short a copy.
fn copy_padded(numbers: &[f32], target: &mut [f32]) {
    fn whole<const N: usize>(numbers: &[f32], target: &mut [f32]) -> bool {
        let (Some(numbers), Some(target)) = (numbers.first_chunk(), target.first_chunk_mut::<N>())
        else {
            return false;
        };
        *target = *numbers;
        true
    }
    let copied = match target.len() {
        16 => whole::<16>(numbers, target),
        24 => whole::<24>(numbers, target),
        32 => whole::<32>(numbers, target),
        64 => whole::<64>(numbers, target),
        _ => false,
    };
    if !copied {
        let count = numbers.len().min(target.len());
        target[..count].copy_from_slice(&numbers[..count]);
        target[count..].fill(0.0);
    }
}

/// The cache line of numbers that begins at `start`.
fn line(numbers: &[f32], start: usize) -> &[f32; CACHE_LINE] {
    let numbers = &numbers[start..];
    let Some(line) = numbers.first_chunk() else {
        unreachable!("`fill` slices whole lines only")
    };
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_cover_all_columns_with_less_than_a_line_of_padding() {
        for columns in 1..300 {
            let panels = split(columns, MAX_WIDTH);
            let mut next = 0;
            for (column, width) in &panels {
                assert_eq!(*column, next, "{columns}");
                next += width;
            }
            assert!(
                next >= columns && next < columns + CACHE_LINE,
                "{columns}: {panels:?}"
            );
        }
    }

    #[test]
    fn a_matrix_and_its_transpose_are_packed_alike() {
        let (depth, columns) = (19, 37);
        let matrix: Vec<f32> = (0..depth * columns).map(|i| i as f32).collect();
        let mut transposed = vec![0.0; depth * columns];
        for k in 0..depth {
            for n in 0..columns {
                transposed[n * depth + k] = matrix[k * columns + n];
            }
        }
        let by_rows: Vec<usize> = (0..depth).map(|k| k * columns).collect();
        let by_columns: Vec<usize> = (0..depth).collect();
        for max_width in [16, 32, 64] {
            let pool = ThreadPool::new(2).unwrap();
            // Reused buffers hold old numbers.
            pool.buffers().take(depth * 48).fill(9.0);
            let ours = Panels::new(&pool, &matrix, &by_rows, columns, 1, max_width);
            let other = Panels::new(&pool, &transposed, &by_columns, columns, depth, max_width);
            assert_eq!(ours.numbers[..], other.numbers[..]);
            assert_eq!(ours.panels, other.panels);
        }
    }
}
