//! Rescaling and holding on a real network: the function stays, the ELRs become equal, and the
//! optimiser's state follows.

mod common;

use std::collections::HashMap;

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{ParamGroup, ParamId};
use burn::optim::{AdamWConfig, RmsPropConfig, SgdConfig};
use common::{Batch, Net, distance, momentum, setup, values};
use evenkeel::equalise::rescale_factors;
use evenkeel::quantity::{Elr, LearningRate, RescaleFactor};
use evenkeel::spread::Spread;
use evenkeel_burn::controller::{ElrController, StepReport};
use evenkeel_burn::probe::Probe;
use evenkeel_burn::rescale::{RescaleError, rescale};
use evenkeel_burn::scale::Scale;

fn probe(net: &Net, batch: &Batch) -> Probe {
    Probe::find(net, &net.gradients(batch)).unwrap()
}

fn elrs(net: &Net, batch: &Batch) -> Vec<Elr> {
    let readings = probe(net, batch).read(net, &net.gradients(batch)).unwrap();
    readings
        .iter()
        .map(|r| r.norms().unwrap().elr().unwrap())
        .collect()
}

fn factors(net: &Net, batch: &Batch) -> HashMap<ParamId, RescaleFactor> {
    net.weights()
        .into_iter()
        .zip(rescale_factors(&elrs(net, batch)))
        .collect()
}

fn scales(factors: &HashMap<ParamId, RescaleFactor>) -> HashMap<ParamId, Scale> {
    factors.iter().map(|(&id, &a)| (id, a.into())).collect()
}

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

#[test]
fn rescaling_keeps_the_function_and_equalises() {
    let (net, batch) = setup(8, 24);
    let before = values(net.logits(&batch));
    assert!(
        Spread::of(&elrs(&net, &batch)).decades() > 0.3,
        "there is something to equalise"
    );
    let factors = factors(&net, &batch);
    let gradients = net.gradients(&batch);
    let (net, carried) = rescale(net, gradients, &mut momentum(), &scales(&factors)).unwrap();

    let after = values(net.logits(&batch));
    // What is left is the norms' ε = 1e-5 under variances that were scaled by a².
    assert!(
        distance(&before, &after) < 1e-3,
        "{}",
        distance(&before, &after)
    );
    assert!(Spread::of(&elrs(&net, &batch)).decades() < 1e-3);
    // The carried gradients are those of the new weights.
    let fresh = net.gradients(&batch);
    for id in net.weights() {
        let (carried, fresh) = (carried.get::<2>(id).unwrap(), fresh.get::<2>(id).unwrap());
        assert!(distance(&values(fresh), &values(carried)) < 1e-2);
    }
}

#[test]
fn powers_of_two_rescale_without_rounding_the_weights() {
    let (net, batch) = setup(3, 16);
    let factors = net
        .weights()
        .into_iter()
        .map(|id| (id, RescaleFactor::DOUBLE.into()))
        .collect();
    let weights = values(net.blocks[1].linear.weight.val());
    let (net, _) = rescale(
        net.clone(),
        net.gradients(&batch),
        &mut momentum(),
        &factors,
    )
    .unwrap();
    let doubled: Vec<f64> = weights.iter().map(|w| 2.0 * w).collect();
    assert_eq!(values(net.blocks[1].linear.weight.val()), doubled);
    assert!(
        net.blocks[1].linear.weight.val().is_require_grad(),
        "it still learns"
    );
}

#[test]
fn a_momentum_buffer_follows_the_rescaling() {
    // In the coordinates of W̃ = aW, a step of rate λ is a step of λ/a² on W, momentum included.
    let (net, batch) = setup(4, 16);
    let (mut free, mut moved) = (momentum(), momentum());
    let mut one = free.step(0.01, net.clone(), net.gradients(&batch));
    let two = moved.step(0.01, net.clone(), net.gradients(&batch));
    let factors = factors(&one, &batch);
    let (mut two, mut gradients) = {
        let gradients = two.gradients(&batch);
        rescale(two, gradients, &mut moved, &scales(&factors)).unwrap()
    };
    for _ in 0..3 {
        let rates = factors
            .iter()
            .fold(ModuleLrScheduler::new(0.01), |rates, (id, a)| {
                rates.with_group(ParamGroup::from_ids(vec![*id]), 0.01 / a.get().powi(2))
            });
        let own = one.gradients(&batch);
        one = free.step(rates.clone().step(), one, own);
        two = moved.step(0.01, two, gradients);
        gradients = two.gradients(&batch);
    }
    let drift = distance(&values(one.logits(&batch)), &values(two.logits(&batch)));
    let learnt = distance(&values(net.logits(&batch)), &values(one.logits(&batch)));
    assert!(learnt > 0.02, "the network has moved: {learnt}");
    assert!(drift < 0.02 * learnt, "{drift} of {learnt}");
}

