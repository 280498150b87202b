//! How claims write their runs down.

use crate::spec::RawSpec;

/// Runs that differ in one more thing: each of `runs` with each of `values`.
pub fn vary<T: Clone>(
    runs: Vec<RawSpec>,
    values: impl IntoIterator<Item = T>,
    set: impl Fn(&mut RawSpec, T),
) -> Vec<RawSpec> {
    let values: Vec<T> = values.into_iter().collect();
    let with = |run: &RawSpec, value: &T| {
        let mut run = run.clone();
        set(&mut run, value.clone());
        run
    };
    runs.iter()
        .flat_map(|run| values.iter().map(move |value| with(run, value)))
        .collect()
}

/// The seeds of an experiment.
pub fn seeds(runs: Vec<RawSpec>, count: u64) -> Vec<RawSpec> {
    vary(runs, 0..count, |run, seed| run.seed = seed)
}

/// A BN-MLP on digits under plain SGD, evaluated at its end.
pub fn mlp(depth: usize, width: usize, steps: usize) -> RawSpec {
    RawSpec {
        depth: Some(depth),
        width: Some(width),
        steps,
        eval_every: steps,
        ..RawSpec::default()
    }
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
