//! Turns measurements into the lines of a run's files.

mod digits;
mod header;
mod quantiles;

use std::sync::Arc;

use evenkeel::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor, all_are};
use evenkeel::spread::Spread;
use evenkeel_burn::controller::StepReport;
use evenkeel_burn::probe::{Probe, Reading};
use evenkeel_runs::folder::{LayerLine, StepLine, UnitLine};

use digits::rounded;
use quantiles::quantiles;

pub use header::header;

/// The spread of the layers that are alive, if any is.
fn spread(elrs: &[Option<Elr>]) -> Option<Spread> {
    // At once, without a list of those alive: units are many.
    let mut logs = Vec::with_capacity(elrs.len());
    logs.extend(elrs.iter().flatten().map(|elr| elr.ln()));
    (!logs.is_empty()).then(|| Spread::of_logs(&logs))
}

/// The line of `steps.jsonl`.
pub fn step_line(step: usize, loss: f64, target: LearningRate, report: &StepReport) -> StepLine {
    let acting = spread(&report.plan.acting);
    // Most controls leave ELRs as they are.
    let like_acting = |elrs: &Arc<[Option<Elr>]>| match Arc::ptr_eq(elrs, &report.plan.acting) {
        true => acting,
        false => spread(elrs),
    };
    let raw = like_acting(&report.plan.raw);
    StepLine {
        step,
        loss,
        lr: report.plan.lr.get(),
        target_lr: target.get(),
        critical_lr: report.plan.critical.map(LearningRate::get),
        spread_std: acting.map(|s| s.std),
        spread_range: acting.map(|s| s.range),
        raw_spread_std: raw.map(|s| s.std),
        raw_spread_range: raw.map(|s| s.range),
        spread_before_hold: like_acting(&report.plan.before_hold).map(|s| s.range),
    }
}

/// The line of `layers.jsonl`: what was measured of units is put together.
pub fn layer_line(step: usize, report: &StepReport, probe: &Probe) -> LayerLine {
    let layers: Vec<Layer> = layers(report, probe).collect();
    let readings: Vec<Reading> = layers.iter().map(|l| Reading::joined(l.readings)).collect();
    let held = !all_are(&report.plan.multipliers, &LrMultiplier::ONE);
    let rescaled = !all_are(&report.plan.factors, &RescaleFactor::ONE);
    LayerLine {
        step,
        weight_norm: rounded(readings.iter().map(|r| r.weight_norm)),
        grad_norm: rounded(readings.iter().map(|r| r.gradient_norm)),
        cosine: rounded(readings.iter().map(|r| r.cosine)),
        elr: rounded(layers.iter().map(Layer::acting_elr)),
        lr_multiplier: held.then(|| rounded(layers.iter().map(Layer::multiplier))),
        rescale_factor: rescaled.then(|| rounded(layers.iter().map(Layer::factor))),
    }
}

/// The line of `units.jsonl`; `None` where no layer is divided into units.
pub fn unit_line(step: usize, report: &StepReport, probe: &Probe) -> Option<UnitLine> {
    let divided = probe.layers().any(|layer| layer.units.is_some());
    divided.then(|| {
        let [mut bits, mut room] = [Vec::new(), Vec::new()];
        let (alive, elr) = layers(report, probe)
            .map(|layer| {
                bits.clear();
                bits.extend(layer.acting.iter().flatten().map(|elr| elr.get().to_bits()));
                (bits.len(), quantiles(&bits, &mut room))
            })
            .unzip();
        UnitLine { step, alive, elr }
    })
}

/// What a step's report says of one layer: a number, or one a unit.
struct Layer<'a> {
    readings: &'a [Reading],
    acting: &'a [Option<Elr>],
    multipliers: &'a [LrMultiplier],
    factors: &'a [RescaleFactor],
}

fn layers<'a>(report: &'a StepReport, probe: &'a Probe) -> impl Iterator<Item = Layer<'a>> {
    let mut start = 0;
    probe.layers().map(move |layer| {
        let own = start..start + layer.parts();
        start = own.end;
        Layer {
            readings: &report.readings[own.clone()],
            acting: &report.plan.acting[own.clone()],
            multipliers: &report.plan.multipliers[own.clone()],
            factors: &report.plan.factors[own],
        }
    })
}

impl Layer<'_> {
    /// The root of the mean of the squares of `values`, weighted by those of `weights`. It is what
    /// norms of units make of ratios.
    fn mean(values: impl Iterator<Item = f64>, weights: impl Iterator<Item = f64>) -> f64 {
        let (sum, all) = values.zip(weights).fold((0.0, 0.0), |(sum, all), (v, w)| {
            (sum + (v * w).powi(2), all + w * w)
        });
        if all > 0.0 { (sum / all).sqrt() } else { 1.0 }
    }

    /// `‖ΔW‖/(λ‖W‖)` of the layer, from those of its units; 0 without gradient.
    fn acting_elr(&self) -> f64 {
        let elr = |elr: &Option<Elr>| elr.map_or(0.0, Elr::get);
        match self.acting {
            [one] => elr(one),
            all => {
                let factors = self.factors.iter().map(|a| a.get());
                let norms = self.readings.iter().map(|r| r.weight_norm);
                Self::mean(all.iter().map(elr), norms.zip(factors).map(|(w, a)| w * a))
            }
        }
    }

    fn multiplier(&self) -> f64 {
        match self.multipliers {
            [one] => one.get(),
            all => Self::mean(
                all.iter().map(|m| m.get()),
                self.readings.iter().map(|r| r.gradient_norm),
            ),
        }
    }

    fn factor(&self) -> f64 {
        match self.factors {
            [one] => one.get(),
            all => Self::mean(
                all.iter().map(|a| a.get()),
                self.readings.iter().map(|r| r.weight_norm),
            ),
        }
    }
}
