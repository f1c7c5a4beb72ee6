//! A `RECORD` may hold any bytes. Rows of other files stay as they are, and a second update changes nothing.

#![no_main]
#![allow(dead_code, reason = "py-wrapper uses more of the modules than this target")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use libfuzzer_sys::fuzz_target;

// The crate keeps the modules private, so the target compiles the files themselves.
#[path = "../../py-wrapper/src/layout.rs"]
mod layout;
#[path = "../../py-wrapper/src/record.rs"]
mod record;

use record::{Moved, Sum, updated};

const SITE: &str = "/usr/lib/python3.12/site-packages";

fuzz_target!(|content: &[u8]| {
    let moves = BTreeMap::from([(
        PathBuf::from("/usr/bin/foo"),
        Moved {
            scripts: vec![("/usr/lib/python-exec/python3.12/foo".into(), Sum::of(b"script"))],
            wrapper: Sum::of(b"wrapper"),
        },
    )]);
    let Some(new) = updated(content, Path::new(SITE), &moves) else {
        return;
    };
    assert_eq!(updated(&new, Path::new(SITE), &moves), Some(new));
});
