//! `evenkeel advise`: a diagnosis in plain words, with the numbers, and what to change.

use evenkeel::diagnosis::{Diagnosis, EQUAL};
use evenkeel::optimizer::{Decay, Measure, Optimizer};
use evenkeel::quantity::LearningRate;
use evenkeel::quote::shown;
use evenkeel::recommendation::FINE;
use evenkeel::trend::{Direction, Trend};
use evenkeel::turning;
use evenkeel_snapshot::depth_order;
use serde_json::json;

use crate::args::norms::Norms;
use crate::args::rate;
use crate::args::start::{Start, StartArgs};
use crate::exit::Exit;
use crate::table::table;

/// Layers that are named in the text.
const NAMED: usize = 5;
/// Characters of a name within a sentence.
const MOST_CHARS: usize = 60;

/// Decades from which equal ELRs trained networks whose gradients explode better than any one rate did: BN-MLPs of 1.6 and a
/// ResNet of 1.8 decades did as well without, BN-MLPs of 2.4 and 3.9 did not (docs/results/controls.md).
const FAR: f64 = 2.0;

/// Say what is the matter with a network's effective learning rates, and what would help.
///
/// How wide the spread is and which layers carry it; whether the planned rate is below or above
/// critical; how long until the layers are equal, with the plan and with each cure; and the factors
/// and multipliers that equalise at once, ready to paste.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Learning rate that is planned.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    lr: f64,

    #[command(flatten)]
    start: StartArgs,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> anyhow::Result<(String, Exit)> {
    let lr = rate::checked(args.lr)?;
    let Start { norms, optimizer } = args.start.read()?;
    let order = depth_order(&norms.names);
    let found = Diagnosis::at(norms.step, &norms.elrs, &order, &optimizer, lr);
    let Some(diagnosis) = found else {
        anyhow::bail!("there are no layers to diagnose");
    };
    let text = if args.json {
        format!("{}\n", as_json(&norms, &diagnosis, lr))
    } else {
        let mut text = spread(&norms, &diagnosis);
        text += &rate(&diagnosis, &optimizer, lr.get());
        text += &times(&diagnosis);
        text += &cure(&norms, &diagnosis);
        text + &do_this(&diagnosis, lr)
    };
    Ok((text, Exit::Done))
}

fn as_json(norms: &Norms, diagnosis: &Diagnosis, lr: LearningRate) -> serde_json::Value {
    let (trend, recommendation) = (diagnosis.trend, &diagnosis.recommendation);
    let lines: serde_json::Map<_, _> = recommendation
        .lines(lr)
        .into_iter()
        .map(|(place, line)| (place.to_owned(), json!(line)))
        .collect();
    let critical: serde_json::Map<_, _> = diagnosis
        .critical
        .iter()
        .map(|(name, rate)| (name.replace('-', "_"), json!(rate.get())))
        .collect();
    let carriers = diagnosis.carriers.iter().map(
        |(layer, decades)| json!({"layer": norms.names[*layer], "decades_from_mean": decades}),
    );
    let plans = diagnosis.plans.iter().map(
        |plan| json!({"plan": plan.name, "lr": plan.lr.get(), "steps_until_equal": plan.steps}),
    );
    json!({
        "layers": norms.names,
        "spread": {
            "std": diagnosis.spread.std,
            "range": diagnosis.spread.range,
            "decades": diagnosis.spread.decades(),
        },
        "step": norms.step,
        "growth_per_layer": {
            "value": trend.factor(),
            "slope": trend.slope,
            "standard_error": trend.standard_error,
            "r2": trend.r2,
            "direction": trend.direction().name(),
        },
        "control": recommendation.control.to_string(),
        "confidence": recommendation.confidence.name(),
        "reason": recommendation.reason,
        "doubt": recommendation.doubt,
        "lines": lines,
        "carriers": carriers.collect::<Vec<_>>(),
        "critical": critical,
        "turn_tangent": {"largest": diagnosis.tangents.0, "smallest": diagnosis.tangents.1},
        "pairs": {
            "converging": diagnosis.pairs.converging,
            "critical": diagnosis.pairs.critical,
            "flipped": diagnosis.pairs.flipped,
        },
        "equal_ratio": EQUAL,
        "plans": plans.collect::<Vec<_>>(),
        "rescale_factors": diagnosis.factors.iter().map(|a| a.get()).collect::<Vec<_>>(),
        "lr_multipliers": diagnosis.multipliers.iter().map(|m| m.get()).collect::<Vec<_>>(),
    })
}

