//! A matrix laid out for the kernels that multiply by it.

use crate::memory::{LINE, Numbers};
use crate::workers::Workers;

/// Columns of the widest panel; the narrowest is one [`LINE`].
pub const WIDEST: usize = 64;

/// Some columns of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panel {
    /// Its first column.
    pub column: usize,
    /// How many columns it holds: 16, 32 or 64, the last ones zero where the matrix has no more.
    pub width: usize,
    /// Where its numbers begin.
    pub start: usize,
}

/// A matrix of `depth × columns` in panels of a few columns, each with its rows one after the other.
#[derive(Debug)]
pub struct Panels {
    /// Rows.
    pub depth: usize,
    /// Columns.
    pub columns: usize,
    /// The panels, from the first column on.
    pub panels: Vec<Panel>,
    /// Their numbers.
    pub numbers: Numbers,
}

/// How `columns` are cut into panels of at most `widest`: the first column and the width of each.
pub fn cut(columns: usize, widest: usize) -> Vec<(usize, usize)> {
    let mut panels = Vec::with_capacity(columns.div_ceil(widest) + 1);
    let (mut column, mut width) = (0, widest);
    while column < columns {
        while width > LINE && columns - column <= width - LINE {
            width /= 2;
        }
        panels.push((column, width));
        column += width;
    }
    panels
}

impl Panels {
    /// Lays out the matrix whose number in row `k` and column `n` is `source[rows[k] + n · stride]`.
    ///
    /// # Panics
    /// When `source` is too short for that.
    pub fn new(
        workers: &Workers,
        source: &[f32],
        rows: &[usize],
        columns: usize,
        stride: usize,
        widest: usize,
    ) -> Self {
        let depth = rows.len();
        let mut start = 0;
        let panels: Vec<Panel> = cut(columns, widest)
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
        let mut numbers = workers.memory().numbers(start);
        // All but the last panel are of the same size.
        let length = panels.first().map_or(0, |panel| depth * panel.width);
        workers.chunks(&mut numbers, length, |first, target| {
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

    /// The numbers of a panel, row by row.
    pub fn of(&self, panel: &Panel) -> &[f32] {
        &self.numbers[panel.start..][..self.depth * panel.width]
    }
}

/// Copies `width` columns into a panel.
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
            pad(&source[row..][..width], target);
        }
        return;
    }
    // A few rows at a time: their part of the panel stays in the cache while columns are read.
    for (target, rows) in target.chunks_mut(padded * LINE).zip(rows.chunks(LINE)) {
        let side_by_side = rows.len() == LINE && rows.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        let whole = if side_by_side { width / LINE * LINE } else { 0 };
        for column in (0..whole).step_by(LINE) {
            let source = &source[rows[0] + column * stride..];
            let lines: [&[f32; LINE]; LINE] =
                std::array::from_fn(|column| line(source, column * stride));
            for (k, target) in target.chunks_exact_mut(padded).enumerate() {
                let target = &mut target[column..][..LINE];
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

/// As many numbers as there is room for, with zeros behind them where there are fewer. Those of the usual lengths
/// are copied in place: a call of what copies any number takes longer.
fn pad(numbers: &[f32], room: &mut [f32]) {
    fn whole<const N: usize>(numbers: &[f32], room: &mut [f32]) -> bool {
        let (Some(numbers), Some(room)) = (numbers.first_chunk(), room.first_chunk_mut::<N>())
        else {
            return false;
        };
        *room = *numbers;
        true
    }
    let copied = match room.len() {
        16 => whole::<16>(numbers, room),
        24 => whole::<24>(numbers, room),
        32 => whole::<32>(numbers, room),
        64 => whole::<64>(numbers, room),
        _ => false,
    };
    if !copied {
        let count = numbers.len().min(room.len());
        room[..count].copy_from_slice(&numbers[..count]);
        room[count..].fill(0.0);
    }
}

/// A line of numbers from `start` on.
fn line(numbers: &[f32], start: usize) -> &[f32; LINE] {
    let numbers = &numbers[start..];
    let Some(line) = numbers.first_chunk() else {
        unreachable!("what is laid out has whole lines here")
    };
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_cover_all_columns_and_waste_less_than_a_line() {
        for columns in 1..300 {
            let panels = cut(columns, WIDEST);
            let mut next = 0;
            for (column, width) in &panels {
                assert_eq!(*column, next, "{columns}");
                next += width;
            }
            assert!(
                next >= columns && next < columns + LINE,
                "{columns}: {panels:?}"
            );
        }
    }

    #[test]
    fn a_matrix_and_its_transpose_are_laid_out_alike() {
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
        for widest in [16, 32, 64] {
            let workers = Workers::new(2).unwrap();
            // Memory that is used again is not clean.
            workers.memory().numbers(depth * 48).fill(9.0);
            let ours = Panels::new(&workers, &matrix, &by_rows, columns, 1, widest);
            let other = Panels::new(&workers, &transposed, &by_columns, columns, depth, widest);
            assert_eq!(ours.numbers[..], other.numbers[..]);
            assert_eq!(ours.panels, other.panels);
        }
    }
}
