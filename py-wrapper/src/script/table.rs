//! First lines in, class and rewritten lines out, as tables.
//!
//! A row is `FILE => RESULT`, with Rust's escapes. The result is the file after its first lines were rewritten, or
//! `same`; `another` for a script of another implementation, `left` for a file that is left alone, and `refused` for
//! a script whose line cannot be rewritten. `//` begins a comment.

use std::path::Path;

use super::*;

/// Stands for `LONG` in a row: a path that older kernels cut.
const LONG: &str = "/opt/a-long-way-down-to-an-interpreter-that-no-old-kernel-would-take-because-\
    its-path-has-more-than-one-hundred-and-twenty-seven-bytes/bin";

fn layout() -> Layout {
    Layout {
        eprefix: "".into(),
        bindirs: vec!["/usr/bin".into()],
        script_root: "/usr/lib/python-exec".into(),
        sysconfdir: "/etc".into(),
        dispatcher: "/usr/lib/python-exec/py-exec2".into(),
        program: "/usr/bin/py-exec".into(),
        interpreter: None,
    }
}

/// The bytes of one side of a row.
fn unescaped(text: &str) -> Vec<u8> {
    // `#!EXACT/python3.12` has the 127 bytes that every kernel takes.
    let exact = format!("/{}", "x".repeat(127 - "#!//python3.12".len()));
    let text = text.replace("LONG", LONG).replace("EXACT", &exact);
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match (byte, rest.as_slice()) {
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                rest.nth(2);
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (b'\\', _) => match rest.next().unwrap() {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'0' => 0,
                other => panic!("\\{other}"),
            },
            _ => byte,
        });
    }
    bytes
}

/// Checks the rows of one implementation.
fn check(implementation: &str, table: &str) {
    let implementation: Implementation = implementation.parse().unwrap();
    let rows = table.lines().map(str::trim);
    for row in rows.filter(|row| !row.is_empty() && !row.starts_with("//")) {
        let (file, expected) = row.split_once("=>").unwrap();
        let (file, expected) = (unescaped(file.trim()), expected.trim());
        let class = classify(&file, &implementation, &layout(), Path::new("/image"));
        let found = match class {
            Class::Ours(head) => {
                let interpreter = head.interpreter.as_os_str().as_bytes();
                let mut parts = head.new.windows(interpreter.len());
                assert!(parts.any(|part| part == interpreter), "{row}");
                head.replace(&file)
            }
            Class::Foreign(..) => b"another".to_vec(),
            Class::Other(_) => b"left".to_vec(),
            Class::Unfit(_) => b"refused".to_vec(),
        };
        let expected = if expected == "same" {
            file
        } else {
            unescaped(expected)
        };
        let shown = [&found, &expected].map(|bytes| bytes.escape_ascii().to_string());
        assert_eq!(shown[0], shown[1], "{implementation}: {row}");
    }
}

#[test]
fn lines_that_the_kernel_reads() {
    check(
        "python3.12",
        r#"
    #!/usr/bin/python3.12\nx                        => same
    #! /usr/bin/python3.12\n                        => same
    #!\t/usr/bin/python3.12 \n                      => same
    #!/usr/bin/python3\nx                           => #!/usr/bin/python3.12\nx
    #! /usr/bin/python\nx                           => #!/usr/bin/python3.12\nx
    #!/usr/bin/python3 -E\n                         => #!/usr/bin/python3.12 -E\n
    #!/usr/bin/python3\t -E -s \n                   => #!/usr/bin/python3.12 -E -s\n
    #!/usr/bin/python3.12 -Es\n                     => same
    #!/opt/py/bin/python3.12\n                      => same
    #!/opt/py/bin/python\n                          => #!/opt/py/bin/python3.12\n
    #!/opt/py/bin/python3\n                         => #!/opt/py/bin/python3.12\n
    #!/image/usr/bin/python3.12\n                   => #!/usr/bin/python3.12\n
    #!/image/usr/bin/python\n                       => #!/usr/bin/python3.12\n
    #!python\n                                      => #!/usr/bin/python3.12\n
    #!pythonw\n                                     => #!/usr/bin/python3.12\n
    #!python3 -u\n                                  => #!/usr/bin/python3.12 -u\n
    #!../bin/python3.12\n                           => #!/usr/bin/python3.12\n
    #!/usr/bin/python3.11\n                         => another
    #!/usr/bin/python3.1\n                          => another
    #!/usr/bin/python3.13\n                         => another
    #!/usr/bin/python3.12t\n                        => another
    #!/usr/bin/python2\n                            => another
    #!/usr/bin/python2.7\n                          => another
    #!/usr/bin/pypy3\n                              => another
    #!/usr/bin/pypy\n                               => another
    #!/usr/bin/python3.12-config\n                  => left
    #!/usr/bin/python3_12\n                         => left
    #!/usr/bin/python3.12.1\n                       => left
    #!/usr/bin/ipython3\n                           => left
    #!/usr/bin/python-argcomplete\n                 => left
    #!/usr/bin/xpython3.12\n                        => left
    #!/usr/bin/python3.12/x\n                       => left
    #!/bin/sh\n# python3.12\n                       => left
    #!/bin/sh -e\n'''exec' /usr/bin/python3.12 "$0" "$@"\n' '''\n  => left
    #!/usr/bin/perl -w # python3.12\n               => left
    #!/usr/bin/bash /usr/bin/python3.12\n           => left
    "#,
    );
}

