//! The ELRs that can be measured: of the gradient or of the update.

use evenkeel::optimizer::Measure;
use evenkeel_nn::choice::Choice;

/// Every measure.
pub const MEASURES: &[Choice<Measure>] = &[
    Choice {
        name: "gradient",
        summary: "‖∇W‖/‖W‖ (T2)",
        value: Measure::Gradient,
    },
    Choice {
        name: "update",
        summary: "‖ΔW‖/(λ‖W‖), of the step that the optimiser makes (T19)",
        value: Measure::Update,
    },
];
