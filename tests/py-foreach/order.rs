//! Declared order is law: whatever finishes first, output, logs and records are those of a serial run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use test_support::patience::{self, Lines};
use test_support::{pythons, scratch};

use crate::gate::Gate;
use crate::running::Running;
use crate::tool;

/// A job that says something, waits for its gate, says more, and says that it is done.
const JOB: &str = r#"echo "$MULTIBUILD_ID begins"; echo "$MULTIBUILD_ID warns" >&2
    read x < "$GATES/$MULTIBUILD_ID"; printf '%s ends' "$MULTIBUILD_ID"; echo > "$GATES/done""#;

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (at, &first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(at);
        for mut tail in permutations(&rest) {
            tail.insert(0, first);
            all.push(tail);
        }
    }
    all
}

fn logs_of(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn every_finishing_order_of_four_jobs_gives_the_same_bytes() {
    let mut serial = None;
    for (round, order) in permutations(&[0, 1, 2, 3]).into_iter().enumerate() {
        let dir = scratch();
        let names = ["w", "x", "y", "z"];
        let gates = names.map(|name| Gate::new(dir.path(), name));
        let done = Gate::new(dir.path(), "done");
        let logs = dir.path().join("logs");
        // The first round is the serial one.
        let jobs = if round == 0 { "-j1" } else { "-j4" };
        let run = tool()
            .args([jobs, "--variants", "w x y z", "--log-dir"])
            .arg(&logs)
            .env("GATES", dir.path())
            .args(["sh", "-c", JOB]);
        let run = Running::start(run);
        for job in order.clone() {
            gates[job].open(1);
            done.line();
        }
        let outcome = run.end().expect(0);
        assert_eq!(outcome.stderr, "");
        let result = (outcome.stdout, logs_of(&logs));
        assert!(
            result.0.starts_with("w begins\nw warns\nw endsx begins\n"),
            "{}",
            result.0
        );
        assert_eq!(
            &result,
            serial.get_or_insert(result.clone()),
            "finished as {order:?}"
        );
    }
}

#[test]
fn every_finishing_order_of_four_pythons_gives_the_same_records() {
    let test = "every_finishing_order_of_four_pythons_gives_the_same_records";
    let Some(pythons) = pythons::newest(test, 4) else {
        return;
    };
    let paths: Vec<_> = pythons.iter().map(|p| p.path.to_str().unwrap()).collect();
    for order in permutations(&[0, 1, 2, 3]).into_iter().step_by(5) {
        let dir = scratch();
        let gates: Vec<_> = pythons
            .iter()
            .map(|p| p.epython.replace('.', "_"))
            .collect();
        let gates: Vec<_> = gates
            .iter()
            .map(|name| Gate::new(dir.path(), name))
            .collect();
        let done = Gate::new(dir.path(), "done");
        let images = dir.path().join("images");
        let run = tool()
            .args(["-j4", "-i", &paths.join(","), "--images"])
            .arg(&images)
            .env("GATES", dir.path())
            .args(["sh", "-c", JOB]);
        let run = Running::start(run);
        for job in order {
            gates[job].open(1);
            done.line();
        }
        let outcome = run.end().expect(0);
        let records = pythons
            .iter()
            .map(|p| format!("{}\t{}\n", p.epython, images.join(&p.epython).display()));
        let records: String = records.chain(["end\t0\n".to_owned()]).collect();
        assert_eq!(outcome.stdout, records);
        let first = pythons[0].epython.replace('.', "_");
        assert!(
            outcome.stderr.starts_with(&format!("{first} begins\n")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn the_first_unfinished_streams_and_the_others_wait() {
    let dir = scratch();
    let (first, second) = (Gate::new(dir.path(), "a"), Gate::new(dir.path(), "b"));
    let done = Gate::new(dir.path(), "done");
    let mut command = tool()
        .args(["-j2", "--variants", "a b"])
        .env("GATES", dir.path())
        .args(["sh", "-c", JOB])
        .into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    let next = || lines.next_line();
    // They are here while the job still waits at its gate.
    assert_eq!(
        (next(), next()),
        ("a begins".to_owned(), "a warns".to_owned())
    );
    second.open(1);
    done.line();
    first.open(1);
    // Had the second been shown when it was done, it would stand here.
    assert_eq!(next(), "a endsb begins");
    assert_eq!(
        (next(), next()),
        ("b warns".to_owned(), "b ends".to_owned())
    );
    assert!(patience::end(child, "py-foreach").status.success());
}

#[test]
fn a_record_is_there_while_the_next_still_builds() {
    let test = "a_record_is_there_while_the_next_still_builds";
    let Some(pythons) = pythons::newest(test, 2) else {
        return;
    };
    let dir = scratch();
    let target = |at: usize| pythons[at].epython.replace('.', "_");
    let gates = [target(0), target(1)].map(|name| Gate::new(dir.path(), &name));
    let done = Gate::new(dir.path(), "done");
    let paths: Vec<_> = pythons.iter().map(|p| p.path.to_str().unwrap()).collect();
    let mut command = tool()
        .args(["-j2", "-i", &paths.join(","), "--images"])
        .arg(dir.path().join("images"))
        .env("GATES", dir.path())
        .args(["sh", "-c", JOB])
        .into_command();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    let next = || lines.next_line();
    gates[0].open(1);
    assert!(next().starts_with(&format!("{}\t/", pythons[0].epython)));
    gates[1].open(1);
    assert!(next().starts_with(&format!("{}\t/", pythons[1].epython)));
    assert_eq!(next(), "end\t0");
    assert!(patience::end(child, "py-foreach").status.success());
    drop(done);
}

#[test]
fn an_image_of_a_failed_job_is_not_handed_on() {
    let Some(pythons) = pythons::newest("an_image_of_a_failed_job_is_not_handed_on", 3) else {
        return;
    };
    let dir = scratch();
    let paths: Vec<_> = pythons.iter().map(|p| p.path.to_str().unwrap()).collect();
    let images = dir.path().join("images");
    let outcome = tool()
        .args(["-i", &paths.join(","), "--images"])
        .arg(&images)
        .env("BAD", &pythons[1].epython)
        .args(["sh", "-c", r#"test "$EPYTHON" != "$BAD" || exit 3"#])
        .run()
        .expect(3);
    let line = |at: usize| {
        let name = &pythons[at].epython;
        format!("{name}\t{}\n", images.join(name).display())
    };
    assert_eq!(outcome.stdout, format!("{}{}end\t3\n", line(0), line(2)));
}
