//! What is written down of a run: from measurements to the lines of its files.

use std::sync::Arc;

use evenkeel::quantity::{Elr, LearningRate, LrMultiplier, RescaleFactor, all_are};
use evenkeel::spread::Spread;
use evenkeel_burn::controller::StepReport;
use evenkeel_burn::probe::{Parameter, Probe, Reading, Role, Units};

use crate::run_folder::{
    Header, LayerHeader, LayerLine, OtherHeader, QUANTILES, StepLine, UnitHeader, UnitLine,
};
use crate::spec::RunSpec;

/// The version of Burn, which does not tell it itself.
const BURN: &str = "0.22.1";

/// `run.toml` of a run.
pub fn header(spec: &RunSpec, probe: &Probe) -> Header {
    let others = probe
        .parameters()
        .iter()
        .filter(|parameter| parameter.role != Role::ScaleInvariant);
    Header {
        evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN.to_owned(),
        device: spec.device.description.clone(),
        data_sha256: Some(spec.data.sha256().to_owned()),
        spec: spec.raw.clone(),
        layers: probe
            .layers()
            .map(|layer| LayerHeader {
                name: layer.path.clone(),
                shape: layer.shape.clone(),
                units: layer
                    .units
                    .map(|Units { axis, count }| UnitHeader { axis, count }),
            })
            .collect(),
        others: others.map(other_header).collect(),
    }
}

fn other_header(parameter: &Parameter) -> OtherHeader {
    let found = parameter.found;
    OtherHeader {
        name: parameter.path.clone(),
        shape: parameter.shape.clone(),
        role: parameter.role.name().to_owned(),
        weight_norm: found.map(|reading| reading.weight_norm),
        grad_norm: found.map(|reading| reading.gradient_norm),
        cosine: found.map(|reading| reading.cosine),
    }
}

/// The spread of the layers that are alive, if any is.
fn spread(elrs: &[Option<Elr>]) -> Option<Spread> {
    // At once, without a list of those alive: units are many.
    let mut logs = Vec::with_capacity(elrs.len());
    logs.extend(elrs.iter().flatten().map(|elr| elr.ln()));
    (!logs.is_empty()).then(|| Spread::of_logs(&logs))
}

/// The line of `steps.jsonl`.
pub fn step_line(step: usize, loss: f64, target: LearningRate, report: &StepReport) -> StepLine {
    let acting = spread(&report.acting);
    // Most controls leave ELRs as they are.
    let like_acting = |elrs: &Arc<[Option<Elr>]>| match Arc::ptr_eq(elrs, &report.acting) {
        true => acting,
        false => spread(elrs),
    };
    let raw = like_acting(&report.raw);
    StepLine {
        step,
        loss,
        lr: report.lr.get(),
        target_lr: target.get(),
        critical_lr: report.critical.map(LearningRate::get),
        spread_std: acting.map(|s| s.std),
        spread_range: acting.map(|s| s.range),
        raw_spread_std: raw.map(|s| s.std),
        raw_spread_range: raw.map(|s| s.range),
        drift_spread_range: like_acting(&report.drifted).map(|s| s.range),
    }
}

/// The line of `layers.jsonl`: what was measured of units is put together.
pub fn layer_line(step: usize, report: &StepReport, probe: &Probe) -> LayerLine {
    let layers: Vec<Layer> = layers(report, probe).collect();
    let readings: Vec<Reading> = layers.iter().map(|l| Reading::joined(l.readings)).collect();
    let held = !all_are(&report.multipliers, &LrMultiplier::ONE);
    let rescaled = !all_are(&report.factors, &RescaleFactor::ONE);
    LayerLine {
        step,
        weight_norm: rounded(readings.iter().map(|r| r.weight_norm)),
        grad_norm: rounded(readings.iter().map(|r| r.gradient_norm)),
        cosine: rounded(readings.iter().map(|r| r.cosine)),
        elr: rounded(layers.iter().map(Layer::acting_elr)),
        lr_multiplier: held.then(|| rounded(layers.iter().map(Layer::multiplier))),
        rescale_factor: rescaled.then(|| rounded(layers.iter().map(Layer::factor))),
    }
}

