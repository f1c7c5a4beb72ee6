//! Who we are, and what the kernel lets us do because of it.

use std::ffi::CStr;

use rustix::process;

use super::Attributes;
use common::{Error, Result, kernel};

/// The rights of this process that change what a merge can do.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Those beside `gid` that we may give files to; not asked for where we may give them to all.
    groups: Vec<u32>,
    /// `CAP_CHOWN`: may give files away.
    pub(crate) may_chown: bool,
    /// `CAP_DAC_OVERRIDE`: modes do not stop us.
    pub(crate) overrides_modes: bool,
    /// `CAP_FOWNER`: may set modes and times of what others own.
    pub(crate) acts_as_owner: bool,
    /// All effective ones, as bits.
    capabilities: u64,
}

const STATUS: &str = "/proc/self/status";
const CAP_CHOWN: u32 = 0;
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_FOWNER: u32 = 3;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SETFCAP: u32 = 31;

impl Caller {
    pub(crate) fn ask() -> Result<Self> {
        let status = kernel::read_text(STATUS).map_err(|cause| Error::io("read", STATUS, cause))?;
        let capabilities = effective(&status)
            .ok_or_else(|| Error::refused("read", STATUS, "has no CapEff line"))?;
        let has = |capability: u32| capabilities & (1 << capability) != 0;
        // Who may give files away may give them to any group.
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
        })
    }

    /// Whether mode and times of `it` are ours to set.
    pub(crate) fn owns(&self, it: &Attributes) -> bool {
        self.acts_as_owner || it.uid == self.uid
    }

    /// Whether we may set an extended attribute of that name on what is ours.
    pub(crate) fn may_set(&self, name: &CStr) -> bool {
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

    /// Whether the mode keeps us from adding and removing names, though we own the directory.
    pub(crate) fn is_shut_out_of_own(&self, directory: &Attributes) -> bool {
        !self.overrides_modes && directory.uid == self.uid && directory.mode & 0o300 != 0o300
    }

    /// Owner, group and mode that a copy of `source` gets when we make it.
    pub(crate) fn reachable(&self, source: &Attributes) -> (u32, u32, u32) {
        if self.may_chown {
            return (source.uid, source.gid, source.mode);
        }
        let group_is_ours = source.gid == self.gid || self.groups.contains(&source.gid);
        let gid = if group_is_ours { source.gid } else { self.gid };
        let lost = if source.uid == self.uid { 0 } else { 0o4000 }
            | if group_is_ours { 0 } else { 0o2000 };
        // A set-id bit for an owner whom the file does not have would be another right.
        (self.uid, gid, source.mode & !lost)
    }
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
}
