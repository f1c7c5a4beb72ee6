//! A whole run, step by step: what is decided, made, run, reported and taken away.

use std::io::ErrorKind::BrokenPipe;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use common::error::eprint_line;
use common::{Error, Result, exit};

use crate::TOOL;
use crate::ask::Probes;
use crate::cli::Output;
use crate::cli::{Mode, Settings};
use crate::clients::Kind;
use crate::console::{Console, Subject};
use crate::environment::{self, Job, Temporary};
use crate::job::PoolView;
use crate::live::Live;
use crate::logs::Logs;
use crate::outcome::Outcome;
use crate::output::LogProgress;
use crate::pool::{self, Pool};
use crate::report::{self, Files};
use crate::run::{self, Event, PARTING, Run};
use crate::rundir::{self, RunDir};
use crate::select::{self, Choice};
use crate::signals::{self, Watch};
use crate::variables::Variables;
use crate::{copy, print, supervise};

/// Why a run cannot be: all reasons, in declared order.
type Errors = Vec<Error>;

/// Does what `settings` ask for; gives the exit status.
pub(crate) fn foreach(settings: &Settings) -> Result<u8, Errors> {
    if settings.mode() == Mode::Run {
        supervise::tree::check_proc().map_err(one)?;
    }
    let (sender, events) = mpsc::channel();
    let for_signals = sender.clone();
    let watch = signals::watch(move |ask| drop(for_signals.send(Event::Ask(ask)))).map_err(one)?;
    let chosen = select::select(settings, &watch.probes());
    let ended = chosen.and_then(|choices| match settings.mode() {
        Mode::Run => run_all(settings, choices, &watch, sender, &events),
        _ => print_only(settings, choices, &watch.probes()),
    });
    ended.inspect_err(|_| {
        // A signal that is ending us leaves no complaint, and no other status: then this waits for the end.
        watch.step(|_| ());
    })
}

fn one(error: Error) -> Errors {
    vec![error]
}

fn run_all(
    settings: &Settings,
    choices: Vec<Choice>,
    watch: &Watch,
    tell: Sender<Event>,
    events: &Receiver<Event>,
) -> Result<u8, Errors> {
    if let Some(sources) = &settings.environment.copy_sources {
        // Found here once, and not by each job.
        copy::source(sources).map_err(one)?;
    }
    let files = Files::open(settings).map_err(one)?;
    adopt_orphans().map_err(one)?;
    let make = |temporary: &mut Vec<PathBuf>| {
        RunDir::make().inspect(|run_dir| temporary.push(run_dir.path().to_owned()))
    };
    let run_dir = watch.step(make).map_err(one)?;
    let prepared = Prepared::make(settings, choices, watch, &run_dir);
    let ended = prepared.and_then(|prepared| {
        let ended = prepared.run(settings, watch, tell, events);
        ended.map_err(one)
    });
    match ended {
        Ok(ended) => ended.report(settings, files, watch, run_dir).map_err(one),
        Err(errors) => {
            watch.step(|_| drop(run_dir));
            Err(errors)
        }
    }
}

/// The tree of a supervisor that is killed is to come to us and not to init.
fn adopt_orphans() -> Result<()> {
    let on = rustix::process::Pid::from_raw(1);
    rustix::process::set_child_subreaper(on)
        .map_err(|cause| Error::io("become", "subreaper", cause))
}

/// All that there is before the first job.
struct Prepared {
    jobs: Vec<Job>,
    logs: Logs,
    pool: Pool,
    view: PoolView,
    at_once: usize,
}

impl Prepared {
    fn make(
        settings: &Settings,
        choices: Vec<Choice>,
        watch: &Watch,
        run_dir: &RunDir,
    ) -> Result<Self, Errors> {
        let probes = watch.probes();
        let open = |temporary: &mut Vec<PathBuf>| {
            let logs = Logs::open(settings.reports.log_dir.as_deref());
            logs.inspect(|logs| temporary.extend(logs.temporary()))
        };
        let logs = watch.step(open).map_err(one)?;
        let temporary = Temporary {
            run_dir: run_dir.path(),
            logs: logs.temporary(),
        };
        let jobs = environment::plan(settings, choices, temporary, &probes)?;
        let slots = settings.limits.jobs;
        let helpers = helpers(settings, &probes);
        let opened = watch
            .step(|_| Pool::open(slots, helpers, run_dir.path()))
            .map_err(one)?;
        if let Some(warning) = opened.warning {
            eprint_line(&format!("{TOOL}: {warning}"));
        }
        let pool = opened.pool;
        let at_once = run::at_once(settings, jobs.len(), &pool).map_err(one)?;
        let view = PoolView {
            fifo: pool.fifo().to_owned(),
            share: pool::share(pool.size(), jobs.len().min(at_once)),
            make: environment::kind_of_make(run_dir.path(), &probes),
        };
        watch.step(|_| environment::begin(&jobs, run_dir.path(), &view))?;
        Ok(Self {
            jobs,
            logs,
            pool,
            view,
            at_once,
        })
    }

