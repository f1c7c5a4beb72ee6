//! `py-wrapper`, the library behind the program.
//!
//! The way of a run: `main → run → cli → values → effects`. For each image: [`image`] reads what is
//! there, [`plan`] decides in pure code, [`apply`] does it or [`report`] prints it.

mod across;
mod apply;
mod cli;
mod image;
mod installed;
mod job;
pub mod layout;
pub mod plan;
mod replicate;
mod report;
pub mod script;
pub mod shebang;
mod stream;
pub mod wrapper;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use common::cli::Verbosity;
use common::error::{eprint_line, report as complain};
use common::{Error, Implementation, Interrupts, Result, exit, json};

use across::Across;
use cli::{Words, Work};
use image::folder::Folder;
use image::leftovers::Place;
use image::survey::survey;
use job::Job;
use layout::Layout;
use plan::{Plan, Rules};
use replicate::{Edition, Replica};
use wrapper::Kind;

/// The tool's name in messages.
pub const TOOL: &str = "py-wrapper";

/// The script root where no option names another; set when the tools are built.
pub(crate) const SCRIPT_ROOT: &str = match option_env!("PY_EXEC_SCRIPTROOT") {
    Some(path) => path,
    None => "/usr/lib/python-exec",
};

/// The directory that holds `python-exec/` with the configuration; set when the tools are built.
pub(crate) const SYSCONFDIR: &str = match option_env!("PY_EXEC_SYSCONFDIR") {
    Some(path) => path,
    None => "/etc",
};

/// Runs the tool with the words of its command line and returns its exit status.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words = match cli::parse(words) {
        Ok(words) => words,
        Err(status) => return status,
    };
    match words.work().and_then(|work| Ok((work, prepare(&words)?))) {
        Ok((work, mut session)) => session.run(&words, &work),
        Err(error) => {
            complain(TOOL, [&error]);
            exit::FAILED
        }
    }
}

fn prepare(words: &Words) -> Result<Session> {
    Ok(Session {
        layout: words.layout()?,
        epoch: epoch()?,
        interrupts: Interrupts::watch()?,
        kind: words.kind,
        force: words.force,
        dry_run: words.dry_run,
        is_stream: words.stream.images_from.is_some(),
        verbosity: words.shared.verbosity(),
        json: words.json.as_deref().map(json::Lines::create).transpose()?,
        across: Across::default(),
    })
}

/// A run over one image or a stream of them.
pub(crate) struct Session {
    layout: Layout,
    epoch: Option<i64>,
    interrupts: Interrupts,
    kind: Kind,
    force: bool,
    dry_run: bool,
    is_stream: bool,
    verbosity: Verbosity,
    json: Option<json::Lines>,
    across: Across,
}

