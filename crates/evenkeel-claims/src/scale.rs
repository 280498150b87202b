//! How much is computed for a claim.

/// How much is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Embedded digits and no more runs than verdicts need: under a quarter of an hour on two cores.
    Quick,
    /// Networks for images learn CIFAR-10 at reduced size, and grids are wider: for hours on a CPU.
    Standard,
    /// The paper's networks at their size and more seeds, for a GPU.
    Full,
}

/// Every scale with its name.
pub const SCALES: &[(&str, Scale)] = &[
    ("quick", Scale::Quick),
    ("standard", Scale::Standard),
    ("full", Scale::Full),
];

impl Scale {
    /// One thing at the quick scale, and another where there is time.
    pub(crate) fn pick<T>(self, quick: T, otherwise: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Standard | Self::Full => otherwise,
        }
    }

    /// How many seeds: so many, and at full scale more.
    pub(crate) fn seeds(self, few: u64, many: u64) -> u64 {
        match self {
            Self::Quick | Self::Standard => few,
            Self::Full => many,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        let row = SCALES.iter().find(|(_, scale)| *scale == self);
        row.map_or("quick", |(name, _)| name)
    }
}
