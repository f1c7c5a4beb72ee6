//! Files that the kernel makes up when they are read, as in /proc.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The whole of such a file.
///
/// The kernel tells no size for it, see proc(5): with room from the start it is one read for each page and
/// not one for each doubling.
///
/// # Errors
/// Those of open(2) and read(2).
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16 << 10);
    // A file that is read as a mere stream is not asked for its size.
    File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text; what is no UTF-8 is replaced.
///
/// # Errors
/// Those of [`read`].
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
