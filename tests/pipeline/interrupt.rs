//! After Ctrl-C in the middle of a build no process and no temporary file of the pipe is left.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use test_support::{patience, pythons};

use crate::bench::Bench;

/// A variable that marks the processes of this pipe, also those with another parent.
const MARK: &str = "PY_MULTIBUILD_TEST_PIPE";

#[test]
fn interrupting_the_pipe_leaves_no_process_and_no_temporary_file() {
    let Some(pythons) = pythons::newest("interrupting the pipe", 2) else {
        return;
    };
    let bench = Bench::new();
    bench.run("mkfifo started").expect(0);
    // The first job is done at once, so the other tools work, too. The second reports that it runs, and has a child in
    // another session.
    let script = format!(
        "py-foreach -j2 -i '{}' --images images -- bash -c '\
             mkdir -p \"$DESTDIR/usr/share\"; echo x > \"$DESTDIR/usr/share/x\"\n\
             [ $EPYTHON = {} ] && exit\n\
             setsid sleep 1000 & echo > started; sleep 1000; wait' \
         | py-wrapper --images-from=- | img-merge --method=move --images-from=- dest",
        pythons::paths(&pythons),
        pythons[0].epython
    );
    let mark = format!("{}", std::process::id());
    let mut command = bench.shell(&script).into_command();
    command.env(MARK, &mark).process_group(0);
    let pipe = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the pipe starts");
    let started = bench.path("started");
    let started = patience::done("the second job", move || fs::read_to_string(started));
    started.expect("it says that it runs");
    assert!(!marked(&mark).is_empty(), "the mark is seen");

    // What a terminal does on Ctrl-C: INT for the whole foreground group.
    let group = format!("-{}", pipe.id());
    let sent = Command::new("kill")
        .args(["-s", "INT", "--", &group])
        .status();
    assert!(sent.expect("kill runs").success());
    // The other tools end a moment after the shell and hold its stderr until then.
    let ended = patience::end(pipe, "the pipe");
    let said = String::from_utf8_lossy(&ended.stderr);
    let signal = ended.status.signal();
    assert_eq!(signal, Some(2), "the shell dies by INT: {said}");
    patience::until(&format!("all processes end: {said}"), || {
        marked(&mark).is_empty()
    });
    assert_eq!(bench.left_over(), [] as [&std::path::Path; 0], "{said}");
}

/// The processes that carry the mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let processes = fs::read_dir("/proc").expect("proc");
    let carries = |directory: &std::path::Path| {
        let environment = fs::read(directory.join("environ")).unwrap_or_default();
        environment
            .split(|b| *b == 0)
            .any(|variable| variable == wanted)
    };
    processes
        .flatten()
        .map(|entry| entry.path())
        .filter(|directory| carries(directory))
        .map(|directory| {
            let words = fs::read(directory.join("cmdline")).unwrap_or_default();
            format!(
                "{}: {}",
                directory.display(),
                String::from_utf8_lossy(&words)
            )
        })
        .collect()
}
