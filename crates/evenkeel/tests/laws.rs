//! What the theory claims, over random networks: one suite over every policy and every control.

mod controls;

use evenkeel::control::{Controls, StepContext};
use evenkeel::critical::{self, Regime};
use evenkeel::equalise;
use evenkeel::flow::{self, Dose};
use evenkeel::forecast::Forecaster;
use evenkeel::optimizer::{Decay, Measure, Optimizer};
use evenkeel::quantity::{Elr, Growth, LearningRate, LrMultiplier, Momentum};
use evenkeel::recurrence::sgd;
use evenkeel::spread::{Spread, geometric_mean};
use evenkeel::warmup::{self, Policy};
use proptest::prelude::*;

/// ELRs over twelve decades.
fn elr() -> impl Strategy<Value = Elr> {
    (-14.0..14.0f64).prop_map(Elr::from_ln)
}

fn network() -> impl Strategy<Value = Vec<Elr>> {
    prop::collection::vec(elr(), 2..40)
}

fn rate() -> impl Strategy<Value = LearningRate> {
    (-20.0..20.0f64).prop_map(LearningRate::from_ln)
}

fn step(elrs: &[Elr], lr: LearningRate) -> Vec<Elr> {
    elrs.iter().map(|&e| sgd::elr(e, lr)).collect()
}

fn policy(name: &str) -> &'static Policy {
    Policy::find(name).unwrap()
}

/// `ln cosh x` without overflow.
fn ln_cosh(x: f64) -> f64 {
    x.abs() + (-2.0 * x.abs()).exp().ln_1p() - std::f64::consts::LN_2
}

/// Every control once.
fn all_controls() -> impl Iterator<Item = Controls> {
    controls::all().map(|text| text.parse().unwrap())
}