fn spread(norms: &Norms, diagnosis: &Diagnosis) -> String {
    let decades = diagnosis.spread.decades();
    let verdict = match decades {
        d if d < FINE => "close together: little to gain from evening them out",
        d if d < FAR => "apart: the slowest layers learn noticeably less than the fastest",
        _ => "far apart: one learning rate cannot serve them all",
    };
    let mut text = format!(
        "Spread: {decades:.2} decades over {} layers (largest ELR {:.1}× the smallest; std of ln E {:.3}).\n\
         The layers are {verdict}.\n",
        norms.names.len(),
        diagnosis.spread.ratio(),
        diagnosis.spread.std
    );
    if decades >= FINE {
        text += "Farthest from the mean:\n";
        for (layer, distance) in diagnosis.carriers.iter().take(NAMED) {
            let side = if *distance > 0.0 { "above" } else { "below" };
            text += &format!(
                "  {:.2} decades {side}  {}\n",
                distance.abs(),
                shown(&norms.names[*layer], MOST_CHARS)
            );
        }
    }
    text + &growth(&diagnosis.trend)
}

fn growth(trend: &Trend) -> String {
    let (factor, r2) = (trend.factor(), trend.r2);
    match (trend.direction(), trend.standard_error) {
        (Direction::Neither, None) => String::new(),
        (Direction::Neither, Some(_)) => {
            format!(
                "Over depth there is no clear trend (×{factor:.2} a layer explains {:.0} % of the variance).\n",
                100.0 * r2
            )
        }
        (direction, error) => format!(
            "Over depth they grow by a factor of {factor:.3} a layer towards the {} (standard error {:.3} of its logarithm, R² {r2:.2}).\n",
            direction.name(),
            error.unwrap_or(0.0)
        ),
    }
}

fn rate(diagnosis: &Diagnosis, optimizer: &Optimizer, lr: f64) -> String {
    let (largest, smallest) = diagnosis.tangents;
    let degrees = |tangent: f64| tangent.atan().to_degrees();
    let first = diagnosis.critical.first();
    let ratio = first.map_or(f64::NAN, |(_, limit)| lr / limit.get());
    let inert =
        optimizer.settings().momentum.get() > 0.0 && optimizer.measure() == Measure::Gradient;
    let mut text = format!(
        "\nPlanned rate {lr}: {}.\nA step turns layers by {:.2} to {:.4} degrees",
        stands(ratio, inert),
        degrees(largest),
        degrees(smallest),
    );
    if optimizer.measure() == Measure::Update {
        text += ".\nThe length of a normalised update does not depend on the gradient, so no rate flips the order of layers. The risk is\n\
                 the angle: up to about 6 degrees (0.1 radians) a step the loss is nearly linear.\n";
        text += &format!(
            "The fastest layer turns by 45 degrees at a rate of {:.4e}.\n",
            lr / ratio
        );
    } else {
        let pairs = diagnosis.pairs;
        let all = pairs.converging + pairs.critical + pairs.flipped;
        let when = if inert {
            " once momentum has built up"
        } else {
            ""
        };
        text += &format!(
            " and flips the order of {} of {all} pairs{when}.\n",
            pairs.flipped
        );
        text += match inert {
            true => {
                "Critical rates, 1 - mu times those without momentum (pairs less than two decades apart flip below):\n"
            }
            false => "Critical rates:\n",
        };
        for (name, rate) in &diagnosis.critical {
            text += &format!("  {name:<13} {:.4e}\n", rate.get());
        }
    }
    if let Decay::Coupled(decay) | Decay::Decoupled(decay) = optimizer.settings().decay {
        text += &format!(
            "Weight decay takes the ELRs of all layers to an equilibrium within some 1/(2 lr decay) = {:.0} steps; what is said\n\
             here of critical rates is about the steps before.\n",
            0.5 / (lr * decay.get())
        );
    }
    text
}

