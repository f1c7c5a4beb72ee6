//! How one job is made ready, and what is taken from it afterwards.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Error, Result};

use super::client_scripts::ClientScripts;
use super::commands;
use super::python::{self, Layout};
use super::variables::Variables;
use super::words::{self, Names};
use super::{Shared, dist_config, distcc, home, pool};
use crate::clients::{self, Kind, Notes};
use crate::copy::{self, Made};
use crate::discover::Interpreter;
use crate::job::{Launch, PoolView};
use crate::remove;
use crate::shell_env::Shell;

/// How one job is made ready.
#[derive(Debug)]
pub(crate) struct Plan {
    shared: Arc<Shared>,
    own: Own,
}

/// What is one job's own.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) variant: OsString,
    pub(super) id: OsString,
    /// Nothing for a variant.
    pub(super) python: Option<Python>,
    /// `RUN/jobs/ID`, made where something goes into it.
    pub(super) directory: PathBuf,
    /// `TMPDIR`: `RUN/tmp/ID`.
    pub(super) tmp: PathBuf,
    /// [`Notes`]: `RUN/notes/ID`.
    pub(super) notes: PathBuf,
    /// `BUILD_DIR`, where it is not a copy in TMPDIR.
    pub(super) build_dir: Option<PathBuf>,
    pub(super) image: Option<PathBuf>,
}

/// The Python of a job.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) interpreter: Box<Interpreter>,
    pub(super) layout: Layout,
}

impl Own {
    /// What the job is called in front of people.
    pub(super) fn name(&self) -> OsString {
        match &self.python {
            Some(python) => python.interpreter.implementation.to_string().into(),
            None => self.variant.clone(),
        }
    }