/// The line of `units.jsonl`; `None` where no layer is divided into units.
pub fn unit_line(step: usize, report: &StepReport, probe: &Probe) -> Option<UnitLine> {
    let divided = probe.layers().any(|layer| layer.units.is_some());
    divided.then(|| {
        let [mut bits, mut room] = [Vec::new(), Vec::new()];
        let (alive, elr) = layers(report, probe)
            .map(|layer| {
                bits.clear();
                bits.extend(layer.acting.iter().flatten().map(|elr| elr.get().to_bits()));
                (bits.len(), quantiles(&bits, &mut room))
            })
            .unzip();
        UnitLine { step, alive, elr }
    })
}

/// Smallest, quartiles and largest of positive numbers, to four digits; zeros for none. They are ordered as their bits
/// are. Counted by the first of these that tell them apart, each lies among the few that share them.
fn quantiles(numbers: &[u64], room: &mut Vec<u64>) -> [f64; QUANTILES] {
    let mut found = [0.0; QUANTILES];
    let extremes = numbers.iter().min().zip(numbers.iter().max());
    let Some((least, most)) = extremes else {
        return found;
    };
    let shift = (most - least)
        .checked_ilog2()
        .unwrap_or(0)
        .saturating_sub(BIN_BITS - 1);
    let bin = |number: u64| ((number - least) >> shift) as usize;
    let mut ends = [0; 1 << BIN_BITS];
    numbers.iter().for_each(|x| ends[bin(*x)] += 1);
    ends.iter_mut().fold(0, |before, end| {
        *end += before;
        *end
    });
    room.resize(numbers.len(), 0);
    for &x in numbers {
        // What is left of an end when all are there is the start.
        let end = &mut ends[bin(x)];
        *end -= 1;
        room[*end] = x;
    }
    for (i, found) in found.iter_mut().enumerate() {
        let at = i * (numbers.len() - 1) / (QUANTILES - 1);
        let own = bin(room[at]);
        let start = ends[own];
        let end = ends.get(own + 1).copied().unwrap_or(numbers.len());
        let (_, number, _) = room[start..end].select_nth_unstable(at - start);
        *found = rounded_to(f64::from_bits(*number), 3);
    }
    found
}

/// Bits by which numbers are counted.
const BIN_BITS: u32 = 6;

/// What a step's report says of one layer: a number, or one a unit.
struct Layer<'a> {
    readings: &'a [Reading],
    acting: &'a [Option<Elr>],
    multipliers: &'a [LrMultiplier],
    factors: &'a [RescaleFactor],
}

fn layers<'a>(report: &'a StepReport, probe: &'a Probe) -> impl Iterator<Item = Layer<'a>> {
    let mut start = 0;
    probe.layers().map(move |layer| {
        let own = start..start + layer.parts();
        start = own.end;
        Layer {
            readings: &report.readings[own.clone()],
            acting: &report.acting[own.clone()],
            multipliers: &report.multipliers[own.clone()],
            factors: &report.factors[own],
        }
    })
}

impl Layer<'_> {
    /// The root of the mean of the squares of `values`, weighted by those of `weights`. It is what
    /// norms of units make of ratios.
    fn mean(values: impl Iterator<Item = f64>, weights: impl Iterator<Item = f64>) -> f64 {
        let (sum, all) = values.zip(weights).fold((0.0, 0.0), |(sum, all), (v, w)| {
            (sum + (v * w).powi(2), all + w * w)
        });
        if all > 0.0 { (sum / all).sqrt() } else { 1.0 }
    }

    /// `‖ΔW‖/(λ‖W‖)` of the layer, from those of its units; 0 without gradient.
    fn acting_elr(&self) -> f64 {
        let elr = |elr: &Option<Elr>| elr.map_or(0.0, Elr::get);
        match self.acting {
            [one] => elr(one),
            all => {
                let factors = self.factors.iter().map(|a| a.get());
                let norms = self.readings.iter().map(|r| r.weight_norm);
                Self::mean(all.iter().map(elr), norms.zip(factors).map(|(w, a)| w * a))
            }
        }
    }

    fn multiplier(&self) -> f64 {
        match self.multipliers {
            [one] => one.get(),
            all => Self::mean(
                all.iter().map(|m| m.get()),
                self.readings.iter().map(|r| r.gradient_norm),
            ),
        }
    }

    fn factor(&self) -> f64 {
        match self.factors {
            [one] => one.get(),
            all => Self::mean(
                all.iter().map(|a| a.get()),
                self.readings.iter().map(|r| r.weight_norm),
            ),
        }
    }
}

