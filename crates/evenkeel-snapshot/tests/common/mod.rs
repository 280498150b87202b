//! Snapshots written in every format.

use evenkeel_snapshot::{LayerEntry, Snapshot};

/// The formats, by the function that writes them.
pub const WRITERS: [fn(&Snapshot) -> String; 3] = [csv, json_list, json_lines];

fn fields(layer: &LayerEntry) -> [(&'static str, Option<String>); 5] {
    let elr = layer.weight_norm.is_none().then_some(layer.elr);
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
