//! What each job finds: its variables, its directories, the words of its command.
//!
//! [`plan`] decides everything from plain values; [`Plan::prepare`] puts it on disk, in the job's own thread.
//! A job's directory is `RUN/jobs/ID`, with `bin` (first on its PATH), `home`, `pkgconfig` in it; its TMPDIR
//! is `RUN/tmp/ID`. `RUN/clients` is on the PATH of all.

pub(crate) mod build_dir;
mod client_scripts;
pub(crate) mod commands;
mod dist_config;
pub(crate) mod distcc;
mod home;
pub(crate) mod identity;
mod images;
pub(crate) mod makeflags;
mod plan;
mod pool;
mod python;
pub(crate) mod variables;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use common::record::Record;
use common::{Error, Result};

pub(crate) use plan::Plan;

use crate::ask::Probes;
use crate::clients;
use crate::discover::Interpreter;
use crate::job::{Job, PoolView};
use crate::settings::Settings;
use crate::shell_env::{Shell, Source, exported};
use crate::which::Choice;
use client_scripts::ClientScripts;
use plan::{Own, Python};
use python::Layout;
use variables::Variables;

/// The directories of the run in which each job has what is its own; apart from the pool, as a variant may
/// have any name.
const JOBS: &str = "jobs";
const TMP: &str = "tmp";
const NOTES: &str = "notes";

/// What all jobs of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The environment that we were given.
    given: Variables,
    command: Vec<OsString>,
    copy_sources: Option<PathBuf>,
    /// What no copy of the sources may hold.
    not_sources: Vec<PathBuf>,
    isolate_home: bool,
    shell: Option<Shell>,
    /// What the make on PATH understands, once a job has asked.
    make: OnceLock<clients::Kind>,
    /// `make` and `ninja`, as the jobs find them.
    clients: ClientScripts,
}

/// What of a run goes away with it, and is in no copy of the sources.
#[derive(Debug)]
pub(crate) struct Temporary<'a> {
    /// Where the jobs' temporary things will lie.
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
    let Temporary { run_dir, logs } = temporary;
    let asked = &settings.environment;
    let given = Variables::of_this_process();
    let shell = asked.shell_env.as_deref().map(|file| {
        Shell::check(
            &Source {
                file,
                exports: &asked.export,
                to: asked.export_to.as_deref(),
            },
            &given,
            probes,
        )
    });
    let shell = shell.transpose().map_err(|error| vec![error])?;
    let owns = own_parts(settings, choices, run_dir, &given)?;
    let mut not_sources = vec![run_dir.to_owned()];
    not_sources.extend(settings.images.clone());
    not_sources.extend(settings.reports.log_dir.clone().or(logs));
    not_sources.extend(owns.iter().filter_map(|own| own.build_dir.clone()));
    let shared = Arc::new(Shared {
        command: settings.command.clone(),
        copy_sources: asked.copy_sources.clone(),
        not_sources,
        isolate_home: asked.isolate_home,
        make: OnceLock::new(),
        shell,
        clients: ClientScripts::plan(run_dir, &given).map_err(|error| vec![error])?,
        given,
    });
    let jobs: Vec<Job> = owns.into_iter().map(|own| job(own, &shared)).collect();
    let errors: Vec<Error> = jobs
        .iter()
        .filter_map(|job| job.plan.check().err())
        .collect();
    if let Some(error) = errors.into_iter().next() {
        // The same words are wrong for every job in the same way.
        return Err(vec![error]);
    }
    Ok(jobs)
}

fn job(own: Own, shared: &Arc<Shared>) -> Job {
    let record = own
        .python
        .as_ref()
        .zip(own.image.clone())
        .map(|(python, image)| Record {
            implementation: python.interpreter.implementation.clone(),
            image,
        });
    Job {
        name: own.name(),
        id: own.id.clone(),
        record,
        plan: Plan::new(Arc::clone(shared), own),
    }
}

