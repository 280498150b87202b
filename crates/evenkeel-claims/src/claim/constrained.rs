//! Equalised ELRs against free ones, LARS and warm-ups that were tuned.

use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::settings::RunSettings;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{STEPS, mlp, resnet, seeds, vary};
use crate::outcome;
use crate::scale::Scale;
use crate::show;
use crate::statistics::{Estimate, mean};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "constrained",
    title: "Networks whose ELRs are held equal train better than free ones, over a wider range of rates",
    statement: "Equalising ELRs by function-preserving rescaling, once (T22) or at every step (T23), does what a warm-up cannot: it \
                needs no tuning, holds the spread low from the first step, and lets deep networks train. This goes beyond the paper.",
    measure: "BN-MLPs of depth 20 and 30 at width 64, and of 50 at 128 (at 64 that trains under no control: see trainability), and a \
              narrow ResNet with and without shortcuts. Each control at up to five rates, by depth. A control's accuracy is that of its own best rate (mean over \
              seeds); its range is the number of rates with an accuracy of at least 0.8 times the best of any control. Networks \
              that begin with more than one decade: the claim holds if `hold` reaches the best linear warm-up, tuned over its \
              length and rate, to within half a point or better, and trains over at least as many rates. On others: within one \
              point of no control. The rule for the default: the control with the highest accuracy, averaged over networks \
              under plain SGD, that needs no hyper-parameter and was tried on all of them; at equal accuracy within half a point, the one \
              with the wider range. The angles of `hold+max-angle` are the same everywhere, and were chosen on other seeds (0.1 by \
              grids/max-angle.toml, on BN-MLPs; 0.01 by grids/resnet-56-gentle.toml), as the width of the band was (T30; under a \
              cosine, by grids/band.toml).",
    runs,
    sheets: &[outcome::SHEET],
    judge,
};

/// Controls without anything to tune, of which one is the default.
const UNTUNED: [&str; 10] = [
    "none",
    "critical",
    "rescale",
    "hold",
    "hold:0.2",
    GENTLE,
    GENTLER,
    BAND,
    "critical+hold",
    "critical+rescale",
];
/// Held ELRs that begin gently (T28).
const GENTLE: &str = "hold+max-angle:0.1";
/// The same for as long as a linear warm-up lasts.
const GENTLER: &str = "hold+max-angle:0.01";
/// Within half a decade once weights have turned by a radian, equal before (T30).
const BAND: &str = "band:0.5:1+max-angle:0.1";
/// What is tried on every network.
const MAIN: [&str; 6] = ["none", "linear:100", "hold", GENTLE, GENTLER, BAND];
const LINEAR: [&str; 3] = ["linear:30", "linear:100", "linear:200"];
const RATES: [f64; 5] = [0.03, 0.1, 0.3, 1.0, 3.0];
/// Those between have served to choose tangents.
const SEEDS: [u64; 5] = [0, 1, 7, 8, 9];

fn runs(scale: Scale) -> Vec<RunSettings> {
    let mut runs = match scale {
        Scale::Quick => few(),
        Scale::Standard | Scale::Full => many(scale),
    };
    // What there is to hold under momentum: the update by default, or the gradient.
    let held = runs
        .iter()
        .filter(|run| run.optimizer == MOMENTUM && run.control.starts_with("hold"));
    let by_gradient: Vec<RunSettings> = held
        .map(|run| RunSettings {
            elr: Some("gradient".to_owned()),
            ..run.clone()
        })
        .collect();
    runs.extend(by_gradient);
    let count = scale.seeds(scale.pick(2, 3), 5) as usize;
    seeds(runs, SEEDS.into_iter().take(count))
}

/// What verdicts need.
fn few() -> Vec<RunSettings> {
    let medium = mlp(30, 64, STEPS);
    let without = residual(Scale::Quick, true);
    let basic = [
        "none",
        "critical",
        "rescale",
        "hold",
        GENTLE,
        GENTLER,
        BAND,
        "linear:30",
        "linear:100",
    ];
    let others = ["hold:0.2", "critical+hold", "lars:0.03", "sphere"];
    [
        grid([mlp(20, 64, STEPS), medium.clone()], &RATES[1..4], &basic),
        grid([medium.clone()], &RATES[1..4], &others),
        grid([mlp(50, 128, STEPS)], &RATES[..3], &basic),
        grid([by_units(medium.clone())], &RATES[1..3], &["hold"]),
        grid([momentum(medium)], &[0.01, 0.03, 0.1], &MAIN),
        grid([residual(Scale::Quick, false)], &RATES[2..3], &MAIN),
        grid([without], &RATES[1..3], &MAIN),
    ]
    .concat()
}