/// Eight significant digits: what 32-bit norms are good for, in half the bytes.
fn rounded(values: impl Iterator<Item = f64>) -> Vec<f64> {
    values.map(|value| rounded_to(value, 7)).collect()
}

/// A number to so many digits behind the first.
///
/// As a whole number times or by a power of ten, both of which are exact, so that it is the one next to its decimal
/// form, which is all that is written. Outside of such powers by that form itself, which takes twenty times as long.
fn rounded_to(value: f64, digits: usize) -> f64 {
    let most = digits as i32 - least_decade(value);
    let by_powers = [most, most - 1].into_iter().find_map(|places| {
        let whole = shifted(value, places)?;
        (POWERS[digits]..POWERS[digits + 1])
            .contains(&whole.abs())
            .then(|| shifted(whole.round(), -places))
            .flatten()
    });
    by_powers.unwrap_or_else(|| format!("{value:.digits$e}").parse().unwrap_or(value))
}

/// The largest whole power of ten below the power of two below a number: that below the number itself is the same or the next.
fn least_decade(value: f64) -> i32 {
    let two = (value.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    // log10 2 to seven digits.
    (two * 315_653) >> 20
}

/// A number times that power of ten, if 64 bits hold the power exactly.
fn shifted(value: f64, places: i32) -> Option<f64> {
    let power = POWERS.get(places.unsigned_abs() as usize)?;
    Some(if places < 0 {
        value / power
    } else {
        value * power
    })
}

/// The powers of ten that 64 bits hold exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

#[cfg(test)]
mod tests {
    use super::{BURN, quantiles, rounded_to};

    #[test]
    fn rounded_numbers_are_those_next_to_their_decimal_forms() {
        let signs = [1.0, -1.0];
        let numbers =
            (-400..400).flat_map(|i| signs.map(|sign| sign * 7.123_f64.powf(f64::from(i) / 9.7)));
        let special = [
            0.0,
            -0.0,
            1.0,
            9.999_999_96,
            99_999_999.5,
            0.1,
            1e22,
            1e300,
            1e-320,
            f64::INFINITY,
        ];
        for value in numbers.chain(special) {
            for digits in [3, 7] {
                let expected: f64 = format!("{value:.digits$e}").parse().unwrap();
                assert_eq!(rounded_to(value, digits), expected, "{value} {digits}");
            }
        }
        assert!(rounded_to(f64::NAN, 7).is_nan());
    }

    #[test]
    fn quantiles_are_those_of_sorted_numbers() {
        let few = |i: i32| f64::from(i * 17 % 41 % 12);
        let far_apart = |i: i32| f64::from(i * 17 % 101).powi(i % 40);
        let lists = (0..400).flat_map(|count| {
            [few, far_apart].map(|number| (0..count).map(number).collect::<Vec<f64>>())
        });
        for numbers in lists {
            let count = numbers.len();
            let mut sorted = numbers.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |i: usize| sorted.get(i * sorted.len().saturating_sub(1) / 4);
            let four_digits = |number: &f64| format!("{number:.3e}").parse().unwrap();
            let expected: [f64; 5] = std::array::from_fn(|i| at(i).map_or(0.0, four_digits));
            let bits: Vec<u64> = numbers.into_iter().map(f64::to_bits).collect();
            assert_eq!(quantiles(&bits, &mut Vec::new()), expected, "{count}");
        }
    }

    #[test]
    fn the_version_of_burn_is_that_which_is_built() {
        let manifest = include_str!("../../../../Cargo.toml");
        assert!(manifest.contains(&format!("burn = {{ version = \"={BURN}\"")));
    }
}
