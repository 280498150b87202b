//! The ELR of an update (T19): under Adam, controls go by what the optimiser does, not by gradients.

mod common;

use burn::module::Module;
use burn::optim::{AdamWConfig, ModuleOptimizer, SgdConfig};
use common::{Batch, Net, distance, momentum, setup, values};
use evenkeel::control::Controls;
use evenkeel::optimizer::Measure;
use evenkeel::quantity::LearningRate;
use evenkeel::spread::Spread;
use evenkeel_burn::controller::{ElrController, StepReport};
use evenkeel_burn::probe::Probe;

fn adam() -> ModuleOptimizer {
    AdamWConfig::new()
        .with_weight_decay(0.0)
        .with_epsilon(1e-8)
        .init()
}

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

fn controller(net: &Net, batch: &Batch, control: &str) -> ElrController {
    let probe = Probe::find(net, &net.gradients(batch)).unwrap();
    ElrController::new(probe, control.parse::<Controls>().unwrap()).by_measure(Measure::Update)
}

fn weight(net: &Net, block: usize) -> Vec<f64> {
    values(net.blocks[block].linear.weight.val())
}

/// `‖W′ − W‖/(λ‖W‖)` of each block.
fn turned(before: &Net, after: &Net, lr: f64) -> Vec<f64> {
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    (0..before.blocks.len())
        .map(|block| {
            let (old, new) = (weight(before, block), weight(after, block));
            let change: Vec<f64> = old.iter().zip(&new).map(|(a, b)| b - a).collect();
            norm(&change) / (lr * norm(&old))
        })
        .collect()
}

/// The largest over the smallest.
fn ratio(turns: &[f64]) -> f64 {
    let largest = turns.iter().copied().fold(0.0, f64::max);
    largest / turns.iter().copied().fold(f64::INFINITY, f64::min)
}

#[test]
fn without_control_the_step_is_the_optimisers_own() {
    let (net, batch) = setup(5, 16);
    let (mut mine, mut theirs) = (adam(), adam());
    let mut steered = controller(&net, &batch, "none");
    let (mut one, mut two) = (net.clone(), net);
    for _ in 0..3 {
        let gradients = one.gradients(&batch);
        one = steered
            .step(one, gradients, &mut mine, rate(0.01))
            .unwrap()
            .0;
        let gradients = two.gradients(&batch);
        two = theirs.step(0.01, two, gradients);
    }
    assert_eq!(weight(&one, 2), weight(&two, 2), "to the bit");
    assert_eq!(values(one.head.weight.val()), values(two.head.weight.val()));
}

#[test]
fn the_elr_is_that_of_the_update_and_hold_makes_it_equal() {
    let (net, batch) = setup(5, 16);
    let mut free = controller(&net, &batch, "none");
    let (after, report) = free
        .step(net.clone(), net.gradients(&batch), &mut adam(), rate(0.01))
        .unwrap();
    // Adam's first step changes every entry by the rate, up to ε under tiny gradients.
    for (reading, measured) in report.readings.iter().zip(turned(&net, &after, 0.01)) {
        let elr = reading.gradient_norm / reading.weight_norm;
        assert!((elr / measured - 1.0).abs() < 1e-3, "{elr} {measured}");
        assert!((elr * reading.weight_norm / 16.0 - 1.0).abs() < 0.1);
    }
    for control in ["hold", "critical+hold", "rescale"] {
        let mut steered = controller(&net, &batch, control);
        let (after, report) = steered
            .step(net.clone(), net.gradients(&batch), &mut adam(), rate(0.01))
            .unwrap();
        assert!(Spread::of(&StepReport::alive(&report.plan.acting)).range < 1e-9);
        if control == "hold" {
            let turned = turned(&net, &after, 0.01);
            assert!(ratio(&turned) - 1.0 < 1e-3, "{turned:?}");
        }
    }
}

#[test]
fn rescaling_under_adam_takes_the_state_along() {
    let (net, batch) = setup(4, 16);
    let mut optimizer = adam();
    let mut steered = controller(&net, &batch, "rescale");
    let gradients = net.gradients(&batch);
    let before = values(net.logits(&batch));
    // A step so small that the rescaling shows, and large enough to be measured in 32 bits.
    let (net, _) = steered
        .step(net, gradients, &mut optimizer, rate(1e-5))
        .unwrap();
    assert!(distance(&before, &values(net.logits(&batch))) < 0.02);
    let gradients = net.gradients(&batch);
    let (_, report) = steered
        .step(net, gradients, &mut optimizer, rate(0.01))
        .unwrap();
    assert!(
        Spread::of(&StepReport::alive(&report.plan.raw)).range < 0.05,
        "{:?}",
        report.plan.raw
    );
}

/// Turns of a second step whose gradient is much shorter than the first one's, which the buffer remembers.
fn turns_with_a_long_memory(measure: Measure) -> Vec<f64> {
    let (net, batch) = setup(5, 16);
    let mut optimizer = momentum();
    let mut steered = controller(&net, &batch, "hold").by_measure(measure);
    let mut advance = |net: Net, optimizer: &mut ModuleOptimizer| {
        let gradients = net.gradients(&batch);
        steered
            .step(net, gradients, optimizer, rate(0.3))
            .unwrap()
            .0
    };
    let once = advance(net, &mut optimizer);
    let twice = advance(once.clone(), &mut optimizer);
    turned(&once, &twice, 0.3)
}

#[test]
fn under_momentum_hold_by_the_update_makes_turns_equal_and_hold_by_the_gradient_does_not() {
    let [by_update, by_gradient] =
        [Measure::Update, Measure::Gradient].map(|m| ratio(&turns_with_a_long_memory(m)));
    assert!(by_update < 1.001, "{by_update}");
    assert!(by_gradient > 1.1, "{by_gradient}");
}

#[test]
fn gradients_and_updates_agree_for_plain_sgd() {
    let (net, batch) = setup(3, 16);
    let sgd = || SgdConfig::new().init();
    let mut by_update = controller(&net, &batch, "hold");
    let mut by_gradient = controller(&net, &batch, "hold").by_measure(Measure::Gradient);
    let gradients = || net.gradients(&batch);
    let (one, first) = by_update
        .step(net.clone(), gradients(), &mut sgd(), rate(0.1))
        .unwrap();
    let (two, second) = by_gradient
        .step(net.clone(), gradients(), &mut sgd(), rate(0.1))
        .unwrap();
    for (a, b) in first.plan.raw.iter().zip(second.plan.raw.iter()) {
        assert!((a.unwrap().ln() - b.unwrap().ln()).abs() < 1e-4);
    }
    assert!(distance(&weight(&one, 1), &weight(&two, 1)) < 1e-4);
    assert_eq!(one.num_params(), two.num_params());
}
