//! What is read, and with which warnings.

use evenkeel_snapshot::{Parsed, Snapshot};

fn read(text: &str) -> Parsed {
    Snapshot::parse("norms", text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// Two layers with the same norms, written in many ways.
const SAME: &[&str] = &[
    "layer,weight_norm,grad_norm\na.weight,2,0.5\nb,4,1\n",
    "\u{feff}layer,weight_norm,grad_norm\r\na.weight,2,0.5\r\nb,4,1\r\n\r\n  \r\n",
    "layer,weight_norm,grad_norm\ra.weight,2,0.5\rb,4,1",
    "\n grad_norm , layer,weight_norm\n\n 5e-1 ,a.weight\t, +2.0\n1,b,4\n,,\n",
    "\"layer\",\"weight_norm\",\"grad_norm\"\n \"a.weight\" ,\"2\", \"0.5\"\n\"b\",4,1",
    r#"[{"layer":"a.weight","weight_norm":2,"grad_norm":0.5},{"layer":"b","weight_norm":4,"grad_norm":1}]"#,
    "\u{feff} [\n {\"grad_norm\": 5E-1, \"weight_norm\": 2.0, \"layer\": \"a\\u002eweight\", \"cosine\": null},\r\n {\"layer\": \"b\", \"weight_norm\": 4, \"elr\": 0.2501, \"grad_norm\": 1}\n]\n\n",
    "{\"layer\":\"a.weight\",\"weight_norm\":2,\"grad_norm\":0.5}\n{\"layer\":\"b\",\"weight_norm\":4,\"grad_norm\":1}",
    "\u{feff}\r\n{\"layer\":\"a.weight\",\"weight_norm\":2,\"grad_norm\":0.5}\r\n\r\n  {\"layer\":\" b\",\"weight_norm\":4,\"grad_norm\":1}  \r\n\r\n",
];

#[test]
fn many_ways_to_say_the_same() {
    let expected = read(SAME[0]);
    assert_eq!(
        expected.snapshot.names().collect::<Vec<_>>(),
        ["a.weight", "b"]
    );
    assert_eq!(
        expected
            .snapshot
            .elrs()
            .iter()
            .map(|elr| elr.get())
            .collect::<Vec<_>>(),
        [0.25, 0.25]
    );
    for text in SAME {
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn optional_columns_are_kept() {
    let layer = |text| read(text).snapshot.layers.remove(0);
    let full = layer("layer,weight_norm,grad_norm,numel,cosine,elr\na,2,3,4096,-1e-7,1.5\n");
    assert_eq!(full.weight_norm.unwrap().get(), 2.0);
    assert_eq!(full.gradient_norm.unwrap().get(), 3.0);
    assert_eq!(
        (full.elr.get(), full.numel, full.cosine),
        (1.5, Some(4096), Some(-1e-7))
    );
    let bare = layer("layer,elr,numel,cosine\na,1.5,,\n");
    assert_eq!((bare.weight_norm, bare.gradient_norm), (None, None));
    assert_eq!((bare.numel, bare.cosine), (None, None));
    let float = layer("layer,elr,numel\na,1.5,4096.0\n");
    assert_eq!(float.numel, Some(4096));
    let largest = layer("layer,elr,numel\na,1.5,18446744073709551615\n");
    assert_eq!(largest.numel, Some(u64::MAX));
}

#[test]
fn norms_win_over_an_elr_that_was_rounded() {
    let parsed = read("layer,weight_norm,grad_norm,elr\na,3,1,0.3333\nb,,,0.5\n");
    assert_eq!(parsed.snapshot.elrs()[0].get(), 1.0 / 3.0);
    assert_eq!(parsed.snapshot.elrs()[1].get(), 0.5);
}

#[test]
fn commas_quotes_and_letters_of_any_kind_are_names() {
    let parsed = read("layer,elr\n\"a,\"\"b\"\"\",1\nwäight 层,2\n{c},3\n");
    assert_eq!(
        parsed.snapshot.names().collect::<Vec<_>>(),
        ["a,\"b\"", "wäight 层", "{c}"]
    );
}

#[test]
fn ignored_columns_are_named_once() {
    let warning = "norms: ignored `column 1`, `step`; what is read: layer, weight_norm, grad_norm, elr, numel, cosine";
    assert_eq!(
        read(",layer,step,elr\n0,a,7,1\n1,b,7,2\n").warnings,
        [warning]
    );
    let json = r#"[{"layer":"a","elr":1,"step":7},{"layer":"b","elr":1,"step":7,"column 1":{}}]"#;
    assert_eq!(
        read(json).warnings,
        [warning.replace("`column 1`, `step`", "`step`, `column 1`")]
    );
}

#[test]
fn weights_that_are_not_scale_invariant_are_pointed_out() {
    let parsed = read("layer,elr,cosine\na,1,0.01\nhead,2,-0.3\n");
    assert_eq!(
        parsed.warnings,
        [
            "norms, row 3, column `cosine` is -0.3, but would be within ±0.01 for a scale-invariant weight: is the layer `head` not scale-invariant? leave it out if so"
        ]
    );
}

#[test]
fn warnings_are_bounded() {
    let rows: String = (0..1000).map(|row| format!("l{row},1,0.5\n")).collect();
    let warnings = read(&format!("layer,elr,cosine\n{rows}")).warnings;
    assert_eq!(warnings.len(), 11);
    assert_eq!(
        warnings[10],
        "norms: the same holds for 990 more layers: are these the gradients of a normalized network?"
    );
    let columns: String = (0..1000).map(|column| format!(",c{column}")).collect();
    let header = read(&format!("layer,elr{columns}\na,1{}\n", ",".repeat(1000)));
    assert!(
        header.warnings[0].contains("`c11`, and 988 more; "),
        "{}",
        header.warnings[0]
    );
    let objects = (0..2000).map(|n| format!("{{\"layer\":\"l{n}\",\"elr\":1,\"k{n}\":0}}\n"));
    let warnings = read(&objects.collect::<String>()).warnings;
    assert!(
        warnings[0].contains("`k11`, and 988 more, and others; "),
        "{}",
        warnings[0]
    );
}

#[test]
fn one_layer_is_a_network() {
    for text in [
        "layer,elr\na,1",
        r#"[{"layer":"a","elr":1}]"#,
        r#"{"layer":"a","elr":1}"#,
    ] {
        assert_eq!(read(text).snapshot.names().collect::<Vec<_>>(), ["a"]);
    }
}