/// More rates and controls.
fn many(scale: Scale) -> Vec<RunSettings> {
    let deep = mlp(50, 128, STEPS);
    let residuals = [false, true].map(|without| residual(scale, without));
    let most = [&UNTUNED[..], &LINEAR].concat();
    let all = [&most[..], &["lars:0.03", "sphere"]].concat();
    let few = [&MAIN[..], &["critical"]].concat();
    let under_momentum = ["none", "critical", "linear:100", "hold", "hold:0.2"];
    let mut runs = [
        grid([mlp(20, 64, STEPS), mlp(30, 64, STEPS)], &RATES, &all),
        grid([deep.clone()], &RATES[..4], &most),
        grid(
            [by_units(deep.clone())],
            &RATES[1..4],
            &["hold", "hold:0.2"],
        ),
        grid([momentum(deep)], &[0.003, 0.01, 0.03, 0.1], &under_momentum),
        grid(residuals.clone(), &RATES[1..4], &few),
    ]
    .concat();
    if scale == Scale::Full {
        runs.extend(grid(residuals.clone(), &RATES[..1], &few));
        runs.extend(grid(residuals, &RATES[..4], &["linear:30", "rescale"]));
    }
    runs
}

/// Networks at some rates under some controls.
fn grid<const N: usize>(
    networks: [RunSettings; N],
    rates: &[f64],
    controls: &[&str],
) -> Vec<RunSettings> {
    let runs = vary(networks.to_vec(), rates.to_vec(), |run, lr| run.lr = lr);
    vary(runs, controls.to_vec(), |run, control| {
        control.clone_into(&mut run.control);
    })
}

const MOMENTUM: &str = "momentum:mu=0.9";

fn momentum(net: RunSettings) -> RunSettings {
    RunSettings {
        optimizer: MOMENTUM.to_owned(),
        ..net
    }
}

fn by_units(net: RunSettings) -> RunSettings {
    RunSettings {
        granularity: "unit".to_owned(),
        ..net
    }
}

fn residual(scale: Scale, no_shortcut: bool) -> RunSettings {
    RunSettings {
        no_shortcut,
        ..resnet(scale)
    }
}

/// A rate and the accuracy there.
type AtRate = (f64, Estimate);

/// A network with all its controls.
struct Network {
    key: Vec<String>,
    initial: f64,
    controls: Vec<(String, Vec<AtRate>)>,
}

impl Network {
    fn name(&self) -> String {
        let shortcuts = match self.key[4].as_str() {
            "yes" => " without shortcuts",
            _ => "",
        };
        format!("{} {}{shortcuts}", self.key[3], self.key[0])
    }

    /// The best rate of a control with its accuracy.
    fn best(&self, control: &str) -> Option<(f64, Estimate)> {
        let (_, rates) = self.controls.iter().find(|(name, _)| name == control)?;
        let best = rates
            .iter()
            .max_by(|a, b| a.1.value.total_cmp(&b.1.value))?;
        Some((best.0, best.1))
    }

    fn accuracy(&self, control: &str) -> f64 {
        self.best(control)
            .map_or(f64::NAN, |(_, estimate)| estimate.value)
    }

    fn linear(&self) -> f64 {
        LINEAR
            .iter()
            .map(|control| self.accuracy(control))
            .fold(f64::NAN, f64::max)
    }

    /// At how many rates a control trains.
    fn range(&self, control: &str) -> usize {
        let all = self.controls.iter().map(|(name, _)| self.accuracy(name));
        let enough = 0.8 * all.fold(f64::NAN, f64::max);
        let rates = self
            .controls
            .iter()
            .filter(|(name, _)| name == control)
            .flat_map(|(_, rates)| rates);
        rates
            .filter(|(_, accuracy)| accuracy.value >= enough)
            .count()
    }

    fn linear_range(&self) -> usize {
        LINEAR
            .iter()
            .map(|control| self.range(control))
            .max()
            .unwrap_or(0)
    }

    /// Whether the claim holds here, by its rule.
    fn holds(&self) -> bool {
        match self.initial > 1.0 {
            true => {
                self.accuracy("hold") >= self.linear() - 0.005
                    && self.range("hold") >= self.linear_range()
            }
            false => self.accuracy("hold") >= self.accuracy("none") - 0.01,
        }
    }
}

fn networks(evidence: &Evidence) -> Vec<Network> {
    let networks = groups(
        evidence.sheet("runs").rows(),
        &["depth", "optimizer", "granularity", "model", "no_shortcut"],
    );
    networks
        .into_iter()
        .map(|(key, rows)| Network {
            key,
            initial: mean(&numbers(&rows, "initial")).value,
            controls: groups(rows, &["control", "elr"])
                .into_iter()
                .map(|(name, rows)| {
                    let rates = groups(rows, &["lr"]).into_iter().map(of_rate);
                    (control(&name), rates.collect())
                })
                .collect(),
        })
        .collect()
}

/// A control, and what it goes by where that was said.
fn control(name: &[String]) -> String {
    match name[1].is_empty() {
        true => name[0].clone(),
        false => format!("{}, by the {}", name[0], name[1]),
    }
}