/// How a rate stands to the one at which the fastest layer turns by 45 degrees.
fn stands(ratio: f64, inert: bool) -> String {
    let turns = if inert { "in all" } else { "in a step" };
    match ratio {
        r if r < 0.99 => format!(
            "below critical: every layer turns by less than 45 degrees {turns}, {:.2}× would be critical",
            1.0 / r
        ),
        r if r <= 1.01 => format!("critical: the fastest layer turns by 45 degrees {turns}"),
        r => format!("{r:.2}× critical: the fastest layers overshoot"),
    }
}

fn times(diagnosis: &Diagnosis) -> String {
    let rows: Vec<[String; 3]> = diagnosis
        .plans
        .iter()
        .map(|plan| {
            [
                plan.name.clone(),
                format!("{:.3e}", plan.lr.get()),
                steps(plan.steps),
            ]
        })
        .collect();
    format!(
        "\nSteps until the largest ELR is at most {EQUAL}× the smallest, by the theory of steady base gradients:\n{}",
        table(["plan", "aims at", "steps"], &rows)
    )
}

fn steps(steps: Option<f64>) -> String {
    match steps {
        Some(steps) if steps < 1e6 => format!("{steps:.0}"),
        Some(steps) => format!("{steps:.1e}"),
        None => "not foreseen".to_owned(),
    }
}

fn cure(norms: &Norms, diagnosis: &Diagnosis) -> String {
    if diagnosis.spread.decades() < FINE {
        return String::new();
    }
    let rows: Vec<[String; 3]> = norms
        .names
        .iter()
        .zip(diagnosis.factors.iter().zip(&diagnosis.multipliers))
        .map(|(name, (factor, multiplier))| {
            [
                name.clone(),
                format!("{:.6e}", factor.get()),
                format!("{:.6e}", multiplier.get()),
            ]
        })
        .collect();
    format!(
        "\nTo make all ELRs equal now, do one of these for each layer:\n\
         - multiply its weight by a once; the network computes the same (T22), or\n\
         - multiply its learning rate by m, anew at every step (T23: `hold`).\n\
         Waiting for norms to grow costs the fastest layer its direction: it would keep a cosine of {:.2e} to it (T26).\n\n{}",
        turning::retained_of(diagnosis.spread.ratio()),
        table(["layer", "a (weight)", "m (learning rate)"], &rows)
    )
}

/// The one recommendation, with its reason, how sure it is, and what to paste.
fn do_this(diagnosis: &Diagnosis, lr: LearningRate) -> String {
    let found = &diagnosis.recommendation;
    let control = found.control.to_string();
    let mut text = match control.as_str() {
        "none" => "\nDo this: Nothing needs to change. Keep your schedule.\n".to_owned(),
        _ => format!("\nDo this: take the control {control}\n"),
    };
    text += &format!("  why       {}\n", found.reason);
    let doubt = found
        .doubt
        .map_or(String::new(), |doubt| format!(": {doubt}"));
    text += &format!("  how sure  {}{doubt}\n", found.confidence.name());
    let decades = diagnosis.spread.decades();
    if (FINE..FAR).contains(&decades) {
        text += &format!(
            "            below {FAR} decades networks have trained as well without: compare before you change anything\n"
        );
    }
    if let Some(plan) = diagnosis.plans.iter().find(|plan| plan.name == control) {
        text += &format!(
            "  equal in  {} steps (row {control} above)\n",
            steps(plan.steps)
        );
    }
    if control != "none" {
        for (place, line) in found.lines(lr) {
            text += &format!("  {place:<9} {line}\n");
        }
    }
    text
}
