//! A journal that a killed run left may hold any bytes. Its records are written and read again the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|journal: &[u8]| img_merge::fuzz::journal(journal));