fn of_rate((_, rows): (Vec<String>, Vec<Row<'_>>)) -> AtRate {
    (rows[0].number("lr"), mean(&numbers(&rows, "accuracy")))
}

/// The control that wins by the rule, with its accuracy over networks.
fn winner(layers: &[&Network]) -> Option<(&'static str, f64, f64)> {
    let over = |value: &dyn Fn(&Network) -> f64| {
        mean(&layers.iter().map(|n| value(n)).collect::<Vec<_>>()).value
    };
    // Averages over different networks would compare these, not controls.
    let everywhere = |control: &&str| layers.iter().all(|n| n.accuracy(control).is_finite());
    let scores = UNTUNED.into_iter().filter(everywhere).map(|control| {
        (
            control,
            over(&|n| n.accuracy(control)),
            over(&|n| n.range(control) as f64),
        )
    });
    let scores: Vec<_> = scores.collect();
    let best = scores.iter().map(|score| score.1).fold(f64::NAN, f64::max);
    let near = scores.into_iter().filter(|score| score.1 >= best - 0.005);
    near.max_by(|a, b| a.2.total_cmp(&b.2))
}

fn judge(evidence: &Evidence) -> Finding {
    let networks = networks(evidence);
    let layers: Vec<&Network> = networks
        .iter()
        .filter(|n| n.key[2] == "layer" && n.linear().is_finite())
        .collect();
    let told = |n: &&Network| {
        format!(
            "{}, {}, {:.1} decades: hold {:.3} at {} rates, best linear {:.3} at {}, none {:.3}",
            n.name(),
            n.key[1],
            n.initial,
            n.accuracy("hold"),
            n.range("hold"),
            n.linear(),
            n.linear_range(),
            n.accuracy("none")
        )
    };
    let told: Vec<String> = layers.iter().map(told).collect();
    let plain: Vec<&Network> = layers
        .iter()
        .copied()
        .filter(|n| n.key[1] == "sgd")
        .collect();
    let winner = winner(&plain).map_or(String::new(), |(control, accuracy, range)| {
        format!(" By the rule set beforehand `{control}` wins under plain SGD: accuracy {accuracy:.3} and {range:.1} rates, averaged over networks.")
    });
    Finding {
        verdict: Verdict::of_parts(layers.iter().map(|network| network.holds())),
        because: format!("{}.{winner}", told.join("; ")),
        figures: plain.iter().map(|network| figure(network)).collect(),
        tables: vec![best_table(&networks), all_table(evidence)],
    }
}

/// Controls that figures show. Each has its colour by its place here, so that it is the same in all of them.
const SHOWN: [&str; 11] = [
    "none",
    "critical",
    "linear:100",
    "hold",
    GENTLE,
    GENTLER,
    "rescale",
    "lars:0.03",
    "critical+hold",
    "sphere",
    BAND,
];

fn figure(network: &Network) -> Figure {
    let series = SHOWN.iter().enumerate().filter_map(|(place, control)| {
        let (_, rates) = network.controls.iter().find(|(name, _)| name == control)?;
        let points = rates.iter().map(|(lr, accuracy)| (*lr, accuracy.value));
        Some(show::nth_line(place, control, points))
    });
    let name = network.name();
    Figure::of_lines(
        &format!("accuracy-by-rate-{}", name.replace(' ', "-")),
        &format!("Accuracy by learning rate, {name}"),
        &format!(
            "Final test accuracy of {name} by learning rate and control; the mean over seeds."
        ),
        Lines {
            x: "learning rate".to_owned(),
            y: "test accuracy".to_owned(),
            log: false,
            log_x: true,
            series: series.collect(),
        },
    )
}

fn best_table(networks: &[Network]) -> PageTable {
    let row = |network: &Network, control: &str| {
        let (lr, accuracy) = network.best(control)?;
        let mut cells = network.key.clone();
        cells.extend([
            format!("{:.1}", network.initial),
            control.to_owned(),
            format!("{lr}"),
            accuracy.told(3),
            network.range(control).to_string(),
        ]);
        Some(cells)
    };
    PageTable {
        caption: "Each control at its own best rate: accuracy (mean and 95 % interval over seeds), and at how many rates it trains.".to_owned(),
        headings: vec!["depth", "optimiser", "granularity", "model", "no shortcuts", "initial range (decades)", "control", "best λ", "accuracy", "rates"],
        rows: networks
            .iter()
            .flat_map(|network| network.controls.iter().filter_map(|(control, _)| row(network, control)))
            .collect(),
    }
}

fn all_table(evidence: &Evidence) -> PageTable {
    show::table(
        "Every rate.",
        evidence.sheet("runs").rows(),
        &[
            ("model", "model"),
            ("no_shortcut", "no shortcuts"),
            ("depth", "depth"),
            ("optimizer", "optimiser"),
            ("granularity", "granularity"),
            ("control", "control"),
            ("elr", "ELR of"),
            ("lr", "λ"),
        ],
        &[
            ("spread", "median range (decades)", 2),
            ("loss", "loss", 2),
            ("accuracy", "accuracy", 3),
            ("diverged", "diverged", 2),
        ],
    )
}
