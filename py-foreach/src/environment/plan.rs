//! Decides all jobs, and makes what they share.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Error, Result};

use super::client_scripts::ClientScripts;
use super::job::{Job, Python, Shared};
use super::{build_dir, commands, images, python};
use crate::ask::Probes;
use crate::cli::Settings;
use crate::clients::{self, Kind};
use crate::discover::Interpreter;
use crate::identity;
use crate::job::PoolView;
use crate::select::Choice;
use crate::shell_env::{Shell, Source};
use crate::variables::Variables;

/// The directories of the run in which each job has its own; apart from the pool, as a variant may have any name.
const JOBS: &str = "jobs";
const TMP: &str = "tmp";
const NOTES: &str = "notes";

/// What goes away with the run, and is in no copy of the sources.
#[derive(Debug)]
pub(crate) struct Temporary<'a> {
    /// Where the jobs' temporary files will lie.
    pub(crate) run_dir: &'a Path,
    /// The logs, where nobody named a place for them.
    pub(crate) logs: Option<PathBuf>,
}

/// Decides all jobs. Nothing is made, but a bash may be asked.
///
/// # Errors
/// Everything that is wrong, in declared order.
pub(crate) fn plan(
    settings: &Settings,
    choices: Vec<Choice>,
    temporary: Temporary<'_>,
    probes: &Probes,
) -> Result<Vec<Job>, Vec<Error>> {
    let one = |error: Error| vec![error];
    let asked = &settings.environment;
    let given = Variables::of_this_process();
    let places = Places::find(settings, temporary.run_dir, &given).map_err(one)?;
    let shell = asked.shell_env.as_deref().map(|file| {
        let source = Source {
            file,
            exports: &asked.export,
            to: asked.export_to.as_deref(),
        };
        Shell::check(&source, &given, probes)
    });
    let shell = shell.transpose().map_err(one)?;
    let mut not_sources = vec![temporary.run_dir.to_owned()];
    not_sources.extend(settings.environment.images.clone());
    not_sources.extend(settings.reports.log_dir.clone().or(temporary.logs));
    not_sources.extend(
        choices
            .iter()
            .filter_map(|c| places.build_dir(&c.variant())),
    );
    let layouts = layouts(&choices, &given);
    let shared = Arc::new(Shared {
        command: settings.command.clone(),
        copy_sources: asked.copy_sources.clone(),
        not_sources,
        isolate_home: asked.isolate_home,
        shell,
        clients: ClientScripts::plan(temporary.run_dir, &given).map_err(one)?,
        given,
    });
    let jobs = choices.into_iter().zip(layouts).enumerate();
    let jobs: Vec<Job> = jobs
        .map(|(number, (choice, layout))| places.job(&shared, number, choice, layout))
        .collect();
    // The same words are wrong for every job in the same way.
    jobs.iter()
        .try_for_each(|job| job.words().map(drop))
        .map_err(one)?;
    Ok(jobs)
}

/// Where the jobs' directories are.
struct Places<'a> {
    run_dir: &'a Path,
    /// What comes before the variant in `BUILD_DIR`.
    build_dir_stem: Option<PathBuf>,
    images: Option<PathBuf>,
    /// The id of the run that this one is nested in.
    parent: Option<OsString>,
}

impl<'a> Places<'a> {
    fn find(settings: &Settings, run_dir: &'a Path, given: &Variables) -> Result<Self> {
        let here = std::env::current_dir();
        let here = here.map_err(|c| Error::io("find", "working directory", c))?;
        // A copy goes to TMPDIR unless -b itself names a place.
        let inherited = given.path("BUILD_DIR");
        let inherited = inherited.filter(|_| settings.environment.copy_sources.is_none());
        let asked = settings.environment.build_dir.clone().or(inherited);
        let workdir = given.path("WORKDIR");
        let stem = asked.map(|asked| build_dir::stem(&asked, workdir.as_deref(), &here));
        let parent = given.get("MULTIBUILD_ID");
        parent.map_or(Ok(()), identity::check)?;
        Ok(Self {
            run_dir,
            build_dir_stem: stem.transpose()?,
            images: settings
                .environment
                .images
                .as_deref()
                .map(images::place)
                .transpose()?,
            parent: parent.map(OsStr::to_owned),
        })
    }

    fn build_dir(&self, variant: &OsStr) -> Option<PathBuf> {
        let stem = self.build_dir_stem.as_ref();
        stem.map(|stem| build_dir::of(stem, variant))
    }

    fn job(
        &self,
        shared: &Arc<Shared>,
        number: usize,
        choice: Choice,
        layout: python::Layout,
    ) -> Job {
        let variant = choice.variant();
        let id = identity::id(self.parent.as_deref(), &variant);
        let directory = identity::directory(&id, number);
        let within = |kind: &str| self.run_dir.join(kind).join(&directory);
        let name = choice.name();
        let python = match choice {
            Choice::Variant(_) => None,
            Choice::Implementation(interpreter) => Some(Python {
                interpreter,
                layout,
            }),
        };
        let images = self.images.as_ref().filter(|_| python.is_some());
        Job {
            build_dir: self.build_dir(&variant),
            image: images.map(|images| images.join(&name)),
            variant,
            name,
            id,
            python,
            directory: within(JOBS),
            tmp: within(TMP),
            notes: within(NOTES),
            shared: Arc::clone(shared),
        }
    }
}

/// Asks the make on PATH what it understands of pools, and keeps the answer in the run's directory.
pub(crate) fn kind_of_make(run_dir: &Path, probes: &Probes) -> Kind {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let make = clients::on_path(OsStr::new("make"), &path, None);
    make.map_or(Kind::Fifo, |make| clients::kind_of(&make, run_dir, probes))
}

/// Makes what all jobs need, the images last: the next step is to run the jobs.
///
/// # Errors
/// What cannot be written, or everything that is wrong with the images; then no image has been made.
pub(crate) fn begin(jobs: &[Job], run_dir: &Path, pool: &PoolView) -> Result<(), Vec<Error>> {
    let shared = || {
        for name in [JOBS, TMP, NOTES] {
            commands::make_directory(&run_dir.join(name))?;
        }
        jobs.first()
            .map_or(Ok(()), |job| job.shared.clients.write(pool))
    };
    shared().map_err(|error| vec![error])?;
    let images: Vec<&Path> = jobs.iter().filter_map(|job| job.image.as_deref()).collect();
    images::make(&images)
}

fn layouts(choices: &[Choice], given: &Variables) -> Vec<python::Layout> {
    let interpreters: Vec<&Interpreter> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Implementation(interpreter) => Some(&**interpreter),
            Choice::Variant(_) => None,
        })
        .collect();
    if interpreters.is_empty() {
        return vec![python::Layout::Own; choices.len()];
    }
    python::layouts(&interpreters, given)
}

/// What the shell functions export, once all jobs are done.
pub(crate) fn export(jobs: &[Job]) -> Result<Vec<u8>> {
    let shell = jobs.first().and_then(|job| job.shared.shell.as_ref());
    let directories = jobs.iter().map(|job| job.directory.as_path());
    shell.map_or(Ok(Vec::new()), |shell| shell.exported(directories))
}
