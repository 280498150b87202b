//! Drift of base gradients: the fit finds what data were made with, and ensembles keep to their laws.

mod controls;

use chacha20::ChaCha8Rng;
use evenkeel::control::Controls;
use evenkeel::drift::{Drift, FitError, fit};
use evenkeel::ensemble::{Draws, Ensemble};
use evenkeel::forecast::{Forecast, Forecaster};
use evenkeel::optimizer::{Decay, Optimizer};
use evenkeel::quantity::{Elr, LearningRate};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

const DRAWS: Draws = Draws {
    members: 40,
    seed: 7,
};

fn elrs(logs: &[f64]) -> Vec<Elr> {
    logs.iter().map(|&ln| Elr::from_ln(ln)).collect()
}

fn both(logs: &[f64], control: &str, lr: f64, steps: usize, drift: &str) -> (Forecast, Ensemble) {
    let (start, sgd) = (elrs(logs), Optimizer::sgd(Decay::None));
    let controls: Controls = control.parse().unwrap();
    let lr = LearningRate::new(lr).unwrap();
    let drift: Drift = drift.parse().unwrap();
    let forecaster = Forecaster::new(&start, |_| lr)
        .optimizer(&sgd)
        .controls(controls);
    (
        forecaster.run(steps),
        forecaster.ensemble(steps, &drift, DRAWS),
    )
}

/// A run of `steps` steps of the model itself, with weights that turn by `turn` a step.
fn made(
    drift: &Drift,
    layers: usize,
    steps: usize,
    turn: f64,
    seed: u64,
) -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normals =
        || -> Vec<f64> { StandardNormal.sample_iter(&mut rng).take(layers).collect() };
    let direction = normals();
    let path: Vec<f64> = (0..steps).map(|step| turn * step as f64).collect();
    let rows = path.iter().map(|&path| {
        let noise = normals();
        let mut ln = 0.0;
        let gain = |k: usize| {
            0.2 + (drift.shift() + drift.scatter() * direction[k]) * drift.progress(path)
                + drift.noise() * noise[k]
        };
        let mut row: Vec<f64> = (0..layers)
            .map(|k| {
                ln += gain(k);
                f64::exp(ln - 0.2 * layers as f64)
            })
            .collect();
        row.reverse();
        row
    });
    (rows.collect(), path)
}

#[test]
fn the_fit_finds_what_the_data_were_made_with() {
    let truth: Drift = "shift=-0.15,scatter=0.2,reach=0.7,noise=0.05"
        .parse()
        .unwrap();
    let (rows, path) = made(&truth, 400, 150, 0.02, 3);
    let found = fit(&rows, &path).unwrap();
    let near = |found: f64, truth: f64, within: f64| {
        assert!((found / truth - 1.0).abs() < within, "{found} for {truth}");
    };
    // Standard errors: noise and scatter 1/√800, the shift's is scatter/√400 ≈ 7 %.
    near(found.drift.noise(), truth.noise(), 0.05);
    near(found.drift.scatter(), truth.scatter(), 0.15);
    near(found.drift.shift(), truth.shift(), 0.2);
    near(found.drift.reach(), truth.reach(), 0.2);
    assert!(found.explained > 0.9 && (found.path - 149.0 * 0.02).abs() < 1e-9);
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let row = vec![1.0, 2.0, 3.0];
    let rows = vec![row.clone(); 4];
    let few = fit(&[vec![1.0, 2.0]], &[0.0]).unwrap_err();
    assert_eq!(
        few.to_string(),
        "drift needs at least 3 layers, but there are 2; log more of them"
    );
    assert!(matches!(
        fit(&rows[..2], &[0.0, 1.0]),
        Err(FitError::TooFew { what: "steps", .. })
    ));
    assert!(matches!(fit(&[], &[]), Err(FitError::TooFew { .. })));
    assert!(matches!(
        fit(&rows, &[0.0; 4]),
        Err(FitError::Still { steps: 3 })
    ));
    for bad in [
        vec![1.0, 0.0, 3.0],
        vec![1.0, f64::NAN, 3.0],
        vec![1.0, 2.0],
    ] {
        let rows = [row.clone(), row.clone(), bad, row.clone()];
        let problem = fit(&rows, &[0.0, 0.1, 0.2, 0.3]);
        assert!(
            matches!(problem, Err(FitError::Unusable { step: 2, layers: 3 })),
            "{problem:?}"
        );
    }
    assert!(matches!(fit(&rows, &[]), Err(FitError::TooFew { .. })));
    assert!(matches!(
        fit(&rows, &[0.0, f64::NAN, f64::NAN, f64::NAN]),
        Err(FitError::Still { .. })
    ));
    // A path shorter than the rows counts for as long as it is.
    assert_eq!(fit(&rows, &[0.0, 0.1, 0.2]).unwrap().steps, 2);
}

#[test]
fn without_drift_all_members_are_the_forecast() {
    let logs = [4.0, 2.5, 1.0, -1.0, -6.0];
    for control in controls::all() {
        let (run, bands) = both(&logs, &control, 0.1, 20, "noise=0");
        for (state, band) in bands.range.iter().enumerate() {
            assert_eq!(
                (band.low, band.high),
                (run.spreads[state].range, run.spreads[state].range)
            );
            assert_eq!(bands.elrs[state][2].middle, run.elrs[state][2].get());
        }
        assert_eq!(bands.trusted_states(&run), 21);
    }
}

#[test]
fn a_relaxing_explosion_takes_the_forecast_out_of_its_band() {
    // ELRs over 2.6 decades, falling towards the output, at a rate beyond critical: the theory with
    // steady gradients foresees less spread than a network whose explosion relaxes.
    let logs: Vec<f64> = (0..31).map(|layer| 3.0 - 0.2 * f64::from(layer)).collect();
    let (run, bands) = both(
        &logs,
        "none",
        1.0,
        50,
        "shift=-0.1,scatter=0.05,reach=0.3,noise=0.02",
    );
    let trusted = bands.trusted_states(&run);
    assert!((1..20).contains(&trusted), "{trusted}");
    assert!(bands.range[50].low > run.spreads[50].range);
}

proptest! {
    #[test]
    fn bands_are_finite_and_in_order(
        logs in prop::collection::vec(-690.0..690.0f64, 1..8),
        lr in 1e-3..1e3f64,
        shift in -1.0..1.0f64,
        noise in 0.0..1.0f64,
    ) {
        let drift = format!("shift={shift},scatter=0.3,reach=0.5,noise={noise}");
        let (_, bands) = both(&logs, "critical", lr, 6, &drift);
        let again = both(&logs, "critical", lr, 6, &drift).1;
        prop_assert_eq!(&bands, &again);
        for band in bands.range.iter().chain(&bands.std).chain(bands.elrs.iter().flatten()) {
            prop_assert!(band.low <= band.middle && band.middle <= band.high && band.high.is_finite(), "{:?}", band);
        }
    }
}
