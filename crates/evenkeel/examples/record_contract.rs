//! Records the sequences of norms and plans that every host of the controller is held to.
//!
//! `cargo run --release -p evenkeel --example record_contract > crates/evenkeel/tests/contract/sequences.json`
//!
//! Each sequence is a network under plain SGD with a steady base gradient `c = ‖W‖‖∇W‖`: layers with
//! `‖W‖` and `c`, stepped as the controller plans. A host that measures and acts rightly sees the same
//! norms and gets the same plans.

use evenkeel::control::Controls;
use evenkeel::controller::{Controller, Layers, Plan, Reading};
use evenkeel::optimizer::Measure;
use evenkeel::quantity::{Elr, LearningRate};
use serde_json::{Value, json};

/// `‖W‖` and the base gradient of each layer at the start: two and a half decades of ELRs.
const START: [(f64, f64); 4] = [(2.0, 12.0), (1.0, 0.5), (0.5, 0.02), (3.0, 0.9)];
const STEPS: usize = 14;

/// Controls, and which layers are dead or absent in which step.
const SEQUENCES: &[(&str, &str, &str)] = &[
    ("free", "none", ""),
    ("linear warm-up", "linear:5", ""),
    ("critical warm-up", "critical", ""),
    ("critical warm-up by another policy", "critical:minimax", ""),
    ("rescaled once", "rescale", ""),
    ("held", "hold", ""),
    ("held gently", "hold:0.3", ""),
    ("held and capped", "critical+hold", ""),
    ("within a band", "band:0.5:0.4:0.1", ""),
    ("a growing angle", "hold+max-angle:0.2:0.01:0.3", ""),
    ("fixed relative steps", "lars:0.3", ""),
    ("on the sphere", "sphere", ""),
    ("on rescaled spheres", "rescale+sphere", ""),
    ("a layer dies and comes back", "hold:0.5", "dead"),
    ("a layer dies on the sphere", "hold+sphere", "dead"),
    ("all die in a step", "critical+hold", "all dead"),
    ("a layer goes and comes back", "hold:0.5", "gone"),
    ("a layer comes later on the sphere", "sphere", "late"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sequences = SEQUENCES
        .iter()
        .map(|(name, control, trouble)| sequence(name, control, trouble))
        .collect::<Result<Vec<_>, _>>()?;
    // One line for each sequence.
    let lines: Vec<String> = sequences.iter().map(Value::to_string).collect();
    let text = format!("[\n{}\n]\n", lines.join(",\n"));
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(())
}

/// The rate that the schedule asks for: a plateau, a rise and a fall.
fn target(step: usize) -> f64 {
    match step {
        0..8 => 0.5,
        8..11 => 1.0,
        _ => 0.1,
    }
}

fn is_dead(trouble: &str, step: usize, layer: usize) -> bool {
    match trouble {
        "dead" => (3..6).contains(&step) && layer == 1 || step == 0 && layer == 2,
        "all dead" => step == 4,
        _ => false,
    }
}

fn is_absent(trouble: &str, step: usize, layer: usize) -> bool {
    match trouble {
        "gone" => (2..7).contains(&step) && layer == 0,
        "late" => step < 3 && layer == 3,
        _ => false,
    }
}

fn sequence(name: &str, control: &str, trouble: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let controls: Controls = control.parse()?;
    let mut controller = Controller::new(controls, Measure::Gradient);
    let mut norms = START.map(|(norm, _)| norm);
    let mut steps = Vec::new();
    for step in 0..STEPS {
        let present: Vec<usize> = (0..START.len())
            .filter(|&layer| !is_absent(trouble, step, layer))
            .collect();
        let gradient = |layer: usize| match is_dead(trouble, step, layer) {
            true => 0.0,
            false => START[layer].1 / norms[layer],
        };
        let gradients: Vec<f64> = present.iter().map(|&layer| gradient(layer)).collect();
        let weights: Vec<f64> = present.iter().map(|&layer| norms[layer]).collect();
        let readings: Vec<Reading> = weights
            .iter()
            .zip(&gradients)
            .map(|(weight, gradient)| Reading::of_norms(*weight, *gradient))
            .collect();
        let layers = Layers::whole(present.iter().map(|layer| layer.to_string()))?;
        let plan = controller.step(&layers, &readings, LearningRate::new(target(step))?);
        for (place, &layer) in present.iter().enumerate() {
            norms[layer] = stepped(norms[layer], gradients[place], &plan, place);
        }
        steps.push(json!({
            "layers": present.iter().map(|layer| layer.to_string()).collect::<Vec<_>>(),
            "target": target(step),
            "weight_norm": weights,
            "gradient_norm": gradients,
            "plan": recorded(&plan),
        }));
    }
    Ok(json!({
        "name": name,
        "control": control,
        // Whether a host can act it out from norms and base gradients alone.
        "steady": trouble.is_empty(),
        "steps": steps,
        "idle_steps": controller.state().idle_steps,
        "path": controller.state().path,
        "warmup_steps": controller.state().warmup_steps,
    }))
}

/// `‖W‖` after rescaling by `a` and a step orthogonal to it, by the gradient divided by `a`.
fn stepped(weight: f64, gradient: f64, plan: &Plan, place: usize) -> f64 {
    let factor = plan.factors[place].get();
    let lr = plan.lr.get() * plan.multipliers[place].get();
    (weight * factor).hypot(lr * gradient / factor)
}

fn recorded(plan: &Plan) -> Value {
    let numbers = |elrs: &[Option<Elr>]| -> Vec<Option<f64>> {
        elrs.iter().map(|elr| elr.map(Elr::get)).collect()
    };
    json!({
        "lr": plan.lr.get(),
        "critical": plan.critical.map(LearningRate::get),
        "multipliers": plan.multipliers.iter().map(|m| m.get()).collect::<Vec<_>>(),
        "factors": plan.factors.iter().map(|a| a.get()).collect::<Vec<_>>(),
        "acting": numbers(&plan.acting),
        "before_hold": numbers(&plan.before_hold),
        "rescales": plan.rescales,
        "multiplies": plan.multiplies,
        "mean_angle": plan.mean_angle,
    })
}
