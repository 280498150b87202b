//! Matrix products: of gathered rows with a packed matrix, their gradient, and of small matrices in
//! place.

pub mod correlation;
pub mod matmul;
pub mod panels;
pub mod product;
pub mod strided_rows;
pub mod transpose;
