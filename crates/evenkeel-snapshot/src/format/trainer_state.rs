//! `trainer_state.json`: the history of Hugging Face's `Trainer`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::{Format, Input, wide};
use crate::log::error::LogError;
use crate::log::points::Points;
use crate::log::rows::Table;

pub(super) const FORMAT: Format = Format {
    name: "trainer_state.json",
    written_by: "Hugging Face Trainer, in each checkpoint",
    shape: "`log_history`: a list of objects with `step` and a key for each tag",
    unit: "entry",
    is: |input| input.text.trim_start().starts_with('{') && input.text.contains("\"log_history\""),
    read,
};

#[derive(Deserialize)]
struct State<'t> {
    #[serde(borrow)]
    log_history: Vec<&'t RawValue>,
}

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let state: State = serde_json::from_str(input.text).map_err(|error| LogError::Malformed {
        name: input.source.name.clone(),
        unit: "line",
        number: error.line(),
        problem: format!("not JSON with a list `log_history`: {error}"),
    })?;
    wide::read(&Table::Items(state.log_history), input, points, |tag| {
        (None, tag)
    })
}
