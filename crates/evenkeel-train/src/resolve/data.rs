//! The data of a run.

use evenkeel_nn::augment::Augmentation;
use evenkeel_nn::dataset::{self, Dataset, Request};
use evenkeel_nn::example::Example;
use evenkeel_runs::settings::RunSettings;

use super::choose::in_range;
use crate::error::SpecError;

const MAX_CONTEXT: usize = 65_536;

/// Tokens that make an example unless told otherwise.
const CONTEXT: usize = 64;

/// What tells the data of one run from those of another.
pub fn key<R, C>(settings: &RunSettings<R, C>) -> String {
    let seed = settings.has_generated_data().then_some(settings.seed);
    let RunSettings {
        data,
        context,
        shrink,
        ..
    } = settings;
    format!("{data} {context:?} {shrink:?} {seed:?}")
}

/// Loads the data, downsampled if asked for.
pub fn load<R, C>(settings: &RunSettings<R, C>) -> Result<Dataset, SpecError> {
    let (entry, argument) = dataset::find(&settings.data).ok_or_else(|| SpecError::Unknown {
        field: "data",
        given: settings.data.clone(),
        permitted: dataset::grammars(),
    })?;
    let context = settings.context.unwrap_or(CONTEXT);
    in_range("context", context, 1, MAX_CONTEXT)?;
    let data = (entry.load)(&Request {
        name: entry.name,
        argument,
        context,
        seed: settings.seed,
    })?;
    match settings.shrink {
        None => Ok(data),
        Some(factor) => shrunk(settings, &data, factor),
    }
}

fn shrunk<R, C>(
    settings: &RunSettings<R, C>,
    data: &Dataset,
    factor: usize,
) -> Result<Dataset, SpecError> {
    match data.example {
        Example::Tokens { .. } => Err(inapplicable(settings, "shrink", "images")),
        Example::Image { height, width, .. } => data.shrunk(factor).ok_or(SpecError::Shrink {
            given: factor,
            height,
            width,
        }),
    }
}

/// Refuses settings that mean nothing to these data.
pub fn check<R, C>(
    settings: &RunSettings<R, C>,
    data: &Dataset,
    augmentation: Augmentation,
) -> Result<(), SpecError> {
    match data.example {
        Example::Image { .. } if settings.context.is_some() => {
            Err(inapplicable(settings, "context", "text"))
        }
        Example::Tokens { .. } if !augmentation.is_none() => {
            Err(inapplicable(settings, "augment", "images"))
        }
        Example::Image { .. } | Example::Tokens { .. } => Ok(()),
    }
}

/// How many tokens make an example, where the data are text.
pub fn context(data: &Dataset) -> Option<usize> {
    match data.example {
        Example::Image { .. } => None,
        Example::Tokens { context, .. } => Some(context),
    }
}

fn inapplicable<R, C>(
    settings: &RunSettings<R, C>,
    field: &'static str,
    purpose: &'static str,
) -> SpecError {
    SpecError::Inapplicable {
        field,
        purpose,
        data: settings.data.clone(),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_nn::dataset::Source;
    use evenkeel_runs::settings::GENERATED_DATA;

    use super::*;

    #[test]
    fn the_readers_of_runs_know_which_data_are_generated() {
        let generated = dataset::ALL
            .iter()
            .filter(|entry| matches!(entry.source, Source::MadeUp));
        let names: Vec<&str> = generated.map(|entry| entry.name).collect();
        assert_eq!(names, GENERATED_DATA);
    }
}
