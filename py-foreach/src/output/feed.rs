//! What the jobs' threads tell the one that shows: how far each log has grown, and who has ended.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The logs of all jobs, in declared order.
#[derive(Debug)]
pub(crate) struct Feeds {
    feeds: Mutex<Vec<Feed>>,
    changed: Condvar,
}

#[derive(Debug, Clone, Default)]
struct Feed {
    log: Option<PathBuf>,
    /// Where in the log the job's bytes begin, and where they end so far.
    begin: u64,
    end: u64,
    over: Option<Over>,
}

/// Nothing more comes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It succeeded: its record may be handed on.
    Good,
    Bad,
}

/// What there is to do for a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The log has bytes from the position shown up to this one.
    Grown { log: PathBuf, from: u64, to: u64 },
    /// All is shown.
    Over(Over),
}

impl Feeds {
    pub(crate) fn new(jobs: usize) -> Self {
        Self {
            feeds: Mutex::new(vec![Feed::default(); jobs]),
            changed: Condvar::new(),
        }
    }

    /// The log of `job` has been opened, and this job's bytes begin at `begin`.
    pub(crate) fn opened(&self, job: usize, log: &Path, begin: u64) {
        let mut feeds = self.lock();
        feeds[job].log = Some(log.to_owned());
        feeds[job].begin = begin;
        feeds[job].end = begin;
    }

    /// So many bytes more are in the log of `job`.
    pub(crate) fn grew(&self, job: usize, bytes: usize) {
        self.lock()[job].end += bytes as u64;
        self.changed.notify_all();
    }

    /// Nothing more comes of `job`.
    pub(crate) fn over(&self, job: usize, over: Over) {
        self.lock()[job].over = Some(over);
        self.changed.notify_all();
    }

    /// Nothing more comes of any job: whoever waits for one need not.
    pub(crate) fn all_over(&self) {
        for feed in self.lock().iter_mut() {
            feed.over.get_or_insert(Over::Bad);
        }
        self.changed.notify_all();
    }

    /// Where the bytes of `job` begin in its log.
    pub(crate) fn begin(&self, job: usize) -> u64 {
        self.lock()[job].begin
    }

    /// Whether `job` succeeded; nothing while that is open.
    pub(crate) fn success(&self, job: usize) -> Option<bool> {
        self.lock()[job].over.map(|over| over == Over::Good)
    }

    /// How much `job` has printed, in bytes.
    pub(crate) fn printed(&self, job: usize) -> u64 {
        let feeds = self.lock();
        feeds[job].end - feeds[job].begin
    }

    /// Waits for something to show of `job` beyond the `shown` bytes, or for its end.
    pub(crate) fn wait(&self, job: usize, shown: u64) -> News {
        self.await_news(|feeds| feeds[job].news(shown))
    }

    /// Waits for something to show of any job, or for its end: the first in line behind the job `last`.
    ///
    /// `shown`: so many bytes of each have been shown; nothing for a job whose end has been told. At least
    /// one must be open.
    pub(crate) fn wait_for_any(&self, last: usize, shown: &[Option<u64>]) -> (usize, News) {
        let behind = || (last + 1..shown.len()).chain(0..=last);
        self.await_news(|feeds| behind().find_map(|job| Some((job, feeds[job].news(shown[job]?)?))))
    }

    fn await_news<T>(&self, news: impl Fn(&[Feed]) -> Option<T>) -> T {
        let mut feeds = self.lock();
        loop {
            if let Some(news) = news(&feeds) {
                return news;
            }
            feeds = self
                .changed
                .wait(feeds)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Feed>> {
        // Each change is a single store.
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// What there is to do beyond the `shown` bytes.
    fn news(&self, shown: u64) -> Option<News> {
        let from = self.begin + shown;
        match (&self.log, self.over) {
            (Some(log), _) if self.end > from => Some(News::Grown {
                log: log.clone(),
                from,
                to: self.end,
            }),
            (_, over) => over.map(News::Over),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn() {
        let feeds = Feeds::new(3);
        for job in [0, 1] {
            feeds.opened(job, Path::new("/l"), 0);
            feeds.grew(job, 5);
        }
        let turn = |last, shown: [Option<u64>; 3]| feeds.wait_for_any(last, &shown).0;
        assert_eq!(turn(2, [Some(0), Some(0), Some(0)]), 0);
        assert_eq!(turn(0, [Some(1), Some(0), Some(0)]), 1);
        assert_eq!(turn(1, [Some(1), Some(5), Some(0)]), 0);
        feeds.over(2, Over::Bad);
        assert_eq!(turn(1, [Some(1), Some(5), Some(0)]), 2);
        assert_eq!(turn(2, [Some(5), Some(4), None]), 1);
    }

    #[test]
    fn bytes_come_before_the_end() {
        let feeds = Feeds::new(2);
        feeds.opened(1, Path::new("/l"), 10);
        feeds.grew(1, 5);
        feeds.over(1, Over::Good);
        let grown = News::Grown {
            log: "/l".into(),
            from: 10,
            to: 15,
        };
        assert_eq!(feeds.wait(1, 0), grown);
        assert_eq!(feeds.wait(1, 5), News::Over(Over::Good));
        feeds.over(0, Over::Bad);
        assert_eq!(feeds.wait(0, 0), News::Over(Over::Bad));
    }
}
