//! How long a test waits for what must come: a broken product is to show as red and not as a hang.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Output};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// For a whole run. Generous: it may build packages, on a machine that others use too.
pub const RUN: Duration = Duration::from_secs(600);

/// For a line of output.
pub const LINE: Duration = Duration::from_secs(60);

/// Waits for the end of `child`, which `what` names, and reads what it says meanwhile.
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
    let stdout = child.stdout.take().map(gather);
    let stderr = child.stderr.take().map(gather);
    let left = || until.saturating_duration_since(Instant::now());
    let whole = |stream: Option<Receiver<Vec<u8>>>| match stream {
        Some(stream) => stream.recv_timeout(left()).ok(),
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

fn gather(mut stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the tool's output");
        drop(tell.send(bytes));
    });
    told
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
    fn what_does_not_end_is_red() {
        let child = Command::new("sleep").arg("1000").spawn();
        end_within(child.expect("a sleep"), "a sleep", SHORT);
    }

    #[test]
    fn a_line_that_does_not_come_is_red() {
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
    fn all_that_is_said_is_read() {
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