#[test]
fn adams_moments_follow_and_unknown_states_are_refused() {
    let (net, batch) = setup(3, 16);
    let factors = factors(&net, &batch);
    let mut adam = AdamWConfig::new().init();
    let net = adam.step(1e-3, net.clone(), net.gradients(&batch));
    let before = adam.to_record().into_bytes().unwrap();
    let (net, _) = rescale(
        net.clone(),
        net.gradients(&batch),
        &mut adam,
        &scales(&factors),
    )
    .unwrap();
    let tensor = |bytes, name: &str| {
        let reader = burn_pack::Reader::from_bytes(bytes).unwrap();
        let bytes = reader.tensor_data(name).unwrap();
        bytes
            .chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
            .collect::<Vec<f64>>()
    };
    let after = adam.to_record().into_bytes().unwrap();
    let id = net.weights()[0];
    let a = factors[&id].get();
    for (moment, power) in [("moment_1", -1), ("moment_2", -2)] {
        let name = format!("{}.momentum.{moment}", id.val());
        let expected: Vec<f64> = tensor(before.clone(), &name)
            .iter()
            .map(|v| v * a.powi(power))
            .collect();
        assert!(
            distance(&expected, &tensor(after.clone(), &name)) < 1e-6,
            "{moment}"
        );
    }

    let mut rms = RmsPropConfig::new().init();
    let net = rms.step(1e-3, net.clone(), net.gradients(&batch));
    let error = rescale(
        net.clone(),
        net.gradients(&batch),
        &mut rms,
        &scales(&factors),
    )
    .unwrap_err();
    assert!(
        matches!(error, RescaleError::UnknownState { .. }),
        "{error}"
    );
}

#[test]
fn holding_makes_every_layer_act_alike_and_moves_no_weight_itself() {
    let (net, batch) = setup(8, 24);
    let mut controller = ElrController::new(probe(&net, &batch), "hold".parse().unwrap());
    let before = values(net.logits(&batch));
    let gradients = net.gradients(&batch);
    let step = controller
        .steer(net, gradients, &mut momentum(), rate(3.0))
        .unwrap();
    assert_eq!(
        before,
        values(step.model.logits(&batch)),
        "the function stays to the bit"
    );
    let report = &step.report;
    assert!(Spread::of(&StepReport::alive(&report.acting)).range < 1e-9);
    assert!(Spread::of(&StepReport::alive(&report.raw)).decades() > 0.3);
    for (layer, multiplier) in controller.probe().layers().zip(report.multipliers.iter()) {
        let own = step.lr.lr_from_param(layer.id, None);
        assert!((own - 3.0 * multiplier.get()).abs() < 1e-12);
    }
    assert_eq!(step.lr.lr_from_param(step.model.head.weight.id, None), 3.0);
}

#[test]
fn a_held_network_turns_every_layer_by_the_same_angle() {
    let (net, batch) = setup(6, 24);
    let mut controller = ElrController::new(probe(&net, &batch), "hold".parse().unwrap());
    let mut sgd = SgdConfig::new().init();
    let gradients = net.gradients(&batch);
    let step = controller
        .steer(net.clone(), gradients, &mut sgd, rate(0.5))
        .unwrap();
    let after = sgd.step(step.lr, step.model, step.gradients);
    let turns: Vec<f64> = net
        .blocks
        .iter()
        .zip(&after.blocks)
        .map(|(old, new)| {
            let (w, v) = (
                values(old.linear.weight.val()),
                values(new.linear.weight.val()),
            );
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            (dot(&v, &v) / dot(&w, &w) - 1.0).sqrt()
        })
        .collect();
    let expected = 0.5 * step.report.acting[0].unwrap().get();
    for turn in turns {
        // T4: σ′²/σ² = 1 + (λE)².
        assert!(
            (turn / expected - 1.0).abs() < 0.01,
            "{turn} instead of {expected}"
        );
    }
}

#[test]
fn the_critical_warm_up_caps_and_ends_by_itself() {
    let (net, batch) = setup(6, 24);
    let largest = elrs(&net, &batch)
        .iter()
        .map(|e| e.get())
        .fold(0.0, f64::max);
    let target = rate(2.0 / largest);
    let mut controller = ElrController::new(probe(&net, &batch), "critical".parse().unwrap());
    let (mut net, mut sgd) = (net, SgdConfig::new().init());
    let mut rates = Vec::new();
    for _ in 0..40 {
        let gradients = net.gradients(&batch);
        let step = controller.steer(net, gradients, &mut sgd, target).unwrap();
        rates.push(step.report.lr.get());
        net = sgd.step(step.lr, step.model, step.gradients);
    }
    assert!(
        (rates[0] * largest - 1.0).abs() < 1e-6,
        "T11: no layer turns by more than 45 degrees"
    );
    assert!(rates.iter().all(|lr| *lr <= target.get()));
    assert_eq!(*rates.last().unwrap(), target.get(), "{rates:?}");
    assert_eq!(controller.past().steps, 40);
}
