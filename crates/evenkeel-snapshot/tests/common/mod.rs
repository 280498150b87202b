//! What must hold for whatever is read, and snapshots written in every format. The fuzz targets use
//! it too.

use std::collections::HashSet;

use evenkeel::layer::LayerNorms;
use evenkeel_snapshot::{LayerEntry, Limits, Parsed, Snapshot, SnapshotError};

/// Characters of a message about any input, however long.
const LONGEST_MESSAGE: usize = 1200;
/// Sentences about any input: ignored columns, ten layers, and those beyond.
const MOST_WARNINGS: usize = 12;

/// Checks the answer to an input called `norms`, and returns whether it was read.
pub fn check(bytes: &[u8], limits: &Limits) -> bool {
    match Snapshot::parse_within("norms", bytes, limits) {
        Ok(parsed) => check_parsed(&parsed, limits),
        Err(error) => check_error(&error, bytes),
    }
}

fn check_parsed(parsed: &Parsed, limits: &Limits) -> bool {
    let layers = &parsed.snapshot.layers;
    assert!((1..=limits.rows).contains(&layers.len()));
    assert!(parsed.warnings.len() <= MOST_WARNINGS);
    parsed.warnings.iter().for_each(|text| check_message(text));
    let mut names = HashSet::new();
    for layer in layers {
        let name = layer.name.as_str();
        assert!(names.insert(name), "twice: {name:?}");
        assert!(!name.is_empty() && name.trim() == name, "{name:?}");
        assert!(
            name.lines().count() == 1 && !name.contains(char::is_control),
            "{name:?}"
        );
        check_numbers(layer);
    }
    for write in WRITERS {
        let text = write(&parsed.snapshot);
        let again = Snapshot::parse("norms", text.as_bytes()).map(|again| again.snapshot);
        assert_eq!(again.as_ref(), Ok(&parsed.snapshot), "{text}");
    }
    true
}

fn check_numbers(layer: &LayerEntry) {
    let elr = layer.elr.get();
    assert!(elr > 0.0 && elr.is_finite(), "{layer:?}");
    if let (Some(weight), Some(gradient)) = (layer.weight_norm, layer.gradient_norm) {
        assert_eq!(LayerNorms { weight, gradient }.elr(), Ok(layer.elr));
    }
    assert!(layer.numel != Some(0), "{layer:?}");
    assert!(
        layer.cosine.is_none_or(|cosine| cosine.abs() <= 1.0),
        "{layer:?}"
    );
}

/// An error names a row from 1, unless it is about the input as a whole. Returns that nothing was
/// read.
pub fn check_error(error: &SnapshotError, bytes: &[u8]) -> bool {
    let message = error.to_string();
    check_message(&message);
    let located = ["norms, row ", "norms, line ", "norms, item "]
        .iter()
        .filter_map(|start| message.strip_prefix(start))
        .any(|rest| rest.starts_with(|c: char| ('1'..='9').contains(&c)));
    let whole = matches!(
        error,
        SnapshotError::Empty { .. }
            | SnapshotError::NoRows { .. }
            | SnapshotError::TooManyBytes { .. }
    );
    let input = String::from_utf8_lossy(bytes);
    assert!(located || whole, "{message}: {input}");
    false
}

/// A message is short, and harmless to a terminal.
fn check_message(message: &str) {
    assert!(message.chars().count() <= LONGEST_MESSAGE, "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// The formats, by the function that writes them.
pub const WRITERS: [fn(&Snapshot) -> String; 3] = [csv, json_list, json_lines];

fn fields(layer: &LayerEntry) -> [(&'static str, Option<String>); 5] {
    let has_norms = layer.weight_norm.is_some() && layer.gradient_norm.is_some();
    let elr = (!has_norms).then_some(layer.elr);
    [
        (
            "weight_norm",
            layer.weight_norm.map(|norm| norm.get().to_string()),
        ),
        (
            "grad_norm",
            layer.gradient_norm.map(|norm| format!("{:e}", norm.get())),
        ),
        ("elr", elr.map(|elr| elr.get().to_string())),
        ("numel", layer.numel.map(|count| count.to_string())),
        ("cosine", layer.cosine.map(|cosine| cosine.to_string())),
    ]
}

fn csv(snapshot: &Snapshot) -> String {
    let mut text = "layer,weight_norm,grad_norm,elr,numel,cosine\n".to_owned();
    for layer in &snapshot.layers {
        text += &format!("\"{}\"", layer.name.replace('"', "\"\""));
        for (_, value) in fields(layer) {
            text += &format!(",{}", value.unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

fn object(layer: &LayerEntry) -> String {
    let name = serde_json::to_string(&layer.name).unwrap();
    let mut text = format!("{{\"layer\": {name}");
    for (key, value) in fields(layer) {
        text += &format!(", \"{key}\": {}", value.as_deref().unwrap_or("null"));
    }
    text + "}"
}

fn json_list(snapshot: &Snapshot) -> String {
    let objects: Vec<_> = snapshot.layers.iter().map(object).collect();
    format!("[{}]\n", objects.join(",\n "))
}

fn json_lines(snapshot: &Snapshot) -> String {
    let lines = snapshot.layers.iter().map(|layer| object(layer) + "\n");
    lines.collect()
}
