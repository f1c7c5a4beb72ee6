//! Whether memory is so short that processes wait for it: the kernel's pressure stall information.

use std::fs;
use std::path::PathBuf;

/// The share of the last ten seconds in which all processes waited for memory, in percent, above which nothing more
/// is started.
const FULL: f64 = 10.0;

/// Looks at the pressure.
#[derive(Debug)]
pub(crate) struct Pressure {
    file: PathBuf,
}

impl Pressure {
    /// `file` is where the kernel tells it. Without it there is no pressure.
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(crate) fn is_high(&self) -> bool {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        full(&text).is_some_and(|percent| percent > FULL)
    }
}

fn full(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("full "))?;
    let ten = line
        .split(' ')
        .find_map(|field| field.strip_prefix("avg10="))?;
    ten.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_above_a_tenth_is_high() {
        let dir = tempfile::tempdir().unwrap();
        let pressure = Pressure::new(dir.path().join("memory"));
        assert!(!pressure.is_high(), "no file");
        for (avg10, is_high) in [("12.50", true), ("10.00", false), ("0.00", false)] {
            let psi = format!(
                "some avg10=20.00 avg60=1.00 avg300=0.00 total=5\n\
                 full avg10={avg10} avg60=0.00 avg300=0.00 total=3\n"
            );
            fs::write(dir.path().join("memory"), psi).unwrap();
            assert_eq!(pressure.is_high(), is_high, "{avg10}");
        }
    }
}
