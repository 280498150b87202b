//! Layers that count by what was asked for: `skip` and `only`.

use crate::log::error::LogError;
use crate::log::glob;
use crate::log::options::LogOptions;
use crate::snapshot::Parsed;

/// Leaves out what is skipped of one step's norms, which have no steps and no runs.
pub(crate) fn of_snapshot(
    mut parsed: Parsed,
    options: &LogOptions,
    name: &str,
) -> Result<Parsed, LogError> {
    if options.step.is_some() {
        return Err(LogError::StepOfSnapshot {
            name: name.to_owned(),
        });
    }
    if let Some(run) = &options.run {
        return Err(LogError::UnknownRun {
            names: name.to_owned(),
            run: run.clone(),
            runs: Vec::new(),
        });
    }
    let layers = &mut parsed.snapshot.layers;
    let all: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
    refuse_unknown(options, &all, name)?;
    layers.retain(|layer| counts(options, &layer.name));
    match layers.is_empty() {
        true => Err(LogError::NoneLeft {
            names: name.to_owned(),
            layers: all,
        }),
        false => Ok(parsed),
    }
}

/// Whether a layer is neither skipped nor left out.
pub(crate) fn counts(options: &LogOptions, name: &str) -> bool {
    let described = |patterns: &[String]| patterns.iter().any(|pattern| is_of(pattern, name));
    !described(&options.skip) && (options.only.is_empty() || described(&options.only))
}

fn is_of(pattern: &str, name: &str) -> bool {
    pattern == name || glob::matches(pattern, name)
}

/// Refuses a name or pattern that describes no layer.
pub(crate) fn refuse_unknown(
    options: &LogOptions,
    names: &[String],
    sources: &str,
) -> Result<(), LogError> {
    for (option, patterns) in [("skip", &options.skip), ("only", &options.only)] {
        let unknown = |pattern: &&String| !names.iter().any(|name| is_of(pattern, name));
        if let Some(pattern) = patterns.iter().find(unknown) {
            return Err(LogError::UnknownLayer {
                names: sources.to_owned(),
                option,
                pattern: pattern.clone(),
                layers: names.to_vec(),
            });
        }
    }
    Ok(())
}
