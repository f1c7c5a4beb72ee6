//! A plain user who has used up what a quota allows him.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use test_support::{cannot_run_here, need_command, scratch};

use crate::disk::{self, Disk, Format};
use crate::faults::{lay_held, lay_large};
use crate::plain_user::{as_user, give_away};
use crate::snapshot::{assert_same, snapshot};

/// The quota group of the first subvolume that is made. The limit of the top could not be lifted: that
/// takes a block, too.
const SUBVOLUME: &str = "0/256";

/// Who counts.
#[derive(Debug, Clone, Copy)]
enum Quota {
    /// ext4: the blocks of a user.
    OfUser,
    /// btrfs: a subvolume, whose blocks are large.
    OfSubvolume,
}

impl Quota {
    /// Makes the directory `home`, in which it counts.
    fn start(self, disk: &Disk) {
        let home = disk.path().join("home");
        match self {
            Self::OfUser => fs::create_dir(home).expect("a directory"),
            Self::OfSubvolume => {
                disk::run(btrfs().args(["quota", "enable"]).arg(disk.path()));
                disk::run(btrfs().args(["subvolume", "create"]).arg(&home));
            }
        }
    }

    /// Allows `more` bytes than are used now; no limit without.
    fn allow(self, disk: &Disk, more: Option<u64>) {
        match self {
            Self::OfUser => {
                need_command("setquota", "quota");
                // Zero is no limit; the unit is 1,024 bytes.
                let limit = more.map_or(0, |more| (used_by_user(disk.path()) + more) / 1024);
                disk::run(
                    Command::new("setquota")
                        .args(["-u", "1000", "0", &limit.to_string(), "0", "0"])
                        .arg(disk.path()),
                );
            }
            Self::OfSubvolume => {
                let limit = more.map_or("none".to_owned(), |more| {
                    (used_by_subvolume(disk) + more).to_string()
                });
                disk::run(
                    btrfs()
                        .args(["qgroup", "limit", &limit, SUBVOLUME])
                        .arg(disk.path()),
                );
            }
        }
    }

    /// The step in which the room grows, in bytes.
    fn unit(self) -> u64 {
        match self {
            Self::OfUser => 9_000,
            Self::OfSubvolume => 12_000,
        }
    }
}

fn btrfs() -> Command {
    need_command("btrfs", "btrfs-progs");
    Command::new("btrfs")
}

fn used_by_user(path: &Path) -> u64 {
    let it = path.symlink_metadata().expect("metadata");
    let below: u64 = if it.is_dir() && fs::read_dir(path).is_ok() {
        let entries = fs::read_dir(path).expect("a directory");
        entries
            .map(|entry| used_by_user(&entry.expect("an entry").path()))
            .sum()
    } else {
        0
    };
    below
        + if it.uid() == 1000 {
            it.blocks() * 512
        } else {
            0
        }
}

fn used_by_subvolume(disk: &Disk) -> u64 {
    let mut show = btrfs();
    show.args(["qgroup", "show", "--raw", "--sync"])
        .arg(disk.path());
    let output = show.output().expect("btrfs");
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find(|line| line.starts_with(SUBVOLUME));
    let used = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    used.unwrap_or_else(|| panic!("no use in {said}"))
}

#[test]
fn a_quota_of_a_subvolume_at_any_point_is_undone() {
    let disk = Disk::new(Format::Btrfs);
    undone_at_any_point(Quota::OfSubvolume, &disk);
}

#[test]
fn a_quota_of_a_user_at_any_point_is_undone() {
    // What is wrong with mounting at all is an error, and not a reason.
    drop(Disk::new(Format::Ext4));
    match Disk::mounted(Format::Ext4Quota) {
        Ok(disk) => undone_at_any_point(Quota::OfUser, &disk),
        Err(_) => cannot_run_here(
            "a_quota_of_a_user_at_any_point_is_undone",
            "the kernel mounts no ext4 with quotas (CONFIG_QFMT_V2)",
        ),
    }
}

fn undone_at_any_point(quota: Quota, disk: &Disk) {
    let far = scratch();
    for open in [
        far.path(),
        disk.path(),
        disk.path().parent().expect("a home"),
    ] {
        fs::set_permissions(open, Permissions::from_mode(0o755)).expect("a mode");
    }
    quota.start(disk);
    let home = disk.path().join("home");
    let (near, away) = (home.join("image"), far.path().join("image"));
    lay_large(&near);
    lay_large(&away);
    chown(far.path(), Some(1000), Some(1000)).expect("chown: this test runs as root");
    give_away(&away);
    let dest = home.join("dest");
    let mut failures = 0;
    for (method, image) in [
        ("copy", &away),
        ("link", &near),
        ("move", &away),
        ("move", &near),
    ] {
        for step in 0.. {
            lay_held(&dest);
            give_away(&home);
            let (before, whole) = (snapshot(&dest), snapshot(image));
            quota.allow(disk, Some(step * step * quota.unit()));
            let words = ["--on-conflict=replace", &format!("--method={method}")];
            let outcome = as_user(&words, image, &dest);
            quota.allow(disk, None);
            if outcome.status == Some(0) {
                assert_eq!(image.exists(), method != "move");
                break;
            }
            failures += 1;
            let said = outcome.expect(2).stderr;
            assert!(said.contains("quota exceeded"), "{said}");
            let what = format!("{quota:?}, {method} with {step}: {said}");
            assert_same(&snapshot(&dest), &before, &what);
            assert_same(&snapshot(image), &whole, &what);
            assert_eq!(
                fs::read_dir(&dest).expect("dest").count(),
                1,
                "{what}: temporary names"
            );
        }
        fs::remove_dir_all(&dest).expect("a directory");
    }
    assert!(failures > 10, "the quota was used up {failures} times only");
}
