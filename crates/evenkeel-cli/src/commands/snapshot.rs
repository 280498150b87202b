//! `evenkeel snapshot`: a network at initialisation, with one batch and its gradients.

use std::path::PathBuf;

use evenkeel_train::resolve::Resolver;
use evenkeel_train::snapshot::{self, Precision};

use crate::args::network::SpecArgs;
use crate::exit::Exit;

/// Build a network, run one forward and backward pass, and write it down for other tools.
///
/// Writes snapshot.csv (layer, weight_norm, grad_norm, numel, cosine), weights.safetensors,
/// batch.safetensors (input, target), gradients.safetensors and model.json. Names and layouts are
/// PyTorch's; gradients are computed in 64-bit floats from 32-bit weights; the batch is the one that `train` with the same seed begins with.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,

    /// Folder for the files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Compute in 32-bit floats, as training does. In deep networks rounding then moves gradient
    /// norms: by some per cent at depth 50.
    #[arg(long)]
    single: bool,

    /// Replace an earlier snapshot in that folder.
    #[arg(long)]
    overwrite: bool,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let setup = Resolver::default().setup(&args.spec.requested())?;
    let precision = if args.single {
        Precision::F32
    } else {
        Precision::F64
    };
    let snapshot = snapshot::take(&setup, precision)?;
    snapshot.write(&args.out, args.overwrite)?;
    let names: Vec<&str> = snapshot.names().collect();
    let text = format!("{}: {}\n", args.out.display(), names.join(", "));
    Ok((text, Exit::Done))
}
