//! Rescaling and holding on a real network: the function stays, the ELRs become equal, and the
//! optimiser's state follows.

mod common;

use std::collections::HashMap;

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::{ParamGroup, ParamId};
use burn::optim::{AdamWConfig, RmsPropConfig, SgdConfig};
use burn::tensor::Tensor;
use common::{Batch, Net, distance, momentum, setup, values};
use evenkeel::control::{Critical, Hold, Rescale};
use evenkeel::equalise::rescale_factors;
use evenkeel::optimizer::Measure;
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

/// `W′ − W` of each layer, and of the head.
fn changes(before: &Net, after: &Net) -> (Vec<Vec<f64>>, Vec<f64>) {
    let change = |old: &Tensor<2>, new: &Tensor<2>| values(new.clone() - old.clone());
    let layers = before.blocks.iter().zip(&after.blocks);
    let layers =
        layers.map(|(old, new)| change(&old.linear.weight.val(), &new.linear.weight.val()));
    let head = change(&before.head.weight.val(), &after.head.weight.val());
    (layers.collect(), head)
}

#[test]
fn holding_steps_each_layer_at_its_own_rate() {
    let (net, batch) = setup(8, 24);
    let mut controller = ElrController::new(probe(&net, &batch), Hold::default());
    let mut sgd = SgdConfig::new().init();
    let (after, report) = controller
        .step(net.clone(), net.gradients(&batch), &mut sgd, rate(0.3))
        .unwrap();
    assert_eq!(controller.measure(), Some(Measure::Gradient));
    assert!(Spread::of(&StepReport::alive(&report.plan.acting)).range < 1e-9);
    assert!(Spread::of(&StepReport::alive(&report.plan.raw)).decades() > 0.3);
    let gradients = net.gradients(&batch);
    let expected = |id, lr: f64| -> Vec<f64> {
        let gradient = values(gradients.get::<2>(id).unwrap());
        gradient.iter().map(|g| -lr * g).collect()
    };
    let (layers, head) = changes(&net, &after);
    let multipliers = report.plan.multipliers.iter();
    for ((id, change), multiplier) in net.weights().into_iter().zip(&layers).zip(multipliers) {
        let off = distance(&expected(id, 0.3 * multiplier.get()), change);
        assert!(off < 1e-3, "{off}");
    }
    assert!(distance(&expected(net.head.weight.id, 0.3), &head) < 1e-3);
}

#[test]
fn a_held_network_turns_every_layer_by_the_same_angle() {
    let (net, batch) = setup(6, 24);
    for (mut optimizer, measure) in [
        (SgdConfig::new().init(), Measure::Gradient),
        (momentum(), Measure::Update),
        (
            AdamWConfig::new().with_weight_decay(0.0).init(),
            Measure::Update,
        ),
    ] {
        let mut controller = ElrController::new(probe(&net, &batch), Hold::default());
        let gradients = net.gradients(&batch);
        let (after, report) = controller
            .step(net.clone(), gradients, &mut optimizer, rate(0.01))
            .unwrap();
        assert_eq!(controller.measure(), Some(measure));
        let expected = 0.01 * report.plan.acting[0].unwrap().get();
        for (change, block) in changes(&net, &after).0.iter().zip(&net.blocks) {
            let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
            let turn = norm(change) / norm(&values(block.linear.weight.val()));
            assert!(
                (turn / expected - 1.0).abs() < 0.01,
                "{turn} instead of {expected}"
            );
        }
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
    let mut controller = ElrController::new(probe(&net, &batch), Critical::default());
    let (mut net, mut sgd) = (net, SgdConfig::new().init());
    let mut rates = Vec::new();
    for _ in 0..40 {
        let gradients = net.gradients(&batch);
        let (stepped, report) = controller.step(net, gradients, &mut sgd, target).unwrap();
        rates.push(report.plan.lr.get());
        net = stepped;
    }
    assert!(
        (rates[0] * largest - 1.0).abs() < 1e-6,
        "T11: no layer turns by more than 45 degrees"
    );
    assert!(rates.iter().all(|lr| *lr <= target.get()));
    assert_eq!(*rates.last().unwrap(), target.get(), "{rates:?}");
    assert_eq!(controller.state().steps, 40);
    assert!(
        controller
            .state()
            .warmup_steps
            .is_some_and(|steps| steps > 0)
    );
}

#[test]
fn a_step_that_cannot_rescale_is_not_counted() {
    let (net, batch) = setup(3, 16);
    let mut rms = RmsPropConfig::new().init();
    let net = rms.step(1e-3, net.clone(), net.gradients(&batch));
    let mut controller = ElrController::new(probe(&net, &batch), Rescale);
    let gradients = net.gradients(&batch);
    let error = controller
        .step(net, gradients, &mut rms, rate(0.1))
        .err()
        .unwrap();
    assert!(error.to_string().contains("cannot be rescaled"), "{error}");
    assert_eq!(controller.state().steps, 0);
}
