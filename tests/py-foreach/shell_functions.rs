//! Shell functions as jobs, and the variables that come back from them.

use std::fs;
use std::path::Path;
use std::process::Command;

use test_support::{Outcome, Tool, patience, scratch};

use crate::running::Running;
use crate::tool;

/// A py-foreach whose FILE holds `text`.
fn shell(root: &Path, text: &str, options: &[&str]) -> Tool {
    fs::write(root.join("env.bash"), text).expect("the file of functions");
    tool()
        .args(["-q", "--shell-env"])
        .arg(root.join("env.bash"))
        .args(options)
}

/// What bash prints when it sources `root/out` inside a function after `before`, and runs `after`.
fn sourced(root: &Path, before: &str, after: &str) -> String {
    let script = format!(
        "{before}\nf() {{ source {}; }}\nf\n{after}",
        root.join("out").display()
    );
    let said = Command::new("bash").args(["-c", &script]).output();
    let said = said.expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

fn run(tool: Tool, root: &Path, words: &[&str]) -> Outcome {
    tool.arg("--export-to")
        .arg(root.join("out"))
        .arg("--")
        .args(words)
        .run()
}

#[test]
fn a_function_has_its_helpers_arrays_and_options() {
    let root = scratch();
    let text = r#"
declare -a list=("a b" "c*")
declare -A map=([k]="v
w")
shopt -s extglob
helper() { printf '%s|' "$@" "${list[@]}" "${map[k]}" "$MULTIBUILD_VARIANT"; [[ xyy == x+(y) ]] && echo; }
build() { local BASHPID_OF=$BASHPID; helper "$@"; [[ $BASHPID == "$$" && $BASHPID_OF == "$$" ]]; }
"#;
    let said = shell(root.path(), text, &["--variants", "v1 v2"])
        .args(["--", "build", "{interpreter}", "it's"])
        .run()
        .expect(0);
    assert_eq!(
        said.stdout,
        "{interpreter}|it's|a b|c*|v\nw|v1|\n{interpreter}|it's|a b|c*|v\nw|v2|\n"
    );
}

#[test]
fn the_jobs_own_environment_wins_over_the_files() {
    let root = scratch();
    let text = "export TMPDIR=/nowhere MULTIBUILD_ID=x; mine=kept\n\
                build() { test -d \"$TMPDIR\" && echo $MULTIBUILD_ID $mine ${!_py_foreach*}; }\n";
    let said = shell(root.path(), text, &["--variants", "v1"])
        .args(["build"])
        .run()
        .expect(0);
    assert_eq!(said.stdout, "v1 kept\n");
}

#[test]
fn a_syntax_error_is_found_before_anything_runs() {
    let root = scratch();
    let text = format!(
        "touch {}\nbuild() {{ if; }}\n",
        root.path().join("ran").display()
    );
    let refused = shell(root.path(), &text, &["--variants", "v1"])
        .args(["build"])
        .run();
    refused
        .expect(125)
        .complains("env.bash: line 2: syntax error");
    assert!(!root.path().join("ran").exists());
    tool()
        .args([
            "--variants",
            "v1",
            "--shell-env",
            "/nonexistent.bash",
            "build",
        ])
        .run()
        .expect(125)
        .complains("py-foreach: read /nonexistent.bash: no such file or directory");
    shell(root.path(), "", &["--variants", "v1", "--export", "A B"])
        .args(["build"])
        .run()
        .expect(125)
        .complains("py-foreach: export A B: is no name of a variable");
}

#[test]
fn variables_come_back_as_from_a_loop() {
    let root = scratch();
    let before = "list=(before); declare -A wheels=([old]=1); last=none; same=same; short=(x y); kind=string; lost=1\n";
    let text = format!(
        "{before}build() {{
            list+=( \"$MULTIBUILD_VARIANT\" $'a\\nb' ); wheels[$MULTIBUILD_VARIANT]='x \"y\"'
            wheels[\"odd ] key\"]=\"it's\"; last=$MULTIBUILD_VARIANT; new=(1 2); short=(z); kind=(n m); unset lost; declare -gA newmap=([z]=1)
        }}\n"
    );
    let exports = [
        "list", "wheels", "last", "same", "new", "newmap", "missing", "short", "kind", "lost",
    ];
    let options: Vec<&str> = exports.iter().flat_map(|name| ["--export", name]).collect();
    let job = shell(root.path(), &text, &["--variants", "v1 v2", "-j2"]).args(options);
    run(job, root.path(), &["build"]).expect(0);
    let show = "declare -p list last same new newmap short kind; echo ${lost-lost}; for k in old v1 v2 'odd ] key'; do echo \"$k=${wheels[$k]}\"; done";
    let from_us = sourced(root.path(), before, show);
    let serial = format!("{text}for MULTIBUILD_VARIANT in v1 v2; do build; done\n{show}");
    let serial = Command::new("bash")
        .args(["-c", &serial])
        .output()
        .unwrap()
        .stdout;
    // `new` is set anew by each, where a parallel run can only tell that each added to nothing.
    let serial = String::from_utf8(serial).unwrap().replace(
        "declare -a new=([0]=\"1\" [1]=\"2\")",
        "declare -a new=([0]=\"1\" [1]=\"2\" [2]=\"1\" [3]=\"2\")",
    );
    assert_eq!(from_us, serial);
    assert!(
        from_us.contains("old=1\nv1=x \"y\"\nv2=x \"y\"\nodd ] key=it's\n"),
        "{from_us}"
    );
}

#[test]
fn what_cannot_be_written_or_read_is_found_before_anything_runs() {
    let root = scratch();
    let text = format!(
        "build() {{ touch {}; }}\n",
        root.path().join("ran").display()
    );
    shell(root.path(), &text, &["--variants", "v1", "--export", "x"])
        .args(["--export-to", "/nonexistent/out", "build"])
        .run()
        .expect(125)
        .complains("py-foreach: create /nonexistent/out: no such file or directory");
    let fifo = crate::gate::fifo(root.path(), "fifo");
    tool()
        .args(["--variants", "v1", "--shell-env"])
        .arg(&fifo)
        .arg("build")
        .run()
        .expect(125)
        .complains("fifo: is no regular file");
    assert!(!root.path().join("ran").exists());
}

#[test]
fn strings_are_appended_where_that_is_asked() {
    let root = scratch();
    let before = "flags='-a'\n";
    let text = format!("{before}build() {{ flags+=\" -$MULTIBUILD_VARIANT\"; }}\n");
    let job = shell(
        root.path(),
        &text,
        &["--variants", "v1 v2", "--export", "flags+="],
    );
    run(job, root.path(), &["build"]).expect(0);
    assert_eq!(
        sourced(root.path(), before, "echo \"$flags\""),
        "-a -v1 -v2\n"
    );
}

#[test]
fn a_string_that_nobody_had_is_appended_too() {
    let root = scratch();
    let text = "build() { flags+=\" -$MULTIBUILD_VARIANT\"; }\n";
    let job = shell(
        root.path(),
        text,
        &["--variants", "v1 v2", "--export", "flags+="],
    );
    run(job, root.path(), &["build"]).expect(0);
    assert_eq!(sourced(root.path(), "", "echo \"$flags\""), " -v1 -v2\n");
}

#[test]
fn a_number_is_set_and_nothing_is_added_to_it() {
    let root = scratch();
    let before = "declare -i count=1\n";
    let text = format!("{before}build() {{ count+=11; }}\n");
    let job = shell(
        root.path(),
        &text,
        &["--variants", "v", "--export", "count+="],
    );
    run(job, root.path(), &["build"]).expect(0);
    assert_eq!(sourced(root.path(), before, "echo $count"), "12\n");
}

#[test]
fn any_bytes_come_back() {
    let root = scratch();
    let value = r#"$'a\001\177\\ \'\"`$(x)\xff\nend\n'"#;
    let text = format!("build() {{ scalar={value}; array=({value} ''); }}\n");
    let job = shell(
        root.path(),
        &text,
        &[
            "--variants",
            "v1",
            "--export",
            "scalar",
            "--export",
            "array",
        ],
    );
    run(job, root.path(), &["build"]).expect(0);
    let check = format!(
        "v={value}; [[ $scalar == \"$v\" && ${{array[0]}} == \"$v\" && ${{#array[@]}} == 2 ]] && echo same"
    );
    assert_eq!(sourced(root.path(), "", &check), "same\n");
}

#[test]
fn a_failure_gives_what_it_has_and_an_exit_nothing() {
    let root = scratch();
    let text = "build() { list+=( $MULTIBUILD_VARIANT ); case $MULTIBUILD_VARIANT in v2) return 7;; v3) exit 9;; esac; }\n";
    let job = shell(
        root.path(),
        text,
        &["--variants", "v1 v2 v3 v4", "--export", "list"],
    );
    run(job, root.path(), &["build"]).expect(7);
    assert_eq!(sourced(root.path(), "", "echo ${list[*]}"), "v1 v2 v4\n");
}

#[test]
fn a_file_that_sets_strict_options_is_run_all_the_same() {
    let root = scratch();
    let text = "set -euo pipefail; set -C; IFS=,; list=()\nbuild() { list+=(x); false || true; }\n";
    let job = shell(
        root.path(),
        text,
        &[
            "--variants",
            "v1",
            "--export",
            "list",
            "--export",
            "unset_one",
        ],
    );
    run(job, root.path(), &["build"]).expect(0);
    assert_eq!(sourced(root.path(), "", "echo ${list[*]}"), "x\n");
    let failing = shell(
        root.path(),
        "set -e\nbuild() { false; echo not here; }\n",
        &["--variants", "v1"],
    );
    assert_eq!(failing.args(["build"]).run().expect(1).stdout, "");
}

#[test]
fn the_exports_may_go_to_a_stream_and_never_to_the_file_itself() {
    let root = scratch();
    let text = "f() { x=new; echo printed; }\n";
    let export = |to: &str| {
        shell(root.path(), text, &["--variants", "v", "--export", "x"])
            .args(["--export-to", to, "f"])
            .in_directory(root.path())
    };
    let refused = export("./env.bash").run().expect(125);
    refused
        .complains("py-foreach: write ./env.bash: --shell-env and --export-to name the same file");
    assert_eq!(
        fs::read_to_string(root.path().join("env.bash")).unwrap(),
        text
    );
    let mut onto_file = Command::new("sh");
    onto_file
        .args(["-c", "\"$@\" > out", "sh"])
        .current_dir(root.path());
    let run = export("/dev/stdout").behind(onto_file);
    Running::start_command(run).end().expect(0);
    let out = fs::read_to_string(root.path().join("out")).unwrap();
    assert_eq!(out, "printed\nx='new'\n");
}

#[test]
fn exports_into_a_fifo_wait_for_its_reader() {
    let root = scratch();
    let fifo = crate::gate::fifo(root.path(), "fifo");
    let options = ["--variants", "v", "--export", "x", "--export-to"];
    let run = shell(root.path(), "f() { x=new; }\n", &options);
    let run = Running::start(run.arg(&fifo).arg("f"));
    let read = patience::done("the exports", move || fs::read_to_string(fifo));
    assert_eq!(read.unwrap(), "x='new'\n");
    run.end().expect(0);
}

#[test]
fn variables_that_cannot_be_written_are_not_lost_in_silence() {
    let root = scratch();
    let options = ["--variants", "v1 v2", "-j1", "--export", "list"];
    // A full disk, as a limit of sizes has it.
    let full = "trap '' XFSZ; ulimit -S -f 0";
    let grows = "list+=(\"$MULTIBUILD_VARIANT\")";
    for (text, status, left) in [
        (
            format!("list=(x); {full}\nf() {{ ulimit -S -f unlimited; {grows}; }}\n"),
            125,
            "",
        ),
        (
            format!("f() {{ {grows}; [[ $MULTIBUILD_VARIANT == v1 ]] || {{ {full}; }}; }}\n"),
            125,
            "v1",
        ),
        (format!("f() {{ {grows}; {full}; return 3; }}\n"), 3, ""),
    ] {
        let job = shell(root.path(), &text, &options);
        run(job, root.path(), &["f"]).expect(status);
        let list = sourced(root.path(), "", "echo \"${list[*]}\"");
        assert_eq!(list, format!("{left}\n"), "{text}");
    }
}
