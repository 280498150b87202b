//! evenkeel's side of `scripts/bench_torch.py`: trains a network in blocks of steps, as it is told.
//!
//! It is started with a specification and a folder, writes network, weights and batches into the
//! folder for the other side, and answers each line of JSON on its input with one on its output.
//! Started without arguments it says how it is used.

mod handover;
mod peak;
mod rig;
mod way;

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use evenkeel_ops::Kernels;
use evenkeel_runs::settings::RunSettings;
use evenkeel_train::resolve::resolve;
use evenkeel_train::run::ResolvedRun;
use mimalloc::MiMalloc;
use serde::{Deserialize, Serialize};

use rig::{Block, Rig};
use way::Way;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str =
    "usage: step SPEC.json FOLDER BATCHES, driven by `python scripts/bench_torch.py`\n";

/// What can be asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// So many steps one way.
    Steps { way: Way, steps: usize },
    /// Single steps of two ways by turns, first, second, second, first.
    Pairs { ways: [Way; 2], pairs: usize },
    /// Multiplications and additions a second that this many threads do at most.
    Peak { threads: usize },
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Answer {
    Ready { parameters: usize, layers: usize },
    Steps(Block),
    Pairs { pairs: [Block; 2] },
    Peak { flops_per_second: f64 },
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [spec, folder, batches] = match arguments.as_slice() {
        [spec, folder, batches] => [spec, folder, batches],
        _ => return Ok(io::stderr().write_all(USAGE.as_bytes())?),
    };
    let raw: RunSettings = serde_json::from_slice(&std::fs::read(spec)?)?;
    let units = RunSettings {
        granularity: "unit".to_owned(),
        ..raw.clone()
    };
    let (spec, units, folder) = (resolve(raw)?, resolve(units)?, PathBuf::from(folder));
    let batches = handover::batches(&spec, batches.parse()?);
    handover::write(&spec, &batches, &folder)?;
    // As many as the other side has set this process to.
    let kernels = Kernels::new(std::thread::available_parallelism()?.get())?;
    let mut rigs = Rigs {
        spec: &spec,
        units: &units,
        batches: &batches,
        folder,
        kernels: kernels.clone(),
        rigs: HashMap::new(),
    };
    Ok(kernels.run(|| serve(&mut rigs).map_err(|error| error.to_string()))?)
}

fn serve(rigs: &mut Rigs) -> Result<(), Box<dyn Error>> {
    answer(&Answer::Ready {
        parameters: evenkeel_nn::layer::parameters(&rigs.spec.setup.layers),
        layers: rigs.get(Way::Layers)?.layers(),
    })?;
    for line in io::stdin().lock().lines() {
        answer(&match serde_json::from_str(&line?)? {
            Command::Steps { way, steps } => {
                let rig = rigs.get(way)?;
                let mut block = Block::default();
                for _ in 0..steps {
                    rig.step(&mut block)?;
                }
                Answer::Steps(block)
            }
            Command::Pairs { ways, pairs } => Answer::Pairs {
                pairs: rigs.pairs(ways, pairs)?,
            },
            Command::Peak { threads } => Answer::Peak {
                flops_per_second: peak::flops_per_second(threads),
            },
        })?;
    }
    Ok(())
}

fn answer(answer: &Answer) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, answer)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// A rig a way, made when it is first needed.
struct Rigs<'a> {
    spec: &'a ResolvedRun,
    /// The same with units of its own.
    units: &'a ResolvedRun,
    batches: &'a [handover::Pair],
    folder: PathBuf,
    kernels: Kernels,
    rigs: HashMap<Way, Rig<'a>>,
}

impl<'a> Rigs<'a> {
    fn get(&mut self, way: Way) -> Result<&mut Rig<'a>, Box<dyn Error>> {
        if !self.rigs.contains_key(&way) {
            let spec = match way {
                Way::Plain | Way::Layers => self.spec,
                Way::Units => self.units,
            };
            let rig = Rig::new(spec, self.batches, way, &self.folder, &self.kernels)?;
            self.rigs.insert(way, rig);
        }
        Ok(self.rigs.get_mut(&way).ok_or("no rig")?)
    }

    fn pairs(&mut self, ways: [Way; 2], pairs: usize) -> Result<[Block; 2], Box<dyn Error>> {
        let mut blocks = [Block::default(), Block::default()];
        for pair in 0..pairs {
            let first = pair % 2;
            for side in [first, 1 - first] {
                self.get(ways[side])?.step(&mut blocks[side])?;
            }
        }
        Ok(blocks)
    }
}
