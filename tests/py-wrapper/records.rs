//! RECORD stays true, as Python's own importlib.metadata reads it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use test_support::{Tool, lay, listing, need_command, scratch};

use crate::faults::faulty;

const SITE: &str = "usr/lib/python3.11/site-packages";

/// Prints the files of a distribution after their hashes and sizes were compared.
const COMPARE: &str = "
import base64, hashlib, importlib.metadata as metadata, sys
dist, = metadata.distributions(path=[sys.argv[1]])
for file in dist.files:
    content = file.locate().read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    assert digest.decode().rstrip('=') == file.hash.value, file
    assert len(content) == file.size, file
    print(file)
";

/// The files in the RECORD of the one distribution of an image, each compared with the file itself.
fn files(image: &Path) -> Vec<String> {
    let told = Tool::new("/usr/bin/python3")
        .args(["-c", COMPARE])
        .arg(image.join(SITE))
        .run()
        .expect(0);
    told.stdout.lines().map(str::to_owned).collect()
}

/// An image with these scripts, and a distribution that lists them.
fn lay_listed(image: &Path, scripts: &[(String, String)]) {
    let (tree, record): (Vec<_>, Vec<_>) = scripts
        .iter()
        .map(|(name, content)| {
            let file = format!("usr/bin/{name} 755 \"{content}\"");
            (file, format!("../../../bin/{name},sha256=old,1\\n"))
        })
        .unzip();
    lay(image, &tree.join("\n"));
    let (info, record) = (format!("{SITE}/x.dist-info"), record.concat());
    lay(
        image,
        &format!(
            "{info}/METADATA 644 \"Name: x\\nVersion: 1\\n\"\n\
             {info}/RECORD 644 \"{record}\""
        ),
    );
}

fn tool(implementations: &str) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper")).args(["-q", "--impl", implementations])
}

#[test]
fn each_of_many_scripts_is_in_the_record_with_its_hash() {
    let image = scratch();
    // Enough for two threads; every second one stays as it is.
    let script = |number: usize| {
        let line = ["#!/usr/bin/python3.11", "#!/usr/bin/env python3"][number % 2];
        let content = format!("{line}\\n{}\\n", "x".repeat(number));
        (format!("script{number}"), content)
    };
    let scripts: Vec<_> = (0..100).map(script).collect();
    lay_listed(image.path(), &scripts);
    tool("python3.11").arg(image.path()).run().expect(0);
    let expected: Vec<_> = scripts
        .iter()
        .flat_map(|(name, _)| {
            [
                format!("../../../bin/{name}"),
                format!("../../python-exec/python3.11/{name}"),
            ]
        })
        .collect();
    assert_eq!(files(image.path()), expected);
}

#[test]
fn a_replicated_script_is_in_the_record_with_all_its_places() {
    let image = scratch();
    let script = ("foo".to_owned(), "#!/usr/bin/python\\nx\\n".to_owned());
    lay_listed(image.path(), &[script]);
    tool("python3.11,pypy3")
        .arg("--replicate")
        .args([&image.path().join("usr/bin/foo"), image.path()])
        .run()
        .expect(0);
    assert_eq!(
        files(image.path()),
        [
            "../../../bin/foo",
            "../../python-exec/python3.11/foo",
            "../../python-exec/pypy3/foo",
        ]
    );
}

#[test]
fn many_directories_need_few_descriptors() {
    let image = scratch();
    let mut tree = String::from("usr/bin/foo 755 \"#!/usr/bin/env python3\\n\"\n");
    for number in 0..1100 {
        writeln!(tree, "usr/lib/library{number}/").unwrap();
        writeln!(
            tree,
            "{SITE}/d{number}.dist-info/RECORD 644 \"../../../bin/foo,,\\n\""
        )
        .unwrap();
    }
    lay(image.path(), &tree.replace("/\n", "/ 755\n"));
    let before = listing(image.path());
    let run = |faults: &[&str]| {
        let limited = "ulimit -n 256; exec \"$@\"";
        let tool = faulty(faults, image.path()).into_command();
        Tool::new("dash")
            .args(["-c", limited, "dash"])
            .arg(tool.get_program())
            .args(tool.get_args())
            .run()
    };
    // A failure at the very end is taken back within the same bounds: 1100 lists, the script, its wrapper.
    run(&["renameat2:error=EIO:when=1102"]).expect(2);
    assert!(listing(image.path()) == before);
    run(&[]).expect(0);
    let after = listing(image.path());
    assert_eq!(
        after
            .matches("../../python-exec/python3.11/foo,sha256=")
            .count(),
        1100
    );
}

#[test]
fn a_record_that_is_not_a_file_or_not_readable_is_passed_over() {
    let image = scratch();
    let script = ("foo".to_owned(), "#!/usr/bin/python3\\nx\\n".to_owned());
    lay_listed(image.path(), &[script]);
    lay(
        image.path(),
        &format!("usr/lib/secret/ 0\n{SITE}/a.dist-info/RECORD/ 755"),
    );
    fs::create_dir(image.path().join(SITE).join("b.dist-info")).unwrap();
    Tool::new("mkfifo")
        .arg(image.path().join(SITE).join("b.dist-info/RECORD"))
        .run()
        .expect(0);
    let program = env!("CARGO_BIN_EXE_py-wrapper");
    let mut command = Tool::new(program);
    if rustix::process::geteuid().is_root() {
        // To root every directory is open.
        need_command("setpriv", "util-linux");
        fs::set_permissions(image.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let chown = Tool::new("chown").args(["-R", "12345:12345"]);
        chown.arg(image.path()).run().expect(0);
        let user = ["--reuid=12345", "--regid=12345", "--clear-groups"];
        command = Tool::new("setpriv").args(user).arg(program);
    }
    command
        .args(["-q", "--impl", "python3.11"])
        .arg(image.path())
        .run()
        .expect(0);
    let record = fs::read_to_string(image.path().join(SITE).join("x.dist-info/RECORD")).unwrap();
    assert!(
        record.contains("python-exec/python3.11/foo,sha256="),
        "{record}"
    );
    let secret = image.path().join("usr/lib/secret");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o755)).unwrap();
}
