//! One job: how it is made ready, and what is taken from it afterwards.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::record::Record;
use common::{Error, Implementation, Result};

use super::client_scripts::ClientScripts;
use super::placeholders::{self, Names};
use super::python::{self, Layout};
use super::{commands, dist_config, distcc, home, pool};
use crate::clients::{self, Notes};
use crate::copy::{self, Made};
use crate::discover::Interpreter;
use crate::job::{Launch, PoolView};
use crate::remove;
use crate::shell_env::Shell;
use crate::variables::Variables;

/// One run of the command, decided and not yet prepared.
#[derive(Debug)]
pub(crate) struct Job {
    /// EPYTHON, or the variant as given.
    pub(crate) name: OsString,
    /// `MULTIBUILD_ID`, unique among the jobs of a run.
    pub(crate) id: OsString,
    pub(super) variant: OsString,
    /// `None` for a variant.
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
    pub(super) shared: Arc<Shared>,
}

/// What all jobs of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The environment that we were given.
    pub(super) given: Variables,
    pub(super) command: Vec<OsString>,
    pub(super) copy_sources: Option<PathBuf>,
    /// What no copy of the sources may hold.
    pub(super) not_sources: Vec<PathBuf>,
    pub(super) isolate_home: bool,
    pub(super) shell: Option<Shell>,
    /// `make` and `ninja`, as the jobs find them.
    pub(super) clients: ClientScripts,
}

/// The Python of a job.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) interpreter: Box<Interpreter>,
    pub(super) layout: Layout,
}

impl Job {
    /// What the job hands on when it succeeds (`--images`).
    pub(crate) fn record(&self) -> Option<Record> {
        let (implementation, image) = self.implementation().zip(self.image.as_ref())?;
        Some(Record {
            implementation: implementation.clone(),
            image: image.clone(),
        })
    }

    fn implementation(&self) -> Option<&Implementation> {
        let python = self.python.as_ref();
        python.map(|python| &python.interpreter.implementation)
    }

    /// Makes the job's directories and gives what is to be executed; `None` if `stop` became true.
    ///
    /// Runs in the job's own thread, once the job holds a slot.
    pub(crate) fn prepare(
        &self,
        pool: &PoolView,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Launch>> {
        let Shared {
            isolate_home,
            shell,
            copy_sources,
            ..
        } = &*self.shared;
        commands::make_directory(&self.tmp)?;
        // A file system makes and removes a few thousand files a second, and a command may be short: an empty
        // directory is not made.
        if self.python.is_some() || *isolate_home || shell.is_some() {
            commands::make_directory(&self.directory)?;
        }
        if *isolate_home {
            commands::make_directory(&self.within("home"))?;
        }
        if let Some(python) = &self.python {
            self.lay_python(python)?;
        }
        if let Some((from, to)) = copy_sources.as_ref().zip(self.build_dir()) {
            let copy = copy::Copy {
                from,
                to: &to,
                without: &self.shared.not_sources,
                stop,
            };
            if copy.make()? == Made::Stopped {
                return Ok(None);
            }
        }
        self.launch(pool).map(Some)
    }

    /// Frees the room of the copy of the sources, once the job has ended.
    ///
    /// The rest waits for the end of the run: daemons that the job left may use it, and what cannot be removed now is
    /// reported then.
    pub(crate) fn remove_copy(&self) {
        let _waits_for_the_end = remove::tree(&self.copy_in_tmp());
    }

    /// The programs below the job that know no pool and had the fixed share, as they have noted.
    pub(crate) fn without_pool(&self) -> Vec<&'static str> {
        Notes(self.notes.as_os_str()).read()
    }

