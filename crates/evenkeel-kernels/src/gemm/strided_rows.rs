//! Positions in memory at regular distances, as kernels walk them.

/// Positions in a grid of rows and columns, each with a constant stride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StridedRows {
    /// The first position.
    pub origin: usize,
    /// Positions in a row.
    pub columns: usize,
    /// Distance from one row to the next.
    pub row_stride: usize,
    /// Distance from one position in a row to the next.
    pub column_stride: usize,
}

impl StridedRows {
    /// A single row of any length with positions `stride` apart.
    pub fn evenly_spaced(origin: usize, stride: usize) -> Self {
        Self {
            origin,
            columns: usize::MAX,
            row_stride: 0,
            column_stride: stride,
        }
    }

    /// The position with the given index, in row-major order.
    #[inline(always)]
    pub fn at(&self, index: usize) -> usize {
        let (row, column) = (index / self.columns, index % self.columns);
        self.origin + row * self.row_stride + column * self.column_stride
    }
}

/// Visits the positions of [`StridedRows`] in order, without divisions.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    grid: &'a StridedRows,
    /// Start of the current row.
    row: usize,
    column: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first position.
    pub fn new(grid: &'a StridedRows) -> Self {
        Self {
            grid,
            row: grid.origin,
            column: 0,
        }
    }

    /// The current position.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.row + self.column * self.grid.column_stride
    }

    /// Advances by `count` positions within the current row.
    #[inline(always)]
    pub fn skip_in_row(&mut self, count: usize) {
        self.column += count;
    }

    /// Advances to the next position.
    #[inline(always)]
    pub fn step(&mut self) {
        self.column += 1;
        if self.column == self.grid.columns {
            self.column = 0;
            self.row += self.grid.row_stride;
        }
    }
}

/// A run of consecutive numbers, relative to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Distance from the position to the first number.
    pub offset: usize,
    /// Number of numbers.
    pub length: usize,
}

/// The end of the memory that `segments` touch from the first `count` positions of `grid`.
pub fn end_offset(grid: &StridedRows, count: usize, segments: &[Segment]) -> usize {
    let furthest = segments.iter().map(|s| s.offset + s.length).max();
    match (count, furthest) {
        (0, _) | (_, None) => 0,
        (count, Some(furthest)) => {
            let rows = (count - 1) / grid.columns;
            let columns = (grid.columns - 1).min(count - 1);
            grid.origin + rows * grid.row_stride + columns * grid.column_stride + furthest
        }
    }
}
