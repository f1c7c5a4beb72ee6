//! A py-foreach that sees files of the test where the kernel's are: bind mounts in a mount namespace of
//! its own. The program is the real one and knows nothing of it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{Tool, cannot_run_here, need_command};

/// A file of the test that is to be seen in another's place.
#[derive(Debug)]
pub(crate) struct Mask {
    file: File,
    path: PathBuf,
    length: usize,
}

impl Mask {
    /// Makes `name` in `directory`, with what is to be read first.
    pub(crate) fn new(directory: &Path, name: &str, text: &str) -> Self {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        let length = text.len();
        Self { file, path, length }
    }

    /// Changes it at a stroke: nobody ever reads a half of it.
    pub(crate) fn say(&self, text: &str) {
        assert_eq!(text.len(), self.length, "a text as long as the one before");
        self.file.write_all_at(text.as_bytes(), 0).unwrap();
    }
}

/// `tool`, for which each file stands where the kernel's is; what is in `hidden` is empty for it.
///
/// Nothing where that cannot be had, which has been said.
pub(crate) fn masked(
    test: &str,
    tool: Tool,
    masks: &[(&Mask, &str)],
    hidden: &[&str],
) -> Option<Command> {
    need_command("unshare", "util-linux");
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !can.is_ok_and(|said| said.status.success()) {
        cannot_run_here(test, "it makes a mount namespace, which needs root");
        return None;
    }
    let there = hidden.iter().filter(|path| Path::new(path).is_dir());
    let mut steps = vec!["set -e".to_owned()];
    steps.extend(there.map(|path| format!("mount -t tmpfs none {path}")));
    let bind =
        |(mask, place): &(&Mask, &str)| format!("mount --bind '{}' {place}", mask.path.display());
    steps.extend(masks.iter().map(bind));
    steps.push("exec \"$@\"".to_owned());
    let script = steps.join("\n");
    let mut unshare = Command::new("unshare");
    unshare.args(["-m", "sh", "-c", &script, "sh"]);
    Some(tool.behind(unshare))
}