    fn within(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Plan {
    pub(super) fn new(shared: Arc<Shared>, own: Own) -> Self {
        Self { shared, own }
    }

    pub(super) fn shell(&self) -> Option<&Shell> {
        self.shared.shell.as_ref()
    }

    pub(super) fn clients(&self) -> &ClientScripts {
        &self.shared.clients
    }

    pub(super) fn directory(&self) -> &Path {
        &self.own.directory
    }

    /// Finds the faults of COMMAND's words.
    pub(super) fn check(&self) -> Result<()> {
        self.words().map(drop)
    }

    /// Makes the job's directories and gives what is to be executed; nothing where `stop` came to hold.
    ///
    /// Runs in the job's own thread, once the job holds a slot.
    pub(crate) fn prepare(
        &self,
        pool: &PoolView,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Launch>> {
        let own = &self.own;
        commands::make_directory(&own.tmp)?;
        // A file system makes and removes a few thousand files a second, and a command may be short: what
        // holds nothing is not made.
        if own.python.is_some() || self.shared.isolate_home || self.shared.shell.is_some() {
            commands::make_directory(&own.directory)?;
        }
        if self.shared.isolate_home {
            commands::make_directory(&own.within("home"))?;
        }
        if let Some(python) = &own.python {
            self.lay_python(python)?;
        }
        if let (Some(from), Some(to)) = (&self.shared.copy_sources, self.build_dir()) {
            if self.copy(from, &to, stop)? == Made::Stopped {
                return Ok(None);
            }
        }
        let variables = self.variables(pool, self.kind_of_make());
        self.launch(variables).map(Some)
    }

    /// Frees the room of the copy of the sources, once the job has ended.
    ///
    /// The rest waits for the end of the run: daemons that the job left may use it, and what cannot be
    /// removed now is told of then.
    pub(crate) fn collect(&self) {
        let _waits_for_the_end = remove::tree(&self.copy_in_tmp());
    }

    /// The programs below the job that know no pool and had the static share, as they have noted.
    pub(crate) fn without_pool(&self) -> Vec<&'static str> {
        Notes(self.own.notes.as_os_str()).read()
    }

    /// The environment, with everything that it names being there or not.
    pub(crate) fn variables(&self, pool: &PoolView, make: Kind) -> Variables {
        let own = &self.own;
        let mut variables = self.shared.given.clone();
        variables.set("MULTIBUILD_VARIANT", &own.variant);
        variables.set("MULTIBUILD_ID", &own.id);
        for name in ["TMP", "TEMP"] {
            if variables.get(name).is_some() {
                variables.set(name, &own.tmp);
            }
        }
        variables.set("TMPDIR", &own.tmp);
        match self.build_dir() {
            Some(directory) => variables.set("BUILD_DIR", directory),
            None => variables.unset("BUILD_DIR"),
        }
        if let Some(cwd) = self.cwd() {
            variables.set("PWD", cwd);
        }
        let facts = own.python.as_ref().map(|python| &python.interpreter.facts);
        distcc::prepare(&mut variables, facts);
        variables.set(clients::NOTES, &own.notes);
        variables.prepend("PATH", &self.shared.clients.directory);
        if let Some(python) = &own.python {
            python::describe(&mut variables, &python.interpreter, python.layout);
            variables.set("DIST_EXTRA_CONFIG", own.within("extra.cfg"));
            variables.prepend("PKG_CONFIG_PATH", own.within("pkgconfig"));
            variables.prepend("PATH", own.within("bin"));
        }
        self.name_image(&mut variables);
        pool::hand_over(&mut variables, pool, make);
        if self.shared.isolate_home {
            home::isolate(&mut variables, &own.within("home"), Path::exists);
        }
        variables
    }

    /// What differs from the environment that we were given; nothing for what is unset.
    pub(crate) fn changes(&self, pool: &PoolView, make: Kind) -> Vec<(OsString, Option<OsString>)> {
        let variables = self.variables(pool, make);
        let changes = variables.since(&self.shared.given);
        changes
            .map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned)))
            .collect()
    }

    /// IMAGE and DESTDIR. Where COMMAND names the image itself, DESTDIR would only do harm below it.
    fn name_image(&self, variables: &mut Variables) {
        let Some(image) = &self.own.image else { return };
        variables.set("IMAGE", image);
        if self.shared.shell.is_none() && words::say_destdir(&self.shared.command) {
            variables.unset("DESTDIR");
        } else {
            variables.set("DESTDIR", image);
        }
    }

    /// The words to execute, their names replaced; a shell function's are left alone.
    pub(crate) fn words(&self) -> Result<Vec<OsString>> {
        if self.shared.shell.is_some() {
            return Ok(self.shared.command.clone());
        }
        let build_dir = self.build_dir();
        let python = self
            .own
            .python
            .as_ref()
            .map(|python| &python.interpreter.implementation);
        let version = python.map(common::Implementation::version_string);
        let interpreter = self.own.name();
        words::replaced(
            &self.shared.command,
            &Names {
                interpreter: python.map(|_| interpreter.as_os_str()),
                version: version.as_deref().map(OsStr::new),
                build_dir: build_dir.as_deref().map(Path::as_os_str),
                destdir: self.own.image.as_deref().map(Path::as_os_str),
            },
        )
    }

    fn launch(&self, variables: Variables) -> Result<Launch> {
        let words = self.words()?;
        let (program, argv) = match &self.shared.shell {
            Some(shell) => {
                shell.launch(&self.own.directory, words, &variables, &self.shared.given)?
            }
            None => (words.first().map(PathBuf::from).unwrap_or_default(), words),
        };
        Ok(Launch {
            program,
            argv,
            env: variables.into(),
            cwd: self.cwd(),
        })
    }

    /// Where the job builds: a copy of the sources lies in TMPDIR unless a place was named.
    fn build_dir(&self) -> Option<PathBuf> {
        let own = self.own.build_dir.clone();
        own.or_else(|| {
            self.shared.copy_sources.as_ref()?;
            Some(self.copy_in_tmp())
        })
    }

    fn copy_in_tmp(&self) -> PathBuf {
        self.own.tmp.join("source")
    }

    /// Where the job runs, if not where we are.
    fn cwd(&self) -> Option<PathBuf> {
        self.shared
            .copy_sources
            .as_ref()
            .and_then(|_| self.build_dir())
    }

    fn copy(&self, from: &Path, to: &Path, stop: &dyn Fn() -> bool) -> Result<Made> {
        match fs::read_dir(to).map(|mut entries| entries.next().is_some()) {
            Ok(true) => {
                let cause = "is there already and is not empty";
                return Err(Error::refused("copy sources to", to.as_os_str(), cause));
            }
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("copy sources to", to, cause));
            }
            _ => {}
        }
        copy::make(&copy::Copy {
            from,
            to,
            without: &self.shared.not_sources,
            stop,
        })
    }

    /// What the interpreter needs on disk.
    fn lay_python(&self, python: &Python) -> Result<()> {
        commands::write(
            &self.own.within("bin"),
            &commands::of_interpreter(&python.interpreter),
        )?;
        let links = python::pkg_config_links(&python.interpreter);
        commands::link(&self.own.within("pkgconfig"), &links)?;
        let users = match self.shared.given.path("DIST_EXTRA_CONFIG") {
            Some(path) => fs::read(&path).map_err(|cause| Error::io("read", path, cause))?,
            None => Vec::new(),
        };
        let path = self.own.within("extra.cfg");
        fs::write(&path, dist_config::text(&users, &self.build_base()))
            .map_err(|cause| Error::io("write", path, cause))
    }

    /// Where setuptools builds. Beside the sources it stays relative, so that packages that are built
    /// one after the other by one command do not find each other's files.
    fn build_base(&self) -> PathBuf {
        match (&self.shared.copy_sources, &self.own.build_dir) {
            (None, Some(build_dir)) => build_dir.join("build"),
            _ => Path::new("build").join(&self.own.variant),
        }
    }

    /// What the make on PATH understands; asked once for a run.
    fn kind_of_make(&self) -> Kind {
        *self.shared.make.get_or_init(|| {
            let path = self.shared.given.get("PATH").unwrap_or_default();
            let make = clients::on_path(OsStr::new("make"), path, None);
            make.map_or(Kind::Fifo, |make| {
                clients::kind_of(&make, &self.shared.clients.known)
            })
        })
    }
}
