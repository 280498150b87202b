//! Language models (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), and
//! what becomes of them with other normalizations.

use super::transformer::{Style, Transformer};
use super::{Defaults, Entry, Refusal, Shape};
use crate::layer::Layer;
use crate::layer::activation::Activation;
use crate::layer::init::Init;
use crate::layer::norm::Norm;

const DEFAULTS: Defaults = Defaults {
    depth: 4,
    width: |_| 128,
    norm: Norm::Layer,
    activation: Activation::Gelu,
    init: Init::Xavier,
};

pub(super) const PRE: Entry = Entry {
    name: "gpt",
    summary: "GPT-2; DEPTH causal blocks of WIDTH features, heads of 64, normalized at their input; \
              embedding and classifier share their weights",
    defaults: DEFAULTS,
    shortcuts: true,
    layers: |shape| tied(shape, Style::Pre),
};

pub(super) const POST: Entry = Entry {
    name: "gpt-post",
    summary: "gpt, normalized behind the shortcuts instead, as the first transformers were",
    defaults: DEFAULTS,
    shortcuts: true,
    layers: |shape| tied(shape, Style::Post),
};

pub(super) const QUERY_KEY: Entry = Entry {
    name: "gpt-qk",
    summary: "gpt, with queries and keys normalized too",
    defaults: DEFAULTS,
    shortcuts: true,
    layers: |shape| tied(shape, Style::QueryKey),
};

pub(super) const NORMALIZED: Entry = Entry {
    name: "gpt-normalized",
    summary: "gpt, with a normalization behind every weight but the classifier's, and no other",
    defaults: DEFAULTS,
    shortcuts: true,
    layers: normalized,
};

fn tied(shape: &Shape, style: Style) -> Result<Vec<Layer>, Refusal> {
    let (vocabulary, context) = shape.tokens()?;
    let mut body = vec![Layer::positioned(context, shape.width)];
    body.extend(blocks(shape, style, context)?);
    Ok(vec![Layer::TiedEmbedding {
        name: "tokens".to_owned(),
        vocabulary,
        width: shape.width,
        body,
    }])
}

/// Tokens and positions are normalized before they are added, so that neither's scale matters.
fn normalized(shape: &Shape) -> Result<Vec<Layer>, Refusal> {
    let (vocabulary, context) = shape.tokens()?;
    let width = shape.width;
    let tokens = Layer::Embedding {
        name: "tokens".to_owned(),
        vocabulary,
        width,
    };
    let mut layers = vec![Layer::Residual {
        name: "embedding".to_owned(),
        body: shape.normalized(tokens, "tokens_norm".to_owned(), width),
        shortcut: shape.normalized(
            Layer::positions(context, width),
            "positions_norm".to_owned(),
            width,
        ),
    }];
    layers.extend(blocks(shape, Style::Normalized, context)?);
    layers.push(Layer::linear("head".to_owned(), width, vocabulary, false));
    Ok(layers)
}

fn blocks(shape: &Shape, style: Style, context: usize) -> Result<Vec<Layer>, Refusal> {
    if shape.norm == Norm::Batch {
        return Err(Refusal::SeesAhead);
    }
    Transformer {
        shape,
        style,
        context,
        causal: true,
    }
    .layers()
}
