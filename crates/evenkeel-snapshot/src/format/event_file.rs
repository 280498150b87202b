//! TensorBoard's event files: records of protocol buffers, each with checksums.

mod event;
mod record;

use self::event::{Event, Reading};
use self::record::Records;
use crate::format::{Format, Input};
use crate::log::cell::Cell;
use crate::log::error::LogError;
use crate::log::points::Points;

pub(super) const FORMAT: Format = Format {
    name: "TensorBoard event file",
    written_by: "SummaryWriter of PyTorch, TensorFlow, tensorboardX; Lightning, Hugging Face, evenkeel",
    shape: "`events.out.tfevents.…`, or a folder of them: a run for each folder within",
    unit: "record",
    is: |input| Records::begins(input.bytes),
    read,
};

fn read(input: &Input, points: &mut Points) -> Result<(), LogError> {
    let run = input.source.below.as_deref();
    for (index, record) in Records::of(input.bytes).enumerate() {
        let number = index + 1;
        let event = record
            .and_then(Event::read)
            .map_err(|problem| LogError::Malformed {
                name: input.source.name.clone(),
                unit: "record",
                number,
                problem,
            })?;
        for (tag, reading) in event.values() {
            let cell = match reading {
                Reading::Scalar(value) => Cell::Number(value, None),
                Reading::Histogram => Cell::Histogram,
                Reading::Other => continue,
            };
            // TensorBoard's way to say that a step is not known is a negative one.
            let step = u64::try_from(event.step).ok();
            match (points.series(run, tag), step) {
                (Some(series), Some(step)) => points.push(series, step, cell, number)?,
                (None, _) if cell == Cell::Histogram => points.saw_histogram(tag),
                _ => {}
            }
        }
    }
    Ok(())
}
