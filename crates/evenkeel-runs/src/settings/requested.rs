//! Rates and controls that depend on the network, until they are resolved.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Prefix of an angle.
const ANGLE: &str = "angle:";
/// Its old prefix, which a tangent followed.
const TURN: &str = "turn:";
/// The text of the automatic control.
const AUTO: &str = "auto";

/// A learning rate, or what determines one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RequestedRate {
    /// The rate itself.
    Fixed(f64),
    /// The angle, in radians, by which the first step turns the weights of a typical layer.
    Angle(f64),
}

/// A text that is neither a rate nor an angle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RateError {
    /// Neither.
    #[error("`{0}` is neither a rate, such as 0.1, nor an angle in radians, such as angle:0.2")]
    Malformed(String),
    /// The old name of an angle.
    #[error("`turn:TANGENT` is now `angle:RADIANS`; write {}", now(.0))]
    Renamed(String),
}

/// The angle whose tangent an old text has.
fn now(tangent: &str) -> String {
    match tangent.parse::<f64>() {
        Ok(tangent) => format!("angle:{:.4}", tangent.atan()),
        Err(_) => "angle:0.2".to_owned(),
    }
}

impl From<f64> for RequestedRate {
    fn from(rate: f64) -> Self {
        Self::Fixed(rate)
    }
}

impl FromStr for RequestedRate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        if let Some(tangent) = text.strip_prefix(TURN) {
            return Err(RateError::Renamed(tangent.to_owned()));
        }
        let parsed = match text.strip_prefix(ANGLE) {
            Some(angle) => angle.parse().map(Self::Angle),
            None => text.parse().map(Self::Fixed),
        };
        parsed.map_err(|_| RateError::Malformed(text.to_owned()))
    }
}

impl fmt::Display for RequestedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(rate) => write!(f, "{rate}"),
            Self::Angle(angle) => write!(f, "{ANGLE}{angle}"),
        }
    }
}

/// A number, or a text for an angle.
impl Serialize for RequestedRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(rate) => serializer.serialize_f64(*rate),
            Self::Angle(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for RequestedRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

struct RateVisitor;

impl Visitor<'_> for RateVisitor {
    type Value = RequestedRate;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a rate, such as 0.1, or an angle in radians, such as \"angle:0.2\"")
    }

    fn visit_f64<E: Error>(self, rate: f64) -> Result<RequestedRate, E> {
        Ok(RequestedRate::Fixed(rate))
    }

    fn visit_i64<E: Error>(self, rate: i64) -> Result<RequestedRate, E> {
        Ok(RequestedRate::Fixed(rate as f64))
    }

    fn visit_u64<E: Error>(self, rate: u64) -> Result<RequestedRate, E> {
        Ok(RequestedRate::Fixed(rate as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RequestedRate, E> {
        text.parse().map_err(E::custom)
    }
}

/// A control by name, or the one that suits the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RequestedControl {
    /// The one that suits the network's ELRs at initialisation (T31).
    Auto,
    /// A control as the theory crate writes it.
    Named(String),
}

impl From<&str> for RequestedControl {
    fn from(text: &str) -> Self {
        match text {
            AUTO => Self::Auto,
            name => Self::Named(name.to_owned()),
        }
    }
}

impl From<String> for RequestedControl {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<RequestedControl> for String {
    fn from(control: RequestedControl) -> Self {
        control.to_string()
    }
}

impl fmt::Display for RequestedControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => AUTO,
            Self::Named(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RequestedRun, RunSettings};
    use super::*;

    fn read(lr: &str) -> Result<RequestedRate, String> {
        let text = format!(
            "model = \"mlp\"\ndata = \"digits\"\nbatch_size = 8\nlr = {lr}\ncontrol = \"auto\"\nsteps = 1\neval_every = 1\nseed = 0"
        );
        let run: Result<RequestedRun, _> = toml::from_str(&text);
        run.map(|run| run.lr)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_rate_is_a_number_or_an_angle() {
        assert_eq!(read("1"), Ok(RequestedRate::Fixed(1.0)));
        assert_eq!(read("0.5"), Ok(RequestedRate::Fixed(0.5)));
        assert_eq!(read("\"angle:0.2\""), Ok(RequestedRate::Angle(0.2)));
        assert!(read("\"fast\"").unwrap_err().contains("neither a rate"));
        assert!(
            read("\"turn:0.2\"")
                .unwrap_err()
                .contains("write angle:0.1974")
        );
        for text in ["0.25", "angle:0.2"] {
            assert_eq!(text.parse::<RequestedRate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_recorded_run_is_written_as_it_was_requested() {
        let recorded: RunSettings = RunSettings::default();
        let requested = RequestedRun::from(recorded.clone());
        assert_eq!(requested, RequestedRun::default());
        let texts = [toml::to_string(&recorded), toml::to_string(&requested)];
        assert_eq!(texts[0], texts[1]);
        assert_eq!(RequestedControl::from("auto"), RequestedControl::Auto);
    }
}
