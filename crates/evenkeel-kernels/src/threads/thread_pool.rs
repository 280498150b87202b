//! Runs the tasks of a kernel on a fixed number of threads.

use std::fmt;
use std::sync::Arc;

use rayon::ThreadPoolBuildError;
use rayon::prelude::*;

use super::buffer_pool::BufferPool;
use super::spinning::SpinningPool;

/// Threads and the buffers that their tasks share. Clones share both.
///
/// Kernels split work into tasks by shape alone, never by the number of threads, so results are
/// bit-identical for any number of threads.
#[derive(Clone)]
pub struct ThreadPool {
    /// `None` when all tasks run on the caller's thread.
    threads: Option<Arc<SpinningPool>>,
    buffers: BufferPool,
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ThreadPool({})", self.threads())
    }
}

impl Default for ThreadPool {
    fn default() -> Self {
        Self::single()
    }
}

impl ThreadPool {
    /// A pool that runs every task on the caller's thread.
    pub fn single() -> Self {
        Self {
            threads: None,
            buffers: BufferPool::default(),
        }
    }

    /// A pool of `threads` threads; 0 and 1 mean the caller's thread.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        if threads < 2 {
            return Ok(Self::single());
        }
        Ok(Self {
            threads: Some(Arc::new(SpinningPool::new(threads)?)),
            buffers: BufferPool::default(),
        })
    }

    /// The buffers for results and intermediate values.
    pub fn buffers(&self) -> &BufferPool {
        &self.buffers
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads.as_ref().map_or(1, |pool| pool.threads())
    }

    /// Runs `work` on one of the threads. Distributing tasks from there is cheapest, so a training
    /// loop should run in here as a whole.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.threads {
            None => work(),
            Some(pool) => pool.install(work),
        }
    }

    /// Runs `task(0)` to `task(count - 1)` and returns their results in order.
    pub fn map<R: Send>(&self, count: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        match &self.threads {
            Some(pool) if count > 1 => pool.distribute(|| {
                (0..count)
                    .into_par_iter()
                    .with_max_len(1)
                    .map(task)
                    .collect()
            }),
            _ => (0..count).map(task).collect(),
        }
    }

    /// Runs `task(index, chunk)` for each chunk of `length` numbers of `output`.
    pub fn for_each_chunk(
        &self,
        output: &mut [f32],
        length: usize,
        task: impl Fn(usize, &mut [f32]) + Sync + Send,
    ) {
        self.map_chunks(output, length, task);
    }

    /// As [`ThreadPool::for_each_chunk`]; returns the results of the tasks in order.
    pub fn map_chunks<R: Send>(
        &self,
        output: &mut [f32],
        length: usize,
        task: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
    ) -> Vec<R> {
        let length = length.max(1);
        let task = |(index, chunk): (usize, &mut [f32])| task(index, chunk);
        match &self.threads {
            Some(pool) if output.len() > length => pool.distribute(|| {
                let chunks = output.par_chunks_mut(length).with_max_len(1);
                chunks.enumerate().map(task).collect()
            }),
            _ => output.chunks_mut(length).enumerate().map(task).collect(),
        }
    }

    /// Runs `task` on each item; items may hold the slices that a task writes.
    pub fn for_each<T: Send>(
        &self,
        items: impl Iterator<Item = T>,
        task: impl Fn(T) + Sync + Send,
    ) {
        match &self.threads {
            Some(pool) => {
                let items: Vec<T> = items.collect();
                pool.distribute(|| items.into_par_iter().with_max_len(1).for_each(task));
            }
            None => items.for_each(task),
        }
    }

    /// A pool with the same buffers that runs on the caller's thread: for kernels called within a
    /// task.
    pub fn within_task(&self) -> Self {
        Self {
            threads: None,
            buffers: self.buffers.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_callers_all_complete() {
        let pool = ThreadPool::new(2).unwrap();
        let sum = || {
            (0..2000)
                .map(|round| pool.map(3, |task| task + round).len())
                .sum()
        };
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..3).map(|_| scope.spawn(sum)).collect();
            for caller in callers {
                let sum: usize = caller.join().unwrap();
                assert_eq!(sum, 6000);
            }
        });
    }
}
