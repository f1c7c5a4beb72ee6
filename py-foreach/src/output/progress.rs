//! How far each job's log has grown, and which jobs have ended: the jobs' threads tell the thread that shows.

use std::ops::Range;
use std::sync::{Condvar, Mutex, PoisonError};

use common::lock;

/// The progress of all logs, in declared order.
#[derive(Debug)]
pub(crate) struct LogProgress {
    jobs: Mutex<Vec<JobProgress>>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct JobProgress {
    /// Where in the log the job's bytes begin, and where they end so far.
    begin: u64,
    end: u64,
    over: Option<Over>,
}

/// A job has ended: nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Its record may be handed on.
    Success,
    Failure,
}

/// What there is to do for a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// These bytes of the log are to be shown.
    Grown(Range<u64>),
    /// All is shown.
    Over(Over),
}

impl LogProgress {
    pub(crate) fn new(jobs: usize) -> Self {
        Self {
            jobs: Mutex::new(vec![JobProgress::default(); jobs]),
            changed: Condvar::new(),
        }
    }

    /// The log of `job` has been opened, and this job's bytes begin at `begin`.
    pub(crate) fn opened(&self, job: usize, begin: u64) {
        let progress = &mut lock(&self.jobs)[job];
        (progress.begin, progress.end) = (begin, begin);
    }

    /// So many bytes more are in the log of `job`.
    pub(crate) fn grew(&self, job: usize, bytes: usize) {
        lock(&self.jobs)[job].end += bytes as u64;
        self.changed.notify_all();
    }

    /// `job` has ended.
    pub(crate) fn over(&self, job: usize, over: Over) {
        lock(&self.jobs)[job].over = Some(over);
        self.changed.notify_all();
    }

    /// The place of this job's bytes in its log.
    pub(crate) fn printed(&self, job: usize) -> Range<u64> {
        let progress = lock(&self.jobs)[job];
        progress.begin..progress.end
    }

    /// How `job` ended; `None` while it has not.
    pub(crate) fn ended(&self, job: usize) -> Option<Over> {
        lock(&self.jobs)[job].over
    }

    /// Waits until one of `jobs` has something to show, or has ended: the first in line behind the job `last`.
    ///
    /// `shown` says how many bytes of each job have been shown; `None` for a job whose end has been reported. At
    /// least one of `jobs` must be open.
    pub(crate) fn wait(
        &self,
        last: usize,
        jobs: &Range<usize>,
        shown: &[Option<u64>],
    ) -> (usize, News) {
        let in_line = || {
            (last + 1..shown.len())
                .chain(0..=last)
                .filter(|job| jobs.contains(job))
        };
        let mut all = lock(&self.jobs);
        loop {
            let news = in_line().find_map(|job| Some((job, all[job].news(shown[job]?)?)));
            if let Some(news) = news {
                return news;
            }
            all = self
                .changed
                .wait(all)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl JobProgress {
    /// What there is to do beyond the `shown` bytes.
    fn news(&self, shown: u64) -> Option<News> {
        let from = self.begin + shown;
        if self.end > from {
            return Some(News::Grown(from..self.end));
        }
        self.over.map(News::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_take_turns() {
        let progress = LogProgress::new(3);
        for job in [0, 1] {
            progress.grew(job, 5);
        }
        let turn = |last, shown: [Option<u64>; 3]| progress.wait(last, &(0..3), &shown).0;
        assert_eq!(turn(2, [Some(0), Some(0), Some(0)]), 0);
        assert_eq!(turn(0, [Some(1), Some(0), Some(0)]), 1);
        assert_eq!(turn(1, [Some(1), Some(5), Some(0)]), 0);
        progress.over(2, Over::Failure);
        assert_eq!(turn(1, [Some(1), Some(5), Some(0)]), 2);
        assert_eq!(turn(2, [Some(5), Some(4), None]), 1);
    }

    #[test]
    fn bytes_come_before_the_end() {
        let progress = LogProgress::new(2);
        progress.opened(1, 10);
        progress.grew(1, 5);
        progress.over(1, Over::Success);
        let wait = |shown| progress.wait(0, &(1..2), &[Some(0), Some(shown)]).1;
        assert_eq!(wait(0), News::Grown(10..15));
        assert_eq!(wait(5), News::Over(Over::Success));
    }
}
