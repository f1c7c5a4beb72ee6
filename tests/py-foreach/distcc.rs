//! distcc as the compiler: the work goes to its daemons, for every implementation.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use test_support::{cannot_run_here, need_command, pythons, scratch};

use crate::packages::{named, sample};
use crate::tool;

/// A distccd of our own on this machine; its whole group ends with it.
struct Daemon {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl Daemon {
    fn start(directory: &Path) -> Self {
        // Started as root it becomes another user before it opens its log.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).expect("a mode");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("its address").port();
        drop(free);
        let log = directory.join(format!("{port}.log"));
        let child = Command::new("distccd")
            .args([
                "--no-detach",
                "--daemon",
                "--listen",
                "127.0.0.1",
                "--allow",
                "127.0.0.1",
                "--jobs",
                "2",
            ])
            .arg("--port")
            .arg(port.to_string())
            .arg("--log-file")
            .arg(&log)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("distccd starts");
        let daemon = Self { child, port, log };
        daemon.wait_until_it_listens();
        daemon
    }

    fn wait_until_it_listens(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "distccd does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many files it compiled.
    fn compiled(&self) -> usize {
        let log = fs::read_to_string(&self.log).expect("the log of distccd");
        log.lines()
            .filter(|line| line.contains("COMPILE_OK"))
            .count()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ended = kill_process_group(group, Signal::TERM);
        }
        drop(self.child.wait());
    }
}

/// The newest `count` interpreters that have setuptools of their own.
fn with_setuptools(test: &str, count: usize) -> Option<Vec<pythons::Python>> {
    let has = |python: &pythons::Python| {
        let asked = Command::new(&python.path)
            .args(["-c", "import setuptools"])
            .output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let mut all: Vec<_> = pythons::all().into_iter().filter(has).collect();
    if all.len() < count {
        cannot_run_here(test, &format!("{count} Pythons with setuptools are needed"));
        return None;
    }
    Some(all.split_off(all.len() - count))
}

#[test]
fn every_implementation_compiles_remotely_and_links_here() {
    need_command("distccd", "distcc");
    let test = "every_implementation_compiles_remotely_and_links_here";
    let Some(pythons) = with_setuptools(test, 3) else {
        return;
    };
    let scratch = scratch();
    let daemons = [Daemon::start(scratch.path()), Daemon::start(scratch.path())];
    let hosts: Vec<String> = daemons
        .iter()
        .map(|d| format!("127.0.0.1:{}/2", d.port))
        .collect();
    let state = scratch.path().join("distcc");
    fs::create_dir(&state).unwrap();
    let build = "python setup.py -q build && cd \"$(dirname \"$(find build -name '_count*.so')\")/..\" && \
                 python -c 'import greetings._count as c; print(c.__file__)' && \
                 echo \"$LDSHARED\" >> $OUT/ldshared && echo $DISTCC_DIR";
    let outcome = tool()
        .args(["-q", "--memory=off", "-i", &named(&pythons), "--report"])
        .arg(scratch.path().join("report"))
        .arg("--copy-sources")
        .arg(sample())
        .env("CC", "distcc gcc")
        .env("DISTCC_HOSTS", hosts.join(" "))
        .env("DISTCC_FALLBACK", "0")
        .env("DISTCC_DIR", &state)
        .env("OUT", scratch.path())
        .env_remove("LDSHARED")
        .args(["sh", "-c", build])
        .run()
        .expect(0);
    assert_eq!(
        outcome.stdout.matches("_count.").count(),
        3,
        "{}",
        outcome.stdout
    );
    assert_eq!(
        outcome.stdout.matches(&state.display().to_string()).count(),
        3,
        "one DISTCC_DIR for all"
    );
    let compiled: usize = daemons.iter().map(Daemon::compiled).sum();
    assert_eq!(
        compiled, 3,
        "each implementation's file was compiled by a daemon"
    );
    let linking = fs::read_to_string(scratch.path().join("ldshared")).unwrap();
    assert_eq!(linking.lines().count(), 3, "{linking}");
    assert!(
        linking
            .lines()
            .all(|line| line.starts_with("gcc ") && !line.contains("distcc")),
        "{linking}"
    );
    let report = fs::read_to_string(scratch.path().join("report")).unwrap();
    assert!(
        report.contains("\"slots\":4") || report.contains("\"slots\": 4"),
        "distcc -j said 4: {report}"
    );
}
