//! Matrix transposition.

/// Rows and columns of a block that stays in the cache.
const BLOCK: usize = 16;

/// Writes the transpose of a matrix with rows of `width` numbers.
///
/// # Panics
/// When `transposed` is shorter than the matrix.
pub fn transpose(matrix: &[f32], width: usize, transposed: &mut [f32]) {
    let rows = matrix.len() / width.max(1);
    for first in (0..rows).step_by(BLOCK) {
        for column in (0..width).step_by(BLOCK) {
            for row in first..rows.min(first + BLOCK) {
                let numbers = &matrix[row * width..][column..width.min(column + BLOCK)];
                let places = transposed[column * rows + row..].iter_mut().step_by(rows);
                places.zip(numbers).for_each(|(place, x)| *place = *x);
            }
        }
    }
}
