//! First lines in, class and rewritten lines out.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::*;

/// What is expected of a row.
enum Is {
    /// Ours, and begins so once it is wrapped.
    Ours(&'static str),
    /// Another implementation's.
    Foreign,
    /// Left alone.
    Other,
    /// Ours, and no line can say it.
    Unfit,
}
use Is::{Foreign, Other, Ours, Unfit};

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

/// Checks rows of one implementation; the rest of each file must stay as it is.
fn check(implementation: &str, rows: &[(&[u8], Is)]) {
    let implementation: Implementation = implementation.parse().unwrap();
    for (file, expected) in rows {
        let shown = file.escape_ascii();
        let class = classify(file, &implementation, &layout(), Path::new("/image"));
        match (class, expected) {
            (Class::Ours(head), Ours(lines)) => {
                let new = head.exchange(file);
                let begin = new.get(..lines.len()).unwrap_or(&new);
                assert_eq!(
                    begin.escape_ascii().to_string(),
                    lines.as_bytes().escape_ascii().to_string(),
                    "{shown}"
                );
                let rest = &file[head.old..];
                assert_eq!(&new[new.len() - rest.len()..], rest, "{shown}");
                if rest.is_empty() {
                    assert_eq!(new, lines.as_bytes(), "{shown}");
                }
                let interpreter = head.interpreter.as_os_str().as_bytes();
                let named = head
                    .new
                    .windows(interpreter.len())
                    .any(|part| part == interpreter);
                assert!(named, "{shown}");
            }
            (Class::Foreign(..), Foreign) | (Class::Other(_), Other) | (Class::Unfit(_), Unfit) => {
            }
            (class, _) => panic!("{implementation}: {shown}: {class:?}"),
        }
    }
}

#[test]
fn lines_that_the_kernel_reads() {
    check(
        "python3.12",
        &[
            (
                b"#!/usr/bin/python3.12\nx",
                Ours("#!/usr/bin/python3.12\nx"),
            ),
            (
                b"#! /usr/bin/python3.12\n",
                Ours("#! /usr/bin/python3.12\n"),
            ),
            (
                b"#!\t/usr/bin/python3.12 \n",
                Ours("#!\t/usr/bin/python3.12 \n"),
            ),
            (b"#!/usr/bin/python3\nx", Ours("#!/usr/bin/python3.12\nx")),
            (b"#! /usr/bin/python\nx", Ours("#!/usr/bin/python3.12\nx")),
            (
                b"#!/usr/bin/python3 -E\n",
                Ours("#!/usr/bin/python3.12 -E\n"),
            ),
            (
                b"#!/usr/bin/python3\t -E -s \n",
                Ours("#!/usr/bin/python3.12 -E -s\n"),
            ),
            (
                b"#!/usr/bin/python3.12 -Es\n",
                Ours("#!/usr/bin/python3.12 -Es\n"),
            ),
            (
                b"#!/opt/py/bin/python3.12\n",
                Ours("#!/opt/py/bin/python3.12\n"),
            ),
            (
                b"#!/opt/py/bin/python\n",
                Ours("#!/opt/py/bin/python3.12\n"),
            ),
            (
                b"#!/opt/py/bin/python3\n",
                Ours("#!/opt/py/bin/python3.12\n"),
            ),
            (
                b"#!/image/usr/bin/python3.12\n",
                Ours("#!/usr/bin/python3.12\n"),
            ),
            (
                b"#!/image/usr/bin/python\n",
                Ours("#!/usr/bin/python3.12\n"),
            ),
            (b"#!python\n", Ours("#!/usr/bin/python3.12\n")),
            (b"#!pythonw\n", Ours("#!/usr/bin/python3.12\n")),
            (b"#!python3 -u\n", Ours("#!/usr/bin/python3.12 -u\n")),
            (b"#!../bin/python3.12\n", Ours("#!/usr/bin/python3.12\n")),
            (b"#!/usr/bin/python3.11\n", Foreign),
            (b"#!/usr/bin/python3.1\n", Foreign),
            (b"#!/usr/bin/python3.13\n", Foreign),
            (b"#!/usr/bin/python3.12t\n", Foreign),
            (b"#!/usr/bin/python2\n", Foreign),
            (b"#!/usr/bin/python2.7\n", Foreign),
            (b"#!/usr/bin/pypy3\n", Foreign),
            (b"#!/usr/bin/pypy\n", Foreign),
            (b"#!/usr/bin/python3.12-config\n", Other),
            (b"#!/usr/bin/python3_12\n", Other),
            (b"#!/usr/bin/python3.12.1\n", Other),
            (b"#!/usr/bin/ipython3\n", Other),
            (b"#!/usr/bin/python-argcomplete\n", Other),
            (b"#!/usr/bin/xpython3.12\n", Other),
            (b"#!/usr/bin/python3.12/x\n", Other),
            (b"#!/bin/sh\n# python3.12\n", Other),
            (
                b"#!/bin/sh -e\n'''exec' /usr/bin/python3.12 \"$0\" \"$@\"\n' '''\n",
                Other,
            ),
            (b"#!/usr/bin/perl -w # python3.12\n", Other),
            (b"#!/usr/bin/bash /usr/bin/python3.12\n", Other),
        ],
    );
}

#[test]
fn lines_for_env() {
    check(
        "python3.12",
        &[
            (
                b"#!/usr/bin/env python3.12\n",
                Ours("#!/usr/bin/python3.12\n"),
            ),
            (b"#!/usr/bin/env python3\n", Ours("#!/usr/bin/python3.12\n")),
            (b"#! /bin/env  python \n", Ours("#!/usr/bin/python3.12\n")),
            (
                b"#!/usr/bin/env -S python3 -E\n",
                Ours("#!/usr/bin/python3.12 -E\n"),
            ),
            (
                b"#!/usr/bin/env -Spython3 -E\n",
                Ours("#!/usr/bin/python3.12 -E\n"),
            ),
            (
                b"#!/usr/bin/env --split-string=python3 -E\n",
                Ours("#!/usr/bin/python3.12 -E\n"),
            ),
            (
                b"#!/usr/bin/env -S python3 -E -s\n",
                Ours("#!/usr/bin/env -S /usr/bin/python3.12 -E -s\n"),
            ),
            (
                b"#!/usr/bin/env -S python3 -c 'a b'\n",
                Ours("#!/usr/bin/env -S /usr/bin/python3.12 -c 'a b'\n"),
            ),
            (
                b"#!/usr/bin/env -S A=b python3\n",
                Ours("#!/usr/bin/env -S A=b /usr/bin/python3.12\n"),
            ),
            (
                b"#!/usr/bin/env A=b python3\n",
                Ours("#!/usr/bin/env -S A=b /usr/bin/python3.12\n"),
            ),
            (
                b"#!/usr/bin/env -S A='b c' python3 -u\n",
                Ours("#!/usr/bin/env -S A='b c' /usr/bin/python3.12 -u\n"),
            ),
            (
                b"#!/usr/bin/env -i python3\n",
                Ours("#!/usr/bin/env -S -i /usr/bin/python3.12\n"),
            ),
            (
                b"#!/usr/bin/env -S -u HOME python3\n",
                Ours("#!/usr/bin/env -S -u HOME /usr/bin/python3.12\n"),
            ),
            (
                b"#!/usr/bin/env -S /opt/bin/python3.12 -E\n",
                Ours("#!/usr/bin/env -S /opt/bin/python3.12 -E\n"),
            ),
            // What env expands and the kernel would not.
            (
                b"#!/usr/bin/env -S python3 ${OPTS}\n",
                Ours("#!/usr/bin/env -S /usr/bin/python3.12 ${OPTS}\n"),
            ),
            (b"#!/usr/bin/env python3.11\n", Foreign),
            (b"#!/usr/bin/env -S A=b pypy3 -u\n", Foreign),
            (b"#!/usr/bin/env perl\n", Other),
            (b"#!/usr/bin/env PYTHON=python3.12 perl\n", Other),
            (b"#!/usr/bin/env -S ${PYTHON} x\n", Other),
            (b"#!/usr/bin/env --unknown python3\n", Other),
            (b"#!/usr/bin/env -S 'python3\n", Other),
            (b"#!/usr/bin/env\n", Other),
        ],
    );
}

const LONG: &str = "/opt/a-long-way-down-to-an-interpreter-that-no-old-kernel-would-take-because-\
    its-path-has-more-than-one-hundred-and-twenty-seven-bytes/bin";

#[test]
fn the_text_of_installers() {
    let long = format!("#!/bin/sh\n'''exec' {LONG}/python3.12 \"$0\" \"$@\"\n' '''\nx");
    let long: &'static str = long.leak();
    let generic = format!("#!/bin/sh\n'''exec' {LONG}/python3 -E \"$0\" \"$@\"\n' '''\nx");
    let kept = format!("#!/bin/sh\n'''exec' \"{LONG}/python3.12\" -E \"$0\" \"$@\"\n' '''\nx");
    let direct = format!("#!{LONG}/python3\nx");
    let from_direct = format!("#!/bin/sh\n'''exec' \"{LONG}/python3.12\" \"$0\" \"$@\"\n' '''\nx");
    let unfit = format!("#!{LONG}/$a/python3\nx");
    check(
        "python3.12",
        &[
            (long.as_bytes(), Ours(long)),
            (generic.as_bytes(), Ours(kept.leak())),
            (direct.as_bytes(), Ours(from_direct.leak())),
            (unfit.as_bytes(), Unfit),
            (
                b"#!/bin/sh\n'''exec' \"/a b/python3.12\" \"$0\" \"$@\"\n' '''\nx",
                Ours("#!/bin/sh\n'''exec' \"/a b/python3.12\" \"$0\" \"$@\"\n' '''\nx"),
            ),
            (
                b"#!/bin/sh\n'''exec' '/a b/python3' \"$0\" \"$@\"\n' '''\nx",
                Ours("#!/bin/sh\n'''exec' \"/a b/python3.12\" \"$0\" \"$@\"\n' '''\nx"),
            ),
            (
                b"#!/bin/sh\n'''exec' /b/python3 \"$0\" \"$@\"\n' '''\nx",
                Ours("#!/b/python3.12\nx"),
            ),
            (
                b"#!/bin/sh\n'''exec' /b/python3 -E \"$0\" \"$@\"\n' '''\n",
                Ours("#!/b/python3.12 -E\n"),
            ),
            // What sh expands and the kernel would not.
            (
                b"#!/bin/sh\n'''exec' /b/python3 $OPTS \"$0\" \"$@\"\n' '''\n",
                Ours("#!/bin/sh\n'''exec' \"/b/python3.12\" $OPTS \"$0\" \"$@\"\n' '''\n"),
            ),
            (
                b"#!/bin/sh\n'''exec' /b/python3 -W* \"$0\" \"$@\"\n' '''\n",
                Ours("#!/bin/sh\n'''exec' \"/b/python3.12\" -W* \"$0\" \"$@\"\n' '''\n"),
            ),
            (
                b"#!/bin/sh\n'''exec' /b/python3.11 \"$0\" \"$@\"\n' '''\n",
                Foreign,
            ),
            (b"#!/bin/sh\n'''exec' /b/perl \"$0\" \"$@\"\n' '''\n", Other),
            (b"#!/bin/sh\n'''exec' /b/python3.12 \"$@\"\n' '''\n", Other),
            (
                b"#!/bin/sh\n'''exec' /b/python3.12 \"$0\" \"$@\"\necho\n",
                Other,
            ),
            (
                b"#!/bin/sh\n'''exec'/b/python3.12 \"$0\" \"$@\"\n' '''\n",
                Other,
            ),
        ],
    );
}

#[test]
fn odd_files() {
    check(
        "python3.12",
        &[
            (b"", Other),
            (b"#", Other),
            (b"#!", Other),
            (b"#!\n", Other),
            (b"#! \n", Other),
            (b"\n#!/usr/bin/python3.12\n", Other),
            (b"import sys\n", Other),
            (b"\x7fELF\x02\x01\x01", Other),
            (b"\xef\xbb\xbf#!/usr/bin/python3.12\n", Other),
            (b"#!/usr/bin/python3.12", Ours("#!/usr/bin/python3.12")),
            (b"#!/usr/bin/python3", Ours("#!/usr/bin/python3.12")),
            (
                b"#!/usr/bin/python3.12\r\nx\r\n",
                Ours("#!/usr/bin/python3.12\nx\r\n"),
            ),
            (
                b"#!/usr/bin/env python3\r\n",
                Ours("#!/usr/bin/python3.12\n"),
            ),
            (
                b"#!/usr/bin/python3.12 -E\r",
                Ours("#!/usr/bin/python3.12 -E"),
            ),
            (
                b"#!/usr/bin/python3\nPK\x03\x04\xff\0",
                Ours("#!/usr/bin/python3.12\nPK\x03\x04"),
            ),
            (b"#!/usr/bin/\xffpython3.12\n", Other),
            (b"#!/opt/\xff/python3.12\nx", Ours("#!/opt/")),
        ],
    );
}

#[test]
fn names_of_other_implementations() {
    check(
        "python3.14t",
        &[
            (
                b"#!/usr/bin/python3.14t\n",
                Ours("#!/usr/bin/python3.14t\n"),
            ),
            (b"#!/usr/bin/python3.14\n", Foreign),
            (
                b"#!/usr/bin/env python3\n",
                Ours("#!/usr/bin/python3.14t\n"),
            ),
        ],
    );
    check("python3.14", &[(b"#!/usr/bin/python3.14t\n", Foreign)]);
    check(
        "python2.7",
        &[
            (b"#!/usr/bin/python2\n", Ours("#!/usr/bin/python2.7\n")),
            (b"#!/usr/bin/python\n", Ours("#!/usr/bin/python2.7\n")),
            (b"#!/usr/bin/python3\n", Foreign),
            (b"#!/usr/bin/python2.6\n", Foreign),
        ],
    );
    check(
        "pypy3",
        &[
            (b"#!/usr/bin/pypy3\n", Ours("#!/usr/bin/pypy3\n")),
            (b"#!/usr/bin/pypy3.9\n", Ours("#!/usr/bin/pypy3.9\n")),
            (b"#!/usr/bin/pypy\n", Ours("#!/usr/bin/pypy3\n")),
            (b"#!/usr/bin/python3\n", Ours("#!/usr/bin/pypy3\n")),
            (b"#!/usr/bin/pypy2\n", Foreign),
            (b"#!/usr/bin/python3.12\n", Foreign),
        ],
    );
    check(
        "pypy3.11",
        &[
            (b"#!/usr/bin/pypy3\n", Ours("#!/usr/bin/pypy3.11\n")),
            (b"#!/usr/bin/pypy3.11\n", Ours("#!/usr/bin/pypy3.11\n")),
            (b"#!/usr/bin/pypy3.10\n", Foreign),
        ],
    );
}

#[test]
fn a_prefix_and_a_template_say_where_the_interpreter_is() {
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
fn an_assignment_is_no_program() {
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

#[test]
fn a_line_that_old_kernels_cut_is_no_line() {
    let own = format!("#!{LONG}/python3.12\nx");
    let own: &'static str = own.leak();
    let lines = format!("#!/bin/sh\n'''exec' \"{LONG}/python3.12\" \"$0\" \"$@\"\n' '''\nx");
    // No other line can carry it, and newer kernels take it.
    let odd: &'static str = format!("#!{LONG}/$a/python3.12\nx").leak();
    let exact = "#!/".to_owned() + &"x".repeat(127 - "#!//python3.12".len()) + "/python3.12\nx";
    let exact: &'static str = exact.leak();
    check(
        "python3.12",
        &[
            (own.as_bytes(), Ours(lines.leak())),
            (odd.as_bytes(), Ours(odd)),
            (exact.as_bytes(), Ours(exact)),
        ],
    );
}

#[test]
fn an_encoding_stays_where_python_looks_for_it() {
    let three = |cookie: &str, rest: &str| -> &'static str {
        let exec = format!("'''exec' \"{LONG}/python3.12\" \"$0\" \"$@\"\n' '''\n");
        format!("#!/bin/sh\n{cookie}{exec}{rest}").leak()
    };
    let direct =
        |rest: &str| -> &'static [u8] { format!("#!{LONG}/python3\n{rest}").leak().as_bytes() };
    check(
        "python3.12",
        &[
            (
                direct("# -*- coding: latin-1 -*-\nx"),
                Ours(three("# -*- coding: latin-1 -*-\n", "x")),
            ),
            (
                direct(" \t# vim: set fileencoding=latin-1 :"),
                Ours(three(" \t# vim: set fileencoding=latin-1 :\n", "")),
            ),
            (
                direct("# coding: latin-1\r\nx\r\n"),
                Ours(three("# coding: latin-1\n", "x\r\n")),
            ),
            (direct("# encoded\nx"), Ours(three("", "# encoded\nx"))),
            (
                direct("x # coding: latin-1\n"),
                Ours(three("", "x # coding: latin-1\n")),
            ),
            (
                b"#!/usr/bin/python3\n# coding: latin-1\nx",
                Ours("#!/usr/bin/python3.12\n# coding: latin-1\nx"),
            ),
        ],
    );
}
