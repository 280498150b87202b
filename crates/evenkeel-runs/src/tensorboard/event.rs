//! Events as TensorBoard's protocol buffers have them: what of `tensorflow.Event` is used here.

use prost::{Message, Oneof};

/// An event at a step.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    /// The first event of every file.
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    scalars: Vec<Scalar>,
}

/// A number under a tag.
#[derive(Clone, PartialEq, Message)]
pub struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    /// Optional, so that a zero is written.
    #[prost(float, optional, tag = "2")]
    value: Option<f32>,
}

impl Scalar {
    /// TensorBoard keeps 32 bits of a number.
    pub fn new(tag: &str, value: f64) -> Self {
        Self {
            tag: tag.to_owned(),
            value: Some(value as f32),
        }
    }
}

impl Event {
    /// The first of a file.
    pub fn version(wall_time: f64) -> Vec<u8> {
        Self::encoded(wall_time, 0, What::FileVersion("brain.Event:2".to_owned()))
    }

    /// Numbers of a step.
    pub fn scalars(wall_time: f64, step: usize, scalars: Vec<Scalar>) -> Vec<u8> {
        Self::encoded(wall_time, step, What::Summary(Summary { scalars }))
    }

    fn encoded(wall_time: f64, step: usize, what: What) -> Vec<u8> {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let what = Some(what);
        Self {
            wall_time,
            step,
            what,
        }
        .encode_to_vec()
    }
}
