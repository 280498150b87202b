//! What is written down of a run: from measurements to the lines of its files.

use evenkeel::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor};
use evenkeel::spread::Spread;
use evenkeel_burn::controller::StepReport;
use evenkeel_burn::probe::{Parameter, Probe, Role};

use crate::run_folder::{Header, LayerHeader, LayerLine, OtherHeader, StepLine};
use crate::spec::RunSpec;

/// The version of Burn, which does not tell it itself.
const BURN: &str = "0.22.1";

/// `run.toml` of a run.
pub fn header(spec: &RunSpec, probe: &Probe) -> Header {
    let others = probe
        .parameters()
        .iter()
        .filter(|parameter| parameter.role != Role::ScaleInvariant);
    Header {
        evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN.to_owned(),
        device: spec.device.description.clone(),
        data_sha256: Some(spec.data.sha256().to_owned()),
        spec: spec.raw.clone(),
        layers: probe
            .layers()
            .map(|layer| LayerHeader {
                name: layer.path.clone(),
                shape: layer.shape.clone(),
            })
            .collect(),
        others: others.map(other_header).collect(),
    }
}

fn other_header(parameter: &Parameter) -> OtherHeader {
    let found = parameter.found;
    OtherHeader {
        name: parameter.path.clone(),
        shape: parameter.shape.clone(),
        role: parameter.role.name().to_owned(),
        weight_norm: found.map(|reading| reading.weight_norm),
        grad_norm: found.map(|reading| reading.gradient_norm),
        cosine: found.map(|reading| reading.cosine),
    }
}

/// The spread of the layers that are alive, if any is.
fn spread(elrs: &[Option<Elr>]) -> Option<Spread> {
    let alive = StepReport::alive(elrs);
    (!alive.is_empty()).then(|| Spread::of(&alive))
}

/// The line of `steps.jsonl`.
pub fn step_line(step: usize, loss: f64, target: LearningRate, report: &StepReport) -> StepLine {
    let (acting, raw) = (spread(&report.acting), spread(&report.raw));
    StepLine {
        step,
        loss,
        lr: report.lr.get(),
        target_lr: target.get(),
        critical_lr: report.critical.map(LearningRate::get),
        spread_std: acting.map(|s| s.std),
        spread_range: acting.map(|s| s.range),
        raw_spread_std: raw.map(|s| s.std),
        raw_spread_range: raw.map(|s| s.range),
        drift_spread_range: spread(&report.drifted).map(|s| s.range),
    }
}

/// The line of `layers.jsonl`.
pub fn layer_line(step: usize, report: &StepReport) -> LayerLine {
    let readings = &report.readings;
    let held = report.multipliers.iter().any(|m| *m != LrMultiplier::ONE);
    let rescaled = report.factors.iter().any(|a| *a != RescaleFactor::ONE);
    LayerLine {
        step,
        weight_norm: rounded(readings.iter().map(|r| r.weight_norm)),
        grad_norm: rounded(readings.iter().map(|r| r.gradient_norm)),
        cosine: rounded(readings.iter().map(|r| r.cosine)),
        elr: rounded(report.acting.iter().map(|elr| elr.map_or(0.0, Elr::get))),
        lr_multiplier: held.then(|| rounded(report.multipliers.iter().map(|m| m.get()))),
        rescale_factor: rescaled.then(|| rounded(report.factors.iter().map(|a| a.get()))),
    }
}

/// Eight significant digits: what 32-bit norms are good for, in half the bytes.
fn rounded(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values
        .map(|value| format!("{value:.7e}").parse().unwrap_or(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::BURN;

    #[test]
    fn the_version_of_burn_is_that_which_is_built() {
        let manifest = include_str!("../../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }
}
