//! Ratios go to 1 under every constant rate: how long that takes, with learning and without.

use evenkeel::control::Controls;
use evenkeel::convergence::steps_until;
use evenkeel::flow::fastest_constant_lr;
use evenkeel::optimizer::Decay;
use evenkeel::optimizer::Optimizer;
use evenkeel::quantity::LearningRate;
use evenkeel::spread::extremes;
use evenkeel_report::figure::{Figure, Lines};
use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::acting_elrs;
use evenkeel_runs::settings::RunSettings;
use evenkeel_runs::summary::decades;
use evenkeel_runs::value::Value;

use super::Claim;
use crate::evidence::Evidence;
use crate::finding::{Finding, Verdict};
use crate::grid::{log_spaced, mlp, seeds, vary};
use crate::scale::Scale;
use crate::sheet::Sheet;
use crate::show;
use crate::statistics::{mean, median};
use crate::table::{Row, groups, numbers};

pub(super) const CLAIM: Claim = Claim {
    name: "convergence",
    title: "Under any constant rate ratios of ELRs go to 1, fastest at 1/√(E_max E_min)",
    statement: "Every log ratio contracts at any constant rate (T6), so all ELRs become equal, after about \
                max(1/(2λ²E_min²), (λE_max)²/2) steps, least at λ = 1/√(E_max E_min) (T9, T10).",
    measure: "Steps until the largest ELR is at most twice the smallest. Without learning (random gradients): within 25 % of the \
              forecast from step 0 wherever that is within the run, and least within a factor of 3 of 1/√(E_max E_min). With \
              learning: the ratio is at most 2 in the end at every rate for which the forecast says so.",
    runs,
    sheets: &[Sheet {
        name: "times",
        settings: &["gradients", "lr", "seed"],
        columns: &[
            "steps",
            "forecast",
            "fastest_lr",
            "initial_decades",
            "final_decades",
            "least_decades",
        ],
        rows,
    }],
    judge,
};

/// Equal enough.
const RATIO: f64 = 2.0;

fn runs(scale: Scale) -> Vec<RunSettings> {
    let steps = match scale {
        Scale::Quick | Scale::Standard => 1000,
        Scale::Full => 10_000,
    };
    let net = RunSettings {
        eval_rows: 100,
        ..mlp(20, 32, steps)
    };
    let kinds = vary(vec![net], ["random", "loss"], |run, kind| {
        run.gradients = kind.to_owned()
    });
    seeds(
        vary(kinds, log_spaced(0.03, 30.0, 7), |run, lr| run.lr = lr),
        0..scale.seeds(3, 5),
    )
}

fn rows(run: &Run) -> Vec<Vec<Value>> {
    let start = run.layers.first().and_then(acting_elrs);
    let ends = start.as_deref().and_then(extremes);
    let (Some(start), Some((least, most)), Ok(lr)) =
        (start, ends, LearningRate::new(run.header.spec.lr))
    else {
        return Vec::new();
    };
    let range = |share: &evenkeel_runs::folder::StepLine| share.spread_range;
    let reached = run
        .steps
        .iter()
        .find(|line| range(line).is_some_and(|r| r <= RATIO.ln()));
    let free: Controls = match "none".parse() {
        Ok(free) => free,
        Err(_) => return Vec::new(),
    };
    let forecast = steps_until(RATIO, &start, &Optimizer::sgd(Decay::None), &free, lr);
    let ranges: Vec<f64> = run.steps.iter().filter_map(range).map(decades).collect();
    vec![vec![
        reached.map(|line| line.step).into(),
        forecast.into(),
        fastest_constant_lr(most, least).get().into(),
        ranges.first().copied().into(),
        median(&ranges[ranges.len().saturating_sub(20)..]).into(),
        ranges.iter().copied().reduce(f64::min).into(),
    ]]
}

fn of_kind<'a>(evidence: &'a Evidence, kind: &'a str) -> impl Iterator<Item = Row<'a>> {
    evidence
        .sheet("times")
        .rows()
        .filter(move |row| row.text("gradients") == kind)
}

