//! `py-foreach`, the library behind the program.
//!
//! The way of a run: `main → run → cli → values → effects`.

mod ask;
mod board;
mod cli;
mod clients;
mod copy;
mod discover;
mod environment;
mod job;
mod logs;
mod memory;
mod output;
mod pool;
mod quantity;
mod remove;
mod report;
mod run;
mod rundir;
mod settings;
mod shell_env;
mod show;
mod signals;
mod supervise;
mod which;

use std::ffi::OsString;
use std::io::ErrorKind::BrokenPipe;
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use common::cli::Verbosity;
use common::error::eprint_line;
use common::{Error, Result, exit};

use ask::Probes;
use environment::Temporary;
use environment::variables::Variables;
use job::PoolView;
use logs::Logs;
use output::Sink;
use pool::Pool;
use run::{Event, Outcome, Run};
use rundir::RunDir;
use settings::{Mode, Settings};
use signals::Watch;

/// The tool's name in messages.
pub const TOOL: &str = "py-foreach";

/// Runs the tool with the words of its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let mut words = words.into_iter().peekable();
    if words.peek().is_some_and(|word| word == supervise::ARGV0) {
        return supervise::supervisor::run(words.skip(1));
    }
    let program = words.next();
    if words.next_if(|word| word == clients::WORD).is_some() {
        return clients::run(words);
    }
    let words = program.into_iter().chain(words);
    let words = match cli::parse(words) {
        Ok(words) => words,
        Err(status) => return status,
    };
    Settings::read(words)
        .map_err(Failures::from)
        .and_then(|s| foreach(&s))
        .unwrap_or_else(|failures| {
            common::error::report(TOOL, &failures.0);
            exit::FOREACH_FAILED
        })
}

/// Why a run cannot be: all the reasons, in declared order.
struct Failures(Vec<Error>);