    fn run(
        self,
        settings: &Settings,
        watch: &Watch,
        tell: Sender<Event>,
        events: &Receiver<Event>,
    ) -> Result<Ended> {
        let Self {
            jobs,
            logs,
            pool,
            view,
            at_once,
        } = self;
        let paths: Vec<PathBuf> = jobs.iter().map(|job| logs.of(&job.id)).collect();
        let live = Arc::new(Live::default());
        let progress = Arc::new(LogProgress::new(jobs.len()));
        let wants_board = !settings.is_quiet() && settings.reports.output != Output::Prefix;
        let names = jobs.iter().map(|job| job.name.clone());
        let subject = Subject {
            jobs: names.zip(paths.iter().cloned()).collect(),
            live: Arc::clone(&live),
            progress: Arc::clone(&progress),
        };
        let console = Console::start(subject, wants_board)?;
        let run = Run {
            settings,
            jobs: &jobs,
            logs: paths,
            live,
            progress,
            pool: &view,
            console: &console,
            tell,
            at_once,
        };
        let outcome = handed_over(watch, &logs, || run.all(pool, events))?;
        if outcome.signal.is_none() {
            // The engine no longer listened, or did not yet.
            for event in events.try_iter() {
                if let Event::Ask(ask) = event {
                    watch.handle(ask);
                }
            }
        }
        Ok(Ended {
            jobs,
            logs,
            console,
            outcome,
        })
    }
}

/// Does `run` while the engine handles the signals. Logs tell of a failure, whatever signal comes after it.
fn handed_over(
    watch: &Watch,
    logs: &Logs,
    run: impl FnOnce() -> Result<Outcome>,
) -> Result<Outcome> {
    let _handed_over = watch.hand_over();
    let outcome = run()?;
    if outcome.has_failed() {
        let logs = logs.temporary();
        watch.step(|temporary| temporary.retain(|path| Some(path) != logs.as_ref()));
    }
    Ok(outcome)
}

/// A run that is over, but for what is to be reported and taken away.
struct Ended {
    jobs: Vec<Job>,
    logs: Logs,
    console: Console,
    outcome: Outcome,
}

impl Ended {
    /// Reports the run, takes everything temporary away, closes the stream of records, and dies by the signal that
    /// came.
    fn report(
        self,
        settings: &Settings,
        mut files: Files,
        watch: &Watch,
        run_dir: RunDir,
    ) -> Result<u8> {
        let Self {
            jobs,
            logs,
            console,
            outcome,
        } = self;
        let exported = files.export(environment::export(&jobs));
        let status = or_failed(outcome.status(), exported.is_err());
        let mut errors = files.write(settings, &jobs, &outcome, status);
        errors.extend(exported.err());
        report::say(&jobs, &outcome, settings.verbosity(), &console);
        let (removed, closed) = watch.step(|temporary| {
            temporary.clear();
            (run_dir.remove(), logs.close(outcome.has_failed()))
        });
        errors.extend(closed.err());
        // A daemon of a job may still write in the run's directory. That is no fault of the jobs or their results.
        for error in removed.err().iter().chain(&errors) {
            console.say(error);
        }
        console.finish(outcome.signal.map(|_| PARTING));
        if let Some(signal) = outcome.signal {
            common::interrupt::die_by(signal);
        }
        let status = or_failed(status, !errors.is_empty());
        let is_reader_gone = outcome.errors.iter().any(|e| e.kind() == BrokenPipe);
        match outcome.writer.map_or(Ok(()), |writer| writer.end(status)) {
            // It has been reported that the reader is gone.
            Err(error) if error.kind() == BrokenPipe && is_reader_gone => Ok(status),
            ended => ended.map(|()| status),
        }
    }
}

/// The status, ours where something failed after all commands succeeded.
fn or_failed(status: u8, has_failed: bool) -> u8 {
    if has_failed && status == exit::DONE {
        exit::FOREACH_FAILED
    } else {
        status
    }
}

/// The slots of distcc, where they may count. Without an answer the run goes on as if there were none.
fn helpers(settings: &Settings, probes: &Probes) -> Option<usize> {
    if settings.limits.jobs.is_some() {
        return None;
    }
    let slots = environment::distcc::slots(&Variables::of_this_process(), probes);
    slots.unwrap_or_else(|error| {
        common::error::report(TOOL, [&error]);
        None
    })
}

/// Prints what was asked for instead of running anything.
fn print_only(settings: &Settings, choices: Vec<Choice>, probes: &Probes) -> Result<u8, Errors> {
    if settings.mode() == Mode::List {
        print::list(&choices).map_err(one)?;
        return Ok(exit::DONE);
    }
    let pretended = rundir::parent().join("py-foreach-RUN");
    let temporary = Temporary {
        run_dir: &pretended,
        logs: None,
    };
    let jobs = environment::plan(settings, choices, temporary, probes)?;
    let printed = if settings.mode() == Mode::Env {
        let limits = &settings.limits;
        let size = Pool::expected_size(limits.jobs, helpers(settings, probes));
        let most = limits.max_impls.map_or(size, NonZeroUsize::get);
        let view = PoolView {
            fifo: pretended.join("pool"),
            share: pool::share(size, jobs.len().min(most)),
            make: Kind::Fifo,
        };
        print::environment(&jobs, &view)
    } else {
        print::plan(&jobs)
    };
    printed.map(|()| exit::DONE).map_err(one)
}
