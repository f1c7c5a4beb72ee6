//! Whether memory is so short that work waits for it: pressure stall information, else swapping in.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// The share of the last ten seconds in which everybody waited for memory, in percent, above which
/// nothing more is started.
const FULL: f64 = 10.0;
/// Pages read back from swap in a second that count as much (1 MiB/s).
const SWAPPED_IN: f64 = 256.0;

/// Looks at the pressure now and then.
#[derive(Debug)]
pub(crate) struct Pressure {
    file: PathBuf,
    swapped: Option<(Instant, u64)>,
}

impl Pressure {
    /// `file`: where the kernel says it; it may be absent.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self {
            file,
            swapped: None,
        }
    }

    pub(crate) fn is_high(&mut self) -> bool {
        match fs::read_to_string(&self.file) {
            Ok(text) => full(&text).is_some_and(|percent| percent > FULL),
            Err(_) => self.swaps(),
        }
    }

    fn swaps(&mut self) -> bool {
        let text = fs::read_to_string("/proc/vmstat").unwrap_or_default();
        let Some(pages) = swapped_in(&text) else {
            return false;
        };
        let now = Instant::now();
        let before = self.swapped.replace((now, pages));
        before.is_some_and(|(then, earlier)| {
            let seconds = now.duration_since(then).as_secs_f64().max(0.001);
            // The difference of two looks is small.
            let pages = u32::try_from(pages.saturating_sub(earlier)).unwrap_or(u32::MAX);
            f64::from(pages) / seconds > SWAPPED_IN
        })
    }
}

fn full(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("full "))?;
    let ten = line
        .split(' ')
        .find_map(|field| field.strip_prefix("avg10="))?;
    ten.parse().ok()
}

fn swapped_in(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("pswpin "))?;
    line.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let psi = "some avg10=2.00 avg60=1.00 avg300=0.00 total=5\n\
                   full avg10=12.50 avg60=0.00 avg300=0.00 total=3\n";
        assert_eq!(full(psi), Some(12.5));
        assert_eq!(full("some avg10=2.00\n"), None);
        assert_eq!(swapped_in("pgpgin 7\npswpin 41\n"), Some(41));
    }

    #[test]
    fn without_either_there_is_no_pressure() {
        let dir = tempfile::tempdir().unwrap();
        let mut pressure = Pressure::new(dir.path().join("absent"));
        assert!(!pressure.is_high());
        fs::write(dir.path().join("absent"), "full avg10=10.01 x\n").unwrap();
        assert!(pressure.is_high());
    }
}
