//! Real packages from `PyPI`: their scripts run, and their RECORD stays true.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use test_support::pythons::{self, Python};
use test_support::{Tool, cannot_run_here, scratch};

/// Both are pure, small, and run on every Python that is supported today; docutils has a script of its own
/// for each format beside one that is made from an entry point.
const PACKAGES: [&str; 2] = ["pygments==2.17.2", "docutils==0.20.1"];

/// Checks that every file of every distribution in a directory is there, with the hash and size that the
/// list tells, and prints how many of them are scripts.
const TRUE_LISTS: &str = "
import base64, hashlib, importlib.metadata as metadata, sys
scripts = 0
for dist in metadata.distributions(path=[sys.argv[1]]):
    for file in dist.files:
        content = file.locate().read_bytes()
        scripts += 'bin' in file.parts or 'python-exec' in file.parts
        if file.hash:
            digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest())
            assert digest.decode().rstrip('=') == file.hash.value, file
            assert len(content) == file.size, file
print(scripts)
";

struct Site {
    tree: PathBuf,
    pip: PathBuf,
}

impl Site {
    fn packages(&self, python: &Python) -> PathBuf {
        self.tree
            .join("usr/lib")
            .join(&python.epython)
            .join("site-packages")
    }

    /// Runs pip where it sees this tree and no other: it can take away nothing but what is here.
    fn pip(&self, python: &Python) -> Tool {
        let found = Tool::new(&python.path)
            .args(["-c", "import os, pip; print(os.path.dirname(pip.__file__))"])
            .run()
            .expect(0);
        let alone = self.pip.join(&python.epython);
        fs::create_dir_all(&alone).unwrap();
        let link = alone.join("pip");
        if !link.exists() {
            std::os::unix::fs::symlink(found.stdout.trim_end(), link).unwrap();
        }
        let path = format!("{}:{}", self.packages(python).display(), alone.display());
        Tool::new(&python.path)
            .args(["-S", "-m", "pip", "--disable-pip-version-check"])
            .env("PYTHONPATH", path)
            .env("PIP_ROOT_USER_ACTION", "ignore")
    }

    fn script(&self, name: &str, python: &Python, word: &str) -> String {
        let run = Tool::new(self.tree.join("usr/bin").join(name))
            .arg(word)
            .env("EPYTHON", &python.epython)
            .env("PYTHONPATH", self.packages(python))
            .run()
            .expect(0);
        run.stdout
    }
}

fn wheels(to: &Path, python: &Python) -> bool {
    let run = Tool::new(&python.path)
        .args([
            "-m",
            "pip",
            "download",
            "-q",
            "--disable-pip-version-check",
            "--no-deps",
            "-d",
        ])
        .arg(to)
        .args(PACKAGES)
        .run();
    if run.status != Some(0) {
        let why = format!("PyPI cannot be reached:\n{}", run.stderr);
        cannot_run_here("scripts_of_real_packages_run_and_records_stay_true", &why);
    }
    run.status == Some(0)
}

fn install(python: &Python, wheels: &Path, image: &Path) {
    Tool::new(&python.path)
        .args([
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-index",
        ])
        .args([
            "--no-deps",
            "--ignore-installed",
            "--no-compile",
            "--prefix=/usr",
        ])
        .env("PIP_BREAK_SYSTEM_PACKAGES", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .arg(format!("--root={}", image.display()))
        .args(
            fs::read_dir(wheels)
                .unwrap()
                .map(|entry| entry.unwrap().path()),
        )
        .run()
        .expect(0);
}

#[test]
fn scripts_of_real_packages_run_and_records_stay_true() {
    let Some(pythons) = pythons::newest("scripts_of_real_packages_run_and_records_stay_true", 3)
    else {
        return;
    };
    let scratch = scratch();
    let root = scratch.path().canonicalize().unwrap();
    let downloads = root.join("wheels");
    if !wheels(&downloads, &pythons[0]) {
        return;
    }
    at_once(&pythons, |python| {
        install(python, &downloads, &root.join(&python.epython));
    });
    let mut stream = String::new();
    for python in &pythons {
        let image = root.join(&python.epython);
        let image = image.display().to_string();
        stream.extend([&python.epython, "\t", &image, "\n"]);
    }
    Tool::new(env!("CARGO_BIN_EXE_py-wrapper"))
        .args(["-q", "--images-from=-"])
        .stdin(format!("{stream}end\t0\n"))
        .run()
        .expect(0);
    let mut site = Site {
        tree: root.join("tree"),
        pip: root.join("pip"),
    };
    fs::create_dir(&site.tree).unwrap();
    for python in &pythons {
        let image = root.join(&python.epython).join(".");
        Tool::new("cp")
            .arg("-a")
            .args([&image, &site.tree])
            .run()
            .expect(0);
    }
    at_once(&pythons, |python| works(&site, python));
    let moved = root.join("moved elsewhere");
    fs::rename(&site.tree, &moved).unwrap();
    site.tree = moved;
    at_once(&pythons, |python| works(&site, python));
    uninstall(&site, &pythons[0]);
    works(&site, &pythons[1]);
}

/// Does the same for every Python, at the same time.
fn at_once(pythons: &[Python], work: impl Fn(&Python) + Sync) {
    thread::scope(|scope| {
        for python in pythons {
            let work = &work;
            scope.spawn(move || work(python));
        }
    });
}

fn works(site: &Site, python: &Python) {
    let names = fs::read_dir(site.tree.join("usr/bin")).unwrap();
    let mut count = 0;
    for name in names.map(|entry| entry.unwrap().file_name()) {
        let name = name.to_str().unwrap().to_owned();
        count += 1;
        let (word, expected) = match name.as_str() {
            // It takes a file and has no version to tell.
            "rst2odt_prepstyles.py" => continue,
            "pygmentize" => ("-V", "2.17.2".to_owned()),
            _ => (
                "--version",
                format!("Python {}", &python.epython["python".len()..]),
            ),
        };
        let said = site.script(&name, python, word);
        assert!(said.contains(&expected), "{name}: {said}");
    }
    assert!(count > 5, "{count} scripts");
    let check = ["-c", TRUE_LISTS];
    let run = Tool::new(&python.path)
        .args(check)
        .arg(site.packages(python))
        .run()
        .expect(0);
    assert_eq!(
        run.stdout.trim(),
        (2 * count).to_string(),
        "a wrapper and a script for each"
    );
    site.pip(python).arg("check").run().expect(0);
}

/// Removes the packages of one Python; none of its scripts may be left.
fn uninstall(site: &Site, python: &Python) {
    let scripts = site.tree.join("usr/lib/python-exec").join(&python.epython);
    assert!(scripts.join("pygmentize").exists());
    // The wrappers are in the lists of all three, as with any file that packages share.
    let bin = site.tree.join("usr/bin");
    let kept = site.tree.join("kept");
    Tool::new("cp")
        .arg("-a")
        .args([&bin, &kept])
        .run()
        .expect(0);
    site.pip(python)
        .args(["uninstall", "-q", "-y", "pygments", "docutils"])
        .run()
        .expect(0);
    assert_eq!(
        fs::read_dir(&scripts).map_or(0, Iterator::count),
        0,
        "no script is left"
    );
    assert!(!bin.join("pygmentize").exists());
    fs::create_dir_all(&bin).unwrap();
    Tool::new("cp")
        .arg("-a")
        .args([&kept.join("."), &bin])
        .run()
        .expect(0);
}
