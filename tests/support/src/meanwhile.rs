//! Repeats an action while another one runs.

use std::sync::atomic::{AtomicBool, Ordering};

/// Repeats `again` in a thread while `work` runs. It also ends if `work` panics, so a test that fails does not hang.
pub fn meanwhile<T>(mut again: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends_with_us = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                again();
            }
        });
        work()
    })
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn it_repeats_until_the_work_is_done() {
        let (tell, told) = channel();
        let third = meanwhile(
            || tell.send(()).expect("it is heard"),
            || told.iter().take(3).count(),
        );
        assert_eq!(third, 3);
    }

    #[test]
    #[should_panic(expected = "the work fails")]
    fn it_ends_if_the_work_fails() {
        meanwhile(std::thread::yield_now, || panic!("the work fails"));
    }
}
