//! Batches made ahead of need by a thread of their own. They are the same batches in the same order.

use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::Feed;
use crate::dataset::Batch;

/// Batches that wait: enough for a step to find one, few enough for large images.
const AHEAD: usize = 2;

/// A feed that works ahead.
#[derive(Debug)]
pub struct Prefetch {
    drawn: u64,
    waiting: Option<Receiver<Batch>>,
    worker: Option<JoinHandle<()>>,
}

impl Prefetch {
    /// Begins to work ahead.
    ///
    /// # Errors
    /// The system's, when it gives no thread.
    pub fn start(mut feed: Feed) -> io::Result<Self> {
        let drawn = feed.drawn();
        let (sender, receiver) = sync_channel(AHEAD);
        let work = move || while sender.send(feed.next_batch()).is_ok() {};
        let worker = Builder::new().name("batches".to_owned()).spawn(work);
        Ok(Self {
            drawn,
            waiting: Some(receiver),
            worker: Some(worker?),
        })
    }

    /// How many batches were taken. Those that wait do not count: a feed that is restored to this
    /// number begins with the first of them.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> Batch {
        self.drawn += 1;
        let next = self
            .waiting
            .as_ref()
            .and_then(|waiting| waiting.recv().ok());
        next.unwrap_or_else(|| self.fail())
    }

    /// The worker ends before this side does only by a panic, which goes on here.
    fn fail(&mut self) -> ! {
        let cause = self.worker.take().and_then(|worker| worker.join().err());
        resume_unwind(cause.unwrap_or_else(|| Box::new("no more batches")))
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        // Nobody receives any more, which ends the worker.
        self.waiting = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
