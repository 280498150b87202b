//! Spread against what training comes to, over depth, rate, control, normalization and shortcuts.

use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::settings::RunSettings;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, PageTable, Verdict};
use crate::grid::{STEPS, mlp, resnet, seeds, vary};
use crate::outcome;
use crate::scale::Scale;
use crate::show;
use crate::statistics::{mean, rank_correlation};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "trainability",
    title: "Networks with a high spread of ELRs train badly",
    statement: "High spread of ELRs goes with low trainability, most evidently in deep networks without shortcuts; \
                what lowers the spread helps.",
    measure: "Over rates, controls and seeds at one depth: Spearman's rank correlation between the median range of ELRs over training \
              and final test accuracy. The claim holds at a depth if the 95 % interval (bootstrap over runs) lies below zero; over \
              all, if it does at every depth whose mean initial range exceeds one decade. With shortcuts, accuracy without \
              control is within two points of the best control.",
    runs,
    sheets: &[outcome::SHEET],
    judge,
};

fn runs(scale: Scale) -> Vec<RunSettings> {
    let depths = vary(
        vec![mlp(50, 64, STEPS)],
        scale
            .pick(&[10, 20, 30, 50][..], &[10, 20, 30, 50, 80])
            .to_vec(),
        |run, depth| run.depth = Some(depth),
    );
    let rates = |runs, rates: &[f64]| {
        vary(runs, rates.to_vec(), |run: &mut RunSettings, lr| {
            run.lr = lr
        })
    };
    let controls = |runs, controls: &[&str]| {
        vary(
            runs,
            controls.to_vec(),
            |run: &mut RunSettings, control: &str| run.control = control.to_owned(),
        )
    };
    let mut runs = controls(
        rates(depths.clone(), &[0.03, 0.1, 0.3, 1.0][scale.pick(1, 0)..]),
        &["none", "critical", "linear:100", "hold"],
    );
    let few = depths[..scale.pick(3, depths.len())].to_vec();
    let layered = vary(few, ["ln"], |run, norm| run.norm = Some(norm.to_owned()));
    runs.extend(controls(rates(layered, &[0.1, 1.0]), &["none", "hold"]));
    let residual = vary(vec![resnet(scale)], [false, true], |run, without| {
        run.no_shortcut = without
    });
    runs.extend(controls(rates(residual, &[0.1, 0.3]), &["none", "hold"]));
    seeds(runs, 0..scale.seeds(2, 5))
}

fn points(rows: &[Row]) -> Vec<(f64, f64)> {
    rows.iter()
        .map(|row| (row.number("spread"), row.number("accuracy")))
        .collect()
}

fn judge(evidence: &Evidence) -> Finding {
    let all: Vec<Row> = evidence.sheet("runs").rows().collect();
    let networks = groups(
        all.iter().copied(),
        &["model", "norm", "no_shortcut", "depth"],
    );
    let steep: Vec<_> = networks
        .iter()
        .filter(|(_, rows)| mean(&numbers(rows, "initial")).value > 1.0)
        .map(|(key, rows)| (key, rank_correlation(&points(rows))))
        .collect();
    let below = steep.iter().filter(|(_, found)| found.high < 0.0).count();
    let strongest = steep.iter().min_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let residual = shortcuts_need_nothing(&all);
    let free = all.iter().copied().filter(|row| {
        row.text("model") == "mlp" && row.text("norm") == "bn" && row.text("control") != "hold"
    });
    let across = rank_correlation(&points(&free.collect::<Vec<_>>()));
    Finding {
        verdict: Verdict::of_parts(
            steep
                .iter()
                .map(|(_, found)| found.high < 0.0)
                .chain(residual),
        ),
        because: format!(
            "Of {} kinds of network that begin with more than a decade, {below} have a rank correlation below zero with confidence; \
             strongest is {} with {}. Over all depths of BN-MLPs whose ELRs are free it is {}: depth sets both. With shortcuts nothing is {}.",
            steep.len(),
            strongest.map_or("none".to_owned(), |(key, _)| format!(
                "{} {} depth {}",
                key[0], key[1], key[3]
            )),
            strongest.map_or("–".to_owned(), |(_, found)| found.told(2)),
            across.told(2),
            match residual {
                Some(true) => "gained by equal ELRs",
                Some(false) => "lost, but something gained, by equal ELRs",
                None => "known",
            }
        ),
        figures: vec![scatter(&all)],
        tables: vec![correlations(&networks), over_depths(&all), means(&all)],
    }
}

