//! The first lines of a file may hold any bytes. A script that gets another interpreter names that one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use py_wrapper::shebang::parse;

const INTERPRETERS: [&[u8]; 2] = [b"/usr/bin/python3.12", b"/opt/a b/python3"];

fuzz_target!(|file: &[u8]| {
    let Ok(shebang) = parse(file) else {
        return;
    };
    assert!(shebang.length <= file.len());
    for interpreter in INTERPRETERS {
        if let Some(lines) = shebang.naming(interpreter) {
            let again = parse(&lines).expect("lines that we write can be read");
            // The installers' text runs env itself if there are assignments. It is not read again as env's.
            if again.name() == b"env" {
                continue;
            }
            assert_eq!(again.interpreter, interpreter);
            let twice = again.naming(interpreter).expect("they can be written again");
            // The last newline of the installers' text may come and go.
            assert_eq!(twice.trim_ascii_end(), lines.trim_ascii_end());
        }
    }
});
