//! What must hold for whatever is written as a control, a schedule, an optimiser or a drift. Each function
//! returns whether the text was read. The fuzz targets use them too.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use evenkeel::control::{Controls, StepContext};
use evenkeel::drift::Drift;
use evenkeel::optimizer::{Measure, Optimizer};
use evenkeel::quantity::{Elr, Growth, LearningRate};
use evenkeel::schedule::Shape;

/// Characters of a message that refuses any text, however long.
const LONGEST_MESSAGE: usize = 900;
/// From the smallest to the largest that optimisers are held to.
const VALUES: [f64; 4] = [1e-300, 1e-3, 1.0, 1e300];

/// Logarithms of growths: beyond what numbers hold, and none.
const GROWTHS: [f64; 4] = [-1e300, 0.0, 1.0, 1e300];

/// A control decides the same after its name is written and read, and never above the target.
pub fn control(text: &str) -> bool {
    let Some([controls, again]) = read_twice::<Controls>(text) else {
        return false;
    };
    let elrs = VALUES.map(|elr| Elr::new(elr).unwrap());
    for target in [0.0, 1e-3, 1e300] {
        let target = LearningRate::new(target).unwrap();
        for step in [0, 1, 99, u64::MAX] {
            let first = StepContext::at(step, Measure::Gradient);
            let plan = controls.decide(&first, elrs, target);
            assert!(plan.lr() <= target, "{controls} at {step}: {plan:?}");
            assert_eq!(plan, again.decide(&first, elrs, target));
            assert_eq!(plan, controls.clone().decide(&first, elrs, target));
            let context = StepContext {
                multipliers: plan.multipliers().unwrap_or_default().to_vec(),
                growths: GROWTHS.map(Growth::from_ln).to_vec(),
                path: 2.0,
                ..first
            };
            let next = controls.decide(&context, elrs, target);
            assert!(next.lr() <= target, "{controls} after {plan:?}: {next:?}");
        }
    }
    let folder = controls.folder_name();
    assert!(
        !folder.contains(['/', '\\', ':']) && !folder.starts_with('.'),
        "{folder}"
    );
    true
}

/// A schedule is the same after it is written and read, and stays between zero and its peak.
pub fn schedule(text: &str) -> bool {
    let Some([shape, again]) = read_twice::<Shape>(text) else {
        return false;
    };
    assert_eq!(shape, again);
    let most = u32::MAX as usize;
    for (step, steps) in [
        (0, 0),
        (0, 1),
        (7, 10),
        (10, 10),
        (99, 10),
        (7, most),
        (most, most),
    ] {
        let share = shape.share(step, steps);
        assert!(
            (0.0..=1.0).contains(&share),
            "{shape} at {step} of {steps}: {share}"
        );
        assert_eq!(share, again.share(step, steps));
    }
    true
}

/// An optimiser is the same after it is written and read, and nothing it does overflows.
pub fn optimizer(text: &str) -> bool {
    let Some([optimizer, again]) = read_twice::<Optimizer>(text) else {
        return false;
    };
    assert_eq!(optimizer, again);
    for elr in VALUES.map(|elr| Elr::new(elr).unwrap()) {
        for lr in VALUES.map(|lr| LearningRate::new(lr).unwrap()) {
            stays_finite(&optimizer, elr, lr);
        }
    }
    true
}

/// A drift is the same after it is written and read, and progresses from nothing to all of it.
pub fn drift(text: &str) -> bool {
    let Some([drift, again]) = read_twice::<Drift>(text) else {
        return false;
    };
    assert_eq!(drift, again);
    let progress = [0.0, 1e-300, 1.0, 1e300].map(|path| drift.progress(path));
    assert!(
        progress.iter().all(|share| (0.0..=1.0).contains(share)) && progress.is_sorted(),
        "{drift}: {progress:?}"
    );
    true
}

fn stays_finite(optimizer: &Optimizer, elr: Elr, lr: LearningRate) {
    let mut layer = optimizer.start(elr);
    for _ in 0..5 {
        let step = optimizer.step(&layer, lr);
        let numbers = [step.layer.elr().get(), step.turn.get(), step.update];
        assert!(
            numbers.iter().all(|x| x.is_finite() && *x >= 0.0),
            "{optimizer} at {elr:?}, {lr:?}: {step:?}"
        );
        layer = step.layer;
    }
    let flow = optimizer.flow(lr).elr(elr, 1e3).get();
    assert!(
        flow.is_finite() && flow > 0.0,
        "{optimizer} at {elr:?}, {lr:?}: {flow}"
    );
    if let Some(equilibrium) = optimizer.equilibrium(lr) {
        let [tangent, turn] = [equilibrium.tangent, equilibrium.turn.get()];
        assert!(
            tangent.is_finite() && turn >= 0.0,
            "{optimizer} at {lr:?}: {equilibrium:?}"
        );
    }
}

/// What `text` says, and what it says once written and read again.
fn read_twice<T: FromStr<Err: Display> + Display + Debug>(text: &str) -> Option<[T; 2]> {
    let value: T = match text.parse() {
        Ok(value) => value,
        Err(error) => {
            let message = T::Err::to_string(&error);
            assert!(message.chars().count() <= LONGEST_MESSAGE, "{message}");
            assert!(!message.contains(char::is_control), "{message:?}");
            return None;
        }
    };
    let written = value.to_string();
    let again: T = match written.parse() {
        Ok(again) => again,
        Err(error) => panic!("{text:?} is written {written:?}, which is refused: {error}"),
    };
    assert_eq!(again.to_string(), written, "{text:?}");
    Some([value, again])
}