impl From<Error> for Failures {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<Error>> for Failures {
    fn from(errors: Vec<Error>) -> Self {
        Self(errors)
    }
}

fn foreach(settings: &Settings) -> Result<u8, Failures> {
    if settings.mode == Mode::Run {
        supervise::tree::check_proc()?;
    }
    signals::put_in_order()?;
    let (tell, events) = mpsc::channel();
    let told = tell.clone();
    let watch = signals::watch(move |ask| drop(told.send(Event::Ask(ask))))?;
    watched(settings, &watch, tell, &events).inspect_err(|_| {
        // Who is being ended by a signal has nothing to complain of, and no status but that.
        watch.step(|_| ());
    })
}

fn watched(
    settings: &Settings,
    watch: &Watch,
    tell: Sender<Event>,
    events: &Receiver<Event>,
) -> Result<u8, Failures> {
    let choices = which::select(settings, &watch.probes())?;
    if settings.mode != Mode::Run {
        return print(settings, choices, &watch.probes());
    }
    if let Some(sources) = &settings.environment.copy_sources {
        // Found once, and not by each job.
        copy::source(sources)?;
    }
    let files = report::try_files(settings)?;
    adopt_orphans()?;

    let run_dir = watch
        .step(|temporary| RunDir::make().inspect(|run_dir| temporary.extend(run_dir.paths())))?;
    let is_quiet = settings.verbosity == Verbosity::Quiet;
    if let Some(note) = run_dir.note().filter(|_| !is_quiet) {
        eprint_line(&format!("{TOOL}: {note}"));
    }
    match run_all(settings, choices, files, &run_dir, watch, tell, events) {
        Ok(ended) => Ok(leave(ended, run_dir, watch)?),
        Err(failures) => {
            watch.step(|_| drop(run_dir));
            Err(failures)
        }
    }
}

/// How long a reader of stderr that lags may keep us, once a signal has ended the run.
const PARTING: Duration = Duration::from_secs(1);

/// A run that is over, but for what is to be taken away.
struct Ended {
    /// Where the last is said.
    stderr: Sink,
    outcome: Outcome,
    status: u8,
    errors: Vec<Error>,
    logs: Logs,
}

fn run_all(
    settings: &Settings,
    choices: Vec<which::Choice>,
    mut files: report::Files,
    run_dir: &RunDir,
    watch: &Watch,
    tell: Sender<Event>,
    events: &Receiver<Event>,
) -> Result<Ended, Failures> {
    let logs = watch.step(|temporary| {
        Logs::open(settings.reports.log_dir.as_deref())
            .inspect(|logs| temporary.extend(logs.temporary()))
    })?;
    let temporary = Temporary {
        run_dir: run_dir.path(),
        logs: logs.temporary(),
    };
    let jobs = environment::plan(settings, choices, temporary, &watch.probes())?;
    let helpers = helpers(settings, &watch.probes());
    let pool = watch.step(|_| Pool::open(settings.limits.jobs, helpers, run_dir.for_fifo()))?;
    if let Some(warning) = pool.warning {
        eprint_line(&format!("{TOOL}: {warning}"));
    }
    watch.step(|_| environment::begin(&jobs, run_dir.path()))?;
    let paths: Vec<_> = jobs.iter().map(|job| logs.of(&job.id)).collect();
    // Who does not read keeps nobody from being ended, and us from leaving no longer than is bearable.
    let stderr = Sink::stderr(watch.hush())?;
    let at_once = run::at_once(settings, jobs.len(), &pool.pool)?;
    let run = Run {
        settings,
        jobs: &jobs,
        logs: &paths,
        pool: pool.pool,
        events,
        tell,
        hush: watch.hush().clone(),
        stops: watch.stops().clone(),
        stderr: &stderr,
        at_once,
    };
    let outcome = {
        let _heeded = watch.hand_over();
        let outcome = run.all();
        if outcome.as_ref().is_ok_and(Outcome::has_failed) {
            // The logs tell of it, whatever comes.
            watch.step(|temporary| *temporary = run_dir.paths());
        }
        outcome
    };
    if !matches!(&outcome, Ok(outcome) if outcome.signal.is_some()) {
        // What came when the engine had ended, or had not begun, and was still told to it.
        for event in events.try_iter() {
            if let Event::Ask(ask) = event {
                watch.heed(ask);
            }
        }
    }
    let outcome = outcome?;
    let exported = files.export(environment::export(&jobs));
    let status = match report::status(&outcome) {
        exit::DONE if exported.is_err() => exit::FOREACH_FAILED,
        status => status,
    };
    let mut errors = report::write(settings, files, &jobs, &outcome, status);
    errors.extend(exported.err());
    let stderr = stderr.patient(PARTING);
    report::say(&jobs, &outcome, settings.verbosity, &stderr);
    Ok(Ended {
        stderr,
        outcome,
        status,
        errors,
        logs,
    })
}

/// The slots of distcc, where they may count; without an answer it goes on as if there were none.
fn helpers(settings: &Settings, probes: &Probes) -> Option<usize> {
    if settings.limits.jobs.is_some() {
        return None;
    }
    environment::distcc::slots(&Variables::of_this_process(), probes).unwrap_or_else(|error| {
        common::error::report(TOOL, [&error]);
        None
    })
}

/// Prints what was asked for instead of running anything.
fn print(
    settings: &Settings,
    choices: Vec<which::Choice>,
    probes: &Probes,
) -> Result<u8, Failures> {
    if settings.mode == Mode::List {
        show::list(&choices)?;
        return Ok(exit::DONE);
    }
    let pretended = rundir::parent().join("py-foreach-RUN");
    let temporary = Temporary {
        run_dir: &pretended,
        logs: None,
    };
    let jobs = environment::plan(settings, choices, temporary, probes)?;
    match settings.mode {
        Mode::Env => {
            let limits = &settings.limits;
            let size = Pool::expected_size(limits.jobs, helpers(settings, probes));
            let most = limits.max_impls.map_or(size, NonZeroUsize::get);
            let view = PoolView {
                fifo: pretended.join("pool"),
                share: pool::share(size, jobs.len().min(size).min(most)),
            };
            show::environment(&jobs, &view)?;
        }
        _ => show::plan(&jobs)?,
    }
    Ok(exit::DONE)
}

/// The tree of a supervisor that was killed is to come to us and not to init.
fn adopt_orphans() -> Result<()> {
    let on = rustix::process::Pid::from_raw(1);
    rustix::process::set_child_subreaper(on)
        .map_err(|cause| Error::io("become", "subreaper", cause))
}

/// Takes everything temporary away, closes the stream of records, and dies by the signal that came.
fn leave(ended: Ended, run_dir: RunDir, watch: &Watch) -> Result<u8> {
    let Ended {
        stderr,
        outcome,
        status,
        mut errors,
        logs,
    } = ended;
    let (removed, closed) = watch.step(|temporary| {
        temporary.clear();
        (run_dir.remove(), logs.close(outcome.has_failed()))
    });
    // What a daemon of a job still writes there is no fault of the jobs, nor of their results.
    report::errors(removed.err().as_ref(), &stderr);
    errors.extend(closed.err());
    report::errors(&errors, &stderr);
    if let Some(signal) = outcome.signal {
        common::interrupt::die_by(signal);
    }
    let status = match status {
        exit::DONE if !errors.is_empty() => exit::FOREACH_FAILED,
        status => status,
    };
    let is_reader_gone = outcome.errors.iter().any(|e| e.kind() == BrokenPipe);
    match outcome.writer.map_or(Ok(()), |writer| writer.end(status)) {
        // That the reader is gone has been said.
        Err(error) if error.kind() == BrokenPipe && is_reader_gone => Ok(status),
        ended => ended.map(|()| status),
    }
}
