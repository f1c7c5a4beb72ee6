//! A stream of records may hold any bytes. A stream that was read whole is written and read again the same.

#![no_main]

use common::record::{End, Reader, Record, Writer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let Some((records, status)) = read(stream, End::Required) else {
        return;
    };
    let mut again = Vec::new();
    let mut writer = Writer::new(&mut again);
    for record in &records {
        writer.record(record).expect("a record that was read can be written");
    }
    writer.end(status).expect("memory takes every line");
    assert_eq!(read(&again, End::Required), Some((records, status)));
});

/// The records and the status of a stream, if it is valid.
fn read(stream: &[u8], end: End) -> Option<(Vec<Record>, u8)> {
    let mut reader = Reader::new(stream, "-", end);
    let records: Result<Vec<Record>, _> = reader.by_ref().collect();
    Some((records.ok()?, reader.finish().ok()?))
}
