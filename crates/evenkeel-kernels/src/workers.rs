//! The threads that share a kernel's work, and their memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder, Yield};

use crate::memory::Memory;

/// How long a thread waits for work before it goes to sleep: longer than what a training step does between two
/// kernels.
const PATIENCE: Duration = Duration::from_micros(300);

/// How long it does so at most: another caller may be waiting for it to come back.
const SHIFT: Duration = Duration::from_millis(10);

/// A number of threads. Work is cut into pieces by its shape alone, never by the number of threads,
/// so that a result is the same to the bit however many there are.
#[derive(Clone)]
pub struct Workers {
    /// None where the caller's own thread does it all.
    pool: Option<Arc<Pool>>,
    memory: Memory,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Workers({})", self.threads())
    }
}

impl Default for Workers {
    fn default() -> Self {
        Self::one()
    }
}

impl Workers {
    /// The caller's own thread.
    pub fn one() -> Self {
        Self {
            pool: None,
            memory: Memory::default(),
        }
    }

    /// `threads` threads; 0 and 1 are the caller's own.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn new(threads: usize) -> Result<Self, ThreadPoolBuildError> {
        if threads < 2 {
            return Ok(Self::one());
        }
        let threads = ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(Self {
            pool: Some(Arc::new(Pool {
                threads,
                awake: Arc::default(),
            })),
            memory: Memory::default(),
        })
    }

    /// Memory for results and for work in progress.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.pool
            .as_ref()
            .map_or(1, |pool| pool.threads.current_num_threads())
    }

    /// Runs `work` on one of the threads, from where handing out pieces costs the least: a training
    /// loop does best to run in here as a whole.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            None => work(),
            Some(pool) => pool.threads.install(work),
        }
    }

    /// Does `task(0)` to `task(count - 1)` and returns what they give, in their order.
    pub fn map<R: Send>(&self, count: usize, task: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        match &self.pool {
            Some(pool) if count > 1 => pool.share(|| {
                (0..count)
                    .into_par_iter()
                    .with_max_len(1)
                    .map(task)
                    .collect()
            }),
            _ => (0..count).map(task).collect(),
        }
    }

    /// Hands each chunk of `length` numbers of `output` to `task`, with its index.
    pub fn chunks(
        &self,
        output: &mut [f32],
        length: usize,
        task: impl Fn(usize, &mut [f32]) + Sync + Send,
    ) {
        self.chunks_with(output, length, task);
    }

    /// As [`Workers::chunks`], and returns what each task gives, in their order.
    pub fn chunks_with<R: Send>(
        &self,
        output: &mut [f32],
        length: usize,
        task: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
    ) -> Vec<R> {
        let length = length.max(1);
        let task = |(index, chunk): (usize, &mut [f32])| task(index, chunk);
        match &self.pool {
            Some(pool) if output.len() > length => pool.share(|| {
                let chunks = output.par_chunks_mut(length).with_max_len(1);
                chunks.enumerate().map(task).collect()
            }),
            _ => output.chunks_mut(length).enumerate().map(task).collect(),
        }
    }

    /// Hands each of the parts, which may hold what is to be written to, to `task`.
    pub fn each<T: Send>(&self, parts: impl Iterator<Item = T>, task: impl Fn(T) + Sync + Send) {
        match &self.pool {
            Some(pool) => {
                let parts: Vec<T> = parts.collect();
                pool.share(|| parts.into_par_iter().with_max_len(1).for_each(task));
            }
            None => parts.for_each(task),
        }
    }

    /// The caller's own thread with the same memory: for what is done within a task.
    pub fn alone(&self) -> Self {
        Self {
            pool: None,
            memory: self.memory.clone(),
        }
    }
}

/// Threads that wait for the next piece of work with open eyes: to wake one takes longer than many a piece.
struct Pool {
    threads: ThreadPool,
    /// How many of them are awake, beside the one that shares work out.
    awake: Arc<AtomicUsize>,
}

impl Pool {
    /// Does work that has pieces for all.
    fn share<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.install(|| {
            self.stay_awake();
            work()
        })
    }

    /// Has the other threads stay awake from now on, if none does.
    fn stay_awake(&self) {
        let caller = rayon::current_thread_index();
        let others = self.threads.current_num_threads() - 1;
        let asleep = self
            .awake
            .compare_exchange(0, others, Ordering::Relaxed, Ordering::Relaxed);
        if asleep.is_err() {
            return;
        }
        let awake = self.awake.clone();
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == caller {
                return;
            }
            let start = Instant::now();
            let mut idle = start;
            while idle.elapsed() < PATIENCE && start.elapsed() < SHIFT {
                match rayon::yield_now() {
                    Some(Yield::Executed) => idle = Instant::now(),
                    _ => std::hint::spin_loop(),
                }
            }
            awake.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_share_threads_all_get_their_work_done() {
        let workers = Workers::new(2).unwrap();
        let sum = || {
            (0..2000)
                .map(|round| workers.map(3, |piece| piece + round).len())
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