#[test]
fn lines_for_env() {
    check(
        "python3.12",
        r"
    #!/usr/bin/env python3.12\n                 => #!/usr/bin/python3.12\n
    #!/usr/bin/env python3\n                    => #!/usr/bin/python3.12\n
    #! /bin/env  python \n                      => #!/usr/bin/python3.12\n
    #!/usr/bin/env -S python3 -E\n              => #!/usr/bin/python3.12 -E\n
    #!/usr/bin/env -Spython3 -E\n               => #!/usr/bin/python3.12 -E\n
    #!/usr/bin/env --split-string=python3 -E\n  => #!/usr/bin/python3.12 -E\n
    #!/usr/bin/env -S python3 -E -s\n           => #!/usr/bin/env -S /usr/bin/python3.12 -E -s\n
    #!/usr/bin/env -S python3 -c 'a b'\n        => #!/usr/bin/env -S /usr/bin/python3.12 -c 'a b'\n
    #!/usr/bin/env -S A=b python3\n             => #!/usr/bin/env -S A=b /usr/bin/python3.12\n
    #!/usr/bin/env A=b python3\n                => #!/usr/bin/env -S A=b /usr/bin/python3.12\n
    #!/usr/bin/env -S A='b c' python3 -u\n      => #!/usr/bin/env -S A='b c' /usr/bin/python3.12 -u\n
    #!/usr/bin/env -i python3\n                 => #!/usr/bin/env -S -i /usr/bin/python3.12\n
    #!/usr/bin/env -S -u HOME python3\n         => #!/usr/bin/env -S -u HOME /usr/bin/python3.12\n
    #!/usr/bin/env -S /opt/bin/python3.12 -E\n  => same
    // What env expands and the kernel would not.
    #!/usr/bin/env -S python3 ${OPTS}\n         => #!/usr/bin/env -S /usr/bin/python3.12 ${OPTS}\n
    #!/usr/bin/env python3.11\n                 => another
    #!/usr/bin/env -S A=b pypy3 -u\n            => another
    #!/usr/bin/env perl\n                       => left
    #!/usr/bin/env PYTHON=python3.12 perl\n     => left
    #!/usr/bin/env -S ${PYTHON} x\n             => left
    #!/usr/bin/env --unknown python3\n          => left
    #!/usr/bin/env -S 'python3\n                => left
    #!/usr/bin/env\n                            => left
    ",
    );
}

