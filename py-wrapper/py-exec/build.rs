//! Settings of the build: where scripts and configuration are, and how the bare program is linked.

fn main() {
    for name in ["PY_EXEC_SCRIPTROOT", "PY_EXEC_SYSCONFDIR"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rustc-check-cfg=cfg(bare)");
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let asked = std::env::var_os("CARGO_FEATURE_BARE").is_some();
    let known = set("CARGO_CFG_TARGET_ARCH") == "x86_64" && set("CARGO_CFG_TARGET_OS") == "linux";
    if asked && known {
        println!("cargo::rustc-cfg=bare");
        // No libc, no start code, no loader: the kernel maps it at its own address and jumps in.
        for word in [
            "-nostdlib",
            "-nostartfiles",
            "-static",
            "-no-pie",
            "-Wl,--build-id=none",
        ] {
            println!("cargo::rustc-link-arg-bins={word}");
        }
    }
}
