//! The warm-up without hyper-parameters against none and tuned ones.

use evenkeel_report::figure::{Figure, Lines, Stroke};
use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::Prediction;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::summary::decades;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, Verdict};
use crate::grid::{STEPS, mlp, seeds, vary};
use crate::outcome;
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::mean;
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "warm-up",
    title: "The critical warm-up lowers the spread quickly, in theory and in practice, and trains better for it",
    statement: "λ_t = min(critical(E_t), λ) for a few steps brings ELRs together faster than a constant rate, without \
                hyper-parameters, and networks that begin with a high spread train better afterwards (T11–T14).",
    measure: "BN-MLP of depth 30, at each target rate. Spread: after 10 steps the range under the warm-up is at most half of that at \
              step 0, as forecast. Accuracy: the mean over seeds is higher than without warm-up, and no more than one point \
              below the best linear warm-up of 30 or 100 steps (10 to 200 beyond the quick scale), whose tuning costs two runs \
              for one (four). Judged for the default policy at each of three rates.",
    runs,
    sheets: &[
        outcome::SHEET,
        Sheet {
            name: "spreads",
            settings: &["control", "schedule", "lr", "batch_size", "seed"],
            columns: &["step", "decades", "forecast"],
            rows: spreads,
        },
    ],
    judge,
};

/// The default policy as it is written by default.
const CRITICAL: &str = "critical";
const RATES: [f64; 3] = [0.1, 0.3, 1.0];

fn runs(scale: Scale) -> Vec<RunSettings> {
    let net = mlp(30, 64, STEPS);
    let mut controls = vec![
        "none",
        CRITICAL,
        "critical:top-pair",
        "critical:minimax",
        "critical:min-spread",
        "linear:30",
        "linear:100",
        "hold",
        "rescale",
    ];
    controls.extend(scale.pick(&[][..], &["linear:10", "linear:200", "critical+hold"]));
    let mut kinds = vary(vec![net.clone()], controls, |run, control| {
        run.control = control.to_owned()
    });
    kinds.push(RunSettings {
        schedule: "exponential-warmup:100:0.001".to_owned(),
        ..net.clone()
    });
    let mut runs = vary(kinds, RATES, |run, lr| run.lr = lr);
    let sizes = [32, scale.pick(256, 512)];
    let batches = vary(vec![RunSettings { lr: 0.3, ..net }], sizes, |run, size| {
        run.batch_size = size
    });
    runs.extend(vary(
        batches,
        ["none", CRITICAL, "linear:100", "hold"],
        |run, control| run.control = control.to_owned(),
    ));
    seeds(runs, 0..scale.seeds(3, 10))
}

fn spreads(run: &Run) -> Vec<Vec<Value>> {
    let forecast = Prediction::of(run).map(|start| start.steady());
    let row = |step: usize| {
        let measured = run.steps.get(step)?.spread_range?;
        let foretold = forecast
            .as_ref()
            .and_then(|f| f.spreads.get(step))
            .map(|spread| spread.decades());
        Some(vec![step.into(), decades(measured).into(), foretold.into()])
    };
    [0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 299]
        .into_iter()
        .filter_map(row)
        .collect()
}

fn judge(evidence: &Evidence) -> Finding {
    let all: Vec<Row> = evidence
        .sheet("runs")
        .rows()
        .filter(|row| row.number("batch_size") == 128.0)
        .collect();
    let of = |control: &str, lr: f64, column: &str| {
        let rows = all
            .iter()
            .filter(|row| row.text("control") == control && row.number("lr") == lr);
        let rows = rows.filter(|row| row.text("schedule") == "constant");
        mean(&numbers(&rows.copied().collect::<Vec<_>>(), column)).value
    };
    let mut parts = Vec::new();
    let mut told = Vec::new();
    for lr in RATES {
        let linear = ["linear:10", "linear:30", "linear:100", "linear:200"]
            .map(|control| of(control, lr, "accuracy"));
        let best = linear.into_iter().fold(0.0, f64::max);
        let (warm, none) = (of(CRITICAL, lr, "accuracy"), of("none", lr, "accuracy"));
        let halved = of(CRITICAL, lr, "at_10") <= of(CRITICAL, lr, "initial") / 2.0;
        parts.extend([halved, warm > none, warm >= best - 0.01]);
        told.push(format!(
            "λ = {lr}: range {:.1} → {:.1} decades in 10 steps, accuracy {warm:.2} (none {none:.2}, best linear {best:.2}, held ELRs {:.2})",
            of(CRITICAL, lr, "initial"),
            of(CRITICAL, lr, "at_10"),
            of("hold", lr, "accuracy")
        ));
    }
    Finding {
        verdict: Verdict::of_parts(parts),
        because: format!("{}.", told.join("; ")),
        figures: vec![figure(evidence)],
        tables: vec![show::table(
            "All controls: ranges of ELRs in decades, steps below the target, final loss and test accuracy.",
            evidence.sheet("runs").rows(),
            &[
                ("batch_size", "batch"),
                ("lr", "λ"),
                ("control", "control"),
                ("schedule", "schedule"),
            ],
            &[
                ("at_10", "range at step 10", 2),
                ("at_50", "at 50", 2),
                ("spread", "median", 2),
                ("capped", "warm-up steps", 0),
                ("loss", "loss", 2),
                ("accuracy", "accuracy", 2),
            ],
        )],
    }
}

fn figure(evidence: &Evidence) -> Figure {
    let rows: Vec<Row> = evidence
        .sheet("spreads")
        .rows()
        .filter(|row| {
            row.number("lr") == 0.3
                && row.number("batch_size") == 128.0
                && row.text("schedule") == "constant"
        })
        .filter(|row| {
            [
                "none",
                CRITICAL,
                "critical:minimax",
                "linear:100",
                "rescale",
            ]
            .contains(&row.text("control").as_str())
        })
        .collect();
    // Step 0 has no place on a logarithmic axis.
    let shifted = |rows: &[Row], column: &str| {
        show::means(rows, "step", column)
            .into_iter()
            .map(|(step, y)| (step + 1.0, y))
            .collect::<Vec<_>>()
    };
    let mut series = Vec::new();
    for (color, (key, rows)) in groups(rows, &["control"]).into_iter().enumerate() {
        let measured = shifted(&rows, "decades");
        series.push(show::line(&key[0], color, Stroke::Solid, measured));
        series.push(show::foretold(color, shifted(&rows, "forecast")));
    }
    Figure::of_lines(
        "spread",
        "Range of ELRs under warm-ups, depth 30, target rate 0.3",
        "Range of ELRs over steps; dashed: as forecast from step 0 with steady base gradients. The mean over seeds.",
        Lines {
            x: "step + 1".to_owned(),
            y: "range of ELRs (decades)".to_owned(),
            log: false,
            log_x: true,
            series,
        },
    )
}
