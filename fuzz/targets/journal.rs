//! A journal that a killed run left may hold any bytes. Its records are written and read again the same.

#![no_main]
#![allow(dead_code, reason = "img-merge uses more of the module than this target")]

use libfuzzer_sys::fuzz_target;

// The crate keeps the module private, so the target compiles the file itself.
#[path = "../../img-merge/src/journal/record.rs"]
mod record;

use record::Record;

fuzz_target!(|journal: &[u8]| {
    let records = Record::decode(journal);
    let mut again = Vec::new();
    for record in &records {
        record.encode(&mut again);
    }
    assert_eq!(Record::decode(&again), records);
});
