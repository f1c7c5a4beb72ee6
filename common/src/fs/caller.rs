//! Who runs this process, and which rights that gives.

use std::ffi::CStr;
use std::sync::OnceLock;

use rustix::process;

use super::Attributes;
use crate::{Error, Result, procfs};

/// The rights of this process that decide what it can set on files.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
    /// Our other groups, to which we may give files; empty if we may give them to any.
    groups: Vec<u32>,
    /// `CAP_CHOWN`: may give files away.
    pub may_chown: bool,
    /// `CAP_DAC_OVERRIDE`: modes do not restrict us.
    pub overrides_modes: bool,
    /// `CAP_FOWNER`: may set modes and times of other users' files.
    pub acts_as_owner: bool,
    /// All effective ones, as bits.
    capabilities: u64,
    /// Whether our user namespace knows user, and group, [`NOBODY`]. Read once, when it matters.
    knows_nobody: [OnceLock<bool>; 2],
}

/// The number shown for users and groups that our user namespace does not know.
const NOBODY: u32 = 65_534;

/// The users, and the groups, that our user namespace knows.
const MAPS: [&str; 2] = ["/proc/self/uid_map", "/proc/self/gid_map"];

const STATUS: &str = "/proc/self/status";
const CAP_CHOWN: u32 = 0;
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_FOWNER: u32 = 3;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SETFCAP: u32 = 31;

impl Caller {
    /// Reads them from the kernel.
    pub fn ask() -> Result<Self> {
        let status = procfs::read_text(STATUS).map_err(|cause| Error::io("read", STATUS, cause))?;
        let capabilities = effective(&status)
            .ok_or_else(|| Error::refused("read", STATUS, "has no CapEff line"))?;
        let has = |capability: u32| capabilities & (1 << capability) != 0;
        let groups = if has(CAP_CHOWN) {
            Vec::new()
        } else {
            process::getgroups()
                .map_err(|cause| Error::said("ask for our groups", cause.to_string()))?
        };
        Ok(Self {
            uid: process::geteuid().as_raw(),
            gid: process::getegid().as_raw(),
            groups: groups.into_iter().map(process::Gid::as_raw).collect(),
            may_chown: has(CAP_CHOWN),
            overrides_modes: has(CAP_DAC_OVERRIDE),
            acts_as_owner: has(CAP_FOWNER),
            capabilities,
            knows_nobody: Default::default(),
        })
    }

    /// Whether we may set mode and times of `it`.
    pub fn owns(&self, it: &Attributes) -> bool {
        self.acts_as_owner || it.uid == self.uid
    }

    /// Whether we may set an extended attribute of that name on our own files.
    pub fn may_set(&self, name: &CStr) -> bool {
        let name = name.to_bytes();
        let needed = if name == b"security.capability" {
            CAP_SETFCAP
        } else if name.starts_with(b"security.") || name.starts_with(b"trusted.") {
            CAP_SYS_ADMIN
        } else {
            return true;
        };
        self.capabilities & (1 << needed) != 0
    }

    /// Whether we own the directory, and its mode keeps us from adding and removing names.
    pub fn is_shut_out_of_own(&self, directory: &Attributes) -> bool {
        !self.overrides_modes && directory.uid == self.uid && directory.mode & 0o300 != 0o300
    }

    /// Owner, group and mode that a copy of `source` gets when we make it.
    pub fn reachable(&self, source: &Attributes) -> (u32, u32, u32) {
        let (user_is_settable, group_is_settable) = if self.may_chown {
            (self.knows(0, source.uid), self.knows(1, source.gid))
        } else {
            let group_is_ours = source.gid == self.gid || self.groups.contains(&source.gid);
            (source.uid == self.uid, group_is_ours)
        };
        let uid = if user_is_settable {
            source.uid
        } else {
            self.uid
        };
        let gid = if group_is_settable {
            source.gid
        } else {
            self.gid
        };
        let lost =
            if user_is_settable { 0 } else { 0o4000 } | if group_is_settable { 0 } else { 0o2000 };
        // A set-id bit for another owner would give another right.
        (uid, gid, source.mode & !lost)
    }

    /// Whether our user namespace knows the user, or group, `id`: chown(2) answers EINVAL for others.
    fn knows(&self, which: usize, id: u32) -> bool {
        let ask = || procfs::read_text(MAPS[which]).map_or(true, |map| maps(&map, NOBODY));
        id != NOBODY || *self.knows_nobody[which].get_or_init(ask)
    }
}

/// Whether `id` is in a map of `user_namespaces(7)`: first inside, first outside, how many.
fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (first, count) = (numbers.next(), numbers.nth(1));
        matches!((first, count), (Some(Ok(first)), Some(Ok(count))) if id >= first && id - first < count)
    })
}

fn effective(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_capabilities_are_read() {
        assert_eq!(
            effective("CapPrm:\t1\nCapEff:\t000001ffffffffff\n"),
            Some(0x1ff_ffff_ffff)
        );
        assert_eq!(effective("Name:\tx\n"), None);
    }

    #[test]
    fn ids_are_looked_up_in_a_map() {
        assert!(maps("         0          0 4294967295\n", NOBODY));
        assert!(!maps("         0       1000          1\n", NOBODY));
        assert!(maps("0 1000 1\n1 100000 65536\n", NOBODY));
        assert!(!maps("0 1000 1\n1 100000 65533\n", NOBODY));
    }
}
