//! What kernels need of vector instructions: which set to use, loads and stores of rows,
//! prefetching, `e^x`.

pub(crate) mod columns;
pub(crate) mod exponential;
pub mod instruction_set;
pub(crate) mod prefetch;
pub(crate) mod registers;
