//! What a machine has left: `MemAvailable`, and the headroom of our control groups, v2 and v1.

use std::fs;
use std::path::{Path, PathBuf};

use common::{Error, Result};

const MEMINFO: &str = "/proc/meminfo";

/// Where to look, found once.
#[derive(Debug)]
pub(crate) struct Gauge {
    groups: Vec<Group>,
}

/// One control group with its limit, ours or one above it.
#[derive(Debug)]
struct Group {
    dir: PathBuf,
    files: &'static Files,
}

/// What a version of control groups calls its files.
#[derive(Debug)]
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// The line of `memory.stat` with the file cache that is given up first.
    cache: &'static str,
}

const V2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    cache: "inactive_file ",
};

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    cache: "total_inactive_file ",
};

impl Gauge {
    pub(crate) fn find() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let groups = dirs(&membership, Path::new("/sys/fs/cgroup"));
        Self {
            groups: groups
                .into_iter()
                .filter(|g| g.dir.join(g.files.limit).is_file())
                .collect(),
        }
    }

    /// Bytes that can be had now.
    pub(crate) fn available(&self) -> Result<u64> {
        let text = fs::read_to_string(MEMINFO).map_err(|c| Error::io("read", MEMINFO, c))?;
        let machine =
            meminfo(&text).ok_or_else(|| Error::refused("read", MEMINFO, "has no MemAvailable"))?;
        let groups = self.groups.iter().filter_map(Group::headroom);
        Ok(groups.chain([machine]).min().unwrap_or(machine))
    }

    /// The file that tells the pressure on us: our own group's, else the machine's.
    pub(crate) fn pressure(&self) -> PathBuf {
        let groups = self
            .groups
            .iter()
            .map(|group| group.dir.join("memory.pressure"));
        let own = groups.into_iter().find(|path| path.is_file());
        own.unwrap_or_else(|| "/proc/pressure/memory".into())
    }
}

impl Group {
    /// What is left below the limit; nothing where there is none.
    fn headroom(&self) -> Option<u64> {
        let read = |name| fs::read_to_string(self.dir.join(name)).ok();
        let number = |name| read(name)?.trim().parse::<u64>().ok();
        // Version 1 says "no limit" by a number that no machine has.
        let limit = number(self.files.limit).filter(|limit| *limit < 1 << 60)?;
        let usage = number(self.files.usage)?;
        let stat = read("memory.stat").unwrap_or_default();
        let cache = stat
            .lines()
            .find_map(|line| line.strip_prefix(self.files.cache));
        let cache = cache.and_then(|n| n.trim().parse().ok()).unwrap_or(0);
        Some(limit.saturating_sub(usage.saturating_sub(cache)))
    }
}

/// The directories of the groups that bound us, the innermost first.
fn dirs(membership: &str, root: &Path) -> Vec<Group> {
    let mut groups = Vec::new();
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, files) = match controllers {
            "" => (root.to_owned(), &V2),
            list if list.split(',').any(|c| c == "memory") => (root.join("memory"), &V1),
            _ => continue,
        };
        let inside = Path::new(path).strip_prefix("/").unwrap_or(Path::new(""));
        for level in inside.ancestors() {
            groups.push(Group {
                dir: root.join(level),
                files,
            });
        }
    }
    groups
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
    fn the_kernels_line_is_read() {
        assert_eq!(
            meminfo("MemTotal:  3 kB\nMemAvailable:    2 kB\n"),
            Some(2048)
        );
        assert_eq!(meminfo("MemTotal:  3 kB\n"), None);
    }

    #[test]
    fn every_group_above_us_counts() {
        let root = Path::new("/cg");
        let found = dirs("5:cpu:/x\n4:memory,hugetlb:/a/b\n0::/u.slice\n", root);
        let found: Vec<_> = found.iter().map(|g| g.dir.to_str().unwrap()).collect();
        assert_eq!(
            found,
            [
                "/cg/memory/a/b",
                "/cg/memory/a",
                "/cg/memory/",
                "/cg/u.slice",
                "/cg/"
            ]
        );
    }

    #[test]
    fn cache_that_can_go_is_headroom() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name, text| fs::write(dir.path().join(name), text).unwrap();
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 500\ninactive_file 150\n");
        let group = Group {
            dir: dir.path().to_owned(),
            files: &V2,
        };
        assert_eq!(group.headroom(), Some(450));
        write("memory.max", "max\n");
        assert_eq!(group.headroom(), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(Gauge::find().available().unwrap() > 0);
    }
}
