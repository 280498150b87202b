//! What is refused, and the exact words.

use evenkeel_snapshot::{Limits, Snapshot, SnapshotError};

/// Inputs and messages, without the name of the input.
const BAD: &[(&str, &str)] = &[
    // Nothing in it.
    (
        "",
        " is empty, but must be a CSV with the columns `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`, or a JSON list of such objects; check that the tool that writes it has finished",
    ),
    (
        "\u{feff} \r\n\n",
        " is empty, but must be a CSV with the columns `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`, or a JSON list of such objects; check that the tool that writes it has finished",
    ),
    (
        "layer,elr\n\n",
        " holds no layer, but must hold at least one; write a row for each layer",
    ),
    (
        " [ ]\n",
        " holds no layer, but must hold at least one; write a row for each layer",
    ),
    // The header.
    (
        "layer,weight_norm,step\na,1,2\n",
        ", row 1: missing `grad_norm`; found `layer`, `weight_norm`, `step`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; rename the columns if they are there under other names",
    ),
    (
        "name,elr\na,1\n",
        ", row 1: missing `layer`; found `name`, `elr`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; rename the columns if they are there under other names",
    ),
    (
        "layer;elr\na;1\n",
        ", row 1: missing `layer`, `weight_norm`, `grad_norm`; found `layer;elr`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; separate the columns by commas",
    ),
    (
        "\nnonsense\n",
        ", row 2: missing `layer`, `weight_norm`, `grad_norm`; found `nonsense`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; begin the file with these names",
    ),
    (
        "layer,elr,elr\na,1,1\n",
        ", row 1, column `elr` comes twice, but must come once; rename or remove one",
    ),
    // The shape of a row.
    (
        "layer,elr\na,1\nb\n",
        ", row 3 has 1 field, but must have 2 like the header: column `elr` has none; quote a name that holds a comma, write decimals with a point",
    ),
    (
        "layer,elr\na,0,5\n",
        ", row 2 has 3 fields, but must have 2 like the header: field 3 is in no column; quote a name that holds a comma, write decimals with a point",
    ),
    (
        "layer,elr\n\"a,1\nb,2\n",
        ", row 2, column `layer`: the quote is never closed; end the field with `\"`",
    ),
    (
        "layer,\"elr\na,1\n",
        ", row 1, column 2: the quote is never closed; end the field with `\"`",
    ),
    (
        "layer,elr\na,\"1\"2\n",
        ", row 2, column `elr`: `2` follows the closing quote, but must be a comma or the end of the row; double the quotes within a field",
    ),
    // Numbers.
    (
        "layer,elr\na,fast\n",
        ", row 2, column `elr` is `fast`, but must be a number; write it like 0.25 or 2.5e-3",
    ),
    (
        "layer,elr\na,1.5 m\u{7}\n",
        ", row 2, column `elr` is `1.5 m\\u{7}`, but must be a number; write it like 0.25 or 2.5e-3",
    ),
    (
        "layer,elr,numel\na,1,many\n",
        ", row 2, column `numel` is `many`, but must be a number; write it like 4096",
    ),
    (
        "layer,weight_norm,grad_norm\na,1,NaN\n",
        ", row 2, column `grad_norm` is `NaN`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        "layer,weight_norm,grad_norm\n\na,inf,1\n",
        ", row 3, column `weight_norm` is `inf`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        "layer,weight_norm,grad_norm\na,1,1e999\n",
        ", row 2, column `grad_norm` is `1e999`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        "layer,weight_norm,grad_norm\na,0,1\n",
        ", row 2, column `weight_norm` is `0`, but must be finite and above 0; a zero weight has no direction to turn: leave the layer out",
    ),
    (
        "layer,weight_norm,grad_norm\na,1,0.0\n",
        ", row 2, column `grad_norm` is `0.0`, but must be finite and above 0; without gradient the layer's ELR is 0: leave the layer out",
    ),
    (
        "layer,weight_norm,grad_norm\na,1,-2\n",
        ", row 2, column `grad_norm` is `-2`, but must be finite and above 0; check the tool that wrote it: no norm is negative",
    ),
    (
        "layer,elr\na,-0\n",
        ", row 2, column `elr` is `-0`, but must be finite and above 0; a layer that does not learn has no place in the spread: leave the layer out",
    ),
    (
        "layer,elr,cosine\na,1,-1.5\n",
        ", row 2, column `cosine` is `-1.5`, but must be between -1 and 1; compute <W, G>/(|W| |G|), or leave the column out",
    ),
    (
        "layer,elr,cosine\na,1,nan\n",
        ", row 2, column `cosine` is `nan`, but must be between -1 and 1; compute <W, G>/(|W| |G|), or leave the column out",
    ),
    (
        "layer,elr,numel\na,1,2.5\n",
        ", row 2, column `numel` is `2.5`, but must be a whole number from 1 to 2^64 - 1; count the numbers in the weight, or leave the column out",
    ),
    (
        "layer,elr,numel\na,1,0\n",
        ", row 2, column `numel` is `0`, but must be a whole number from 1 to 2^64 - 1; count the numbers in the weight, or leave the column out",
    ),
    (
        "layer,weight_norm,grad_norm\na,1,\n",
        ", row 2, column `grad_norm` is empty, but must be finite and above 0; leave out a layer without norms",
    ),
    (
        "layer,weight_norm,grad_norm\na,,1\n",
        ", row 2, column `weight_norm` is empty, but must be finite and above 0; leave out a layer without norms",
    ),
    (
        "layer,elr\na,\n",
        ", row 2, column `elr` is empty, but must be finite and above 0; leave out a layer without norms",
    ),
    (
        "layer,weight_norm,grad_norm\na,1e300,1e-300\n",
        ", row 2: grad_norm/weight_norm is 1e-300/1e300, but must be a positive finite number; leave out the layer `a`",
    ),
    (
        "layer,weight_norm,grad_norm,elr\na,2,4,2.01\n",
        ", row 2, column `elr` is 2.01, but must be grad_norm/weight_norm = 2.0 within 0.1 %; leave out `elr`, or correct the norms",
    ),
    // Names.
    (
        "layer,elr\n  ,1\n",
        ", row 2, column `layer` is empty, but must be a name; give every layer one of its own",
    ),
    (
        "layer,elr\n\"a\nb\",1\n",
        ", row 2, column `layer` is `a\\nb`, but must be free of line breaks and other control characters; rename the layer",
    ),
    (
        "layer,elr\na,1\nb,2\n a ,3\n",
        ", row 4, column `layer` is `a`, but must differ from row 2; keep one step's norms in it, and name layers by their path",
    ),
    (
        "layer,elr\n\"a\u{2028}b\",1\n",
        ", row 2, column `layer` is `a\\u{2028}b`, but must be free of line breaks and other control characters; rename the layer",
    ),
    // JSON lists.
    (
        r#"[{"layer":"a","elr":1},{"layer":"b"}]"#,
        ", item 2: missing `weight_norm`, `grad_norm`; found `layer`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; give every object these keys",
    ),
    (
        r#"[{"elr":1,"x":2}]"#,
        ", item 1: missing `layer`; found `elr`, `x`, but must have `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`; give every object these keys",
    ),
    (
        "[[1, 2]]",
        ", item 1 is `[1, 2]`, but must be an object with the keys `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`",
    ),
    (
        r#"[{"layer":5,"elr":1}]"#,
        ", item 1, column `layer` is `5`, but must be a string; rename the layer",
    ),
    (
        r#"[{"layer":null,"elr":1}]"#,
        ", item 1, column `layer` is empty, but must be a name; give every layer one of its own",
    ),
    (
        r#"[{"layer":"a","elr":"1"}]"#,
        ", item 1, column `elr` is `\"1\"`, but must be a number; write it like 0.25 or 2.5e-3",
    ),
    (
        r#"[{"layer":"a","elr":null}]"#,
        ", item 1, column `elr` is empty, but must be finite and above 0; leave out a layer without norms",
    ),
    (
        r#"[{"layer":"a","elr":1e999}]"#,
        ", item 1, column `elr` is `1e999`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        r#"[{"layer":"a","elr":1,"elr":2}]"#,
        ", item 1, column `elr` comes twice, but must come once; rename or remove one",
    ),
    (
        r#"[{"layer":"a","elr":1},{"layer":"\u0061","elr":1}]"#,
        ", item 2, column `layer` is `a`, but must differ from item 1; keep one step's norms in it, and name layers by their path",
    ),
    (
        "[\n{\"layer\": \"a\", \"elr\": NaN}]",
        ", item 1, column `elr` is `NaN`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        "[{\"layer\": \"a\",\n\"elr\": -Infinity}]",
        ", item 1, column `elr` is `-Infinity`, but must be finite and above 0; check the tool that wrote it: no norm is negative",
    ),
    (
        "[{\"layer\":\"a\",\"elr\":1},\n{\"layer\" \"b\"}]",
        ", item 2: not JSON at line 2, column 10: expected `:`; write it with a JSON library",
    ),
    (
        "[{\"layer\":\"a\",\"elr\":1},]",
        ", item 2: not JSON at line 1, column 24: trailing comma; write it with a JSON library",
    ),
    (
        "[{\"layer\":\"a\",\"elr\":1}",
        ", item 2: not JSON at line 1, column 22: EOF while parsing a list; check that the tool that writes it has finished",
    ),
    (
        "[{\"layer\":\"a\",\"elr\":1}]\n{}",
        ", line 2: not JSON at line 2, column 1: trailing characters; write it with a JSON library",
    ),
    (
        r#"[{"layer":"a","elr":1,"loss":NaN}]"#,
        ", item 1: not JSON at line 1, column 30: expected value; JSON has no such number: write null",
    ),
    (
        r#"[{"layer":"\ud800","elr":1}]"#,
        r#", item 1, column `layer` is `"\ud800"`, but must be a string of whole characters: this one has half a surrogate pair; rename the layer"#,
    ),
    (
        r#"[{"layer":"a","elr":1},{"\ud800":"a"}]"#,
        ", item 2 has a key with half a surrogate pair, but keys must be whole characters; rename it",
    ),
    (
        "\u{a0}[]",
        ", line 1: not JSON at line 1, column 1: expected value; write it with a JSON library",
    ),
    // JSON Lines.
    (
        "{\"layer\":\"a\",\"elr\":1}\n\n{\"layer\":\"b\",\"elr\":}\n",
        ", line 3: not JSON at line 3, column 20: expected value; write it with a JSON library",
    ),
    (
        "{\"layer\":\"a\",\"elr\":1}\n{\"layer\":\"b\",\"elr\":0}\n",
        ", line 2, column `elr` is `0`, but must be finite and above 0; a layer that does not learn has no place in the spread: leave the layer out",
    ),
    (
        "{\"layer\":\"a\",\"weight_norm\":1,\"grad_norm\":nan}",
        ", line 1, column `grad_norm` is `nan`, but must be finite and above 0; the training has diverged or overflowed: take the norms at an earlier step",
    ),
    (
        "{\"layer\":\"a\",\"elr\":1}\n7\n",
        ", line 2 is `7`, but must be an object with the keys `layer,weight_norm,grad_norm` or `layer,elr`, each optionally with `numel` and `cosine`",
    ),
    (
        "{\n  \"layer\": \"a\"\n}",
        ", line 1: not JSON at line 1, column 1: EOF while parsing an object; write every object on one line of its own, or all of them as a list",
    ),
    (
        "{\"layer\":\"a\",\"elr\":1}\n{\"layer\":\"a\",\"elr\":1}\n",
        ", line 2, column `layer` is `a`, but must differ from line 1; keep one step's norms in it, and name layers by their path",
    ),
];

fn refuse(text: &[u8]) -> SnapshotError {
    Snapshot::parse("norms", text).unwrap_err()
}

#[test]
fn every_message_is_exact() {
    for (text, message) in BAD {
        let error = refuse(text.as_bytes()).to_string();
        assert_eq!(error, format!("norms{message}"), "{text:?}");
    }
}

#[test]
fn line_endings_do_not_change_the_message() {
    for (text, message) in BAD.iter().filter(|(text, _)| text.starts_with("layer")) {
        if text.contains("\"a\nb\"") {
            continue;
        }
        for ending in ["\r\n", "\r"] {
            let error = refuse(text.replace('\n', ending).as_bytes()).to_string();
            assert_eq!(error, format!("norms{message}"), "{text:?}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_located() {
    assert_eq!(
        refuse(b"layer,elr\nfen\xeatre,1\n").to_string(),
        "norms, line 2: the byte at offset 13 is 0xEA, but must be UTF-8; save it as UTF-8"
    );
    assert_eq!(
        refuse(b"\xff\xfel\0a\0").to_string(),
        "norms, line 1: the byte at offset 0 is 0xFF, but must be UTF-8; save it as UTF-8"
    );
}

fn refuse_within(text: &str, limits: Limits) -> String {
    let parsed = Snapshot::parse_within("norms", text.as_bytes(), &limits);
    parsed.unwrap_err().to_string()
}

#[test]
fn limits_are_kept() {
    let limits = Limits::default();
    let bytes = Limits { bytes: 9, ..limits };
    assert_eq!(
        refuse_within("layer,elr\n", bytes),
        "norms has 10 bytes or more, but must have at most 9; keep one step's norms in it"
    );
    let layers = Limits { rows: 2, ..limits };
    for (text, place) in [
        ("layer,elr\na,1\nb,1\nc,1\n", "row 4"),
        (
            "{\"layer\":\"a\",\"elr\":1}\n{\"layer\":\"b\",\"elr\":1}\n{\"layer\":\"c\",\"elr\":1}",
            "line 3",
        ),
        (
            "[{\"layer\":\"a\",\"elr\":1},{\"layer\":\"b\",\"elr\":1},{\"layer\":\"c\",\"elr\":1}]",
            "item 3",
        ),
    ] {
        assert_eq!(
            refuse_within(text, layers),
            format!(
                "norms, {place} is one layer more than the 2 permitted; keep one step's norms in it"
            )
        );
    }
}

#[test]
fn long_rows_are_refused() {
    let long = "x".repeat(1 << 20);
    let message = |place| {
        format!(
            "norms, {place} is longer than the 1048576 bytes permitted; write one layer per row"
        )
    };
    for (text, place) in [
        (format!("layer,elr\n{long},1\n"), "row 2"),
        (",".repeat(1 << 21), "row 1"),
        (format!("{{\"layer\":\"{long}\",\"elr\":1}}"), "line 1"),
        (
            format!("[{{\"layer\":\"a\",\"elr\":1}},{{\"layer\":\"{long}\",\"elr\":1}}]"),
            "item 2",
        ),
    ] {
        assert_eq!(refuse(text.as_bytes()).to_string(), message(place));
    }
}

#[test]
fn long_values_are_cut_in_messages() {
    let text = format!("layer,elr\na,{}\n", "9x".repeat(1000));
    assert_eq!(
        refuse(text.as_bytes()).to_string(),
        format!(
            "norms, row 2, column `elr` is `{}…`, but must be a number; write it like 0.25 or 2.5e-3",
            "9x".repeat(30)
        )
    );
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let (open, close) = ("[".repeat(400_000), "]".repeat(400_000));
    for text in [
        format!("{open}{close}"),
        open.clone(),
        format!("{{\"layer\":{open}{close},\"elr\":1}}"),
        format!("[{{\"layer\":\"a\",\"elr\":{open}{close}}}]"),
        "{\"a\":".repeat(100_000),
        format!("[{}", "{\"a\":".repeat(100_000)),
    ] {
        let error = refuse(text.as_bytes()).to_string();
        assert!(error.contains(" 1"), "{error}");
        assert!(error.len() < 400, "{error}");
    }
    // Where nobody reads it, it does no harm.
    let text = format!("[{{\"layer\":\"a\",\"x\":{open}{close},\"elr\":1}}]");
    assert_eq!(
        Snapshot::parse("norms", text.as_bytes())
            .unwrap()
            .snapshot
            .layers
            .len(),
        1
    );
}
