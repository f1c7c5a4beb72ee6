//! A small system with wrapped scripts for several Pythons, as a prefix that scripts can be run from.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::pythons::{self, Python};
use test_support::{Tool, need_path, scratch};

/// What each script tells about itself, and its exit status.
pub(crate) const STATUS: i32 = 7;

const PYTHON: &str = "import sys\n\
    print('%s|%s|%s|%s' % (__file__, sys.argv[0], sys.executable, '|'.join(sys.argv[1:])))\n\
    sys.exit(7)\n";
const SHELL: &str = "echo \"$0|$0|/bin/sh|$1|$2\"\nexit 7\n";

/// The real interpreters of this machine, `PyPy` included.
pub(crate) fn interpreters() -> Vec<Python> {
    let mut all = pythons::all();
    let pypy = Path::new("/usr/bin/pypy3");
    need_path(pypy, "run ./setup check, or apt-get install pypy3");
    all.push(Python {
        epython: "pypy3".to_owned(),
        path: pypy.to_owned(),
    });
    all
}

/// An installed prefix: `usr/bin/foo` starts a Python script, `usr/bin/bar` one of sh.
pub(crate) struct Installed {
    _scratch: TempDir,
    pub(crate) prefix: PathBuf,
}

impl Installed {
    /// Wraps both scripts for each Python, one image after the other, and joins the images.
    pub(crate) fn new(kind: &str, pythons: &[Python]) -> Self {
        let scratch = scratch();
        // The temporary directory may be reached through a link, which no installed path has.
        let root = scratch.path().canonicalize().expect("a directory");
        let prefix = root.join("prefix");
        for python in pythons {
            let image = root.join(&python.epython);
            let inside = below(&image, &prefix);
            let path = python.path.display();
            install(&inside.join("usr/bin/foo"), &format!("#!{path}\n{PYTHON}"));
            install(&inside.join("usr/bin/bar"), &format!("#!{path}\n"));
            wrap(kind, python, &prefix, &image).run().expect(0);
            // The sh script takes the place of a Python one, as python_newexe of Gentoo does.
            let bar = format!("usr/lib/python-exec/{}/bar", python.epython);
            install(&inside.join(bar), &format!("#!/bin/sh\n{SHELL}"));
            copy(&inside, &prefix);
        }
        let program = test_support::sibling(env!("CARGO_BIN_EXE_py-wrapper"), "py-exec");
        fs::copy(program, prefix.join("usr/bin/py-exec")).expect("py-exec");
        let installed = Self {
            _scratch: scratch,
            prefix,
        };
        installed.install_dispatcher(&pythons[0]);
        installed
    }

    /// The dispatcher's text, which a wrapper of kind copy is.
    fn install_dispatcher(&self, python: &Python) {
        let image = self.prefix.with_file_name("text");
        let inside = below(&image, &self.prefix);
        let line = format!("#!{}\n", python.path.display());
        install(&inside.join("usr/bin/text"), &line);
        wrap("copy", python, &self.prefix, &image).run().expect(0);
        let text = fs::read_to_string(inside.join("usr/bin/text")).expect("a wrapper");
        install(&self.root().join("py-exec2"), &text);
    }

    /// The script root.
    pub(crate) fn root(&self) -> PathBuf {
        self.prefix.join("usr/lib/python-exec")
    }

    /// The bin directory.
    pub(crate) fn bin(&self) -> PathBuf {
        self.prefix.join("usr/bin")
    }

    /// Writes a configuration file.
    pub(crate) fn configure(&self, name: &str, text: &str) {
        let path = self.prefix.join("etc/python-exec").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A chain of `depth` symlinks to `name`, every second one absolute, in a directory of its own.
    pub(crate) fn linked(&self, name: &str, depth: usize) -> PathBuf {
        let mut target = self.bin().join(name);
        let directory = self.prefix.join(format!("links{depth}"));
        fs::create_dir_all(&directory).unwrap();
        for level in 0..depth {
            let link = directory.join(format!("{name}-{level}"));
            let to = if level % 2 == 0 {
                target.clone()
            } else {
                target.file_name().unwrap().into()
            };
            symlink(to, &link).unwrap();
            target = link;
        }
        target
    }
}

fn wrap(kind: &str, python: &Python, prefix: &Path, image: &Path) -> Tool {
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--kind", kind, "--impl", &python.epython])
        .arg("--eprefix")
        .args([prefix, image])
}

fn below(image: &Path, path: &Path) -> PathBuf {
    image.join(path.strip_prefix("/").expect("an absolute path"))
}

fn install(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn copy(image: &Path, prefix: &Path) {
    fs::create_dir_all(prefix).unwrap();
    let from = image.join(".");
    Tool::new("cp")
        .args(["-a".as_ref(), from.as_os_str(), prefix.as_os_str()])
        .run()
        .expect(0);
}
