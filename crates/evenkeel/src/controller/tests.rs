use super::*;
use crate::control::{Controls, Critical, Hold, MaxAngle};

fn rate(lr: f64) -> LearningRate {
    LearningRate::new(lr).unwrap()
}

fn readings(norms: &[(f64, f64)]) -> Vec<Reading> {
    let reading = |&(weight, step): &(f64, f64)| Reading::of_norms(weight, step);
    norms.iter().map(reading).collect()
}

#[test]
fn a_controller_resumes_to_the_same_bits() {
    let layers = Layers::whole(["a", "b"]).unwrap();
    let controls: Controls = "hold:0.3+max-angle:0.2:0.01:0.3+sphere".parse().unwrap();
    let mut one = Controller::new(controls.clone(), Measure::Gradient);
    let at = |step: f64| readings(&[(1.0 + 0.1 * step, 3.7), (2.0 / 3.0, 0.01 * (step + 0.3))]);
    for step in 0..5 {
        one.step(&layers, &at(f64::from(step)), rate(0.3));
    }
    let text = serde_json::to_string(one.state()).unwrap();
    let state: ControllerState = serde_json::from_str(&text).unwrap();
    assert_eq!(&state, one.state());
    let mut other = Controller::new(controls, Measure::Gradient).resumed(state);
    for step in 5..9 {
        let step = at(f64::from(step));
        assert_eq!(
            one.step(&layers, &step, rate(0.3)),
            other.step(&layers, &step, rate(0.3))
        );
    }
    assert_eq!(one.state(), other.state());
}

#[test]
fn a_damaged_state_is_refused() {
    let layers = Layers::whole(["a", "b"]).unwrap();
    let words = ControllerState::default().words();
    let error = ControllerState::of_words(layers.clone(), &words).unwrap_err();
    assert!(error.to_string().contains("7 words, but must have 11"));
    let mut controller = Controller::new(Hold::default(), Measure::Gradient);
    controller.step(&layers, &readings(&[(1.0, 1.0), (1.0, 2.0)]), rate(0.1));
    let mut words = controller.state().words();
    words[7] = f64::NAN.to_bits();
    let error = ControllerState::of_words(layers, &words).unwrap_err();
    assert!(error.to_string().contains("multiplier is NaN"), "{error}");
}

#[test]
fn what_is_remembered_of_a_layer_waits_for_its_return() {
    let both = Layers::whole(["a", "b"]).unwrap();
    let one = Layers::whole(["b"]).unwrap();
    let mut controller = Controller::new(Hold::gently(0.5).unwrap(), Measure::Gradient);
    let first = controller.step(&both, &readings(&[(1.0, 9.0), (2.0, 2.0)]), rate(0.1));
    controller.step(&one, &readings(&[(2.0, 2.0)]), rate(0.1));
    assert_eq!(controller.state().initial_norms, [2.0, 1.0]);
    let dead = controller.step(&both, &readings(&[(1.0, 0.0), (2.0, 2.0)]), rate(0.1));
    assert_eq!(dead.multipliers[0], first.multipliers[0]);
    assert_eq!(controller.state().initial_norms, [1.0, 2.0]);
}

#[test]
fn a_control_is_finished_until_the_schedule_asks_for_more() {
    let layers = Layers::numbered(2);
    let norms = readings(&[(1.0, 1.0), (1.0, 2.0)]);
    let mut controller = Controller::new(Critical::default(), Measure::Gradient);
    for _ in 0..IDLE_STEPS {
        assert!(controller.wakes(rate(0.1), 20));
        controller.step(&layers, &norms, rate(0.1));
    }
    assert!(controller.is_finished() && !controller.wakes(rate(0.1), 20));
    assert!(controller.wakes(rate(0.2), 20));
    for _ in 0..10 {
        controller.pass_over();
    }
    assert!(controller.wakes(rate(0.1), 20), "every twentieth step");
    // A step without ELRs is no evidence that nothing is left to do.
    controller.step(&layers, &readings(&[(1.0, 1.0), (1.0, 2.0)]), rate(1.0));
    assert!(!controller.is_finished());
    assert_eq!(controller.state().warmup_steps, Some(0));
}

#[test]
fn fractions_hold_the_angle_of_steps_that_are_not_orthogonal() {
    let layers = Layers::numbered(3);
    let steps = [(1.0, 4.0, -0.9), (2.0, 0.3, 0.5), (0.5, 1.0, 0.0)];
    let given: Vec<Reading> = steps
        .iter()
        .map(|&(weight, step, cosine)| Reading::of_norms(weight, step).with_cosine(cosine))
        .collect();
    let target = 0.2;
    // The angle by which the fraction `f` of a step turns its weight.
    let angle = |&(weight, step, cosine): &(f64, f64, f64), f: f64| {
        let length = f * target * step / weight;
        let across = length * (1.0f64 - cosine * cosine).sqrt();
        across.atan2(1.0 + length * cosine)
    };
    for (controls, expected) in [
        (Controls::from(Hold::default()), None),
        (
            Controls::from(Hold::default())
                .and(MaxAngle::new(0.05).unwrap())
                .unwrap(),
            Some(0.05),
        ),
    ] {
        let mut controller = Controller::new(controls, Measure::Update);
        let plan = controller.step(&layers, &given, rate(target));
        let angles: Vec<f64> = steps
            .iter()
            .zip(plan.fractions.iter())
            .map(|(step, fraction)| angle(step, *fraction))
            .collect();
        let expected = expected.unwrap_or(angles[0]);
        for angle in &angles {
            assert!((angle / expected - 1.0).abs() < 1e-12, "{angles:?}");
        }
    }
}

#[test]
fn layers_of_one_name_are_refused() {
    let error = Layers::whole(["a", "b", "a"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are two layers called `a`; give each its full path"
    );
}