fn judge(evidence: &Evidence) -> Finding {
    let most = 1000.0;
    let due = |kind| of_kind(evidence, kind).filter(|row| row.number("forecast") <= 0.8 * most);
    let timely = |row: &Row| {
        (row.number("steps") - row.number("forecast")).abs()
            <= (0.25 * row.number("forecast")).max(2.0)
    };
    let (walks, walks_due) = (due("random").filter(timely).count(), due("random").count());
    let equal = |row: &Row| row.number("final_decades") <= RATIO.log10();
    let (learnt, learnt_due) = (due("loss").filter(equal).count(), due("loss").count());
    let fastest = fastest(evidence);
    let plateau: Vec<f64> = of_kind(evidence, "loss")
        .map(|row| row.number("final_decades"))
        .collect();
    Finding {
        verdict: Verdict::of_parts([
            walks == walks_due && walks > 0,
            fastest.is_some_and(|(measured, theory)| (measured / theory).ln().abs() <= 3f64.ln()),
            learnt == learnt_due && learnt > 0,
        ]),
        because: format!(
            "Without learning, {walks} of {walks_due} runs become equal when the forecast says, fastest at λ = {}, for which \
             theory says {}. With learning, {learnt} of {learnt_due} runs that should be equal in the end are; the median range \
             that remains is {:.2} decades, because base gradients do not stay what they were.",
            fastest.map_or("–".to_owned(), |f| format!("{:.2}", f.0)),
            fastest.map_or("–".to_owned(), |f| format!("{:.2}", f.1)),
            median(&plateau)
        ),
        figures: vec![times(evidence), plateaus(evidence)],
        tables: vec![show::table(
            "Steps until the largest ELR is at most twice the smallest (a dash: not within the run), and what range remains.",
            evidence.sheet("times").rows(),
            &[("gradients", "gradients"), ("lr", "λ")],
            &[
                ("steps", "steps", 0),
                ("forecast", "forecast", 0),
                ("initial_decades", "range at step 0 (decades)", 2),
                ("final_decades", "range at the end (decades)", 2),
            ],
        )],
    }
}

/// The rate of the shortest time without learning, and theory's.
fn fastest(evidence: &Evidence) -> Option<(f64, f64)> {
    let rates = groups(of_kind(evidence, "random"), &["lr"]);
    let timed = rates
        .iter()
        .filter(|(_, rows)| rows.iter().all(|row| row.number("steps").is_finite()));
    let time = |rows: &[Row]| mean(&numbers(rows, "steps")).value;
    let (_, rows) = timed.min_by(|a, b| time(&a.1).total_cmp(&time(&b.1)))?;
    Some((rows[0].number("lr"), median(&numbers(rows, "fastest_lr"))))
}

fn times(evidence: &Evidence) -> Figure {
    let walks: Vec<_> = of_kind(evidence, "random").collect();
    let learnt: Vec<_> = of_kind(evidence, "loss").collect();
    let single = |rows: &[Row]| {
        let points = rows
            .iter()
            .map(|row| (row.number("lr"), row.number("steps")));
        points.collect::<Vec<_>>()
    };
    Figure::of_lines(
        "times",
        "Steps until ELRs are within a factor of 2",
        "Steps until the largest ELR is at most twice the smallest, by rate, for random gradients and for those of the loss; dashed: \
         forecast from step 0. Runs that never got there are not shown.",
        Lines {
            x: "learning rate".to_owned(),
            y: "steps".to_owned(),
            log: true,
            log_x: true,
            series: vec![
                show::reference("forecast", show::means(&walks, "lr", "forecast")),
                show::points("random gradients", 1, single(&walks)),
                show::points("gradients of the loss", 0, single(&learnt)),
            ],
        },
    )
}

fn plateaus(evidence: &Evidence) -> Figure {
    Figure::of_lines(
        "plateaus",
        "Range of ELRs at the end",
        "Median range of ELRs over the last 20 steps, by rate, for random gradients and for those of the loss; the mean over seeds.",
        Lines {
            x: "learning rate".to_owned(),
            y: "range of ELRs (decades)".to_owned(),
            log: false,
            log_x: true,
            series: show::curves(
                evidence.sheet("times").rows(),
                &["gradients"],
                ("lr", "final_decades"),
                |key| key[0].clone(),
            ),
        },
    )
}
