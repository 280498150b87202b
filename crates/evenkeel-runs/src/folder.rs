//! A run on disk: what is in its files, how they are written and how they are read back.
//!
//! | file | what |
//! |---|---|
//! | `run.toml` | everything resolved: [`Header`] |
//! | `steps.jsonl` | a [`StepLine`] a step |
//! | `layers.jsonl` | a [`LayerLine`] a step, arrays in the header's layer order |
//! | `units.jsonl` | a [`UnitLine`] a step, under `--granularity unit` |
//! | `evals.jsonl` | an [`EvalLine`] an evaluation |
//! | `timing.jsonl` | a [`TimingLine`] a step: all that differs between identical runs |
//! | `checkpoints/` | all that a run is between two steps: written and read by the trainer |
//! | `tensorboard/` | the same as events, where asked for: [`tensorboard`](crate::tensorboard) |
//! | `outcome.json` | how the run ended: [`Outcome`]; absent while it runs or when it was killed |

pub mod files;
mod header;
mod lines;
mod lock;
mod outcome;
mod reader;

pub use header::{Header, LayerHeader, OtherHeader, UnitHeader};
pub use lines::{EvalLine, LayerLine, QUANTILES, StepLine, TimingLine, UnitLine};
pub use lock::Lock;
pub use outcome::Outcome;
pub use reader::{Run, find_runs, is_run, refuse_taken};
