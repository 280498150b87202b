//! What of `tensorflow.Event` is read, as protocol buffers have it. Other fields are passed over.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(bytes = "vec", optional, tag = "5")]
    histogram: Option<Vec<u8>>,
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
struct Plugin {
    #[prost(string, tag = "1")]
    name: String,
}

/// `tensorflow.TensorProto`: one number is in `content`, or in the field of its type.
#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    doubles: Vec<f64>,
}

/// What a value of an event is.
#[derive(Debug, PartialEq)]
pub(super) enum Reading {
    Scalar(f64),
    Histogram,
    Other,
}

impl Event {
    pub fn read(data: &[u8]) -> Result<Self, String> {
        Self::decode(data).map_err(|error| format!("not an event of TensorBoard: {error}"))
    }

    /// The tags of the event and their values.
    pub fn values(&self) -> impl Iterator<Item = (&str, Reading)> {
        let values = self.summary.iter().flat_map(|summary| &summary.values);
        values.map(|value| (value.tag.as_str(), value.reading()))
    }
}

impl Value {
    fn reading(&self) -> Reading {
        let plugin = self.metadata.as_ref().and_then(|data| data.plugin.as_ref());
        match (self.simple_value, &self.tensor) {
            (Some(value), _) => Reading::Scalar(f64::from(value)),
            _ if self.histogram.is_some() => Reading::Histogram,
            _ if plugin.is_some_and(|plugin| plugin.name == "histograms") => Reading::Histogram,
            (None, Some(tensor)) => tensor.number().map_or(Reading::Other, Reading::Scalar),
            (None, None) => Reading::Other,
        }
    }
}

impl Tensor {
    /// The number of a tensor that holds one.
    fn number(&self) -> Option<f64> {
        const FLOAT: i32 = 1;
        const DOUBLE: i32 = 2;
        match (self.dtype, self.content.as_slice()) {
            (FLOAT, []) => one(&self.floats).map(|value| f64::from(*value)),
            (DOUBLE, []) => one(&self.doubles).copied(),
            (FLOAT, bytes) => Some(f64::from(f32::from_le_bytes(bytes.try_into().ok()?))),
            (DOUBLE, bytes) => Some(f64::from_le_bytes(bytes.try_into().ok()?)),
            _ => None,
        }
    }
}

fn one<T>(values: &[T]) -> Option<&T> {
    match values {
        [value] => Some(value),
        _ => None,
    }
}
