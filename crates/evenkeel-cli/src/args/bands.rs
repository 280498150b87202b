//! The bands of a forecast whose base gradients drift, as JSON, in words and in a figure.

use evenkeel::drift::Drift;
use evenkeel::ensemble::{Band, Draws, Ensemble, QUANTILES};
use evenkeel::forecast::Forecast;
use evenkeel_report::figure::{Color, Series};
use serde_json::{Value, json};

/// What may happen when base gradients drift.
pub struct Bands {
    pub ensemble: Ensemble,
    pub drift: Drift,
    pub draws: Draws,
}

impl Bands {
    /// Three arrays a quantity, and how many states of `run` can be trusted.
    pub fn to_json(&self, run: &Forecast) -> Value {
        let elrs: Vec<Value> = self
            .ensemble
            .elrs
            .iter()
            .map(|row| quantiles(row))
            .collect();
        json!({
            "drift": self.drift.to_string(),
            "members": self.draws.members,
            "seed": self.draws.seed,
            "quantiles": QUANTILES,
            "std": quantiles(&self.ensemble.std),
            "range": quantiles(&self.ensemble.range),
            "elr": elrs,
            "trusted_states": self.ensemble.trusted_states(run),
        })
    }

    /// How long the forecast with steady base gradients can be trusted.
    pub fn verdict(&self, run: &Forecast) -> String {
        let drift = &self.drift;
        let model = format!(
            "\nDrift: shift {:.3} and scatter {:.3} a layer within {:.2} rad, noise {:.3}; {} possible networks.\n",
            drift.shift(),
            drift.scatter(),
            drift.reach(),
            drift.noise(),
            self.draws.members
        );
        let (trusted, all) = (self.ensemble.trusted_states(run), run.spreads.len());
        model
            + &match self.ensemble.range.last() {
                Some(last) if trusted < all => format!(
                    "From step {trusted} on the forecast with steady base gradients is out of the band: read the \
                     band (in the end {:.2} to {:.2} decades).\n",
                    decades(last.low),
                    decades(last.high)
                ),
                _ => "The forecast with steady base gradients stays within the band.\n".to_owned(),
            }
    }

    /// The band of the range, in decades.
    pub fn series(&self) -> Series {
        let states = self.ensemble.range.iter().enumerate();
        let points =
            states.map(|(step, band)| (step as f64, decades(band.low), decades(band.high)));
        Series::band("range if gradients drift (90 %)", Color::Palette(0), points)
    }
}

fn quantiles(bands: &[Band]) -> Value {
    let each = |value: fn(&Band) -> f64| bands.iter().map(value).collect::<Vec<f64>>();
    json!({ "low": each(|band| band.low), "middle": each(|band| band.middle), "high": each(|band| band.high) })
}

/// Decades of a natural logarithm.
pub fn decades(natural: f64) -> f64 {
    natural / std::f64::consts::LN_10
}