    /// What differs from the environment that we were given; `None` for a variable that is unset.
    pub(crate) fn changes(&self, pool: &PoolView) -> Vec<(OsString, Option<OsString>)> {
        let variables = self.variables(pool);
        let changes = variables.since(&self.shared.given);
        changes
            .map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned)))
            .collect()
    }

    /// The words to execute, their placeholders replaced; a shell function's words are left alone.
    pub(crate) fn words(&self) -> Result<Vec<OsString>> {
        if self.shared.shell.is_some() {
            return Ok(self.shared.command.clone());
        }
        let build_dir = self.build_dir();
        let version = self.implementation().map(Implementation::version_string);
        let names = Names {
            interpreter: self.implementation().map(|_| self.name.as_os_str()),
            version: version.as_deref().map(OsStr::new),
            build_dir: build_dir.as_deref().map(Path::as_os_str),
            destdir: self.image.as_deref().map(Path::as_os_str),
        };
        placeholders::replaced(&self.shared.command, &names)
    }

    fn launch(&self, pool: &PoolView) -> Result<Launch> {
        let (variables, words) = (self.variables(pool), self.words()?);
        let (program, argv) = match &self.shared.shell {
            Some(shell) => shell.launch(&self.directory, words, &variables, &self.shared.given)?,
            None => (words.first().map(PathBuf::from).unwrap_or_default(), words),
        };
        Ok(Launch {
            program,
            argv,
            env: variables.into(),
            cwd: self.cwd(),
        })
    }

    /// The environment, whether or not the directories that it names are there.
    fn variables(&self, pool: &PoolView) -> Variables {
        let mut variables = self.shared.given.clone();
        variables.set("MULTIBUILD_VARIANT", &self.variant);
        variables.set("MULTIBUILD_ID", &self.id);
        for name in ["TMP", "TEMP"] {
            if variables.get(name).is_some() {
                variables.set(name, &self.tmp);
            }
        }
        variables.set("TMPDIR", &self.tmp);
        match self.build_dir() {
            Some(directory) => variables.set("BUILD_DIR", directory),
            None => variables.unset("BUILD_DIR"),
        }
        if let Some(cwd) = self.cwd() {
            variables.set("PWD", cwd);
        }
        let facts = self.python.as_ref().map(|python| &python.interpreter.facts);
        distcc::prepare(&mut variables, facts);
        variables.set(clients::NOTES, &self.notes);
        variables.prepend("PATH", &self.shared.clients.directory);
        if let Some(python) = &self.python {
            python::describe(&mut variables, &python.interpreter, python.layout);
            variables.set("DIST_EXTRA_CONFIG", self.within("extra.cfg"));
            variables.prepend("PKG_CONFIG_PATH", self.within("pkgconfig"));
            variables.prepend("PATH", self.within("bin"));
        }
        self.name_image(&mut variables);
        pool::hand_over(&mut variables, pool);
        if self.shared.isolate_home {
            home::isolate(&mut variables, &self.within("home"), Path::exists);
        }
        variables
    }

    /// Sets IMAGE and DESTDIR. Where COMMAND names the image itself, DESTDIR would only do harm below it.
    fn name_image(&self, variables: &mut Variables) {
        let Some(image) = &self.image else { return };
        variables.set("IMAGE", image);
        if self.shared.shell.is_none() && placeholders::name_destdir(&self.shared.command) {
            variables.unset("DESTDIR");
        } else {
            variables.set("DESTDIR", image);
        }
    }

    /// Where the job builds: a copy of the sources lies in TMPDIR unless a place was named.
    fn build_dir(&self) -> Option<PathBuf> {
        let copy = self.shared.copy_sources.as_ref();
        self.build_dir
            .clone()
            .or_else(|| copy.map(|_| self.copy_in_tmp()))
    }

    fn copy_in_tmp(&self) -> PathBuf {
        self.tmp.join("source")
    }

    /// Where the job runs, if not where we are.
    fn cwd(&self) -> Option<PathBuf> {
        let copy = self.shared.copy_sources.as_ref();
        copy.and_then(|_| self.build_dir())
    }

    fn within(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes what the interpreter needs on disk.
    fn lay_python(&self, Python { interpreter, .. }: &Python) -> Result<()> {
        commands::write(&self.within("bin"), &commands::of_interpreter(interpreter))?;
        let links = python::pkg_config_links(interpreter);
        commands::link(&self.within("pkgconfig"), &links)?;
        let users = match self.shared.given.path("DIST_EXTRA_CONFIG") {
            Some(path) => fs::read(&path).map_err(|cause| Error::io("read", path, cause))?,
            None => Vec::new(),
        };
        let path = self.within("extra.cfg");
        fs::write(&path, dist_config::text(&users, &self.build_base()))
            .map_err(|cause| Error::io("write", path, cause))
    }

    /// Where setuptools builds. Beside the sources it stays relative, so that packages that one command builds one
    /// after the other do not find each other's files.
    fn build_base(&self) -> PathBuf {
        match (&self.shared.copy_sources, &self.build_dir) {
            (None, Some(build_dir)) => build_dir.join("build"),
            _ => Path::new("build").join(&self.variant),
        }
    }
}
