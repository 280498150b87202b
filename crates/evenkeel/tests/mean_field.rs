//! Mean field (T21): published constants, closed forms against quadrature, and limits.

use std::f64::consts::PI;

use evenkeel::mean_field::activation::ALL;
use evenkeel::mean_field::{Architecture, Batch, MeanFieldError, Synthetic, bn_relu_explosion};
use proptest::prelude::*;

fn architecture(name: &str, batch: Option<u32>) -> Architecture {
    let architecture = Architecture::named(name).unwrap();
    batch.map_or(architecture, |samples| {
        let batch = Batch::of(samples).unwrap();
        architecture.with_batch(batch).unwrap()
    })
}

fn growth(name: &str, batch: Option<u32>) -> f64 {
    architecture(name, batch).growth()
}

fn disparity(name: &str, batch: Option<u32>) -> f64 {
    architecture(name, batch).disparity()
}

fn close(value: f64, expected: f64, tolerance: f64) {
    assert!(
        (value / expected - 1.0).abs() < tolerance,
        "{value} instead of {expected}"
    );
}

/// Theorems 8 and 6 of Yang et al. 2019 as printed there, for ReLU: growth and disparity.
fn published_relu(batch: f64) -> (f64, f64) {
    let c = -1.0 / (batch - 1.0);
    let kernel = ((1.0 - c * c).sqrt() + (PI - c.acos()) * c) / PI;
    let slope = (PI - c.acos()) / PI;
    let growth = (slope + batch - 1.0) / ((batch - 3.0) * (1.0 - kernel)) - 1.0 / (batch - 3.0);
    let apart = (batch - 2.0) * (1.0 - kernel) + batch / (batch - 1.0) * slope;
    (growth, apart / ((batch + 1.0) * (1.0 - kernel)))
}

#[test]
fn published_rates_of_batch_normalization() {
    close(growth("bn-relu", None), PI / (PI - 1.0), 1e-14);
    close(bn_relu_explosion().powi(2), 1.466_942_206_924_26, 1e-14);
    close(growth("bn-identity", None), 1.0, 1e-15);
    for batch in [4, 5, 8, 16, 128, 1024, 1_000_000] {
        let samples = f64::from(batch);
        let linear = (samples - 2.0) / (samples - 3.0);
        close(growth("bn-identity", Some(batch)), linear, 1e-13);
        let (rate, apart) = published_relu(samples);
        close(growth("bn-relu", Some(batch)), rate, 1e-11);
        close(disparity("bn-relu", Some(batch)), apart, 1e-11);
        close(
            disparity("bn-identity", Some(batch)),
            (samples - 1.0) / (samples + 1.0),
            1e-11,
        );
    }
}

/// Closed forms for normal `z`: `E erf² = (2/π) arcsin(2/3)`, `E erf′² = 4/(π√5)`;
/// `E gelu = 1/(2√π)`, `E gelu² = 1/3 + 1/(2√3π)`, `E gelu′² = 1/3 + 2/(3√3π)`.
#[test]
fn quadrature_meets_closed_forms_in_large_batches() {
    let erf = 2.0 / (5.0f64.sqrt() * (2.0f64 / 3.0).asin());
    close(growth("bn-erf", None), erf, 1e-14);
    close(growth("ln-erf", None), erf, 1e-14);
    let root = 3.0f64.sqrt() * PI;
    let (square, slope) = (1.0 / 3.0 + 0.5 / root, (1.0 + 2.0 / root) / 3.0);
    close(growth("ln-gelu", None), slope / square, 1e-14);
    close(growth("bn-gelu", None), slope / (square - 0.25 / PI), 1e-14);
    close(
        growth("bn-leaky-relu", None),
        1.0001 / (1.0001 - 0.9801 / PI),
        1e-14,
    );
}

/// Computed elsewhere: large batches in 18-digit arithmetic, finite ones by Gauss-Legendre
/// quadrature of theorem 7 of Yang et al. 2019 as it is printed there, over the ellipse `Z > 0`.
#[test]
fn reference_values() {
    for (name, large, five, sixteen, many) in [
        (
            "tanh",
            1.177_807_232_304_18,
            1.641_881_818_208,
            1.246_258_413_855,
            1.184_852_796_574,
        ),
        (
            "erf",
            1.225_700_003_785_69,
            1.684_782_492_673,
            1.293_841_294_388,
            1.232_728_069_872,
        ),
        (
            "gelu",
            1.318_844_970_865_62,
            2.073_101_965_846,
            1.435_708_690_270,
            1.330_999_563_990,
        ),
        (
            "silu",
            1.212_081_114_757_11,
            1.854_979_547_340,
            1.312_712_008_758,
            1.222_592_430_309,
        ),
    ] {
        let name = format!("bn-{name}");
        close(growth(&name, None), large, 1e-13);
        close(growth(&name, Some(5)), five, 1e-11);
        close(growth(&name, Some(16)), sixteen, 1e-11);
        close(growth(&name, Some(128)), many, 1e-11);
    }
    close(growth("rms-tanh", None), 1.177_807_232_304_18, 1e-13);
    close(growth("ln-silu", None), 1.066_634_241_241_91, 1e-13);
    for (name, expected) in [
        ("tanh", 0.461_070_830_477_631),
        ("erf", 0.408_566_667_928_564),
        ("gelu", 1.062_116_020_241_1),
        ("silu", 1.100_947_378_763_31),
    ] {
        close(disparity(&format!("bn-{name}"), None), expected, 1e-12);
    }
}

