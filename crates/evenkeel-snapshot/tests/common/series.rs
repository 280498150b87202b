//! What must hold for whatever is read as rates or scales. The fuzz target uses it too.

use evenkeel_snapshot::{Rates, Scales};

use super::common::check_error;

/// Checks the answers to an input called `norms`, and returns whether one of them was to read it.
pub fn check(bytes: &[u8]) -> bool {
    let rates = match Rates::parse("norms", bytes) {
        Ok(rates) => check_rates(&rates),
        Err(error) => check_error(&error, bytes),
    };
    let scales = match Scales::parse("norms", bytes) {
        Ok(scales) => check_scales(&scales),
        Err(error) => check_error(&error, bytes),
    };
    rates || scales
}

fn check_rates(rates: &Rates) -> bool {
    let (column, values): (_, Vec<f64>) = match rates {
        Rates::Absolute(rates) => ("lr", rates.iter().map(|rate| rate.get()).collect()),
        Rates::Shares(shares) => ("share", shares.iter().map(|share| share.get()).collect()),
    };
    let most = if column == "lr" { f64::MAX } else { 1.0 };
    assert!(!values.is_empty());
    assert!(
        values.iter().all(|value| (0.0..=most).contains(value)),
        "{rates:?}"
    );
    for text in written(column, &values) {
        let again = Rates::parse("norms", text.as_bytes());
        assert_eq!(again.as_ref(), Ok(rates), "{text}");
    }
    true
}

fn check_scales(scales: &Scales) -> bool {
    let values: Vec<f64> = scales.scales.iter().map(|scale| scale.get()).collect();
    assert!(!values.is_empty());
    assert!(
        values.iter().all(|value| *value > 0.0 && value.is_finite()),
        "{scales:?}"
    );
    for text in written("scale", &values) {
        let again = Scales::parse("norms", text.as_bytes());
        assert_eq!(again.as_ref(), Ok(scales), "{text}");
    }
    true
}

/// The numbers in every format.
fn written(column: &str, values: &[f64]) -> [String; 3] {
    let numbered = || values.iter().enumerate();
    let rows: String = numbered()
        .map(|(step, value)| format!("{step},{value}\n"))
        .collect();
    let objects: Vec<String> = numbered()
        .map(|(step, value)| format!("{{\"step\": {step}, \"{column}\": {value:e}}}"))
        .collect();
    [
        format!("step,{column}\n{rows}"),
        format!("[{}]", objects.join(",\n")),
        objects.join("\n"),
    ]
}
