//! Files that the kernel generates when they are read, as in /proc.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The whole content of such a file.
///
/// The kernel reports no size for it (proc(5)), so a large buffer from the start saves reads.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16 << 10);
    // `take` keeps std from asking for the size.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text. Bytes that are not UTF-8 are replaced.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_kernel_is_read_to_its_end() {
        let status = read_text("/proc/self/status").unwrap();
        assert!(
            status.starts_with("Name:") && status.ends_with('\n'),
            "{status}"
        );
        assert!(read("/proc/self/none").is_err());
    }
}
