//! From one state, a step at each of a fine grid of rates: where pairs flip, where the spread is least.

use std::collections::BTreeMap;

use evenkeel_report::figure::{Figure, Lines, Stroke};
use evenkeel_runs::folder::Run;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{log_spaced, mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{line, mean, median, r2};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "critical-lr",
    title: "Beyond a critical rate, which depends on current ELRs only, pairs flip and the spread widens",
    statement: "A step at rate λ flips the order of two layers if λ > 1/√(E_l E_k) (T8). The range of all is least near \
                1/√(E_max E_min) (T13) and widens beyond, whatever the weights and gradients behind the ELRs are.",
    measure: "From one initial state, one step at each of 25 rates over six decades, and the ELRs after it. Pairs whose ELRs differ \
              by a factor of 2 or more: the rate at which their order flips, from between the rates around it, against \
              1/√(E_l E_k). The claim holds if a line through the logarithms has a slope between 0.8 and 1.2 with R² of the \
              prediction itself of at least 0.5; and if the rate of least range is within a factor of 3 of the one that T5 \
              names. Judged for the whole data set as the batch, where gradients before and after are of one loss, and for \
              batches of 128, where the next batch adds noise.",
    runs,
    sheets: &[Sheet {
        name: "steps",
        settings: &["depth", "batch_size", "lr", "seed"],
        columns: &["layer", "before", "after"],
        rows,
    }],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let net = RunSettings {
        eval_rows: 50,
        ..mlp(20, 64, 2)
    };
    let nets = vary(vec![net], [10, 20], |run, depth| run.depth = Some(depth));
    let batches = vary(nets, [128, 1437], |run, size| run.batch_size = size);
    let runs = vary(batches, log_spaced(0.001, 1000.0, 25), |run, lr| {
        run.lr = lr
    });
    seeds(runs, 0..scale.seeds(3, 10))
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let [before, after, ..] = run.layers.as_slice() else {
        return Vec::new();
    };
    let pairs = before.elr.iter().zip(&after.elr).enumerate();
    pairs
        .map(|(layer, (before, after))| vec![layer.into(), (*before).into(), (*after).into()])
        .collect()
}

/// The log ELRs of all layers before and after the step.
type Step = (Vec<f64>, Vec<f64>);

/// One initial state: its steps by the bits of their rates.
type State = BTreeMap<u64, Step>;

/// All states of a kind of network.
fn states(rows: &[Row]) -> Vec<State> {
    let of_seed = |rows: Vec<Row>| {
        let rates = groups(rows, &["lr"]).into_iter();
        let logs = |rows: &[Row], column| {
            numbers(rows, column)
                .into_iter()
                .map(f64::ln)
                .collect::<Vec<_>>()
        };
        rates
            // The bits of positive numbers are in their order.
            .map(|(_, rows)| {
                (
                    rows[0].number("lr").to_bits(),
                    (logs(&rows, "before"), logs(&rows, "after")),
                )
            })
            .collect()
    };
    groups(rows.iter().copied(), &["seed"])
        .into_iter()
        .map(|(_, rows)| of_seed(rows))
        .collect()
}

/// For each pair that flips: the critical rate by theory, and the rate at which it flipped, as logarithms.
fn flips(state: &State) -> Vec<(f64, f64)> {
    let Some((before, _)) = state.values().next() else {
        return Vec::new();
    };
    let mut flips = Vec::new();
    for l in 0..before.len() {
        for k in 0..before.len() {
            if before[l] - before[k] < 2f64.ln() {
                continue;
            }
            let gaps: Vec<(f64, f64)> = state
                .iter()
                .map(|(lr, (_, after))| (f64::from_bits(*lr).ln(), after[l] - after[k]))
                .collect();
            let crossing = gaps
                .windows(2)
                .find(|pair| pair[0].1 > 0.0 && pair[1].1 <= 0.0);
            if let Some([(x0, y0), (x1, y1)]) =
                crossing.and_then(|pair| <[_; 2]>::try_from(pair).ok())
            {
                flips.push((
                    -(before[l] + before[k]) / 2.0,
                    x0 + (x1 - x0) * y0 / (y0 - y1),
                ));
            }
        }
    }
    flips
}

fn range(logs: impl Iterator<Item = f64>) -> f64 {
    let (low, high) = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    high - low
}

/// The range of log ELRs after a step by T5.
fn foretold(before: &[f64], lr: f64) -> f64 {
    range(
        before
            .iter()
            .map(|x| x - (1.0 + (lr * x.exp()).powi(2)).ln()),
    )
}

/// The rates, as logarithms, at which the range was least by theory and by measurement.
fn best(state: &State) -> Option<(f64, f64)> {
    let least = |of: &dyn Fn(u64, &Step) -> f64| {
        let ranges = state.iter().map(|(lr, elrs)| (*lr, of(*lr, elrs)));
        ranges
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(lr, _)| f64::from_bits(lr).ln())
    };
    let theory = least(&|lr, (before, _)| foretold(before, f64::from_bits(lr)))?;
    let measured = least(&|_, (_, after)| range(after.iter().copied()))?;
    Some((theory, measured))
}

/// What a kind of network says.
struct Kind {
    key: Vec<String>,
    flips: Vec<(f64, f64)>,
    best: Vec<(f64, f64)>,
    pairs: usize,
}

impl Kind {
    fn flips_hold(&self) -> bool {
        let slope = line(&self.flips).slope;
        (0.8..=1.2).contains(&slope) && r2(&self.flips) >= 0.5
    }

    /// The median of rates at which pairs flip, relative to theory.
    fn early(&self) -> f64 {
        let off = self.flips.iter().map(|(theory, found)| found - theory);
        median(&off.collect::<Vec<_>>()).exp()
    }

