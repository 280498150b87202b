//! One image file, JPEG or PNG, as bytes of 8 bits. Headers are checked before anything large is
//! allocated.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use png::{ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::DataError;

/// Pixels a side. Training images are far smaller, and damaged headers announce far larger ones.
const MAX_SIDE: usize = 4096;
/// Bytes in a file: far above what an image of that size takes.
const MAX_BYTES: u64 = 64 << 20;

/// A decoded image.
#[derive(Debug)]
pub struct Picture {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Whether the file holds one channel only. There are three in `planes` nevertheless.
    pub grey: bool,
    /// Red, green and blue, each row by row.
    pub planes: Vec<u8>,
}

impl Picture {
    /// Reads an image, which must be of `expected` rows and columns if any are given.
    ///
    /// # Errors
    /// [`DataError::Unusable`] when it is damaged, too large or of another size, [`DataError::Io`].
    pub fn read(path: &Path, expected: Option<[usize; 2]>) -> Result<Self, DataError> {
        let bytes = fs::metadata(path).map_err(DataError::io(path))?.len();
        let checked = if bytes > MAX_BYTES {
            Err(format!(
                "it has {bytes} bytes; at most {MAX_BYTES} are read"
            ))
        } else {
            let bytes = fs::read(path).map_err(DataError::io(path))?;
            match bytes.first_chunk() {
                Some([0xff, 0xd8]) => jpeg(&bytes, expected),
                Some([0x89, b'P']) => png(&bytes, expected),
                _ => Err("it begins neither like a JPEG nor like a PNG".to_owned()),
            }
        };
        checked.map_err(|problem| DataError::Unusable {
            path: path.to_owned(),
            problem,
        })
    }

    /// From pixels that each have `channels` bytes: grey or red, green, blue, and perhaps opacity,
    /// which is passed over.
    fn of(size: [usize; 2], channels: usize, pixels: &[u8]) -> Self {
        let grey = channels < 3;
        let plane = |channel: usize| pixels.iter().skip(if grey { 0 } else { channel });
        Self {
            size,
            grey,
            planes: (0..3)
                .flat_map(|channel| plane(channel).step_by(channels))
                .copied()
                .collect(),
        }
    }
}

fn jpeg(bytes: &[u8], expected: Option<[usize; 2]>) -> Result<Picture, String> {
    let ended = whole(bytes);
    let bytes = ended.unwrap_or(bytes);
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    let size = check([info.height.into(), info.width.into()], expected)?;
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    if ended.is_none() {
        return Err("it is cut off: it has no end of image".to_owned());
    }
    let mut picture = Picture::of(size, 3, &pixels);
    picture.grey = info.components == 1;
    Ok(picture)
}

/// The bytes up to the end of the image, without what follows it: a second picture, padding, text. `None`
/// for an image that is cut off, of which the decoder would make up the rest.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    // Behind the start of the image there are segments, each a marker and mostly a length.
    let mut at = 2;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        at += bytes[at..].iter().position(|byte| *byte != 0xff)?;
        let marker = bytes[at];
        at += 1;
        match marker {
            END => return bytes.get(..at),
            0 | ALONE | RESTART_FIRST..=RESTART_LAST => {}
            _ => {
                let length = bytes.get(at..)?.first_chunk()?;
                at += usize::from(u16::from_be_bytes(*length));
                if marker == SCAN {
                    at += end_of_scan(bytes.get(at..)?)?;
                }
            }
        }
    }
}

const SCAN: u8 = 0xda;
const END: u8 = 0xd9;
/// Markers without a length.
const ALONE: u8 = 0x01;
const RESTART_FIRST: u8 = 0xd0;
const RESTART_LAST: u8 = 0xd7;

/// Where the marker behind the data of a scan stands. Within them 0xff is followed by 0, or restarts.
fn end_of_scan(data: &[u8]) -> Option<usize> {
    data.array_windows().position(|[first, second]| {
        *first == 0xff && !matches!(second, 0 | 0xff | RESTART_FIRST..=RESTART_LAST)
    })
}

fn png(bytes: &[u8], expected: Option<[usize; 2]>) -> Result<Picture, String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let said = |error: png::DecodingError| error.to_string();
    let header = decoder.read_header_info().map_err(said)?;
    let size = check([header.height as usize, header.width as usize], expected)?;
    let mut reader = decoder.read_info().map_err(said)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("it is too large")?];
    reader.next_frame(&mut pixels).map_err(said)?;
    reader.finish().map_err(said)?;
    let channels = match reader.output_color_type().0 {
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        _ => 1,
    };
    Ok(Picture::of(size, channels, &pixels))
}

fn check(size: [usize; 2], expected: Option<[usize; 2]>) -> Result<[usize; 2], String> {
    let [height, width] = size;
    match expected {
        _ if !size.iter().all(|side| (1..=MAX_SIDE).contains(side)) => Err(format!(
            "it has {height} rows of {width} pixels; 1 to {MAX_SIDE} are permitted"
        )),
        Some([rows, columns]) if size != [rows, columns] => Err(format!(
            "it has {height} rows of {width} pixels, the images before it {rows} of {columns}; \
             make all of one size first"
        )),
        _ => Ok(size),
    }
}
