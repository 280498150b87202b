//! TFRecord: a length, its checksum, that many bytes, and their checksum.

/// Bytes in front of a record's data.
const HEAD: usize = 12;
/// Bytes behind them.
const TAIL: usize = 4;

/// The records of a file.
#[derive(Debug)]
pub(super) struct Records<'t> {
    rest: &'t [u8],
}

impl<'t> Records<'t> {
    pub fn of(bytes: &'t [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether the bytes begin as a record does.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes
            .first_chunk()
            .is_some_and(|head| length(head).is_some())
    }
}

impl<'t> Iterator for Records<'t> {
    type Item = Result<&'t [u8], String>;

    /// The data of the next record. One that is cut, as a training that goes on leaves it, ends them.
    fn next(&mut self) -> Option<Self::Item> {
        let (head, behind) = self.rest.split_first_chunk::<HEAD>()?;
        let Some(length) = length(head) else {
            self.rest = &[];
            return Some(Err(
                "the checksum of its length is another: the file is damaged".to_owned(),
            ));
        };
        let length = usize::try_from(length).ok()?;
        let (data, behind) = behind.split_at_checked(length)?;
        let (sum, behind) = behind.split_first_chunk::<TAIL>()?;
        self.rest = behind;
        match u32::from_le_bytes(*sum) == masked_checksum(data) {
            true => Some(Ok(data)),
            false => Some(Err(
                "the checksum of its data is another: the file is damaged".to_owned(),
            )),
        }
    }
}

/// The length in a record's head, if its checksum is right.
fn length(head: &[u8; HEAD]) -> Option<u64> {
    let (length, sum) = head.split_first_chunk::<8>()?;
    let sum = u32::from_le_bytes(*sum.first_chunk()?);
    (sum == masked_checksum(length)).then(|| u64::from_le_bytes(*length))
}

/// The format's CRC-32C: rotated and shifted, so that a checksum of data with checksums is none of
/// theirs.
fn masked_checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}
