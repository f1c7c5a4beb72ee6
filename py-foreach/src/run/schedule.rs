//! Which job is next, and when no more are to start: plain values.

/// The jobs by their numbers in declared order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    total: usize,
    next: usize,
    running: usize,
    at_once: usize,
    closed: bool,
}

impl Schedule {
    /// `at_once`: the most that may run at the same time.
    pub(crate) fn new(total: usize, at_once: usize) -> Self {
        Self {
            total,
            next: 0,
            running: 0,
            at_once,
            closed: false,
        }
    }

    /// The job that would start next, if the rest allows it.
    pub(crate) fn next(&self) -> Option<usize> {
        let room = self.running < self.at_once;
        (!self.closed && room && self.next < self.total).then_some(self.next)
    }

    pub(crate) fn started(&mut self) {
        self.next += 1;
        self.running += 1;
    }

    pub(crate) fn ended(&mut self) {
        self.running -= 1;
    }

    /// Nothing more starts.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// The jobs that will never start.
    pub(crate) fn never(&self) -> std::ops::Range<usize> {
        if self.closed {
            self.next..self.total
        } else {
            0..0
        }
    }

    /// Whether nothing runs and nothing will.
    pub(crate) fn is_over(&self) -> bool {
        self.running == 0 && (self.closed || self.next == self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_start_in_order_and_never_too_many() {
        let mut schedule = Schedule::new(3, 2);
        assert_eq!(schedule.next(), Some(0));
        schedule.started();
        assert_eq!(schedule.next(), Some(1));
        schedule.started();
        assert_eq!(schedule.next(), None);
        schedule.ended();
        assert_eq!(schedule.next(), Some(2));
        assert!(!schedule.is_over() && schedule.never().is_empty());
    }

    #[test]
    fn what_is_closed_starts_nothing_and_waits_for_the_rest() {
        let mut schedule = Schedule::new(3, 2);
        schedule.started();
        schedule.close();
        assert_eq!(schedule.next(), None);
        assert_eq!(schedule.never(), 1..3);
        assert!(!schedule.is_over());
        schedule.ended();
        assert!(schedule.is_over());
    }
}
