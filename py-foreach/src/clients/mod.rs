//! `make`, `gmake` and `ninja` as a job finds them: each gives the pool to the real program in the form that
//! it understands, and becomes that program.
//!
//! A directory on every job's PATH has a script of that name, which executes py-foreach again with [`WORD`]
//! first and the words of [`Client`] after it. Descriptors do not survive Python, so a client opens the
//! pool's fifo itself.

mod pool;
mod real;

pub(crate) use real::{Kind, kind_of, on_path};

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use common::interrupt::ignored_signals;
use common::{Error, exit};
use signal_hook::consts::SIGUSR1;

use crate::ask::Probes;
use crate::makeflags::{self, Form};
use pool::Standing;

/// The first word of a py-foreach that is to be a client.
pub(crate) const WORD: &str = "--as-client";

/// The programs that can be clients, by the names that they are called by.
pub(crate) const NAMES: [&str; 3] = ["make", "gmake", "ninja"];

/// The variable that names the job of a client: [`Notes`] without the program's name.
pub(crate) const NOTES: &str = "PY_FOREACH_NOTES";

/// The arguments that the script passes to its client.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// One of [`NAMES`].
    pub(crate) name: OsString,
    /// The pool's fifo.
    pub(crate) fifo: PathBuf,
    /// The jobs of a program that knows no pool.
    pub(crate) share: usize,
    /// Where the script lies, which is not to be found again.
    pub(crate) scripts: PathBuf,
    /// The cache of what the real programs support.
    pub(crate) known: PathBuf,
}

/// Where a job's programs that know no pool are noted: a file for each, this path with `.NAME` after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notes<'a>(pub(crate) &'a OsStr);

impl Notes<'_> {
    /// The programs that were noted.
    pub(crate) fn read(self) -> Vec<&'static str> {
        let noted = |name: &&str| self.of(OsStr::new(name)).exists();
        NAMES.into_iter().filter(noted).collect()
    }

    /// Notes `name`; a note that cannot be written is a line less in the report.
    fn write(self, name: &OsStr) {
        let _noted_or_lost = File::create_new(self.of(name));
    }

    fn of(self, name: &OsStr) -> PathBuf {
        let mut path = self.0.to_owned();
        path.push(".");
        path.push(name);
        path.into()
    }
}

impl Client {
    /// The words for the script, the program of py-foreach first.
    pub(crate) fn words(&self, program: &Path) -> Vec<OsString> {
        vec![
            program.into(),
            WORD.into(),
            self.name.clone(),
            self.fifo.clone().into(),
            self.share.to_string().into(),
            self.scripts.clone().into(),
            self.known.clone().into(),
        ]
    }

    fn read(words: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        Some(Self {
            name: words.next()?,
            fifo: words.next()?.into(),
            share: words.next()?.to_str()?.parse().ok()?,
            scripts: words.next()?.into(),
            known: words.next()?.into(),
        })
    }
}

/// Becomes the real program; returns only when that cannot be done, with the status to leave with.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    outlive_status();
    let mut words = words.into_iter();
    let Some(client) = Client::read(&mut words) else {
        common::error::report(crate::TOOL, [&Error::said(WORD, "words are missing")]);
        return exit::FOREACH_FAILED;
    };
    let (error, status) = become_real(&client, words.collect());
    let name = client.name.to_string_lossy();
    common::error::report(&name, [&error]);
    status
}

/// From here on USR1 does not end this process: `pkill -USR1 py-foreach` signals this one too,
/// which is one for a moment. The real program has what it would have without us.
fn outlive_status() {
    if ignored_signals().is_ok_and(|ignored| !ignored.contains(SIGUSR1)) {
        // Without a handler it is as any program is.
        let _as_it_is = signal_hook::flag::register(SIGUSR1, Arc::default());
    }
}

fn become_real(client: &Client, arguments: Vec<OsString>) -> (Error, u8) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(real) = on_path(&client.name, &path, Some(&client.scripts)) else {
        let error = Error::refused("find", client.name.clone(), "command not found");
        return (error, exit::NOT_FOUND);
    };
    let kind = kind_of(&real, &client.known, &Probes::default());
    let mut command = Command::new(&real);
    command.arg0(&client.name);
    let given = std::env::var_os("MAKEFLAGS").unwrap_or_default();
    let standing = pool::standing(&given, &client.fifo);
    // Without MAKEFLAGS a make runs one job, which is its slot; a ninja would run as many as there are CPUs.
    let is_make = client.name != *"ninja";
    if standing == Standing::Foreign || (standing == Standing::None && is_make) {
        return executed(command.args(arguments), &real);
    }
    match kind {
        Kind::Alone => {
            if let Some(notes) = std::env::var_os(NOTES) {
                Notes(&notes).write(&client.name);
            }
            if !says_jobs(&arguments) {
                command.arg(format!("-j{}", client.share));
            }
        }
        Kind::Fifo => {
            command.env(
                "MAKEFLAGS",
                makeflags::with_pool(&given, Form::Fifo(&client.fifo)),
            );
        }
        Kind::Descriptors if standing == Standing::Inherited => {}
        Kind::Descriptors => match pool::open(&client.fifo) {
            Ok(number) => {
                command.env(
                    "MAKEFLAGS",
                    makeflags::with_pool(&given, Form::Descriptor(number)),
                );
            }
            // The pool is gone with its py-foreach: the program goes on alone, as make itself would.
            Err(_gone) => {
                command.env("MAKEFLAGS", makeflags::without_jobs(&given));
            }
        },
    }
    executed(command.args(arguments), &real)
}

fn executed(command: &mut Command, real: &Path) -> (Error, u8) {
    let cause = command.exec();
    (Error::io("run", real, cause), exit::CANNOT_RUN)
}

/// Whether ninja's words say how many jobs it may run.
fn says_jobs(arguments: &[OsString]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    arguments
        .iter()
        .take_while(|word| *word != OsStr::new("--"))
        .any(|word| word.as_bytes().starts_with(b"-j"))
}
