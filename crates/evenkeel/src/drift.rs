//! How base gradients change while weights turn (T24, ours): a model with four numbers that are
//! measured on a run, for a forecast that knows its own limits.
//!
//! The recurrences T4–T20 take base gradients `c_l = ‖∇W_l‖‖W_l‖` to be steady. In a network they
//! are not, and what changes are the *gains* `h_k = ln c_k − ln c_{k+1}` by which gradients grow from
//! one layer to the one before it: their changes are independent between layers, so that `ln c_l`
//! departs like a random walk over depth, and adjacent layers stay alike. With `P` the angle turned
//! so far, summed over steps and averaged over layers,
//!
//! ```text
//! h_k(t) = h_k(0) + (μ + ω ξ_k)(1 − e^(−P/p)) + ν (η_k(t) − η_k(0)),      ξ, η standard normal:
//! ```
//!
//! the explosion that initialisation brought relaxes by `μ` a layer and scatters by `ω`, within
//! about `p` radians, and every mini-batch sees gains that differ by `ν`. The sum over `k ≥ l` is
//! what happens to `ln c_l`, as seen from the last layer; a factor common to all is T20's.

mod fit;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::quote::quote;

pub use fit::{Fit, FitError, fit};

/// The four numbers of the model.
///
/// Written `shift=-0.15,scatter=0.19,reach=0.77,noise=0.06`; numbers left out are 0, the reach 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    shift: f64,
    scatter: f64,
    reach: f64,
    noise: f64,
}

/// Drift that could not be read.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DriftError {
    /// No such number.
    #[error(
        "unknown drift {}; permitted: shift=, scatter=, reach=, noise=, joined by commas",
        quote(given)
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// A number out of range.
    #[error("drift {} must be {permitted}", quote(&format!("{name}={given}")))]
    Range {
        /// Which number.
        name: &'static str,
        /// What was given.
        given: String,
        /// The permitted range, in words.
        permitted: &'static str,
    },
}

/// One number of the model: how it is written, what it may be, and where it is.
struct Number {
    name: &'static str,
    permitted: &'static str,
    check: fn(f64) -> bool,
    place: fn(&mut Drift) -> &mut f64,
}

/// Gains are natural logarithms of ratios of norms: beyond this they are no numbers any more.
const LARGEST: f64 = 100.0;

const NUMBERS: [Number; 4] = [
    Number {
        name: "shift",
        permitted: "from -100 to 100: the change of ln c from layer to layer",
        check: |value| value.abs() <= LARGEST,
        place: |drift| &mut drift.shift,
    },
    Number {
        name: "scatter",
        permitted: "from 0 to 100: the standard deviation of that change over layers",
        check: |value| (0.0..=LARGEST).contains(&value),
        place: |drift| &mut drift.scatter,
    },
    Number {
        name: "reach",
        permitted: "above 0 and finite: the angle in radians within which it happens",
        check: |value| value > 0.0 && value.is_finite(),
        place: |drift| &mut drift.reach,
    },
    Number {
        name: "noise",
        permitted: "from 0 to 100: the standard deviation of ln c from batch to batch and layer to layer",
        check: |value| (0.0..=LARGEST).contains(&value),
        place: |drift| &mut drift.noise,
    },
];

impl Drift {
    /// Steady base gradients.
    pub const NONE: Self = Self {
        shift: 0.0,
        scatter: 0.0,
        reach: 1.0,
        noise: 0.0,
    };

    /// `μ`: by how much gains change in the end, mean over layers, natural logarithm.
    pub fn shift(&self) -> f64 {
        self.shift
    }

    /// `ω`: the standard deviation over layers of that change.
    pub fn scatter(&self) -> f64 {
        self.scatter
    }

    /// `p`: the angle turned, in radians, within which `1 − 1/e` of the change happens.
    pub fn reach(&self) -> f64 {
        self.reach
    }

    /// `ν`: the standard deviation of a gain over mini-batches.
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// `1 − e^(−P/p)`: how much of the change has happened when weights have turned by `path`
    /// radians.
    pub fn progress(&self, path: f64) -> f64 {
        -(-path / self.reach).exp_m1()
    }
}

impl FromStr for Drift {
    type Err = DriftError;

    fn from_str(text: &str) -> Result<Self, DriftError> {
        let mut drift = Self::NONE;
        for part in text.split(',') {
            let unknown = || DriftError::Unknown {
                given: part.to_owned(),
            };
            let (name, value) = part.split_once('=').ok_or_else(unknown)?;
            let number = NUMBERS
                .iter()
                .find(|number| number.name == name.trim())
                .ok_or_else(unknown)?;
            // What is no number fails every check.
            let parsed = value.trim().parse().unwrap_or(f64::NAN);
            if !(number.check)(parsed) {
                return Err(DriftError::Range {
                    name: number.name,
                    given: value.to_owned(),
                    permitted: number.permitted,
                });
            }
            *(number.place)(&mut drift) = parsed;
        }
        Ok(drift)
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        let texts = NUMBERS.map(|number| format!("{}={}", number.name, (number.place)(&mut copy)));
        f.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let text = "shift=-0.15,scatter=0.19,reach=0.77,noise=0.06";
        let drift: Drift = text.parse().unwrap();
        assert_eq!(drift.to_string(), text);
        assert_eq!("noise=0.06".parse::<Drift>().unwrap().reach(), 1.0);
        assert!((drift.progress(0.77) - (1.0 - (-1f64).exp())).abs() < 1e-15);
    }

    #[test]
    fn nonsense_is_refused_with_what_is_permitted() {
        let message = |text: &str| text.parse::<Drift>().unwrap_err().to_string();
        assert!(message("turn=1").contains("permitted: shift="));
        assert!(message("reach=0").contains("above 0"));
        assert!(message("noise=-1").contains("from 0 to 100"));
        assert!(message("scatter=NaN").contains("scatter=NaN"));
        assert!(message("").contains("unknown drift"));
    }
}