/// Monte Carlo over 4e6 features per point, elsewhere: 0.918 and 0.987 for GELU, 0.942 and 1.018
/// for SiLU at 16 and 32 samples.
#[test]
fn samples_drift_apart_in_large_batches_of_some_activations() {
    close(disparity("bn-gelu", Some(16)), 0.9185, 2e-3);
    close(disparity("bn-gelu", Some(32)), 0.9877, 2e-3);
    close(disparity("bn-silu", Some(16)), 0.9425, 2e-3);
    close(disparity("bn-silu", Some(32)), 1.0181, 2e-3);
    for name in [
        "bn-identity",
        "bn-relu",
        "bn-tanh",
        "bn-erf",
        "res-bn-silu",
        "ln-silu",
    ] {
        assert!(disparity(name, None) <= 1.0 + 1e-14, "{name}");
    }
}

#[test]
fn shortcuts_make_growth_a_power_of_the_depth() {
    // With a growth of 1 the product of 1 + 1/m telescopes: ‖∇_l‖² falls as 1/(l + 1).
    let norms = Architecture::named("res-ln-relu")
        .unwrap()
        .ln_gradient_norms(50);
    for (layer, norm) in norms.iter().enumerate() {
        close((2.0 * norm).exp(), 50.0 / (layer + 1) as f64, 1e-12);
    }
    // A power of about the growth, whatever it is.
    let batch_normalized = Architecture::named("res-bn-relu").unwrap();
    let norms = batch_normalized.ln_gradient_norms(4000);
    let power = 2.0 * (norms[999] - norms[1999]) / 2.0f64.ln();
    close(power, PI / (PI - 1.0), 1e-3);
    // In a batch the first branch passes 1 of its B − 1 directions less.
    let norms = architecture("res-bn-identity", Some(16)).ln_gradient_norms(2);
    close(
        (2.0 * norms[0]).exp(),
        1.0 + 14.0 / 13.0 * 14.0 / 15.0,
        1e-12,
    );
}

#[test]
fn networks_as_text() {
    let network: Synthetic = "bn-relu:50".parse().unwrap();
    let elrs = network.elrs();
    assert_eq!((elrs.len(), network.depth()), (50, 50));
    close(elrs[49].get(), 0.1, 1e-14);
    close(elrs[0].get(), 0.1 * bn_relu_explosion().powi(49), 1e-12);
    let given: Synthetic = "bn-identity:3:2:batch=16".parse().unwrap();
    close(given.elrs()[0].get(), 2.0 * 14.0 / 13.0, 1e-12);
    let batch: Synthetic = "res-bn-leaky-relu:2:batch=1000000".parse().unwrap();
    close(batch.last().get(), 0.1, 1e-14);
    // Deeper than f64 has exponents for.
    let deep: Synthetic = "bn-relu:100000".parse().unwrap();
    assert!(deep.elrs().iter().all(|elr| elr.get().is_finite()));
}

#[test]
fn what_is_wrong_with_a_text_is_said() {
    for (text, advice) in [
        ("vgg:50", "NORM one of bn, ln, rms"),
        ("gn-relu:50", "ACTIVATION one of identity, relu"),
        ("bn-relu", "depth from 1 to 100000"),
        ("bn-relu:0", "depth from 1 to 100000"),
        ("bn-relu:100001", "depth from 1 to 100000"),
        ("bn-relu:5:fast", "`fast` is not understood"),
        ("bn-relu:5:0", "above 0"),
        ("bn-relu:5:1:2", "`2` is not understood"),
        ("bn-relu:5:width=3", "`width=3` is not understood"),
        ("bn-relu:5:batch=16:0.1", "`0.1` is not understood"),
        ("bn-relu:5:batch=3", "at least 4"),
        ("bn-relu:5:batch=many", "batch `many`"),
        ("ln-relu:5:batch=16", "leave batch= out"),
    ] {
        let error: MeanFieldError = text.parse::<Synthetic>().unwrap_err();
        assert!(error.to_string().contains(advice), "{text}: {error}");
    }
}

proptest! {
    /// Batch normalization never makes gradients shrink (theorem 9), least for linear networks, and
    /// large batches are the limit of finite ones.
    #[test]
    fn batch_normalization_explodes(index in 0..ALL.len(), batch in 4u32..300) {
        let name = format!("bn-{}", ALL[index].name);
        let (finite, large) = (growth(&name, Some(batch)), growth(&name, None));
        let linear = f64::from(batch - 2) / f64::from(batch - 3);
        prop_assert!(finite >= linear * (1.0 - 1e-12) && large >= 1.0);
        prop_assert!((growth(&name, Some(1_000_000)) / large - 1.0).abs() < 1e-5);
    }

    /// Per-sample normalizations agree with each other, and with batch normalization for odd φ.
    #[test]
    fn one_limit_of_wide_layers(index in 0..ALL.len()) {
        let name = ALL[index].name;
        let (layer, root) = (growth(&format!("ln-{name}"), None), growth(&format!("rms-{name}"), None));
        prop_assert_eq!(layer, root);
        let batch = growth(&format!("bn-{name}"), None);
        let same = (batch / layer - 1.0).abs() < 1e-12;
        prop_assert_eq!(same, ["identity", "tanh", "erf"].contains(&name));
    }
}