#[test]
fn lines_of_installers() {
    check(
        "python3.12",
        r#"
    #!/bin/sh\n'''exec' LONG/python3.12 "$0" "$@"\n' '''\nx  => same
    #!/bin/sh\n'''exec' LONG/python3 -E "$0" "$@"\n' '''\nx  => #!/bin/sh\n'''exec' "LONG/python3.12" -E "$0" "$@"\n' '''\nx
    #!LONG/python3\nx  => #!/bin/sh\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\nx
    #!LONG/$a/python3\nx  => refused
    #!/bin/sh\n'''exec' "/a b/python3.12" "$0" "$@"\n' '''\nx  => same
    #!/bin/sh\n'''exec' '/a b/python3' "$0" "$@"\n' '''\nx  => #!/bin/sh\n'''exec' "/a b/python3.12" "$0" "$@"\n' '''\nx
    #!/bin/sh\n'''exec' /b/python3 "$0" "$@"\n' '''\nx  => #!/b/python3.12\nx
    #!/bin/sh\n'''exec' /b/python3 -E "$0" "$@"\n' '''\n  => #!/b/python3.12 -E\n
    // What sh expands and the kernel would not.
    #!/bin/sh\n'''exec' /b/python3 $OPTS "$0" "$@"\n' '''\n  => #!/bin/sh\n'''exec' "/b/python3.12" $OPTS "$0" "$@"\n' '''\n
    #!/bin/sh\n'''exec' /b/python3 -W* "$0" "$@"\n' '''\n  => #!/bin/sh\n'''exec' "/b/python3.12" -W* "$0" "$@"\n' '''\n
    #!/bin/sh\n'''exec' /b/python3.11 "$0" "$@"\n' '''\n  => another
    #!/bin/sh\n'''exec' /b/perl "$0" "$@"\n' '''\n  => left
    #!/bin/sh\n'''exec' /b/python3.12 "$@"\n' '''\n  => left
    #!/bin/sh\n'''exec' /b/python3.12 "$0" "$@"\necho\n  => left
    #!/bin/sh\n'''exec'/b/python3.12 "$0" "$@"\n' '''\n  => left
    "#,
    );
}

#[test]
fn odd_files() {
    check(
        "python3.12",
        r"
                                          => left
    #                                     => left
    #!                                    => left
    #!\n                                  => left
    #! \n                                 => left
    \n#!/usr/bin/python3.12\n             => left
    import sys\n                          => left
    \x7fELF\x02\x01\x01                   => left
    \xef\xbb\xbf#!/usr/bin/python3.12\n   => left
    #!/usr/bin/python3.12                 => same
    #!/usr/bin/python3                    => #!/usr/bin/python3.12
    #!/usr/bin/python3.12\r\nx\r\n        => #!/usr/bin/python3.12\nx\r\n
    #!/usr/bin/env python3\r\n            => #!/usr/bin/python3.12\n
    #!/usr/bin/python3.12 -E\r            => #!/usr/bin/python3.12 -E
    #!/usr/bin/python3\nPK\x03\x04\xff\0  => #!/usr/bin/python3.12\nPK\x03\x04\xff\0
    #!/usr/bin/\xffpython3.12\n           => left
    #!/opt/\xff/python3.12\nx             => same
    ",
    );
}

#[test]
fn names_of_other_implementations() {
    check(
        "python3.14t",
        r"
    #!/usr/bin/python3.14t\n  => same
    #!/usr/bin/python3.14\n   => another
    #!/usr/bin/env python3\n  => #!/usr/bin/python3.14t\n
    ",
    );
    check(
        "python3.14",
        r"
    #!/usr/bin/python3.14t\n  => another
    ",
    );
    check(
        "python2.7",
        r"
    #!/usr/bin/python2\n    => #!/usr/bin/python2.7\n
    #!/usr/bin/python\n     => #!/usr/bin/python2.7\n
    #!/usr/bin/python3\n    => another
    #!/usr/bin/python2.6\n  => another
    ",
    );
    check(
        "pypy3",
        r"
    #!/usr/bin/pypy3\n       => same
    #!/usr/bin/pypy3.9\n     => same
    #!/usr/bin/pypy\n        => #!/usr/bin/pypy3\n
    #!/usr/bin/python3\n     => #!/usr/bin/pypy3\n
    #!/usr/bin/pypy2\n       => another
    #!/usr/bin/python3.12\n  => another
    ",
    );
    check(
        "pypy3.11",
        r"
    #!/usr/bin/pypy3\n     => #!/usr/bin/pypy3.11\n
    #!/usr/bin/pypy3.11\n  => same
    #!/usr/bin/pypy3.10\n  => another
    ",
    );
}