/// Whether a network with shortcuts is as good without control as with the best.
fn shortcuts_need_nothing(all: &[Row]) -> Option<bool> {
    let with = all
        .iter()
        .filter(|row| row.text("model") == "resnet" && row.text("no_shortcut") == "no");
    let cells = groups(with.copied(), &["control", "lr"]);
    let best = |free: bool| {
        let of = cells.iter().filter(|(key, _)| (key[0] == "none") == free);
        of.map(|(_, rows)| mean(&numbers(rows, "accuracy")).value)
            .reduce(f64::max)
    };
    Some(best(true)? >= best(false)? - 0.02)
}

fn correlations(networks: &[(Vec<String>, Vec<Row>)]) -> PageTable {
    PageTable {
        caption: "Rank correlation of the median range of ELRs with test accuracy and final loss, with 95 % intervals.".to_owned(),
        headings: vec!["model", "norm", "no shortcuts", "depth", "runs", "initial range (decades)", "with accuracy", "with loss"],
        rows: networks
            .iter()
            .map(|(key, rows)| {
                let losses: Vec<_> = rows.iter().map(|row| (row.number("spread"), row.number("loss"))).collect();
                let mut cells = key.clone();
                cells.extend([
                    rows.len().to_string(),
                    mean(&numbers(rows, "initial")).told(2),
                    rank_correlation(&points(rows)).told(2),
                    rank_correlation(&losses).told(2),
                ]);
                cells
            })
            .collect(),
    }
}

/// Beside the verdict: what depth and rate do together, where ELRs are left free.
fn over_depths(all: &[Row]) -> PageTable {
    let free = all.iter().filter(|row| row.text("control") != "hold");
    let families = groups(free.copied(), &["model", "norm", "no_shortcut"]);
    PageTable {
        caption: "The same over all depths, for runs whose ELRs are free (not under hold). Not part of the verdict."
            .to_owned(),
        headings: vec!["model", "norm", "no shortcuts", "runs", "with accuracy"],
        rows: families
            .into_iter()
            .map(|(mut cells, rows)| {
                cells.extend([
                    rows.len().to_string(),
                    rank_correlation(&points(&rows)).told(2),
                ]);
                cells
            })
            .collect(),
    }
}

fn means(all: &[Row]) -> PageTable {
    show::table(
        "What training came to.",
        all.iter().copied(),
        &[
            ("model", "model"),
            ("norm", "norm"),
            ("no_shortcut", "no shortcuts"),
            ("depth", "depth"),
            ("control", "control"),
            ("lr", "λ"),
        ],
        &[
            ("spread", "median range (decades)", 2),
            ("loss", "loss", 2),
            ("accuracy", "accuracy", 2),
        ],
    )
}

fn scatter(all: &[Row]) -> Figure {
    let plain = all
        .iter()
        .filter(|row| row.text("model") == "mlp" && row.text("norm") != "ln");
    let depths = groups(plain.copied(), &["depth"]);
    let series = depths.iter().enumerate().map(|(color, (key, rows))| {
        show::points(&format!("depth {}", key[0]), color, points(rows))
    });
    Figure::of_lines(
        "spread-and-accuracy",
        "Spread against accuracy, BN-MLP on digits",
        "Median range of ELRs over training against final test accuracy: a point a run, over rates, controls and seeds.",
        Lines {
            x: "median range of ELRs (decades)".to_owned(),
            y: "test accuracy".to_owned(),
            log: false,
            log_x: false,
            series: series.collect(),
        },
    )
}
