//! Units: rows under batch normalization that are measured, rescaled and held by themselves.

mod common;

use std::collections::HashMap;

use burn::module::ParamId;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Tensor;
use common::{Batch, Net, distance, momentum, setup, values};
use evenkeel::control::Controls;
use evenkeel::equalise::rescale_factors;
use evenkeel::optimizer::Measure;
use evenkeel::quantity::LearningRate;
use evenkeel::spread::Spread;
use evenkeel_burn::controller::{ElrController, StepReport};
use evenkeel_burn::probe::{Probe, Reading};
use evenkeel_burn::rescale::rescale;
use evenkeel_burn::scale::Scale;

const WIDTH: usize = 16;

fn divided(net: &Net, batch: &Batch) -> Probe {
    let gradients = net.gradients(batch);
    let probe = Probe::find(net, &gradients).unwrap();
    probe.by_unit(net, &gradients)
}

fn controller(net: &Net, batch: &Batch, control: &str) -> ElrController {
    ElrController::new(divided(net, batch), control.parse::<Controls>().unwrap())
}

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

fn sgd() -> ModuleOptimizer {
    SgdConfig::new().init()
}

fn weight(net: &Net, block: usize) -> Vec<f64> {
    values(net.blocks[block].linear.weight.val())
}

/// Unit `i` of a weight `[in, out]`: a column.
fn unit(weights: &[f64], i: usize) -> Vec<f64> {
    weights.iter().skip(i).step_by(WIDTH).copied().collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The network and its gradients with one unit of block 1 dead.
fn with_a_dead_unit(net: &Net, batch: &Batch) -> GradientsParams {
    let mut gradients = net.gradients(batch);
    let id = net.blocks[1].linear.weight.id;
    let gradient = gradients.remove::<2>(id).unwrap();
    let device = gradient.device();
    gradients.register(
        id,
        gradient.slice_assign([0..WIDTH, 3..4], Tensor::zeros([WIDTH, 1], &device)),
    );
    gradients
}

#[test]
fn units_are_found_along_the_axis_of_outputs_and_read_as_they_are() {
    let (net, batch) = setup(3, WIDTH);
    let (probe, gradients) = (divided(&net, &batch), net.gradients(&batch));
    assert!(probe.layers().all(|layer| layer.units.unwrap().axis == 1));
    assert_eq!(probe.parts().count(), 3 * WIDTH);
    let readings = probe.read(&net, &gradients).unwrap();
    let whole = Probe::find(&net, &gradients).unwrap();
    let layers = whole.read(&net, &gradients).unwrap();
    for (block, layer) in layers.iter().enumerate() {
        let own = &readings[block * WIDTH..(block + 1) * WIDTH];
        let w = weight(&net, block);
        let g = values(gradients.get::<2>(net.weights()[block]).unwrap());
        for (i, reading) in own.iter().enumerate() {
            assert!((reading.weight_norm / norm(&unit(&w, i)) - 1.0).abs() < 1e-5);
            assert!((reading.gradient_norm / norm(&unit(&g, i)) - 1.0).abs() < 1e-5);
            assert!(reading.cosine.abs() < 1e-3, "{reading:?}");
        }
        let joined = Reading::joined(own);
        assert!((joined.weight_norm / layer.weight_norm - 1.0).abs() < 1e-5);
        assert!((joined.gradient_norm / layer.gradient_norm - 1.0).abs() < 1e-5);
    }
}

#[test]
fn rescaling_units_keeps_the_function_and_carries_adams_moments() {
    let (net, batch) = setup(4, WIDTH);
    let mut adam = AdamWConfig::new().init();
    let net = adam.step(1e-3, net.clone(), net.gradients(&batch));
    let (probe, gradients) = (divided(&net, &batch), net.gradients(&batch));
    let readings = probe.read(&net, &gradients).unwrap();
    let elrs: Vec<_> = readings
        .iter()
        .map(|r| r.norms().unwrap().elr().unwrap())
        .collect();
    let factors = rescale_factors(&elrs);
    let scales: HashMap<ParamId, Scale> = net
        .weights()
        .into_iter()
        .zip(factors.chunks(WIDTH))
        .map(|(id, own)| (id, Scale::along(1, own)))
        .collect();
    let moment = |adam: &ModuleOptimizer, name: &str| {
        let bytes = adam.to_record().into_bytes().unwrap();
        let reader = burn_pack::Reader::from_bytes(bytes).unwrap();
        let name = format!("{}.momentum.{name}", net.weights()[0].val());
        let bytes = reader.tensor_data(&name).unwrap();
        let number = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
        bytes.chunks_exact(4).map(number).collect::<Vec<f64>>()
    };
    let names = [("moment_1", -1), ("moment_2", -2)];
    let before = names.map(|(name, _)| moment(&adam, name));
    let logits = values(net.logits(&batch));
    let (after, _) = rescale(net.clone(), gradients, &mut adam, &scales).unwrap();
    assert!(distance(&logits, &values(after.logits(&batch))) < 1e-3);
    let readings = probe.read(&after, &after.gradients(&batch)).unwrap();
    let elrs: Vec<_> = readings
        .iter()
        .map(|r| r.norms().unwrap().elr().unwrap())
        .collect();
    assert!(
        Spread::of(&elrs).range < 0.05,
        "{}",
        Spread::of(&elrs).range
    );
    for ((name, power), before) in names.into_iter().zip(before) {
        let expected: Vec<f64> = before
            .iter()
            .enumerate()
            .map(|(index, value)| value * factors[index % WIDTH].get().powi(power))
            .collect();
        assert!(distance(&expected, &moment(&adam, name)) < 1e-6, "{name}");
    }
}

#[test]
fn held_units_turn_by_the_same_angle_under_every_optimiser() {
    let (net, batch) = setup(4, WIDTH);
    for (mut optimizer, measure) in [
        (sgd(), Measure::Gradient),
        (momentum(), Measure::Gradient),
        (AdamWConfig::new().init(), Measure::Update),
    ] {
        let mut held = controller(&net, &batch, "hold").by_measure(measure);
        let (after, report) = held
            .step(
                net.clone(),
                net.gradients(&batch),
                &mut optimizer,
                rate(0.01),
            )
            .unwrap();
        assert!(Spread::of(&StepReport::alive(&report.plan.acting)).range < 1e-9);
        let turn = report.plan.acting[0].unwrap().get();
        for block in 0..4 {
            let (old, new) = (weight(&net, block), weight(&after, block));
            let change: Vec<f64> = old.iter().zip(&new).map(|(a, b)| b - a).collect();
            for i in 0..WIDTH {
                let measured = norm(&unit(&change, i)) / norm(&unit(&old, i)) / 0.01;
                assert!((measured / turn - 1.0).abs() < 2e-3, "{measured} {turn}");
            }
        }
    }
}

#[test]
fn shares_are_rates_exactly_with_momentum_and_decay() {
    // The share of a step at the largest rate is the step at the own rate, two steps in a row: the
    // buffer does not know the rate.
    let (net, batch) = setup(3, WIDTH);
    let optimizer = || {
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        let config = SgdConfig::new().with_momentum(Some(momentum));
        let decay = WeightDecayConfig::new(0.1);
        config.with_weight_decay(Some(decay)).init()
    };
    let mut mine = optimizer();
    let mut held = controller(&net, &batch, "hold").by_measure(Measure::Gradient);
    let (mut one, mut steps) = (net.clone(), Vec::new());
    for _ in 0..2 {
        let gradients = one.gradients(&batch);
        let before = one.clone();
        let (after, report) = held.step(one, gradients, &mut mine, rate(0.05)).unwrap();
        steps.push((before, report));
        one = after;
    }
    // Each unit of block 1 by itself, at its own rate for the whole network.
    let expected = |i: usize| {
        let mut optimizer = optimizer();
        let mut stepped = Vec::new();
        for (before, report) in &steps {
            let lr = 0.05 * report.plan.multipliers[WIDTH + i].get();
            stepped = weight(
                &optimizer.step(lr, before.clone(), before.gradients(&batch)),
                1,
            );
        }
        unit(&stepped, i)
    };
    for i in 0..WIDTH {
        let error = distance(&expected(i), &unit(&weight(&one, 1), i));
        assert!(error < 1e-5, "{error}");
    }
}

#[test]
fn holding_by_rates_is_rescaling_at_every_step_in_function_space() {
    // T23 at units: with weights rescaled before every step by factors that make ELRs equal, or with
    // rates, the network computes the same.
    for optimizer in [sgd, momentum] {
        let (net, batch) = setup(4, WIDTH);
        let (mut by_rates, mut by_weights) = (optimizer(), optimizer());
        let mut held = controller(&net, &batch, "hold").by_measure(Measure::Gradient);
        let probe = divided(&net, &batch);
        let (mut one, mut two) = (net.clone(), net.clone());
        for _ in 0..4 {
            let gradients = one.gradients(&batch);
            one = held
                .step(one, gradients, &mut by_rates, rate(0.02))
                .unwrap()
                .0;
            let gradients = two.gradients(&batch);
            // `rescale` acts at step 0 only: a new controller at every step.
            let mut fresh =
                ElrController::new(probe.clone(), "rescale".parse::<Controls>().unwrap());
            two = fresh
                .step(two, gradients, &mut by_weights, rate(0.02))
                .unwrap()
                .0;
        }
        let drift = distance(&values(one.logits(&batch)), &values(two.logits(&batch)));
        let learnt = distance(&values(net.logits(&batch)), &values(one.logits(&batch)));
        assert!(learnt > 0.02, "the network has moved: {learnt}");
        assert!(drift < 0.02 * learnt, "{drift} of {learnt}");
    }
}

#[test]
fn a_dead_unit_takes_no_part_and_keeps_its_multiplier() {
    let (net, batch) = setup(3, WIDTH);
    let mut held = controller(&net, &batch, "hold+sphere");
    let gradients = net.gradients(&batch);
    let (after, first) = held.step(net, gradients, &mut sgd(), rate(0.1)).unwrap();
    let gradients = with_a_dead_unit(&after, &batch);
    let (last, report) = held
        .step(after.clone(), gradients, &mut sgd(), rate(0.1))
        .unwrap();
    let dead = WIDTH + 3;
    assert_eq!(report.plan.acting[dead], None);
    assert_eq!(report.plan.multipliers[dead], first.plan.multipliers[dead]);
    assert_eq!(StepReport::alive(&report.plan.acting).len(), 3 * WIDTH - 1);
    assert_eq!(unit(&weight(&last, 1), 3), unit(&weight(&after, 1), 3));
    assert!(weight(&last, 1).iter().all(|w| w.is_finite()));
}

#[test]
fn spheres_keep_norms_and_resume() {
    for (optimizer, measure) in [
        (momentum(), Measure::Gradient),
        (AdamWConfig::new().init(), Measure::Update),
    ] {
        let (net, batch) = setup(3, WIDTH);
        let mut optimizer = optimizer;
        let mut sphere = controller(&net, &batch, "sphere").by_measure(measure);
        let (mut net, mut reports) = (net, Vec::new());
        for _ in 0..5 {
            let gradients = net.gradients(&batch);
            let (after, report) = sphere
                .step(net, gradients, &mut optimizer, rate(0.05))
                .unwrap();
            net = after;
            reports.push(report);
        }
        let grown = |r: &StepReport, i: usize| r.readings[i].weight_norm * r.plan.factors[i].get();
        for i in 0..3 * WIDTH {
            let start = reports[0].readings[i].weight_norm;
            assert!(reports[4].readings[i].weight_norm / start - 1.0 > 1e-7);
            assert!((grown(&reports[4], i) / start - 1.0).abs() < 1e-5);
        }
        let mut resumed = controller(&net, &batch, "sphere")
            .by_measure(measure)
            .resumed(sphere.state().clone());
        let step = |controller: &mut ElrController, optimizer: &mut ModuleOptimizer| {
            let gradients = net.gradients(&batch);
            let stepped = controller.step(net.clone(), gradients, optimizer, rate(0.05));
            weight(&stepped.unwrap().0, 1)
        };
        let mut twin = optimizer.clone();
        let (one, two) = (
            step(&mut sphere, &mut optimizer),
            step(&mut resumed, &mut twin),
        );
        assert_eq!(one, two, "to the bit");
    }
}
