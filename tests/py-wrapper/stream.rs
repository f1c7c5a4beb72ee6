//! Images as they come in a stream of records.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use test_support::patience::{self, Lines};
use test_support::{Tool, lay, listing, scratch};

fn tool() -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper")).args(["--images-from=-", "-q"])
}

fn image(root: &Path, name: &str, line: &str) -> String {
    let path = root.join(name);
    lay(&path, &format!("usr/bin/foo 755 \"{line}\""));
    format!("{name}\t{}\n", path.display())
}

#[test]
fn each_record_is_passed_on_and_the_wrappers_are_equal() {
    let root = scratch();
    let mut stream = image(root.path(), "python3.11", "#!/usr/bin/python3.11\\n");
    stream += &image(root.path(), "python3.12", "#!/usr/bin/env python3\\n");
    stream += &image(root.path(), "pypy3", "#!/usr/bin/pypy3\\n");
    stream += "end\t0\n";
    let run = tool()
        .env("SOURCE_DATE_EPOCH", "1000000")
        .stdin(stream.clone())
        .run()
        .expect(0);
    assert_eq!((run.stdout, run.stderr.as_str()), (stream, ""));
    let wrapper = |name: &str| fs::read(root.path().join(name).join("usr/bin/foo")).unwrap();
    assert_eq!(wrapper("python3.11"), wrapper("python3.12"));
    assert_eq!(wrapper("python3.11"), wrapper("pypy3"));
    let data = fs::metadata(root.path().join("pypy3/usr/bin/foo")).unwrap();
    let time = data
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(time.as_nanos(), 1_000_000_000_000_000);
}

#[test]
fn a_record_is_passed_on_before_the_next_one_arrives() {
    let root = scratch();
    let first = image(root.path(), "python3.11", "#!python\\n");
    let mut command = tool().into_command();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let stdout = Lines::of(child.stdout.take().unwrap());
    stdin.write_all(first.as_bytes()).unwrap();
    // Nothing more is written before this line is there: a tool that waits for the end hangs here.
    assert_eq!(format!("{}\n", stdout.next_line()), first);
    stdin.write_all(b"end\t0\n").unwrap();
    drop(stdin);
    assert_eq!(stdout.next_line(), "end\t0");
    assert!(patience::end(child, "py-wrapper").status.success());
}

#[test]
fn the_record_of_a_refused_image_is_not_passed_on() {
    let root = scratch();
    let refused = image(root.path(), "python3.11", "#!/usr/bin/python3.12\\n");
    let good = image(root.path(), "python3.12", "#!/usr/bin/python3.12\\n");
    let run = tool()
        .stdin(format!("{refused}{good}end\t0\n"))
        .run()
        .expect(1);
    assert_eq!(run.stdout, format!("{good}end\t1\n"));
    let script = root.path().join("python3.11/usr/bin/foo");
    run.complains(&format!(
        "wrap {}: its first line names python3.12",
        script.display()
    ));
    let missing = format!("python3.13\t{}/none\n", root.path().display());
    let run = tool()
        .stdin(format!("{missing}{good}end\t0\n"))
        .run()
        .expect(2);
    assert_eq!(run.stdout, format!("{good}end\t2\n"));
    run.complains("none: no such file or directory");
}

#[test]
fn a_failure_of_the_stream_is_reported_after_the_work() {
    for (end, handed_on, words) in [
        ("end\t3\n", "end\t3\n", "ends with status 3"),
        ("", "end\t2\n", "without its end line"),
        ("nonsense\n", "end\t2\n", "line 2: a record has no tab"),
    ] {
        let root = scratch();
        let record = image(root.path(), "python3.11", "#!/usr/bin/python3.11\\n");
        let run = tool().stdin(format!("{record}{end}")).run().expect(2);
        assert_eq!(run.stdout, format!("{record}{handed_on}"));
        run.complains(words);
    }
    let root = scratch();
    let record = image(root.path(), "python3.11", "#!/usr/bin/python3.11\\n");
    tool().arg("--no-end").stdin(record).run().expect(0);
}

#[test]
fn nothing_more_starts_when_the_reader_is_gone() {
    let root = scratch();
    let mut stream = image(root.path(), "python3.11", "#!/usr/bin/python3.11\\n");
    stream += &image(root.path(), "python3.12", "#!/usr/bin/python3.12\\n");
    let second = listing(&root.path().join("python3.12"));
    let mut child = tool()
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(stream.as_bytes()).unwrap();
    drop(stdin);
    let output = patience::end(child, "py-wrapper");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard output: broken pipe"), "{said}");
    assert_eq!(listing(&root.path().join("python3.12")), second);
}

#[test]
fn a_dry_run_changes_nothing_and_passes_nothing_on() {
    let root = scratch();
    let record = image(root.path(), "python3.11", "#!/usr/bin/env python3\\n");
    let before = listing(root.path());
    let run = tool()
        .arg("--dry-run")
        .stdin(format!("{record}end\t0\n"))
        .run()
        .expect(0);
    assert_eq!(
        run.stdout,
        "python3.11: wrap /usr/bin/foo as /usr/lib/python-exec/python3.11/foo for /usr/bin/python3.11\n"
    );
    assert_eq!(listing(root.path()), before);
}
