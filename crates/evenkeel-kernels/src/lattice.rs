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
    /// Positions at one distance from each other, as a single row.
    pub fn line(origin: usize, distance: usize) -> Self {
        Self {
            origin,
            columns: usize::MAX,
            row: 0,
            column: distance,
        }
    }

    /// The position with number `index`, rows one after the other.
    #[inline(always)]
    pub fn at(&self, index: usize) -> usize {
        let (row, column) = (index / self.columns, index % self.columns);
        self.origin + row * self.row + column * self.column
    }
}

/// The positions of a lattice one after the other: no division on the way.
#[derive(Debug, Clone, Copy)]
pub struct Walk<'a> {
    lattice: &'a Lattice,
    /// Where the row at hand begins.
    row: usize,
    column: usize,
}

impl<'a> Walk<'a> {
    /// From the first position on.
    pub fn along(lattice: &'a Lattice) -> Self {
        Self {
            lattice,
            row: lattice.origin,
            column: 0,
        }
    }

    /// The position at hand.
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.row + self.column * self.lattice.column
    }

    /// Goes on by so many positions, which the row must have.
    #[inline(always)]
    pub fn skip_in_row(&mut self, count: usize) {
        self.column += count;
    }

    /// Goes on to the next.
    #[inline(always)]
    pub fn step(&mut self) {
        self.column += 1;
        if self.column == self.lattice.columns {
            self.column = 0;
            self.row += self.lattice.row;
        }
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
