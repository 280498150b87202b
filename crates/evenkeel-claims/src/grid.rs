//! Helpers that describe the runs of claims.

use evenkeel_runs::settings::RunSettings;

use crate::scale::Scale;

/// Runs that differ in one more thing: each of `runs` with each of `values`.
pub fn vary<T: Clone>(
    runs: Vec<RunSettings>,
    values: impl IntoIterator<Item = T>,
    set: impl Fn(&mut RunSettings, T),
) -> Vec<RunSettings> {
    let values: Vec<T> = values.into_iter().collect();
    let with = |run: &RunSettings, value: &T| {
        let mut run = run.clone();
        set(&mut run, value.clone());
        run
    };
    runs.iter()
        .flat_map(|run| values.iter().map(move |value| with(run, value)))
        .collect()
}

/// The seeds of an experiment.
pub fn seeds(runs: Vec<RunSettings>, seeds: impl IntoIterator<Item = u64>) -> Vec<RunSettings> {
    vary(runs, seeds, |run, seed| run.seed = seed)
}

/// Steps of a run that learns digits.
pub const STEPS: usize = 300;

/// A BN-MLP on digits under plain SGD, evaluated at its end.
pub fn mlp(depth: usize, width: usize, steps: usize) -> RunSettings {
    RunSettings {
        depth: Some(depth),
        width: Some(width),
        steps,
        eval_every: steps,
        ..RunSettings::default()
    }
}

/// The images that networks for images learn.
pub fn images(scale: Scale) -> String {
    match scale {
        Scale::Quick => "digits",
        Scale::Standard | Scale::Full => "cifar10",
    }
    .to_owned()
}

/// `count` numbers from `low` to `high`, evenly in logarithms.
pub fn log_spaced(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high / low).ln() / count.saturating_sub(1).max(1) as f64;
    // To six digits: they become names of runs.
    let rounded = |value: f64| format!("{value:.5e}").parse().unwrap_or(value);
    (0..count)
        .map(|i| rounded(low * (step * i as f64).exp()))
        .collect()
}

/// A residual network, v1, with its shortcuts: narrow and on digits, narrow on CIFAR-10 at half its resolution, or
/// the paper's.
pub fn resnet(scale: Scale) -> RunSettings {
    let named = |text: &str| Some(text.to_owned());
    let small = RunSettings {
        model: "resnet".to_owned(),
        depth: Some(32),
        width: Some(8),
        steps: 150,
        eval_every: 150,
        ..RunSettings::default()
    };
    match scale {
        Scale::Quick => small,
        Scale::Standard => RunSettings {
            depth: Some(56),
            data: images(scale),
            // A quarter of the pixels for four times the steps: fewer do not get it off the ground.
            shrink: Some(2),
            steps: 800,
            eval_every: 800,
            ..small
        },
        Scale::Full => RunSettings {
            depth: Some(110),
            width: Some(16),
            data: images(scale),
            augment: named("crop+flip"),
            optimizer: "momentum:mu=0.9,l2=1e-4".to_owned(),
            schedule: "cosine".to_owned(),
            steps: 64_000,
            eval_every: 4000,
            ..small
        },
    }
}
