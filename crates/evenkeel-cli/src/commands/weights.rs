//! `evenkeel weights`: a run's weights for PyTorch, or for a run that begins with them.

use std::path::PathBuf;

use evenkeel_runs::file::write_atomically;
use evenkeel_train::checkpoint::Which;
use evenkeel_train::weights;

use crate::exit::{Exit, usage};

/// Write the weights of a run as a safetensors file, for PyTorch or for `train --weights`.
///
/// Names and layouts are those of PyTorch: a network rebuilt from the file's own description takes
/// them with load_state_dict. The description, as in the model.json of `snapshot`, is JSON under the
/// key `evenkeel` of the file's metadata. Statistics of batch normalizations are those of the
/// training steps.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of a run, such as OUT/hold.
    run: PathBuf,

    /// Which checkpoint: newest, best (by test accuracy), or the number of steps done.
    #[arg(long, default_value = "newest", value_name = "WHICH")]
    checkpoint: String,

    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Replace that file.
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let which: Which = args.checkpoint.parse()?;
    let out = args.out.display();
    if !args.overwrite && args.out.exists() {
        return Err(usage(format!(
            "{out} is there already; choose another --out, or replace it with --overwrite"
        )));
    }
    let weights = weights::weights(&args.run, which)?;
    write_atomically(&args.out, &weights.bytes)?;
    let text = format!(
        "{out}: {} tensors of step {}\n",
        weights.tensors, weights.step
    );
    Ok((text, Exit::Done))
}
