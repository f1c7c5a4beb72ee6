//! Gives something that is ready its name, and never takes the place of anything.

use std::ffi::CStr;
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::io::{Errno, Result};

use super::carry_out::BuiltTree;
use super::visit::{Outcome, Visit};
use super::work::{Done, Work};
use crate::journal::{Placeholder, Record, Whose};
use crate::plan::{Step, as_os};
use common::fs::{Attributes, Caller, Dir, FileId};

/// The mode of an empty directory that holds a place for a moment: nobody may write to it, and yet it is
/// sticky. No other directory has it, so that after a kill it is known for what it is.
const PLACEHOLDER: Mode = Mode::SVTX.union(Mode::RUSR).union(Mode::XUSR);

/// Whether `it` may be a directory that holds a place, and that `caller` made.
pub(crate) fn holds_a_place(it: &Attributes, caller: &Caller) -> bool {
    // A directory below one that is set-gid is so too.
    let mode = Mode::from_raw_mode(it.mode).difference(Mode::SGID);
    it.kind.is_dir() && it.uid == caller.uid && mode == PLACEHOLDER
}

/// A name in an open directory.
pub(crate) type Name<'a> = (&'a Dir, &'a CStr);

/// Renames the file `from` to `to`; EEXIST if there is anything.
///
/// Where the file system knows no `RENAME_NOREPLACE`, it gets its second name by link(2), which refuses
/// what it finds, too.
pub(crate) fn file((from, name): Name<'_>, (to, new): Name<'_>) -> Result<()> {
    match from.rename(name, to, new) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    from.link(name, to, new)?;
    from.unlink(name).or_else(|cause| {
        // Nobody would know that there is something to undo.
        to.unlink(new)?;
        Err(cause)
    })
}

/// Renames the directory `from` to `to`; EEXIST if there is anything.
///
/// Where the file system knows no `RENAME_NOREPLACE`, it takes the place of an empty one that we make,
/// and that refuses what it finds, too. `note` is told what becomes of that one.
pub(crate) fn directory(
    (from, name): Name<'_>,
    (to, new): Name<'_>,
    note: impl Fn(Placeholder) -> Result<()>,
) -> Result<()> {
    match from.rename(name, to, new) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        done => return done,
    }
    note(Placeholder::Wanted)?;
    if let Err(cause) = to.make_dir(new, PLACEHOLDER) {
        note(Placeholder::Gone)?;
        return Err(cause);
    }
    let made = to.stat_name(new).map(|it| FileId::of(&it));
    let noted = made.and_then(|made| note(Placeholder::Made(made)));
    let Err(cause) = noted.and_then(|()| from.rename_over(name, to, new)) else {
        return Ok(());
    };
    if let (Ok(made), Ok(there)) = (made, to.stat_name(new)) {
        if made.identity != there.identity {
            return Err(Errno::EXIST);
        }
    }
    match to.remove_dir(new) {
        Ok(()) | Err(Errno::NOENT) => {}
        // Somebody has put something into it: it is not ours any more.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => return Err(Errno::EXIST),
        Err(other) => return Err(other),
    }
    note(Placeholder::Gone)?;
    Err(cause)
}

/// Where nothing is noted: in a staging, which goes as a whole.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands for a note, which may fail"
)]
pub(crate) fn unnoted(_: Placeholder) -> Result<()> {
    Ok(())
}

impl Work<'_> {
    /// [`directory`], noted in the journal; `place` tells what that calls the new name.
    pub(crate) fn publish_directory(
        &self,
        from: Name<'_>,
        to: Name<'_>,
        place: impl Fn() -> PathBuf,
    ) -> Result<()> {
        directory(from, to, |is| {
            let place = place();
            self.note(&[Record::Placeholder { place, is }])
        })
    }
}

impl Visit<'_> {
    /// Gives a subtree that was built its name.
    pub(super) fn publish_tree(
        &self,
        built: &BuiltTree,
        source: &Dir,
        step: &Step,
    ) -> Result<Outcome> {
        let (staging, staged) = (&*built.staging.dir, built.staged.as_c_str());
        let top = staging.child(staged)?;
        let it = FileId::of(&top.stat()?);
        let model = source.child(&step.name)?.stat()?;
        let mine = Attributes {
            uid: self.work.caller.uid,
            ..model
        };
        let shut = self.work.caller.is_shut_out_of_own(&mine);
        let (_, _, mode) = self.work.caller.reachable(&model);
        if shut {
            self.work.note(&[Record::Mode {
                of: Whose {
                    path: self.place.join(as_os(&step.name)),
                    it,
                },
                mode,
            }])?;
        }
        let place = || self.place.join(as_os(&step.name));
        match self
            .work
            .publish_directory((staging, staged), (&self.dir, &step.name), place)
        {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let path = self.path.join(as_os(&step.name));
                self.work.tally.take_back(&built.tally, step.image, &path);
                return Ok(Outcome::Late);
            }
            Err(cause) => return Err(cause),
        }
        self.work.done(Done::Tree {
            place: self.place.clone(),
            volume: self.step.volume.clone(),
            name: step.name.clone(),
            image: step.image,
            path: self.path.clone(),
            it,
        });
        if shut {
            top.set_mode(mode)?;
        }
        Ok(Outcome::Done)
    }
}
