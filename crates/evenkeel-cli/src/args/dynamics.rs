//! The arguments that describe how a network would be trained, shared by the commands that predict.

use evenkeel::control::{self, Controls};
use evenkeel::optimizer::{self, Optimizer};
use evenkeel::warmup;

use crate::args::network::listed;
use crate::exit::usage;

#[derive(Debug, clap::Args)]
pub struct OptimizerArgs {
    /// Optimiser.
    #[arg(long, value_name = "OPTIMIZER", default_value = "sgd", long_help = listed("Optimiser.", optimizer::ALL.iter().map(|o| (o.grammar, o.summary))))]
    optimizer: String,

    /// Momentum of SGD.
    #[arg(long, value_name = "MU", allow_negative_numbers = true)]
    momentum: Option<f64>,

    /// Nesterov's form of momentum.
    #[arg(long, requires = "momentum")]
    nesterov: bool,

    /// Weight decay: L2 for sgd unless --decoupled, decoupled for the others.
    #[arg(long, value_name = "GAMMA", allow_negative_numbers = true)]
    weight_decay: Option<f64>,

    /// Decay weights apart from the gradient, as AdamW does.
    #[arg(long, requires = "weight_decay")]
    decoupled: bool,
}

impl OptimizerArgs {
    /// The checked optimiser, through the grammar of the theory crate.
    pub fn optimizer(&self) -> anyhow::Result<Optimizer> {
        let (named, given) = self
            .optimizer
            .split_once(':')
            .unwrap_or((&self.optimizer, ""));
        let mut settings: Vec<String> = given.split(',').map(str::to_owned).collect();
        let sgd = ["sgd", "momentum", "nesterov"].contains(&named);
        let name = match (sgd, self.momentum, self.nesterov) {
            (true, Some(_), false) if named != "nesterov" => "momentum",
            (true, Some(_), _) => "nesterov",
            (false, Some(_), _) => {
                return Err(usage(format!(
                    "--momentum is for sgd; write {named}:KEY=VALUE to set that of {named}"
                )));
            }
            (_, None, _) => named,
        };
        settings.extend(self.momentum.map(|mu| format!("mu={mu}")));
        if let Some(decay) = self.weight_decay {
            let coupled = sgd && !self.decoupled;
            let key = if coupled { "l2" } else { "decay" };
            settings.push(format!("{key}={decay}"));
        }
        settings.retain(|setting| !setting.is_empty());
        let colon = if settings.is_empty() { "" } else { ":" };
        let text = format!("{name}{colon}{}", settings.join(","));
        text.parse().map_err(usage)
    }
}

#[derive(Debug, clap::Args)]
pub struct ControlArgs {
    /// Critical warm-up by a policy: the same as --control critical:POLICY.
    #[arg(long, value_name = "POLICY", conflicts_with = "control", long_help = listed("Critical warm-up by a policy: the same as --control critical:POLICY.", warmup::ALL.iter().map(|p| (p.name, p.summary))))]
    warmup: Option<String>,

    /// Control of ELRs.
    #[arg(long, value_name = "CONTROL", default_value = "none", long_help = listed("Control of ELRs; `+` joins several.", control::ALL.iter().map(|c| (c.grammar, c.summary))))]
    control: String,
}

impl ControlArgs {
    /// The checked controls.
    pub fn controls(&self) -> anyhow::Result<Controls> {
        let named = self
            .warmup
            .as_ref()
            .map(|policy| format!("critical:{policy}"));
        named
            .as_ref()
            .unwrap_or(&self.control)
            .parse()
            .map_err(usage)
    }
}
