//! Files of TensorBoard's events, read without the code that writes them.

use std::collections::HashMap;

/// An event with scalars.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub time: f64,
    pub step: u64,
    pub scalars: HashMap<String, f32>,
    /// Where its record ends in the file.
    pub end: usize,
}

/// The events of a file, which must be whole to the last byte.
pub fn events(mut bytes: &[u8]) -> Vec<Event> {
    let whole = bytes.len();
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let data = record(&mut bytes);
        events.push(event(data, whole - bytes.len()));
    }
    let first = events.remove(0);
    assert!(
        first.scalars.is_empty() && first.step == 0,
        "the version comes first"
    );
    events
}

/// A file without the record in which a kill has torn it.
pub fn untorn(bytes: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(length) = bytes[end..].first_chunk::<8>() {
        let next = end + 16 + u64::from_le_bytes(*length) as usize;
        if next > bytes.len() {
            break;
        }
        end = next;
    }
    &bytes[..end]
}

/// Takes a record off the front and checks its checksums.
fn record<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let mut take = |count: usize| {
        let (taken, rest) = bytes.split_at_checked(count).expect("a whole record");
        *bytes = rest;
        taken
    };
    let length = take(8);
    assert_eq!(take(4), checksum(length));
    let data = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    assert_eq!(take(4), checksum(data));
    data
}

/// CRC-32C bit by bit, and what TFRecord makes of it.
fn checksum(data: &[u8]) -> [u8; 4] {
    let shifted = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), shifted);
    let crc = !data.iter().fold(u32::MAX, byte);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

fn event(data: &[u8], end: usize) -> Event {
    let mut event = Event {
        time: 0.0,
        step: 0,
        scalars: HashMap::new(),
        end,
    };
    for (field, value) in fields(data) {
        match (field, value) {
            (1, Value::Bytes(time)) => event.time = f64::from_le_bytes(time.try_into().unwrap()),
            (2, Value::Number(step)) => event.step = step,
            (3, Value::Bytes(version)) => assert_eq!(version, b"brain.Event:2"),
            (5, Value::Bytes(summary)) => event.scalars.extend(fields(summary).map(scalar)),
            other => panic!("{other:?}"),
        }
    }
    event
}

fn scalar((field, value): (u64, Value)) -> (String, f32) {
    assert_eq!(field, 1);
    let Value::Bytes(bytes) = value else {
        panic!("a scalar is a message");
    };
    let fields: HashMap<u64, Value> = fields(bytes).collect();
    match (&fields[&1], &fields[&2]) {
        (Value::Bytes(tag), Value::Bytes(value)) => (
            String::from_utf8(tag.to_vec()).unwrap(),
            f32::from_le_bytes((*value).try_into().unwrap()),
        ),
        other => panic!("{other:?}"),
    }
}

#[derive(Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in protocol buffers' wire format.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| {
            let key = varint(&mut bytes);
            let length = match key & 7 {
                0 => return (key >> 3, Value::Number(varint(&mut bytes))),
                1 => 8,
                2 => varint(&mut bytes) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            bytes = rest;
            (key >> 3, Value::Bytes(value))
        })
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let (digits, rest) = bytes.split_at(length);
    *bytes = rest;
    let digits = digits.iter().rev();
    digits.fold(0, |sum, digit| sum << 7 | u64::from(digit & 0x7f))
}
