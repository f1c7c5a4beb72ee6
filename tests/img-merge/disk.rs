//! File systems of their own for a test: an image file, a loop device, a mount.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::need_command;

/// A file system that is mounted while this lives.
#[derive(Debug)]
pub(crate) struct Disk {
    home: tempfile::TempDir,
    mount: PathBuf,
}

/// What to make.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// Small, so that it fills up soon.
    Ext4,
    /// With small inodes, whose times are whole seconds.
    Ext4Seconds,
    /// Counts what each user has.
    Ext4Quota,
    Xfs,
    Btrfs,
    Tmpfs,
    /// Knows no extended attributes.
    Ramfs,
}

impl Disk {
    pub(crate) fn new(format: Format) -> Self {
        Self::mounted(format).unwrap_or_else(|why| panic!("{why}"))
    }

    /// What `mount` says comes back where the kernel cannot mount it.
    pub(crate) fn mounted(format: Format) -> Result<Self, String> {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test mounts file systems: run it as root, as CI does"
        );
        let home = test_support::scratch();
        let mount = home.path().join("mount");
        fs::create_dir(&mount).expect("a mount point");
        let (megabytes, program) = match format {
            Format::Ext4 | Format::Ext4Seconds | Format::Ext4Quota => (16, "mkfs.ext4"),
            Format::Xfs => (320, "mkfs.xfs"),
            Format::Btrfs => (128, "mkfs.btrfs"),
            Format::Tmpfs | Format::Ramfs => {
                let kind = match format {
                    Format::Tmpfs => "tmpfs",
                    _ => "ramfs",
                };
                run(Command::new("mount").args(["-t", kind, "none"]).arg(&mount));
                return Ok(Self { home, mount });
            }
        };
        need_command(program, "e2fsprogs xfsprogs btrfs-progs");
        let file = home.path().join("disk");
        File::create(&file)
            .and_then(|f| f.set_len(megabytes << 20))
            .expect("the disk's file");
        let (features, options): (&[&str], _) = match format {
            Format::Ext4Seconds => (&["-I", "128"], "loop"),
            Format::Ext4Quota => (
                &["-O", "quota", "-E", "quotatype=usrquota"],
                "loop,usrquota",
            ),
            _ => (&[], "loop"),
        };
        run(Command::new(program).arg("-q").args(features).arg(&file));
        try_run(
            Command::new("mount")
                .args(["-o", options])
                .arg(&file)
                .arg(&mount),
        )?;
        Ok(Self { home, mount })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// Mounts it anew with other options: `ro`, `rw`.
    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        run(Command::new("mount")
            .arg("-o")
            .arg(options)
            .arg(&self.mount));
    }

    /// Mounts it anew, by another loop device: to its files that is another disk.
    pub(crate) fn mount_with_another_number(&self) {
        use std::os::unix::fs::MetadataExt;
        let number = || fs::metadata(&self.mount).expect("the mount").dev();
        let before = number();
        run(Command::new("umount").arg(&self.mount));
        // Takes the number that was given back.
        let other = self.home.path().join("other");
        File::create(&other)
            .and_then(|f| f.set_len(1 << 20))
            .expect("a file");
        let taken = Command::new("losetup")
            .args(["-f", "--show"])
            .arg(&other)
            .output();
        let taken = String::from_utf8(taken.expect("losetup").stdout).expect("a device");
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(self.home.path().join("disk"))
            .arg(&self.mount));
        run(Command::new("losetup").args(["-d", taken.trim()]));
        assert_ne!(number(), before, "{taken}");
    }

    /// Fills it up but for `left` bytes.
    pub(crate) fn fill(&self, left: u64) {
        let file = File::create(self.mount.join("ballast")).expect("the ballast");
        let flags = rustix::fs::FallocateFlags::empty();
        let mut size = 0;
        for piece in [1 << 20, 1 << 16, 1 << 12] {
            while rustix::fs::fallocate(&file, flags, size, piece).is_ok() {
                size += piece;
            }
        }
        file.set_len(size.saturating_sub(left)).expect("room");
    }

    pub(crate) fn unfill(&self) {
        fs::remove_file(self.mount.join("ballast")).expect("the ballast");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg(&self.mount));
    }
}

pub(crate) fn run(command: &mut Command) {
    try_run(command).unwrap_or_else(|why| panic!("{why}"));
}

fn try_run(command: &mut Command) -> Result<(), String> {
    let output = command.output().expect("a program to make a file system");
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{command:?} failed: this test needs loop devices and the right to mount\n{said}"
    ))
}
