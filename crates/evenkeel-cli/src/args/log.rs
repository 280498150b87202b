//! What of a log to take, shared by the commands that read one.

use evenkeel_snapshot::LogOptions;

#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// Training step of the log [default: the first with the norms of all layers].
    #[arg(long, value_name = "STEP", help_heading = "Log options")]
    step: Option<u64>,

    /// Run, where the log holds several.
    #[arg(long, value_name = "NAME", help_heading = "Log options")]
    pub run: Option<String>,

    /// Leave out layers: a name, or a pattern with * and ?; may be repeated.
    #[arg(long, value_name = "GLOB", help_heading = "Log options")]
    skip: Vec<String>,

    /// Take no other layers than these; may be repeated.
    #[arg(long, value_name = "GLOB", help_heading = "Log options")]
    only: Vec<String>,

    /// How tags name weight norms: NAME in NAME/LAYER or LAYER/NAME, or a pattern whose * is the layer.
    #[arg(long, value_name = "PATTERN", help_heading = "Log options")]
    weight: Option<String>,

    /// How tags name gradient norms.
    #[arg(long, value_name = "PATTERN", help_heading = "Log options")]
    gradient: Option<String>,

    /// How tags name the norms of updates.
    #[arg(long, value_name = "PATTERN", help_heading = "Log options")]
    update: Option<String>,
}

impl LogArgs {
    /// For the reader.
    pub fn options(&self) -> LogOptions {
        LogOptions {
            step: self.step,
            run: self.run.clone(),
            skip: self.skip.clone(),
            only: self.only.clone(),
            weight: self.weight.clone(),
            gradient: self.gradient.clone(),
            update: self.update.clone(),
            ..LogOptions::default()
        }
    }
}