#[test]
fn a_line_that_older_kernels_cut_is_rewritten() {
    check(
        "python3.12",
        r#"
    #!LONG/python3.12\nx  => #!/bin/sh\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\nx
    // No other line can carry it, and newer kernels take it.
    #!LONG/$a/python3.12\nx  => same
    #!EXACT/python3.12\nx  => same
    "#,
    );
}

#[test]
fn an_encoding_stays_where_python_looks_for_it() {
    check(
        "python3.12",
        r#"
    #!LONG/python3\n# -*- coding: latin-1 -*-\nx  => #!/bin/sh\n# -*- coding: latin-1 -*-\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\nx
    #!LONG/python3\n \t# vim: set fileencoding=latin-1 :  => #!/bin/sh\n \t# vim: set fileencoding=latin-1 :\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\n
    #!LONG/python3\n# coding: latin-1\r\nx\r\n  => #!/bin/sh\n# coding: latin-1\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\nx\r\n
    #!LONG/python3\n# encoded\nx  => #!/bin/sh\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\n# encoded\nx
    #!LONG/python3\nx # coding: latin-1\n  => #!/bin/sh\n'''exec' "LONG/python3.12" "$0" "$@"\n' '''\nx # coding: latin-1\n
    #!/usr/bin/python3\n# coding: latin-1\nx  => #!/usr/bin/python3.12\n# coding: latin-1\nx
    "#,
    );
}

#[test]
fn a_prefix_and_a_template_give_the_path_of_the_interpreter() {
    let implementation = "python3.12".parse().unwrap();
    let interpreter = |layout: &Layout, file: &[u8]| match classify(
        file,
        &implementation,
        layout,
        Path::new("/image"),
    ) {
        Class::Ours(head) => head.interpreter.display().to_string(),
        class => panic!("{class:?}"),
    };
    let prefix = Layout {
        eprefix: "/p".into(),
        ..layout()
    };
    for (file, expected) in [
        (&b"#!/usr/bin/python3\n"[..], "/p/usr/bin/python3.12"),
        (b"#!/p/bin/python3\n", "/p/bin/python3.12"),
        (b"#!/opt/bin/python3.12\n", "/opt/bin/python3.12"),
        (b"#!/usr/bin/env python3\n", "/p/usr/bin/python3.12"),
    ] {
        assert_eq!(interpreter(&prefix, file), expected);
    }
    let template = "/v/{version}/bin/{interpreter}".to_owned();
    let template = Layout {
        interpreter: Some(template),
        ..layout()
    };
    for file in [
        &b"#!/usr/bin/python3\n"[..],
        b"#!/opt/bin/python3.12\n",
        b"#!python\n",
    ] {
        assert_eq!(interpreter(&template, file), "/v/3.12/bin/python3.12");
    }
}

#[test]
fn an_interpreter_that_env_would_take_for_an_assignment() {
    // The template puts a path into the line that has the form of an assignment.
    let layout = Layout {
        interpreter: Some("/opt/a=b/{interpreter}".to_owned()),
        ..layout()
    };
    let begin = |file: &[u8]| {
        let implementation = "python3.12".parse().unwrap();
        match classify(file, &implementation, &layout, Path::new("/image")) {
            Class::Ours(head) => Some(String::from_utf8(head.new).unwrap()),
            Class::Unfit(_) => None,
            class => panic!("{class:?}"),
        }
    };
    let ours = |lines: &str| Some(lines.to_owned());
    assert_eq!(
        begin(b"#!/usr/bin/env python3\n"),
        ours("#!/opt/a=b/python3.12\n")
    );
    assert_eq!(
        begin(b"#!/usr/bin/env -S python3 -E 'a b'\n"),
        ours("#!/bin/sh\n'''exec' \"/opt/a=b/python3.12\" -E \"a b\" \"$0\" \"$@\"\n' '''\n")
    );
    assert_eq!(begin(b"#!/usr/bin/env -S A=b python3\n"), None);
    // Two words, one of which env would expand: no other line says that.
    assert_eq!(begin(b"#!/usr/bin/env -S python3 -E ${A}\n"), None);
}
