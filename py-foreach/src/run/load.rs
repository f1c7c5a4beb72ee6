//! The load average, for `-l`.

use std::fs;

use common::{Error, Result};

const LOADAVG: &str = "/proc/loadavg";

/// Whether the load of the last minute is above `most`.
pub(crate) fn is_above(most: f64) -> Result<bool> {
    let text = fs::read_to_string(LOADAVG).map_err(|c| Error::io("read", LOADAVG, c))?;
    let first = text
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<f64>().ok());
    let load = first.ok_or_else(|| Error::refused("read", LOADAVG, "has no number"))?;
    Ok(load > most)
}
