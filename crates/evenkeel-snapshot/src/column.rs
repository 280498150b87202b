//! The columns of a snapshot, by name.

/// A column of a CSV, or a key of a JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The layer's name.
    Layer,
    /// `‖W‖`.
    WeightNorm,
    /// `‖∇W‖`.
    GradNorm,
    /// `E = ‖∇W‖/‖W‖` (T2).
    Elr,
    /// How many numbers the weight holds.
    Numel,
    /// `cos(W, ∇W)`: 0 for a scale-invariant weight.
    Cosine,
}

impl Column {
    /// Every column that is read.
    pub const ALL: [Self; 6] = [
        Self::Layer,
        Self::WeightNorm,
        Self::GradNorm,
        Self::Elr,
        Self::Numel,
        Self::Cosine,
    ];

    /// The name in headers and objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::WeightNorm => "weight_norm",
            Self::GradNorm => "grad_norm",
            Self::Elr => "elr",
            Self::Numel => "numel",
            Self::Cosine => "cosine",
        }
    }

    /// The column of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// What lacks for one of the permitted sets, given the columns that are there. Empty when
    /// nothing does.
    pub(crate) fn missing(present: impl Fn(Self) -> bool) -> Vec<Self> {
        let required: &[Self] = if present(Self::Elr) {
            &[Self::Layer]
        } else {
            &[Self::Layer, Self::WeightNorm, Self::GradNorm]
        };
        let absent = required.iter().filter(|column| !present(**column));
        absent.copied().collect()
    }
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