impl Session {
    fn run(&mut self, words: &Words, work: &Work<'_>) -> u8 {
        let status = match work {
            Work::Stream(source) => stream::run(self, source, words.stream.end()),
            Work::Image(implementation, image) => self.wrap(implementation, image),
            Work::Replicate(files, image) => self.replicate(&words.r#impl, files, image),
        };
        match self.json.take().map_or(Ok(()), json::Lines::finish) {
            Ok(()) => status,
            Err(error) => {
                complain(TOOL, [&error]);
                exit::FAILED
            }
        }
    }

    /// Wraps one image and tells what went wrong; the status is that of this image.
    pub(crate) fn wrap(&mut self, implementation: &Implementation, image: &Path) -> u8 {
        let (status, errors) = match self.try_wrap(implementation, image) {
            Ok(()) => return exit::DONE,
            Err(failure) => failure,
        };
        complain(TOOL, &errors);
        status
    }

    /// Opens an image; if something may be changed, keeps other runs out of it and gives back what a killed run
    /// took away.
    ///
    /// That comes before anything is read, so that what is decided is about the image as it stays.
    fn image(&self, path: &Path) -> Result<Folder> {
        let image = Folder::image(path)?;
        if !self.dry_run {
            image.lock()?;
            self.place(&image).put_back_lost()?;
        }
        Ok(image)
    }

    fn place<'a>(&'a self, image: &'a Folder) -> Place<'a> {
        let layout = &self.layout;
        Place { image, layout }
    }

    fn try_wrap(
        &mut self,
        implementation: &Implementation,
        path: &Path,
    ) -> Result<(), (u8, Vec<Error>)> {
        let failed = |error: Error| (status_of(&error), vec![error]);
        let image = self.image(path).map_err(failed)?;
        let absolute =
            std::path::absolute(path).map_err(|cause| failed(Error::io("find", path, cause)))?;
        let survey = survey(self.place(&image), implementation).map_err(|errors| {
            let status = errors.iter().map(status_of).max().unwrap_or(exit::FAILED);
            (status, errors)
        })?;
        let rules = Rules {
            implementation,
            layout: &self.layout,
            force: self.force,
            image: &absolute,
        };
        let plan = plan::plan(survey, rules);
        if !plan.is_refused() && !self.dry_run {
            let job = Job {
                implementation,
                layout: &self.layout,
                kind: self.kind,
                epoch: self.epoch,
            };
            apply::apply(&image, &plan, &job, &self.interrupts).map_err(|e| (exit::FAILED, e))?;
        }
        self.tell(&plan, implementation, &absolute)
            .map_err(|e| (exit::FAILED, vec![e]))?;
        if plan.is_refused() {
            let image = Some(absolute.as_path()).filter(|_| self.is_stream);
            return Err((exit::REFUSED, plan.refusals(image)));
        }
        if self.verbosity > Verbosity::Quiet {
            for note in self.across.add(&plan, implementation) {
                eprint_line(&format!("{TOOL}: {note}"));
            }
        }
        if self.verbosity > Verbosity::Quiet && !self.dry_run {
            eprint_line(&format!(
                "{TOOL}: {}",
                report::summary(&plan, implementation)
            ));
        }
        Ok(())
    }

    fn replicate(&mut self, to: &[Implementation], files: &[PathBuf], image: &Path) -> u8 {
        let Err(errors) = self.try_replicate(to, files, image) else {
            return exit::DONE;
        };
        complain(TOOL, &errors);
        errors.iter().map(status_of).max().unwrap_or(exit::FAILED)
    }

    fn try_replicate(
        &mut self,
        to: &[Implementation],
        files: &[PathBuf],
        path: &Path,
    ) -> Result<(), Vec<Error>> {
        let one = |error: Error| vec![error];
        let image = self.image(path).map_err(one)?;
        let root =
            std::path::absolute(path).map_err(|cause| one(Error::io("find", path, cause)))?;
        let order = replicate::Order {
            implementations: to,
            layout: &self.layout,
            force: self.force,
        };
        let replicas = replicate::prepare(&image, &root, files, order)?;
        let job = Job {
            implementation: &to[0],
            layout: &self.layout,
            kind: self.kind,
            epoch: self.epoch,
        };
        if !self.dry_run {
            apply::replicate(&image, &replicas, &job, &self.interrupts)?;
        }
        for replica in &replicas {
            self.tell_replica(replica, &root).map_err(one)?;
        }
        Ok(())
    }

    fn tell_replica(&mut self, replica: &Replica, image: &Path) -> Result<()> {
        for Edition {
            implementation,
            head,
            ..
        } in &replica.editions
        {
            let script = self.layout.scripts(implementation).join(&replica.name);
            if let Some(json) = &mut self.json {
                json.write(report::replicated(
                    replica,
                    implementation,
                    &script,
                    head,
                    image,
                ))?;
            }
            let path = replica.bindir.join(&replica.name);
            let line = report::wrapping(&path, &script, head);
            self.say(implementation, &line)?;
        }
        Ok(())
    }

    /// A line of the plan: on stdout in a dry run, on stderr where much is to be said.
    fn say(&self, implementation: &Implementation, line: &str) -> Result<()> {
        if self.dry_run {
            writeln!(io::stdout(), "{implementation}: {line}")
                .map_err(|cause| Error::io("write", "standard output", cause))?;
        } else if self.verbosity == Verbosity::Verbose {
            eprint_line(&format!("{TOOL}: {implementation}: {line}"));
        }
        Ok(())
    }

    /// Tells of a plan in a dry run, of what was done after it was done, and of a plan that was refused only
    /// what it says of what stays.
    fn tell(&mut self, plan: &Plan, implementation: &Implementation, image: &Path) -> Result<()> {
        let is_off = !self.dry_run && plan.is_refused();
        let decisions = plan.decisions.iter();
        let decisions: Vec<_> = decisions.filter(|d| !(is_off && d.changes())).collect();
        if let Some(json) = &mut self.json {
            for decision in &decisions {
                json.write(report::object(
                    decision,
                    implementation,
                    &self.layout,
                    image,
                ))?;
            }
        }
        for decision in &decisions {
            self.say(
                implementation,
                &report::line(decision, implementation, &self.layout),
            )?;
        }
        for linked in &plan.linked {
            let linked = common::show::path(linked);
            self.say(implementation, &format!("leave {linked}: a symlink"))?;
        }
        if plan.decisions.is_empty() && self.verbosity == Verbosity::Verbose {
            eprint_line(&format!(
                "{TOOL}: {implementation}: no bin directory has anything in it"
            ));
        }
        Ok(())
    }
}

/// What the input as found forbids is refused; what the system answers is a failure.
fn status_of(error: &Error) -> u8 {
    match error.errno() {
        None => exit::REFUSED,
        Some(_) => exit::FAILED,
    }
}

fn epoch() -> Result<Option<i64>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(value) = std::env::var_os(NAME) else {
        return Ok(None);
    };
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Error::refused(
            format!("read {NAME}"),
            value,
            "is no number of seconds",
        )),
    }
}

/// Opens a stream of records: a file, or standard input for `-`.
pub(crate) fn open_stream(source: &Path) -> Result<BufReader<Box<dyn io::Read>>> {
    if source.as_os_str() == "-" {
        return Ok(BufReader::new(Box::new(io::stdin())));
    }
    let file = File::open(source).map_err(|cause| Error::io("open", source, cause))?;
    Ok(BufReader::new(Box::new(file)))
}
