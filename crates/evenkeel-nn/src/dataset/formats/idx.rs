//! The IDX format: two zero bytes, a type, the number of dimensions, each dimension as a big-endian
//! number of 32 bits, and the values. Here of bytes only (type 8).

use std::io::Read;

use super::bounded::Bounded;
use crate::error::DataError;

const BYTES: u8 = 8;
/// A bound on what is read of one file, some twenty times the largest official one.
pub const MAX_BYTES: u64 = 1 << 30;

/// Reads a whole file of `N` dimensions, none of which is 0.
pub fn read<R: Read, const N: usize>(
    file: &mut Bounded<R>,
) -> Result<([usize; N], Vec<u8>), DataError> {
    for (offset, expected) in (0..).zip([0, 0, BYTES, N as u8]) {
        let [found] = file.array()?;
        if found != expected {
            let problem = format!(
                "{found} instead of {expected}: this is no IDX file of bytes in {N} dimensions"
            );
            return Err(file.wrong(offset, problem));
        }
    }
    let (mut dims, mut size) = ([0; N], 1u64);
    for dim in &mut dims {
        let offset = file.offset();
        let count = u32::from_be_bytes(file.array()?);
        size = size.saturating_mul(count.into());
        if count == 0 || size > MAX_BYTES {
            let problem = format!(
                "a count of {count} makes no sense: 1 to {MAX_BYTES} values are permitted in all"
            );
            return Err(file.wrong(offset, problem));
        }
        *dim = count as usize;
    }
    let values = file.bytes(size)?;
    file.end()?;
    Ok((dims, values))
}
