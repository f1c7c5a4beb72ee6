//! What a machine has left: `MemAvailable`, and the headroom of our control groups (version 2).

use std::fs;
use std::path::{Path, PathBuf};

use common::{Error, Result};

const MEMINFO: &str = "/proc/meminfo";

/// Where to look, found once.
#[derive(Debug)]
pub(crate) struct Gauge {
    /// The control groups with a limit: ours and those above it, the innermost first.
    groups: Vec<PathBuf>,
}

impl Gauge {
    pub(crate) fn find() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mut groups = groups(&membership, Path::new("/sys/fs/cgroup"));
        groups.retain(|group| group.join("memory.max").is_file());
        Self { groups }
    }

    /// Bytes that can be had now.
    pub(crate) fn available(&self) -> Result<u64> {
        let text = fs::read_to_string(MEMINFO).map_err(|c| Error::io("read", MEMINFO, c))?;
        let machine =
            meminfo(&text).ok_or_else(|| Error::refused("read", MEMINFO, "has no MemAvailable"))?;
        let groups = self.groups.iter().filter_map(|group| headroom(group));
        Ok(groups.fold(machine, u64::min))
    }

    /// The file that tells the pressure on us: our own group's, else the machine's.
    pub(crate) fn pressure(&self) -> PathBuf {
        let mut groups = self
            .groups
            .iter()
            .map(|group| group.join("memory.pressure"));
        groups
            .find(|path| path.is_file())
            .unwrap_or_else(|| "/proc/pressure/memory".into())
    }
}

/// The control groups that bound us.
fn groups(membership: &str, root: &Path) -> Vec<PathBuf> {
    let own = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::/"));
    let levels = own.into_iter().flat_map(|own| Path::new(own).ancestors());
    levels.map(|level| root.join(level)).collect()
}

/// What is left below the limit of a group; `None` where there is no limit.
fn headroom(group: &Path) -> Option<u64> {
    let read = |name| fs::read_to_string(group.join(name)).ok();
    let number = |name| read(name)?.trim().parse::<u64>().ok();
    let (limit, usage) = (number("memory.max")?, number("memory.current")?);
    // The file cache that the kernel gives up first.
    let stat = read("memory.stat").unwrap_or_default();
    let cache = stat
        .lines()
        .find_map(|line| line.strip_prefix("inactive_file "));
    let cache: u64 = cache.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(usage.saturating_sub(cache)))
}

fn meminfo(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mem_available_is_read_in_bytes() {
        assert_eq!(
            meminfo("MemTotal:  3 kB\nMemAvailable:    2 kB\n"),
            Some(2048)
        );
        assert_eq!(meminfo("MemTotal:  3 kB\n"), None);
    }

    #[test]
    fn every_group_above_us_counts() {
        let found = groups("5:cpu:/x\n0::/u.slice/b\n", Path::new("/cg"));
        let expected = ["/cg/u.slice/b", "/cg/u.slice", "/cg/"].map(PathBuf::from);
        assert_eq!(found, expected);
        assert!(groups("5:cpu:/x\n", Path::new("/cg")).is_empty());
    }

    #[test]
    fn cache_that_can_go_is_headroom() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name, text| fs::write(dir.path().join(name), text).unwrap();
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 500\ninactive_file 150\n");
        assert_eq!(headroom(dir.path()), Some(450));
        write("memory.max", "max\n");
        assert_eq!(headroom(dir.path()), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(Gauge::find().available().unwrap() > 0);
    }
}
