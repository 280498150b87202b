//! The page: one file that works offline and from the file system.

use evenkeel_runs::folder::Run;
use evenkeel_runs::prediction::explosion;
use evenkeel_runs::summary::Summary;
use serde::Serialize;

use crate::error::ReportError;
use crate::figure::{Content, Figure};
use crate::plots::thinned;
use crate::{draw, hover};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Steps that the table of layers can be turned to: more would only make the file heavy.
const MOST_STEPS: usize = 61;

/// What the script needs to show the layers at a step.
#[derive(Serialize)]
struct LayerTable<'a> {
    names: Vec<&'a str>,
    steps: Vec<usize>,
    weight_norm: Vec<&'a [f64]>,
    grad_norm: Vec<&'a [f64]>,
    elr: Vec<&'a [f64]>,
    cosine: Vec<&'a [f64]>,
}

impl<'a> LayerTable<'a> {
    fn of(run: &'a Run) -> Self {
        let mut lines: Vec<_> = thinned(&run.layers, MOST_STEPS - 1).collect();
        if let Some(last) = run.layers.last().filter(|last| lines.last() != Some(last)) {
            lines.push(last);
        }
        Self {
            names: run
                .header
                .layers
                .iter()
                .map(|layer| layer.name.as_str())
                .collect(),
            steps: lines.iter().map(|line| line.step).collect(),
            weight_norm: lines
                .iter()
                .map(|line| line.weight_norm.as_slice())
                .collect(),
            grad_norm: lines.iter().map(|line| line.grad_norm.as_slice()).collect(),
            elr: lines.iter().map(|line| line.elr.as_slice()).collect(),
            cosine: lines.iter().map(|line| line.cosine.as_slice()).collect(),
        }
    }
}

/// The page of `runs` with their figures.
pub fn html(runs: &[Run], figures: &[Figure]) -> Result<String, ReportError> {
    let title = title(runs);
    let mut body = format!("<h1>{title}</h1>\n{}\n{}", lead(runs), summary(runs));
    for figure in figures.iter().filter(|figure| figure.run.is_none()) {
        body += &figure_html(figure)?;
    }
    for (index, run) in runs.iter().enumerate() {
        body += &format!("<h2>{}</h2>\n", escape(run.control()));
        for figure in figures.iter().filter(|figure| figure.run == Some(index)) {
            body += &figure_html(figure)?;
        }
        body += &layer_table(run);
    }
    body += &others(runs);
    Ok(document(&title, &body))
}

/// The page of figures that belong to no run.
pub fn of_figures(title: &str, figures: &[Figure]) -> Result<String, ReportError> {
    let title = escape(title);
    let figures = figures
        .iter()
        .map(figure_html)
        .collect::<Result<String, _>>()?;
    Ok(document(&title, &format!("<h1>{title}</h1>\n{figures}")))
}

/// The document around a body; the title is escaped already.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

fn title(runs: &[Run]) -> String {
    let spec = runs.first().map(|run| &run.header.spec);
    spec.map_or("evenkeel".to_owned(), |spec| {
        let kind = if runs.len() == 1 {
            &spec.control
        } else {
            "comparison"
        };
        escape(&format!("{} on {}: {kind}", spec.network(), spec.data))
    })
}

fn lead(runs: &[Run]) -> String {
    let Some(header) = runs.first().map(|run| &run.header) else {
        return String::new();
    };
    let spec = &header.spec;
    let text = escape(&format!(
        "{} scale-invariant layers; batch {}, target learning rate {}, seed {}. \
         Effective learning rate: ELR = ‖∇W‖/‖W‖. evenkeel {}, Burn {}, {}.",
        header.layers.len(),
        spec.batch_size,
        spec.lr,
        spec.seed,
        header.evenkeel,
        header.burn,
        header.device
    ));
    format!("<p class=\"lead\">{text}</p>")
}

fn summary(runs: &[Run]) -> String {
    let row = |cells: &[String], tag: &str| {
        let cells: String = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", escape(cell)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = row(&Summary::HEADINGS.map(str::to_owned), "th");
    let rows: String = runs
        .iter()
        .map(|run| row(&Summary::of(run).cells(), "td"))
        .collect();
    let theory = runs.first().and_then(|run| explosion(&run.header.spec));
    let theory = theory.map_or(String::new(), |said| format!("; {said}"));
    format!(
        "<div class=\"scroll\"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>\n\
         <p class=\"note\">Spreads in decades between the largest and the smallest ELR. Explosion: growth of ‖∇W‖ per \
         layer towards the input{}.</p>\n",
        escape(&theory)
    )
}

fn figure_html(figure: &Figure) -> Result<String, ReportError> {
    let caption = escape(&figure.caption);
    let (svg, axes) = draw::svg_with_axes(figure)?;
    let hover = match (&figure.content, axes) {
        (Content::Lines(lines), Some(axes)) => script_json(&hover::json(lines, axes)),
        _ => String::new(),
    };
    Ok(format!(
        "<figure id=\"{}\" role=\"img\" aria-label=\"{caption}\">\n<div class=\"scroll\">{svg}</div>\n{hover}\
         <figcaption>{caption}</figcaption>\n</figure>\n",
        figure.name
    ))
}

/// JSON for the page's script; inside of a script element it must not end that.
fn script_json(json: &str) -> String {
    let json = json.replace("</", "<\\/");
    format!("<script type=\"application/json\">{json}</script>\n")
}

fn layer_table(run: &Run) -> String {
    let table = LayerTable::of(run);
    let last = table.steps.len().saturating_sub(1);
    let data = serde_json::to_string(&table).expect("numbers and texts serialise");
    let data = script_json(&data);
    format!(
        "<section class=\"layers\">\n<label>Layers at step <output></output>\
         <input type=\"range\" min=\"0\" max=\"{last}\" value=\"0\" aria-label=\"step\"></label>\n\
         <div class=\"scroll tall\"><table><thead><tr><th>layer</th><th>‖W‖</th><th>‖∇W‖</th><th>ELR as it acts</th>\
         <th>cos(W, ∇W)</th></tr></thead><tbody></tbody></table></div>\n\
         {data}\
         <noscript>The figures of every layer and step are in layers.jsonl beside this report.</noscript>\n</section>\n"
    )
}

/// The parameters that do not count in the spread, from the first run: all runs begin alike.
fn others(runs: &[Run]) -> String {
    let Some(run) = runs.first() else {
        return String::new();
    };
    let number =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3e}"));
    let rows: String = run
        .header
        .others
        .iter()
        .map(|other| {
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(&other.name),
                escape(&other.role),
                number(other.weight_norm),
                number(other.grad_norm),
                number(other.cosine)
            )
        })
        .collect();
    format!(
        "<details><summary>{} other parameters, left out of the spread</summary>\n<div class=\"scroll tall\"><table>\
         <thead><tr><th>parameter</th><th>role</th><th>‖W‖</th><th>‖∇W‖</th><th>cosine</th></tr></thead>\
         <tbody>{rows}</tbody></table></div></details>\n",
        run.header.others.len()
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
