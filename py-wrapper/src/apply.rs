//! Carries a plan out. An image is wrapped whole or not at all.
//!
//! Everything is first made beside its place under temporary names, then renamed. Until the last
//! rename every step can be undone, and is, when one fails or a signal comes. A run that was killed
//! leaves a script either where it was or moved with its wrapper in place, and temporary names that
//! the next run takes away.

mod files;
mod undo;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use common::{Error, Interrupts, Result};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::Job;
use crate::image::dir::{Descent, Dir};
use crate::image::{self, TEMPORARY};
use crate::installed::{self, List, Moved, Moves, Sum};
use crate::plan::{Action, Decision, Plan, Wrap};
use crate::wrapper::Wrapper;
use undo::{Step, Undo};

/// Applies `plan` to the image. On an error nothing is changed; all that went wrong is told.
pub(crate) fn apply(
    image: &Dir,
    plan: &Plan,
    job: &Job<'_>,
    interrupts: &Interrupts,
) -> Result<(), Vec<Error>> {
    if !plan.changes() {
        return Ok(());
    }
    let _hold = interrupts.hold();
    lock(image).map_err(|error| vec![error])?;
    let mut work = Work {
        image,
        job,
        interrupts,
        undo: Undo::default(),
        dirs: HashMap::new(),
        renames: Vec::new(),
        count: 0,
    };
    match work.wrap(plan) {
        Ok(()) => work.undo.settle(),
        Err(error) => {
            let mut errors = vec![error];
            errors.extend(work.undo.back());
            Err(errors)
        }
    }
}

/// Keeps other runs out of this image until the handle is closed.
fn lock(image: &Dir) -> Result<()> {
    match rustix::fs::flock(image, FlockOperation::LockExclusive) {
        // A file system that locks no directories has nobody else on it that would ask.
        Ok(()) | Err(Errno::BADF | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(()),
        Err(cause) => Err(Error::io("lock", image.path(), cause)),
    }
}

struct Work<'a> {
    image: &'a Dir,
    job: &'a Job<'a>,
    interrupts: &'a Interrupts,
    undo: Undo,
    dirs: HashMap<OsString, Rc<Dir>>,
    renames: Vec<Rename>,
    count: usize,
}

/// A temporary name and the one that it gets at the end.
struct Rename {
    dir: Rc<Dir>,
    from: OsString,
    to: OsString,
    /// Whether it takes the place of something.
    replaces: bool,
}

