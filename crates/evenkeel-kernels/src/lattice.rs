//! Where numbers lie that a kernel goes through.

/// Positions in rows and columns of regular distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lattice {
    /// The first position.
    pub origin: usize,
    /// Positions in a row.
    pub columns: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one position in a row to the next.
    pub column: usize,
}

impl Lattice {
    /// One position in each row.
    pub fn rows(distance: usize) -> Self {
        Self {
            origin: 0,
            columns: 1,
            row: distance,
            column: 0,
        }
    }

    /// The position with number `index`, rows one after the other.
    #[inline(always)]
    pub fn at(&self, index: usize) -> usize {
        let (row, column) = (index / self.columns, index % self.columns);
        self.origin + row * self.row + column * self.column
    }
}

/// Consecutive numbers, from `offset` behind a position on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where they begin.
    pub offset: usize,
    /// How many they are.
    pub length: usize,
}

/// The end of what `segments` reach from any of the first `count` positions of `lattice`.
pub fn reach(lattice: &Lattice, count: usize, segments: &[Segment]) -> usize {
    let furthest = segments.iter().map(|s| s.offset + s.length).max();
    match (count, furthest) {
        (0, _) | (_, None) => 0,
        (count, Some(furthest)) => {
            let rows = (count - 1) / lattice.columns;
            let columns = (lattice.columns - 1).min(count - 1);
            lattice.origin + rows * lattice.row + columns * lattice.column + furthest
        }
    }
}
