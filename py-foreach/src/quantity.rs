//! Numbers on the command line: counts, times, sizes, loads. Each is read whole or refused.

use std::num::NonZeroUsize;
use std::time::Duration;

/// A count that is at least 1, as `-j` takes it.
pub(crate) fn count(word: &str) -> Result<NonZeroUsize, String> {
    let read = Some(word).filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
    let read = read.and_then(|word| word.parse().ok());
    read.ok_or_else(|| "is not a whole number from 1 up".to_owned())
}

/// A time as timeout(1) and sleep(1) read it: seconds, decimals and a suffix allowed.
pub(crate) fn duration(word: &str) -> Result<Duration, String> {
    let (number, unit) = match word.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, unit_of(word)),
        None => (word, 1.0),
    };
    // Longer than any job, and short enough to be added to any clock.
    let seconds = decimal(number).map(|number| (number * unit).min(1e9));
    let read = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    read.ok_or_else(|| "is no time (10, 1.5s, 2m, 1h, 1d are)".to_owned())
}

fn unit_of(text: &str) -> f64 {
    match text.as_bytes().last() {
        Some(b'm') => 60.0,
        Some(b'h') => 3600.0,
        Some(b'd') => 86400.0,
        _ => 1.0,
    }
}

/// A size in bytes: a number with K, M, G or T (powers of 1024), a following `B` or `iB` allowed.
pub(crate) fn size(word: &str) -> Result<u64, String> {
    let number = word.strip_suffix('B').unwrap_or(word);
    let number = number.strip_suffix('i').unwrap_or(number);
    let unit = number.bytes().last().map(|byte| byte.to_ascii_uppercase());
    let power = b"KMGT".iter().position(|&u| Some(u) == unit);
    let number = if power.is_some() {
        &number[..number.len() - 1]
    } else {
        number
    };
    let read = bytes(number, power.map_or(0, |p| p + 1));
    read.ok_or_else(|| "is no size (500M, 1.5G, auto and off are)".to_owned())
}

/// `number` times 1024 to the `power`, rounded down; three decimals count.
fn bytes(number: &str, power: usize) -> Option<u64> {
    decimal(number)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse().ok()
        }
    };
    let thousandths: u64 = digits(&format!("{part:0<3.3}"))?;
    let unit = 1024_u64.checked_pow(u32::try_from(power).ok()?)?;
    let whole: u64 = digits(whole)?.checked_mul(unit)?;
    whole.checked_add(thousandths.checked_mul(unit)? / 1000)
}

/// A load average, as uptime(1) shows it.
pub(crate) fn load(word: &str) -> Result<f64, String> {
    decimal(word).ok_or_else(|| "is no load average (2, 3.5 are)".to_owned())
}

/// A decimal without sign, exponent, or the words that Rust takes for numbers.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_whole_number_from_one() {
        assert_eq!(count("4").unwrap().get(), 4);
        for word in ["", "0", "x", "-1", "+1", "1.5", "99999999999999999999999"] {
            assert!(count(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn times_are_coreutils_times() {
        for (word, millis) in [("10", 10_000), (".5", 500), ("1.5s", 1500), ("2m", 120_000)] {
            let read = duration(word).unwrap();
            assert_eq!(read, Duration::from_millis(millis), "{word}");
        }
        assert_eq!(duration("1d").unwrap().as_secs(), 86400);
        for word in ["", ".", "s", "-1", "1e3", "1 s", "inf", "nan", "1ms"] {
            assert!(duration(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (word, bytes) in [
            ("7", 7),
            ("1K", 1024),
            ("1.5M", 1_572_864),
            ("2GiB", 2 << 30),
            (".5K", 512),
        ] {
            assert_eq!(size(word).unwrap(), bytes, "{word}");
        }
        for word in ["", "B", "K", "1X", "-1G", "autos", "99999999T"] {
            assert!(size(word).is_err(), "{word:?}");
        }
    }
}
