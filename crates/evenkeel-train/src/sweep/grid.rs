//! A file that says which runs a sweep has.
//!
//! ```toml
//! # what all runs have, as in a run's run.toml
//! depth = 50
//! steps = 600
//! # every combination of these is a run
//! [[grid]]
//! control = ["none", "hold"]
//! lr = [0.03, 0.1, 0.3]
//! seed = [0, 1, 2]
//! # more of them, if the first grid is not all
//! [[grid]]
//! control = "linear:100"
//! seed = [0, 1, 2]
//! ```

use std::path::Path;

use evenkeel_runs::settings::RequestedRun;
use toml::{Table, Value};

use crate::error::{GridError, MOST_RUNS};

/// The key of the grids.
const GRID: &str = "grid";

/// The specifications that `text`, from `file`, asks for, over `defaults` for what it does not say.
///
/// # Errors
/// [`GridError`].
pub fn parse(
    file: &Path,
    text: &str,
    defaults: &RequestedRun,
) -> Result<Vec<RequestedRun>, GridError> {
    let shown = || file.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display| GridError::Toml {
        file: shown(),
        problem: error.to_string(),
    };
    let mut said: Table = toml::from_str(text).map_err(|error| unreadable(&error))?;
    let grids = match said.remove(GRID) {
        None => vec![Table::new()],
        Some(Value::Array(grids)) => {
            tables(grids).ok_or_else(|| GridError::NoTables { file: shown() })?
        }
        Some(_) => return Err(GridError::NoTables { file: shown() }),
    };
    let mut base = Table::try_from(defaults).map_err(|error| unreadable(&error))?;
    base.extend(said);
    let mut runs = Vec::new();
    for grid in grids {
        let mut product = vec![base.clone()];
        for (option, values) in grid {
            let values = match values {
                Value::Array(values) => values,
                value => vec![value],
            };
            if values.is_empty() {
                return Err(GridError::Empty {
                    file: shown(),
                    option,
                });
            }
            if product.len() * values.len() + runs.len() > MOST_RUNS {
                return Err(GridError::TooMany { file: shown() });
            }
            product = product
                .iter()
                .flat_map(|run| values.iter().map(|value| with(run, &option, value)))
                .collect();
        }
        for (index, run) in product.into_iter().enumerate() {
            let raw: Result<RequestedRun, _> = Value::Table(run).try_into();
            runs.push(raw.map_err(|error: toml::de::Error| GridError::Run {
                file: shown(),
                number: index + 1,
                problem: error.message().to_owned(),
            })?);
        }
    }
    Ok(runs)
}

fn tables(values: Vec<Value>) -> Option<Vec<Table>> {
    let table = |value| match value {
        Value::Table(table) => Some(table),
        _ => None,
    };
    values.into_iter().map(table).collect()
}

fn with(run: &Table, option: &str, value: &Value) -> Table {
    let mut run = run.clone();
    // `clip_norm = 1` means 1.0.
    let value = match (option, value) {
        ("clip_norm", Value::Integer(whole)) => Value::Float(*whole as f64),
        (_, value) => value.clone(),
    };
    run.insert(option.to_owned(), value);
    run
}

#[cfg(test)]
mod tests {
    use evenkeel_runs::settings::{RequestedControl, RequestedRate};

    use super::*;

    fn parsed(text: &str) -> Result<Vec<RequestedRun>, String> {
        parse(Path::new("grid.toml"), text, &RequestedRun::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_combination_is_a_run_and_the_rest_is_shared() {
        let runs = parsed(
            "depth = 7\n[[grid]]\nlr = [1, 0.5]\nseed = [0, 1, 2]\n[[grid]]\ncontrol = \"hold\"",
        )
        .unwrap();
        let told = |run: &RequestedRun| (run.lr.to_string(), run.seed, run.control.to_string());
        assert_eq!(runs.len(), 7);
        assert!(runs.iter().all(|run| run.depth == Some(7)));
        assert_eq!(told(&runs[1]), ("1".to_owned(), 1, "none".to_owned()));
        assert_eq!(told(&runs[6]), ("0.1".to_owned(), 0, "hold".to_owned()));
        assert_eq!(parsed("depth = 7").unwrap().len(), 1);
    }

    #[test]
    fn rates_may_be_angles_and_controls_automatic() {
        let runs =
            parsed("[[grid]]\nlr = [1, \"angle:0.2\"]\ncontrol = [\"none\", \"auto\"]").unwrap();
        assert_eq!(runs.len(), 4);
        assert_eq!(runs[3].lr, RequestedRate::Angle(0.2));
        assert_eq!(runs[3].control, RequestedControl::Auto);
        let refused = parsed("[[grid]]\nlr = \"turn:0.2\"").unwrap_err();
        assert!(refused.contains("angle:RADIANS"), "{refused}");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |text: &str| parsed(text).unwrap_err();
        assert!(refused("[[grid]]\nlr = []").contains("`lr` is an empty list"));
        assert!(refused("[[grid]]\nrate = [1]").contains("unknown field `rate`"));
        assert!(refused("grid = 3").contains("[[grid]]"));
        assert!(refused("[[grid]\n").contains("grid.toml: TOML"));
        let long = (0..400)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(",");
        let many = format!("[[grid]]\nseed = [{long}]\nsteps = [{long}]");
        assert!(refused(&many).contains("more than 100000 runs"));
    }
}
