//! Time limits for everything that a test waits for, so that a broken tool fails the test and does not hang it.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Output};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// For a state that comes in a moment, on a busy machine.
pub const STATE: Duration = Duration::from_secs(30);

/// For a whole run, which may build packages on a busy machine.
pub const RUN: Duration = Duration::from_secs(600);

/// For a line of output.
pub const LINE: Duration = Duration::from_secs(60);

/// Waits for the end of `child`, which `what` names in the message, and reads its output.
///
/// # Panics
/// When it does not end in [`RUN`], or its streams stay open as long; then it is killed.
#[track_caller]
pub fn end(child: Child, what: &str) -> Output {
    end_within(child, what, RUN)
}

#[track_caller]
fn end_within(mut child: Child, what: &str, patience: Duration) -> Output {
    let until = Instant::now() + patience;
    let stdout = child.stdout.take().map(Stream::of);
    let stderr = child.stderr.take().map(Stream::of);
    let left = || until.saturating_duration_since(Instant::now());
    let whole = |stream: Option<Stream>| match stream {
        Some(stream) => stream.whole(left()),
        None => Some(Vec::new()),
    };
    let said = (whole(stdout), whole(stderr));
    loop {
        let status = child.try_wait().expect("the tool ends");
        if let (Some(status), (Some(stdout), Some(stderr))) = (status, &said) {
            let (stdout, stderr) = (stdout.clone(), stderr.clone());
            return Output {
                status,
                stdout,
                stderr,
            };
        }
        if left().is_zero() {
            drop(child.kill());
            let ended = status.map_or("still runs", |_| "ended, and its output is held open");
            panic!("waited in vain for {what}, {patience:?}: it {ended}");
        }
        // Its streams are at their end: it is, too, in a moment.
        thread::sleep(Duration::from_millis(1));
    }
}

/// A stream that a thread reads, so that the writer never waits.
#[derive(Debug)]
pub struct Stream {
    said: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<io::Result<()>>,
}

impl Stream {
    /// Reads `stream` to its end.
    pub fn of(mut stream: impl Read + Send + 'static) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (tell, ended) = mpsc::channel();
        let all = Arc::clone(&said);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            let end = loop {
                match stream.read(&mut piece) {
                    Ok(0) => break Ok(()),
                    Ok(count) => lock(&all).extend_from_slice(&piece[..count]),
                    Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                    Err(cause) => break Err(cause),
                }
            };
            drop(tell.send(end));
        });
        Self { said, ended }
    }

    /// The bytes that have come so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<u8> {
        lock(&self.said).clone()
    }

    /// The whole stream, or none if it does not end in `patience`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn whole(self, patience: Duration) -> Option<Vec<u8>> {
        let end = self.ended.recv_timeout(patience).ok()?;
        end.expect("the tool's output");
        Some(std::mem::take(&mut *lock(&self.said)))
    }
}

fn lock(said: &Mutex<Vec<u8>>) -> std::sync::MutexGuard<'_, Vec<u8>> {
    // Each change is whole in itself.
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work`, which may wait for the tool. `what` names it in the message.
///
/// # Panics
/// When it panics, or takes longer than [`RUN`].
#[track_caller]
pub fn done<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    done_within(what, RUN, work)
}

#[track_caller]
fn done_within<T: Send + 'static>(
    what: &str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || drop(tell.send(work())));
    match told.recv_timeout(patience) {
        Ok(done) => done,
        Err(why) => panic!("waited in vain for {what}, {patience:?}: {why}"),
    }
}

/// Waits until `done` is true. `what` names it in the message.
///
/// # Panics
/// When it is not true in [`STATE`].
#[track_caller]
pub fn until(what: &str, done: impl FnMut() -> bool) {
    until_within(what, STATE, done);
}

/// Waits until `done` is true. `what` names it in the message.
///
/// # Panics
/// When it is not true in `patience`.
#[track_caller]
pub fn until_within(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < patience, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The lines of a stream as they come.
#[derive(Debug)]
pub struct Lines(Receiver<io::Result<String>>);

impl Lines {
    /// Reads `stream` to its end.
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self(told)
    }

    /// The next line, without its newline.
    ///
    /// # Panics
    /// When none comes in [`LINE`], or the stream has ended.
    #[track_caller]
    #[must_use]
    pub fn next_line(&self) -> String {
        self.within(LINE)
    }

    /// The lines that are left, to the end of the stream.
    ///
    /// # Panics
    /// When the end does not come in [`RUN`].
    #[track_caller]
    #[must_use]
    pub fn rest(self) -> Vec<String> {
        let until = Instant::now() + RUN;
        let mut lines = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.0.recv_timeout(left) {
                Ok(line) => lines.push(line.expect("a line of text")),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("waited in vain for the last line, {RUN:?}")
                }
            }
        }
    }

    #[track_caller]
    fn within(&self, patience: Duration) -> String {
        match self.0.recv_timeout(patience) {
            Ok(line) => line.expect("a line of text"),
            Err(why) => panic!("waited in vain for a line, {patience:?}: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    #[should_panic(expected = "waited in vain for a sleep, 50ms: it still runs")]
    fn a_process_that_does_not_end_fails_the_test() {
        let child = Command::new("sleep").arg("1000").spawn();
        end_within(child.expect("a sleep"), "a sleep", SHORT);
    }

    #[test]
    fn a_line_that_does_not_come_fails_the_test() {
        let mut cat = Command::new("cat");
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut cat = cat.expect("cat");
        let mut stdin = cat.stdin.take().expect("a pipe");
        stdin.write_all(b"here\nhal").expect("room");
        let lines = Lines::of(cat.stdout.take().expect("a pipe"));
        assert_eq!(lines.next_line(), "here");
        let waits = thread::spawn(move || lines.within(SHORT));
        assert!(waits.join().is_err(), "half a line came");
        drop(stdin);
        assert!(cat.wait().expect("cat").success());
    }

    #[test]
    #[should_panic(expected = "waited in vain for a byte, 50ms: timed out")]
    fn work_that_does_not_end_fails_the_test() {
        let (_tell, told) = mpsc::channel::<()>();
        done_within("a byte", SHORT, move || told.recv().is_ok());
    }

    #[test]
    fn a_stream_that_is_held_open_is_not_whole() {
        let mut cat = Command::new("cat");
        let cat = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut cat = cat.expect("cat");
        let mut stdin = cat.stdin.take().expect("a pipe");
        stdin.write_all(b"here").expect("room");
        let stream = Stream::of(cat.stdout.take().expect("a pipe"));
        until("it is here", || stream.so_far() == b"here");
        assert_eq!(stream.whole(SHORT), None);
        drop(stdin);
        assert!(cat.wait().expect("cat").success());
    }

    #[test]
    fn the_rest_is_all_further_lines() {
        let lines = Lines::of(&b"a\nb\nc"[..]);
        assert_eq!(lines.next_line(), "a");
        assert_eq!(lines.rest(), ["b", "c"]);
    }

    #[test]
    fn the_whole_output_is_read() {
        let child = Command::new("sh")
            .args(["-c", "head -c 300000 /dev/zero; echo x >&2; exit 3"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let output = end(child.expect("a shell"), "a shell");
        assert_eq!(
            (output.stdout.len(), &output.stderr[..]),
            (300_000, &b"x\n"[..])
        );
        assert_eq!(output.status.code(), Some(3));
    }
}
