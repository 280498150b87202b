//! `evenkeel advise`: a diagnosis in plain words, with the numbers, and what to change.

use evenkeel::advice::default_control;
use evenkeel::diagnosis::{Diagnosis, EQUAL};
use evenkeel::turning;
use serde_json::json;

use crate::args::norms::Norms;
use crate::args::rate;
use crate::args::start::{Start, StartArgs};
use crate::exit::Exit;
use crate::table::table;

/// Layers that are named in the text.
const NAMED: usize = 5;
/// A spread, in decades, below which there is nothing to mend: a factor of about 3.
const FINE: f64 = 0.5;

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
    let Some(diagnosis) = Diagnosis::of(&norms.elrs, &optimizer, lr) else {
        anyhow::bail!("there are no layers to diagnose");
    };
    let text = if args.json {
        format!("{}\n", as_json(&norms, &diagnosis))
    } else {
        let mut text = spread(&norms, &diagnosis);
        text += &rate(&norms, &diagnosis, lr.get());
        text += &times(&diagnosis);
        text + &cure(&norms, &diagnosis)
    };
    Ok((text, Exit::Done))
}

fn as_json(norms: &Norms, diagnosis: &Diagnosis) -> serde_json::Value {
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
        "growth_per_layer": diagnosis.advice.growth,
        "control": diagnosis.advice.control().to_string(),
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
                norms.names[*layer]
            );
        }
    }
    text
}

fn rate(norms: &Norms, diagnosis: &Diagnosis, lr: f64) -> String {
    let (largest, smallest) = diagnosis.tangents;
    let degrees = |tangent: f64| tangent.atan().to_degrees();
    let critical = |wanted: &str| {
        let found = diagnosis.critical.iter().find(|(name, _)| *name == wanted);
        found.map_or(f64::NAN, |(_, rate)| rate.get())
    };
    let limit = critical("no-overshoot");
    let stands = match lr / limit {
        r if r < 0.99 => format!(
            "below critical: every layer turns by less than 45 degrees, {:.2}× would be critical",
            1.0 / r
        ),
        r if r <= 1.01 => "critical: the fastest layer turns by 45 degrees".to_owned(),
        r => format!("{r:.2}× critical: the fastest layers overshoot"),
    };
    let pairs = diagnosis.pairs;
    let all = pairs.converging + pairs.critical + pairs.flipped;
    let mut text = format!(
        "\nPlanned rate {lr}: {stands}.\nA step turns layers by {:.2} to {:.4} degrees and flips the order of {} of \
         {all} pairs.\n",
        degrees(largest),
        degrees(smallest),
        pairs.flipped
    );
    text += "Critical rates:\n";
    for (name, rate) in &diagnosis.critical {
        text += &format!("  {name:<13} {:.4e}\n", rate.get());
    }
    if norms.names.len() == 1 {
        text += "With a single layer there is nothing to even out.\n";
    }
    text
}

fn times(diagnosis: &Diagnosis) -> String {
    let rows: Vec<[String; 3]> = diagnosis
        .plans
        .iter()
        .map(|plan| {
            let steps = match plan.steps {
                Some(steps) if steps < 1e6 => format!("{steps:.0}"),
                Some(steps) => format!("{steps:.1e}"),
                None => "not foreseen".to_owned(),
            };
            [plan.name.clone(), format!("{:.3e}", plan.lr.get()), steps]
        })
        .collect();
    format!(
        "\nSteps until the largest ELR is at most {EQUAL}× the smallest, by the theory of steady base gradients:\n{}",
        table(["plan", "aims at", "steps"], &rows)
    )
}

fn cure(norms: &Norms, diagnosis: &Diagnosis) -> String {
    if diagnosis.spread.decades() < FINE {
        return "\nNothing needs to change.\n".to_owned();
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
        "{}\nTo make all ELRs equal now, do one of these for each layer:\n\
         - multiply its weight by a once; the network computes the same (T22), or\n\
         - multiply its learning rate by m, anew at every step (T23: `hold`).\n\
         Waiting for norms to grow costs the fastest layer its direction: it would keep a cosine of {:.2e} to it (T26).\n\n{}",
        control(diagnosis),
        turning::retained_of(diagnosis.spread.ratio()),
        table(["layer", "a (weight)", "m (learning rate)"], &rows)
    )
}

fn control(diagnosis: &Diagnosis) -> String {
    let advice = diagnosis.advice;
    let (found, control) = (advice.growth, advice.control());
    if !advice.explodes() {
        return format!(
            "\nELRs that grow by a factor of {found:.2} from layer to layer at initialisation say that gradients do not explode. The control\n\
             that trained such networks best with nothing to tune (T31): {control}\n\
             (equal, with turns that begin small and grow).\n"
        );
    }
    let doubt = match diagnosis.spread.decades() {
        d if d < FAR => format!(
            "Below {FAR} decades they have trained as well without: compare before you change anything.\n"
        ),
        _ => String::new(),
    };
    format!(
        "\nELRs that grow by a factor of {found:.2} from layer to layer at initialisation say that gradients explode. The control that\n\
         trained such networks with nothing to tune at least as well as the best warm-up that was tuned (T31): {control}\n\
         (equal until weights have turned by a radian, then at most half a decade apart). At a constant rate {} trained\n\
         deep MLPs better still.\n{doubt}",
        default_control()
    )
}