    fn best_holds(&self) -> bool {
        let off: Vec<f64> = self
            .best
            .iter()
            .map(|(theory, measured)| measured - theory)
            .collect();
        !off.is_empty() && median(&off).abs() <= 3f64.ln()
    }
}

fn kinds(evidence: &Evidence) -> Vec<Kind> {
    let networks = groups(evidence.sheet("steps").rows(), &["depth", "batch_size"]);
    networks
        .into_iter()
        .map(|(key, rows)| {
            let states = states(&rows);
            let apart = |state: &State| {
                let before = state.values().next().map_or(&[][..], |(before, _)| before);
                let pair = |l: &f64| before.iter().filter(|k| l - **k >= 2f64.ln()).count();
                before.iter().map(pair).sum::<usize>()
            };
            Kind {
                key,
                flips: states.iter().flat_map(flips).collect(),
                best: states.iter().filter_map(best).collect(),
                pairs: states.iter().map(apart).sum(),
            }
        })
        .collect()
}

fn judge(evidence: &Evidence) -> Finding {
    let kinds = kinds(evidence);
    let told: Vec<String> = kinds
        .iter()
        .map(|kind| {
            format!(
                "depth {}, batch {}: slope {:.2}, R² {:.2}, the median at {:.2} of theory",
                kind.key[0],
                kind.key[1],
                line(&kind.flips).slope,
                r2(&kind.flips),
                kind.early()
            )
        })
        .collect();
    Finding {
        verdict: Verdict::of_parts(
            kinds
                .iter()
                .flat_map(|kind| [kind.flips_hold(), kind.best_holds()]),
        ),
        because: format!(
            "Rates at which pairs flip, against 1/√(E_l E_k): {}. Pairs flip early because the layer that turns further loses more of its base gradient in the same step (T24).",
            told.join("; ")
        ),
        figures: vec![scatter(&kinds), widths(evidence)],
        tables: vec![table(&kinds)],
    }
}

fn table(kinds: &[Kind]) -> PageTable {
    PageTable {
        caption: "Pairs that are a factor of 2 apart; slope, R² of the line, and R² of the prediction as it is; the rate of least \
                  range, by T5 and as measured (medians of the seeds), on the grid."
            .to_owned(),
        headings: vec!["depth", "batch", "pairs", "that flip", "slope", "R² of the line", "R² of theory", "flip/theory", "best λ, T5", "best λ"],
        rows: kinds
            .iter()
            .map(|kind| {
                let fit = line(&kind.flips);
                let best = |side: fn(&(f64, f64)) -> f64| median(&kind.best.iter().map(side).collect::<Vec<_>>()).exp();
                let mut cells = kind.key.clone();
                cells.extend([
                    kind.pairs.to_string(),
                    kind.flips.len().to_string(),
                    format!("{:.2}", fit.slope),
                    format!("{:.2}", fit.r2),
                    format!("{:.2}", r2(&kind.flips)),
                    format!("{:.2}", kind.early()),
                    format!("{:.2}", best(|pair| pair.0)),
                    format!("{:.2}", best(|pair| pair.1)),
                ]);
                cells
            })
            .collect(),
    }
}

fn scatter(kinds: &[Kind]) -> Figure {
    let mut series: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(color, kind)| {
            // A few hundred of the many pairs show the cloud.
            let some = kind.flips.iter().step_by(kind.flips.len() / 300 + 1);
            let label = format!("depth {}, batch {}", kind.key[0], kind.key[1]);
            show::points(
                &label,
                color,
                some.map(|(theory, found)| (theory.exp(), found.exp())),
            )
        })
        .collect();
    let all = kinds
        .iter()
        .flat_map(|kind| kind.flips.iter().map(|flip| flip.0.exp()));
    let (low, high) = all.fold((f64::INFINITY, 0.0f64), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    series.push(show::reference("theory", [(low, low), (high, high)]));
    Figure::of_lines(
        "flips",
        "Where pairs of layers flip",
        "The rate at which the order of a pair of layers flips in one step, against the critical rate of the pair.",
        Lines {
            x: "critical rate of the pair by theory".to_owned(),
            y: "rate at which it flips".to_owned(),
            log: true,
            log_x: true,
            series,
        },
    )
}

fn widths(evidence: &Evidence) -> Figure {
    let networks = groups(evidence.sheet("steps").rows(), &["depth", "batch_size"]);
    let mut series = Vec::new();
    for (color, (key, rows)) in networks.iter().enumerate() {
        let states = states(rows);
        let over = |of: &dyn Fn(f64, &Step) -> f64| -> Vec<(f64, f64)> {
            let rates: Vec<u64> = states
                .iter()
                .flat_map(|state| state.keys().copied())
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            let at = |lr: &u64| {
                let values: Vec<f64> = states
                    .iter()
                    .filter_map(|state| state.get(lr))
                    .map(|elrs| of(f64::from_bits(*lr), elrs) / std::f64::consts::LN_10)
                    .collect();
                (f64::from_bits(*lr), mean(&values).value)
            };
            rates.iter().map(at).collect()
        };
        let label = format!("depth {}, batch {}", key[0], key[1]);
        let measured = over(&|_, (_, after)| range(after.iter().copied()));
        series.push(show::line(&label, color, Stroke::Solid, measured));
        let theory = over(&|lr, (before, _)| foretold(before, lr));
        series.push(show::foretold(color, theory));
    }
    Figure::of_lines(
        "spread-after-one-step",
        "Range of ELRs after one step",
        "Range of ELRs after one step by its rate; dashed: by T5 from the ELRs before. The mean over seeds.",
        Lines {
            x: "learning rate of the step".to_owned(),
            y: "range of ELRs (decades)".to_owned(),
            log: false,
            log_x: true,
            series,
        },
    )
}