proptest! {
    #[test]
    fn ratios_contract_for_every_rate(elrs in network(), lr in rate()) {
        let after = step(&elrs, lr);
        prop_assert!(Spread::of(&after).range <= Spread::of(&elrs).range + 1e-12);
        for i in 1..elrs.len() {
            let before = (elrs[i].ln() - elrs[0].ln()).abs();
            prop_assert!((after[i].ln() - after[0].ln()).abs() <= before + 1e-12);
        }
    }

    #[test]
    fn order_is_kept_below_the_critical_rate_and_flips_above(a in elr(), b in elr(), share in 0.01..0.99f64) {
        prop_assume!((a.ln() - b.ln()).abs() > 1e-3);
        let (upper, lower) = if a > b { (a, b) } else { (b, a) };
        let critical = critical::pair(upper, lower).get();
        let below = LearningRate::new(critical * share).unwrap();
        let above = LearningRate::new(critical / share).unwrap();
        prop_assert!(sgd::ratio(upper, lower, below) >= 1.0 - 1e-12);
        prop_assert!(sgd::ratio(upper, lower, above) <= 1.0 + 1e-12);
        prop_assert_eq!(critical::regime(upper, lower, below), Regime::Converging);
        prop_assert_eq!(critical::regime(lower, upper, above), Regime::Flipped);
    }

    #[test]
    fn the_overshoot_is_symmetric_in_the_log_rate(a in elr(), b in elr(), factor in 1.01..100.0f64) {
        let critical = critical::pair(a, b).get();
        let ratio = |lr: f64| sgd::ratio(a, b, LearningRate::new(lr).unwrap()).ln();
        prop_assert!((ratio(critical * factor) + ratio(critical / factor)).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_the_same_in_every_unit(elrs in network(), lr in rate(), ln_scale in -8.0..8.0f64) {
        // W → aW multiplies every ELR by a common factor; the rate takes the inverse.
        let scaled: Vec<Elr> = elrs.iter().map(|e| Elr::from_ln(e.ln() + ln_scale)).collect();
        let inverse = LearningRate::from_ln(lr.get().ln() - ln_scale);
        for (one, other) in step(&elrs, lr).iter().zip(step(&scaled, inverse)) {
            prop_assert!((one.ln() + ln_scale - other.ln()).abs() < 1e-9);
        }
        for policy in warmup::ALL {
            let (one, other) = (policy.critical(&elrs).unwrap(), policy.critical(&scaled).unwrap());
            let distance = one.get().ln() - other.get().ln() - ln_scale;
            prop_assert!(distance.abs() < 1e-6, "{} {}", policy.name, distance);
        }
    }

    #[test]
    fn no_overshoot_keeps_order_and_halves_the_top(elrs in network()) {
        let lr = policy("no-overshoot").critical(&elrs).unwrap();
        let range = Spread::of(&elrs).range;
        let after = step(&elrs, lr);
        prop_assert!((Spread::of(&after).range - ln_cosh(range)).abs() < 1e-9);
        for pair in elrs.iter().zip(&after).collect::<Vec<_>>().windows(2) {
            prop_assert!((pair[0].0 >= pair[1].0) == (pair[0].1 >= pair[1].1) || (pair[0].1.ln() - pair[1].1.ln()).abs() < 1e-9);
        }
    }

    #[test]
    fn top_pair_is_the_largest_rate_without_a_flip(elrs in network()) {
        let lr = policy("top-pair").critical(&elrs).unwrap();
        let flips = |lr: LearningRate| {
            elrs.iter().any(|a| elrs.iter().any(|b| {
                (a.ln() - b.ln()).abs() > 1e-9 && critical::regime(*a, *b, lr) == Regime::Flipped
            }))
        };
        prop_assert!(!flips(lr));
        let mut sorted = elrs.clone();
        sorted.sort_by(|a, b| b.partial_cmp(a).unwrap());
        if sorted[0].ln() - sorted[1].ln() > 1e-6 {
            prop_assert!(flips(LearningRate::new(lr.get() * (1.0 + 1e-6)).unwrap()));
        }
    }

    #[test]
    fn minimax_reaches_ln_cosh_of_half_the_range(elrs in network(), other in rate()) {
        let lr = policy("minimax").critical(&elrs).unwrap();
        let range = Spread::of(&elrs).range;
        // Both ends meet at the bottom, so the middle is the new top.
        let extremes = [elrs.iter().copied().fold(elrs[0], |a, b| if b > a { b } else { a }),
                        elrs.iter().copied().fold(elrs[0], |a, b| if b < a { b } else { a }),
                        geometric_mean(&[Elr::from_ln(-2.0 * lr.get().ln())]).map(|e| Elr::from_ln(e.ln() / 2.0)).unwrap()];
        let reached = Spread::of(&step(&extremes, lr)).range;
        prop_assert!((reached - ln_cosh(range / 2.0)).abs() < 1e-9);
        prop_assert!(Spread::of(&step(&elrs, lr)).range <= reached + 1e-9);
        prop_assert!(Spread::of(&step(&extremes, other)).range >= reached - 1e-9);
    }

    #[test]
    fn min_spread_is_not_beaten(elrs in network(), other in rate()) {
        let std = |lr| Spread::of(&step(&elrs, lr)).std;
        let best = std(policy("min-spread").critical(&elrs).unwrap());
        for rival in warmup::ALL.iter().map(|p| p.critical(&elrs).unwrap()).chain([other]) {
            // The scan may land in a minimum that is deeper by less than its spacing.
            prop_assert!(best <= std(rival) + 1e-3 * (1.0 + std(rival)), "{} {}", best, std(rival));
        }
    }

    #[test]
    fn rescaling_equalises_at_the_geometric_mean(elrs in network()) {
        let factors = equalise::rescale_factors(&elrs);
        let mean = geometric_mean(&elrs).unwrap().ln();
        for (elr, factor) in elrs.iter().zip(&factors) {
            prop_assert!((equalise::rescaled(*elr, *factor).ln() - mean).abs() < 1e-9);
        }
        prop_assert!(factors.iter().map(|a| a.get().ln()).sum::<f64>().abs() < 1e-9 * elrs.len() as f64);
    }

    #[test]
    fn holding_by_rates_is_rescaling_at_every_step(elrs in network(), lr in rate()) {
        // T23: after one step under λ_l = λĒ/E_l every ELR has shrunk by the factor that the
        // equalised network's common ELR shrinks by.
        let mean = geometric_mean(&elrs).unwrap();
        let common = sgd::elr(mean, lr).ln() - mean.ln();
        for (elr, multiplier) in elrs.iter().zip(equalise::hold_multipliers(&elrs)) {
            let own = lr.get() * multiplier.get();
            let after = sgd::elr(*elr, LearningRate::new(own).unwrap());
            prop_assert!((after.ln() - elr.ln() - common).abs() < 1e-9 * common.abs().max(1.0));
        }
    }

    #[test]
    fn a_band_clamps_what_is_outside_and_leaves_the_rest(elrs in network(), decades in 0.0f64..6.0) {
        // T30: acting ELRs are apart by at most the band, and nobody changes places.
        let mean = geometric_mean(&elrs).unwrap().ln();
        let half = decades * std::f64::consts::LN_10 / 2.0;
        let multipliers = equalise::within_multipliers(&elrs, decades);
        let act = |(elr, multiplier): (&Elr, &LrMultiplier)| elr.ln() + multiplier.get().ln() - mean;
        let acting = elrs.iter().zip(&multipliers).map(act).collect::<Vec<_>>();
        for ((elr, multiplier), acting) in elrs.iter().zip(&multipliers).zip(&acting) {
            prop_assert!(acting.abs() <= half + 1e-9);
            let inside = (elr.ln() - mean).abs() < half;
            prop_assert!(!inside || *multiplier == LrMultiplier::ONE);
        }
        for (i, j) in (0..elrs.len()).zip(1..elrs.len()) {
            prop_assert!(elrs[i] < elrs[j] || acting[i] >= acting[j] - 1e-9);
        }
        prop_assert_eq!(equalise::within_multipliers(&elrs, 0.0), equalise::hold_multipliers(&elrs));
    }

    #[test]
    fn every_control_respects_the_contract(elrs in network(), lr in rate(), at in 0u64..20) {
        for controls in all_controls() {
            let first = StepContext::at(at, Measure::Gradient);
            let plan = controls.decide(&first, &elrs[..], lr);
            prop_assert!(plan.lr() <= lr && plan.lr().get() >= 0.0, "{}: never above the target", controls);
            prop_assert_eq!(plan.elrs().len(), elrs.len());
            prop_assert!(plan.critical().is_some());
            let text = controls.to_string();
            let read: Controls = text.parse().unwrap();
            prop_assert_eq!(&read, &controls);
            prop_assert_eq!(&read.to_string(), &text);
            let json = serde_json::to_string(&controls).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Controls>(&json).unwrap(), &controls);
            prop_assert_eq!(&plan, &read.decide(&first, &elrs[..], lr), "{}", controls);
            prop_assert_eq!(&plan, &controls.clone().decide(&first, &elrs[..], lr));
            let growths = elrs.iter().map(|elr| Growth::from_ln(elr.ln())).collect::<Vec<_>>();
            let context = StepContext { growths, path: 3.0, ..first.clone() };
            let later = controls.decide(&context, &elrs[..], lr);
            prop_assert!(later.lr() <= lr && later.elrs().len() == elrs.len(), "{}", controls);
            let without = controls.decide(&first, [], lr);
            prop_assert_eq!(without.elrs().len(), 0);
            prop_assert!(without.critical().is_none() && without.leaves_elrs());
            prop_assert!(!controls.folder_name().contains(':'));
        }
    }

    #[test]
    fn every_controlled_forecast_contracts(elrs in network(), lr in rate()) {
        for controls in all_controls() {
            let run = Forecaster::new(&elrs, |_| lr).controls(controls.clone()).run(12);
            prop_assert_eq!((run.lrs.len(), run.elrs.len(), run.spreads.len()), (12, 13, 13));
            for pair in run.spreads.windows(2) {
                prop_assert!(pair[1].range <= pair[0].range + 1e-9, "{}", controls);
            }
        }
    }
}

#[test]
fn the_recurrence_meets_the_flow_at_first_order_in_the_squared_rate() {
    // Same dose, smaller steps: the error must fall in proportion to λ².
    let start = Elr::new(2.0).unwrap();
    let error = |steps: u32| {
        let lr = LearningRate::new((1.0 / f64::from(steps)).sqrt()).unwrap();
        let end = (0..steps).fold(start, |elr, _| sgd::elr(elr, lr));
        let dose = Dose::of((0..steps).map(|_| lr));
        (end.ln() - flow::elr(start, dose).ln()).abs()
    };
    let order = (error(1_000) / error(16_000)).ln() / 16f64.ln();
    assert!((order - 1.0).abs() < 0.05, "measured order {order}");
}

#[test]
fn an_exact_network_of_vectors_obeys_the_recurrence() {
    // Gradients of norm c/‖W‖, orthogonal to W: T4 and T5 must hold to rounding.
    let (mut w, c, lr) = ([3.0f64, 4.0, 0.0], 7.0, 0.5);
    let mut predicted = Elr::new(c / 25.0).unwrap();
    for _ in 0..50 {
        let norm = w.iter().map(|v| v * v).sum::<f64>().sqrt();
        let other = if w[2].abs() < norm / 2.0 {
            [0.0, 0.0, 1.0]
        } else {
            [1.0, 0.0, 0.0]
        };
        let dot: f64 = w.iter().zip(other).map(|(a, b)| a * b).sum();
        let tangent: Vec<f64> = w
            .iter()
            .zip(other)
            .map(|(a, b)| b - a * dot / (norm * norm))
            .collect();
        let length = tangent.iter().map(|v| v * v).sum::<f64>().sqrt();
        for (w, t) in w.iter_mut().zip(&tangent) {
            *w -= lr * (c / norm) * t / length;
        }
        predicted = sgd::elr(predicted, LearningRate::new(lr).unwrap());
    }
    let squared: f64 = w.iter().map(|v| v * v).sum();
    assert!((c / squared / predicted.get() - 1.0).abs() < 1e-12);
}

#[test]
fn composition_decides_in_stages_whatever_the_order_written() {
    let elrs = [0.01, 1.0, 100.0].map(|e| Elr::new(e).unwrap());
    let target = LearningRate::new(10.0).unwrap();
    let one: Controls = "critical+hold".parse().unwrap();
    let other: Controls = "hold+critical".parse().unwrap();
    let context = StepContext::at(0, Measure::Gradient);
    let plan = one.decide(&context, elrs, target);
    assert_eq!(plan, other.decide(&context, elrs, target));
    // All ELRs act at their mean of 1, so the critical rate is 1, not 1/100.
    assert!((plan.lr().get() - 1.0).abs() < 1e-12);
    assert!(plan.is_capped());
    let middle = plan.multipliers().unwrap()[1];
    assert!((middle.get() - LrMultiplier::ONE.get()).abs() < 1e-12);
}

#[test]
fn nonsense_is_refused_with_what_is_permitted() {
    let message = |text: &str| text.parse::<Controls>().unwrap_err().to_string();
    assert!(message("critcal").contains(
        "none, linear:STEPS, critical[:POLICY], rescale, hold[:FRACTION], \
         band:DECADES[:RADIANS[:FROM]], max-angle:RADIANS[:START:FRACTION], sphere, lars:ETA"
    ));
    assert!(message("critical:best").contains("no-overshoot, top-pair, minimax, min-spread"));
    assert!(message("linear:0").contains("from 1"));
    assert!(message("rescale:3").contains("no argument"));
    assert!(message("none+hold").contains("stands alone"));
    assert!(message("hold+hold").contains("once"));
    assert!(message("").contains("permitted"));
    // Earlier names say what they are now.
    assert!(message("turn:0.1").contains("max-angle:RADIANS"));
    assert!(message("hold+within:0.5").contains("band:DECADES"));
}

#[test]
fn what_widens_and_in_which_model() {
    let pair = [10.0, 0.001].map(|e| Elr::new(e).unwrap());
    let (mu, none) = (
        Momentum::new(0.9).unwrap(),
        "none".parse::<Controls>().unwrap(),
    );
    let heavy_ball = Optimizer::heavy_ball(mu, Decay::None);
    let ranges = |optimizer: &Optimizer, lr: LearningRate| -> Vec<f64> {
        let run = Forecaster::new(&pair, |_| lr)
            .optimizer(optimizer)
            .controls(none.clone())
            .run(60);
        run.spreads.iter().map(|spread| spread.decades()).collect()
    };
    // Plain SGD: equal after one step at the pair's critical rate, and never wider again (T6).
    let critical = critical::pair(pair[0], pair[1]);
    let plain = ranges(&Optimizer::sgd(Decay::None), critical);
    assert!(plain[1] < 1e-9 && plain.windows(2).all(|w| w[1] <= w[0] + 1e-9));
    // Heavy ball at the same rate: equal after one step too, then inertia throws the fast layer on.
    let heavy = ranges(&heavy_ball, critical);
    assert!(
        heavy[1] < 1e-9 && heavy[30] > 1.8,
        "{} {}",
        heavy[1],
        heavy[30]
    );
    // At a rate smaller by 1 − μ, for a pair as far apart as this, it settles where plain SGD does.
    let lower = critical::pair_after_inertia(pair[0], pair[1], &heavy_ball).unwrap();
    let settled = ranges(&heavy_ball, lower);
    assert!(settled[60] < 0.01, "{}", settled[60]);
}

#[test]
fn equal_turns_take_this_share_of_the_steepest_descent() {
    // T30: layers whose ln c is spread evenly over so many decades.
    for (decades, expected) in [(0.5, 0.950), (1.0, 0.843), (3.5, 0.498)] {
        let range: f64 = decades * std::f64::consts::LN_10;
        let gradients = (0..10_000).map(|l| (range * f64::from(l) / 9_999.0).exp());
        let (sum, squares) = gradients.fold((0.0, 0.0), |(s, q), c| (s + c, q + c * c));
        let share = sum / (10_000.0 * squares).sqrt();
        let closed = (2.0 / range * (0.5 * range).tanh()).sqrt();
        assert!((share / closed - 1.0).abs() < 1e-3, "{share} {closed}");
        assert!((closed - expected).abs() < 5e-4, "{closed}");
    }
}

#[test]
fn the_predicted_standard_deviation_can_have_two_minima_in_the_rate() {
    // So no single threshold says where it widens: T14 looks for the deeper one.
    let elrs = [0.0, 5.0, 10.0].map(Elr::from_ln);
    let std = |ln_lr: f64| Spread::of(&step(&elrs, LearningRate::from_ln(ln_lr))).std;
    let (low, middle, high) = (std(-6.0), std(-5.0), std(-4.0));
    assert!(low < middle && high < middle, "{low} {middle} {high}");
    assert!((low - high).abs() < 1e-9, "the two are mirror images");
    // The range has one: it falls up to the minimax rate and rises beyond (T13).
    let range = |ln_lr: f64| Spread::of(&step(&elrs, LearningRate::from_ln(ln_lr))).range;
    let rates: Vec<f64> = (-100..=0).map(|i| range(f64::from(i) * 0.1)).collect();
    let (falling, rising) = rates.split_at(51);
    assert!(falling.windows(2).all(|w| w[1] <= w[0] + 1e-12));
    assert!(rising.windows(2).all(|w| w[1] >= w[0] - 1e-12));
}

#[test]
fn a_band_opens_once_weights_have_turned_as_far_as_asked() {
    let elrs = [0.1, 1.0, 10.0].map(|value| Elr::new(value).unwrap());
    let controls = ["band:0.5:1", "band:0.5:1:0.2"].map(|name| name.parse::<Controls>().unwrap());
    let range = |controls: &Controls, path: f64| {
        let context = StepContext {
            path,
            ..StepContext::at(9, Measure::Gradient)
        };
        let plan = controls.decide(&context, elrs, LearningRate::new(0.1).unwrap());
        Spread::of(plan.elrs()).decades()
    };
    for (controls, paths, expected) in [
        (&controls[0], [0.0, 0.99], 0.0),
        (&controls[0], [1.0, 7.0], 0.5),
        (&controls[1], [0.2, 0.99], 0.0),
        (&controls[1], [0.0, 0.19], 0.5),
        (&controls[1], [1.0, 7.0], 0.5),
    ] {
        for path in paths {
            assert!(
                (range(controls, path) - expected).abs() < 1e-12,
                "{controls} {path}"
            );
        }
    }
    for wrong in [
        "band",
        "band:-1",
        "band:nan",
        "band:0.5:",
        "band:0.5:1:2",
        "band:0.5:1:0.2:0",
        "band:1e9",
    ] {
        let error = wrong.parse::<Controls>().unwrap_err().to_string();
        assert!(error.contains("band:DECADES:RADIANS"), "{error}");
    }
}

#[test]
fn gentle_hold_starts_even_and_follows_by_a_fraction() {
    let elrs = |values: [f64; 2]| values.map(|value| Elr::new(value).unwrap());
    let (gentle, target): (Controls, _) = (
        "hold:0.25".parse().unwrap(),
        LearningRate::new(0.1).unwrap(),
    );
    let context = StepContext::at(0, Measure::Gradient);
    let first = gentle.decide(&context, elrs([4.0, 1.0]), target);
    assert!(Spread::of(first.elrs()).range < 1e-12);
    // The next batch sees them equal as they are: the multipliers, 1/2 and 2, go a quarter of the way.
    let context = StepContext {
        multipliers: first.multipliers().unwrap().to_vec(),
        ..StepContext::at(1, Measure::Gradient)
    };
    let next = gentle.decide(&context, elrs([1.0, 1.0]), target);
    let multipliers = next
        .multipliers()
        .unwrap()
        .iter()
        .map(|m| m.get())
        .collect::<Vec<_>>();
    assert!(
        (multipliers[0] - 0.5f64.powf(0.75)).abs() < 1e-12,
        "{multipliers:?}"
    );
    assert!((multipliers[1] - 2f64.powf(0.75)).abs() < 1e-12);
    for bad in [
        "hold:0",
        "hold:1.5",
        "hold:x",
        "lars",
        "lars:-1",
        "hold+lars:1",
        "turn",
        "turn:0",
        "turn:NaN",
        "turn:0.1:0.01",
        "turn:0.1:0:0.05",
        "turn:0.1:0.01:-1",
        "turn:0.1:0.01:0.05:1",
        "max-angle:0.1+max-angle:0.2",
        "max-angle:1.6",
        "max-angle:0",
    ] {
        assert!(bad.parse::<Controls>().is_err(), "{bad}");
    }
}

#[test]
fn on_the_sphere_nothing_moves_and_nothing_anneals() {
    // T25 under every optimiser, decay or not: ELRs stay where they started, for good.
    let elrs = [0.002, 0.5, 6.0].map(|value| Elr::new(value).unwrap());
    let lr = LearningRate::new(0.3).unwrap();
    let stays = |controls: &str, optimizer: &str, expected: &[f64]| {
        let (controls, optimizer): (Controls, Optimizer) =
            (controls.parse().unwrap(), optimizer.parse().unwrap());
        let run = Forecaster::new(&elrs, |_| lr)
            .optimizer(&optimizer)
            .controls(controls.clone())
            .run(50);
        for row in &run.elrs {
            for (elr, expected) in row.iter().zip(expected) {
                let distance = elr.ln() - expected.ln();
                assert!(distance.abs() < 1e-9, "{controls} {optimizer}: {distance}");
            }
        }
        run
    };
    let own = elrs.map(Elr::get);
    let mean = [geometric_mean(&elrs).unwrap().get(); 3];
    for optimizer in ["sgd", "momentum", "nesterov:decay=0.01", "adam", "adamw"] {
        stays("sphere", optimizer, &own);
        // What is equal stays equal, at a mean that no longer falls.
        stays("hold+sphere", optimizer, &mean);
        // The spheres are those of the first step as it was taken.
        stays("rescale+sphere", optimizer, &mean);
    }
    let sphere = stays("sphere", "sgd", &own);
    for turns in &sphere.turns {
        for (turn, elr) in turns.iter().zip(own) {
            assert!((turn.get() - (0.3 * elr).atan()).abs() < 1e-12);
        }
    }
    // A critical rate that nothing raises: the warm-up has no end.
    assert_eq!(stays("critical+sphere", "sgd", &own).warmup_steps, None);
}

#[test]
fn lars_fixes_what_every_layer_turns_by() {
    let (lars, lr): (Controls, _) = ("lars:0.3".parse().unwrap(), LearningRate::new(0.1).unwrap());
    let elrs = [0.002, 5.0, 60.0].map(|value| Elr::new(value).unwrap());
    let run = Forecaster::new(&elrs, |_| lr)
        .controls(lars.clone())
        .run(30);
    for turn in run.turns.iter().flatten() {
        assert!((turn.get() - 0.03f64.atan()).abs() < 1e-12);
    }
}

#[test]
fn a_capped_turn_is_reached_and_not_exceeded() {
    let elrs = [5.0, 60.0, 700.0].map(|value| Elr::new(value).unwrap());
    let run = |controls: &str| {
        let lr = LearningRate::new(0.1).unwrap();
        let controls: Controls = controls.parse().unwrap();
        Forecaster::new(&elrs, |_| lr).controls(controls).run(60)
    };
    for (controls, layers) in [("max-angle:0.5", 1), ("hold+max-angle:0.5", 3)] {
        let run = run(controls);
        let end = run.warmup_steps.expect("growing norms end the warm-up");
        assert!(end > 0, "{controls}");
        for (step, turns) in run.turns.iter().enumerate() {
            let fastest = turns.iter().map(|turn| turn.get());
            let at_cap = fastest.clone().filter(|t| (t / 0.5 - 1.0).abs() < 1e-9);
            assert!(fastest.fold(0.0, f64::max) < 0.5 * (1.0 + 1e-9));
            // The fastest layer alone, or all of them where they are equal.
            assert!(step >= end || at_cap.count() >= layers, "{controls} {step}");
        }
    }
    // T11 is the angle of 45 degrees.
    let eighth = run(&format!("max-angle:{}", std::f64::consts::FRAC_PI_4));
    for (one, other) in eighth.lrs.iter().zip(run("critical:no-overshoot").lrs) {
        assert!((one.get() / other.get() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_turn_that_may_grow_grows_by_its_share_at_every_step() {
    // T32: τ_t = τ₀(1 + κ)^t as long as tangents are angles, and no further than the cap.
    let elrs = [60.0, 700.0].map(|value| Elr::new(value).unwrap());
    let lr = LearningRate::new(100.0).unwrap();
    let controls: Controls = "hold+max-angle:0.02:0.001:0.05".parse().unwrap();
    let run = Forecaster::new(&elrs, |_| lr)
        .controls(controls.clone())
        .run(120);
    for (step, turns) in run.turns.iter().enumerate() {
        let expected = (0.001 * 1.05f64.powi(step as i32)).min(0.02);
        for turn in turns {
            let share = turn.get() / expected;
            assert!((share - 1.0).abs() < 1e-3, "step {step}: {share}");
        }
    }
}

#[test]
fn without_elrs_only_what_goes_by_the_step_still_decides() {
    let target = LearningRate::new(0.1).unwrap();
    for (name, needs, expected) in [
        ("none", false, 0.1),
        ("linear:10", false, 0.01),
        ("critical", true, 0.1),
        ("rescale", true, 0.1),
        ("hold", true, 0.1),
        ("linear:10+hold", true, 0.01),
        ("sphere", true, 0.1),
        ("max-angle:0.1", true, 0.1),
    ] {
        let controls: Controls = name.parse().unwrap();
        let plan = controls.decide(&StepContext::at(0, Measure::Gradient), [], target);
        assert_eq!(controls.needs_elrs(), needs, "{name}");
        assert!((plan.lr().get() / expected - 1.0).abs() < 1e-12, "{name}");
    }
}
