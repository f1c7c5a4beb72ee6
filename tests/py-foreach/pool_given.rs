//! The pool that we were given: nothing beyond it, everything given back, and what is no pool.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use test_support::{Outcome, patience};

use crate::PROGRAM;
use crate::gate::{Gate, fifo, until};
use crate::pool::Work;
use crate::running::Running;

/// A make with `slots` that runs py-foreach beside a recipe of its own, which waits for a gate.
fn below_make(work: &Work, slots: &str, ours: &str) -> Running {
    let outer =
        format!("all: ours theirs\nours:\n\t+@$(FOREACH) {ours}\ntheirs:\n\t@read x < idle\n");
    fs::write(work.path().join("Outer"), outer).unwrap();
    Running::start_command(make(work, slots, "Outer"))
}

/// A make of the work's own `file`, which has the tool in FOREACH.
fn make(work: &Work, slots: &str, file: &str) -> Command {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", slots, "-f", file]);
    work.tool().lend_environment(&mut make);
    make.current_dir(work.path()).env("FOREACH", PROGRAM);
    make
}

/// make says so when it has not all its tokens at the end.
#[track_caller]
fn all_came_back(outcome: &Outcome) {
    assert!(!outcome.stderr.contains("INTERNAL"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("lost"), "{}", outcome.stderr);
}

#[test]
fn below_an_outer_make_its_slots_are_all_there_are() {
    for slots in [2, 5] {
        let work = Work::new();
        let idle = Gate::new(work.path(), "idle");
        let run = below_make(&work, &format!("-j{slots}"), "--variants 'a b c' make");
        // One is with make's own recipe.
        work.works(slots - 1);
        work.one_by_one(2);
        idle.open(1);
        work.works(1);
        work.finish();
        all_came_back(&run.end().expect(0));
    }
}

#[test]
fn an_idle_one_keeps_nothing_from_the_outer_make() {
    let work = Work::new();
    let idle = Gate::new(work.path(), "idle");
    let wait = Gate::new(work.path(), "wait");
    // The one implementation has a make that has nothing to do but wait for one recipe: it would take
    // more slots if it had use for them.
    fs::write(
        work.path().join("Lazy"),
        "all:\n\t@echo > lazy; read x < wait\n",
    )
    .unwrap();
    let lazy = Gate::new(work.path(), "lazy");
    let outer = "all: ours theirs\nours:\n\t+@$(FOREACH) --variants a make -f Lazy\n\
                 theirs:\n\t@read x < idle; $(MAKE)\n";
    fs::write(work.path().join("Outer2"), outer).unwrap();
    let run = Running::start_command(make(&work, "-j4", "Outer2"));
    lazy.line();
    idle.open(1);
    // make's own sub-make has three of the four.
    work.works(3);
    wait.open(1);
    work.works(1);
    work.finish();
    all_came_back(&run.end().expect(0));
}

#[test]
fn py_foreach_below_py_foreach_shares_the_pool() {
    let work = Work::new();
    let run = work.tool().args([
        "-j5",
        "--variants",
        "a b",
        PROGRAM,
        "--variants",
        "x y",
        "make",
    ]);
    let run = Running::start(run);
    work.works(5);
    work.one_by_one(4);
    work.finish();
    let outcome = run.end().expect(0);
    assert!(!outcome.stderr.contains("lost"), "{}", outcome.stderr);
}

/// A pool with distinct tokens, which a test made.
struct Given {
    path: PathBuf,
    file: fs::File,
}

impl Given {
    fn new(work: &Work, tokens: &[u8]) -> Self {
        let path = fifo(work.path(), "given");
        let mut file = fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        file.write_all(tokens).unwrap();
        Self { path, file }
    }

    fn flags(&self) -> String {
        format!(" -j9 --jobserver-auth=fifo:{}", self.path.display())
    }

    fn tokens(mut self) -> String {
        self.file.write_all(b".").unwrap();
        let mut all = vec![0; 64];
        let n = self.file.read(&mut all).unwrap();
        let mut all = all[..n].to_vec();
        all.sort_unstable();
        String::from_utf8(all).unwrap()
    }
}

#[test]
fn the_same_bytes_go_back_on_every_path_out() {
    for how in ["well", "badly", "by TERM", "by INT twice"] {
        let work = Work::new();
        let given = Given::new(&work, b"abcd");
        let run = work
            .tool()
            .env("MAKEFLAGS", given.flags())
            .args(["--variants", "a b c", "make"]);
        let run = Running::start(run);
        work.works(5);
        match how {
            "well" => work.finish(),
            "badly" => {
                fs::write(work.path().join("unit"), "#!/bin/sh\nexit 1\n").unwrap();
                work.finish();
            }
            "by TERM" => run.signal(Signal::TERM),
            _ => {
                run.signal(Signal::INT);
                run.signal(Signal::INT);
            }
        }
        let outcome = run.end();
        match how {
            "well" => assert_eq!(outcome.status, Some(0)),
            "badly" => assert_eq!(outcome.status, Some(2)),
            "by TERM" => assert_eq!(outcome.signal, Some(15)),
            _ => assert_eq!(outcome.signal, Some(2)),
        }
        assert_eq!(given.tokens(), ".abcd", "{how}: {}", outcome.stderr);
    }
}

#[test]
fn unused_tokens_go_back_at_once() {
    let work = Work::new();
    let given = Given::new(&work, b"abcd");
    let (started, wait) = (
        Gate::new(work.path(), "started"),
        Gate::new(work.path(), "wait"),
    );
    let text = "echo > started; test $MULTIBUILD_ID != a || read x < wait";
    let run = work.tool().env("MAKEFLAGS", given.flags()).args([
        "--variants",
        "a b c d",
        "sh",
        "-c",
        text,
    ]);
    let run = Running::start(run);
    started.lines(4);
    // One runs on, with our own slot: all four are back.
    until("the tokens are back", || {
        rustix::io::ioctl_fionread(&given.file).unwrap() == 4
    });
    wait.open(1);
    run.end().expect(0);
    assert_eq!(given.tokens(), ".abcd");
}

#[test]
fn a_pool_that_cannot_be_opened_is_reported_once_and_replaced() {
    let work = Work::new();
    let file = work.path().join("data");
    fs::write(&file, "data\n").unwrap();
    for (flags, what) in [
        (
            " -j4 --jobserver-auth=63,64",
            "open /proc/self/fd/63: no such file or directory",
        ),
        (
            " -j4 --jobserver-auth=fifo:/nonexistent/pool",
            "open /nonexistent/pool: no such file",
        ),
        (
            &*format!(" -j4 --jobserver-auth=fifo:{}", file.display()),
            "is no pipe and no fifo",
        ),
        (" -j4 --jobserver-auth=0,0", "is no pipe and no fifo"),
        (
            " -j4 --jobserver-auth=-2,-2",
            "(open -2,-2: make keeps it from this recipe)",
        ),
    ] {
        let run = work.tool().env("MAKEFLAGS", flags);
        let run = run.args(["--variants", "a b", "true"]);
        let stderr = Running::start(run).end().expect(0).stderr;
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("py-foreach: the pool of MAKEFLAGS cannot be used (open "));
        assert!(stderr.contains(what), "{stderr}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "data\n");
}

#[test]
fn a_pool_whose_size_is_not_told_is_shared_as_if_it_were_the_cpus() {
    let work = Work::new();
    let ninja = work.path().join("bin/ninja");
    fs::create_dir(ninja.parent().unwrap()).unwrap();
    let text = "case $1 in --version) echo 1.11.1;; *) echo \"ninja $*\";; esac";
    fs::write(&ninja, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&ninja, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", ninja.parent().unwrap().display());
    let inner = [PROGRAM, "--variants", "x", "ninja", "all"];
    let outcome = work
        .tool()
        .env("PATH", path)
        .args(["-j4", "--variants", "v"])
        .args(inner)
        .run()
        .expect(0);
    let cpus = std::thread::available_parallelism().unwrap();
    assert_eq!(outcome.stdout, format!("ninja -j{cpus} all\n"));
}

#[test]
fn an_explicit_number_makes_a_pool_of_its_own() {
    let work = Work::new();
    let given = Given::new(&work, b"abcd");
    let run = work
        .tool()
        .env("MAKEFLAGS", given.flags())
        .args(["-j2", "--variants", "a", "make"]);
    let run = Running::start(run);
    work.works(2);
    work.finish();
    run.end().expect(0);
    assert_eq!(given.tokens(), ".abcd");
}

/// The pool of a server that is a character device: what is read is a token, what is written goes back.
/// A raw pseudo-terminal behaves so, its master being the server.
#[test]
fn a_character_device_is_a_pool_too() {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let work = Work::new();
    let started = Gate::new(work.path(), "started");
    let wait = Gate::new(work.path(), "wait");
    let server = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&server).unwrap();
    unlockpt(&server).unwrap();
    let path = ptsname(&server, Vec::new()).unwrap();
    let path = path.to_str().unwrap();
    let mut server = fs::File::from(server);
    // While we hold it open, its settings and the tokens stay. Where the tests lead a session it must not
    // become their terminal, whose end would be theirs.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let _held = rustix::fs::open(path, flags, Mode::empty()).unwrap();
    let mut raw = tcgetattr(&server).unwrap();
    raw.make_raw();
    tcsetattr(&server, OptionalActions::Now, &raw).unwrap();
    server.write_all(b"abc").unwrap();
    let run = work
        .tool()
        .env("MAKEFLAGS", format!(" -j4 --jobserver-auth=fifo:{path}"))
        .args(["--variants", "a b c d"])
        .args(["sh", "-c", "echo > started; read x < wait"]);
    let run = Running::start(run);
    // One slot is ours, three are tokens.
    started.lines(4);
    wait.open(4);
    let outcome = run.end().expect(0);
    assert_eq!(outcome.stderr, "");
    let mut back = patience::done("the tokens", move || {
        let mut back = [0; 3];
        server.read_exact(&mut back).map(|()| back)
    })
    .unwrap();
    back.sort_unstable();
    assert_eq!(&back, b"abc");
}
