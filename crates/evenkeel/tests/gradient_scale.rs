//! A forecast told the measured gradient scale (T20).

use evenkeel::control::Controls;
use evenkeel::forecast::Forecaster;
use evenkeel::gradient_scale::MeasuredScale;
use evenkeel::layer::LayerNorms;
use evenkeel::optimizer::{self, Decay, Optimizer};
use evenkeel::quantity::{Elr, GradientNorm, GradientScale, LearningRate, WeightNorm};
use proptest::collection::vec;
use proptest::prelude::*;

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

fn elrs(layers: &[LayerNorms]) -> Vec<Elr> {
    layers.iter().map(|layer| layer.elr().unwrap()).collect()
}

/// Norms over steps of plain SGD, by Pythagoras, whose base gradients all move as `scale`.
fn trained(bases: &[(f64, f64)], lr: f64, scale: &[f64]) -> Vec<Vec<LayerNorms>> {
    let mut weights: Vec<f64> = bases.iter().map(|(weight, _)| *weight).collect();
    let mut steps = Vec::new();
    for scale in scale {
        let layer = |(weight, (_, base)): (&f64, &(f64, f64))| LayerNorms {
            weight: WeightNorm::new(*weight).unwrap(),
            gradient: GradientNorm::new(scale * base / weight).unwrap(),
        };
        let layers: Vec<LayerNorms> = weights.iter().zip(bases).map(layer).collect();
        let grown = |layer: &LayerNorms| layer.weight.get().hypot(lr * layer.gradient.get());
        weights = layers.iter().map(grown).collect();
        steps.push(layers);
    }
    steps
}

proptest! {
    /// Where all base gradients move together, the norms of a run tell how, and a forecast from its
    /// first step that is told so is the run.
    #[test]
    fn a_run_with_a_common_scale_is_forecast_exactly(
        bases in vec((0.1..10.0f64, 0.01..10.0f64), 1..6),
        lr in 0.01..3.0f64,
        ln_scale in vec(-3.0..3.0f64, 1..30),
    ) {
        let scale: Vec<f64> = ln_scale.iter().map(|s| (s - ln_scale[0]).exp()).collect();
        let steps = trained(&bases, lr, &scale);
        let measured = MeasuredScale::of_norms(&steps);
        for (step, expected) in scale.iter().enumerate() {
            prop_assert!((measured.at(step).get() / expected - 1.0).abs() < 1e-12);
        }
        let (sgd, none) = (Optimizer::sgd(Decay::None), "none".parse::<Controls>().unwrap());
        let at = |step| measured.at(step);
        let run = Forecaster::new(&elrs(&steps[0]), |_| rate(lr)).optimizer(&sgd).controls(none.clone()).gradient_scale(at).run(scale.len() - 1);
        for (predicted, norms) in run.elrs.iter().zip(&steps) {
            for (one, other) in predicted.iter().zip(elrs(norms)) {
                prop_assert!((one.get() / other.get() - 1.0).abs() < 1e-9, "{} {}", one, other);
            }
        }
    }

    /// Also in another unit, because only ratios to the first value count.
    #[test]
    fn a_steady_scale_is_none(unit in 1e-3..1e3f64, lr in 0.01..1.0f64, row in 0..optimizer::ALL.len()) {
        let start = [0.002, 0.4, 60.0].map(|elr| Elr::new(elr).unwrap());
        let optimizer: Optimizer = optimizer::ALL[row].name.parse().unwrap();
        let controls: Controls = "critical".parse().unwrap();
        let steady = MeasuredScale::relative(&[GradientScale::new(unit).unwrap(); 3]).unwrap();
        let at = |step| steady.at(step);
        prop_assert_eq!(
            Forecaster::new(&start, |_| rate(lr)).optimizer(&optimizer).controls(controls.clone()).gradient_scale(at).run(12),
            Forecaster::new(&start, |_| rate(lr)).optimizer(&optimizer).controls(controls.clone()).run(12)
        );
    }
}
