//! The text of controls: `hold`, `critical:minimax+hold`, `band:0.5:1+max-angle:0.1`.

use std::sync::Arc;

use thiserror::Error;

use super::{ALL, Control, Controls};
use crate::quote::quote;

/// A row of [`ALL`]: how a control is written and what it does.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// How it is written, with its argument.
    pub grammar: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// Builds the control from its argument; `Err` says what is permitted.
    pub(super) build: fn(Option<&str>) -> Built,
}

/// A control, or what is permitted as its argument.
pub(super) type Built = Result<Arc<dyn Control>, String>;

/// A control that cannot be read or combined.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// No such control.
    #[error(
        "unknown control {}; permitted: {}, and combinations such as critical+hold",
        quote(given),
        grammars()
    )]
    Unknown {
        /// What was given.
        given: String,
    },
    /// A control that has another name now.
    #[error("control {} is now written {now}", quote(given))]
    Renamed {
        /// What was given.
        given: String,
        /// How it is written.
        now: &'static str,
    },
    /// A known control with an argument it cannot use.
    #[error("control {}: {permitted}", quote(given))]
    Argument {
        /// What was given.
        given: String,
        /// What is permitted.
        permitted: String,
    },
    /// Controls that do not go together.
    #[error("controls {} cannot be combined: {why}", quote(given))]
    Combination {
        /// What was given.
        given: String,
        /// Why not.
        why: &'static str,
    },
    /// A setting outside its range.
    #[error("{setting} is {value}, but must be {permitted}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What was given.
        value: f64,
        /// The permitted range.
        permitted: &'static str,
    },
}

/// Controls that were renamed: the name before, and how it is written now.
const RENAMED: &[(&str, &str)] = &[
    (
        "turn",
        "max-angle:RADIANS[:START:FRACTION]; turn:X capped the tangent, so turn:0.1 is max-angle:0.0997",
    ),
    (
        "within",
        "band:DECADES[:RADIANS[:FROM]], with the same numbers",
    ),
    ("advised", "auto"),
];

fn grammars() -> String {
    let all: Vec<&str> = ALL.iter().map(|entry| entry.grammar).collect();
    all.join(", ")
}

/// The controls of a text.
pub(super) fn parse(text: &str) -> Result<Controls, ControlError> {
    Controls::of_parts(text.split('+').map(str::trim))
}

/// The control written as `part`, such as `hold:0.1`.
///
/// # Errors
/// [`ControlError`] names what was given and what is permitted.
pub fn named(part: &str) -> Result<Arc<dyn Control>, ControlError> {
    let given = || part.to_owned();
    let (name, argument) = match part.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (part, None),
    };
    if let Some((_, now)) = RENAMED.iter().find(|(before, _)| *before == name) {
        return Err(ControlError::Renamed {
            given: given(),
            now,
        });
    }
    let entry = ALL.iter().find(|entry| entry.name == name);
    let entry = entry.ok_or_else(|| ControlError::Unknown { given: given() })?;
    (entry.build)(argument).map_err(|permitted| ControlError::Argument {
        given: given(),
        permitted,
    })
}

/// Refuses an argument, for controls without one.
pub(super) fn no_argument(argument: Option<&str>) -> Result<(), String> {
    match argument {
        None => Ok(()),
        Some(_) => Err("it takes no argument".to_owned()),
    }
}

/// The numbers of an argument such as `0.5:1`, if all can be read.
pub(super) fn numbers(argument: &str) -> Option<Vec<f64>> {
    argument.split(':').map(|text| text.parse().ok()).collect()
}

/// A shared control.
pub(super) fn shared(control: impl Control) -> Arc<dyn Control> {
    Arc::new(control)
}