impl Work<'_> {
    /// Takes away what a killed run left.
    fn clean(&mut self, plan: &Plan, lists: &[List]) -> Result<()> {
        for Decision {
            bindir,
            name,
            action,
        } in &plan.decisions
        {
            if *action == Action::Clean {
                self.open(bindir)?.remove(name)?;
            }
        }
        for list in lists {
            for name in &list.stale {
                self.open(&list.directory)?.remove(name)?;
            }
        }
        Ok(())
    }

    fn wrap(&mut self, plan: &Plan) -> Result<()> {
        let lists = image::find_lists(self.image, &self.job.layout.bindirs)?;
        self.clean(plan, &lists)?;
        if plan.wraps().next().is_none() {
            return Ok(());
        }
        let script_dir = self.script_directory(plan)?;
        let mut moves = Moves::new();
        let mut groups = HashMap::new();
        for (decision, wrap) in plan.wraps() {
            self.alive()?;
            let done = self.prepare(decision, wrap, &script_dir, &mut groups)?;
            moves.insert(decision.path(), done);
        }
        let wrappers = std::mem::take(&mut self.renames);
        for list in &lists {
            if let Some(content) = installed::updated(list, &moves) {
                self.prepare_list(list, &content)?;
            }
        }
        // The lists go first: a run that is killed behind them leaves scripts that the next run wraps, and
        // then their lines are right. The other way round nobody would look at the lists again.
        self.renames.extend(wrappers);
        self.commit()
    }

    /// Makes the moved script and the wrapper under temporary names.
    fn prepare(
        &mut self,
        decision: &Decision,
        wrap: &Wrap,
        script_dir: &Rc<Dir>,
        groups: &mut HashMap<(u64, u64), OsString>,
    ) -> Result<Moved> {
        let name = &decision.name;
        let bindir = self.open(&decision.bindir)?;
        let source = bindir.open(name)?;
        let stat = files::stat(&source, &bindir.at(name))?;
        let content = wrap.head.exchange(&bindir.read(name)?);
        if !wrap.is_there {
            let temporary = self.temporary();
            let linked = match groups.get(&wrap.inode) {
                Some(first) => script_dir.link(first, script_dir, &temporary).is_ok(),
                None => false,
            };
            self.undo
                .push(Step::Remove(script_dir.clone(), temporary.clone()));
            if !linked {
                let file = script_dir.create(&temporary, &content)?;
                files::copy_metadata(&source, &stat, &file, &script_dir.at(&temporary))?;
                groups.insert(wrap.inode, temporary.clone());
            }
            self.later(script_dir, temporary, name, false);
        }
        let wrapper = Wrapper::new(self.job.kind, self.job.layout, &decision.bindir);
        let times = files::times(self.job.epoch, &stat);
        let temporary = self.temporary();
        self.undo
            .push(Step::Remove(bindir.clone(), temporary.clone()));
        let wrapper_sum = match &wrapper {
            Wrapper::Text(text) => {
                let file = bindir.create(&temporary, text)?;
                files::set_metadata(&file, &stat, &times, &bindir.at(&temporary))?;
                Sum::of(text)
            }
            Wrapper::Link(target) => {
                bindir.symlink(target, &temporary)?;
                bindir.set_link_owner(&temporary, &stat)?;
                bindir.set_link_times(&temporary, &times)?;
                Sum::default()
            }
        };
        self.later(&bindir, temporary, name, true);
        Ok(Moved {
            script: self.job.layout.scripts(self.job.implementation).join(name),
            script_sum: Sum::of(&content),
            wrapper_sum,
        })
    }

    fn prepare_list(&mut self, list: &List, content: &[u8]) -> Result<()> {
        let dir = self.open(&list.directory)?;
        let name = OsStr::new(list.form.file());
        let source = dir.open(name)?;
        let stat = files::stat(&source, &dir.at(name))?;
        let temporary = self.temporary();
        self.undo.push(Step::Remove(dir.clone(), temporary.clone()));
        let file = dir.create(&temporary, content)?;
        files::copy_metadata(&source, &stat, &file, &dir.at(&temporary))?;
        self.later(&dir, temporary, name, true);
        Ok(())
    }

    /// Gives everything its name. Scripts come before their wrappers, in the order of preparation.
    fn commit(&mut self) -> Result<()> {
        for rename in std::mem::take(&mut self.renames) {
            self.alive()?;
            let Rename {
                dir,
                from,
                to,
                replaces,
            } = rename;
            if !replaces {
                dir.rename_new(&from, &to)?;
                self.undo.push(Step::Remove(dir, to));
                continue;
            }
            let old = self.temporary();
            // A second name keeps what is replaced; where there can be none, it is renamed.
            match dir.link(&to, &dir, &old) {
                Ok(()) => {}
                Err(_) => dir.rename(&to, &old)?,
            }
            self.undo.push(Step::Restore(dir.clone(), old, to.clone()));
            dir.rename(&from, &to)?;
        }
        Ok(())
    }

    /// The directory of this implementation's scripts; what is missing of the way is made.
    fn script_directory(&mut self, plan: &Plan) -> Result<Rc<Dir>> {
        let path = self.job.layout.scripts(self.job.implementation);
        let Some((first, _)) = plan.wraps().next() else {
            return self.open(&path);
        };
        let like = self.open(&first.bindir)?.stat_self()?;
        let times = files::times(self.job.epoch, &like);
        let mut here = Rc::new(self.image.try_clone()?);
        for part in path.components().skip(1) {
            let name = part.as_os_str();
            let child = match here.child(name) {
                Ok(child) => Rc::new(child),
                Err(Errno::NOENT) => {
                    self.undo.keep_times(&here)?;
                    here.make_dir(name)
                        .map_err(|cause| Error::io("make directory", here.at(name), cause))?;
                    self.undo
                        .push(Step::RemoveDir(here.clone(), name.to_owned()));
                    let child = here.child(name);
                    let child = child.map_err(|cause| Error::io("open", here.at(name), cause))?;
                    let child = Rc::new(child);
                    files::like_parent(&child, &like, child.path())?;
                    self.undo.set_times(&child, times.clone());
                    child
                }
                Err(cause) => return Err(Error::io("open", here.at(name), cause)),
            };
            here = child;
        }
        self.undo.keep_times(&here)?;
        Ok(here)
    }

    /// A directory that is there; its times will be what they were.
    fn open(&mut self, path: &Path) -> Result<Rc<Dir>> {
        if let Some(dir) = self.dirs.get(path.as_os_str()) {
            return Ok(dir.clone());
        }
        let Descent::Found(dir) = self.image.descend(path)? else {
            let there = self.image.at(path.strip_prefix("/").unwrap_or(path));
            return Err(Error::refused("open", there, "is gone"));
        };
        let dir = Rc::new(dir);
        self.undo.keep_times(&dir)?;
        self.dirs.insert(path.as_os_str().to_owned(), dir.clone());
        Ok(dir)
    }

    fn temporary(&mut self) -> OsString {
        self.count += 1;
        format!("{TEMPORARY}{}.{}", std::process::id(), self.count).into()
    }

    fn later(&mut self, dir: &Rc<Dir>, from: OsString, to: &OsStr, replaces: bool) {
        self.renames.push(Rename {
            dir: dir.clone(),
            from,
            to: to.to_owned(),
            replaces,
        });
    }

    fn alive(&self) -> Result<()> {
        match self.interrupts.pending() {
            Some(signal) => Err(Error::said("wrap", format!("signal {signal} came"))),
            None => Ok(()),
        }
    }
}
