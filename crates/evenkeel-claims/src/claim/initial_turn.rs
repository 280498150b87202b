//! The learning rate by the turn that the first step makes: nothing left to tune?

use evenkeel_report::figure::{Figure, Lines, Stroke};
use evenkeel_runs::settings::RunSettings;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{STEPS, mlp, resnet, seeds, vary};
use crate::outcome;
use crate::scale::Scale;
use crate::show;
use crate::statistics::{mean, median};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "initial-turn",
    title: "Under held ELRs the learning rate can be set by the turn of the first step",
    statement: "On scale-invariant weights only θ = λĒ acts, the tangent of the angle by which a step turns every layer when ELRs are \
                held equal. If the best initial θ₀ is much the same for all networks, the rate needs no tuning: λ = θ₀/Ē. In \
                trials θ₀ between 0.1 and 0.3 was best on two very different networks.",
    measure: "Networks of several depths, batches, normalizations and kinds under `hold`, each at rates from 0.003 to 10 (0.01 to 3 \
              at the quick scale). For each: the accuracy at the rate on the grid whose θ₀ is nearest to 0.2 (the middle of 0.1 and 0.3, roughly), against the best rate \
              of the grid. The claim holds on a network if no more than one point of accuracy is lost by it.",
    runs,
    sheets: &[outcome::SHEET],
    judge,
};

/// The turn that is tested.
const TURN: f64 = 0.2;

fn runs(scale: Scale) -> Vec<RunSettings> {
    let mut nets = [10, 20, 30].map(|depth| mlp(depth, 64, STEPS)).to_vec();
    nets.extend(scale.pick(None, Some(mlp(50, 128, STEPS))));
    nets.push(mlp(20, scale.pick(128, 256), STEPS));
    let sizes = [32, scale.pick(256, 512)];
    nets.extend(vary(vec![mlp(20, 64, STEPS)], sizes, |run, size| {
        run.batch_size = size;
    }));
    nets.push(RunSettings {
        norm: Some("ln".to_owned()),
        ..mlp(10, 64, STEPS)
    });
    nets.push(RunSettings {
        no_shortcut: true,
        ..resnet(scale)
    });
    for net in &mut nets {
        "hold".clone_into(&mut net.control);
    }
    let rates = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
    let rates = scale.pick(&rates[1..7], &rates).to_vec();
    seeds(
        vary(nets, rates, |run, lr| run.lr = lr),
        0..scale.seeds(2, 5),
    )
}

/// A network at one rate: rate, turn, accuracy.
#[derive(Clone, Copy)]
struct Trial {
    lr: f64,
    turn: f64,
    accuracy: f64,
}

struct Network {
    key: Vec<String>,
    trials: Vec<Trial>,
}

impl Network {
    fn of((key, rows): (Vec<String>, Vec<Row>)) -> Self {
        let trial = |(_, rows): (Vec<String>, Vec<Row>)| {
            let lr = rows[0].number("lr");
            Trial {
                lr,
                turn: lr * median(&numbers(&rows, "mean_elr")),
                accuracy: mean(&numbers(&rows, "accuracy")).value,
            }
        };
        Self {
            key,
            trials: groups(rows, &["lr"]).into_iter().map(trial).collect(),
        }
    }

    fn best(&self) -> Option<Trial> {
        self.trials
            .iter()
            .copied()
            .max_by(|a, b| a.accuracy.total_cmp(&b.accuracy))
    }

    fn chosen(&self) -> Option<Trial> {
        let off = |trial: &Trial| (trial.turn / TURN).ln().abs();
        self.trials
            .iter()
            .copied()
            .min_by(|a, b| off(a).total_cmp(&off(b)))
    }

    fn lost(&self) -> Option<f64> {
        Some(self.best()?.accuracy - self.chosen()?.accuracy)
    }

    fn name(&self) -> String {
        format!(
            "{} {} × {}, {}, batch {}",
            self.key[0], self.key[1], self.key[2], self.key[3], self.key[4]
        )
    }
}

fn judge(evidence: &Evidence) -> Finding {
    let kinds = groups(
        evidence.sheet("runs").rows(),
        &["model", "depth", "width", "norm", "batch_size"],
    );
    let networks: Vec<Network> = kinds.into_iter().map(Network::of).collect();
    let lost: Vec<f64> = networks.iter().filter_map(Network::lost).collect();
    let turns: Vec<f64> = networks
        .iter()
        .filter_map(|n| Some(n.best()?.turn))
        .collect();
    let rates: Vec<f64> = networks.iter().filter_map(|n| Some(n.best()?.lr)).collect();
    let ends = |values: &[f64]| {
        values
            .iter()
            .fold((f64::INFINITY, 0.0f64), |(low, high), v| {
                (low.min(*v), high.max(*v))
            })
    };
    let ((low, high), (slow, fast)) = (ends(&turns), ends(&rates));
    Finding {
        verdict: Verdict::of_parts(lost.iter().map(|lost| *lost <= 0.01)),
        because: format!(
            "The best θ₀ lies between {low:.3} and {high:.3} (a factor of {:.0}), the best rate between {slow} and {fast} (a factor of \
             {:.0}). With θ₀ nearest to {TURN}, {} of {} networks lose no more than a point; the most that is lost is {:.1} points, \
             the median {:.1}.",
            high / low,
            fast / slow,
            lost.iter().filter(|lost| **lost <= 0.01).count(),
            lost.len(),
            100.0 * lost.iter().copied().fold(0.0, f64::max),
            100.0 * median(&lost)
        ),
        figures: vec![
            figure(
                "turn",
                "turn of the first step θ₀ (tangent)",
                &networks,
                |trial| trial.turn,
            ),
            figure("rate", "learning rate", &networks, |trial| trial.lr),
        ],
        tables: vec![table(&networks)],
    }
}

fn figure(name: &str, x: &str, networks: &[Network], place: fn(&Trial) -> f64) -> Figure {
    let series = networks.iter().enumerate().map(|(index, network)| {
        let points = network
            .trials
            .iter()
            .map(|trial| (place(trial), trial.accuracy));
        let stroke = if index < 7 {
            Stroke::Solid
        } else {
            Stroke::Dashed
        };
        show::line(&network.name(), index, stroke, points)
    });
    Figure::of_lines(
        &format!("accuracy-by-{name}"),
        &format!("Accuracy under held ELRs by {name}"),
        &format!(
            "Final test accuracy under held ELRs by the {x}, for each network; the mean over seeds."
        ),
        Lines {
            x: x.to_owned(),
            y: "test accuracy".to_owned(),
            log: false,
            log_x: true,
            series: series.collect(),
        },
    )
}

fn table(networks: &[Network]) -> PageTable {
    let row = |network: &Network| {
        let (best, chosen) = (network.best()?, network.chosen()?);
        Some(vec![
            network.name(),
            format!("{}", best.lr),
            format!("{:.3}", best.turn),
            format!("{:.3}", best.accuracy),
            format!("{}", chosen.lr),
            format!("{:.3}", chosen.turn),
            format!("{:.3}", chosen.accuracy),
            format!("{:.1}", 100.0 * network.lost()?),
        ])
    };
    PageTable {
        caption: "The best rate of each network, and the one by its turn; means over seeds."
            .to_owned(),
        headings: vec![
            "network",
            "best λ",
            "its θ₀",
            "accuracy",
            "λ by turn",
            "its θ₀",
            "accuracy",
            "points lost",
        ],
        rows: networks.iter().filter_map(row).collect(),
    }
}
