//! Settings of the build: the directories of scripts and configuration, and how the bare program is linked.
//!
//! There are three programs. Without features it has std, for the tests. With `bare` it has no std; on a processor that
//! `sys/bare.rs` knows it has no libc either, and on others it is linked with libc, statically if a static one exists.

use std::fmt::Display;
use std::path::Path;
use std::process::Command;

/// No loader and no relocations: the kernel maps the program at a fixed address.
const FIXED: [&str; 2] = ["-static", "-no-pie"];

/// The libraries of a static program with libc, as the compiler driver links them.
const LIBRARIES: [&str; 3] = ["c", "gcc", "gcc_eh"];

fn main() {
    for name in ["PY_EXEC_SCRIPTROOT", "PY_EXEC_SYSCONFDIR"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rustc-check-cfg=cfg(bare, alone)");
    let is_set = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !is_set("BARE") {
        return;
    }
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let known = set("CARGO_CFG_TARGET_ARCH") == "x86_64" && set("CARGO_CFG_TARGET_OS") == "linux";
    println!("cargo::rustc-cfg=alone");
    if known && !is_set("THROUGH_LIBC") {
        println!("cargo::rustc-cfg=bare");
        // No libc and no start code: the kernel jumps to our entry point.
        link(&["-nostdlib", "-nostartfiles", "-Wl,--build-id=none"]);
        link(&FIXED);
    } else if LIBRARIES.iter().all(|name| is_there_statically(name)) {
        link(&FIXED);
        link(&["-Wl,-Bstatic", "-Wl,--start-group"]);
        link(&LIBRARIES.map(|name| format!("-l{name}")));
        link(&["-Wl,--end-group"]);
    } else {
        println!("cargo::warning=no static libc was found: py-exec is linked with the shared one");
        link(&["-lc"]);
    }
}

fn link<S: Display>(words: &[S]) {
    for word in words {
        println!("cargo::rustc-link-arg-bins={word}");
    }
}

/// Whether the linker finds a static library. It prints only the name of one that it does not find.
fn is_there_statically(library: &str) -> bool {
    let linker = std::env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let asked = Command::new(linker)
        .arg(format!("-print-file-name=lib{library}.a"))
        .output();
    asked.is_ok_and(|answer| {
        let path = String::from_utf8_lossy(&answer.stdout);
        Path::new(path.trim()).is_absolute()
    })
}