/// Makes what all jobs need, the images last: the next thing to do is to run the jobs.
///
/// # Errors
/// What cannot be written, or everything that is wrong with the images; then no image has been made.
pub(crate) fn begin(jobs: &[Job], run_dir: &Path) -> Result<(), Vec<Error>> {
    [JOBS, TMP, NOTES]
        .iter()
        .try_for_each(|name| commands::make_directory(&run_dir.join(name)))
        .map_err(|error| vec![error])?;
    let images: Vec<&Path> = jobs
        .iter()
        .filter_map(|job| Some(job.record.as_ref()?.image.as_path()))
        .collect();
    images::make(&images)
}

/// Lays the clients of the pool where all jobs find them.
///
/// # Errors
/// One of them cannot be written.
pub(crate) fn offer(jobs: &[Job], pool: &PoolView) -> Result<()> {
    let job = jobs.first();
    job.map_or(Ok(()), |job| job.plan.clients().write(pool))
}

/// What is each job's own.
fn own_parts(
    settings: &Settings,
    choices: Vec<Choice>,
    run_dir: &Path,
    given: &Variables,
) -> Result<Vec<Own>, Vec<Error>> {
    let one = |error: Error| vec![error];
    let here =
        std::env::current_dir().map_err(|c| one(Error::io("find", "working directory", c)))?;
    let asked = settings.environment.build_dir.clone();
    // A copy goes to TMPDIR unless -b itself names a place.
    let asked = asked.or_else(|| {
        let inherited = given.path("BUILD_DIR");
        inherited.filter(|_| settings.environment.copy_sources.is_none())
    });
    let workdir = given.path("WORKDIR");
    let stem = asked.map(|asked| build_dir::stem(&asked, workdir.as_deref(), &here));
    let stem = stem.transpose().map_err(one)?;
    let images = settings.images.as_deref().map(images::place);
    let images = images.transpose().map_err(one)?;
    let parent = given.get("MULTIBUILD_ID");
    parent.map_or(Ok(()), identity::check).map_err(one)?;
    let layouts = layouts(&choices, given);
    let owns = choices
        .into_iter()
        .zip(layouts)
        .enumerate()
        .map(|(number, (choice, layout))| {
            let (variant, python) = match choice {
                Choice::Variant(word) => (word, None),
                Choice::Implementation(interpreter) => {
                    let target = interpreter.implementation.target();
                    (
                        target.into(),
                        Some(Python {
                            interpreter,
                            layout,
                        }),
                    )
                }
            };
            let id = identity::id(parent, &variant);
            let name = identity::directory(&id, number);
            let within = |kind: &str| run_dir.join(kind).join(&name);
            let image = images.as_ref().zip(python.as_ref());
            Own {
                build_dir: stem.as_ref().map(|stem| build_dir::of(stem, &variant)),
                image: image
                    .map(|(images, p)| images.join(p.interpreter.implementation.to_string())),
                variant,
                python,
                id,
                directory: within(JOBS),
                tmp: within(TMP),
                notes: within(NOTES),
            }
        });
    Ok(owns.collect())
}

fn layouts(choices: &[Choice], given: &Variables) -> Vec<Layout> {
    let interpreters: Vec<Interpreter> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Implementation(interpreter) => Some((**interpreter).clone()),
            Choice::Variant(_) => None,
        })
        .collect();
    if interpreters.is_empty() {
        return vec![Layout::Own; choices.len()];
    }
    python::layouts(&interpreters, given)
}

/// What the shell functions export, once all jobs are done; nothing where nothing was asked for.
pub(crate) fn export(jobs: &[Job]) -> Result<Vec<u8>> {
    let Some(shell) = jobs.first().and_then(|job| job.plan.shell()) else {
        return Ok(Vec::new());
    };
    exported(shell, jobs.iter().map(|job| job.plan.directory()))
}
