//! The columns that are read, by name.

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
    /// The step, from 0.
    Step,
    /// The learning rate of the step.
    Lr,
    /// The step's share of the peak learning rate.
    Share,
    /// The size of gradients in the step, in any unit (T20).
    Scale,
}

impl Column {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Scale as usize + 1;

    /// The name in headers and objects.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::WeightNorm => "weight_norm",
            Self::GradNorm => "grad_norm",
            Self::Elr => "elr",
            Self::Numel => "numel",
            Self::Cosine => "cosine",
            Self::Step => "step",
            Self::Lr => "lr",
            Self::Share => "share",
            Self::Scale => "scale",
        }
    }
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
