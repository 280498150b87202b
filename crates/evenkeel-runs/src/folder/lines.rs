//! The lines of a run's logs.

use serde::{Deserialize, Serialize};

/// A line of `steps.jsonl`. Spreads are in natural logarithms, `null` when no layer is alive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepLine {
    /// The step, from 0.
    pub step: usize,
    /// Training loss of the batch, before the update.
    pub loss: f64,
    /// Learning rate of the update.
    pub lr: f64,
    /// The rate that the schedule asked for.
    pub target_lr: f64,
    /// Critical rate at the acting ELRs, by the control's policy.
    pub critical_lr: Option<f64>,
    /// Standard deviation of log ELRs as they act in this step.
    pub spread_std: Option<f64>,
    /// Range of log ELRs as they act in this step.
    pub spread_range: Option<f64>,
    /// The same in the weights as they stood, before the control acted.
    pub raw_spread_std: Option<f64>,
    /// The same in the weights as they stood, before the control acted.
    pub raw_spread_range: Option<f64>,
    /// The range that this batch found under the multipliers of the step before: what one step undid
    /// of the equality that `hold` had made. Equal to the raw range without it.
    #[serde(alias = "drift_spread_range")]
    pub spread_before_hold: Option<f64>,
}

/// A line of `layers.jsonl`, rounded to eight significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerLine {
    /// The step, from 0.
    pub step: usize,
    /// `‖W‖` before the control acted.
    pub weight_norm: Vec<f64>,
    /// `‖∇W‖` before the control acted.
    pub grad_norm: Vec<f64>,
    /// `cos(W, ∇W)`.
    pub cosine: Vec<f64>,
    /// The ELR as it acts in this step; 0 for a layer without gradient.
    pub elr: Vec<f64>,
    /// λ_l/λ, under `hold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr_multiplier: Option<Vec<f64>>,
    /// The factors by which weights were rescaled before this step, where they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rescale_factor: Option<Vec<f64>>,
}

/// How many quantiles of a layer's units are kept: smallest, quartiles and largest.
pub const QUANTILES: usize = 5;

/// A line of `units.jsonl`: the ELRs within each layer, as they act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitLine {
    /// The step, from 0.
    pub step: usize,
    /// How many units of each layer got a gradient.
    pub alive: Vec<usize>,
    /// Quantiles of their ELRs, for each layer, to four digits; zeros where none is alive.
    pub elr: Vec<[f64; QUANTILES]>,
}

/// A line of `evals.jsonl`: BN statistics re-estimated on the training set. A loss is `null` where
/// it is not finite, as a network can be that still trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalLine {
    /// Updates done before.
    pub step: usize,
    /// Mean cross-entropy over the training set.
    pub train_loss: Option<f64>,
    /// Share of training rows classified correctly.
    pub train_accuracy: f64,
    /// Mean cross-entropy over the test set.
    pub test_loss: Option<f64>,
    /// Share of test rows classified correctly.
    pub test_accuracy: f64,
}

/// A line of `timing.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingLine {
    /// The step, from 0.
    pub step: usize,
    /// Wall-clock seconds of the step.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_older_runs_are_read() {
        let old = r#"{"step":3,"loss":1.5,"lr":0.1,"target_lr":0.1,"critical_lr":null,"spread_std":1.0,
            "spread_range":2.0,"raw_spread_std":1.0,"raw_spread_range":2.0,"drift_spread_range":0.25}"#;
        let line: StepLine = serde_json::from_str(old).unwrap();
        assert_eq!(line.spread_before_hold, Some(0.25));
    }
}
