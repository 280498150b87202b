//! Checks of single settings.

use evenkeel_nn::choice::{Choice, names};

use crate::error::SpecError;

/// The value that a name stands for in a table, or the default where there is no name.
pub fn choose<T: Copy + PartialEq>(
    field: &'static str,
    given: Option<&str>,
    table: &'static [Choice<T>],
    default: T,
) -> Result<T, SpecError> {
    let Some(given) = given else {
        return Ok(default);
    };
    let row = Choice::find(table, given).ok_or_else(|| SpecError::Unknown {
        field,
        given: given.to_owned(),
        permitted: names(table.iter().map(|row| row.name)),
    })?;
    Ok(row.value)
}

/// Refuses a count outside of `min` to `max`.
pub fn in_range(
    field: &'static str,
    given: usize,
    min: usize,
    max: usize,
) -> Result<(), SpecError> {
    if (min..=max).contains(&given) {
        return Ok(());
    }
    Err(SpecError::OutOfRange {
        field,
        given,
        min,
        max,
    })
}
