//! What is the matter with a network, and what would help.

use evenkeel::diagnosis::{Diagnosis, EQUAL};
use evenkeel::quantity::LearningRate;
use evenkeel_snapshot::depth_order;
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::refuse;
use crate::input::{Vector, elrs, parsed, rate};

/// Diagnoses a network under a planned rate; the keys are those of `evenkeel advise --json`.
#[pyfunction]
pub fn advise<'py>(
    py: Python<'py>,
    elr: Vector<'py>,
    lr: f64,
    optimizer: &str,
    layers: Vec<String>,
    step: Option<u64>,
) -> PyResult<Bound<'py, PyDict>> {
    let (elrs, lr, optimizer) = (elrs(&elr)?, rate(lr)?, parsed(optimizer)?);
    if layers.len() != elrs.len() {
        return Err(refuse(format!(
            "there are {} names for {} layers; give one for each",
            layers.len(),
            elrs.len()
        )));
    }
    let order = depth_order(&layers);
    let found = py.detach(|| Diagnosis::at(step, &elrs, &order, &optimizer, lr));
    let found = found.ok_or_else(|| refuse("there are no layers to diagnose"))?;
    as_dict(py, &found, &layers, step, lr)
}

fn as_dict<'py>(
    py: Python<'py>,
    found: &Diagnosis,
    layers: &[String],
    step: Option<u64>,
    lr: LearningRate,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("layers", layers)?;
    let spread = found.spread;
    let numbers = [
        ("std", spread.std),
        ("range", spread.range),
        ("decades", spread.decades()),
    ];
    dict.set_item("spread", table(py, &numbers)?)?;
    dict.set_item("step", step)?;
    let (trend, recommendation) = (found.trend, &found.recommendation);
    let growth = table(
        py,
        &[
            ("value", trend.factor()),
            ("slope", trend.slope),
            ("r2", trend.r2),
        ],
    )?;
    growth.set_item("standard_error", trend.standard_error)?;
    growth.set_item("direction", trend.direction().name())?;
    dict.set_item("growth_per_layer", growth)?;
    dict.set_item("control", recommendation.control.to_string())?;
    dict.set_item("confidence", recommendation.confidence.name())?;
    dict.set_item("reason", &recommendation.reason)?;
    dict.set_item("doubt", recommendation.doubt)?;
    let lines = PyDict::new(py);
    for (place, line) in recommendation.lines(lr) {
        lines.set_item(place, line)?;
    }
    dict.set_item("lines", lines)?;
    let carrier = |(layer, decades): &(usize, f64)| {
        let row = PyDict::new(py);
        row.set_item("layer", &layers[*layer])?;
        row.set_item("decades_from_mean", decades)?;
        Ok(row)
    };
    let carriers = found.carriers.iter().map(carrier);
    dict.set_item("carriers", carriers.collect::<PyResult<Vec<_>>>()?)?;
    let critical = PyDict::new(py);
    for (name, rate) in &found.critical {
        critical.set_item(name.replace('-', "_"), rate.get())?;
    }
    dict.set_item("critical", critical)?;
    let tangents = [
        ("largest", found.tangents.0),
        ("smallest", found.tangents.1),
    ];
    dict.set_item("turn_tangent", table(py, &tangents)?)?;
    let pairs = PyDict::new(py);
    pairs.set_item("converging", found.pairs.converging)?;
    pairs.set_item("critical", found.pairs.critical)?;
    pairs.set_item("flipped", found.pairs.flipped)?;
    dict.set_item("pairs", pairs)?;
    dict.set_item("equal_ratio", EQUAL)?;
    let plan = |plan: &evenkeel::diagnosis::Plan| {
        let row = PyDict::new(py);
        row.set_item("plan", &plan.name)?;
        row.set_item("lr", plan.lr.get())?;
        row.set_item("steps_until_equal", plan.steps)?;
        Ok(row)
    };
    let plans = found.plans.iter().map(plan);
    dict.set_item("plans", plans.collect::<PyResult<Vec<_>>>()?)?;
    let factors = found.factors.iter().map(|a| a.get());
    dict.set_item("rescale_factors", PyArray1::from_iter(py, factors))?;
    let multipliers = found.multipliers.iter().map(|m| m.get());
    dict.set_item("lr_multipliers", PyArray1::from_iter(py, multipliers))?;
    Ok(dict)
}

fn table<'py>(py: Python<'py>, rows: &[(&str, f64)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in rows {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
