//! The thread pool that kernels share, and the buffers they reuse from step to step.

pub mod buffer_pool;
mod shelves;
mod spinning;
pub mod thread_pool;

pub use buffer_pool::{BufferPool, CACHE_LINE, Line, PooledBuffer};
pub use thread_pool::ThreadPool;
